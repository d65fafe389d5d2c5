package catalog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/meta"
)

// A table that is described elsewhere becomes a manifest with its words, types
// and key; and what is proposed publishes.
func TestProfileDescribed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "raw.csv")
	var b strings.Builder
	b.WriteString("code;kind;n\n")
	for i := range 400 {
		b.WriteString(string(rune('a'+i%7)) + strings.Repeat("x", i) + ";k" + string(rune('0'+i%3)) + ";00" + string(rune('0'+i%10)) + "\n")
	}
	w.must(os.WriteFile(path, []byte(b.String()), 0o600))
	d, err := meta.Read([]byte(`{"name": "Zone Flows", "title": "Flows: \"a\" {b}\n# c", "licenses": [{"name": "CC0-1.0"}], "resources": [{"path": "raw.csv",
		"dialect": {"delimiter": ";"}, "schema": {"primaryKey": "code", "fields": [{"name": "code", "type": "string"},
		{"name": "kind", "type": "string", "description": "what it is"}, {"name": "n", "type": "string"}]}}]}`))
	w.must(err)
	p, err := ProfileDescribed(w.ctx, path, d, nil)
	w.must(err)
	m, err := ParseManifest([]byte(p.Manifest))
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Manifest)
	}
	if m.Name != "zone-flows" || m.Title.EN != `Flows: "a" {b} # c` || m.License != "CC0-1.0" || m.Key != "code" || m.Delimiter != ";" ||
		m.Types["n"] != "string" || m.Notes["kind"].EN != "what it is" {
		t.Errorf("%s", p.Manifest)
	}
	if _, err := w.publish(p.Manifest, b.String()); err != nil {
		t.Errorf("%v\n%s", err, p.Manifest)
	}
	// A contract's physical names, and data that have the logical ones.
	c, err := meta.Read([]byte(`# a contract
{apiVersion: v3.1.0, kind: DataContract, id: c, name: c, schema: [{name: t, properties: [{name: code, physicalName: F_CODE, logicalType: string, primaryKey: true},
  {name: kind, physicalName: kind, logicalType: string}, {name: n, physicalName: F_N, logicalType: string, description: how many}]}]}`))
	w.must(err)
	if c.Key != "F_CODE" {
		t.Errorf("%+v", c)
	}
	p, err = ProfileDescribed(w.ctx, path, c, nil)
	w.must(err)
	if !strings.Contains(p.Manifest, `key: "code"`) || !strings.Contains(p.Manifest, `"n": {zh: "how many"`) || !strings.Contains(p.Manifest, `"n": string`) || strings.Contains(p.Manifest, "F_") {
		t.Errorf("%s", p.Manifest)
	}
	// What a contract calls personal or secret is no column to keep, and what a package counts as missing is read so.
	c, err = meta.Read([]byte(`{"resources": [{"path": "raw.csv", "dialect": {"delimiter": ";"}, "schema": {"missingValues": ["", "NA", "-99"], "fields": [{"name": "code", "type": "string"},
		{"name": "kind", "type": "string", "rdfType": "https://x/personal-data"}, {"name": "n", "type": "string"}]}}]}`))
	w.must(err)
	p, err = ProfileDescribed(w.ctx, path, c, nil)
	w.must(err)
	if kind := p.column("kind"); kind.Class != detect.Direct || kind.Use != "pseudonym" || len(kind.Top) > 0 || !strings.Contains(p.Manifest, `"*": ["NA", "-99"]`) {
		t.Errorf("%+v\n%s", kind, p.Manifest)
	}
	d.Columns = append(d.Columns, meta.DescribedColumn{Name: "gone"})
	if _, err := ProfileDescribed(w.ctx, path, d, nil); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("a column that is not there: %v", err)
	}
}

