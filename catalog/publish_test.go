package catalog

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/catalog/detect"
	"aihub/internal/blob"
	"aihub/policies"
	"aihub/scenarios/packs"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(2000, 1)
	v, err := w.publish(peopleManifest, raw.csv)
	w.must(err)
	if v.Ref.String() != "cases@1" || v.State != aihub.DatasetProposed || v.Org != "futian" || v.Author != "stew" || v.Key != "case_no" {
		t.Errorf("%+v", v)
	}
	stored, err := w.DB.Dataset(w.ctx, policies.ScopeOf(w.steward), v.Ref)
	w.must(err)
	if stored.Content != v.Content || stored.Plan != v.Plan || stored.Raw != aihub.DigestOf([]byte(raw.csv)) {
		t.Errorf("%+v", stored)
	}

	// Every row is in one part; inputs hold no label; truth holds key and label.
	keys := map[string]bool{}
	total := int64(0)
	for i, f := range v.Parts {
		in, truth := w.part(f.Input), w.part(f.Truth)
		if f.Part != aihub.Parts[i] || int64(in.Rows) != f.Rows || in.Rows != truth.Rows || in.Col("outcome") != nil || len(truth.Cols) != 2 {
			t.Errorf("%s: %d rows, %v, %v", f.Part, in.Rows, in.Schema(), truth.Schema())
		}
		if d := cmp.Diff(in.Col("case_no").Str, truth.Col("case_no").Str); d != "" {
			t.Errorf("%s: keys of input and truth differ", f.Part)
		}
		if sort.StringsAreSorted(in.Col("case_no").Str) {
			t.Errorf("%s is ordered by key", f.Part)
		}
		for _, k := range in.Col("case_no").Str {
			if keys[k] || len(k) != 32 {
				t.Fatalf("key %q", k)
			}
			keys[k] = true
		}
		for i := range in.Rows {
			if !detect.Mobile(in.Col("mobile").Str[i]) || !detect.Resident(in.Col("id_card").Str[i]) {
				t.Fatalf("row %d: %s %s", i, in.Col("mobile").Str[i], in.Col("id_card").Str[i])
			}
		}
		share := map[aihub.Part]float64{aihub.Sample: .2, aihub.Train: .3, aihub.Test: .3, aihub.Final: .2}[f.Part]
		if got := float64(f.Rows) / 2000; got < share-.05 || got > share+.05 {
			t.Errorf("%s has a share of %g, want %g", f.Part, got, share)
		}
		total += f.Rows
	}
	if total != 2000 {
		t.Errorf("%d rows", total)
	}
	if c := v.Columns[slices.IndexFunc(v.Columns, func(c aihub.Column) bool { return c.Name == "income" })]; c.Note.EN != "Income a month; interval of width 5000" || c.Type != "string" {
		t.Errorf("%+v", c)
	}
	w.noTemp()
}

// No raw identifying value is in any blob, neither in its bytes nor in a value
// of a column when unpacked; nor is the raw file itself.
func TestLeakAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(1500, 2)
	v, err := w.publish(peopleManifest, raw.csv)
	w.must(err)
	all := w.blobs()
	if len(all) != 2*4+3 {
		t.Errorf("%d blobs", len(all))
	}
	maps.Copy(all, w.opened()) // what lies sealed, as it is read
	if len(all) != 2*8+3 {
		t.Errorf("%d blobs with those that were opened", len(all))
	}
	for d, b := range all {
		if found := holds(b, raw.ids); found != "" {
			t.Errorf("blob %s holds %s", d.Short(), found)
		}
		if d == v.Raw {
			t.Error("the raw file is a blob")
		}
	}
	for _, f := range v.Parts {
		for _, d := range []aihub.Digest{f.Input, f.Truth} {
			b := w.part(d)
			for i := range b.Cols {
				text := strings.Join(texts(&b.Cols[i], b.Rows), "\n")
				if found := holds([]byte(text), raw.ids); found != "" {
					t.Errorf("column %s of %s holds %s", b.Cols[i].Name, f.Part, found)
				}
			}
		}
	}
}

// The audit finds what a plan lets through: here, a column kept with a reason.
func TestLeakAuditFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(100, 2)
	v, err := w.publish(replaceLine(t, peopleManifest, "    note:", "    note: {use: keep, because: a test}"), raw.csv)
	w.must(err)
	b := w.part(v.Parts[0].Input)
	if holds([]byte(strings.Join(b.Col("note").Str, "\n")), raw.ids) == "" {
		t.Error("raw values in a kept column went unseen")
	}
}

