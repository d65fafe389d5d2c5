package pages

import (
	"encoding/binary"
	"os"
	"testing"
)

// A leaf is apart where runs of rows do not overlap by their statistics, in whatever
// order the runs are; what is not known, and one value for all, is not.
func TestApart(t *testing.T) {
	i32 := func(v int32) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }
	text := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name string
		leaf Leaf
		runs [][2][]byte
		want bool
	}{
		{"rising", Leaf{Type: Int32, Width: 4}, [][2][]byte{{i32(-5), i32(3)}, {i32(3), i32(9)}, {i32(10), i32(300)}}, true},
		{"falling", Leaf{Type: Int32, Width: 4}, [][2][]byte{{i32(10), i32(300)}, {i32(3), i32(9)}, {i32(-5), i32(2)}}, true},
		{"overlapping", Leaf{Type: Int32, Width: 4}, [][2][]byte{{i32(-5), i32(4)}, {i32(3), i32(9)}}, false},
		{"one value", Leaf{Type: Int32, Width: 4}, [][2][]byte{{i32(7), i32(7)}, {i32(7), i32(7)}}, false},
		{"one run", Leaf{Type: Int32, Width: 4}, [][2][]byte{{i32(1), i32(7)}}, false},
		{"unsigned", Leaf{Type: Int32, Width: 4, Unsigned: true}, [][2][]byte{{i32(1), i32(7)}, {i32(8), i32(-1)}}, true},
		{"texts", Leaf{Type: ByteArray}, [][2][]byte{{text("b"), text("bz")}, {text("c"), text("d")}, {text(""), text("azz")}}, true},
		{"not known", Leaf{Type: ByteArray}, [][2][]byte{{text("b"), text("bz")}, {nil, nil}}, false},
		{"of another width", Leaf{Type: Int32, Width: 4}, [][2][]byte{{i32(1), i32(7)}, {i32(8), {9}}}, false},
	} {
		f := &File{leaves: []Leaf{c.leaf}}
		for _, r := range c.runs {
			e := encoder{}
			e.begin()
			if r[0] != nil {
				e.str(5, string(r[1]))
				e.str(6, string(r[0]))
			}
			e.end()
			f.meta.groups = append(f.meta.groups, group{rows: int64(unitRows), chunks: []chunk{{stats: e.b}}})
		}
		if got := f.Apart(0); got != c.want {
			t.Errorf("%s: apart is %t", c.name, got)
		}
	}
}

// Files of other tools say of their row groups what Apart asks for.
func TestApartInOtherFiles(t *testing.T) {
	smallUnits(t)
	looked := 0
	for _, name := range goldens(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := openBytes(t, b)
		id, i := f.Leaf("id"), f.Leaf("i")
		if f.RowGroups() < 2 || id < 0 || i < 0 || f.meta.groups[0].chunks[id].stats == nil {
			continue
		}
		looked++
		if !f.Apart(id) {
			t.Errorf("%s: rows are sorted by id, and nothing says so", name)
		}
		if f.Apart(i) {
			t.Errorf("%s: rows are said to be sorted by i", name)
		}
	}
	if looked < 5 {
		t.Errorf("%d files have several row groups and statistics", looked)
	}
}
