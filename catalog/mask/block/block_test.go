package block

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// The examples of FIPS 197, appendix C, by the instructions where there are any.
func TestAESVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, want string }{
		{"000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"},
		{"000102030405060708090a0b0c0d0e0f1011121314151617", "dda97ca4864cdfe06eaf70a0ec0d7191"},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "8ea2b7ca516745bfeafc49904b496089"},
	} {
		a, err := NewAES(unhex(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		in := bytes.Repeat(unhex(t, "00112233445566778899aabbccddeeff"), 11)
		a.Encrypt(in, in)
		if !bytes.Equal(in, bytes.Repeat(unhex(t, c.want), 11)) {
			t.Errorf("%d bytes of key: %x", len(c.key)/2, in[:16])
		}
	}
	if _, err := NewAES(make([]byte, 15)); err == nil {
		t.Error("a key of 15 bytes was taken")
	}
}

// The instructions and crypto/aes agree on every number of blocks and key length.
func TestAESAgrees(t *testing.T) {
	t.Parallel()
	if !hasAES {
		t.Log("no AES instructions here: crypto/aes is compared with itself")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		for _, size := range []int{16, 24, 32} {
			key, src := random(rng, size), random(rng, n*Size)
			fast, err := NewAES(key)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := aes.NewCipher(key)
			got, want := make([]byte, len(src)), make([]byte, len(src))
			fast.Encrypt(got, src)
			One(b).Encrypt(want, src)
			if !bytes.Equal(got, want) {
				t.Fatalf("%d blocks under %d bytes of key differ", n, size)
			}
			fast.Encrypt(src, src)
			if !bytes.Equal(src, want) {
				t.Fatalf("%d blocks in place differ", n)
			}
		}
	}
}

// Examples 1 and 2 of GB/T 32907-2016, appendix A.
func TestSM4Vectors(t *testing.T) {
	t.Parallel()
	key := unhex(t, "0123456789abcdeffedcba9876543210")
	s, err := NewSM4(key)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 6; n++ {
		x := bytes.Repeat(key, n)
		s.Encrypt(x, x)
		if !bytes.Equal(x, bytes.Repeat(unhex(t, "681edf34d206965e86b3e94f536e4246"), n)) {
			t.Fatalf("%d blocks: %x", n, x)
		}
	}
	x := bytes.Clone(key)
	for range 1_000_000 {
		s.Encrypt(x, x)
	}
	if !bytes.Equal(x, unhex(t, "595298c7c6fd271f0402f804c33d3f66")) {
		t.Errorf("a million times: %x", x)
	}
	if _, err := NewSM4(key[:15]); err == nil {
		t.Error("a key of 15 bytes was taken")
	}
}

func BenchmarkEncrypt(b *testing.B) {
	key := make([]byte, 32)
	fast, _ := NewAES(key)
	std, _ := aes.NewCipher(key)
	sm, _ := NewSM4(key[:16])
	buf := make([]byte, 64*Size)
	for _, c := range []struct {
		name string
		c    Cipher
	}{{"AES-256 eight at a time", fast}, {"AES-256 crypto-aes single", One(std)}, {"SM4", sm}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.c.Encrypt(buf, buf)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/block")
		})
	}
}
