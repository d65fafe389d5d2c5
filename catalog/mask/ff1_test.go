package mask

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aihub/catalog/mask/block"
)

const numerals = "0123456789abcdefghijklmnopqrstuvwxyz"

func toNum(s string) []uint16 {
	out := make([]uint16, len(s))
	for i := range s {
		out[i] = uint16(strings.IndexByte(numerals, s[i]))
	}
	return out
}

func fromNum(x []uint16) string {
	b := make([]byte, len(x))
	for i, d := range x {
		b[i] = numerals[d]
	}
	return string(b)
}

// The samples that NIST publishes for FF1 (Examples with Intermediate Values,
// Block Cipher Modes of Operation: FF1): all nine.
func TestFF1NIST(t *testing.T) {
	t.Parallel()
	const k128 = "2B7E151628AED2A6ABF7158809CF4F3C"
	const k192 = k128 + "EF4359D8D580AA4F"
	const k256 = k192 + "7F036D6F04FC6A94"
	for i, c := range []struct {
		key       string
		radix     int
		tweak     string
		pt, wants string
	}{
		{k128, 10, "", "0123456789", "2433477484"},
		{k128, 10, "39383736353433323130", "0123456789", "6124200773"},
		{k128, 36, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
		{k192, 10, "", "0123456789", "2830668132"},
		{k192, 10, "39383736353433323130", "0123456789", "2496655549"},
		{k192, 36, "3737373770717273373737", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
		{k256, 10, "", "0123456789", "6657667009"},
		{k256, 10, "39383736353433323130", "0123456789", "1001623463"},
		{k256, 36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	} {
		key, _ := hex.DecodeString(c.key)
		tweak, _ := hex.DecodeString(c.tweak)
		f, err := NewFF1(key, c.radix)
		if err != nil {
			t.Fatal(err)
		}
		ct, err := f.Encrypt(toNum(c.pt), tweak)
		if err != nil || fromNum(ct) != c.wants {
			t.Errorf("sample %d: %s, %v, want %s", i+1, fromNum(ct), err, c.wants)
			continue
		}
		if pt, err := f.Decrypt(ct, tweak); err != nil || fromNum(pt) != c.pt {
			t.Errorf("sample %d decrypts to %s, %v", i+1, fromNum(pt), err)
		}
	}
}

func TestFF1Bounds(t *testing.T) {
	t.Parallel()
	key := make([]byte, 16)
	f, _ := NewFF1(key, 10)
	if _, err := f.Encrypt(toNum("12345"), nil); err == nil {
		t.Error("a domain of 10^5 was taken")
	}
	if _, err := f.Encrypt(toNum("123456"), nil); err != nil {
		t.Error(err)
	}
	if _, err := f.Encrypt(toNum("12345a"), nil); err == nil {
		t.Error("a numeral above the radix was taken")
	}
	if _, err := f.Encrypt(make([]uint16, 100), nil); err == nil {
		t.Error("a string too long was taken")
	}
	if _, err := NewFF1(key[:5], 10); err == nil {
		t.Error("a short key was taken")
	}
	if _, err := NewFF1(key, 1); err == nil {
		t.Error("radix 1 was taken")
	}
	b, _ := block.NewAES(key)
	if _, err := newIndex(b, 999_999, 0); err == nil {
		t.Error("a small index was taken")
	}
}

// Every length, tweak and radix comes back, and stays within its radix.
func TestFF1RoundTrip(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		radix := []int{2, 10, 36, 256, 65536}[rng.IntN(5)]
		lo, hi := map[int]int{2: 20, 10: 6, 36: 4, 256: 3, 65536: 2}[radix], map[int]int{2: 120, 10: 36, 36: 23, 256: 14, 65536: 6}[radix]
		x := make([]uint16, lo+rng.IntN(hi-lo+1))
		for i := range x {
			x[i] = uint16(rng.IntN(radix))
		}
		tweak := make([]byte, rng.IntN(40))
		key := make([]byte, 16+8*rng.IntN(3))
		for i := range key {
			key[i] = byte(rng.Uint32())
		}
		f, err := NewFF1(key, radix)
		if err != nil {
			t.Fatal(err)
		}
		y, err := f.Encrypt(x, tweak)
		if err != nil {
			t.Fatalf("radix %d, %d numerals: %v", radix, len(x), err)
		}
		z, err := f.Decrypt(y, tweak)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if x[i] != z[i] || int(y[i]) >= radix {
				t.Fatalf("radix %d: %v became %v became %v", radix, x, y, z)
			}
		}
	}
}

// The permutation of an index is one: no two of a stretch collide, all stay
// inside, and each comes back.
func TestIndex(t *testing.T) {
	t.Parallel()
	const size = 1_200_007
	c, _ := block.NewAES([]byte("0123456789abcdef"))
	ix, err := newIndex(c, size, 1)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]uint64, 20_000)
	for i := range v {
		v[i] = size - 1 - uint64(i)
	}
	tweaks := bytes.Repeat([]byte("t"), len(v))
	ix.permute(v, tweaks, false)
	seen := map[uint64]bool{}
	for i, y := range v {
		if y >= size || seen[y] {
			t.Fatalf("%d -> %d, seen %v", size-1-i, y, seen[y])
		}
		seen[y] = true
	}
	ix.permute(v, tweaks, true)
	for i, x := range v {
		if x != size-1-uint64(i) {
			t.Fatalf("%d came back as %d", size-1-i, x)
		}
	}
}

