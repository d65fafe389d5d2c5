package store

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	mathbits "math/bits"
	"slices"
	"strings"
	"unicode"
)

// What search compares are words. A run of letters and digits is one, in lower
// case and cut to longWord characters; Chinese has no spaces, so each of its
// characters and each pair of neighbours is one. Nothing else separates or
// counts. Of a word of letters its beginnings, from shortWord characters on, are
// in the index too: what is typed finds "dispatch" from "dis" on, and "of" only
// where it stands alone.
const (
	shortWord = 3
	longWord  = 24
)

func ideograph(r rune) bool {
	return r >= '⺀' && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// textRuns splits text into runs of ideographs and runs of other letters and digits.
func textRuns(text string, f func(run []rune, ideographs bool)) {
	var run []rune
	was := false
	flush := func() {
		if len(run) > 0 {
			f(run, was)
			run = run[:0]
		}
	}
	for _, r := range text {
		if r >= '！' && r <= '～' { // full width
			r -= '！' - '!'
		}
		is := ideograph(r)
		if !is && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			continue
		}
		if is != was {
			flush()
		}
		was = is
		run = append(run, unicode.ToLower(r))
	}
	flush()
}

// asked returns the words that an entry must have to be found by query.
func asked(query string) []string {
	var out []string
	textRuns(query, func(run []rune, ideographs bool) {
		switch {
		case !ideographs:
			out = append(out, string(run[:min(len(run), longWord)]))
		case len(run) == 1:
			out = append(out, string(run))
		default:
			for i := range len(run) - 1 {
				out = append(out, string(run[i:i+2]))
			}
		}
	})
	return out
}

// said adds the words by which text is found to set.
func said(set map[string]bool, prefix, text string) {
	textRuns(text, func(run []rune, ideographs bool) {
		if ideographs {
			for i := range run {
				set[prefix+string(run[i])] = true
				if i > 0 {
					set[prefix+string(run[i-1:i+1])] = true
				}
			}
			return
		}
		run = run[:min(len(run), longWord)]
		for n := min(shortWord, len(run)); n <= len(run); n++ {
			set[prefix+string(run[:n])] = true
		}
	})
}

// blockSize is how many entries share a row of the index for each word.
const blockSize = 4096

// marks are entries of one block, as a bitmap.
type marks [blockSize / 64]uint64

func (m *marks) set(i int64)   { m[i/64] |= 1 << (i % 64) }
func (m *marks) clear(i int64) { m[i/64] &^= 1 << (i % 64) }

func (m *marks) count() (n int) {
	for _, w := range m {
		n += mathbits.OnesCount64(w)
	}
	return n
}

// encode returns base64 of the numbers (two bytes each) when there are fewer than
// 256, and of the bitmap (512 bytes) when there are more.
func (m *marks) encode() string {
	var b []byte
	if m.count() < blockSize/16 {
		m.each(func(i int) bool { b = binary.LittleEndian.AppendUint16(b, uint16(i)); return true })
	} else {
		for _, w := range m {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// decode adds what encode wrote. What it did not write adds what it can: an index
// that was tampered with finds the wrong entries, and no more than that.
func (m *marks) decode(s string) {
	b, _ := base64.RawStdEncoding.DecodeString(s)
	if len(b) == blockSize/8 {
		for i := range m {
			m[i] |= binary.LittleEndian.Uint64(b[8*i:])
		}
		return
	}
	for ; len(b) >= 2; b = b[2:] {
		if i := int64(binary.LittleEndian.Uint16(b)); i < blockSize {
			m.set(i)
		}
	}
}

// each calls f with the entries, ascending, until it returns false.
func (m *marks) each(f func(i int) bool) {
	for w, x := range m {
		for ; x != 0; x &= x - 1 {
			if !f(64*w + mathbits.TrailingZeros64(x)) {
				return
			}
		}
	}
}

// newest calls f with the entries, descending, until it returns false.
func (f found) newest(each func(n int64) bool) {
	for _, b := range slices.Backward(slices.Sorted(maps.Keys(f))) {
		for w := blockSize/64 - 1; w >= 0; w-- {
			for x := f[b][w]; x != 0; {
				i := 63 - mathbits.LeadingZeros64(x)
				if !each(b*blockSize + int64(64*w+i)) {
					return
				}
				x &^= 1 << i
			}
		}
	}
}

// found is a set of entries: marks by block.
type found map[int64]*marks

func (f found) and(g found) {
	for b, m := range f {
		o := g[b]
		if o == nil {
			delete(f, b)
			continue
		}
		some := uint64(0)
		for i := range m {
			m[i] &= o[i]
			some |= m[i]
		}
		if some == 0 {
			delete(f, b)
		}
	}
}

// without returns f without the entries of g.
func (f found) without(g found) found {
	out := found{}
	for b, m := range f {
		c := *m
		if o := g[b]; o != nil {
			for i := range c {
				c[i] &^= o[i]
			}
		}
		out[b] = &c
	}
	return out
}

func (f found) or(g found) {
	for b, m := range g {
		if f[b] == nil {
			f[b] = new(marks)
		}
		for i := range m {
			f[b][i] |= m[i]
		}
	}
}

func (f found) clone() found { return f.without(nil) }

func (f found) count() (n int) {
	for _, m := range f {
		n += m.count()
	}
	return n
}

// folded is how the name of a thing is compared with a whole query.
func folded(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
