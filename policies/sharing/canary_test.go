package main

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
	c := newCanaries([]string{secret, "00000000000000000000000000000000"})
	reversed := []byte(secret)
	slices.Reverse(reversed)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte("prefix " + secret))
	_ = w.Close()
	for name, b := range map[string][]byte{
		"raw":       []byte("x" + secret + "y"),
		"upper":     []byte(strings.ToUpper(secret)),
		"reversed":  reversed,
		"hex":       []byte(hex.EncodeToString([]byte(secret))),
		"HEX":       []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))),
		"base64":    []byte(`{"a":"` + base64.StdEncoding.EncodeToString([]byte(secret)) + `"}`),
		"base64+1":  []byte(base64.StdEncoding.EncodeToString([]byte("_" + secret))),
		"base64url": []byte(base64.RawURLEncoding.EncodeToString([]byte("__" + secret))),
		"spaced":    []byte(strings.Join(strings.Split(secret, ""), " ")),
		"lines":     []byte(strings.Join(strings.Split(secret, ""), "\n")),
		"gzip":      append([]byte("HTTP/1.1 200\r\n\r\n"), zipped.Bytes()...),
	} {
		if got := c.find(b); !slices.Equal(got, []string{secret}) {
			t.Errorf("%s: found %q", name, got)
		}
	}
	if got := c.find([]byte("nothing here, " + secret[:31])); len(got) != 0 {
		t.Errorf("found %q in a part of it", got)
	}
}
