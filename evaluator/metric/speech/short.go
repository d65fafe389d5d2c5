package speech

import (
	"math/bits"
	"unicode/utf8"
)

// shortText is how many bytes a text has that alignShort is worth trying for.
const shortText = 64 * 3 * 2

// alignShort is AlignText for an utterance: it cuts off equal ends by characters, and
// reads what is left as it goes. It is false when the reference then has more than 64
// characters, and when it meets one that is neither ASCII nor what isThree knows: those
// are read by package utf8, and of bytes that are none different ones are equal.
func (a *Aligner) alignShort(ref, hyp string) (e Edits, ok bool) {
	if len(ref) > shortText || len(hyp) > 2*shortText {
		return e, false
	}
	hit := 0
	i := 0
	for len(ref)-i >= eightThrees && len(hyp)-i >= eightThrees {
		n := sameThrees(ref[i:i+eightThrees], hyp[i:i+eightThrees], false)
		i += 3 * n
		if hit += n; n < 8 {
			break
		}
	}
	for i < len(ref) && i < len(hyp) {
		w := 3
		if x := leading(ref, i); isThree(x) {
			if x != leading(hyp, i) {
				break
			}
		} else if w = 1; ref[i] >= utf8.RuneSelf {
			return e, false
		} else if ref[i] != hyp[i] {
			break
		}
		i += w
		hit++
	}
	ref, hyp = ref[i:], hyp[i:]
	m, n := len(ref), len(hyp)
	for m >= eightThrees && n >= eightThrees {
		k := sameThrees(ref[m-eightThrees:m], hyp[n-eightThrees:n], true)
		m, n = m-3*k, n-3*k
		if hit += k; k < 8 {
			break
		}
	}
	for m > 0 && n > 0 {
		w := 3
		if x := ending(ref, m); isThree(x) {
			if x != ending(hyp, n) {
				break
			}
		} else if w = 1; ref[m-1] >= utf8.RuneSelf {
			return e, false
		} else if ref[m-1] != hyp[n-1] {
			break
		}
		m, n = m-w, n-w
		hit++
	}
	if m == 0 || n == 0 {
		return Edits{Del: count(ref[:m]), Ins: count(hyp[:n]), Hit: int64(hit)}, true
	}
	rows := a.place(ref[:m])
	columns, vp, vn := 0, uint64(0), uint64(0)
	if rows > 0 {
		columns, vp, vn = a.columnsOf(hyp[:n], a.room(n))
	}
	for i := 0; i < max(rows, -rows); i += 8 { // those that follow are 0 already
		for _, c := range (*[8]uint16)(a.tokens[i:]) {
			a.basic[c] = 0
		}
	}
	if rows <= 0 || columns <= 0 {
		return e, false
	}
	return a.backShort(hit, rows, columns, errorsOf(rows, columns, vp, vn)), true
}

// eightThrees are the bytes that sameThrees looks at.
const eightThrees = 24

// sameThrees is how many of eight characters a and b begin with alike, or end with; 0
// when those of a are not all in U+4000 to U+BFFF, of three bytes each. No branch
// depends on where they differ, which a processor would guess wrong.
func sameThrees(a, b string, end bool) int {
	x, y, z := eight(a), eight(a[8:]), eight(a[16:])
	// What begins a character is 0xe4 to 0xeb, of which two bits differ.
	if x&0xc0f0c0c0f0c0c0f0 != 0x80e08080e08080e0 || y&0xf0c0c0f0c0c0f0c0 != 0xe08080e08080e080 || z&0xc0c0f0c0c0f0c0c0 != 0x8080e08080e08080 ||
		(x^x>>1)&0x0004000004000004 != 0x0004000004000004 || (y^y>>1)&0x0400000400000400 != 0x0400000400000400 || (z^z>>1)&0x0000040000040000 != 0x0000040000040000 {
		return 0
	}
	x, y, z = x^eight(b), y^eight(b[8:]), z^eight(b[16:])
	var p, q, r int // bits that are the same
	if end {
		p, q, r = bits.LeadingZeros64(z), bits.LeadingZeros64(y), bits.LeadingZeros64(x)
	} else {
		p, q, r = bits.TrailingZeros64(x), bits.TrailingZeros64(y), bits.TrailingZeros64(z)
	}
	whole := -(p >> 6) // all bits of the word before
	return (p + whole&(q+-(q>>6)&r)) / 24
}

