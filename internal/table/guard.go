package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Bounds of a Parquet file. They hold where the library below trusts what a
// file says about itself: a few hostile bytes may otherwise ask it for
// gigabytes, or for a recursion that ends the process.
const (
	maxFooter = 64 << 20
	maxSchema = 20_000    // elements, groups included
	maxPage   = 128 << 20 // bytes of a page, compressed or not (DuckDB writes up to 100 MB)
	maxValues = 1 << 24   // values of a page
	maxDict   = 1 << 22   // values of a dictionary
	maxMini   = 1 << 16   // values of a miniblock of a delta encoding
	maxBatch  = 256 << 20 // bytes of text in a batch
)

// maxMemory bounds the pages and dictionaries that a reader holds at once, of
// all its columns together.
var maxMemory = int64(1 << 30)

// budget is the allocator of one reader. The library frees from finalizers too.
type budget struct {
	mem  memory.Allocator
	used atomic.Int64
}

// take panics when a reader asks for more than it may hold; the reader turns
// the panic into its error.
func (b *budget) take(n int) {
	if b.used.Add(int64(n)) > maxMemory {
		panic(fmt.Sprintf("pages of more than %d MiB at once", maxMemory>>20))
	}
}

func (b *budget) Allocate(n int) []byte {
	b.take(n)
	return b.mem.Allocate(n)
}

func (b *budget) Reallocate(n int, old []byte) []byte {
	b.take(n - len(old))
	return b.mem.Reallocate(n, old)
}

func (b *budget) Free(buf []byte) {
	b.used.Add(-int64(len(buf)))
	b.mem.Free(buf)
}

// checkFooter looks at the footer before the library does: its length, and how
// many elements its schema has (the library walks them by recursion). In
// Thrift's compact protocol a FileMetaData begins with field 1, the version,
// and field 2, the list of schema elements; every writer keeps that order.
func checkFooter(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var tail [8]byte
	if size < 12 {
		return damaged("footer", errors.New("too short"))
	}
	if _, err := f.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	if string(tail[4:]) != "PAR1" {
		return damaged("footer", errors.New("no PAR1 at the end"))
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > size-12 {
		return damaged("footer", errors.New("longer than the file"))
	}
	if n > maxFooter {
		return tooLarge("footer", fmt.Sprintf("%d bytes, at most %d", n, maxFooter), fmt.Sprintf("%d 字节，最多 %d", n, maxFooter))
	}
	head := make([]byte, min(n, 32))
	if _, err := f.ReadAt(head, size-8-n); err != nil {
		return err
	}
	d := delta{b: head}
	ok := d.byte() == 0x15 // field 1, i32
	d.uvarint()
	ok = ok && d.byte() == 0x19 // field 2, list
	kind := d.byte()
	elems := uint64(kind >> 4)
	if elems == 15 {
		elems = d.uvarint()
	}
	if !ok || kind&15 != 12 || d.bad {
		return damaged("footer", errors.New("no schema where it belongs"))
	}
	if elems > maxSchema {
		return tooLarge("schema", fmt.Sprintf("%d elements, at most %d", elems, maxSchema), fmt.Sprintf("%d 个元素，最多 %d", elems, maxSchema))
	}
	return nil
}

// guard looks at every page before it is decoded.
type guard struct {
	file.PageReader
	maxDef int16
	width  int // of fixed-length values; 0 for others
	budget *budget
	dicts  *int // bytes that the dictionaries of the row group take when decoded
}

// Page returns the page that Next found, or panics with why it may not be
// decoded; the reader turns the panic into its error.
func (g guard) Page() file.Page {
	p := g.PageReader.Page()
	if p == nil {
		return nil
	}
	if p.NumValues() < 0 || p.NumValues() > maxValues {
		panic(fmt.Sprintf("a page of %d values", p.NumValues()))
	}
	switch d := p.(type) {
	case *file.DictionaryPage:
		if err := g.checkDictionary(d); err != nil {
			panic(err.Error())
		}
	case file.DataPage:
		levels, err := g.checkDelta(d)
		if err == nil && g.width > 0 && parquet.Encoding(d.Encoding()) == parquet.Encodings.DeltaByteArray {
			p, err = plainPage(d, levels, g.width)
		}
		if err != nil {
			panic(err.Error())
		}
	}
	return p
}

// GetDictionaryPage returns the dictionary, if it holds as many values as it says.
func (g guard) GetDictionaryPage() (*file.DictionaryPage, error) {
	d, err := g.PageReader.GetDictionaryPage()
	if err == nil && d != nil {
		err = g.checkDictionary(d)
	}
	return d, err
}

// checkDictionary refuses more values than bytes (no value takes fewer), and
// charges the budget for what the library will make of them.
func (g guard) checkDictionary(d *file.DictionaryPage) error {
	n := int(d.NumValues())
	if n < 0 || n > maxDict || n > len(d.Data()) {
		return fmt.Errorf("a dictionary of %d values in %d bytes", n, len(d.Data()))
	}
	const header = 24 // of a byte slice
	*g.dicts += header * n
	g.budget.take(header * n)
	return nil
}

// checkDelta walks the blocks of a delta-encoded page, whose header may claim
// miniblocks of 2^32 values in a few bytes. It returns where its values begin.
func (g guard) checkDelta(p file.DataPage) (levels int, err error) {
	streams := 1
	switch parquet.Encoding(p.Encoding()) {
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray:
	case parquet.Encodings.DeltaByteArray:
		streams = 2 // lengths of prefixes, then of suffixes
	default:
		return 0, nil
	}
	b := p.Data()
	switch v := p.(type) {
	case *file.DataPageV1:
		if g.maxDef > 0 {
			if len(b) < 4 {
				return 0, errors.New("a page without levels")
			}
			n := int64(binary.LittleEndian.Uint32(b)) + 4
			if n > int64(len(b)) {
				return 0, errors.New("levels longer than their page")
			}
			levels = int(n)
		}
	case *file.DataPageV2:
		n := int(v.DefinitionLevelByteLen()) + int(v.RepetitionLevelByteLen())
		if n < 0 || n > len(b) {
			return 0, errors.New("levels longer than their page")
		}
		levels = n
	}
	d := delta{b: b[levels:]}
	for range streams {
		if err := d.skip(); err != nil {
			return 0, err
		}
	}
	return levels, nil
}

// delta reads the bytes of a DELTA_BINARY_PACKED stream without its values.
type delta struct {
	b   []byte
	bad bool
}

func (d *delta) byte() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *delta) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// skip moves behind one stream, or says why it may not be decoded.
func (d *delta) skip() error {
	block, minis, total := d.uvarint(), d.uvarint(), d.uvarint()
	d.uvarint() // first value
	if d.bad || minis == 0 || block == 0 || block%minis != 0 || block/minis > maxMini || minis > maxMini {
		return fmt.Errorf("delta blocks of %d values in %d miniblocks", block, minis)
	}
	if total > maxValues {
		return fmt.Errorf("a delta stream of %d values", total)
	}
	for left := int64(total) - 1; left > 0; {
		d.uvarint() // least delta
		if uint64(len(d.b)) < minis {
			return errors.New("a delta block is cut off")
		}
		widths := d.b[:minis]
		d.b = d.b[minis:]
		for _, w := range widths {
			if left <= 0 {
				break // miniblocks behind the last value are not written
			}
			n := int64(block/minis) * int64(w) / 8
			if w > 64 || d.bad {
				return errors.New("a delta block is damaged")
			}
			// The last miniblock may be cut off behind its last value.
			d.b = d.b[min(n, int64(len(d.b))):]
			left -= int64(block / minis)
		}
	}
	return nil
}

