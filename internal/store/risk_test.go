package store

import (
	"strings"
	"testing"

	"aihub"
	"aihub/policies"
)

// A version above its limits cannot be published: not proposed without the gate's
// word about its own content, and not approved on a stored record that breaks a
// limit, speaks of another content or is missing, whoever wrote that.
func TestAboveItsLimitIsNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name := 0
	permit := func() (policies.Permit, aihub.Ref) {
		name++
		r := aihub.Ref{Name: "gated" + string(rune('a'+name)), Version: 1}
		return w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: r.Name, Org: "city"}), r
	}
	good := aihub.RiskRecord{Content: digest("content"), Quasi: []string{"age"}, Rows: 90, Suppressed: 10, Limits: []aihub.RiskLimit{
		{Key: "k", Rule: ">=", Limit: 5, Measured: 5}, {Key: "max_suppression", Rule: "<=", Limit: 0.1, Measured: 0.1}, {Key: "c", Rule: "<", Limit: 2, Measured: 1.9}}}
	spoilt := map[string]func(*aihub.RiskRecord){
		"k below its limit":         func(r *aihub.RiskRecord) { r.Limits[0].Measured = 4 },
		"too many rows left out":    func(r *aihub.RiskRecord) { r.Limits[1].Measured = 0.11 },
		"c at its limit":            func(r *aihub.RiskRecord) { r.Limits[2].Measured = 2 },
		"a limit nobody measured":   func(r *aihub.RiskRecord) { r.Limits[0].Unmeasured = true },
		"a rule nobody knows":       func(r *aihub.RiskRecord) { r.Limits[0].Rule = "" },
		"no k for the quasi ids":    func(r *aihub.RiskRecord) { r.Limits = r.Limits[1:] },
		"a k that hides nobody":     func(r *aihub.RiskRecord) { r.Limits[0].Limit = 1 },
		"limits of no column":       func(r *aihub.RiskRecord) { r.Quasi = nil },
		"nothing it would be about": func(r *aihub.RiskRecord) { r.Content = "" },
	}
	clone := func() aihub.RiskRecord {
		r := good
		r.Limits = append([]aihub.RiskLimit{}, good.Limits...)
		return r
	}
	cleared, err := policies.Clear(good)
	w.must(err)
	p, r := permit()
	v := aihub.DatasetVersion{Ref: r, Content: digest("content")}
	w.want(aihub.Refused, w.ProposeDataset(w.ctx, p, v, policies.Clearance{}, nil, nil))
	other := v
	other.Content = digest("another")
	w.want(aihub.Refused, w.ProposeDataset(w.ctx, p, other, cleared, nil, nil))
	v.Risk.Quasi = []string{"mine"} // what the caller says counts for nothing
	w.must(w.ProposeDataset(w.ctx, p, v, cleared, nil, nil))
	w.must(w.DecideDataset(w.ctx, w.approval(r), r, true, false, "under its limits"))
	got, err := w.Dataset(w.ctx, w.scope(w.alice), r)
	w.must(err)
	if got.State != aihub.DatasetPublished || len(got.Risk.Limits) != 3 || got.Risk.Quasi[0] != "age" {
		t.Errorf("%+v", got.Risk)
	}
	w.sound()

	for what, spoil := range spoilt {
		bad := clone()
		spoil(&bad)
		if c, err := policies.Clear(bad); aihub.KindOf(err) != aihub.Refused || c.Check(bad.Content) == nil {
			t.Errorf("%s: cleared: %v", what, err)
		}
		// Below the doors: the row itself is edited, as nothing here can.
		p, r := permit()
		w.must(w.ProposeDataset(w.ctx, p, aihub.DatasetVersion{Ref: r, Content: digest("content")}, cleared, nil, nil))
		text, err := toJSON(bad)
		w.must(err)
		_, err = w.rw.Exec("UPDATE datasets SET risk_json = '" + text + "' WHERE id = '" + r.String() + "'")
		w.must(err)
		err = w.DecideDataset(w.ctx, w.approval(r), r, true, true, "let it pass")
		w.want(aihub.Refused, err)
		if err != nil && !strings.Contains(err.Error(), "risk record") && !strings.Contains(err.Error(), "another content") {
			t.Errorf("%s: %v", what, err)
		}
		w.must(w.DecideDataset(w.ctx, w.approval(r), r, false, false, "over its limit"))
	}
	for _, q := range []string{"risk_json = NULL", "risk_json = '{}'", "content = '" + string(digest("swapped")) + "'"} {
		p, r := permit()
		w.must(w.ProposeDataset(w.ctx, p, aihub.DatasetVersion{Ref: r, Content: digest("content")}, cleared, nil, nil))
		_, err = w.rw.Exec("UPDATE datasets SET " + q + " WHERE id = '" + r.String() + "'")
		w.must(err)
		w.want(aihub.Refused, w.DecideDataset(w.ctx, w.approval(r), r, true, true, "let it pass"))
	}
	// And whoever edits the row is found.
	if rep, err := w.VerifyLedger(w.ctx); err != nil || len(rep.Faults) == 0 {
		t.Error("edited risk records are not found", err)
	}
}
