package sharing

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

func TestCanaryIsFoundInEveryForm(t *testing.T) {
	const secret = "k3v9q0x7m2c8w5z1r4t6y8u0b3n5a7d9"
	c, _ := NewCanaries([]string{secret, "00000000000000000000000000000000"})
	reversed := []byte(secret)
	slices.Reverse(reversed)
	zip := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return b.Bytes()
	}
	for name, b := range map[string][]byte{
		"raw":            []byte("x" + secret + "y"),
		"upper":          []byte(strings.ToUpper(secret)),
		"reversed":       reversed,
		"hex":            []byte(hex.EncodeToString([]byte(secret))),
		"HEX":            []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))),
		"base64":         []byte(`{"a":"` + base64.StdEncoding.EncodeToString([]byte(secret)) + `"}`),
		"base64+1":       []byte(base64.StdEncoding.EncodeToString([]byte("_" + secret))),
		"base64url":      []byte(base64.RawURLEncoding.EncodeToString([]byte("__" + secret))),
		"spaced":         []byte(strings.Join(strings.Split(secret, ""), " ")),
		"lines":          []byte(strings.Join(strings.Split(secret, ""), "\n")),
		"gzip":           append([]byte("HTTP/1.1 200\r\n\r\n"), zip("prefix "+secret)...),
		"hex of upper":   []byte(hex.EncodeToString([]byte(strings.ToUpper(secret)))),
		"spaced in gzip": zip(strings.Join(strings.Split(secret, ""), " ")),
		"base64 in gzip": zip(base64.StdEncoding.EncodeToString([]byte("_" + secret))),
	} {
		if got, whole := c.Find(b, 20); !slices.Equal(got, []string{secret}) || !whole {
			t.Errorf("%s: found %q, whole: %t", name, got, whole)
		}
	}
	if got, _ := c.Find([]byte("nothing here, "+secret[:31]), 20); len(got) != 0 {
		t.Errorf("found %q in a part of it", got)
	}
}

// Secrets of any lengths are looked for at once; a bomb and a file of nothing
// but beginnings of streams end a search no later than any other.
func TestCanariesAreBounded(t *testing.T) {
	c, n := NewCanaries([]string{"EVT-000123", "evt-000124-long", "17", "a-b-c-d"})
	if n != 2 {
		t.Errorf("%d are looked for", n)
	}
	if got, _ := c.Find([]byte("rows evt000123, and TFZUXzAwMDEyNC1MT05H, and ZXZ0LTAwMDEyNC1sb25n"), 20); !slices.Equal(got, []string{"EVT-000123", "evt-000124-long"}) {
		t.Errorf("found %q", got)
	}
	if got, _ := c.Find([]byte("EVT-000123 evt-000124-long"), 1); len(got) != 1 {
		t.Errorf("found %q", got)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 8<<20))
	_ = w.Close()
	bombs := bytes.Repeat(bomb.Bytes(), 100)
	total := 0
	if c.views(bombs, func(v []byte) { total += len(v) }) {
		t.Error("bombs are looked through to the end")
	}
	if most := maxInflated + 40*len(bombs); total > most {
		t.Errorf("%d bytes of %d are looked at", total, len(bombs))
	}
	n = 0
	if c.views(bytes.Repeat([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), 10_000), func([]byte) { n++ }) || n > 2*maxStreams+8 {
		t.Errorf("%d readings of more streams than are opened", n)
	}
}
