package pages

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// Texts gives a function every value once and makes nulls of those it refuses.
func TestTexts(t *testing.T) {
	b, err := os.ReadFile("testdata/arrow-plain.parquet")
	if err != nil {
		t.Fatal(err)
	}
	src := openBytes(t, b)
	plan := Plan{Columns: make([]Column, len(src.Leaves())), Workers: 1}
	refused := 0
	plan.Columns[src.Leaf("u")] = Column{Op: Map, Nullable: true, New: Texts(func(data []byte, ends []uint32, src [][]byte) (_ []byte, _ []uint32, bad []int) {
		for i, v := range src {
			if bytes.HasSuffix(v, []byte("7")) {
				bad = append(bad, i)
			} else {
				data = append(append(data, 'm'), v[7:]...)
			}
			ends = append(ends, uint32(len(data)))
		}
		return data, ends, bad
	}, func(n int) { refused += n })}
	out := create(t)
	if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
		t.Fatal(err)
	}
	f := openBytes(t, contents(t, out))
	got, err := column(f, f.Leaf("u"), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	nulls := 0
	for i, v := range got {
		raw := rowOf("u", i).(string)
		if raw[len(raw)-1] == '7' {
			nulls++
			if v != nil {
				t.Fatalf("row %d: %v, want null", i, v)
			}
		} else if v != "m"+raw[7:] {
			t.Fatalf("row %d: %v of %s", i, v, raw)
		}
	}
	if nulls == 0 || nulls != refused {
		t.Errorf("%d nulls, %d counted", nulls, refused)
	}
}

// A function over texts that does not keep to its contract ends the work, and
// puts no byte of one value into another.
func TestTextsOfAnotherContract(t *testing.T) {
	t.Parallel()
	in := Values{Type: ByteArray, Data: []byte("abc"), off: []uint32{0, 1, 2, 3}, n: 3}
	for name, f := range map[string]TextFunc{
		"too few": func(data []byte, ends []uint32, src [][]byte) ([]byte, []uint32, []int) { return data, ends, nil },
		"a bad one with bytes": func(data []byte, ends []uint32, src [][]byte) ([]byte, []uint32, []int) {
			return append(data, "abc"...), append(ends, 1, 2, 3), []int{1}
		},
		"bad ones that are not there": func(data []byte, ends []uint32, src [][]byte) ([]byte, []uint32, []int) {
			return data, append(ends, 0, 0, 0), []int{2, 3}
		},
	} {
		var b Builder
		b.reset(ByteArray, 0)
		if err := Texts(f, nil)()(&in, &b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Texts to which values refer are written as texts one behind the other are, whether
// few are different, many, or more than a dictionary holds, with nulls and without, and
// whether they were made of values or of the source's dictionary.
func TestAlike(t *testing.T) {
	t.Parallel()
	text := func(v []byte, different int) string {
		return strings.Repeat("x", int(v[1])%3*8) + strconv.Itoa(int(v[0])<<8|int(v[1])%different)
	}
	for at := range 3 * 2 {
		different, coded := []int{1, 2, 256}[at/2], at%2 == 1
		for _, nulls := range []bool{false, true} {
			for _, values := range []int{0, 1, 3000, 70_000} {
				var w chunkWriter
				w.reset(ByteArray, 0, Snappy, kindV1, 0, 0, 0)
				var b Builder
				b.reset(ByteArray, 0)
				var want []any
				for i := range values {
					v := []byte{byte(i * 7 >> 8), byte(i * 7)}
					b.Bytes(v)
					if nulls && v[1]%5 == 0 {
						want = append(want, nil)
					} else {
						want = append(want, text(v, different))
					}
				}
				if w.dictMode = 2; coded {
					w.dictMode = 1
				}
				if err := w.values(pageOf{entries: values, rows: values}, &b); err != nil {
					t.Fatal(err)
				}
				src := openBytes(t, oneColumn(t, &w, "s"))
				plan := Plan{Workers: 1, Columns: []Column{{Op: Map, Nullable: nulls, New: func() MapFunc { panic("not asked for what is alike") },
					Alike: AlikeOrFail(func() AlikeFunc {
						known := map[string]uint32{}
						return func(fresh bool, data []byte, ends, refs []uint32, src [][]byte) (_ []byte, _, _ []uint32, bad []int) {
							if fresh {
								clear(known)
							}
							for i, v := range src {
								if nulls && v[1]%5 == 0 {
									bad = append(bad, i)
									continue
								}
								s := text(v, different)
								ref, ok := known[s]
								if !ok {
									ref = uint32(len(known))
									known[s] = ref
									data = append(data, s...)
									ends = append(ends, uint32(len(data)))
								}
								refs = append(refs, ref)
							}
							return data, ends, refs, bad
						}
					}, func([][]byte, []int) error { return nil })}}}
				out := create(t)
				if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
					t.Fatal(err)
				}
				got, err := column(openBytes(t, contents(t, out)), 0, 0, false)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d values, %d endings, nulls %t, coded %t: what is read is not what was made", values, different, nulls, coded)
				}
			}
		}
	}
}

// Indices that compression does not shorten are stored as they are, and the
// dictionary with them; another reader finds the same values. Where it does shorten
// them, or the dictionary is the larger part, they are compressed.
func TestIndicesStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	for _, c := range []struct {
		name string
		text func(i int) string
		want Codec
	}{
		{"random", func(int) string { return "person " + strconv.Itoa(rng.IntN(200)) }, Uncompressed},
		{"sorted", func(i int) string { return "person " + strconv.Itoa(i/100) }, Snappy},
		{"long", func(int) string { return strings.Repeat("person ", 50) + strconv.Itoa(rng.IntN(200)) }, Snappy},
	} {
		var w chunkWriter
		w.reset(ByteArray, 0, Snappy, kindV1, 0, 0, 0)
		var b Builder
		b.reset(ByteArray, 0)
		var want []string
		for i := range 20_000 {
			want = append(want, c.text(i))
			b.Bytes([]byte(want[i]))
		}
		if err := w.values(pageOf{entries: len(want), rows: len(want)}, &b); err != nil {
			t.Fatal(err)
		}
		codec := w.codec
		if w.used>>encDict&1 == 0 || codec != c.want {
			t.Errorf("%s: %s, encodings %b", c.name, codec, w.used)
		}
		if got := arrowTexts(t, oneColumn(t, &w, "s")); !slices.Equal(got, want) {
			t.Errorf("%s: another reader finds other values", c.name)
		}
	}
}

