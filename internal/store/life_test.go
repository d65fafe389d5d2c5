package store

import (
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/policies"
)

// lived gives a world datasets that were sealed, masked under a rotated key, asked
// about, counted and erased.
func lived(w *world) (sealed aihub.DatasetVersion) {
	w.Helper()
	propose := func(name string, budget *aihub.PrivacyBudget, parts ...string) aihub.DatasetVersion {
		n, err := w.NextDatasetVersion(w.ctx, name)
		w.must(err)
		v := aihub.DatasetVersion{Ref: aihub.Ref{Name: name, Version: n}, Content: digest("c"), MaskKey: "city/" + name + "#1", Level: 2, LevelFound: 3,
			RetainUntil: w.clock.now().Add(48 * time.Hour)}
		var seals []blob.Seal
		for _, p := range parts {
			v.Parts = append(v.Parts, aihub.PartFile{Part: aihub.Sample, Rows: 1, Input: digest(p), Truth: digest(p + " truth")})
			for _, c := range []string{p, p + " truth"} {
				seals = append(seals, blob.Seal{Content: digest(c), Stored: digest("sealed " + c + v.Ref.String()), Wrapped: "00ff", Size: 3})
			}
		}
		w.must(w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: name, Org: "city"}), v, w.cleared(v.Content), seals, budget))
		v.Org, v.Author = "city", w.steward.User
		return v
	}
	one := propose("lived", &aihub.PrivacyBudget{Measure: "zcdp", Total: "1", PerUnit: 1}, "alone", "shared")
	two := propose("lived", nil, "shared")
	for _, v := range []aihub.DatasetVersion{one, two} {
		w.must(w.DecideDataset(w.ctx, w.approval(v.Ref), v.Ref, true, true, "the level may be lower"))
	}
	city := func(id string) policies.Object { return policies.Object{ID: id, Org: "city"} }
	_, err := w.RotateMaskKey(w.ctx, w.permit(w.steward, policies.KeyRotate, city("city/lived")), "city/lived", "yearly")
	w.must(err)
	r, err := w.RequestReidentification(w.ctx, w.permit(w.steward, policies.ReidentifyRequest, city(one.Ref.String())),
		aihub.Reidentification{Dataset: one.Ref, Column: "phone", Masked: []string{"13812345678"}, Purpose: "a court asks"})
	w.must(err)
	grant := w.permit(w.reviewer, policies.ReidentifyApprove, policies.Object{ID: string(r.ID), Org: "city", Author: w.steward.User})
	w.must(w.DecideReidentification(w.ctx, grant, r.ID, true, "order seen"))
	read := w.permit(w.steward, policies.ReidentifyRead, policies.Object{ID: string(r.ID), Org: "city", Author: w.steward.User})
	_, err = w.ReadReidentification(w.ctx, read, r.ID)
	w.must(err)
	a := aihub.Aggregate{Dataset: one.Ref, Column: "sex", Cost: "1/2", Cells: []aihub.AggregateCell{{Cell: "*", Rows: 8, Margin: 3}}}
	w.must(w.PublishAggregate(w.ctx, w.permit(w.steward, policies.AggregatePublish, city(one.Ref.String())), 0, a))
	w.must(w.WithdrawDataset(w.ctx, w.permit(w.steward, policies.DatasetWithdraw, city(one.Ref.String())), one.Ref, "old"))
	garbage, err := w.EraseDataset(w.ctx, w.permit(w.steward, policies.DatasetErase, city(one.Ref.String())), one.Ref, "no longer needed")
	w.must(err)
	if len(garbage) != 2 || garbage[0] != digest("sealed alone"+one.Ref.String()) {
		w.Fatalf("garbage %v", garbage)
	}
	if v, err := w.Dataset(w.ctx, w.scope(w.steward), one.Ref); err != nil || v.Reason != "old" || v.EraseReason != "no longer needed" {
		w.Fatalf("one reason wrote over the other: %+v %v", v, err)
	}
	return two
}

