package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// arrowGuard passes an Arrow IPC stream on, message by message, when the counts
// in a message's head fit into its bytes: the library makes room for what they
// claim before it looks. The layout of heads is that of FlatBuffers (tables with
// a vtable, vectors with a count) under Arrow's Message.fbs and Schema.fbs.
type arrowGuard struct {
	r    io.Reader
	head []byte // of a message that was looked at, to be passed on
	body int64  // bytes behind it, to be passed on
	end  bool
}

const maxRecordRows = 1 << 28

func (g *arrowGuard) Read(p []byte) (int, error) {
	if len(g.head) == 0 && g.body == 0 {
		if g.end {
			return 0, io.EOF
		}
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.head) > 0 {
		n := copy(p, g.head)
		g.head = g.head[n:]
		return n, nil
	}
	if int64(len(p)) > g.body {
		p = p[:g.body]
	}
	n, err := g.r.Read(p)
	g.body -= int64(n)
	if err == io.EOF && g.body > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads a message's head.
func (g *arrowGuard) next() error {
	head := make([]byte, 4, 8)
	if _, err := io.ReadFull(g.r, head); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(head)
	if size == 0xffffffff { // a mark, then the length; before Arrow 0.15 the length alone
		head = head[:8]
		if _, err := io.ReadFull(g.r, head[4:]); err != nil {
			return err
		}
		size = binary.LittleEndian.Uint32(head[4:])
	}
	if size == 0 {
		g.head, g.end = head, true
		return nil
	}
	if size > maxFooter {
		return fmt.Errorf("the head of a message has %d bytes", size)
	}
	meta := make([]byte, size)
	if _, err := io.ReadFull(g.r, meta); err != nil {
		return err
	}
	body, err := checkMessage(meta)
	if err != nil {
		return err
	}
	g.head, g.body = append(head, meta...), body
	return nil
}

var errHead = errors.New("the head of a message is damaged")

// checkMessage looks at a Message and returns how long its body is.
func checkMessage(b []byte) (body int64, err error) {
	f := flat{b: b}
	m := f.table(f.offset(0))
	kind := f.scalar(m, 1, 1)
	body = int64(f.scalar(m, 3, 8))
	f.keyValues(m, 4)
	h := f.table(f.ref(m, 2))
	switch kind {
	case 1:
		f.fields(h, 1, 0)
		f.keyValues(h, 2)
	case 2:
		f.record(f.table(f.ref(h, 1)))
	case 3:
		f.record(h)
	}
	if f.bad || body < 0 || body > maxMessage {
		return 0, errHead
	}
	return body, nil
}

// flat reads FlatBuffers. What is not where it should be sets bad.
type flat struct {
	b      []byte
	bad    bool
	tables int
}

// tableAt is a table and its vtable; zero for one that is absent.
type tableAt struct{ at, vt, size int }

func (f *flat) fail() int { f.bad = true; return 0 }

func (f *flat) u32(at int) int {
	if at < 0 || at+4 > len(f.b) {
		return f.fail()
	}
	return int(binary.LittleEndian.Uint32(f.b[at:]))
}

func (f *flat) u16(at int) int {
	if at < 0 || at+2 > len(f.b) {
		return f.fail()
	}
	return int(binary.LittleEndian.Uint16(f.b[at:]))
}

// offset follows the offset that stands at a place.
func (f *flat) offset(at int) int { return at + f.u32(at) }

func (f *flat) table(at int) (t tableAt) {
	if f.bad || at == 0 {
		return t
	}
	if f.tables++; f.tables > 4*maxSchema { // tables may be shared, and so be without number
		f.fail()
		return t
	}
	vt := at - int(int32(f.u32(at)))
	size := f.u16(vt)
	if f.bad || size < 4 || vt+size > len(f.b) {
		f.fail()
		return t
	}
	return tableAt{at, vt, size}
}

// field returns where field i stands, or 0.
func (f *flat) field(t tableAt, i int) int {
	k := 4 + 2*i
	if t.at == 0 || k >= t.size { // as the library looks: a damaged size may be odd
		return 0
	}
	if off := f.u16(t.vt + k); off != 0 {
		return t.at + off
	}
	return 0
}

func (f *flat) scalar(t tableAt, i, width int) uint64 {
	at := f.field(t, i)
	if at == 0 || at+width > len(f.b) {
		if at != 0 {
			f.fail()
		}
		return 0
	}
	var v [8]byte
	copy(v[:], f.b[at:at+width])
	return binary.LittleEndian.Uint64(v[:])
}

// ref returns what field i, a table, vector or text, points to, or 0.
func (f *flat) ref(t tableAt, i int) int {
	at := f.field(t, i)
	if at == 0 {
		return 0
	}
	return f.offset(at)
}

// vector returns where the elements of field i begin and how many there are,
// each of width bytes.
func (f *flat) vector(t tableAt, i, width int) (at, n int) {
	at = f.ref(t, i)
	if at == 0 {
		return 0, 0
	}
	n = f.u32(at)
	if f.bad || n > (len(f.b)-at-4)/width {
		f.fail()
		return 0, 0
	}
	return at + 4, n
}

func (f *flat) keyValues(t tableAt, i int) {
	at, n := f.vector(t, i, 4)
	for k := 0; k < n && !f.bad; k++ {
		kv := f.table(f.offset(at + 4*k))
		f.vector(kv, 0, 1)
		f.vector(kv, 1, 1)
	}
}

// fields looks at a vector of Field and all below.
func (f *flat) fields(t tableAt, i, depth int) {
	at, n := f.vector(t, i, 4)
	if depth > maxDepth {
		f.fail()
	}
	for k := 0; k < n && !f.bad; k++ {
		field := f.table(f.offset(at + 4*k))
		f.vector(field, 0, 1) // name
		kind := f.scalar(field, 2, 1)
		typ := f.table(f.ref(field, 3))
		switch kind {
		case 13: // Timestamp
			f.vector(typ, 1, 1)
		case 14: // Union
			f.vector(typ, 1, 4)
		}
		f.table(f.ref(field, 4)) // dictionary
		f.fields(field, 5, depth+1)
		f.keyValues(field, 6)
	}
}

// record looks at a RecordBatch.
func (f *flat) record(t tableAt) {
	if rows := int64(f.scalar(t, 0, 8)); rows < 0 || rows > maxRecordRows {
		f.fail()
	}
	f.vector(t, 1, 16)
	f.vector(t, 2, 16)
	f.vector(t, 4, 8)
}
