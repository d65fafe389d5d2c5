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
// every alignment, with separators in between, and inside gzip.
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
		for _, f := range [][]byte{low, alnum(low)} {
			c.add(string(f), s)
			c.add(hex.EncodeToString(f), s)
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

// Find returns the secrets that b carries, at most so many.
func (c *Canaries) Find(b []byte, most int) []string {
	found := map[string]bool{}
	for _, text := range c.views(b) {
		for _, n := range c.lookAt {
			forms := c.forms[n]
			for i := 0; i+n <= len(text) && len(found) < most; i++ {
				if s, ok := forms[string(text[i:i+n])]; ok {
					found[s] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// views are the readings of b that are scanned.
func (c *Canaries) views(b []byte) [][]byte {
	low := bytes.ToLower(b)
	views := [][]byte{low, alnum(low)}
	// A gzip stream may start anywhere.
	left := int64(maxInflated)
	for at, streams := 0, 0; left > 0 && streams < maxStreams; {
		i := bytes.Index(b[at:], []byte{0x1f, 0x8b, 0x08})
		if i < 0 {
			break
		}
		at += i
		if r, err := gzip.NewReader(bytes.NewReader(b[at:])); err == nil {
			streams++
			out, _ := io.ReadAll(io.LimitReader(r, left)) // a cut stream still shows its start
			left -= int64(len(out))
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
		for start := 0; start < 4 && len(word)-start >= c.least; start++ {
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

// alnum keeps letters and digits: separators between the characters go.
func alnum(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, b)
}