// Threat S9: what was erased has no key, what another version has too keeps its
// key until that is erased, and time erases what nobody did.
func TestErase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	two := lived(w)
	for content, gone := range map[string]bool{"alone": true, "alone truth": true, "shared": false, "shared truth": false} {
		if s, err := w.SealOf(w.ctx, digest(content)); err != nil || (s.Wrapped == "") != gone {
			t.Errorf("%s: %+v %v", content, s, err)
		}
	}
	// One in use is not erased before its time.
	p := w.permit(w.steward, policies.DatasetErase, policies.Object{ID: two.Ref.String(), Org: "city"})
	_, err := w.EraseDataset(w.ctx, p, two.Ref, "in a hurry")
	w.want(aihub.Conflict, err)
	if due, err := w.DueErasures(w.ctx); err != nil || len(due) != 0 {
		t.Fatalf("due %v %v", due, err)
	}
	w.clock.pass(49 * time.Hour)
	due, err := w.DueErasures(w.ctx)
	w.must(err)
	if len(due) != 1 || due[0].Ref != two.Ref {
		t.Fatalf("due %v", due)
	}
	self := w.permit(policies.Platform(), policies.DatasetErase, policies.Object{ID: two.Ref.String(), Org: "city"})
	garbage, err := w.EraseDataset(w.ctx, self, two.Ref, "its time is over")
	w.must(err)
	v, err := w.Dataset(w.ctx, w.scope(w.steward), two.Ref)
	w.must(err)
	if v.State != aihub.DatasetWithdrawn || v.ErasedAt.IsZero() || len(garbage) != 2 || v.Reason != "its time is over" || !v.DecidedAt.Equal(v.ErasedAt) {
		t.Errorf("%+v, garbage %v", v, garbage)
	}
	_, err = w.EraseDataset(w.ctx, self, two.Ref, "again")
	w.want(aihub.Conflict, err)
	// The same bytes published again get a new key.
	next := aihub.DatasetVersion{Ref: aihub.Ref{Name: "lived", Version: 3}, Content: digest("c"), Parts: []aihub.PartFile{{Part: aihub.Sample, Input: digest("shared"), Truth: digest("shared truth")}}}
	w.must(w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: "lived", Org: "city"}), next, w.cleared(next.Content),
		[]blob.Seal{{Content: digest("shared"), Stored: digest("anew"), Wrapped: "11", Size: 3}}, nil))
	if s, err := w.SealOf(w.ctx, digest("shared")); err != nil || s.Wrapped != "11" || s.Stored != digest("anew") {
		t.Errorf("%+v %v", s, err)
	}
	w.sound()
}

// Threat S4: nobody publishes at a level below the evidence without a second
// person's own word for it.
func TestLevelIsNotLowered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := aihub.Ref{Name: "low", Version: 1}
	v := aihub.DatasetVersion{Ref: r, Content: digest("c"), Level: 1, LevelFound: 4}
	w.must(w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: "low", Org: "city"}), v, w.cleared(v.Content), nil, nil))
	err := w.DecideDataset(w.ctx, w.approval(r), r, true, false, "fine")
	w.want(aihub.Refused, err)
	if !strings.Contains(err.Error(), "level 1") || !strings.Contains(err.Error(), "level 4") {
		t.Error(err)
	}
	w.must(w.DecideDataset(w.ctx, w.approval(r), r, true, true, "only made-up people"))
	w.sound()
}

// Re-identification takes two people, and its answer has one reader, for a day.
func TestReidentification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ds := w.dataset("events")
	ask := func(purpose string, masked ...string) (aihub.Reidentification, error) {
		return w.RequestReidentification(w.ctx, w.permit(w.steward, policies.ReidentifyRequest, policies.Object{ID: ds.String(), Org: "city"}),
			aihub.Reidentification{Dataset: ds, Column: "id", Masked: masked, Purpose: purpose})
	}
	_, err := ask(" ", "x")
	w.want(aihub.Invalid, err)
	_, err = ask("why not")
	w.want(aihub.Invalid, err)
	_, err = ask("why not", make([]string, 101)...)
	w.want(aihub.Invalid, err)
	r, err := ask("an order of a court", "aa", "bb")
	w.must(err)
	object := policies.Object{ID: string(r.ID), Org: "city", Author: w.steward.User}
	read := w.permit(w.steward, policies.ReidentifyRead, object)
	_, err = w.ReadReidentification(w.ctx, read, r.ID)
	w.want(aihub.Pending, err)
	both := w.person("bo", "city", aihub.Steward, aihub.Reviewer)
	lie := w.permit(both, policies.ReidentifyRead, policies.Object{ID: string(r.ID), Org: "city", Author: "bo"}) // it is another's
	_, err = w.ReadReidentification(w.ctx, lie, r.ID)
	w.want(aihub.Refused, err)
	mine, err := w.RequestReidentification(w.ctx, w.permit(both, policies.ReidentifyRequest, policies.Object{ID: ds.String(), Org: "city"}),
		aihub.Reidentification{Dataset: ds, Column: "id", Masked: []string{"aa"}, Purpose: "mine"})
	w.must(err)
	p := w.permit(both, policies.ReidentifyApprove, policies.Object{ID: string(mine.ID), Org: "city", Author: w.steward.User}) // a lie
	w.want(aihub.Refused, w.DecideReidentification(w.ctx, p, mine.ID, true, ""))
	w.must(w.DecideReidentification(w.ctx, w.permit(w.reviewer, policies.ReidentifyApprove, object), r.ID, true, "order seen"))
	w.want(aihub.Conflict, w.DecideReidentification(w.ctx, w.permit(w.reviewer, policies.ReidentifyApprove, object), r.ID, false, "no"))
	for range 2 {
		_, err = w.ReadReidentification(w.ctx, read, r.ID)
		w.must(err)
	}
	w.clock.pass(25 * time.Hour)
	_, err = w.ReadReidentification(w.ctx, read, r.ID)
	w.want(aihub.Refused, err)
	for _, c := range []struct {
		a    aihub.Actor
		sees int
	}{{w.steward, 2}, {w.reviewer, 2}, {w.alice, 0}, {w.operator, 0}, {aihub.Actor{}, 0}, {w.person("sam", "bits", aihub.Steward), 0}} {
		list, err := w.Reidentifications(w.ctx, w.scope(c.a))
		if err != nil || len(list) != c.sees {
			t.Errorf("%s sees %d requests (%v), want %d", c.a.User, len(list), err, c.sees)
		}
		if _, err := w.Reidentification(w.ctx, w.scope(c.a), r.ID); (err == nil) != (c.sees > 0) {
			t.Errorf("%s: %v", c.a.User, err)
		}
	}
	w.sound()
}

