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
	_, err = publish(string(p.Spec))
	w.must(err)
}
