package pages

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Leaf is a column of values: a leaf of the schema's tree.
type Leaf struct {
	Path       []string // names from the root
	Type       Type
	Width      int  // bytes of a value; 0 for BYTE_ARRAY and BOOLEAN
	MaxDef     int  // definition level of a value that is there
	MaxRep     int  // 0: at most one value a row
	Text       bool // annotated as UTF-8, enum or JSON
	Annotation string
	Micros     int64 // of a timestamp: what one of its units is in microseconds; 0 for nanoseconds and unknown ones
	Unsigned   bool  // of an integer
	Scale      int   // of a decimal: digits behind the point
	element    int
}

// Name is the path with dots.
func (l *Leaf) Name() string {
	if len(l.Path) == 1 {
		return l.Path[0]
	}
	s := l.Path[0]
	for _, p := range l.Path[1:] {
		s += "." + p
	}
	return s
}

// Flat says whether each row has one value or null.
func (l *Leaf) Flat() bool { return l.MaxRep == 0 }

// File is an open Parquet file. Its methods may be called from several
// goroutines at once.
type File struct {
	r      io.ReaderAt
	size   int64
	foot   []byte // the footer's bytes
	meta   footer
	leaves []Leaf
}

// Open reads and checks the footer of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*File, error) {
	var tail [8]byte
	if size < 12 {
		return nil, damaged("footer", "too short")
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && err != io.EOF {
		return nil, err
	}
	if m := string(tail[4:]); m == "PARE" {
		return nil, unsupported("footer", "encrypted")
	} else if m != "PAR1" {
		return nil, damaged("footer", "no PAR1 at the end")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > size-12 {
		return nil, damaged("footer", "longer than the file")
	}
	if n > maxFooter {
		return nil, tooLarge("footer", n, maxFooter)
	}
	f := &File{r: r, size: size, foot: make([]byte, n)}
	if _, err := r.ReadAt(f.foot, size-8-n); err != nil {
		return nil, err
	}
	d := decoder{b: f.foot}
	f.meta.read(&d)
	switch {
	case f.meta.tooMany:
		return nil, tooLarge("footer: elements or column chunks", maxSchema, maxSchema)
	case d.bad:
		return nil, damaged("footer", "cannot be decoded")
	case f.meta.crypt:
		return nil, unsupported("footer", "encrypted")
	}
	if err := f.plant(); err != nil {
		return nil, err
	}
	return f, f.check()
}

// plant walks the schema and finds its leaves.
func (f *File) plant() error {
	s := f.meta.schema
	if len(s) == 0 {
		return damaged("schema", "empty")
	}
	pos := 0
	var walk func(path []string, def, rep, depth int) error
	walk = func(path []string, def, rep, depth int) error {
		if pos >= len(s) {
			return damaged("schema", "cut off")
		}
		if depth > maxDepth {
			return damaged("schema", "deeper than %d", maxDepth)
		}
		i := pos
		e := &s[i]
		pos++
		if i > 0 {
			switch e.rep {
			case 0:
			case 1:
				def++
			case 2:
				def, rep = def+1, rep+1
			default:
				return damaged("schema", "repetition %d", e.rep)
			}
			path = append(slices.Clip(path), e.name)
		}
		e.first = len(f.leaves)
		if e.children == 0 && e.present(1) && i > 0 {
			l := Leaf{Path: path, Type: Type(e.typ), MaxDef: def, MaxRep: rep, element: i}
			switch l.Type {
			case Int32, Float:
				l.Width = 4
			case Int64, Double:
				l.Width = 8
			case Int96:
				l.Width = 12
			case Fixed:
				if e.width <= 0 || e.width > maxWidth {
					return damaged("schema", "values of %d bytes", e.width)
				}
				l.Width = int(e.width)
			case Boolean, ByteArray:
			default:
				return unsupported("schema", "%s", l.Type)
			}
			l.annotate(e)
			f.leaves = append(f.leaves, l)
		} else {
			if e.children < 0 || int(e.children) > len(s) {
				return damaged("schema", "a group of %d", e.children)
			}
			for range e.children {
				if err := walk(path, def, rep, depth+1); err != nil {
					return err
				}
			}
		}
		e.until = len(f.leaves)
		return nil
	}
	if err := walk(nil, 0, 0, 0); err != nil {
		return err
	}
	if pos != len(s) {
		return damaged("schema", "%d elements in no group", len(s)-pos)
	}
	return nil
}

// annotate names the logical type; the older converted type says the same.
func (l *Leaf) annotate(e *element) {
	names := map[int16]string{1: "string", 2: "map", 3: "list", 4: "enum", 5: "decimal", 6: "date", 7: "time", 8: "timestamp",
		10: "integer", 11: "null", 12: "json", 13: "bson", 14: "uuid", 15: "float16"}
	d := decoder{b: e.logical}
	d.fields(func(id int16, typ byte) bool {
		l.Annotation = names[id]
		if typ != ctStruct || id != 5 && id != 8 && id != 10 {
			return false
		}
		l.detail(&d, id)
		return true
	})
	if l.Annotation == "" && e.present(6) {
		l.Annotation = map[int32]string{0: "string", 4: "enum", 5: "decimal", 6: "date", 7: "time", 8: "time", 9: "timestamp",
			10: "timestamp", 19: "json", 20: "bson"}[e.converted]
		if e.converted >= 11 && e.converted <= 18 {
			l.Annotation = "integer"
		}
		l.Unsigned = e.converted >= 11 && e.converted <= 14
		l.Micros = map[int32]int64{9: 1000, 10: 1}[e.converted]
	}
	if l.Annotation == "decimal" && l.Scale == 0 {
		l.Scale = int(e.scale)
	}
	l.Text = l.Annotation == "string" || l.Annotation == "enum" || l.Annotation == "json"
}

// detail reads the scale of a decimal, the unit of a timestamp and the sign of an
// integer.
func (l *Leaf) detail(d *decoder, logical int16) {
	d.fields(func(id int16, typ byte) bool {
		switch {
		case logical == 5 && id == 1 && typ == ctI32:
			l.Scale = int(d.i32())
			return true
		case logical == 8 && id == 2 && typ == ctStruct:
			d.fields(func(unit int16, _ byte) bool {
				l.Micros = map[int16]int64{1: 1000, 2: 1}[unit]
				return false
			})
			return true
		case logical == 10 && id == 2 && (typ == ctTrue || typ == ctFalse):
			l.Unsigned = typ == ctFalse
			return true
		}
		return false
	})
}

// check compares the row groups with the schema and the file: every chunk lies
// inside the file and shares no byte with another.
func (f *File) check() error {
	var rows int64
	var spans []span
	for g := range f.meta.groups {
		grp := &f.meta.groups[g]
		where := fmt.Sprintf("row group %d", g)
		if len(grp.chunks) != len(f.leaves) {
			return damaged(where, "%d column chunks for %d columns", len(grp.chunks), len(f.leaves))
		}
		if grp.rows < 0 || rows+grp.rows < rows {
			return damaged(where, "%d rows", grp.rows)
		}
		rows += grp.rows
		for i := range grp.chunks {
			c, l := &grp.chunks[i], &f.leaves[i]
			at := fmt.Sprintf("row group %d, column %s", g, clip(l.Name()))
			start := c.start()
			switch {
			case c.encrypted:
				return unsupported(at, "encrypted")
			case c.filePath:
				return unsupported(at, "in another file")
			case Type(c.typ) != l.Type:
				return damaged(at, "%s in a column of %s", Type(c.typ), l.Type)
			case c.values < 0 || l.Flat() && c.values != grp.rows:
				return damaged(at, "%d values in %d rows", c.values, grp.rows)
			case c.values == 0 && c.size == 0:
				continue
			case start < 4 || c.size < 0 || c.size > f.size-8-start:
				return damaged(at, "outside the file")
			}
			spans = append(spans, span{start, c.size})
		}
	}
	if rows != f.meta.rows {
		return damaged("footer", "%d rows, in row groups %d", f.meta.rows, rows)
	}
	slices.SortFunc(spans, func(a, b span) int {
		switch {
		case a.off < b.off:
			return -1
		case a.off > b.off:
			return 1
		}
		return 0
	})
	for i := 1; i < len(spans); i++ {
		if spans[i].off < spans[i-1].end() {
			return damaged("footer", "column chunks overlap at byte %d", spans[i].off)
		}
	}
	if n := len(spans); n > 0 && spans[n-1].end() > f.size-8-int64(len(f.foot)) {
		return damaged("footer", "a column chunk reaches into the footer")
	}
	return nil
}

// Rows is the number of rows.
func (f *File) Rows() int64 { return f.meta.rows }

// Leaves are the columns, in file order. Do not change them.
func (f *File) Leaves() []Leaf { return f.leaves }

// Leaf returns the index of the column with a dotted name, or -1.
func (f *File) Leaf(name string) int {
	return slices.IndexFunc(f.leaves, func(l Leaf) bool { return l.Name() == name })
}

// RowGroups is the number of row groups.
func (f *File) RowGroups() int { return len(f.meta.groups) }

// GroupRows is the number of rows of row group g.
func (f *File) GroupRows(g int) int64 { return f.meta.groups[g].rows }

// Metadata are the keys of the file's key-value metadata with their values.
func (f *File) Metadata() map[string]string {
	m := map[string]string{}
	for _, kv := range f.meta.kv {
		m[kv.key] = kv.value
	}
	return m
}

// clip bounds a foreign name before it is quoted in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