// Many values at once are what each is alone, with tweaks of their own, over
// one and two blocks of Q; and what the plain reading of the standard below,
// block by block, makes of them.
func TestFF1Lanes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	key := []byte("0123456789abcdef0123456789abcdef")
	for _, c := range []struct{ radix, n, t int }{{10, 8, 3}, {10, 12, 6}, {31, 8, 8}, {1000, 4, 0}, {1 << 10, 4, 2}, {2, 45, 0}, {36, 19, 11}, {65536, 6, 20}, {10, 36, 7}, {31, 9, 8}} {
		f, err := NewFF1(key, c.radix)
		if err != nil {
			t.Fatal(err)
		}
		w, err := f.form(c.n, c.t)
		if err != nil {
			t.Fatal(err)
		}
		const values = 150 // more than twice the lanes
		var a, b []uint64
		var tweaks []byte
		var want [][]uint16
		for range values {
			x, tweak := make([]uint16, c.n), make([]byte, c.t)
			for i := range x {
				x[i] = uint16(rng.IntN(c.radix))
			}
			for i := range tweak {
				tweak[i] = byte(rng.Uint32())
			}
			a, b = append(a, f.num(x[:w.u])), append(b, f.num(x[w.u:]))
			tweaks = append(tweaks, tweak...)
			y, err := f.Encrypt(x, tweak)
			if err != nil {
				t.Fatal(err)
			}
			if plain := plainFF1(key, uint64(c.radix), x, tweak); !slices.Equal(y, plain) {
				t.Fatalf("radix %d: %v, want %v", c.radix, y, plain)
			}
			want = append(want, y)
		}
		rawA, rawB := slices.Clone(a), slices.Clone(b)
		w.crypt(a, b, tweaks, false)
		for i, y := range want {
			if a[i] != f.num(y[:w.u]) || b[i] != f.num(y[w.u:]) {
				t.Fatalf("radix %d: value %d differs among others", c.radix, i)
			}
		}
		if w.crypt(a, b, tweaks, true); !slices.Equal(a, rawA) || !slices.Equal(b, rawB) {
			t.Fatalf("radix %d: values together do not come back", c.radix)
		}
	}
}

