package pages

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
)

// manyGroups is a file of one text column of n row groups, with texts that no
// compression shortens.
func manyGroups(t *testing.T, n int) *File {
	t.Helper()
	rng := rand.New(rand.NewPCG(8, 8))
	out := create(t)
	j := &job{p: &Plan{Columns: make([]Column, 1)}, leaf: []int{0}, f: &File{
		meta:   footer{schema: []element{{name: "root", children: 1}, {name: "s", typ: int32(ByteArray), has: 1 | 1<<2 | 1<<3}}},
		leaves: []Leaf{{Path: []string{"s"}, Type: ByteArray, element: 1}}}}
	o := &output{Output: Output{File: out}, has: []bool{true}, end: 4}
	var w chunkWriter
	var b Builder
	for range n {
		w.reset(ByteArray, 0, Uncompressed, kindV1, 0, 0, 0)
		b.reset(ByteArray, 0)
		const rows = 100
		for range rows {
			text := make([]byte, 40+rng.IntN(3))
			for i := range text {
				text[i] = byte(rng.Uint32())
			}
			b.Bytes(text)
		}
		if err := w.values(pageOf{entries: rows, rows: rows}, &b); err != nil {
			t.Fatal(err)
		}
		c, err := w.finish()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.WriteAt(pagesOf(c), o.end); err != nil {
			t.Fatal(err)
		}
		o.groups = append(o.groups, outGroup{Rows: rows, Start: o.end, Chunks: []chunkMeta{c.meta}})
		o.end += c.size()
	}
	if _, err := out.WriteAt([]byte("PAR1"), 0); err != nil {
		t.Fatal(err)
	}
	if err := j.close(o); err != nil {
		t.Fatal(err)
	}
	return openBytes(t, contents(t, out))
}

// While the first chunk takes its time, the other workers go on until they are as
// many chunks, or bytes, ahead as they may be, and no further: what is not yet
// written is held in memory.
func TestWorkersWaitForTheSlowest(t *testing.T) {
	t.Parallel()
	const groups, workers = 300, 3
	src := manyGroups(t, groups)
	for _, c := range []struct {
		name  string
		tasks int
		bytes int64
	}{{"bytes", groups, 16 << 10}, {"tasks", 5, 1 << 40}} {
		t.Run(c.name, func(t *testing.T) {
			gate, first := make(chan struct{}), atomic.Bool{}
			open := sync.OnceFunc(func() { close(gate) })
			defer open()
			plan := Plan{Workers: workers, Columns: []Column{{Op: Map, New: func() MapFunc {
				return func(in *Values, out *Builder) error {
					if first.CompareAndSwap(false, true) { // one worker, with the first chunk it is given
						<-gate
					}
					for i := range in.Len() {
						out.Bytes(in.Bytes(i))
					}
					return nil
				}
			}}}}
			out := create(t)
			a, err := newAssembler(src, &plan, []Output{{File: out}})
			if err != nil {
				t.Fatal(err)
			}
			a.tasks, a.bytes = c.tasks, c.bytes
			if err := a.resume(); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- a.run(t.Context()) }()
			// state is what is held, how much a chunk takes, how many tasks were given
			// out, and whether a bound is reached, so that none is given out any more.
			state := func() (held, chunk int64, next int, full bool) {
				a.mu.Lock()
				defer a.mu.Unlock()
				for _, rs := range a.results {
					for _, r := range rs {
						chunk = max(chunk, r.chunk.held())
					}
				}
				for _, q := range a.queue {
					for _, r := range q {
						chunk = max(chunk, r.chunk.held())
					}
				}
				return a.held, chunk, a.next, a.held > a.bytes*workers || a.next >= a.placed-a.queued+a.tasks*workers
			}
			deadline := time.Now().Add(time.Minute)
			for {
				held, _, next, full := state()
				if full {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("waited a minute for the workers to be as far ahead as they may be: %d chunks, %d bytes", next, held)
				}
				runtime.Gosched()
			}
			// Two are in the middle of a chunk at most; the third waits at the gate.
			for range 1000 {
				runtime.Gosched()
				held, chunk, next, _ := state()
				if most := c.bytes*workers + workers*chunk; held > most {
					t.Fatalf("%d bytes are held, of at most %d", held, most)
				}
				if next > c.tasks*workers || c.name == "bytes" && next >= groups {
					t.Fatalf("%d chunks of %d were given out", next, groups)
				}
			}
			open()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if held, _, next, _ := state(); held != 0 || next != groups {
				t.Errorf("at the end %d bytes are held, and %d chunks were given out", held, next)
			}
		})
	}
}