// A key is rotated, under an open scenario as well, and a privacy budget is not
// raised by a new version.
func TestRotationAndPrivacyBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := aihub.DatasetVersion{Ref: aihub.Ref{Name: "masked", Version: 1}, Content: digest("c"), MaskKey: "city/masked#1",
		Parts: []aihub.PartFile{{Part: aihub.Test, Rows: 9, Input: digest("t"), Truth: digest("tt")}}}
	propose := func(b *aihub.PrivacyBudget) error {
		return w.ProposeDataset(w.ctx, w.permit(w.steward, policies.DatasetPropose, policies.Object{ID: "masked", Org: "city"}), v, w.cleared(v.Content), nil, b)
	}
	w.must(propose(&aihub.PrivacyBudget{Measure: "pure", Total: "2", PerUnit: 3}))
	w.must(w.DecideDataset(w.ctx, w.approval(v.Ref), v.Ref, true, false, ""))
	_, err := w.on("puzzle", v.Ref, aihub.Round{Part: aihub.Test, Quota: 3, BudgetBits: 20})
	w.must(err)
	rotate := func() (int, error) {
		return w.RotateMaskKey(w.ctx, w.permit(w.steward, policies.KeyRotate, policies.Object{ID: "city/masked", Org: "city"}), "city/masked", "yearly")
	}
	for want := 2; want < 4; want++ {
		if n, err := rotate(); err != nil || n != want {
			t.Errorf("generation %d, %v, want %d", n, err, want)
		}
	}
	if n, err := w.MaskKey(w.ctx, "city/other"); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	evil := w.permit(w.steward, policies.KeyRotate, policies.Object{ID: "bits/masked", Org: "city"})
	_, err = w.RotateMaskKey(w.ctx, evil, "bits/masked", "")
	w.want(aihub.Refused, err)

	v.Ref.Version = 2
	w.want(aihub.Conflict, propose(&aihub.PrivacyBudget{Measure: "pure", Total: "20", PerUnit: 3}))
	w.must(propose(&aihub.PrivacyBudget{Measure: "pure", Total: "2", PerUnit: 3}))
	publish := func(ref aihub.Ref, asked int) error {
		return w.PublishAggregate(w.ctx, w.permit(w.steward, policies.AggregatePublish, policies.Object{ID: ref.String(), Org: "city"}), asked,
			aihub.Aggregate{Dataset: ref, Column: "c", Cost: "1", Cells: []aihub.AggregateCell{{Cell: "*", Rows: 1}}})
	}
	w.want(aihub.Conflict, publish(v.Ref, 0)) // not published
	one := aihub.Ref{Name: "masked", Version: 1}
	w.must(publish(one, 0))
	w.want(aihub.Conflict, publish(one, 0)) // another came between
	w.must(publish(one, 1))
	b, err := w.Privacy(w.ctx, "masked")
	w.must(err)
	if len(b.Spent) != 2 || b.Spent[1].ID != "masked/2" || b.Spent[0].Cells[0].Cell != "*" || b.PerUnit != 3 {
		t.Errorf("%+v", b)
	}
	w.sound()
}
