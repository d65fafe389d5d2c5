package risk

import (
	"math"
	"slices"
	"sort"

	"aihub/internal/table"
)

// Diversity says how well the classes hide the values of one sensitive column
// (敏感属性): what is learnt of a person whose class is known.
//
// l-diversity after Machanavajjhala et al., "l-Diversity: Privacy Beyond
// k-Anonymity", 2007; t-closeness after Li et al., "t-Closeness", 2007.
type Diversity struct {
	Column   string  `json:"column"`
	Distinct int     `json:"distinct"` // least number of values in a class
	Entropy  float64 `json:"entropy"`  // least exp of the entropy of a class's values
	// Recursive is the least c for which every class is recursively (c,l)-diverse:
	// its commonest value has fewer than c times the rows of its l-th and rarer
	// ones. 0 when no c is, or l is not asked for.
	Recursive float64 `json:"recursive_c,omitempty"`
	Equal     float64 `json:"t_equal"`   // greatest earth mover's distance from the whole, all values equally far apart
	Ordered   float64 `json:"t_ordered"` // the same with values as far apart as their ranks are
}

// spread is a Diversity of each class.
type spread struct {
	distinct                           []int32
	entropy, recursive, equal, ordered []float64 // recursive is +Inf when no c is enough
}

// spreads measures a column over classes. l is for the recursive measure.
func spreads(c *table.Column, g Groups, l int) spread {
	values, n := ordered(c)
	whole := make([]float64, n) // share of each value in the table
	for _, v := range values {
		whole[v] += 1 / float64(len(values))
	}
	// up[i] is the share of values below i, sum[i] the sum of up[1..i].
	up, sum := make([]float64, n+1), make([]float64, n+1)
	for i, q := range whole {
		up[i+1] = up[i] + q
		sum[i+1] = sum[i] + up[i+1]
	}
	s := spread{make([]int32, len(g.Size)), make([]float64, len(g.Size)), make([]float64, len(g.Size)), make([]float64, len(g.Size)), make([]float64, len(g.Size))}
	start := make([]int64, len(g.Size)+1) // rows of class i, as values, are at start[i] to start[i+1]
	for i, n := range g.Size {
		start[i+1] = start[i] + n
	}
	at, of := slices.Clone(start), make([]uint32, len(values))
	for r, id := range g.Of {
		of[at[id]] = values[r]
		at[id]++
	}
	var counts []int64
	for id := range g.Size {
		mine := of[start[id]:start[id+1]]
		slices.Sort(mine)
		counts = counts[:0]
		rows := float64(len(mine))
		var entropy, equal, ordered, seen, covered float64
		from := 0 // first value that ordered does not count yet
		for i := 0; i < len(mine); {
			j := i
			for j < len(mine) && mine[j] == mine[i] {
				j++
			}
			p, v := float64(j-i)/rows, int(mine[i])
			entropy -= p * math.Log(p)
			equal += math.Abs(p - whole[v])
			covered += whole[v]
			ordered += apart(up, sum, from, v, seen)
			seen, from = seen+p, v
			counts = append(counts, int64(j-i))
			i = j
		}
		ordered += apart(up, sum, from, n, 1)
		s.distinct[id] = int32(len(counts))
		s.entropy[id] = math.Exp(entropy)
		s.equal[id] = (equal + max(0, 1-covered)) / 2
		if n > 1 {
			s.ordered[id] = ordered / float64(n-1)
		}
		s.recursive[id] = recursive(counts, l)
	}
	return s
}

// apart sums |c - up[i+1]| over the values i from..to-1: while a class has no
// value there, its own share stays c.
func apart(up, sum []float64, from, to int, c float64) float64 {
	if from >= to {
		return 0
	}
	// up grows: before m it is at most c.
	m := from + sort.Search(to-from, func(i int) bool { return up[from+i+1] > c })
	return c*float64(m-from) - (sum[m] - sum[from]) + (sum[to] - sum[m]) - c*float64(to-m)
}

// recursive returns the infimum of c with r1 < c(rl + … + rm).
func recursive(counts []int64, l int) float64 {
	if l < 1 || l > len(counts) {
		return math.Inf(1)
	}
	slices.SortFunc(counts, func(a, b int64) int { return int(b - a) })
	tail := int64(0)
	for _, n := range counts[l-1:] {
		tail += n
	}
	return float64(counts[0]) / float64(tail)
}

// worst is the Diversity over the classes that keep says are published (all when
// it is nil).
func (s spread) worst(column string, keep []bool) Diversity {
	d := Diversity{Column: column}
	first := true
	for i := range s.distinct {
		if keep != nil && !keep[i] {
			continue
		}
		if first || int(s.distinct[i]) < d.Distinct {
			d.Distinct = int(s.distinct[i])
		}
		if first || s.entropy[i] < d.Entropy {
			d.Entropy = s.entropy[i]
		}
		d.Recursive = max(d.Recursive, s.recursive[i])
		d.Equal, d.Ordered = max(d.Equal, s.equal[i]), max(d.Ordered, s.ordered[i])
		first = false
	}
	if math.IsInf(d.Recursive, 1) {
		d.Recursive = 0
	}
	return d
}

// fails says of each class whether it breaks the policy's l or t.
func (p Policy) fails(s spread, class int) bool {
	const slack = 1e-9 // of sums of shares
	if p.L > 0 {
		switch p.Diversity {
		case "entropy":
			if s.entropy[class] < p.L-slack {
				return true
			}
		case "recursive":
			if s.recursive[class] >= p.C {
				return true
			}
		default:
			if float64(s.distinct[class]) < p.L {
				return true
			}
		}
	}
	if p.T > 0 {
		d := s.equal[class]
		if p.Distance == "ordered" {
			d = s.ordered[class]
		}
		return d > p.T+slack
	}
	return false
}
