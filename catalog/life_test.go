package catalog

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
	"aihub/policies"
)

// Threat S9: of a version that was erased nothing can be read again, also not
// from a copy of everything that was ever in the blob store; what another version
// shares with it stays, and so do card, plan and profile.
func TestEraseVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.publish(replaceLine(t, peopleManifest, "name: cases", "name: cases\nretain_days: 30"), people(200, 3).csv)
	w.must(err)
	if want := v.CreatedAt.AddDate(0, 0, 30); !v.RetainUntil.Equal(want) {
		t.Errorf("retained until %s, want %s", v.RetainUntil, want)
	}
	w.approve(v)
	copied := w.blobs()
	plain := w.opened()
	for d, b := range copied {
		if plain[d] != nil {
			t.Errorf("part %s lies open in the store", d.Short())
		}
		for _, p := range plain {
			if bytes.Contains(b, p[len(p)/2:]) {
				t.Error("a part lies open in the store")
			}
		}
	}
	if err := w.Erase(w.ctx, w.steward, v, "too early"); aihub.KindOf(err) != aihub.Conflict {
		t.Errorf("erased in use: %v", err)
	}
	if err := w.Erase(w.ctx, w.other, v, "not mine"); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("another organisation erased it: %v", err)
	}
	if n, err := w.Retire(w.ctx); n != 0 || err != nil {
		t.Errorf("%d retired, %v", n, err)
	}
	p := w.permit(w.steward, policies.DatasetWithdraw, policies.Object{Kind: "dataset", ID: v.Ref.String(), Org: v.Org})
	w.must(w.DB.WithdrawDataset(w.ctx, p, v.Ref, "old"))
	w.must(w.Erase(w.ctx, w.steward, v, "no longer needed"))
	if left := w.blobs(); len(left) != 3 || left[v.Card] == nil || left[v.Plan] == nil || left[v.Profile] == nil {
		t.Errorf("%d blobs are left", len(left))
	}
	for _, f := range v.Parts {
		for _, d := range []aihub.Digest{f.Input, f.Truth} {
			if _, err := w.Blobs.Open(w.ctx, d); aihub.KindOf(err) != aihub.NotFound || !strings.Contains(err.Error(), "erased") {
				t.Errorf("%s part: %v", f.Part, err)
			}
		}
	}
	// A thief who kept a copy of the store puts it back: there is no key.
	for _, b := range copied {
		if _, _, err := w.Blobs.Store.Put(w.ctx, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Blobs.Open(w.ctx, v.Parts[0].Input); err == nil {
		t.Error("an erased part was opened from a copy")
	}
	rep, err := w.DB.VerifyLedger(w.ctx)
	if err != nil || len(rep.Faults) > 0 {
		t.Errorf("%v %v", err, rep.Faults)
	}
	// Published anew, the same bytes can be read again, under a new key.
	again, err := w.publish(peopleManifest, people(200, 3).csv)
	w.must(err)
	if again.Parts[0].Input != v.Parts[0].Input || w.part(again.Parts[0].Input).Rows == 0 {
		t.Error("the same bytes cannot be published again")
	}
}

// When its time is over a version goes by itself, in use or not.
func TestRetire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.publish(replaceLine(t, peopleManifest, "name: cases", "name: cases\nretain_days: 1"), people(200, 3).csv)
	w.must(err)
	w.approve(v)
	w.must(w.DB.Close())
	later := func() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }
	w.DB, err = store.Open(w.ctx, store.Options{DSN: filepath.Join(w.dir, "aihub.db"), Signer: w.Keys.Signer(), Now: later})
	w.must(err)
	t.Cleanup(func() { w.DB.Close() })
	w.Blobs = &blob.Vault{Store: w.Blobs.Store, Find: w.DB.SealOf, Key: w.Blobs.Key}
	if n, err := w.Retire(w.ctx); n != 1 || err != nil {
		t.Fatalf("%d retired, %v", n, err)
	}
	got, err := w.DB.Dataset(w.ctx, policies.ScopeOf(w.steward), v.Ref)
	w.must(err)
	if got.State != aihub.DatasetWithdrawn || got.ErasedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	if n, err := w.Retire(w.ctx); n != 0 || err != nil {
		t.Errorf("%d retired again, %v", n, err)
	}
}

