package speech

import (
	"math/bits"
	"unicode/utf8"
)

// MaxTokens bounds an utterance: an alignment keeps 2 bits for each pair of
// tokens. A reader refuses longer texts.
const MaxTokens = 50_000

// Edits are the counts of one alignment, or of many.
type Edits struct {
	Sub, Del, Ins, Hit int64
}

// Errors are S+D+I.
func (e Edits) Errors() int64 { return e.Sub + e.Del + e.Ins }

// Ref is the length of the reference.
func (e Edits) Ref() int64 { return e.Sub + e.Del + e.Hit }

// Aligner counts edits; it keeps memory between calls and is not safe for
// concurrent use. The zero value is ready.
type Aligner struct {
	ids    map[string]int32
	basic  [1 << 16]uint64 // of code points below 2^16: where a short reference has them, or their ids in peq; 0 between calls
	used   []int32
	ref    []int32
	hyp    []int32
	at     []int32
	slots  [128]slot
	peq    []uint64
	last   []uint64
	vp, vn []uint64 // a row of words for each token of the hypothesis
	few    []column // when the reference is short
	tokens [64]uint16
}

// Align counts the edits of a Levenshtein alignment. The number of errors is
// least; S, D and I are not unique, and here, from the end, a deletion goes
// before an insertion before a substitution, after equal ends are cut off.
//
// The distances of one column of the table are kept as bits, 64 at a time
// (Myers 1999; Hyyrö 2003), and the bits of all columns to walk back.
func (a *Aligner) Align(ref, hyp []string) Edits {
	a.number(ref, hyp)
	return a.align(a.ref, a.hyp)
}

// AlignText counts the edits between the code points of two texts as they are.
func (a *Aligner) AlignText(ref, hyp string) Edits {
	if e, ok := a.alignShort(ref, hyp); ok {
		return e
	}
	// Equal bytes at both ends are cut off first, between characters: bytes that
	// go on with a character never begin one, in good text or bad.
	n := sameHead(ref, hyp)
	for n > 0 && (n < len(ref) && inside(ref[n]) || n < len(hyp) && inside(hyp[n])) {
		n--
	}
	same := ref[:n]
	ref, hyp = ref[n:], hyp[n:]
	n = sameTail(ref, hyp)
	for n > 0 && inside(ref[len(ref)-n]) {
		n--
	}
	tail := ref[len(ref)-n:]
	ref, hyp = ref[:len(ref)-n], hyp[:len(hyp)-n]
	a.ref, a.hyp = decode(a.ref, ref), decode(a.hyp, hyp)
	e := a.align(a.ref, a.hyp)
	e.Hit += count(same) + count(tail)
	return e
}