// The built-in packs are masked as their manifests say: no resident number,
// phone, number, full address, or name inside a text comes through.
func TestLeakAuditPacks(t *testing.T) {
	t.Parallel()
	for _, p := range packs.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var raw strings.Builder
			w.must(p.Generate(&raw, 5, p.Rows))
			v, err := w.publish(string(p.Manifest), raw.String())
			w.must(err)
			rows := readCSV(t, raw.String())
			var ids, names []string
			for i := range rows.Cols {
				c := &rows.Cols[i]
				switch {
				case strings.Contains(c.Name, "name"):
					names = append(names, texts(c, rows.Rows)...)
				case strings.Contains(c.Name, "phone"), strings.Contains(c.Name, "resident"), strings.Contains(c.Name, "address"), strings.HasSuffix(c.Name, "_id"):
					ids = append(ids, texts(c, rows.Rows)...)
				}
			}
			if len(ids) < 4*p.Rows || len(names) < p.Rows {
				t.Fatalf("%d identifiers, %d names", len(ids), len(names))
			}
			for _, f := range v.Parts {
				b := w.part(f.Input)
				for i := range b.Cols {
					text := strings.Join(texts(&b.Cols[i], b.Rows), "\n")
					if found := holds([]byte(text), ids); found != "" {
						t.Errorf("column %s holds %s", b.Cols[i].Name, found)
					}
					if found := holds([]byte(text), names); found != "" && !strings.Contains(b.Cols[i].Name, "name") {
						t.Errorf("column %s holds the name %s", b.Cols[i].Name, found)
					}
				}
			}
			all := w.blobs()
			maps.Copy(all, w.opened())
			for _, b := range all {
				if found := holds(b, ids); found != "" {
					t.Errorf("a blob holds %s", found)
				}
			}
		})
	}
}

// The same raw file, manifest and key make the same content, on another
// platform with that key too; another key, another content.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	raw := people(300, 3)
	w := newWorld(t)
	a, err := w.publish(peopleManifest, raw.csv)
	w.must(err)
	before := len(w.blobs())
	b, err := w.publish(peopleManifest, raw.csv)
	w.must(err)
	if a.Content != b.Content || b.Ref.Version != 2 || len(w.blobs()) != before || a.Card != b.Card || a.Profile != b.Profile {
		t.Errorf("published twice: %s and %s", a.Content, b.Content)
	}
	other := newWorldKeyed(t, "another root key")
	c, err := other.publish(peopleManifest, raw.csv)
	other.must(err)
	if c.Content == a.Content || c.Plan != a.Plan {
		t.Error("another root key gave the same content, or another plan")
	}
	// Another seed deals other rows to the parts.
	d, err := w.publish(strings.Replace(peopleManifest, "seed: 7", "seed: 8", 1), raw.csv)
	w.must(err)
	if cmp.Equal(keySet(w, a, aihub.Sample), keySet(w, d, aihub.Sample)) {
		t.Error("the seed does nothing")
	}
}

func keySet(w *world, v aihub.DatasetVersion, p aihub.Part) []string {
	f, _ := v.File(p)
	return slices.Sorted(slices.Values(w.part(f.Truth).Cols[0].Str))
}

// A column that identifies people and is kept is refused, with the place and
// the line to write, and without a value.
func TestGateRefusesIdentifiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw := people(200, 4)
	m := peopleManifest
	for _, c := range []string{"name", "id_card", "mobile", "address", "note"} {
		m = replaceLine(t, m, "    "+c+":", "    "+c+": {use: keep}")
	}
	_, err := w.publish(m, raw.csv)
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Refused || len(e.Faults) < 5 {
		t.Fatalf("%v", err)
	}
	for _, use := range []string{"name: {use: name}", "id_card: {use: resident}", "mobile: {use: phone}", "address: {use: address}", "note: {use: redact}"} {
		if !strings.Contains(err.Error(), use) || !strings.Contains(e.In(aihub.ZH), use) {
			t.Errorf("the refusal does not say %s:\n%v", use, err)
		}
	}
	if !strings.Contains(e.Faults[0].Where, "line ") || holds([]byte(err.Error()), raw.ids) != "" {
		t.Errorf("%v", err)
	}
	w.nothingLeft()

	// With a reason it is kept, and the card and profile say so.
	v, err := w.publish(replaceLine(t, peopleManifest, "    address:", "    address: {use: keep, because: public offices only}"), raw.csv)
	w.must(err)
	if !strings.Contains(string(w.blobs()[v.Card]), "public offices only") {
		t.Error("the card hides the reason")
	}
}