// A preview shows what a plan does, and no raw value.
func TestPreviewFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(300, 5)
	path := filepath.Join(t.TempDir(), "raw.csv")
	w.must(os.WriteFile(path, []byte(raw.csv), 0o600))
	p, err := PreviewFile(w.ctx, []byte(peopleManifest), path, 20)
	w.must(err)
	if len(p.Rows) != 20 || p.Columns[0] != "case_no" || len(p.Examples) == 0 {
		t.Fatalf("%d rows of %v", len(p.Rows), p.Columns)
	}
	for _, r := range p.Rows {
		if found := holds([]byte(strings.Join(r, "\n")), raw.ids); found != "" {
			t.Errorf("the preview holds %s", found)
		}
	}
	again, err := PreviewFile(w.ctx, []byte(peopleManifest), path, 20)
	w.must(err)
	if again.Rows[0][0] == p.Rows[0][0] {
		t.Error("two previews have one key")
	}
	if _, err := PreviewFile(w.ctx, []byte(replaceLine(t, peopleManifest, "    sex:", "")), path, 20); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("a plan that covers not all: %v", err)
	}
}

// A preview says what publishing would refuse, wherever in the file the reason
// stands, and which values a suppress names that no row has; the card counts those.
func TestPreviewLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var csv strings.Builder
	csv.WriteString("id,contact,job,fee,label\n")
	for i := range 5000 {
		contact := "none"
		if i > 4500 { // behind the first batch
			contact = fmt.Sprintf("1381234%04d", i)
		}
		fmt.Fprintf(&csv, "r%d,%s,%s,%s,%d\n", i, contact, []string{"teacher", "nurse"}[i%2], []string{"1.5", "2.25"}[i%2], i/2%2)
	}
	path := filepath.Join(t.TempDir(), "raw.csv")
	w.must(os.WriteFile(path, []byte(csv.String()), 0o600))
	manifest := `
name: looks
title: {zh: 预览, en: Looks}
description: {zh: 测试数据, en: Test data}
license: CC0
key: id
mask:
  columns:
    id: {use: pseudonym}
    contact: {use: keep}
    job: {use: suppress, values: [teacher, teecher, headmaster]}
    fee: {use: suppress, values: ["1.50"], min: 2}
    label: {use: keep}
truth: [label]
split: {sample: 0.5, test: 0.5}
`
	p, err := PreviewFile(w.ctx, []byte(manifest), path, 3)
	w.must(err)
	if len(p.Refused) != 1 || p.Refused[0].Code != "identifier_kept" || !strings.Contains(p.Refused[0].Message.EN, "contact") || !p.All || p.Looked != 5000 || len(p.Rows) != 3 {
		t.Errorf("%+v", p)
	}
	if len(p.Unmet) != 1 || !slices.Equal(p.Unmet["job"], []string{"headmaster", "teecher"}) {
		t.Errorf("unmet: %v", p.Unmet)
	}
	if _, err := w.Publish(w.ctx, w.steward, []byte(manifest), path, nil); aihub.KindOf(err) != aihub.Refused {
		t.Fatalf("published: %v", err)
	}
	manifest = replaceLine(t, manifest, "contact:", "    contact: {use: drop}")
	p, err = PreviewFile(w.ctx, []byte(manifest), path, 3)
	w.must(err)
	if p.Refused != nil {
		t.Errorf("%+v", p.Refused)
	}
	v, err := w.Publish(w.ctx, w.steward, []byte(manifest), path, nil)
	w.must(err)
	r, err := w.Blobs.Open(w.ctx, v.Card)
	w.must(err)
	defer r.Close()
	text, err := io.ReadAll(r)
	w.must(err)
	if s := string(text); !strings.Contains(s, "that were to be suppressed and are in no row: 2") || strings.Contains(s, "headmaster") {
		t.Errorf("the card:\n%s", s)
	}
}

// Cells are values of the column, however they are written.
func TestCountCells(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "raw.csv")
	if err := os.WriteFile(path, []byte("fee,who\n1.5,007\n1.50,a\n2,007\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := CountCells(t.Context(), path, "fee", []string{"1.500", "2.0"})
	if err != nil || !slices.Equal(n, []int64{2, 1, 0}) {
		t.Errorf("%v, %v", n, err)
	}
	for _, cells := range [][]string{{"a lot"}, {"2", "2.0"}} {
		if _, err := CountCells(t.Context(), path, "fee", cells); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%q: %v", cells, err)
		}
	}
}
