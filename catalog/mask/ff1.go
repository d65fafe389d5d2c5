package mask

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"sync"

	"aihub/catalog/mask/block"
)

// FF1 is the format-preserving cipher FF1 of NIST SP 800-38G (2016), in the
// domain bounds of its revision 1 (radix^length ≥ 10^6): a keyed permutation of
// the numeral strings of one length. It is safe for concurrent use.
type FF1 struct {
	block block.Cipher
	radix uint64
}

// minDomain is the smallest domain that SP 800-38G revision 1 allows.
const minDomain = 1_000_000

// NewFF1 returns FF1 over numerals 0 to radix-1 (2 ≤ radix ≤ 65536) under an AES
// key of 16, 24 or 32 bytes.
func NewFF1(key []byte, radix int) (*FF1, error) {
	b, err := block.NewAES(key)
	if err != nil {
		return nil, fmt.Errorf("ff1: %w", err)
	}
	return newFF1(b, radix)
}

func newFF1(b block.Cipher, radix int) (*FF1, error) {
	if radix < 2 || radix > 1<<16 {
		return nil, fmt.Errorf("ff1: radix %d is not in 2..65536", radix)
	}
	return &FF1{b, uint64(radix)}, nil
}

// Encrypt returns the image of x, most significant numeral first.
func (f *FF1) Encrypt(x []uint16, tweak []byte) ([]uint16, error) { return f.single(x, tweak, false) }

// Decrypt returns the x that Encrypt made into y.
func (f *FF1) Decrypt(y []uint16, tweak []byte) ([]uint16, error) { return f.single(y, tweak, true) }

func (f *FF1) single(x []uint16, tweak []byte, decrypt bool) ([]uint16, error) {
	w, err := f.form(len(x), len(tweak))
	if err != nil {
		return nil, err
	}
	for _, d := range x {
		if uint64(d) >= f.radix {
			return nil, fmt.Errorf("ff1: numeral %d is not below the radix %d", d, f.radix)
		}
	}
	a, b := []uint64{f.num(x[:w.u])}, []uint64{f.num(x[w.u:])}
	w.crypt(a, b, tweak, decrypt)
	out := make([]uint16, len(x))
	f.str(out[:w.u], a[0])
	f.str(out[w.u:], b[0])
	return out, nil
}

// form is FF1 for strings of one length and tweaks of one length: all that
// rounds of different values share is computed once. Its names are those of
// algorithm 7 of SP 800-38G.
type form struct {
	block      block.Cipher
	u, v, t    int
	modU, modV modulus
	bLen       int // bytes of a half
	long       bool
	head       [16]byte // CIPH(P)
	blocks     int      // of Q
}

// lanes are values encrypted together.
const lanes = 64

// buffers are blocks on the way through a cipher: what goes through an interface
// cannot lie on the stack.
var buffers = sync.Pool{New: func() any { return new([lanes * block.Size]byte) }}

// form fails when the domain is too small to hide in, or half a string reaches
// 2^63: more than an identifier needs.
func (f *FF1) form(n, t int) (*form, error) {
	if math.Pow(float64(f.radix), float64(n)) < minDomain {
		return nil, fmt.Errorf("ff1: %d numerals of radix %d are fewer than %d strings: too few to hide one", n, f.radix, minDomain)
	}
	w := &form{block: f.block, u: n / 2, v: n - n/2, t: t}
	if float64(w.v)*math.Log2(float64(f.radix)) > 62.99 {
		return nil, fmt.Errorf("ff1: %d numerals of radix %d are too long", n, f.radix)
	}
	w.modU, w.modV = newModulus(f.pow(w.u)), newModulus(f.pow(w.v))
	w.bLen = (bits.Len64(w.modV.m-1) + 7) / 8 // ceil(ceil(v·log2 radix) / 8)
	w.long = w.bLen > 4                       // d = 4·ceil(b/4)+4 is 12, else 8: S is one block
	p := [16]byte{1, 2, 1, byte(f.radix >> 16), byte(f.radix >> 8), byte(f.radix), 10, byte(w.u)}
	binary.BigEndian.PutUint32(p[8:], uint32(n))
	binary.BigEndian.PutUint32(p[12:], uint32(t))
	f.block.Encrypt(w.head[:], p[:])
	w.blocks = (t + w.bLen + 1 + 15) / 16
	return w, nil
}

