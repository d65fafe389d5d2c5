package table

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// plainPage rewrites a page of fixed-length values in DELTA_BYTE_ARRAY, which
// Spark writes for decimals and the library does not decode, in PLAIN. levels is
// how many bytes of levels stand before the values.
func plainPage(p file.DataPage, levels, width int) (file.DataPage, error) {
	b := p.Data()
	vals, err := undelta(b[levels:], width)
	if err != nil {
		return nil, err
	}
	buf := memory.NewBufferBytes(append(b[:levels:levels], vals...))
	size := int32(buf.Len())
	switch v := p.(type) {
	case *file.DataPageV1:
		return file.NewDataPageV1(buf, v.NumValues(), parquet.Encodings.Plain,
			v.DefinitionLevelEncoding(), v.RepetitionLevelEncoding(), size), nil
	case *file.DataPageV2:
		return file.NewDataPageV2(buf, v.NumValues(), v.NumNulls(), v.NumRows(), parquet.Encodings.Plain,
			v.DefinitionLevelByteLen(), v.RepetitionLevelByteLen(), size, false), nil
	}
	return nil, fmt.Errorf("a page of type %d", p.Type())
}

// undelta decodes DELTA_BYTE_ARRAY: how much of the value before each begins
// with, the lengths of the rest, and the rests.
func undelta(b []byte, width int) ([]byte, error) {
	d := delta{b: b}
	prefix, err := d.ints()
	if err != nil {
		return nil, err
	}
	suffix, err := d.ints()
	if err != nil {
		return nil, err
	}
	if len(prefix) != len(suffix) || len(prefix)*width > maxPage {
		return nil, errors.New("a delta page with lengths that do not match")
	}
	out := make([]byte, 0, len(prefix)*width)
	for i := range prefix {
		p, s := prefix[i], suffix[i]
		if p < 0 || s < 0 || p+s != int64(width) || s > int64(len(d.b)) || i == 0 && p > 0 {
			return nil, errors.New("a delta page with values of another length")
		}
		if p > 0 {
			last := out[len(out)-width:]
			out = append(out, last[:p]...)
		}
		out = append(out, d.b[:s]...)
		d.b = d.b[s:]
	}
	return out, nil
}

// ints decodes one DELTA_BINARY_PACKED stream, which checkDelta has walked.
func (d *delta) ints() ([]int64, error) {
	block, minis, total := d.uvarint(), d.uvarint(), d.uvarint()
	v := d.varint()
	if d.bad || minis == 0 || block == 0 || block%minis != 0 || block/minis > maxMini || total > maxValues {
		return nil, errors.New("a delta stream is damaged")
	}
	per := int(block / minis)
	out := make([]int64, 0, min(total, 1<<16))
	if total > 0 {
		out = append(out, v)
	}
	for uint64(len(out)) < total {
		least := d.varint()
		if d.bad || uint64(len(d.b)) < minis {
			return nil, errors.New("a delta block is cut off")
		}
		widths := d.b[:minis]
		d.b = d.b[minis:]
		for _, w := range widths {
			if uint64(len(out)) >= total {
				break
			}
			n := per * int(w) / 8
			if w > 64 {
				return nil, errors.New("a delta block is damaged")
			}
			packed := d.b[:min(n, len(d.b))]
			d.b = d.b[len(packed):]
			for k := 0; k < per && uint64(len(out)) < total; k++ {
				bits, ok := unpack(packed, k*int(w), int(w))
				if !ok {
					return nil, errors.New("a delta block is cut off")
				}
				v += least + int64(bits)
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// varint reads a zigzag varint.
func (d *delta) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// unpack reads w bits from bit at on, the lowest first.
func unpack(b []byte, at, w int) (v uint64, ok bool) {
	for i := 0; i < w; {
		k := (at + i) / 8
		if k >= len(b) {
			return 0, false
		}
		shift := (at + i) % 8
		n := min(8-shift, w-i)
		v |= uint64(b[k]>>shift&(1<<n-1)) << i
		i += n
	}
	return v, true
}