// sameHead is how many bytes a and b begin with alike.
func sameHead(a, b string) (n int) {
	most := min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if x := eight(a[n:]) ^ eight(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

// sameTail is how many bytes a and b end with alike.
func sameTail(a, b string) (n int) {
	most := min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if x := eight(a[len(a)-n-8:]) ^ eight(b[len(b)-n-8:]); x != 0 {
			return n + bits.LeadingZeros64(x)/8
		}
	}
	for n < most && a[len(a)-n-1] == b[len(b)-n-1] {
		n++
	}
	return n
}

// eight are the first bytes of s as one word.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// three are the first bytes of s as one word.
func three(s string) uint32 {
	_ = s[2]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16
}

// isThree reports whether x is a character of three bytes that every continuation
// fits: the first is none of 0xe0 and 0xed.
func isThree(x uint32) bool { return x&0xc0c0f0 == 0x8080e0 && x&0x0f != 0 && x&0x0f != 0x0d }

// count is how many code points decode would give.
func count(s string) (n int64) {
	for i := 0; i < len(s); n++ {
		switch b := s[i]; {
		case b < utf8.RuneSelf:
			i++
		case len(s)-i >= 3 && isThree(three(s[i:])):
			i += 3
		default:
			_, w := utf8.DecodeRuneInString(s[i:])
			i += w
		}
	}
	return n
}

// inside reports whether b goes on with a character.
func inside(b byte) bool { return b&0xc0 == 0x80 }

// decode gives the code points of s in the memory of out. Most of Chinese is
// three bytes a character, and they are read here; the rest by package utf8.
func decode(out []int32, s string) []int32 {
	if cap(out) < len(s) {
		out = make([]int32, 2*len(s))
	}
	out = out[:len(s)]
	n := 0
	for i := 0; i < len(s); n++ {
		b := s[i]
		if b < utf8.RuneSelf {
			out[n] = int32(b)
			i++
			continue
		}
		if len(s)-i >= 3 {
			if x := three(s[i:]); isThree(x) {
				out[n] = int32(threes(x))
				i += 3
				continue
			}
		}
		c, w := utf8.DecodeRuneInString(s[i:])
		out[n] = c
		i += w
	}
	return out[:n]
}

// number gives equal tokens equal numbers.
func (a *Aligner) number(ref, hyp []string) {
	if a.ids == nil {
		a.ids = map[string]int32{}
	}
	clear(a.ids)
	next := int32(1 << 21) // above all code points
	put := func(out []int32, tokens []string) []int32 {
		for _, t := range tokens {
			if r, one := oneRune(t); one {
				out = append(out, int32(r))
				continue
			}
			id, ok := a.ids[t]
			if !ok {
				id = next
				next++
				a.ids[t] = id
			}
			out = append(out, id)
		}
		return out
	}
	a.ref = put(a.ref[:0], ref)
	a.hyp = put(a.hyp[:0], hyp)
}

func oneRune(s string) (rune, bool) {
	for i, c := range s {
		if i > 0 || c == '\uFFFD' {
			return 0, false
		}
		if len(s) == runeLen(s) {
			return c, true
		}
	}
	return 0, false
}

func (a *Aligner) align(ref, hyp []int32) Edits {
	var e Edits
	for len(ref) > 0 && len(hyp) > 0 && ref[0] == hyp[0] {
		ref, hyp = ref[1:], hyp[1:]
		e.Hit++
	}
	for len(ref) > 0 && len(hyp) > 0 && ref[len(ref)-1] == hyp[len(hyp)-1] {
		ref, hyp = ref[:len(ref)-1], hyp[:len(hyp)-1]
		e.Hit++
	}
	if len(ref) == 0 || len(hyp) == 0 {
		e.Del, e.Ins = int64(len(ref)), int64(len(hyp))
		return e
	}
	if len(ref) <= 64 {
		return a.backShort(int(e.Hit), len(ref), len(hyp), a.short(ref, hyp))
	}
	// Symbols of the reference become places in peq, 1 and up; 0 is for others.
	words := (len(ref) + 63) / 64
	symbols := int32(1)
	var rare map[int32]int32
	at := a.at[:0] // of the reference, and then where in peq the tokens of the hypothesis are
	for _, c := range ref {
		var id int32
		if c < 1<<16 {
			if id = int32(a.basic[c]); id == 0 {
				id = symbols
				symbols++
				a.basic[c] = uint64(id)
				a.used = append(a.used, c)
			}
		} else {
			if rare == nil {
				rare = map[int32]int32{}
			}
			if id = rare[c]; id == 0 {
				id = symbols
				symbols++
				rare[c] = id
			}
		}
		at = append(at, id)
	}
	if n := int(symbols) * words; cap(a.peq) < n {
		a.peq = make([]uint64, n)
	} else {
		a.peq = a.peq[:n]
		clear(a.peq)
	}
	for i, id := range at {
		a.peq[int(id)*words+i/64] |= 1 << (i & 63)
	}
	at = at[:0]
	for _, c := range hyp {
		if c < 1<<16 {
			at = append(at, int32(a.basic[c])*int32(words))
		} else {
			at = append(at, rare[c]*int32(words))
		}
	}
	a.at = at
	for _, c := range a.used {
		a.basic[c] = 0
	}
	a.used = a.used[:0]
	// A narrow band has an alignment, if not the best. Its errors bound those of the
	// best, and what so many can reach is the band of the second time.
	b := newBand(len(ref), len(hyp), narrow)
	if errors := a.long(at, words, b); errors > b.errors {
		b = newBand(len(ref), len(hyp), errors)
		a.long(at, words, b)
	}
	return a.back(e, ref, hyp, b)
}

// narrow is how many errors the first band of long texts has room for, beyond those
// that their lengths ask for.
const narrow = 128

// band are the cells (i, j) of a table with lo ≤ i-j ≤ up, in whole words of 64 rows
// i: all that an alignment with so many errors can pass (Ukkonen 1985).
type band struct {
	rows, lo, up int
	errors       int
	wide         int // words that a column has at most
}

// newBand has room for so many errors, and for as many as the lengths ask for.
func newBand(rows, columns, errors int) band {
	more := rows - columns
	errors = max(errors, more+narrow, narrow-more)
	b := band{rows: rows, lo: -((errors - more) / 2), up: (errors + more) / 2, errors: errors}
	b.wide = min((rows+63)/64, (b.up-b.lo)/64+2)
	return b
}

// first and last are the words of column j, from 1 on. Neither falls where j rises.
func (b *band) first(j int) int { return max(0, j+b.lo-1) / 64 }
func (b *band) last(j int) int  { return (min(b.rows, j+b.up) - 1) / 64 }

// back walks back from the corner of the table and counts. Where it is, the numbers
// of the band are those of the whole table, and beside it none of them is too small:
// it goes the same way in both.
func (a *Aligner) back(e Edits, ref, hyp []int32, b band) Edits {
	i, j := len(ref), len(hyp)
	first := b.first(j)
	for i > 0 && j > 0 {
		w, bit := (i-1)/64, uint64(1)<<((i-1)&63)
		if a.vp[(j-1)*b.wide+w-first]&bit != 0 { // one less above: a deletion
			e.Del++
			i--
			continue
		}
		before := b.first(j - 1)
		switch {
		case j > 1 && w <= b.last(j-1) && a.vn[(j-2)*b.wide+w-before]&bit != 0:
			e.Ins++
		default:
			i--
			if ref[i] == hyp[j-1] {
				e.Hit++
			} else {
				e.Sub++
			}
		}
		j--
		first = before
	}
	e.Del += int64(i)
	e.Ins += int64(j)
	return e
}

// slot is where in a short reference a token is.
type slot struct {
	token int32
	at    uint64
}

// short fills the vertical differences of all columns for up to 64 tokens, and
// returns the number of errors.
func (a *Aligner) short(ref, hyp []int32) int {
	large := int32(0)
	for _, c := range ref {
		large |= c
	}
	for _, c := range hyp {
		large |= c
	}
	if large >= 1<<16 {
		return a.shortOfAny(ref, hyp)
	}
	for i, c := range ref {
		a.basic[uint16(c)] |= 1 << (i & 63)
	}
	columns := a.room(len(hyp))
	vp, vn := ^uint64(0), uint64(0)
	for j, c := range hyp {
		vp, vn = step(a.basic[uint16(c)], vp, vn)
		columns[j] = column{vp, vn}
	}
	for _, c := range ref {
		a.basic[uint16(c)] = 0
	}
	return errorsOf(len(ref), len(hyp), vp, vn)
}

// shortOfAny is short for tokens of any number.
func (a *Aligner) shortOfAny(ref, hyp []int32) int {
	columns := a.room(len(hyp))
	t := &a.slots // open addressing: at most half full
	var used [64]uint8
	for i, c := range ref {
		k := uint32(c) & 127
		for t[k].at != 0 && t[k].token != c {
			k = (k + 1) & 127
		}
		t[k].token = c
		t[k].at |= 1 << i
		used[i] = uint8(k)
	}
	vp, vn := ^uint64(0), uint64(0)
	for j, c := range hyp {
		k := uint32(c) & 127
		for t[k].at != 0 && t[k].token != c {
			k = (k + 1) & 127
		}
		vp, vn = step(t[k].at, vp, vn)
		columns[j] = column{vp, vn}
	}
	for _, k := range used[:len(ref)] {
		t[k] = slot{}
	}
	return errorsOf(len(ref), len(hyp), vp, vn)
}

// long does so in blocks of 64 rows, handing horizontal differences down, for the cells
// of a band, and returns the errors of the best alignment in it. What is above the band
// is reached by insertions alone, and what is below it by deletions.
func (a *Aligner) long(at []int32, words int, b band) (errors int) {
	if n := len(at) * b.wide; cap(a.vp) < n {
		a.vp, a.vn = make([]uint64, n), make([]uint64, n)
	} else {
		a.vp, a.vn = a.vp[:n], a.vn[:n]
	}
	if cap(a.last) < 2*words {
		a.last = make([]uint64, 2*words)
	}
	ps, ms := a.last[:words], a.last[words:2*words] // the last column
	for w := range ps {
		ps[w], ms[w] = ^uint64(0), 0
	}
	top := 0 // the first word, above which there are so many errors
	for j, c := range at {
		first, last := b.first(j+1), b.last(j+1)
		for ; top < first; top++ {
			errors += bits.OnesCount64(ps[top]) - bits.OnesCount64(ms[top])
		}
		errors++
		eqs := a.peq[int(c)+first:][:last-first+1]
		n := len(eqs)
		p, m := ps[first:][:n], ms[first:][:n]
		vp, vn := a.vp[j*b.wide:][:n], a.vn[j*b.wide:][:n]
		hpIn, hnIn := uint64(1), uint64(0)
		for w, eq := range eqs {
			pv, mv := p[w], m[w]
			x := eq | hnIn
			d0 := ((x&pv + pv) ^ pv) | x | mv
			hp := mv | ^(d0 | pv)
			hn := pv & d0
			hpOut, hnOut := hp>>63, hn>>63
			hp = hp<<1 | hpIn
			hn = hn<<1 | hnIn
			pv = hn | ^(d0 | hp)
			mv = hp & d0
			p[w], m[w], vp[w], vn[w] = pv, mv, pv, mv
			hpIn, hnIn = hpOut, hnOut
		}
	}
	for w := top; w < words; w++ {
		mask := ^uint64(0) >> max(0, 64*(w+1)-b.rows)
		errors += bits.OnesCount64(ps[w]&mask) - bits.OnesCount64(ms[w]&mask)
	}
	return errors
}
