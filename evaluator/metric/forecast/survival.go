package forecast

import (
	"cmp"
	"slices"

	"aihub/evaluator/metric"
)

// Survivor is one thing that was watched: for how long, whether it ended then
// (Event) or was lost from sight, and how much at risk it was said to be. Unit of
// c_index@1.
type Survivor struct {
	Time  float64
	Event bool
	Risk  float64 // larger: sooner
}

func init() {
	metric.RegisterUnits("c_index@1", func(metric.Params) (metric.Measure, string) { return Concordance(), "c" })
}

// Concordance is the measure of *Survivor, Harrell's index: of the pairs of
// which one is known to have ended before the other, the share in which it was
// said to be more at risk; an equal risk counts half. Of equal times, an end and
// one lost from sight compare, two ends do not, as in lifelines. There are no
// intervals.
func Concordance() metric.Measure { return concordance{} }

type concordance struct{}

func (concordance) Key() string                         { return "forecast.concordance" }
func (concordance) New(*metric.Bootstrap) metric.Gather { return &survivors{} }

type survivors struct {
	rows []Survivor
	bad  bool
}

func (g *survivors) Add(unit any, _ uint16) {
	u := *unit.(*Survivor)
	if u.Time-u.Time != 0 || u.Risk-u.Risk != 0 {
		g.bad = true
	}
	u.Time, u.Risk = u.Time+0, u.Risk+0 // no -0
	g.rows = append(g.rows, u)
}

func (g *survivors) Merge(o metric.Gather) {
	x := o.(*survivors)
	g.rows, g.bad = append(g.rows, x.rows...), g.bad || x.bad
}

func (g *survivors) Result(string) metric.Result {
	n := int64(len(g.rows))
	switch {
	case n == 0:
		return metric.Undefined(0, metric.NoRows)
	case g.bad:
		return metric.Undefined(n, metric.NotFinite)
	}
	risks := make([]float64, len(g.rows))
	for i, r := range g.rows {
		risks[i] = r.Risk
	}
	slices.Sort(risks)
	risks = slices.Compact(risks)
	slices.SortFunc(g.rows, func(a, b Survivor) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Risk, a.Risk))
	})
	tree := make([]int64, len(risks)+1) // of those that lasted longer, by risk (Fenwick)
	below := func(i int) (sum int64) {
		for ; i > 0; i &= i - 1 {
			sum += tree[i]
		}
		return sum
	}
	place := func(r Survivor) int { i, _ := slices.BinarySearch(risks, r.Risk); return i }
	var longer, twice, pairs int64
	for lo := 0; lo < len(g.rows); {
		hi := lo
		for hi < len(g.rows) && g.rows[hi].Time == g.rows[lo].Time {
			hi++
		}
		insert := func(event bool) {
			for _, r := range g.rows[lo:hi] {
				if r.Event == event {
					longer++
					for i := place(r) + 1; i < len(tree); i += i & -i {
						tree[i]++
					}
				}
			}
		}
		insert(false)
		for _, r := range g.rows[lo:hi] {
			if r.Event {
				i := place(r)
				less, equal := below(i), below(i+1)-below(i)
				twice += 2*less + equal
				pairs += longer
			}
		}
		insert(true)
		lo = hi
	}
	if pairs == 0 {
		return metric.Undefined(n, metric.NoReference)
	}
	return metric.OK(metric.Quo(twice, 2*pairs), n)
}
