package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"slices"
	"strings"
)

// canaries are random strings that lie only in hidden data. Whatever a vendor
// can reach is searched for each of them in the forms that a program would use
// to smuggle it: as it is, upper case, reversed, hex, base64 at every
// alignment, with separators in between, and inside gzip.
type canaries struct {
	forms map[string]string // form -> secret
	n     int               // bytes of a secret
}

// newCanaries takes secrets of equal length, each of letters and digits.
func newCanaries(secrets []string) canaries {
	c := canaries{forms: map[string]string{}}
	for _, s := range secrets {
		c.n = len(s)
		low := strings.ToLower(s)
		r := []byte(low)
		slices.Reverse(r)
		for _, f := range []string{low, string(r), hex.EncodeToString([]byte(s))} {
			c.forms[f] = s
		}
	}
	return c
}

// find returns the secrets that b carries, at most 20.
func (c canaries) find(b []byte) []string {
	var found []string
	seen := func(s string) {
		if !slices.Contains(found, s) && len(found) < 20 {
			found = append(found, s)
		}
	}
	for _, text := range c.views(b) {
		c.scan(text, seen)
	}
	return found
}

// views are the readings of b that are scanned.
func (c canaries) views(b []byte) [][]byte {
	low := bytes.ToLower(b)
	views := [][]byte{low, alnum(low)}
	// A gzip stream may start anywhere.
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte{0x1f, 0x8b, 0x08})
		if i < 0 {
			break
		}
		at += i
		if r, err := gzip.NewReader(bytes.NewReader(b[at:])); err == nil {
			out, _ := io.ReadAll(io.LimitReader(r, 64<<20)) // a cut stream still shows its start
			views = append(views, bytes.ToLower(out))
		}
		at += 3
	}
	// Base64 decodes to the secret from one of four starts; both alphabets.
	std := bytes.Map(func(r rune) rune {
		switch {
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/':
			return r
		case r == '\n' || r == '\r' || r == '=':
			return -1
		}
		return ' '
	}, b)
	for _, word := range bytes.Fields(std) {
		for start := 0; start < 4 && len(word)-start >= c.n; start++ {
			w := word[start:]
			if len(w)%4 == 1 { // one character is no byte
				w = w[:len(w)-1]
			}
			out := make([]byte, base64.RawStdEncoding.DecodedLen(len(w)))
			if n, err := base64.RawStdEncoding.Decode(out, w); err == nil {
				views = append(views, bytes.ToLower(out[:n]))
			}
		}
	}
	return views
}

// scan looks at every window of the two lengths that a form can have.
func (c canaries) scan(b []byte, seen func(string)) {
	for _, n := range []int{c.n, 2 * c.n} {
		for i := 0; n > 0 && i+n <= len(b); i++ {
			if s, ok := c.forms[string(b[i:i+n])]; ok {
				seen(s)
			}
		}
	}
}

// alnum keeps letters and digits: separators between the characters go.
func alnum(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, b)
}
