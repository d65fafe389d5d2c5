package mask

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
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
	if _, err := newIndex(key, 999_999); err == nil {
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
	ix, err := newIndex([]byte("0123456789abcdef"), size)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for v := uint64(size - 20_000); v < size; v++ {
		y, err := ix.encrypt(v, []byte("t"))
		if err != nil || y >= size || seen[y] {
			t.Fatalf("%d -> %d, %v, seen %v", v, y, err, seen[y])
		}
		seen[y] = true
		if v%500 == 0 {
			if back, err := ix.permute(y, []byte("t"), ix.ff1.Decrypt); err != nil || back != v {
				t.Fatalf("%d -> %d -> %d, %v", v, y, back, err)
			}
		}
	}
}