// Whatever is wrong, all of it is said at once and nothing is stored.
func TestRefusals(t *testing.T) {
	t.Parallel()
	raw := people(100, 5).csv
	for name, c := range map[string]struct {
		manifest, raw string
		kind          aihub.Kind
		says          []string
	}{
		"manifest": {"name: Cases\nkey: case_no\nmask: {default: hide}\nsplit: {sample: 0.5, tests: 0.5}\n", raw, aihub.Contract,
			[]string{"name (line 1", "unknown key \"tests\"", "title is needed", "license is missing", "truth is missing", "\"hide\" is not a default"}},
		"against the data": {replaceLine(t, strings.Replace(peopleManifest, "outcome]", "result]", 1), "    sex:", "    gender: {use: keep}"), raw, aihub.Contract,
			[]string{`no column "result"`, `no column "gender"`, `column "sex" is not in the plan`, "unknown_column (line 16"}},
		"ragged":        {peopleManifest, raw + "1,2,3\n", aihub.Contract, []string{"ragged (line 102)"}},
		"wrong type":    {strings.Replace(peopleManifest, "{born: date}", "{born: date, sex: int64}", 1), raw, aihub.Contract, []string{"row 1 (line 2), column sex", "expected int64"}},
		"bad value":     {peopleManifest, strings.Replace(raw, ",男,", ",男,", 1) + "SZ-1,翁鬼龟,123,456,深圳市福田区,1990-01-01,男,1,无,受理\n", aihub.Contract, []string{"row 101, column id_card", "row 101, column mobile", "on_invalid: missing"}},
		"no truth":      {peopleManifest, raw + "SZ-1,翁鬼龟,11010519491231002X,13800000000,深圳市福田区,1990-01-01,男,1,无,\n", aihub.Contract, []string{"1 rows have no truth"}},
		"repeated key":  {peopleManifest, raw + strings.SplitAfter(raw, "\n")[1], aihub.Contract, []string{"1 repeat one", "row 101, column case_no"}},
		"label inside":  {strings.Replace(peopleManifest, "    sex:", "    copy: {use: keep}\n    sex:", 1), copyLabel(raw), aihub.Refused, []string{`column "copy" holds the label "outcome"`}},
		"small classes": {peopleManifest + "risk: {quasi: [born, sex, address], k: 5, max_suppression: 0.01}\n", raw, aihub.Refused, []string{"smaller than 5", "without born:"}},
		"empty part":    {replaceLine(t, peopleManifest, "split:", "split: {sample: 0.49999999, train: 0.00000001, test: 0.5}"), raw, aihub.Contract, []string{"the train part would have no rows"}},
		"no CSV":        {peopleManifest, "\x00\x01", aihub.Contract, []string{"nul (line 1"}},
		"not Parquet":   {peopleManifest, "PAR1 but not really", aihub.Contract, []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, err := w.publish(c.manifest, c.raw)
			if aihub.KindOf(err) != c.kind {
				t.Fatalf("%v", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("does not say %q:\n%v", s, err)
				}
			}
			w.nothingLeft()
		})
	}
}

// copyLabel repeats the last column as one more.
func copyLabel(raw string) string {
	lines := strings.Split(strings.TrimSuffix(raw, "\n"), "\n")
	for i, l := range lines {
		last := l[strings.LastIndexByte(l, ',')+1:]
		if i == 0 {
			last = "copy"
		}
		lines[i] = l + "," + last
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestWhoMayPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "raw")
	w.must(os.WriteFile(path, []byte(people(100, 6).csv), 0o600))
	for _, a := range []aihub.Actor{w.vendor, w.reviewer, w.operator} {
		if _, err := w.Publish(w.ctx, a, []byte(peopleManifest), path, nil); aihub.KindOf(err) != aihub.Refused {
			t.Errorf("%s: %v", a.User, err)
		}
	}
	if _, err := w.Publish(w.ctx, aihub.Actor{}, []byte(peopleManifest), path, nil); aihub.KindOf(err) != aihub.Unauthenticated {
		t.Errorf("nobody: %v", err)
	}
	w.nothingLeft()
	if _, err := w.Publish(w.ctx, w.steward, []byte(peopleManifest), path, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Publish(w.ctx, w.other, []byte(peopleManifest), path, nil); aihub.KindOf(err) != aihub.Refused {
		t.Errorf("another organisation took the name: %v", err)
	}
}

// failing is a blob store that breaks at the n-th Put.
type failing struct {
	blob.Store
	left int
}

func (f *failing) Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error) {
	if f.left--; f.left < 0 {
		return "", 0, errors.New("disk full")
	}
	return f.Store.Put(ctx, r)
}

// A store that breaks half way, or a request that is given up, leaves nothing.
func TestNothingHalfWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.Blobs
	for n := range 11 {
		broken := *good
		broken.Store = &failing{good.Store, n}
		w.Blobs = &broken
		if _, err := w.publish(peopleManifest, people(100, 7).csv); err == nil {
			t.Fatalf("published with %d blobs", n)
		}
		w.nothingLeft()
	}
	w.Blobs = good
	ctx, stop := context.WithCancel(w.ctx)
	path := filepath.Join(t.TempDir(), "raw")
	w.must(os.WriteFile(path, []byte(people(100, 7).csv), 0o600))
	_, err := w.Publish(ctx, w.steward, []byte(peopleManifest), path, func(stage string, done, total int64) {
		if stage == "store" {
			stop()
		}
	})
	if err == nil {
		t.Fatal("published although the request was given up")
	}
	w.nothingLeft()
}

func TestProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "raw")
	w.must(os.WriteFile(path, []byte(people(100, 8).csv), 0o600))
	var stages []string
	_, err := w.Publish(w.ctx, w.steward, []byte(peopleManifest), path, func(stage string, done, total int64) {
		if total != 0 && done > total {
			t.Errorf("%s: %d of %d", stage, done, total)
		}
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
	})
	w.must(err)
	if d := cmp.Diff([]string{"ingest", "mask", "split", "store"}, stages); d != "" {
		t.Error(d)
	}
}
