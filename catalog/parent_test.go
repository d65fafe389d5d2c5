package catalog

import (
	"fmt"
	"strings"
	"testing"

	"aihub"
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
