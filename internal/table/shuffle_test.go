package table

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

// HMAC-SHA256 of RFC 4231, test case 2, cut to 16 bytes.
func TestRowID(t *testing.T) {
	t.Parallel()
	if got := RowID([]byte("Jefe"), "what do ya want for nothing?"); got != "5bdcc146bf60754e6a042426089575c7" {
		t.Fatal(got)
	}
}

func TestShuffle(t *testing.T) { // not parallel: it lowers shuffleBytes
	src := writeParquet(t, mixed(300))
	shuffle := func(dir, format, key string) string {
		dst := filepath.Join(dir, "in."+format)
		if err := Shuffle(context.Background(), src, dst, format, "id", []string{"text", "n"}, []byte(key)); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	dst := shuffle(t.TempDir(), "parquet", "run 1")
	r, err := OpenParquet(dst, nil)
	b := readAll(t, r, err)
	want := map[string][]string{}
	for _, row := range rows(mixed(300)) {
		want[RowID([]byte("run 1"), row[0])] = []string{row[6], row[1]}
	}
	for _, row := range rows(b) {
		if d := cmp.Diff(want[row[0]], row[1:]); d != "" {
			t.Fatal(d)
		}
		delete(want, row[0])
	}
	if len(want) != 0 || !sort.StringsAreSorted(b.Cols[0].Str) {
		t.Fatalf("%d rows are gone, or the order tells something", len(want))
	}
	if got := b.Schema(); got[0] != (Field{"id", String}) || got[1].Name != "text" || got[2].Name != "n" {
		t.Fatal(got)
	}

	// Another run: other ids, another order.
	r, err = OpenParquet(shuffle(t.TempDir(), "parquet", "run 2"), nil)
	other := readAll(t, r, err)
	for _, id := range other.Cols[0].Str {
		if slices.Contains(b.Cols[0].Str, id) {
			t.Fatal("an id came back in another run")
		}
	}
	if cmp.Equal(b.Cols[1].Str, other.Cols[1].Str) {
		t.Fatal("two runs have the same order")
	}

	// Read in many passes, the file is the same byte for byte.
	defer func(n int64) { shuffleBytes = n }(shuffleBytes)
	shuffleBytes = 1000
	if n, err := shufflePasses(src); err != nil || n < 5 {
		t.Fatalf("%d passes, %v", n, err)
	}
	one, _ := os.ReadFile(dst)
	many, _ := os.ReadFile(shuffle(t.TempDir(), "parquet", "run 1"))
	if string(one) != string(many) {
		t.Fatal("passes change the file")
	}

	// CSV and JSONL hold the same rows.
	f, err := os.Open(shuffle(t.TempDir(), "csv", "run 1"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := OpenCSV(f, CSVOptions{Types: map[string]Type{"id": String, "text": String}})
	if d := cmp.Diff(rows(b), rows(readAll(t, c, err))); d != "" {
		t.Fatal(d)
	}
	j, _ := os.ReadFile(shuffle(t.TempDir(), "jsonl", "run 1"))
	lines := strings.Split(strings.TrimSpace(string(j)), "\n")
	var first struct{ ID string }
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.ID != b.Cols[0].Str[0] || len(lines) != 300 {
		t.Fatal(err, lines[0])
	}
}

func TestShuffleRefuses(t *testing.T) {
	t.Parallel()
	b := mixed(3)
	b.Cols[0].Str[2] = "id00000"
	src, dst := writeParquet(t, b), filepath.Join(t.TempDir(), "out")
	if err := Shuffle(context.Background(), src, dst, "csv", "id", nil, nil); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("repeated key: %v", err)
	}
	if err := Shuffle(context.Background(), src, dst, "csv", "n", nil, nil); err != nil {
		t.Errorf("a key of integers: %v", err)
	}
	os.Remove(dst)
	src = writeParquet(t, mixed(10)) // row 4 has null in n
	if err := Shuffle(context.Background(), src, dst, "csv", "n", nil, nil); aihub.KindOf(err) != aihub.Contract {
		t.Errorf("missing key: %v", err)
	}
	if err := Shuffle(context.Background(), src, dst, "xml", "id", nil, nil); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("unknown format: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := Shuffle(ctx, src, dst, "csv", "id", nil, nil); err == nil {
		t.Error("cancelled, and done all the same")
	}
	if _, err := os.Stat(dst); err == nil {
		t.Error("a failed shuffle left a file")
	}
}
