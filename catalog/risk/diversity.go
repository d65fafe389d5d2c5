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
// A value that is missing (a null, a NaN) is none to l: it tells no two rows of a
// class apart. A class without any value has diversity 0, and so breaks every l. To t
// it is a value like any other.
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
	missing uint32  // codes below it are a null and a NaN
	start   []int64 // of each class, in the lists below; one more for the end
	value   []uint32
	count   []int64
	whole   []float64 // share of each value in the table
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
		var equal, ordered, seen, covered float64
		from := 0 // first value that ordered does not count yet
		counts = counts[:0]
		for i := h.start[id]; i < h.start[id+1]; i++ {
			k, v := h.count[i], int(h.value[i])
			p := float64(k) / rows
			if h.value[i] >= h.missing {
				counts = append(counts, k)
			}
			equal += math.Abs(p - h.whole[v])
			covered += h.whole[v]
			ordered += apart(up, sum, from, v, seen)
			seen, from = seen+p, v
		}
		ordered += apart(up, sum, from, n, 1)
		s.distinct[id] = int32(len(counts))
		s.entropy[id] = entropy(counts)
		s.equal[id] = (equal + max(0, 1-covered)) / 2
		if n > 1 {
			s.ordered[id] = ordered / float64(n-1)
		}
		s.recursive[id] = recursive(counts, l)
	}
	return s
}

// entropy returns exp of the entropy of values that have so many rows: how many
// there would be, were they equally frequent. 0 for none.
func entropy(counts []int64) float64 {
	total, h := 0.0, 0.0
	for _, n := range counts {
		total += float64(n)
	}
	if total == 0 {
		return 0
	}
	for _, n := range counts {
		p := float64(n) / total
		h -= p * math.Log(p)
	}
	return math.Exp(h)
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
	if p.T != nil {
		d := s.equal[class]
		if p.Distance == "ordered" {
			d = s.ordered[class]
		}
		return d > *p.T+slack
	}
	return false
}

// Judge returns the values of a column as codes below n, and what says of a
// class with so many rows of each value whether it breaks the policy's l or t.
func (p Policy) Judge(c *table.Column) (codes []uint32, n int, fails func(counts []uint32) bool) {
	codes, n, missing := ordered(c)
	whole := make([]float64, n)
	for _, v := range codes {
		whole[v] += 1 / float64(len(codes))
	}
	var present []int64
	return codes, n, func(counts []uint32) bool {
		rows, equal, walked, ordered := 0.0, 0.0, 0.0, 0.0
		present = present[:0]
		for v, k := range counts {
			if rows += float64(k); k > 0 && v >= int(missing) {
				present = append(present, int64(k))
			}
		}
		for v, k := range counts {
			share := float64(k) / rows
			equal += math.Abs(share-whole[v]) / 2
			walked += share - whole[v]
			ordered += math.Abs(walked)
		}
		s := spread{distinct: []int32{int32(len(present))}, entropy: []float64{entropy(present)}, equal: []float64{equal},
			recursive: []float64{recursive(present, int(p.L))}, ordered: []float64{ordered / math.Max(1, float64(n-1))}}
		return p.fails(s, 0)
	}
}