// place says of each character where ref has it, and returns how many there are; less
// than 0 when alignShort is not for them, and of how many it was said.
func (a *Aligner) place(ref string) (n int) {
	for i := 0; i < len(ref); n++ {
		c, w := uint16(0), 3
		if x := leading(ref, i); isThree(x) {
			c = threes(x)
		} else if c, w = uint16(ref[i]), 1; c >= utf8.RuneSelf {
			return -n
		}
		if n == len(a.tokens) {
			return -n
		}
		i += w
		a.tokens[n] = c
		a.basic[c] |= 1 << (n & 63)
	}
	return n
}

// columnsOf fills a column for each character of hyp, and returns how many there are and
// the last one; 0 when alignShort is not for them.
func (a *Aligner) columnsOf(hyp string, columns []column) (m int, vp, vn uint64) {
	vp = ^uint64(0)
	for i := 0; i < len(hyp) && m < len(columns); m++ {
		c, w := uint16(0), 3
		if x := leading(hyp, i); isThree(x) {
			c = threes(x)
		} else if c, w = uint16(hyp[i]), 1; c >= utf8.RuneSelf {
			return 0, 0, 0
		}
		i += w
		vp, vn = step(a.basic[c], vp, vn)
		columns[m] = column{vp, vn}
	}
	return m, vp, vn
}

// leading are the three bytes of s from i on, or 0.
func leading(s string, i int) uint32 {
	if len(s)-i < 3 {
		return 0
	}
	return three(s[i:])
}

// ending are the three bytes of s before i, or 0.
func ending(s string, i int) uint32 {
	if i < 3 {
		return 0
	}
	return three(s[i-3:])
}

// threes is the character that isThree says x to be.
func threes(x uint32) uint16 { return uint16(x&0x0f<<12 | x>>8&0x3f<<6 | x>>16&0x3f) }

// column has for each token of a short reference whether a distance is one more than
// the one above it, or one less.
type column struct{ vp, vn uint64 }

// room has a column for each token of the hypothesis.
func (a *Aligner) room(n int) []column {
	if cap(a.few) < n {
		a.few = make([]column, 2*n)
	}
	return a.few[:n]
}

// step goes on by a column: eq is where the reference has its token. It is Hyyrö's, in
// an order in which few operations wait for the one before.
func step(eq, vp, vn uint64) (uint64, uint64) {
	x := eq&vp + vp
	d0 := x ^ vp | (eq | vn)
	not := (x | (vp | eq)) &^ vn << 1 // where there is no horizontal +1
	return (vp&d0)<<1 | not&^d0, d0 &^ not
}

// errorsOf is the last distance of the last column: along its top there are as many
// as it is to the right, and its differences add up.
func errorsOf(ref, hyp int, vp, vn uint64) int {
	mask := ^uint64(0) >> (64 - ref&127)
	return hyp + bits.OnesCount64(vp&mask) - bits.OnesCount64(vn&mask)
}

// backShort is back for up to 64 tokens, of which the number of errors is known: the
// deletions tell the rest.
func (a *Aligner) backShort(hit, ref, hyp, errors int) Edits {
	more := ref - hyp // deletions than insertions
	del := max(more, 0)
	if errors > max(more, -more)+1 { // else there is a substitution, or none
		del = deletions(a.few[:hyp], ref)
	}
	ins := del - more
	sub := errors - del - ins
	return Edits{Sub: int64(sub), Del: int64(del), Ins: int64(ins), Hit: int64(hit + ref - del - sub)}
}

// deletions counts those on the way back from the last of so many rows.
func deletions(columns []column, rows int) (del int) {
	i, j := rows-1, len(columns)-1
	for i >= 0 && j >= 0 {
		switch at := uint(i) & 63; {
		case columns[j].vp>>at&1 != 0: // one less above: a deletion
			del++
			i--
		case j > 0 && columns[j-1].vn>>at&1 != 0: // an insertion
			j--
		default:
			i--
			j--
		}
	}
	return del + i + 1
}