// arrowTexts are the texts of the only column as Arrow reads them.
func arrowTexts(t *testing.T, b []byte) (out []string) {
	t.Helper()
	r, err := file.NewParquetReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := fr.ReadTable(t.Context())
	if err != nil {
		t.Fatalf("another reader: %v", err)
	}
	defer tab.Release()
	for _, c := range tab.Column(0).Data().Chunks() {
		for i := range c.Len() {
			out = append(out, string(c.(*array.Binary).Value(i)))
		}
	}
	return out
}

// A dictionary tells nothing beyond the rows: a mapped one is in the order of
// first use, holds no value twice and none of no row, even where the source's is
// sorted, and values that fell together share an index.
func TestDictionarySaysNoMoreThanRows(t *testing.T) {
	for _, name := range []string{"sorted", "unused", "joined", "sorted and joined"} {
		t.Run(name, func(t *testing.T) {
			var w chunkWriter
			w.reset(ByteArray, 0, Snappy, kindV1, 0, 0, 0)
			words := []string{"alpha-1", "bravo-1", "carol-2", "delta-2"}
			for _, s := range words {
				w.dict.add([]byte(s))
			}
			index := []uint32{3, 0, 1, 2, 3, 3}
			if name == "unused" {
				index = []uint32{0, 1, 0, 1, 0, 2}
			}
			if name == "joined" {
				index = []uint32{0, 1, 2, 3, 0, 1}
			}
			if err := w.coded(pageOf{entries: 6, rows: 6}, index, nil); err != nil {
				t.Fatal(err)
			}
			src := openBytes(t, oneColumn(t, &w, "s"))
			plan := Plan{Columns: []Column{{Op: Map, New: Texts(func(data []byte, ends []uint32, src [][]byte) ([]byte, []uint32, []int) {
				for _, v := range src {
					if strings.HasSuffix(name, "joined") {
						v = v[6:]
					}
					data = append(append(data, "masked-"...), v...)
					ends = append(ends, uint32(len(data)))
				}
				return data, ends, nil
			}, nil)}}}
			out := create(t)
			if err := Transcode(t.Context(), src, plan, Output{File: out}); err != nil {
				t.Fatal(err)
			}
			f := openBytes(t, contents(t, out))
			s, err := f.Scan(0)
			if err != nil {
				t.Fatal(err)
			}
			s.KeepDict = true
			runs, err := s.Next(0)
			if err != nil || !runs[0].Coded {
				t.Fatal(err, "no dictionary")
			}
			next := uint32(0)
			seen := map[string]bool{}
			for i, x := range runs[0].Index {
				if x > next {
					t.Fatalf("row %d has index %d before %d was used", i, x, next)
				}
				if x == next {
					next++
					v := string(runs[0].Dict.Bytes(int(x)))
					if seen[v] {
						t.Fatalf("%s is in the dictionary twice", v)
					}
					seen[v] = true
				}
			}
			if int(next) != runs[0].Dict.Len() {
				t.Errorf("%d entries, %d used", runs[0].Dict.Len(), next)
			}
		})
	}
}

// oneColumn is a file of one required text column that w wrote.
func oneColumn(t *testing.T, w *chunkWriter, name string) []byte {
	t.Helper()
	rows := w.rows
	c, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	out := create(t)
	j := &job{p: &Plan{Columns: make([]Column, 1)}, leaf: []int{0}, f: &File{
		meta:   footer{schema: []element{{name: "root", children: 1}, {name: name, typ: int32(ByteArray), has: 1 | 1<<2 | 1<<3}}},
		leaves: []Leaf{{Path: []string{name}, Type: ByteArray, element: 1}}}}
	body := append(append([]byte("PAR1"), c.head...), pagesOf(c)...)
	if _, err := out.WriteAt(body, 0); err != nil {
		t.Fatal(err)
	}
	o := &output{Output: Output{File: out}, has: []bool{true}, end: int64(len(body)),
		groups: []outGroup{{Rows: rows, Start: 4, Chunks: []chunkMeta{c.meta}}}}
	if err := j.close(o); err != nil {
		t.Fatal(err)
	}
	return contents(t, out)
}

// pagesOf are the data pages of a chunk that refers to no bytes of a source.
func pagesOf(c written) (b []byte) {
	done := 0
	for _, r := range c.raw {
		b = append(append(b, c.body[done:r.at]...), r.data...)
		done = r.at
	}
	return append(b, c.body[done:]...)
}
