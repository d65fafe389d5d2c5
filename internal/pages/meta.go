package pages

import "fmt"

// Type is a physical type of Parquet.
type Type int32

const (
	Boolean   Type = 0
	Int32     Type = 1
	Int64     Type = 2
	Int96     Type = 3
	Float     Type = 4
	Double    Type = 5
	ByteArray Type = 6
	Fixed     Type = 7 // FIXED_LEN_BYTE_ARRAY
)

func (t Type) String() string {
	names := [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}
	if t < 0 || int(t) >= len(names) {
		return fmt.Sprintf("type %d", int32(t))
	}
	return names[t]
}

// Encodings.
const (
	encPlain       = 0
	encPlainDict   = 2
	encRLE         = 3
	encBitPacked   = 4
	encDelta       = 5
	encDeltaLength = 6
	encDeltaBytes  = 7
	encDict        = 8
	encSplit       = 9
)

// element is a node of the schema.
type element struct {
	typ, width   int32
	rep          int32 // 0 required, 1 optional, 2 repeated
	name         string
	children     int32
	converted    int32
	scale, prec  int32
	fieldID      int32
	logical      []byte // raw struct
	has          uint16 // bit i: field i+1 is present
	first, until int    // the leaves below
}

func (e *element) present(id int) bool { return e.has>>(id-1)&1 == 1 }

type keyValue struct{ key, value string }

// chunk is a column chunk as the footer describes it.
type chunk struct {
	typ                int32
	codec              int32
	values             int64
	uncompressed, size int64
	dataPage, dictPage int64 // offsets; dictPage 0: none
	encodings          []int32
	stats, encStats    []byte // raw
	sizes              []byte // raw SizeStatistics
	filePath           bool
	encrypted          bool
	offsetIndex        span
	columnIndex        span
	path               int // parts of path_in_schema
}

type span struct{ off, n int64 }

func (s span) end() int64 { return s.off + s.n }

// start is where the chunk's first page begins.
func (c *chunk) start() int64 {
	if c.dictPage > 0 && c.dictPage < c.dataPage {
		return c.dictPage
	}
	return c.dataPage
}

type group struct {
	chunks []chunk
	rows   int64
}

type footer struct {
	version int32
	schema  []element
	rows    int64
	groups  []group
	kv      []keyValue
	orders  bool // column orders are present
	chunks  int
	tooMany bool
	crypt   bool
}

// read fills f from the bytes of a FileMetaData. Strings are copied, raw
// structs are views.
func (f *footer) read(d *decoder) {
	d.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == ctI32:
			f.version = d.i32()
		case id == 2 && typ == ctList:
			d.structs(func() {
				if len(f.schema) >= maxSchema {
					f.tooMany = true
					d.fail()
					return
				}
				f.schema = append(f.schema, readElement(d))
			})
		case id == 3 && typ == ctI64:
			f.rows = d.i64()
		case id == 4 && typ == ctList:
			d.structs(func() { f.readGroup(d) })
		case id == 5 && typ == ctList:
			d.structs(func() {
				var kv keyValue
				d.fields(func(id int16, typ byte) bool {
					switch {
					case id == 1 && typ == ctBinary:
						kv.key = d.string()
					case id == 2 && typ == ctBinary:
						kv.value = d.string()
					default:
						return false
					}
					return true
				})
				if f.kv = append(f.kv, kv); len(f.kv) > maxKeyVals {
					f.tooMany = true
					d.fail()
				}
			})
		case id == 7 && typ == ctList:
			f.orders = true
			return false
		case id == 8:
			f.crypt = true
			return false
		default:
			return false
		}
		return true
	})
}

func readElement(d *decoder) element {
	var e element
	d.fields(func(id int16, typ byte) bool {
		if id < 1 || id > 10 {
			return false
		}
		switch {
		case id == 4 && typ == ctBinary:
			e.name = d.string()
		case id == 10 && typ == ctStruct:
			e.logical = d.raw(typ)
		case typ == ctI32 && id != 4 && id != 10:
			v := d.i32()
			switch id {
			case 1:
				e.typ = v
			case 2:
				e.width = v
			case 3:
				e.rep = v
			case 5:
				e.children = v
			case 6:
				e.converted = v
			case 7:
				e.scale = v
			case 8:
				e.prec = v
			case 9:
				e.fieldID = v
			}
		default:
			return false
		}
		e.has |= 1 << (id - 1)
		return true
	})
	return e
}

func (f *footer) readGroup(d *decoder) {
	var g group
	d.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == ctList:
			d.structs(func() {
				if f.chunks++; f.chunks > maxChunks {
					f.tooMany = true
					d.fail()
					return
				}
				g.chunks = append(g.chunks, readChunk(d))
			})
		case id == 3 && typ == ctI64:
			g.rows = d.i64()
		default:
			return false
		}
		return true
	})
	if f.groups = append(f.groups, g); len(f.groups) > maxChunks {
		f.tooMany = true
		d.fail()
	}
}

func readChunk(d *decoder) chunk {
	var c chunk
	d.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == ctBinary:
			c.filePath = len(d.bytes()) > 0
		case id == 3 && typ == ctStruct:
			readColumn(d, &c)
		case id == 4 && typ == ctI64:
			c.offsetIndex.off = d.i64()
		case id == 5 && typ == ctI32:
			c.offsetIndex.n = int64(d.i32())
		case id == 6 && typ == ctI64:
			c.columnIndex.off = d.i64()
		case id == 7 && typ == ctI32:
			c.columnIndex.n = int64(d.i32())
		case id == 8 || id == 9:
			c.encrypted = true
			return false
		default:
			return false
		}
		return true
	})
	return c
}

