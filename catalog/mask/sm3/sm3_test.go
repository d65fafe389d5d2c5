package sm3

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"strings"
	"testing"
)

// Examples 1 and 2 of GB/T 32905-2016, appendix A; then digests that OpenSSL
// 3.0 computed, around the ends of blocks.
func TestVectors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"abc":                      "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
		strings.Repeat("abcd", 16): "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
		"":                         "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
		strings.Repeat("a", 55):    "288337eef51eec62e7544d7270424c8dbe656254c99852870a73b2453a6a7fb1",
		strings.Repeat("a", 56):    "ba00ebedaab54065a5fd4f9f56326016203166bcee3eed44ea868d59d67aa3c8",
		strings.Repeat("a", 63):    "587308543551881ebd70d27ad358ff5dcdf24ac54822e2f7b7c3edce0985d21b",
		strings.Repeat("a", 64):    "616ec433c359e7c2b19f360e2b8f2a1b6e9ed76b8dc1a7d207b31a5341c611e9",
		strings.Repeat("a", 65):    "3d1d94afa238ec3e2bbc20ad504702b24c16f2889c94973f2f8da3526c44e4bc",
		strings.Repeat("a", 119):   "53282a90724e9eb79b18d06b5b8f7f02d046e18b29247dcdb064a136d5c4459a",
		strings.Repeat("a", 120):   "4c9f0fe9f36ffe0191af73560c4afb1b671be02ba2d0e0c161b1e03488c2a45c",
		strings.Repeat("a", 1000):  "f4bedca973227d45c5b822551d2e762d4cfb0e9af70b241452545727b5fb046f",
	} {
		if got := Sum([]byte(in)); hex.EncodeToString(got[:]) != want {
			t.Errorf("%d bytes: %x", len(in), got)
		}
	}
}

// HMAC-SM3 as OpenSSL computes it.
func TestHMAC(t *testing.T) {
	t.Parallel()
	h := hmac.New(New, []byte("key"))
	h.Write([]byte("The quick brown fox"))
	if got := hex.EncodeToString(h.Sum(nil)); got != "8d54716c0553990422ad09e63a7237386696a8952f64e546a4dee3b89a931a35" {
		t.Error(got)
	}
}

// A digest does not depend on how its text was cut, and Sum does not end it.
func TestPieces(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789"), 30)
	want := Sum(text)
	for cut := range text {
		h := New()
		h.Write(text[:cut])
		h.Sum(nil)
		h.Write(text[cut:])
		if got := h.Sum(nil); !bytes.Equal(got, want[:]) {
			t.Fatalf("cut at %d: %x", cut, got)
		}
	}
}
