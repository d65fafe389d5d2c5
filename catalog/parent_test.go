package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/policies"
)

const personsManifest = `
name: persons
title: {zh: 人, en: Persons}
description: {zh: 人, en: Persons}
license: CC0
key: person
mask: {scope: city, columns: {person: {use: pseudonym, domain: person}, age: {use: keep}, label: {use: keep}}}
truth: [label]
split: {sample: 0.25, train: 0.25, test: 0.25, final: 0.25}
risk: {quasi: [age], k: 5, max_suppression: 0.1}
`

const wardsManifest = `
name: visits
title: {zh: 就诊, en: Visits}
description: {zh: 就诊, en: Visits}
license: CC0
key: visit
key_from: rows
mask: {scope: city, columns: {who: {use: pseudonym, domain: person}, ward: {use: keep}, outcome: {use: keep}}}
truth: [outcome]
parent: {column: who, dataset: persons@1}
risk: {quasi: [ward], k: 5}
`

// Two tables stay one: a pseudonym is the same in both, a row is in the part of
// its parent, and what was dropped there is nowhere here.
func TestParent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var persons, visits strings.Builder
	persons.WriteString("person,age,label\n")
	visits.WriteString("who,ward,outcome\n")
	for i := range 400 {
		age := 20 + i%10
		if i%100 == 7 {
			age = 100 + i // alone: the risk gate drops it
		}
		fmt.Fprintf(&persons, "P%04d,%d,%d\n", i, age, i%3)
	}
	for i := range 1500 {
		fmt.Fprintf(&visits, "P%04d,w%d,%d\n", (i*7)%450, i%5, i%2) // 50 of 450 are nobody's
	}
	one, err := w.publish(personsManifest, persons.String())
	w.must(err)
	w.approve(one)
	two, err := w.publish(wardsManifest, visits.String())
	w.must(err)
	where := map[string]aihub.Part{}
	for _, f := range one.Parts {
		for _, k := range w.part(f.Input).Col("person").Str {
			where[k] = f.Part
		}
	}
	if len(where) != 396 {
		t.Fatalf("%d persons", len(where))
	}
	rows := int64(0)
	for _, f := range two.Parts {
		b := w.part(f.Input)
		for _, k := range b.Col("who").Str {
			if where[k] != f.Part {
				t.Fatalf("a visit of a person in %q is in %s", where[k], f.Part)
			}
		}
		rows += f.Rows
	}
	want := int64(0)
	for i := range 1500 {
		if p := (i * 7) % 450; p < 400 && p%100 != 7 {
			want++
		}
	}
	p := w.profile(two)
	if rows != want || p.Orphans != 1500-want || p.Rows != 1500 {
		t.Errorf("%d visits, %d orphans of %d; want %d", rows, p.Orphans, p.Rows, want)
	}
	if card := CardIn(string(w.blobs()[two.Card]), aihub.EN); !strings.Contains(card, "`persons@1`") || !strings.Contains(card, "count rows, not people") {
		t.Error(card)
	}
	for name, bad := range map[string]string{
		"another domain": strings.Replace(wardsManifest, "domain: person", "domain: someone", 1),
		"another scope":  strings.Replace(wardsManifest, "scope: city", "scope: town", 1),
		"other crypto":   strings.Replace(wardsManifest, "scope: city", "scope: city, crypto: sm", 1),
		"kept":           strings.Replace(wardsManifest, "{use: pseudonym, domain: person}", "{use: keep}", 1),
		"a split":        wardsManifest + "split: {sample: 0.5, test: 0.5}\n",
		"no reference":   strings.Replace(wardsManifest, "persons@1", "persons", 1),
	} {
		if _, err := w.publish(bad, visits.String()); aihub.KindOf(err) != aihub.Contract {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.publish(strings.Replace(wardsManifest, "persons@1", "persons@9", 1), visits.String()); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("no parent: %v", err)
	}
}