// crypt maps halves a[i], b[i] under the i-th of the tweaks, which stand one
// behind the other.
func (w *form) crypt(a, b []uint64, tweaks []byte, decrypt bool) {
	q, s := buffers.Get().(*[lanes * block.Size]byte), buffers.Get().(*[lanes * block.Size]byte)
	defer buffers.Put(q)
	defer buffers.Put(s)
	var hi, lo [lanes]uint64 // of the last block of Q, without what the rounds put in
	for len(a) > 0 {
		n := min(lanes, len(a))
		size := n * block.Size
		if w.blocks == 1 && w.t <= 8 {
			w.short(&hi, &lo, tweaks[:n*w.t])
		} else {
			w.chain(q[:size], tweaks[:n*w.t])
			for i := range n {
				hi[i], lo[i] = binary.BigEndian.Uint64(q[i*16:]), binary.BigEndian.Uint64(q[i*16+8:])
			}
		}
		// The half that a round replaces, and the other.
		x, y := a[:n], b[:n]
		if decrypt {
			x, y = y, x
		}
		w.fill(y, hi[:n], lo[:n], q[:], w.number(0, decrypt))
		for k := range 10 {
			w.block.Encrypt(s[:size], q[:size])
			w.round(x, hi[:n], lo[:n], q[:], s[:], k, decrypt)
			x, y = y, x
		}
		a, b, tweaks = a[n:], b[n:], tweaks[n*w.t:]
	}
}

// chain computes the cipher block chain over P and Q up to the last block, whose
// tweak bytes are in it as well: what is left of Q, a round and a half, goes
// into its last bLen+1 bytes.
func (w *form) chain(out, tweaks []byte) {
	n := len(out) / 16
	for i := range n {
		copy(out[i*16:], w.head[:])
	}
	for k := range w.blocks {
		from, to := k*16, min((k+1)*16, w.t)
		for i := 0; i < n && from < to; i++ {
			o := out[i*16:]
			for j, c := range tweaks[i*w.t+from : i*w.t+to] {
				o[j] ^= c
			}
		}
		if k < w.blocks-1 {
			w.block.Encrypt(out, out)
		}
	}
}

// short is chain for a Q of one block that begins with a tweak of up to 8 bytes.
func (w *form) short(hi, lo *[lanes]uint64, tweaks []byte) {
	h, l := binary.BigEndian.Uint64(w.head[:8]), binary.BigEndian.Uint64(w.head[8:])
	for i := range lanes {
		x := uint64(0)
		if len(tweaks) >= w.t {
			for _, c := range tweaks[:w.t] {
				x = x<<8 | uint64(c)
			}
			tweaks = tweaks[w.t:]
		}
		hi[i], lo[i] = h^x<<(64-8*w.t), l
	}
}

// number is what the k-th round to be done is called: 0 to 9, or 9 to 0.
func (w *form) number(k int, decrypt bool) int {
	if decrypt {
		return 9 - k
	}
	return k
}

// place is a round's number at its place in the last block of Q.
func (w *form) place(i int) (hi, lo uint64) {
	if w.bLen < 8 {
		return 0, uint64(i) << (8 * w.bLen)
	}
	return uint64(i), 0
}

// fill makes the blocks of round i in q from the half that it hashes.
func (w *form) fill(half, hi, lo []uint64, q []byte, i int) {
	ri, rl := w.place(i)
	hi, lo = hi[:len(half)], lo[:len(half)]
	for j, v := range half {
		p := (*[16]byte)(q[j*16:])
		binary.BigEndian.PutUint64(p[:8], hi[j]^ri)
		binary.BigEndian.PutUint64(p[8:], lo[j]^rl^v)
	}
}

