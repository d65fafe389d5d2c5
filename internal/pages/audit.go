package pages

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Leak is a place where a raw value still stands.
type Leak struct {
	Value int    // index of the value looked for
	Where string // "file, byte 123" or "row group 0, column a, byte 12 of a page"
}

// Audit looks for each of the raw values in the bytes of a file as they are, and
// in every page of it decompressed, dictionaries included. It returns at most
// one leak a value and region. Values of fewer than four bytes are not looked
// for: they are found everywhere.
func Audit(r io.ReaderAt, size int64, raw [][]byte) ([]Leak, error) {
	a := newFinder(raw)
	var out []Leak
	find := func(b []byte, where string, base int64) {
		a.find(b, func(value, at int) {
			out = append(out, Leak{value, fmt.Sprintf("%s, byte %d", where, base+int64(at))})
		})
	}
	// The file in windows that overlap by the longest value.
	const window = 8 << 20
	buf := make([]byte, window+a.longest)
	for at := int64(0); at < size; at += window {
		b := buf[:min(int64(len(buf)), size-at)]
		if err := readFull(r, b, at); err != nil {
			return nil, err
		}
		find(b, "file", at)
	}
	f, err := Open(r, size)
	if err != nil {
		return nil, err
	}
	var c chunkReader
	var unpacked []byte
	for g := range f.meta.groups {
		for l := range f.leaves {
			if err := c.reset(f, g, l); err != nil {
				return nil, err
			}
			for {
				h, b, err := c.raw()
				if err == io.EOF {
					break
				}
				if err != nil {
					return nil, err
				}
				k := int(h.defLen + h.repLen)
				plain, err := c.expand(&unpacked, b[k:], int(h.uncompressed)-k, !h.plain)
				if err != nil {
					return nil, c.wrap(err)
				}
				find(plain, c.where()+" (page)", 0)
			}
		}
	}
	return out, nil
}

// Find is Audit for bytes that are no Parquet file.
func Find(b []byte, raw [][]byte) (out []Leak) {
	newFinder(raw).find(b, func(value, at int) { out = append(out, Leak{value, fmt.Sprintf("byte %d", at)}) })
	return out
}

// finder looks for many values at once by their first four bytes.
type finder struct {
	values  [][]byte
	first   map[uint32][]int
	maybe   []uint64 // bits: whether any value begins with four bytes of this hash
	longest int
}

const maybeBits = 20

func maybe(k uint32) uint32 { return k * 0x9e3779b1 >> (32 - maybeBits) }

func newFinder(values [][]byte) *finder {
	f := &finder{values: values, first: map[uint32][]int{}, maybe: make([]uint64, 1<<maybeBits/64)}
	for i, v := range values {
		if len(v) >= 4 {
			k := binary.LittleEndian.Uint32(v)
			f.first[k] = append(f.first[k], i)
			f.maybe[maybe(k)/64] |= 1 << (maybe(k) % 64)
			f.longest = max(f.longest, len(v))
		}
	}
	return f
}

func (f *finder) find(b []byte, found func(value, at int)) {
	seen := map[int]bool{}
	for at := 0; at+4 <= len(b); at++ {
		k := binary.LittleEndian.Uint32(b[at:])
		if f.maybe[maybe(k)/64]>>(maybe(k)%64)&1 == 0 {
			continue
		}
		for _, i := range f.first[k] {
			if !seen[i] && bytes.HasPrefix(b[at:], f.values[i]) {
				seen[i] = true
				found(i, at)
			}
		}
	}
}

// Pages returns a function that calls do with each page of a chunk as it stands in
// the file: its bytes, how many they are decompressed, and how they are compressed.
// The bytes of a page's levels that are never compressed are left out. The function
// keeps its buffers from one chunk to the next.
func (f *File) Pages() func(g, leaf int, do func(b []byte, plain int, codec Codec) error) error {
	var c chunkReader
	return func(g, leaf int, do func(b []byte, plain int, codec Codec) error) error {
		if err := c.reset(f, g, leaf); err != nil {
			return err
		}
		for {
			h, b, err := c.raw()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			k, codec := int(h.defLen+h.repLen), Codec(c.c.codec)
			if h.plain {
				codec = Uncompressed
			}
			if err := do(b[k:], int(h.uncompressed)-k, codec); err != nil {
				return err
			}
		}
	}
}
