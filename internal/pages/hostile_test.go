package pages

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

// drain reads all that a file gives and returns the first error.
func drain(b []byte) error {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	for i, l := range f.Leaves() {
		if !l.Flat() {
			continue
		}
		for _, keep := range []bool{false, true} {
			s, err := f.Scan(i)
			if err != nil {
				return err
			}
			s.KeepDict = keep
			for {
				runs, err := s.Next(1000)
				if err == io.EOF {
					break
				}
				if err != nil {
					return err
				}
				v := &runs[0].Values
				for k := range v.Len() {
					_ = v.Bytes(k)
				}
				if runs[0].Coded {
					for _, x := range runs[0].Index {
						_ = runs[0].Dict.Bytes(int(x))
					}
				}
			}
		}
	}
	return nil
}

// mutate damages some bytes of b, more often where a file describes itself.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b))
		if r.IntN(2) == 0 {
			at = len(b) - 1 - r.IntN(min(len(b), 3000))
		}
		switch r.IntN(4) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.IntN(256))
		case 2:
			b[at] = 0xff
		case 3:
			b = append(b[:at], b[min(at+1+r.IntN(4), len(b)):]...)
			if len(b) == 0 {
				return b
			}
		}
	}
	return b
}

// Damaged files end in an error or in values, never in a panic.
func TestDamagedFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	refused := 0
	const each = 60
	files := goldens(t)
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range each {
			if drain(mutate(r, b)) != nil {
				refused++
			}
		}
	}
	if refused < len(files)*each/3 {
		t.Errorf("only %d of %d damaged files were refused", refused, len(files)*each)
	}
}

// A page's checksum is looked at.
func TestChecksum(t *testing.T) {
	b, err := os.ReadFile("testdata/arrow-plain.parquet")
	if err != nil {
		t.Fatal(err)
	}
	f := openBytes(t, b)
	c := f.meta.groups[0].chunks[f.Leaf("x")]
	bad := bytes.Clone(b)
	bad[c.start()+c.size-3] ^= 4 // in the last page's values
	if err := drain(bad); err == nil {
		t.Error("a flipped bit was read")
	}
}

func FuzzOpen(f *testing.F) {
	for _, path := range goldens(f) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { _ = drain(b) })
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{128, 1, 4, 3, 2, 2, 0, 0, 0, 0}, byte(5), byte(2), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, enc, typ byte, n uint16) {
		l := Leaf{Path: []string{"x"}, Type: Type(typ % 8)}
		l.Width = [...]int{0, 4, 8, 12, 4, 8, 0, 5}[l.Type]
		var d valueDecoder
		v, err := d.decode(&l, int32(enc%10), b, int(n))
		if err != nil {
			return
		}
		for i := range v.Len() {
			_ = v.Bytes(i)
		}
	})
}

func FuzzRLE(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 4}, byte(3), uint16(20))
	f.Fuzz(func(t *testing.T, b []byte, width byte, n uint16) {
		v := make([]uint32, n)
		if unpackRLE(v, b, int(width%33)) != nil {
			return
		}
		w := 0
		for _, x := range v {
			w = max(w, bitsFor(int(x)))
		}
		again := make([]uint32, n)
		if err := unpackRLE(again, packRLE(nil, v, w), w); err != nil {
			t.Fatal(err)
		}
		for i := range v {
			if v[i] != again[i] {
				t.Fatalf("value %d: %d, packed and unpacked %d", i, v[i], again[i])
			}
		}
	})
}
