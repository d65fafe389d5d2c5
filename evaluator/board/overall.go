package board

import (
	"cmp"
	"slices"

	"aihub"
	"aihub/evaluator/metric/stat"
)

// Last keeps of every organisation, and of every baseline, the entry that was
// submitted last: what Rank ranks when a round counts the last and not the best.
func Last(entries []Entry) []Entry {
	last := map[string]Entry{}
	for _, e := range entries {
		k := key(e)
		if old, ok := last[k]; !ok || cmp.Or(old.At.Compare(e.At), cmp.Compare(old.Submission, e.Submission)) < 0 {
			last[k] = e
		}
	}
	var out []Entry
	for _, e := range last {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Submission, b.Submission) })
	return out
}

// key is whose row an entry may become.
func key(e Entry) string {
	if e.Baseline {
		return string(e.Org.ID) + "\n" + e.Name
	}
	return string(e.Org.ID)
}

// Overall is an organisation's place over several boards, each a task.
type Overall struct {
	Rank  int
	Tied  bool
	Org   aihub.Org
	Mean  float64 // of Places
	Tasks int     // on whose board it stands
	// Places are its places on each board, in their order: ties share their mean
	// place, and so do all who are not there and are on another board, behind those who are.
	Places []float64
}

// Aggregate ranks organisations by their mean place over boards. Baselines are
// left out, and the places of the others close up. Equal means share a rank.
//
// A board is a ranking with ties of all organisations: who is absent is in a last
// group, whose place is the mean of the places that it fills, as is that of any group
// (Fagin, Kumar, Mahdian, Sivakumar and Vee, Comparing and aggregating rankings with
// ties, PODS 2004). The places of every board then have the same sum, so that one that
// few entered weighs as much as one that all did.
func Aggregate(tasks [][]Row) []Overall {
	all := map[aihub.OrgID]*Overall{}
	var order []aihub.OrgID
	present := make([]int, len(tasks))
	for i, rows := range tasks {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Baseline })
		present[i] = len(rows)
		for lo := 0; lo < len(rows); {
			hi := lo + 1
			for hi < len(rows) && rows[hi].Rank == rows[lo].Rank {
				hi++
			}
			for _, r := range rows[lo:hi] {
				o := all[r.Org.ID]
				if o == nil {
					o = &Overall{Org: r.Org, Places: make([]float64, len(tasks))}
					all[r.Org.ID], order = o, append(order, r.Org.ID)
				}
				o.Places[i] = float64(lo+1+hi) / 2
				o.Tasks++
			}
			lo = hi
		}
	}
	var out []Overall
	for _, id := range order {
		o := all[id]
		for i, p := range o.Places {
			if p == 0 {
				o.Places[i] = float64(present[i]+1+len(all)) / 2
			}
			o.Mean += o.Places[i]
		}
		o.Mean /= float64(len(tasks))
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Overall) int { return cmp.Or(cmp.Compare(a.Mean, b.Mean), cmp.Compare(a.Org.ID, b.Org.ID)) })
	for lo := 0; lo < len(out); {
		hi := lo + 1
		for hi < len(out) && out[hi].Mean == out[lo].Mean {
			hi++
		}
		for i := lo; i < hi; i++ {
			out[i].Rank, out[i].Tied = lo+1, hi-lo > 1
		}
		lo = hi
	}
	return out
}

// Apart says how far mean places of Aggregate must differ to tell two organisations
// apart: Friedman's χ² of the places, the boards being blocks, and Nemenyi's critical
// difference at .05, of all pairs together (Demšar, JMLR 7 (2006) 1). It reports false
// with fewer than two boards or organisations, more than ten of these, or places that
// are all equal.
func Apart(rows []Overall) (chi2, critical float64, ok bool) {
	if len(rows) == 0 {
		return 0, 0, false
	}
	blocks := make([][]float64, len(rows[0].Places))
	for _, r := range rows {
		for i, p := range r.Places {
			blocks[i] = append(blocks[i], p)
		}
	}
	if chi2, _, ok = stat.Friedman(blocks); !ok {
		return 0, 0, false
	}
	critical = stat.Nemenyi(len(rows), len(blocks))
	return chi2, critical, critical == critical
}
