package catalog

import (
	"os"
	"path/filepath"
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