// plainFF1 is algorithm 7 of SP 800-38G step by step with big integers.
func plainFF1(key []byte, radix uint64, x []uint16, tweak []byte) []uint16 {
	ciph, _ := aes.NewCipher(key)
	big1 := func(v uint64) *big.Int { return new(big.Int).SetUint64(v) }
	num := func(s []uint16) *big.Int {
		n := new(big.Int)
		for _, d := range s {
			n.Add(n.Mul(n, big1(radix)), big1(uint64(d)))
		}
		return n
	}
	n, t := len(x), len(tweak)
	u := n / 2
	v := n - u
	a, b := slices.Clone(x[:u]), slices.Clone(x[u:])
	most := new(big.Int).Exp(big1(radix), big1(uint64(v)), nil)
	bl := (most.Sub(most, big1(1)).BitLen() + 7) / 8
	d := 4*((bl+3)/4) + 4
	p := []byte{1, 2, 1, byte(radix >> 16), byte(radix >> 8), byte(radix), 10, byte(u), 0, 0, 0, byte(n), 0, 0, 0, byte(t)}
	for i := range 10 {
		q := append(append(slices.Clone(p), tweak...), make([]byte, ((-t-bl-1)%16+16)%16)...)
		q = append(q, byte(i))
		q = append(q, num(b).FillBytes(make([]byte, bl))...)
		r := make([]byte, 16)
		for ; len(q) > 0; q = q[16:] {
			for j := range r {
				r[j] ^= q[j]
			}
			ciph.Encrypt(r, r)
		}
		y := new(big.Int).SetBytes(r[:d])
		m := u
		if i%2 == 1 {
			m = v
		}
		c := y.Mod(y.Add(y, num(a)), new(big.Int).Exp(big1(radix), big1(uint64(m)), nil))
		s := make([]uint16, m)
		for j := m - 1; j >= 0; j-- {
			digit := new(big.Int)
			c.DivMod(c, big1(radix), digit)
			s[j] = uint16(digit.Uint64())
		}
		a, b = b, s
	}
	return append(a, b...)
}

// FF1 of eight digits, values together and one by one, and the second on
// crypto/aes as well.
func BenchmarkFF1(b *testing.B) {
	key := make([]byte, 32)
	fast, _ := block.NewAES(key)
	std, _ := aes.NewCipher(key)
	for _, c := range []struct {
		name  string
		block block.Cipher
		lanes int
	}{{"together", fast, 64}, {"single", fast, 1}, {"single crypto-aes", block.One(std), 1}} {
		b.Run(c.name, func(b *testing.B) {
			f, _ := newFF1(c.block, 10)
			w, err := f.form(8, 3)
			if err != nil {
				b.Fatal(err)
			}
			x, y, tweaks := make([]uint64, 64), make([]uint64, 64), make([]byte, 3*64)
			start := cpuTime(b)
			for b.Loop() {
				for i := 0; i < 64; i += c.lanes {
					w.crypt(x[i:i+c.lanes], y[i:i+c.lanes], tweaks[3*i:3*(i+c.lanes)], false)
				}
			}
			b.ReportMetric((cpuTime(b)-start)/float64(b.N)/64, "cpu-ns/value")
		})
	}
}

// A round in lanes is one done by itself, at the ends of what its blocks and halves
// may be, for every modulus.
func TestRoundLanes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 6))
	for _, m := range []uint64{1000, 1001, 10_000, 65536, 923_521, 1<<20 - 1, 1 << 20} {
		for _, decrypt := range []bool{false, true} {
			w := &form{modU: newModulus(m), modV: newModulus(m), bLen: 3}
			var x, hi, lo [lanes]uint64
			var q, s [lanes * 16]byte
			for i := range lanes {
				y := rng.Uint64()
				switch i % 8 { // near multiples, where a quotient may be wrong
				case 0:
					y = y / m * m
				case 1:
					y = y/m*m - 1
				case 2:
					y = math.MaxUint64 - uint64(i)
				case 3:
					y = uint64(rng.IntN(3)) * (m - 1)
				case 4:
					y = y>>32/m*m<<32 - uint64(rng.IntN(3))
				}
				binary.BigEndian.PutUint64(s[16*i:], y)
				x[i], hi[i], lo[i] = []uint64{0, m - 1, rng.Uint64N(m)}[rng.IntN(3)], rng.Uint64(), rng.Uint64()
			}
			rng.Shuffle(lanes, func(a, b int) {
				sa, sb := s[16*a:16*a+16], s[16*b:16*b+16]
				for i := range sa {
					sa[i], sb[i] = sb[i], sa[i]
				}
			})
			w.fill(x[:], hi[:], lo[:], q[:], 0)
			wantX, wantQ := x, q
			for i := range lanes { // fewer than lanes do not go together
				w.round(wantX[i:i+1], hi[i:i+1], lo[i:i+1], wantQ[16*i:16*i+16], s[16*i:16*i+16], 4, decrypt)
			}
			w.round(x[:], hi[:], lo[:], q[:], s[:], 4, decrypt)
			if x != wantX || q != wantQ {
				t.Fatalf("modulus %d, decrypt %t: lanes differ", m, decrypt)
			}
		}
	}
}
