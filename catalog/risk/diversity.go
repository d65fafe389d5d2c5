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

// held are the values that the rows of classes have: counts of value codes, which
// are in the order of the values, by class and then by value.
type held struct {
	start []int64 // of each class, in the lists below; one more for the end
	value []uint32
	count []int64
	whole []float64 // share of each value in the table
}

// spreads measures a column over classes of the given sizes. l is for the
// recursive measure.
func spreads(h held, size []int64, l int) spread {
	n := len(h.whole)
	// up[i] is the share of values below i, sum[i] the sum of up[1..i].
	up, sum := make([]float64, n+1), make([]float64, n+1)
	for i, q := range h.whole {
		up[i+1] = up[i] + q
		sum[i+1] = sum[i] + up[i+1]
	}
	s := spread{make([]int32, len(size)), make([]float64, len(size)), make([]float64, len(size)), make([]float64, len(size)), make([]float64, len(size))}
	var counts []int64
	for id := range size {
		rows := float64(size[id])
		var entropy, equal, ordered, seen, covered float64
		from := 0 // first value that ordered does not count yet
		counts = append(counts[:0], h.count[h.start[id]:h.start[id+1]]...)
		for i, k := range counts {
			p, v := float64(k)/rows, int(h.value[h.start[id]+int64(i)])
			entropy -= p * math.Log(p)
			equal += math.Abs(p - h.whole[v])
			covered += h.whole[v]
			ordered += apart(up, sum, from, v, seen)
			seen, from = seen+p, v
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

// Judge returns the values of a column as codes below n, and what says of a
// class with so many rows of each value whether it breaks the policy's l or t.
func (p Policy) Judge(c *table.Column) (codes []uint32, n int, fails func(counts []uint32) bool) {
	codes, n = ordered(c)
	whole := make([]float64, n)
	for _, v := range codes {
		whole[v] += 1 / float64(len(codes))
	}
	var present []int64
	return codes, n, func(counts []uint32) bool {
		rows, entropy, equal, walked, ordered := 0.0, 0.0, 0.0, 0.0, 0.0
		present = present[:0]
		for _, k := range counts {
			if rows += float64(k); k > 0 {
				present = append(present, int64(k))
			}
		}
		for v, k := range counts {
			share := float64(k) / rows
			if k > 0 {
				entropy -= share * math.Log(share)
			}
			equal += math.Abs(share-whole[v]) / 2
			walked += share - whole[v]
			ordered += math.Abs(walked)
		}
		s := spread{distinct: []int32{int32(len(present))}, entropy: []float64{math.Exp(entropy)}, equal: []float64{equal},
			recursive: []float64{recursive(present, int(p.L))}, ordered: []float64{ordered / math.Max(1, float64(n-1))}}
		return p.fails(s, 0)
	}
}