// round ends the k-th round to be done, whose blocks are enciphered in s, in all
// lanes: it replaces the half x, which the next round hashes, and makes that one's
// blocks in q.
func (w *form) round(x, hi, lo []uint64, q, s []byte, k int, decrypt bool) {
	m := w.modU
	if w.number(k, decrypt)%2 == 1 {
		m = w.modV
	}
	next := w.number(k+1, decrypt)
	_, rl := w.place(next)
	lo = lo[:len(x)]
	s = s[:16*len(x)]
	for j := w.roundLanes(x, hi, lo, q, s, m.m, rl, decrypt); j < len(x); j++ {
		c := x[j]
		p := (*[16]byte)(s[j*16:])
		y := binary.BigEndian.Uint64(p[:8])
		if w.long {
			_, y = bits.Div64(m.of(y>>32), y<<32|uint64(binary.BigEndian.Uint32(p[8:])), m.m)
		} else {
			y = m.of(y)
		}
		if decrypt {
			y = m.m - y
		}
		if c += y; c >= m.m {
			c -= m.m
		}
		x[j] = c
		binary.BigEndian.PutUint64(q[j*16+8:], lo[j]^rl^c)
	}
	if w.bLen >= 8 { // the round's number lies in the first half of the block
		w.fill(x, hi, lo, q, next)
	}
}

// modulus divides by multiplication: q of x is at most one too small.
type modulus struct{ m, inv uint64 }

func newModulus(m uint64) modulus { return modulus{m, math.MaxUint64 / m} }

func (m modulus) of(x uint64) uint64 {
	q, _ := bits.Mul64(x, m.inv)
	if x -= q * m.m; x >= m.m {
		x -= m.m
	}
	return x
}

func (f *FF1) pow(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= f.radix
	}
	return p
}

func (f *FF1) num(x []uint16) (v uint64) {
	for _, d := range x {
		v = v*f.radix + uint64(d)
	}
	return v
}

func (f *FF1) str(out []uint16, v uint64) {
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = uint16(v % f.radix)
		v /= f.radix
	}
}

// index is a keyed permutation of the integers below size, by FF1 over four
// numerals of the least radix that has so many strings, and cycle walking:
// encrypt again until the result is below size, which it nearly always is at once.
type index struct {
	form *form
	low  uint64 // a number is a·low + b
	size uint64
}

// newIndex takes tweaks of t bytes.
func newIndex(b block.Cipher, size uint64, t int) (*index, error) {
	if size < minDomain {
		return nil, fmt.Errorf("ff1: a domain of %d is too small to hide in", size)
	}
	radix := 1
	for p := uint64(1); p < size; p = uint64(radix) * uint64(radix) * uint64(radix) * uint64(radix) {
		if radix++; radix > 30_000 {
			return nil, fmt.Errorf("ff1: an index of %d is too large", size)
		}
	}
	f, err := newFF1(b, radix)
	if err != nil {
		return nil, err
	}
	w, err := f.form(4, t)
	return &index{w, uint64(radix) * uint64(radix), size}, err
}

// permute replaces the numbers of v, all below size; it leaves tweaks as they were.
func (ix *index) permute(v []uint64, tweaks []byte, decrypt bool) {
	var a, b, walking [lanes]uint64
	var at [lanes]int
	tw := make([]byte, 0, 256)
	for len(v) > 0 {
		n := min(lanes, len(v))
		for i := range n {
			walking[i], at[i] = v[i], i
		}
		for left := n; left > 0; {
			tw = tw[:0]
			for i := range left {
				a[i], b[i] = walking[i]/ix.low, walking[i]%ix.low
				tw = append(tw, tweaks[at[i]*ix.form.t:(at[i]+1)*ix.form.t]...)
			}
			ix.form.crypt(a[:left], b[:left], tw, decrypt)
			k := 0
			for i := range left {
				x := a[i]*ix.low + b[i]
				if x < ix.size {
					v[at[i]] = x
					continue
				}
				walking[k], at[k] = x, at[i]
				k++
			}
			left = k
		}
		v, tweaks = v[n:], tweaks[n*ix.form.t:]
	}
}