// A child's rows may be published anew under another version of their parent when
// that deals every row to the part where it was: after the key was rotated, or when
// the parent has more rows. Under one that would move rows they may not.
func TestParentPublishedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	persons := func(n int) string {
		var b strings.Builder
		b.WriteString("person,age,label\n")
		for i := range n {
			fmt.Fprintf(&b, "P%04d,%d,%d\n", i, 20+i%10, i%3)
		}
		return b.String()
	}
	var visits strings.Builder
	visits.WriteString("who,nth,ward,outcome\n")
	for i := range 1500 {
		fmt.Fprintf(&visits, "P%04d,%d,w%d,%d\n", (i*7)%450, i, i%5, i%2)
	}
	child := func(parent string) string {
		m := strings.Replace(wardsManifest, "persons@1", parent, 1)
		return strings.Replace(m, "ward: {use: keep}", `ward: {use: keep}, nth: {use: keep, because: "made up"}`, 1)
	}
	places := func(v aihub.DatasetVersion) map[int64]aihub.Part {
		out := map[int64]aihub.Part{}
		for _, f := range v.Parts {
			for _, n := range w.part(f.Input).Col("nth").Int {
				out[n] = f.Part
			}
		}
		return out
	}
	publish := func(manifest, raw string) aihub.DatasetVersion {
		t.Helper()
		v, err := w.publish(manifest, raw)
		w.must(err)
		w.approve(v)
		return v
	}
	parent := publish(personsManifest, persons(400))
	before := publish(child("persons@1"), visits.String())
	first := places(before)

	key := w.permit(w.steward, policies.KeyRotate, policies.Object{Kind: "key", ID: "futian/city", Org: "futian"})
	_, err := w.DB.RotateMaskKey(w.ctx, key, "futian/city", "yearly")
	w.must(err)
	if _, err := w.publish(child("persons@1"), visits.String()); aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), "mask key futian/city#2") {
		t.Errorf("under the parent's old key: %v", err)
	}
	publish(personsManifest, persons(400))
	rotated := publish(child("persons@2"), visits.String())
	if rotated.Content == before.Content || rotated.MaskKey == before.MaskKey {
		t.Error("the key was not rotated")
	}
	if d := cmp.Diff(first, places(rotated)); d != "" {
		t.Error(d)
	}
	publish(personsManifest, persons(440))
	after := places(publish(child("persons@3"), visits.String()))
	if len(after) <= len(first) {
		t.Errorf("%d visits of 440 persons, %d of 400", len(after), len(first))
	}
	for n, p := range first {
		if after[n] != p {
			t.Fatalf("visit %d moved from %s to %q", n, p, after[n])
		}
	}

	// Other persons under another name, dealt otherwise: the visits would move.
	other := strings.NewReplacer("name: persons", "name: folk", "final: 0.25", "final: 0.25, seed: 5").Replace(personsManifest)
	publish(other, persons(420))
	if _, err := w.publish(child("folk@1"), visits.String()); aihub.KindOf(err) != aihub.Conflict || !strings.Contains(err.Error(), "dealt to the parts by another rule") {
		t.Errorf("dealt otherwise: %v", err)
	}
	p := w.permit(w.steward, policies.DatasetWithdraw, policies.Object{Kind: "dataset", ID: parent.Ref.String(), Org: parent.Org})
	w.must(w.DB.WithdrawDataset(w.ctx, p, parent.Ref, "old"))
	if _, err := w.publish(child("persons@1"), visits.String()); aihub.KindOf(err) != aihub.Conflict || !strings.Contains(err.Error(), "persons@1 was withdrawn") {
		t.Errorf("of a parent that was withdrawn: %v", err)
	}
}

// Where a column of the parent's rows says which part they are in, other bytes may
// say it otherwise under the same rule.
func TestParentDealtByColumn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	persons := func(moved string) string {
		var b strings.Builder
		b.WriteString("person,age,label\n")
		for i := range 200 {
			age := 20 + i%2
			if fmt.Sprintf("P%04d", i) == moved {
				age = 41 - age
			}
			fmt.Fprintf(&b, "P%04d,%d,%d\n", i, age, i%3)
		}
		return b.String()
	}
	var visits strings.Builder
	visits.WriteString("who,ward,outcome\n")
	for i := range 400 {
		fmt.Fprintf(&visits, "P%04d,w%d,%d\n", i%200, i%5, i%2)
	}
	dealt := strings.Replace(personsManifest, "{sample: 0.25, train: 0.25, test: 0.25, final: 0.25}", `{sample: 1, column: age, values: {test: ["21"]}}`, 1)
	for i, moved := range []string{"nobody", "P0001"} { // who was hidden, and is open now
		v, err := w.publish(dealt, persons(moved))
		w.must(err)
		w.approve(v)
		c, err := w.publish(strings.Replace(wardsManifest, "persons@1", v.Ref.String(), 1), visits.String())
		if i == 0 {
			w.must(err)
			w.approve(c)
		} else if aihub.KindOf(err) != aihub.Conflict {
			t.Errorf("the visits of %s would be open: %v", moved, err)
		}
	}
}
