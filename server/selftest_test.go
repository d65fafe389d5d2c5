package server_test

import (
	"errors"
	"strings"
	"testing"

	"aihub"
	"aihub/scenarios/packs"
	"aihub/server/wire"
)

// A scenario whose scoring cannot come out right is refused before it opens, in
// both languages; the built-in ones pass.
func TestSelfTestBeforeARoundOpens(t *testing.T) {
	w := newWorld(t)
	w.dataset("school-places")
	p, _ := packs.Get("school-places")
	publish := func(spec string) (aihub.Scenario, error) {
		return w.as("steward").PublishScenario(t.Context(), wire.NewScenario{Spec: spec})
	}
	// No algorithm could write the true demand: the schema stops at three.
	_, err := publish(strings.Replace(string(p.Spec), "range: [0, 2000]", "range: [0, 3]", 1))
	w.want(aihub.Contract, err)
	var e *aihub.Error
	if !errors.As(err, &e) || len(e.Faults) == 0 || e.Faults[0].Code != "self_test" || e.Faults[0].Where != "test: perfect" ||
		!strings.Contains(e.Faults[0].Message.EN, "refuses such predictions") || !strings.Contains(e.Faults[0].Message.ZH, "输出格式") ||
		!strings.Contains(e.Text.ZH, "自检") || !strings.Contains(e.Hint.ZH, "完美预测") {
		t.Errorf("%+v", e)
	}
	for _, f := range e.Faults { // a rule of the spec, and no label
		if len(f.Examples) > 0 {
			t.Errorf("%+v", f)
		}
	}
	sc, err := publish(string(p.Spec))
	w.must(err)
	// What each came to is kept, and is for stewards of the organisation alone.
	kept, err := w.as("steward").SelfTest(t.Context(), sc.Ref.String())
	w.must(err)
	seen := map[string]bool{}
	for _, r := range kept {
		if seen[r.Predictions] = true; !r.Passed || r.Part == "" {
			t.Errorf("%+v", r)
		}
		// The constant is the mean: R² of it is 0.
		if r.Metric == "r2" && r.Predictions == aihub.TrialConstant && (r.Declared != aihub.DeclaredValue || r.Wanted() != "0") {
			t.Errorf("%+v", r)
		}
	}
	if len(kept) == 0 || len(sc.SelfTest) != len(kept) || !seen["perfect"] || !seen["shuffled"] || !seen["constant"] || !seen["random"] || !seen["empty"] {
		t.Errorf("%+v", kept)
	}
	for _, who := range []aihub.UserID{"vendor", "reviewer"} {
		_, err := w.as(who).SelfTest(t.Context(), sc.Ref.String())
		w.want(aihub.NotFound, err)
	}
	v, err := w.as("steward").Scenario(t.Context(), sc.Ref.String())
	w.must(err)
	if len(v.SelfTest) > 0 {
		t.Error("a scenario that is read carries its self-test")
	}
}
