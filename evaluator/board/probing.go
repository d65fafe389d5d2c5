package board

import (
	"cmp"
	"slices"

	"aihub"
)

// nearly is the share of the two submissions' own variance, over the draws, that their
// difference may have for them to be nearly the same. Of accuracy, where k of n rows
// are judged otherwise and a share p is right, it is k / (2n·p(1-p)): with p = 0.9,
// k = 0.18 % of the rows.
const nearly = 0.01

// maxTwins bounds the pairs that are listed.
const maxTwins = 100

// Probing counts, of submissions in the order in which they were entered, those that
// are nearly the same as an earlier one: who changes few rows at a time asks about
// these rows. What has no draws is not compared.
func Probing(list []aihub.Probe) aihub.Probing {
	type moments struct{ mean, variance float64 }
	of := make([]moments, len(list))
	for i, p := range list {
		for _, x := range p.Sample {
			of[i].mean += x / float64(len(p.Sample))
		}
		for _, x := range p.Sample {
			d := x - of[i].mean
			of[i].variance += d * d
		}
	}
	out := aihub.Probing{Orgs: []aihub.Prober{}, Twins: []aihub.Twins{}}
	by := map[aihub.OrgID]*aihub.Prober{}
	for i, p := range list {
		if by[p.Org] == nil {
			by[p.Org] = &aihub.Prober{Org: p.Org}
		}
		who := by[p.Org]
		who.Submissions++
		best := aihub.Twins{Differ: 2}
		for j, q := range list[:i] {
			if len(p.Sample) < 2 || len(p.Sample) != len(q.Sample) {
				continue
			}
			if slices.Equal(p.Sample, q.Sample) { // also where every draw says the same, as of all rows right
				if !best.Identical {
					best = aihub.Twins{Earlier: q.Submission, EarlierOrg: q.Org, Later: p.Submission, Org: p.Org, Identical: true}
				}
				continue
			}
			if of[i].variance+of[j].variance == 0 {
				continue
			}
			sum, off := 0.0, of[i].mean-of[j].mean
			for k, x := range p.Sample {
				d := x - q.Sample[k] - off
				sum += d * d
			}
			if differ := sum / (of[i].variance + of[j].variance); differ < best.Differ {
				best = aihub.Twins{Earlier: q.Submission, EarlierOrg: q.Org, Later: p.Submission, Org: p.Org, Differ: differ}
			}
		}
		if best.Differ > nearly {
			continue
		}
		who.Near++
		if best.Identical {
			who.Identical++
		}
		if best.EarlierOrg != p.Org {
			who.Foreign++
		}
		if out.Twins = append(out.Twins, best); len(out.Twins) > maxTwins {
			out.Twins = out.Twins[1:]
		}
	}
	for _, w := range by {
		out.Orgs = append(out.Orgs, *w)
	}
	slices.SortFunc(out.Orgs, func(a, b aihub.Prober) int { return cmp.Or(cmp.Compare(b.Near, a.Near), cmp.Compare(a.Org, b.Org)) })
	slices.Reverse(out.Twins)
	return out
}
