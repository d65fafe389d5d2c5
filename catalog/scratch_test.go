package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/internal/table"
)

// TestScratch: rows come back as they went in, in the order of their numbers,
// whether they were on disk or not.
func TestScratch(t *testing.T) {
	t.Parallel()
	fields := []table.Field{{Name: "k", Type: table.String}, {Name: "i", Type: table.Int64}, {Name: "f", Type: table.Float64},
		{Name: "b", Type: table.Bool}, {Name: "d", Type: table.Date}, {Name: "t", Type: table.Timestamp}, {Name: "s", Type: table.String}}
	values := []string{"", "abc", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF", "0123456789abcdef0", "深圳", strings.Repeat("长", 3000)}
	for _, held := range []int{1, 1 << 12, 1 << 30} {
		rng := rand.New(rand.NewPCG(7, 7))
		dir := t.TempDir()
		s, err := newScratch(room{dir: dir, held: held}, fields)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if s.most = sortBytes; held == 1<<12 {
			s.most = 200 // each bucket in several pieces
		}
		type row struct {
			order uint64
			part  uint8
			n     int64
			text  string
		}
		var want []row
		for len(want) < 6000 {
			b := table.NewBatch(fields, 0)
			var order []uint64
			var part []uint8
			first := int64(len(want))
			for range rng.IntN(900) + 1 {
				for i := range b.Cols {
					c := &b.Cols[i]
					switch {
					case rng.IntN(5) == 0:
						c.AppendNull()
					case c.Type == table.String:
						c.AppendStr(values[rng.IntN(len(values))])
					case c.Type == table.Float64:
						c.AppendFlt(rng.NormFloat64())
					case c.Type == table.Bool:
						c.AppendBool(rng.IntN(2) == 0)
					default:
						c.AppendInt(rng.Int64() - 1<<62)
					}
				}
				b.Rows++
				order = append(order, rng.Uint64()>>(rng.IntN(2)*60)) // equal ones too
				part = append(part, uint8(rng.IntN(4)))
				want = append(want, row{order[b.Rows-1], part[b.Rows-1], first + int64(b.Rows) - 1, rowText(b, b.Rows-1)})
			}
			if err := s.add(b, order, part, first); err != nil {
				t.Fatal(err)
			}
		}
		if onDisk := s.size > 0; onDisk != (held < 1<<20) {
			t.Fatalf("%d bytes on disk with %d held", s.size, held)
		}
		slices.SortStableFunc(want, func(a, b row) int {
			switch {
			case a.order < b.order:
				return -1
			case a.order > b.order:
				return 1
			}
			return 0
		})
		var got []row
		if err := s.read(context.Background(), func(b *shuffled) error {
			for r := range b.Rows {
				got = append(got, row{b.order[r], b.part[r], b.row[r], rowText(b.Batch, r)})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("held %d: %d rows came back, %d went in, or others", held, len(got), len(want))
		}
		stop := errors.New("enough")
		if err := s.read(context.Background(), func(*shuffled) error { return stop }); err != stop {
			t.Error(err)
		}
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.read(gone, func(*shuffled) error { return nil }); err == nil {
			t.Error("read although it was given up")
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("files with names: %v", left)
		}
	}
}

func rowText(b *table.Batch, r int) string {
	var out strings.Builder
	for i := range b.Cols {
		v, ok := b.Cols[i].Text(r)
		fmt.Fprintf(&out, "%v:%s|", ok, v)
	}
	return out.String()
}

// TestSameDigest: the version is the same with scratch on disk or in memory, on
// one core or two, twice.
func TestSameDigest(t *testing.T) {
	raw := people(3000, 11).csv
	var want aihub.DatasetVersion
	for i, c := range []struct{ held, cores int }{{0, 1}, {0, 2}, {1 << 10, 1}, {1 << 16, 2}, {1, 2}} {
		w := newWorld(t)
		w.held = c.held
		was := runtime.GOMAXPROCS(c.cores)
		v, err := w.publish(peopleManifest, raw)
		runtime.GOMAXPROCS(was)
		w.must(err)
		if i == 0 {
			want = v
		}
		if v.Content != want.Content || v.Profile != want.Profile || v.Card != want.Card {
			t.Errorf("%+v: content %s, profile %s; before %s, %s", c, v.Content, v.Profile, want.Content, want.Profile)
		}
	}
}

// TestCancel: a publish that is given up in any stage leaves nothing in the store, and
// no file of what was under way but what the next one goes on from.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"ingest", "mask", "split", "store"} {
		w := newWorld(t)
		w.held = 1 << 12
		path := filepath.Join(t.TempDir(), "raw")
		w.must(os.WriteFile(path, []byte(people(3000, 11).csv), 0o600))
		ctx, stop := context.WithCancel(w.ctx)
		_, err := w.Publish(ctx, w.steward, []byte(peopleManifest), path, func(stage string, done, total int64) {
			if stage == at {
				stop()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", at, err)
		}
		w.nothingStored()
		var left []string
		w.must(filepath.WalkDir(w.Dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && p != w.Dir {
				left = append(left, p)
			}
			return err
		}))
		var names []string
		for _, path := range left {
			if name := filepath.Base(path); filepath.Dir(path) != w.Dir && (at != "split" || !strings.Contains(name, ".")) { // parts under way
				names = append(names, name)
			}
		}
		slices.Sort(names)
		var want []string
		switch at {
		case "split":
			want = []string{"gated", "lock", "rows"}
		case "store":
			want = []string{"final.input", "final.truth", "lock", "sample.input", "sample.truth", "test.input", "test.truth", "train.input", "train.truth", "written"}
		}
		if d := cmp.Diff(want, names); d != "" || want == nil && len(left) > 0 {
			t.Error(at, d, left)
		}
	}
}

// TestRepeatedKeys are named by the first row that repeats one, wherever it is
// dealt to.
func TestRepeatedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var raw strings.Builder
	raw.WriteString("row,x,y\n")
	for i := range 500 {
		fmt.Fprintf(&raw, "%d,%d,%d\n", i%490, i, i%3)
	}
	m := strings.Replace(numbersManifest, "key_from: rows\n", "", 1)
	m = strings.Replace(m, "mask: {default: keep}", "mask: {default: keep, columns: {row: {use: pseudonym}}}", 1)
	_, err := w.publish(m+"split: {sample: 0.5, test: 0.5}\n", raw.String())
	if aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), "row 491, column row") || !strings.Contains(err.Error(), "10 repeat one") {
		t.Error(err)
	}
	w.nothingLeft()
}
