package sharing

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
)

// Canaries are strings that lie only in what is hidden: keys of rows, planted
// marks. Bytes that leave are searched for each of them in the forms that a
// program would use to smuggle it: as it is, upper case, reversed, hex, base64 at
// every alignment, with separators in between, and each of these inside gzip.
type Canaries struct {
	forms  map[int]map[string]string // by length: form -> secret
	least  int                       // length of the shortest secret
	lookAt []int                     // the lengths
}

// Shortest is the least length of a secret that is searched for: a shorter one
// is found everywhere.
const Shortest = 8

// What is inflated while bytes are searched, so that a hostile file cannot make
// a search long.
const (
	maxInflated = 64 << 20 // bytes, of all streams together
	maxStreams  = 64
)

// NewCanaries takes secrets; those of fewer than Shortest letters and digits are
// left out. All says how many were taken.
func NewCanaries(secrets []string) (c *Canaries, all int) {
	c = &Canaries{forms: map[int]map[string]string{}}
	for _, s := range secrets {
		low := []byte(strings.ToLower(s))
		if len(alnum(low)) < Shortest {
			continue
		}
		all++
		if c.least == 0 || len(s) < c.least {
			c.least = len(s)
		}
		c.add(hex.EncodeToString([]byte(s)), s) // its case is lost in no other form
		for _, f := range [][]byte{low, alnum(low)} {
			c.add(string(f), s)
			c.add(hex.EncodeToString(f), s)
			c.add(hex.EncodeToString(bytes.ToUpper(f)), s)
			r := slices.Clone(f)
			slices.Reverse(r)
			c.add(string(r), s)
		}
	}
	c.lookAt = slices.Sorted(maps.Keys(c.forms))
	return c, all
}

func (c *Canaries) add(form, secret string) {
	if c.forms[len(form)] == nil {
		c.forms[len(form)] = map[string]string{}
	}
	c.forms[len(form)][form] = secret
}

// Find returns the secrets that b carries, at most so many. Whole is false when
// more is compressed in b than is looked through: the rest may carry others.
func (c *Canaries) Find(b []byte, most int) (secrets []string, whole bool) {
	found := map[string]bool{}
	whole = c.views(b, func(text []byte) {
		for _, n := range c.lookAt {
			forms := c.forms[n]
			for i := 0; i+n <= len(text) && len(found) < most; i++ {
				if s, ok := forms[string(text[i:i+n])]; ok {
					found[s] = true
				}
			}
		}
	})
	return slices.Sorted(maps.Keys(found)), whole
}

// views hands over the readings of b that are scanned, and says whether these are
// all: false when streams were left out or cut off.
func (c *Canaries) views(b []byte, scan func([]byte)) (whole bool) {
	c.readings(b, scan)
	// A gzip stream may start anywhere.
	left := int64(maxInflated)
	for at, streams := 0, 0; ; {
		i := bytes.Index(b[at:], []byte{0x1f, 0x8b, 0x08})
		if i < 0 {
			return true
		}
		at += i
		if r, err := gzip.NewReader(bytes.NewReader(b[at:])); err == nil {
			if streams++; streams > maxStreams {
				return false
			}
			out, _ := io.ReadAll(io.LimitReader(r, left)) // a cut stream still shows its start
			c.readings(out, scan)
			if left -= int64(len(out)); left == 0 {
				return false
			}
		}
		at += 3
	}
}

// readings hands over b as text and what it says in base64.
func (c *Canaries) readings(b []byte, scan func([]byte)) {
	low := bytes.ToLower(b)
	scan(low)
	scan(alnum(low))
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
		for start := 0; start < 4 && len(word)-start >= c.least; start++ {
			w := word[start:]
			if len(w)%4 == 1 { // one character is no byte
				w = w[:len(w)-1]
			}
			out := make([]byte, base64.RawStdEncoding.DecodedLen(len(w)))
			if n, err := base64.RawStdEncoding.Decode(out, w); err == nil {
				scan(bytes.ToLower(out[:n]))
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
