package board

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"aihub"
)

// Of 2,000 rows, who flips two of them asks about these two; who wrote another
// algorithm does not, however equal the scores; a copy is seen across organisations.
func TestProbing(t *testing.T) {
	const rows, draws = 2000, 400
	r := rand.New(rand.NewPCG(7, 7))
	weights := make([][]float64, draws)
	for d := range weights {
		weights[d] = make([]float64, rows)
		for range rows {
			weights[d][r.IntN(rows)]++
		}
	}
	right := func() []bool {
		x := make([]bool, rows)
		for i := range x {
			x[i] = r.Float64() < 0.9
		}
		return x
	}
	probe := func(org aihub.OrgID, id string, x []bool) aihub.Probe {
		p := aihub.Probe{Org: org, Submission: aihub.SubmissionID(id)}
		for _, w := range weights {
			v := 0.0
			for i, ok := range x {
				if ok {
					v += w[i] / rows
				}
			}
			p.Sample = append(p.Sample, v)
		}
		return p
	}
	first := right()
	list := []aihub.Probe{probe("acme", "a0", first), probe("bits", "b0", right()), probe("bits", "b1", right())}
	for i := range 5 {
		flipped := append([]bool(nil), first...)
		flipped[2*i], flipped[2*i+1] = !flipped[2*i], !flipped[2*i+1]
		list = append(list, probe("acme", fmt.Sprint("a", i+1), flipped))
	}
	list = append(list, probe("copy", "c0", first), aihub.Probe{Org: "none", Submission: "n0"})
	got := Probing(list)
	want := map[aihub.OrgID]aihub.Prober{
		"acme": {Org: "acme", Submissions: 6, Near: 5}, "bits": {Org: "bits", Submissions: 2},
		"copy": {Org: "copy", Submissions: 1, Near: 1, Identical: 1, Foreign: 1}, "none": {Org: "none", Submissions: 1},
	}
	for _, o := range got.Orgs {
		if o != want[o.Org] {
			t.Errorf("%+v, want %+v", o, want[o.Org])
		}
	}
	if len(got.Orgs) != 4 || got.Orgs[0].Org != "acme" || len(got.Twins) != 6 || got.Twins[0].Later != "c0" || got.Twins[0].Earlier != "a0" || !got.Twins[0].Identical || got.Twins[0].Differ != 0 {
		t.Errorf("%+v", got)
	}
	// Where every draw says the same, as of all rows right or none, a copy is one all the same.
	same := []aihub.Probe{probe("acme", "r0", make([]bool, rows))}
	for i := range 3 {
		same = append(same, probe("acme", fmt.Sprint("r", i+1), make([]bool, rows)))
	}
	other := aihub.Probe{Org: "bits", Submission: "x", Sample: []float64{1, 1}}
	for range draws - 2 {
		other.Sample = append(other.Sample, 1)
	}
	got = Probing(append(same, other))
	if want := (aihub.Prober{Org: "acme", Submissions: 4, Near: 3, Identical: 3}); got.Orgs[0] != want || got.Orgs[1] != (aihub.Prober{Org: "bits", Submissions: 1}) || !got.Twins[0].Identical || got.Twins[0].Earlier != "r0" {
		t.Errorf("%+v", got)
	}
	if empty := Probing(nil); empty.Orgs == nil || empty.Twins == nil || len(empty.Orgs) > 0 {
		t.Errorf("%+v", empty)
	}
}