func readColumn(d *decoder, c *chunk) {
	d.fields(func(id int16, typ byte) bool {
		switch {
		case id == 1 && typ == ctI32:
			c.typ = d.i32()
		case id == 2 && typ == ctList:
			n, t := d.list()
			if t != ctI32 && n > 0 || n > 100 {
				d.fail()
				return true
			}
			for range n {
				c.encodings = append(c.encodings, d.i32())
			}
		case id == 3 && typ == ctList:
			n, t := d.list()
			if t != ctBinary && n > 0 {
				d.fail()
				return true
			}
			for range n {
				d.bytes()
			}
			c.path = n
		case id == 4 && typ == ctI32:
			c.codec = d.i32()
		case id == 5 && typ == ctI64:
			c.values = d.i64()
		case id == 6 && typ == ctI64:
			c.uncompressed = d.i64()
		case id == 7 && typ == ctI64:
			c.size = d.i64()
		case id == 9 && typ == ctI64:
			c.dataPage = d.i64()
		case id == 11 && typ == ctI64:
			c.dictPage = d.i64()
		case id == 12 && typ == ctStruct:
			c.stats = d.raw(typ)
		case id == 13 && typ == ctList:
			c.encStats = d.raw(typ)
		case id == 16 && typ == ctStruct:
			c.sizes = d.raw(typ)
		default:
			return false
		}
		return true
	})
}

// pageHeader is the header of any page.
type pageHeader struct {
	kind               int32 // 0 data v1, 1 index, 2 dictionary, 3 data v2
	uncompressed, size int32
	crc                uint32
	hasCRC             bool
	values             int32
	nulls, rows        int32 // v2
	encoding           int32
	defEnc, repEnc     int32 // v1
	defLen, repLen     int32 // v2
	plain              bool  // v2: values are not compressed
	header             int   // bytes of the header itself
	hasBody            bool
}

const (
	kindV1   = 0
	kindDict = 2
	kindV2   = 3
)

func readPageHeader(d *decoder) pageHeader {
	var h pageHeader
	from := d.pos
	d.fields(func(id int16, typ byte) bool {
		switch {
		case typ == ctI32 && id == 1:
			h.kind = d.i32()
		case typ == ctI32 && id == 2:
			h.uncompressed = d.i32()
		case typ == ctI32 && id == 3:
			h.size = d.i32()
		case typ == ctI32 && id == 4:
			h.crc, h.hasCRC = uint32(d.i32()), true
		case typ == ctStruct && (id == 5 || id == 7 || id == 8):
			h.hasBody = true
			d.fields(func(f int16, typ byte) bool {
				if id == 8 && f == 7 {
					h.plain = typ == ctFalse
					return true
				}
				if typ != ctI32 || f > 6 || id == 7 && f > 2 || id == 5 && f > 4 {
					return false
				}
				v := d.i32()
				switch {
				case f == 1:
					h.values = v
				case id != 8 && f == 2, f == 4 && id == 8:
					h.encoding = v
				case id == 5 && f == 3:
					h.defEnc = v
				case id == 5 && f == 4:
					h.repEnc = v
				case f == 2:
					h.nulls = v
				case f == 3:
					h.rows = v
				case f == 5:
					h.defLen = v
				case f == 6:
					h.repLen = v
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	h.header = d.pos - from
	return h
}

// check says what is wrong with a header in itself.
func (h *pageHeader) check() error {
	switch {
	case h.size < 0 || h.uncompressed < 0 || h.size > maxPage || h.uncompressed > maxPage:
		return fmt.Errorf("a page of %d bytes, %d decompressed", h.size, h.uncompressed)
	case h.kind != 1 && !h.hasBody:
		return fmt.Errorf("a page header without its part")
	case h.values < 0 || h.values > maxValues:
		return fmt.Errorf("a page of %d values", h.values)
	case h.kind == kindV2 && (h.defLen < 0 || h.repLen < 0 || int64(h.defLen)+int64(h.repLen) > int64(min(h.size, h.uncompressed))):
		return fmt.Errorf("levels longer than their page")
	case h.kind == kindV2 && (h.nulls < 0 || h.nulls > h.values || h.rows < 0 || h.rows > h.values):
		return fmt.Errorf("%d nulls and %d rows in %d values", h.nulls, h.rows, h.values)
	}
	return nil
}

// write appends the header of a page that this package made.
func (h *pageHeader) write(b []byte) []byte {
	e := encoder{b: b}
	e.begin()
	e.i32(1, h.kind)
	e.i32(2, h.uncompressed)
	e.i32(3, h.size)
	if h.hasCRC {
		e.i32(4, int32(h.crc))
	}
	switch h.kind {
	case kindV1:
		e.field(5, ctStruct)
		e.begin()
		e.i32(1, h.values)
		e.i32(2, h.encoding)
		e.i32(3, h.defEnc)
		e.i32(4, h.repEnc)
		e.end()
	case kindDict:
		e.field(7, ctStruct)
		e.begin()
		e.i32(1, h.values)
		e.i32(2, h.encoding)
		e.end()
	case kindV2:
		e.field(8, ctStruct)
		e.begin()
		e.i32(1, h.values)
		e.i32(2, h.nulls)
		e.i32(3, h.rows)
		e.i32(4, h.encoding)
		e.i32(5, h.defLen)
		e.i32(6, h.repLen)
		e.bool(7, !h.plain)
		e.end()
	}
	e.end()
	return e.b
}