// Large pages of indices are copied from the source when the chunk is written, and
// are covered by the journal like all else: a call after the end finds them standing.
func TestLargePagesOfIndicesAreCopied(t *testing.T) {
	t.Parallel()
	for _, kind := range []int32{kindV1, kindV2} {
		rng := rand.New(rand.NewPCG(3, 4))
		var w chunkWriter
		w.reset(ByteArray, 0, Snappy, kind, 0, 0, 0)
		w.decided = true // random indices, and yet "compressed": as other tools do
		const rows, people = 200_000, 700
		var index []uint32
		for len(index) < rows {
			x := uint32(rng.IntN(people))
			if n := uint32(w.dict.vals.n); x >= n {
				x = w.dict.add([]byte("person " + strconv.Itoa(int(n))))
			}
			index = append(index, x)
		}
		half := rows / 2
		for _, part := range [][]uint32{index[:half], index[half:]} {
			if err := w.coded(pageOf{entries: len(part), rows: len(part)}, part, nil); err != nil {
				t.Fatal(err)
			}
		}
		src := openBytes(t, oneColumn(t, &w, "s"))
		calls := 0
		plan := Plan{Journal: filepath.Join(t.TempDir(), "journal"), ID: "x", Workers: 1, Columns: []Column{{Op: Map, New: func() MapFunc {
			return func(in *Values, out *Builder) error {
				calls++
				for i := range in.Len() {
					out.Bytes(append([]byte("masked "), in.Bytes(i)...))
				}
				return nil
			}
		}}}}
		out := create(t)
		if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
			t.Fatal(err)
		}
		got := contents(t, out)
		for i, v := range arrowTexts(t, got) {
			if want := fmt.Sprint("masked person ", index[i]); v != want {
				t.Fatalf("row %d is %q, want %q", i, v, want)
			}
		}
		if calls != 1 {
			t.Errorf("the dictionary was mapped %d times", calls)
		}
		if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil || calls != 1 {
			t.Errorf("what is finished does not stand: %v, %d", err, calls)
		}
		damage(t, out, int64(len(got)/2)) // in the middle of the copied pages
		if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil || calls != 2 {
			t.Errorf("what is damaged stands: %v, %d", err, calls)
		}
	}
}

func damage(t *testing.T, f *os.File, at int64) {
	t.Helper()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// What stands behind the indices of a page is not copied with them.
func TestNothingBehindIndicesIsCopied(t *testing.T) {
	t.Parallel()
	const behind = "a raw value that nobody masked"
	var w chunkWriter
	w.reset(ByteArray, 0, Uncompressed, kindV1, 0, 0, 0)
	for i := range 5 {
		w.dict.add([]byte("person " + strconv.Itoa(i)))
	}
	s, width := w.indexPage(0)
	s = append(packRLE(s, []uint32{0, 1, 2, 3, 4}, width), behind...)
	if err := w.putIndices(pageOf{entries: 5, rows: 5}, s, 0); err != nil {
		t.Fatal(err)
	}
	src := openBytes(t, oneColumn(t, &w, "s"))
	out := create(t)
	plan := Plan{Columns: []Column{{Op: Map, New: func() MapFunc {
		return func(in *Values, out *Builder) error {
			for i := range in.Len() {
				out.Bytes([]byte{'m', in.Bytes(i)[7]})
			}
			return nil
		}
	}}}}
	if err := Transcode(context.Background(), src, plan, Output{File: out}); err != nil {
		t.Fatal(err)
	}
	got := contents(t, out)
	if leaks, err := Audit(bytes.NewReader(got), int64(len(got)), [][]byte{[]byte(behind)}); err != nil || len(leaks) > 0 {
		t.Errorf("%v, %v", leaks, err)
	}
	if v := arrowTexts(t, got); fmt.Sprint(v) != "[m0 m1 m2 m3 m4]" {
		t.Error(v)
	}
}

// What Snappy did not shorten is decompressed in its own place, to what its library
// makes of it; all else is left alone.
func FuzzUnsnapped(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 59, 60, 61, 256, 257, 1 << 16, 1<<16 + 1, 200_000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		packed := s2.EncodeSnappy(nil, b)
		f.Add(packed, n)
		f.Add(packed[:len(packed)/2], n)
		f.Add(s2.EncodeSnappy(nil, make([]byte, n)), n)
		// Literals with lengths of three and four bytes.
		long := append(append([]byte{0xc8, 0x01, 62 << 2, 99, 0, 0}, make([]byte, 100)...), 63<<2, 99, 0, 0, 0)
		f.Add(append(long, make([]byte, 100)...), 200)
	}
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		was := string(b)
		if n < 0 || n > 1<<24 {
			return
		}
		if !unsnapped(b, n) {
			if string(b) != was {
				t.Fatal("what was not decompressed was changed")
			}
			return
		}
		want, err := s2.Decode(nil, []byte(was))
		if err != nil || string(want) != string(b[:n]) {
			t.Fatalf("%d bytes are not what the library makes of them: %v", n, err)
		}
	})
}
