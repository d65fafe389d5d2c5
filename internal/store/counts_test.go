package store

import (
	"testing"

	"aihub"
	"aihub/policies"
)

func TestScenarioCounts(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	w.scenario("lonely", 1, 1, "policy")
	w.smoke(w.alice, sc)
	w.submit(w.alice, sc, 1)
	w.infer()
	w.submit(w.bob, sc, 1)
	got, err := w.ScenarioCounts(w.ctx)
	w.must(err)
	if len(got) != 1 || got[sc] != (ScenarioCount{Enrolled: 2, Submissions: 2}) {
		t.Errorf("%+v", got)
	}
}

// That somebody read a hidden run's log is on the ledger, under her name.
func TestLogReadIsRecorded(t *testing.T) {
	t.Parallel()
	w, sc := entered(t, 9, 64, "policy")
	w.submit(w.alice, sc, 1)
	run := w.infer().Run()
	before := w.sound().Leaves
	p := w.permit(w.steward, policies.LogRead, policies.Object{ID: string(run.ID), Org: "city"})
	w.must(w.RecordLogRead(w.ctx, p, run.ID))
	if n := w.sound().Leaves - before; n != 1 {
		t.Errorf("%d leaves", n)
	}
	away := w.person("sam", "bits", aihub.Steward)
	p = w.permit(away, policies.LogRead, policies.Object{ID: string(run.ID), Org: "bits"}) // it is the city's
	w.want(aihub.Refused, w.RecordLogRead(w.ctx, p, run.ID))
	p = w.permit(w.steward, policies.LogRead, policies.Object{ID: "run_none", Org: "city"})
	w.want(aihub.NotFound, w.RecordLogRead(w.ctx, p, "run_none"))
}