// A rotated key masks anew; either version's values come back under its own key
// and no other.
func TestRotateAndReveal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(200, 3)
	one, err := w.publish(peopleManifest, raw.csv)
	w.must(err)
	p := w.permit(w.steward, policies.KeyRotate, policies.Object{Kind: "key", ID: "futian/cases", Org: "futian"})
	_, err = w.DB.RotateMaskKey(w.ctx, p, "futian/cases", "yearly")
	w.must(err)
	two, err := w.publish(peopleManifest, raw.csv)
	w.must(err)
	if one.MaskKey != "futian/cases#1" || two.MaskKey != "futian/cases#2" {
		t.Errorf("%s, %s", one.MaskKey, two.MaskKey)
	}
	phones := map[string]bool{}
	for _, id := range raw.ids {
		phones[id] = true
	}
	masked := map[string]bool{}
	for i, v := range []aihub.DatasetVersion{one, two} {
		values := w.part(v.Parts[0].Input).Col("mobile").Str
		back, err := w.Reveal(w.ctx, v, "mobile", values)
		w.must(err)
		for k, b := range back {
			if !phones[b] {
				t.Fatalf("%s came back as %s", values[k], b)
			}
			if i == 1 && masked[values[k]] {
				t.Fatalf("%s is in both versions", values[k])
			}
			masked[values[k]] = true
		}
	}
	// Who was hidden stays hidden: the new key deals nobody to another part.
	for i, f := range one.Parts {
		var people [2][]string
		for k, v := range []aihub.DatasetVersion{one, two} {
			people[k], err = w.Reveal(w.ctx, v, "mobile", w.part(v.Parts[i].Input).Col("mobile").Str)
			w.must(err)
			slices.Sort(people[k])
		}
		if len(people[0]) == 0 || !slices.Equal(people[0], people[1]) {
			t.Errorf("%s has other people under another key", f.Part)
		}
	}
	w.approve(one)
	w.approve(two)
	if err := w.CanReveal(w.ctx, one, "name"); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("a drawn name: %v", err)
	}
}

// The rows of a file are dealt once: published by another rule, what one version
// hides the other would show with its labels.
func TestDealtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(200, 3).csv
	one, err := w.publish(peopleManifest, raw)
	w.must(err)
	moved := strings.Replace(peopleManifest, "seed: 7}", "seed: 8}", 1)
	if moved == peopleManifest {
		t.Fatal("the manifest has no split to change")
	}
	two, err := w.publish(moved, raw)
	w.must(err) // neither is published yet
	w.approve(one)
	p := w.permit(w.reviewer, policies.DatasetApprove, policies.Object{Kind: "dataset", ID: two.Ref.String(), Org: two.Org, Author: two.Author})
	if err := w.DB.DecideDataset(w.ctx, p, two.Ref, true, false, ""); aihub.KindOf(err) != aihub.Conflict {
		t.Errorf("approved: %v", err)
	}
	w.must(w.DB.DecideDataset(w.ctx, p, two.Ref, false, false, "dealt anew"))
	path := filepath.Join(t.TempDir(), "raw")
	w.must(os.WriteFile(path, []byte(raw), 0o600))
	_, err = w.Publish(w.ctx, w.steward, []byte(moved), path, func(stage string, _, _ int64) {
		if stage != "ingest" {
			t.Errorf("%s began before it was told that the rows are dealt", stage)
		}
	})
	if aihub.KindOf(err) != aihub.Conflict || !strings.Contains(err.Error(), one.Ref.String()) {
		t.Errorf("proposed: %v", err)
	}
	if _, err = w.publish(peopleManifest, raw); err != nil {
		t.Errorf("by the same rule: %v", err)
	}
	if _, err = w.publish(moved, people(201, 3).csv); err != nil {
		t.Errorf("other rows: %v", err)
	}
}

