package table

import (
	"crypto/aes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub"
)

// Under a run's row key a short key is one block of AES-128, whatever makes the id, and
// a long one keeps its HMAC; the key of FIPS 197, appendix B.
func TestRowCipher(t *testing.T) {
	t.Parallel()
	rowKey := []byte(strings.Repeat("m", 32) + "\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c")
	if len(rowKey) != aihub.RowKeySize {
		t.Fatalf("%d bytes", len(rowKey))
	}
	c, err := aes.NewCipher(rowKey[32:])
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, key := range []string{"", "\x00", "\x00\x00", "0", "00", "1", "-1", "键", "123456789012345", "fifteen bytes!!", "sixteen bytes!!!", "1234567890123456"} {
		want := RowID(rowKey[:32], key) // of a row key without a cipher
		if len(key) <= 15 {
			b := make([]byte, 16)
			copy(b[16-len(key):], key)
			b[0] = byte(len(key))
			c.Encrypt(b, b)
			want = hex.EncodeToString(b)
		}
		if other, ok := seen[want]; ok {
			t.Errorf("%q and %q have the same id", key, other)
		}
		seen[want] = key
		if got := RowID(rowKey, key); got != want {
			t.Errorf("%q is %s, want %s", key, got, want)
		}
		if got := string(RowIDs(rowKey)(nil, key)); got != want {
			t.Errorf("%q is %s among others, want %s", key, got, want)
		}
	}
}

// The numbers that ids are of are read from them, and nothing else is read as one.
func TestRowReader(t *testing.T) {
	t.Parallel()
	rowKey := []byte("a row key of so many bytes as that of a run, 48.")
	r := NewRowReader(rowKey)
	if NewRowReader(rowKey[:32]) != nil {
		t.Error("ids of an HMAC are read")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 7, 8, 9, 17, ReadRows} {
		var text [][RowIDSize]byte
		want := make([]int64, n)
		for i := range want {
			want[i] = rng.Int64N(1_000_000_000_000_000) >> rng.IntN(50)
			text = append(text, [RowIDSize]byte([]byte(RowID(rowKey, strconv.FormatInt(want[i], 10)))))
		}
		names, got := make([]RowName, n), make([]int64, n)
		if !r.Numbers(text, names, got) {
			t.Fatalf("%d ids are not read", n)
		}
		for i, v := range want {
			if got[i] != v || string(names[i].Append(nil)) != string(text[i][:]) {
				t.Fatalf("%d is read as %d, of %s", v, got[i], names[i].Append(nil))
			}
		}
		for range min(n, 50) { // one digit, anywhere, is another one, or none
			bad := slices.Clone(text)
			at := rng.IntN(n * RowIDSize)
			was, now := text[at/RowIDSize][at%RowIDSize], &bad[at/RowIDSize][at%RowIDSize]
			for *now == was {
				*now = "0123456789abcdefgABF/:`@\x00\xff"[rng.IntN(26)]
			}
			if r.Numbers(bad, names, got) {
				t.Fatalf("%q for %q at %d is read", *now, was, at)
			}
		}
	}
	names, got := make([]RowName, 1), make([]int64, 1)
	for _, key := range []string{"0", "9", "10", "99999999", "100000000", "999999999999999"} {
		if !r.Numbers([][RowIDSize]byte{[RowIDSize]byte([]byte(RowID(rowKey, key)))}, names, got) || fmt.Sprint(got[0]) != key {
			t.Errorf("%s is read as %d", key, got[0])
		}
	}
	for _, key := range []string{"", "00", "01", "-1", "+1", "1 ", " 1", "1.", "1e3", "K1", "1\x00", "\x001", "0000000001", "a", "１", "1234567890123456"} {
		if r.Numbers([][RowIDSize]byte{[RowIDSize]byte([]byte(RowID(rowKey, key)))}, names, got) {
			t.Errorf("%q is read as %d", key, got[0])
		}
	}
}

func BenchmarkRowReader(b *testing.B) {
	rowKey := []byte("a row key of so many bytes as that of a run, 48.")
	var text [][RowIDSize]byte
	for i := range ReadRows {
		text = append(text, [RowIDSize]byte([]byte(RowID(rowKey, strconv.Itoa(1_000_000+i)))))
	}
	r, names, keys := NewRowReader(rowKey), make([]RowName, ReadRows), make([]int64, ReadRows)
	for b.Loop() {
		if !r.Numbers(text, names, keys) {
			b.Fatal("not read")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ReadRows, "ns/row")
}
