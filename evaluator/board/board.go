// Package board ranks what was released of a round's scores. It is pure.
//
// An Entry is one submission with its released values; a Row is a place. An
// organisation has one row, its best; every baseline has its own, is marked,
// and is ranked like the others. Rows that the released values cannot tell
// apart share a rank, and the ranks behind them are skipped (1, 1, 3).
package board

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"aihub"
)

// Entry is one submission as the public may see it.
type Entry struct {
	Org        aihub.Org
	Submission aihub.SubmissionID
	Name       string
	Baseline   bool
	At         time.Time // submitted
	Values     []aihub.MetricValue
	Proof      *aihub.Certificate
}

// Row is one place. Values are in the order of the metrics; one that was not
// released is undefined with reason NotReleased.
type Row struct {
	Rank int
	Tied bool // shares its rank
	Entry
}

// NotReleased is the reason of a value that the board does not have.
const NotReleased = "not_released"

// Rank orders entries by the first of metrics, better ("max" or "min") first.
//
// Two rows are tied when their primary values are equal, or when the value of
// the lower one lies inside the released interval of the higher one. Being
// inside an interval is not transitive, so ties are formed from the top: the
// best row leads a group, every following row that ties with the leader joins
// it, and the first that does not leads the next group. A row is thus never
// ranked above one with a better value, and never below its own group's leader
// because of a row in between.
//
// Within a group, rows stand in the order of value, then of submission. Rows
// whose primary value is undefined come last and are tied with one another. An
// entry without a released primary value has no row. The order of entries does
// not matter.
func Rank(entries []Entry, metrics []string, better string) []Row {
	if len(metrics) == 0 {
		return nil
	}
	best := map[string]Row{}
	for _, e := range entries {
		r, ok := row(e, metrics)
		if !ok {
			continue
		}
		k := key(e)
		if old, ok := best[k]; !ok || compare(r, old, better) < 0 {
			best[k] = r
		}
	}
	var rows []Row
	for _, r := range best {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b Row) int { return compare(a, b, better) })
	for lead := 0; lead < len(rows); {
		next := lead + 1
		for next < len(rows) && tied(rows[lead].Values[0], rows[next].Values[0]) {
			next++
		}
		for i := lead; i < next; i++ {
			rows[i].Rank, rows[i].Tied = lead+1, next-lead > 1
		}
		lead = next
	}
	return rows
}

// row picks the values of metrics. It reports false without a primary one.
func row(e Entry, metrics []string) (Row, bool) {
	values := make([]aihub.MetricValue, len(metrics))
	for i, id := range metrics {
		values[i] = aihub.MetricValue{ID: id, Status: aihub.MetricUndefined, Reason: NotReleased}
		for _, v := range e.Values {
			if v.ID == id {
				values[i] = v
			}
		}
		if v := &values[i]; math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			v.Value, v.Status = 0, aihub.MetricUndefined
		}
	}
	e.Values = values
	return Row{Entry: e}, values[0].Reason != NotReleased
}

// compare orders rows: better first, undefined last, then the earlier one.
func compare(a, b Row, better string) int {
	x, y := a.Values[0], b.Values[0]
	if dx, dy := x.Status != aihub.MetricUndefined, y.Status != aihub.MetricUndefined; dx != dy {
		if dx {
			return -1
		}
		return 1
	} else if dx && x.Value != y.Value {
		if (x.Value > y.Value) == (better == "max") {
			return -1
		}
		return 1
	}
	return cmp.Or(a.At.Compare(b.At), strings.Compare(string(a.Submission), string(b.Submission)))
}

// tied reports whether v, which is not better, ties with lead.
func tied(lead, v aihub.MetricValue) bool {
	if lead.Status == aihub.MetricUndefined || v.Status == aihub.MetricUndefined {
		return lead.Status == v.Status
	}
	if lead.Value == v.Value {
		return true
	}
	hasInterval := lead.Lo != 0 || lead.Hi != 0
	return hasInterval && lead.Lo <= v.Value && v.Value <= lead.Hi
}