// The codecs that would decompress more than the page has room for.
func init() {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPage))
	if err != nil {
		panic(err) // the options are constants
	}
	wrap := func(c compress.Compression, decode func(dst, src []byte) ([]byte, error)) bounded {
		codec, err := compress.GetCodec(c)
		if err != nil {
			panic(err)
		}
		b := bounded{codec, decode}
		compress.RegisterCodec(c, b)
		return b
	}
	compress.RegisterCodec(compress.Codecs.Zstd, zstdPages{wrap(compress.Codecs.Zstd, func(dst, src []byte) ([]byte, error) { return z.DecodeAll(src, dst[:0:len(dst)]) })})
	// The library leaves LZ4, which is LZ4 in Hadoop's frames, to others.
	raw, err := compress.GetCodec(compress.Codecs.Lz4Raw)
	if err != nil {
		panic(err)
	}
	compress.RegisterCodec(compress.Codecs.Lz4, bounded{raw, hadoopLZ4})
	wrap(compress.Codecs.Snappy, func(dst, src []byte) ([]byte, error) {
		if n, err := snappy.DecodedLen(src); err != nil || n > len(dst) {
			return nil, errors.New("snappy: longer than its page")
		}
		return snappy.Decode(dst, src)
	})
}

// bounded is a codec that never writes beyond the destination it is given.
type bounded struct {
	compress.Codec
	decode func(dst, src []byte) ([]byte, error)
}

func (b bounded) DecodeWithError(dst, src []byte) ([]byte, error) { return b.decode(dst, src) }

// hadoopLZ4 reads frames of a length decompressed, a length compressed (both
// four bytes, big-endian) and a block; or one block alone, as early writers of
// the codec left it.
func hadoopLZ4(dst, src []byte) ([]byte, error) {
	n, rest, framed := 0, src, len(src) > 8
	for framed && len(rest) > 0 {
		if len(rest) < 8 {
			framed = false
			break
		}
		size, packed := int64(binary.BigEndian.Uint32(rest)), int64(binary.BigEndian.Uint32(rest[4:]))
		if packed > int64(len(rest)-8) || size > int64(len(dst)-n) {
			framed = false
			break
		}
		k, err := lz4.UncompressBlock(rest[8:8+packed], dst[n:n+int(size)])
		if err != nil || int64(k) != size {
			framed = false
			break
		}
		n, rest = n+k, rest[8+packed:]
	}
	if framed {
		return dst[:n], nil
	}
	n, err := lz4.UncompressBlock(src, dst)
	if err != nil {
		return nil, fmt.Errorf("lz4: %w", err)
	}
	return dst[:n], nil
}
