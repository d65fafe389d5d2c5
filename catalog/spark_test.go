package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// What Spark writes is masked page by page and published, whatever its codec,
// page version, dictionaries, timestamps, decimals and lists: every cell that is
// kept is the one that Spark was given, and nothing of what is masked is left (the
// helpers search for it).
func TestFilesOfSpark(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../internal/pages/testdata/spark/*.parquet")
	if err != nil || len(files) != 17 {
		t.Fatal(files, err)
	}
	const head = `{name: spark, title: {zh: a, en: a}, description: {zh: a, en: a}, license: CC0, key: u, truth: [b], split: {sample: 0.5, test: 0.5},
mask: {default: keep, columns: {u: {use: pseudonym}, s: {use: pseudonym}, id: {use: drop}, l: {use: band, width: 1000}, z: {use: drop}, x: {use: drop}`
	var first string
	for _, in := range files {
		name := filepath.Base(in)
		// Page by page: nested columns are kept or dropped, and looked at.
		out := filepath.Join(t.TempDir(), "out.parquet")
		leaf := "phones.list.element"
		if name == "legacy.parquet" {
			leaf = "phones.bag.array"
		}
		kept := head + "}}}"
		_, err := maskTable(t, t.Context(), []byte(kept), in, out, func(string, int64, int64) {})
		var e *aihub.Error
		if !errors.As(err, &e) || e.Kind != aihub.Refused || len(e.Faults) != 1 || !strings.Contains(e.Faults[0].Message.EN, leaf) || !strings.Contains(e.Faults[0].Message.EN, "use: drop") {
			t.Errorf("%s: phones in a nested column were kept: %v", name, err)
		}
		rec, err := maskTable(t, t.Context(), []byte(head+", "+leaf+": {use: drop}}}}"), in, out, func(string, int64, int64) {})
		if err != nil || rec.Rows != 400 {
			t.Errorf("%s: %d rows, %v", name, rec.Rows, err)
			continue
		}
		// Row by row: lists and maps have no place in a table of columns.
		w := newWorld(t)
		v, err := w.Publish(w.ctx, w.steward, []byte(head+", n: {use: drop}, map: {use: drop}, phones: {use: drop}}}}"), in, nil)
		if err == nil || !strings.Contains(fmt.Sprint(err, faultsOf(err)), "no truth") {
			t.Errorf("%s: %v", name, err) // b has nulls
		}
		full := strings.Replace(head, "truth: [b]", "truth: [in.a]", 1) + ", n: {use: drop}, map: {use: drop}, phones: {use: drop}}}}"
		if v, err = w.Publish(w.ctx, w.steward, []byte(full), in, nil); err != nil {
			t.Errorf("%s: %v %v", name, err, faultsOf(err))
			continue
		}
		if first == "" {
			first = string(v.Content)
		}
		if string(v.Content) != first {
			t.Errorf("%s: another content than that of the first file", name)
		}
	}
	// The cells themselves, once: all files publish to the same bytes.
	r, err := table.Open(files[0], table.Options{Unread: func(c string) bool { return c == "n" || c == "map" || c == "phones" || c == "x" }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := table.ReadAll(r, 1000)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range b.Rows {
		for name, want := range map[string]string{
			"day": begin.AddDate(0, 0, i).Format(time.DateOnly), "dec9": table.FormatFloat(float64(i*101-5000) / 100), "in.b": fmt.Sprint("inner-", i%5),
			"dec18": table.FormatFloat(float64(i*10_000_019) / 1000),
		} {
			if got, _ := b.Col(name).Text(i); got != want {
				t.Fatalf("%s of row %d is %s, want %s", name, i, got, want)
			}
		}
		c := b.Col("time")
		if c.Null(i) != (i%6 == 0) || !c.Null(i) && c.Int[i] != begin.Add(time.Duration(i)*time.Hour).UnixMicro() {
			t.Fatalf("time of row %d", i)
		}
	}
}

func faultsOf(err error) []aihub.Fault {
	if e := (*aihub.Error)(nil); errors.As(err, &e) {
		return e.Faults
	}
	return nil
}

// The detectors see decimals in digits, as Spark was given them, and texts of one
// length without what fills them up.
func TestDecimalsAndFixedTextsAreLookedAt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../internal/pages/testdata/spark/*.parquet")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := pages.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		cols, _ := pageFields(f)
		for column, scale := range map[string]int{"dec9": 2, "dec18": 3} {
			i := f.Leaf(column)
			l := &f.Leaves()[i]
			as, ok := cols[i].looked(l)
			if !ok || l.Scale != scale {
				t.Fatalf("%s: %s is not looked at, or has %d digits behind the point", name, column, l.Scale)
			}
			seen := map[string]bool{}
			for g := range f.RowGroups() {
				if err := f.ChunkValues(g, i, func(v *pages.Values) error {
					shown := as.column(v)
					for _, s := range shown.Str {
						seen[s] = true
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			for r := range int64(400) {
				n, unit := r*101-5000, int64(100)
				if column == "dec18" {
					n, unit = r*10_000_019, 1000
				}
				want := fmt.Sprint(n / unit)
				if n%unit != 0 {
					want = big.NewRat(n, unit).FloatString(scale)
				}
				if !seen[want] {
					t.Fatalf("%s: %s of row %d is not shown as %s", name, column, r, want)
				}
			}
		}
	}
	for want, v := range map[string][]byte{"13800138000": {3, 54, 141, 101, 16}, "-1": {255, 255}, "0": {}, "128": {0, 128}} {
		if got := decimalText(pages.Fixed, v, 0); got != want {
			t.Errorf("%v is shown as %s, not %s", v, got, want)
		}
	}
	if got := decimalText(pages.Fixed, []byte{255, 106}, 2); got != "-1.50" {
		t.Error(got)
	}

	// A kept column of texts of one length ends in a refusal, as any other does.
	in, _ := visits(t, 4000)
	fixed := filepath.Join(t.TempDir(), "fixed.parquet")
	src, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := pages.Open(src, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	plan := pages.Plan{Columns: make([]pages.Column, len(f.Leaves()))}
	plan.Columns[f.Leaf("phone")] = pages.Column{Op: pages.Map, Type: pages.Fixed, Width: 20, Logical: pages.None, New: func() pages.MapFunc {
		return func(v *pages.Values, out *pages.Builder) error {
			for i := range v.Len() {
				b := bytes.Repeat([]byte{' '}, 20)
				copy(b, v.Bytes(i))
				out.Bytes(b)
			}
			return nil
		}
	}}
	plan.Columns[f.Leaf("home")] = pages.Column{Op: pages.Map, Type: pages.ByteArray, Logical: pages.None, New: func() pages.MapFunc {
		return func(v *pages.Values, out *pages.Builder) error {
			for range v.Len() {
				out.Bytes([]byte{0xff, 0xfe})
			}
			return nil
		}
	}}
	dst, err := os.Create(fixed)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if err := pages.Transcode(t.Context(), f, plan, pages.Output{File: dst}); err != nil {
		t.Fatal(err)
	}
	manifest := strings.NewReplacer("{use: phone, on_invalid: missing}", "{use: keep}", "{use: address}", "{use: drop}").Replace(visitsManifest)
	_, err = maskTable(t, t.Context(), []byte(manifest), fixed, filepath.Join(t.TempDir(), "out"), func(string, int64, int64) {})
	if fs := faultsOf(err); aihub.KindOf(err) != aihub.Refused || len(fs) != 1 || !strings.Contains(fs[0].Message.EN, "phone") {
		t.Errorf("phones of one length were kept: %v %v", err, fs)
	}
	// Bytes that are no text are called so, and the file is not called damaged.
	r, err := table.Open(fixed, table.Options{Unread: func(c string) bool { return c == "phone" }})
	if err == nil {
		_, err = r.Next()
		r.Close()
	}
	if fs := faultsOf(err); len(fs) != 1 || fs[0].Code != "encoding" || !strings.Contains(fs[0].Where, "home") {
		t.Errorf("bytes that are no text: %v %v", err, fs)
	}
	// Files of a folder are not masked with one table: the manifest's word for them is not passed over.
	_, err = maskTable(t, t.Context(), []byte(visitsManifest+"media: {file: photo, because: none}\n"), in, filepath.Join(t.TempDir(), "out"), func(string, int64, int64) {})
	if fs := faultsOf(err); aihub.KindOf(err) != aihub.Contract && aihub.KindOf(err) != aihub.Invalid || len(fs) != 1 || fs[0].Code != "page_media" {
		t.Errorf("a manifest of a folder: %v %v", err, fs)
	}
}
