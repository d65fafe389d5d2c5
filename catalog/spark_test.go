package catalog

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aihub"
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
		e, ok := err.(*aihub.Error)
		if !ok || e.Kind != aihub.Refused || len(e.Faults) != 1 || !strings.Contains(e.Faults[0].Message.EN, leaf) || !strings.Contains(e.Faults[0].Message.EN, "use: drop") {
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
	if e, ok := err.(*aihub.Error); ok {
		return e.Faults
	}
	return nil
}
