package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

// Every kind of change is told once, and nothing of what stayed.
func TestDiff(t *testing.T) {
	a := aihub.DatasetVersion{Key: "id", License: "x", Plan: "p1", Raw: "r",
		Columns: []aihub.Column{{Name: "id", Type: "string"}, {Name: "age", Type: "int64"}, {Name: "gone", Type: "bool"}, {Name: "label", Type: "string"}},
		Parts:   []aihub.PartFile{{Part: aihub.Sample, Rows: 5}, {Part: aihub.Test, Rows: 9}}}
	b := aihub.DatasetVersion{Key: "id", License: "y", Plan: "p2", Raw: "r",
		Columns: []aihub.Column{{Name: "id", Type: "string"}, {Name: "age", Type: "string"}, {Name: "label", Type: "string", Truth: true}, {Name: "new", Type: "date"}},
		Parts:   []aihub.PartFile{{Part: aihub.Sample, Rows: 5}, {Part: aihub.Test, Rows: 8}}}
	before := &Profile{Columns: []ColumnProfile{{Name: "age", Use: "keep"}, {Name: "gone", Use: "keep"}}}
	after := &Profile{Columns: []ColumnProfile{{Name: "age", Use: "round"}}}
	want := []Change{
		{"type", "age", "int64", "string"}, {"column", "gone", "bool", ""}, {"truth", "label", "false", "true"}, {"column", "new", "", "date"},
		{"rows", "test", "9", "8"}, {"license", "", "x", "y"}, {"plan", "", "p1", "p2"},
	}
	if d := cmp.Diff(want, Diff(a, b, nil, after)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(append(want, Change{"masking", "age", "keep", "round"}), Diff(a, b, before, after)); d != "" {
		t.Error(d)
	}
	if got := Diff(a, a, before, before); len(got) != 0 {
		t.Errorf("nothing changed, and yet %v", got)
	}
}
