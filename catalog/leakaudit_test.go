package catalog

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub"
	"aihub/catalog/leaktest"
	"aihub/catalog/mask"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// Publish is Catalog.Publish for every test of this package: what came of it is
// searched for every raw value that the manifest masks.
func (w *world) Publish(ctx context.Context, actor aihub.Actor, manifest []byte, path string, report func(string, int64, int64)) (aihub.DatasetVersion, error) {
	w.Helper()
	v, err := w.Catalog.Publish(ctx, actor, manifest, path, report)
	if err != nil {
		return v, err
	}
	m, perr := ParseManifest(manifest)
	w.must(perr)
	if m.Media.declared() {
		return v, nil // a folder: folder_test.go searches what becomes of its files
	}
	files := map[string][]byte{"profile": w.blobs()[v.Profile], "card": w.blobs()[v.Card]}
	opened := w.opened()
	for _, f := range v.Parts {
		files[string(f.Part)+" input"], files[string(f.Part)+" truth"] = opened[f.Input], opened[f.Truth]
	}
	scope, generation, _ := strings.Cut(v.MaskKey, "#")
	n, perr := strconv.Atoi(generation)
	w.must(perr)
	audit(w, &m, w.maskKey(scope, n), path, files)
	return v, nil
}

// maskTable is MaskTable for every test of this package, searched as well.
func maskTable(t testing.TB, ctx context.Context, manifest []byte, in, out string, report func(string, int64, int64)) (MaskRecord, error) {
	t.Helper()
	rec, err := MaskTable(ctx, manifest, in, out, testRing(t), report)
	if err != nil {
		return rec, err
	}
	m, err := ParseManifest(manifest)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range []string{out, out + ".json"} {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	audit(t, &m, testRing(t).Derive("mask", cmp.Or(m.Mask.Scope, m.Name)), in, files)
	return rec, nil
}

// audit searches files for the raw values of the table at path.
func audit(t testing.TB, m *Manifest, key []byte, path string, files map[string][]byte) {
	t.Helper()
	rawValues(t, m, key, path).Report(t, files)
}

// rawValues are those of the flat columns of the table at path that m masks.
func rawValues(t testing.TB, m *Manifest, key []byte, path string) *leaktest.Raw {
	t.Helper()
	o := m.options()
	o.Unread = nil
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		if st, err := f.Stat(); err == nil {
			if pf, err := pages.Open(f, st.Size()); err == nil {
				cols, _ := pageFields(pf)
				o.Unread = func(name string) bool {
					return slices.ContainsFunc(cols, func(c pageColumn) bool { // nested, or bytes that are no text
						l := pf.Leaves()[c.leaf]
						return (c.opaque || l.Type == pages.ByteArray && !l.Text) && (c.field.Name == name || strings.HasPrefix(c.field.Name, name+"."))
					})
				}
			}
		}
	}
	r, err := table.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	plan := mask.Plan{Default: m.Mask.Default, Scope: m.Mask.Scope, Crypto: m.Mask.Crypto, Columns: map[string]mask.Rule{}}
	for _, f := range r.Schema() {
		if rule, ok := m.Mask.Of(f.Name); ok {
			if m.Mask.Columns[f.Name].OnInvalid != "" || rule.OnInvalid != "" {
				rule.OnInvalid = "missing"
			}
			plan.Columns[f.Name] = rule
		}
	}
	raw, err := leaktest.Of(plan, key, r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// testKey masks nothing that is kept.
var testKey = make([]byte, 32)

// The audit finds what is planted: a raw value in a kept text, in a compressed
// page that does not show it as it lies, in a number, and in a file that is no
// table.
func TestLeakAuditFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	people := people(300, 2)
	kept := replaceLine(t, peopleManifest, "    note:", "    note: {use: keep, because: a test}")
	v, err := w.publish(kept, people.csv)
	w.must(err)
	path := filepath.Join(t.TempDir(), "raw")
	w.must(os.WriteFile(path, []byte(people.csv), 0o600))
	m, err := ParseManifest([]byte(peopleManifest)) // which redacts it
	w.must(err)
	raw := rawValues(t, &m, testKey, path)
	if raw.Len() < 1000 {
		t.Fatalf("%d raw values are looked for", raw.Len())
	}
	found, err := raw.In(w.opened()[v.Parts[0].Input])
	w.must(err)
	if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), "column mobile") {
		t.Errorf("raw values in a kept column went unseen: %v", found)
	}
	if found, err := raw.In([]byte(`{"note": "SZ-` + people.ids[4][3:] + `"}`)); err != nil || len(found) == 0 {
		t.Error("a raw value in JSON went unseen", found, err)
	}

	// Numbers and texts in pages that are compressed.
	schema := []table.Field{{Name: "tel", Type: table.Int64}, {Name: "who", Type: table.String}, {Name: "x", Type: table.Float64}}
	b := table.NewBatch(schema, 0)
	for range 2000 {
		b.Cols[0].AppendInt(13_812_345_678)
		b.Cols[1].AppendStr("person-of-a-long-name")
		b.Cols[2].AppendFlt(0.123456789)
		b.Rows++
	}
	in := filepath.Join(t.TempDir(), "numbers.parquet")
	f, err := os.Create(in)
	w.must(err)
	pw, err := table.NewParquetWriter(f, schema)
	w.must(err)
	w.must(pw.Write(b))
	w.must(pw.Close())
	w.must(f.Close())
	m = Manifest{Mask: mask.Plan{Default: "drop"}}
	bytes, err := os.ReadFile(in)
	w.must(err)
	found, err = rawValues(t, &m, testKey, in).In(bytes)
	w.must(err)
	for _, column := range []string{"tel", "who", "x"} {
		if !strings.Contains(strings.Join(found, "\n"), "column "+column+":") {
			t.Errorf("column %s stands there and went unseen: %v", column, found)
		}
	}
}

// No test of this package makes a masked file that is not searched.
func TestEveryMaskedFileIsAudited(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{" MaskTable(", "Catalog.Publish("} {
			if strings.Contains(string(text), call) && name != "leakaudit_test.go" {
				t.Errorf("%s calls%s: use maskTable or world.Publish, which search what comes out", name, strings.TrimSuffix(call, "("))
			}
		}
	}
}
