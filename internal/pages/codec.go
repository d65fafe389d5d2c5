package pages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is a compression of pages.
type Codec int32

const (
	Uncompressed Codec = 0
	Snappy       Codec = 1
	Gzip         Codec = 2
	Brotli       Codec = 4
	lz4Hadoop    Codec = 5 // deprecated: blocks behind big-endian lengths, or bare
	Zstd         Codec = 6
	LZ4          Codec = 7 // LZ4_RAW
)

func (c Codec) String() string {
	names := [...]string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprintf("codec %d", int32(c))
	}
	return names[c]
}

func (c Codec) known() bool { return c >= 0 && c <= LZ4 && c != 3 }

var (
	errLength = errors.New("not as long as its header says")

	unzstd = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPage))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
	enzstd = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic(err)
		}
		return e
	})
	gunzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	gzips   = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, 4); return w }}
)

// decompress fills dst, which has the page's declared length, from src.
func decompress(c Codec, dst, src []byte) error {
	switch c {
	case Uncompressed:
		if len(src) != len(dst) {
			return errLength
		}
		copy(dst, src)
		return nil
	case Snappy:
		n, err := s2.DecodedLen(src)
		if err != nil {
			return err
		}
		if n != len(dst) {
			return errLength
		}
		if n == 0 {
			return nil
		}
		_, err = s2.Decode(dst, src)
		return err
	case Zstd:
		out, err := unzstd().DecodeAll(src, dst[:0:len(dst)])
		if err == nil && len(out) != len(dst) {
			err = errLength
		}
		return err
	case LZ4:
		return unlz4(dst, src)
	case lz4Hadoop:
		if unhadoop(dst, src) == nil {
			return nil
		}
		return unlz4(dst, src)
	case Gzip:
		z := gunzips.Get().(*gzip.Reader)
		defer gunzips.Put(z)
		if err := z.Reset(bytes.NewReader(src)); err != nil {
			return err
		}
		return fill(dst, z)
	case Brotli:
		return fill(dst, brotli.NewReader(bytes.NewReader(src)))
	}
	return fmt.Errorf("%s: %w", c, ErrUnsupported)
}

// unsnapped decompresses b into its own beginning if it is n bytes that Snappy did not
// shorten, as random ones are; else it leaves b as it is, damaged or not.
func unsnapped(b []byte, n int) bool {
	size, head := binary.Uvarint(b)
	if head <= 0 || size != uint64(n) || n == 0 {
		return false
	}
	// literal is the run of bytes at a place: where it begins and ends.
	literal := func(at int) (from, to int, ok bool) {
		if b[at]&3 != 0 {
			return 0, 0, false
		}
		size, more := int(b[at]>>2), 0
		if from = at + 1; size >= 60 {
			more = size - 59
			if size = 0; more > len(b)-from {
				return 0, 0, false
			}
			for i := range more {
				size |= int(b[from+i]) << (8 * i)
			}
			from += more
		}
		return from, from + size + 1, size < len(b)-from
	}
	total := 0
	for at := head; at < len(b); {
		from, to, ok := literal(at)
		if !ok {
			return false
		}
		total, at = total+to-from, to
	}
	if total != n {
		return false
	}
	done := 0
	for at := head; at < len(b); {
		from, to, _ := literal(at)
		done += copy(b[done:], b[from:to]) // which ends before to
		at = to
	}
	return true
}

func unlz4(dst, src []byte) error {
	if len(dst) == 0 {
		return nil
	}
	n, err := lz4.UncompressBlock(src, dst)
	if err == nil && n != len(dst) {
		err = errLength
	}
	return err
}

func unhadoop(dst, src []byte) error {
	for len(dst) > 0 {
		if len(src) < 8 {
			return errLength
		}
		plain, packed := binary.BigEndian.Uint32(src), binary.BigEndian.Uint32(src[4:])
		if src = src[8:]; uint64(packed) > uint64(len(src)) || uint64(plain) > uint64(len(dst)) || plain == 0 {
			return errLength
		}
		if err := unlz4(dst[:plain], src[:packed]); err != nil {
			return err
		}
		dst, src = dst[plain:], src[packed:]
	}
	return nil
}

// fill reads exactly len(dst) bytes.
func fill(dst []byte, r io.Reader) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	var one [1]byte
	if n, err := r.Read(one[:]); n != 0 || err != nil && err != io.EOF {
		return errLength
	}
	return nil
}

// compressor holds what compressing needs, for one goroutine.
type compressor struct{ lz lz4.Compressor }

// writable is the codec that a chunk of codec c is written with.
func (c Codec) writable() Codec {
	if c == lz4Hadoop {
		return LZ4
	}
	return c
}

// append compresses src behind dst.
func (z *compressor) append(c Codec, dst, src []byte) ([]byte, error) {
	grow := func(n int) []byte {
		if cap(dst)-len(dst) < n {
			dst = append(make([]byte, 0, len(dst)+n+len(dst)/4), dst...)
		}
		return dst[len(dst) : len(dst)+n]
	}
	switch c {
	case Uncompressed:
		return append(dst, src...), nil
	case Snappy:
		out := s2.EncodeSnappy(grow(s2.MaxEncodedLen(len(src))), src)
		return dst[:len(dst)+len(out)], nil
	case Zstd:
		return enzstd().EncodeAll(src, dst), nil
	case LZ4:
		if len(src) == 0 {
			return append(dst, 0), nil
		}
		n, err := z.lz.CompressBlock(src, grow(lz4.CompressBlockBound(len(src))))
		if err == nil && n == 0 {
			err = errors.New("lz4: incompressible")
		}
		return dst[:len(dst)+n], err
	case Gzip:
		w := gzips.Get().(*gzip.Writer)
		defer gzips.Put(w)
		b := bytes.NewBuffer(dst)
		w.Reset(b)
		if _, err := w.Write(src); err != nil {
			return dst, err
		}
		err := w.Close()
		return b.Bytes(), err
	case Brotli:
		b := bytes.NewBuffer(dst)
		w := brotli.NewWriterLevel(b, 3)
		if _, err := w.Write(src); err != nil {
			return dst, err
		}
		err := w.Close()
		return b.Bytes(), err
	}
	return dst, fmt.Errorf("%s: %w", c, ErrUnsupported)
}