// Threat S4: the level follows from the evidence unless it is declared.
func TestLevel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		line        string
		level, seen int
	}{{"name: cases", 4, 4}, {"name: cases\nlevel: 2", 2, 4}} {
		v, err := w.publish(replaceLine(t, peopleManifest, "name: cases", c.line), people(200, 3).csv)
		w.must(err)
		if v.Level != c.level || v.LevelFound != c.seen { // income is kept, in bands
			t.Errorf("%q: level %d, found %d", c.line, v.Level, v.LevelFound)
		}
	}
	v, err := w.publish(replaceLine(t, replaceLine(t, peopleManifest, "income: {use", "    income: {use: drop}"), "income: {zh", "  sex: {zh: 性别, en: Sex}"), people(200, 3).csv)
	w.must(err)
	if v.Level != 2 {
		t.Errorf("without income: level %d", v.Level)
	}
	if _, err := w.publish(replaceLine(t, peopleManifest, "name: cases", "name: cases\nlevel: 5"), people(200, 3).csv); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("level 5: %v", err)
	}
}

// Aggregates are charged to one budget of the name, over every version and part.
func TestAggregate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manifest := replaceLine(t, peopleManifest, "name: cases", "name: cases\nprivacy: {total: \"2\", per_unit: 1}")
	v, err := w.publish(manifest, people(1000, 3).csv)
	w.must(err)
	w.approve(v)
	v.State = aihub.DatasetPublished
	a, err := w.Aggregate(w.ctx, w.steward, v, "sex", []string{"男", "女"}, "1")
	w.must(err)
	sum := int64(0)
	for _, c := range a.Cells {
		sum += c.Rows
	}
	if len(a.Cells) != 3 || a.Cells[2].Cell != "*" || sum < 970 || sum > 1030 {
		t.Errorf("%+v", a)
	}
	if _, err := w.Aggregate(w.ctx, w.steward, v, "outcome", []string{"受理"}, "1/2"); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("a label was counted: %v", err)
	}
	if _, err := w.Aggregate(w.ctx, w.other, v, "sex", nil, "1/2"); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("another organisation counted: %v", err)
	}
	two, err := w.publish(manifest, people(500, 4).csv)
	w.must(err)
	w.approve(two)
	if _, err := w.Aggregate(w.ctx, w.steward, two, "sex", []string{"男"}, "1.5"); aihub.KindOf(err) != aihub.Quota {
		t.Errorf("over the budget: %v", err)
	}
	_, err = w.Aggregate(w.ctx, w.steward, two, "sex", []string{"男"}, "1")
	w.must(err)
	b, err := w.DB.Privacy(w.ctx, "cases")
	w.must(err)
	if len(b.Spent) != 2 || b.Spent[0].Cells[0].Rows != a.Cells[0].Rows {
		t.Errorf("%+v", b)
	}
	if _, err := w.publish(replaceLine(t, manifest, "privacy", "privacy: {total: \"99\"}"), "no such table\n"); aihub.KindOf(err) != aihub.Conflict {
		t.Errorf("a raised budget: %v", err)
	}
	for manifest, want := range map[string]aihub.Kind{manifest: "", replaceLine(t, manifest, "privacy", "privacy: {total: \"99\"}"): aihub.Conflict, "name: x": aihub.Contract} {
		err := w.Check(w.ctx, w.steward, []byte(manifest))
		if want == "" && err != nil || want != "" && aihub.KindOf(err) != want {
			t.Errorf("before the data: %v, not %s:\n%s", err, want, manifest)
		}
	}
	if err := w.Check(w.ctx, w.other, []byte(manifest)); err == nil || !strings.Contains(err.Error(), "another organisation") {
		t.Errorf("the name of another organisation, before the data: %v", err)
	}
	if _, err := w.publish(replaceLine(t, manifest, "privacy", "privacy: {per_unit: 2}"), people(500, 4).csv); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("a budget without a total: %v", err)
	}
}
