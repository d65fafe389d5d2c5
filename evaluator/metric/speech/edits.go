package speech

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
	ascii  [1 << 16]int32 // ids of single code points below 2^16, 1 more than they are
	used   []int32
	ref    []int32
	hyp    []int32
	at     []int32
	peq    []uint64
	vp, vn []uint64 // a row of words for each token of the hypothesis
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
	a.ref, a.hyp = a.ref[:0], a.hyp[:0]
	for _, c := range ref {
		a.ref = append(a.ref, c)
	}
	for _, c := range hyp {
		a.hyp = append(a.hyp, c)
	}
	return a.align(a.ref, a.hyp)
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
	// Symbols of the reference become places in peq, 1 and up; 0 is for others.
	words := (len(ref) + 63) / 64
	symbols := 1
	if n := (len(ref) + 1) * words; cap(a.peq) < n {
		a.peq = make([]uint64, n)
	} else {
		a.peq = a.peq[:n]
		clear(a.peq)
	}
	var rare map[int32]int32
	for i, c := range ref {
		var id int32
		if c < 1<<16 {
			if id = a.ascii[c]; id == 0 {
				id = int32(symbols)
				symbols++
				a.ascii[c] = id
				a.used = append(a.used, c)
			}
		} else {
			if rare == nil {
				rare = map[int32]int32{}
			}
			if id = rare[c]; id == 0 {
				id = int32(symbols)
				symbols++
				rare[c] = id
			}
		}
		a.peq[int(id)*words+i/64] |= 1 << (i & 63)
	}
	at := a.at[:0] // where in peq the tokens of the hypothesis are
	for _, c := range hyp {
		if c < 1<<16 {
			at = append(at, a.ascii[c]*int32(words))
		} else {
			at = append(at, rare[c]*int32(words))
		}
	}
	a.at = at
	if n := len(hyp) * words; cap(a.vp) < n {
		a.vp, a.vn = make([]uint64, n), make([]uint64, n)
	}
	vp, vn := a.vp[:len(hyp)*words], a.vn[:len(hyp)*words]
	if words == 1 {
		short(a.peq, at, vp, vn)
	} else {
		long(a.peq, at, vp, vn, words)
	}
	for _, c := range a.used {
		a.ascii[c] = 0
	}
	a.used = a.used[:0]

	// Walk back from the corner.
	i, j := len(ref), len(hyp)
	for i > 0 && j > 0 {
		w, bit := (i-1)/64, uint64(1)<<((i-1)&63)
		switch {
		case vp[(j-1)*words+w]&bit != 0: // one less above: a deletion
			e.Del++
			i--
		case j > 1 && vn[(j-2)*words+w]&bit != 0:
			e.Ins++
			j--
		default:
			i--
			j--
			if ref[i] == hyp[j] {
				e.Hit++
			} else {
				e.Sub++
			}
		}
	}
	e.Del += int64(i)
	e.Ins += int64(j)
	return e
}

// short fills the vertical differences of all columns for up to 64 tokens.
func short(peq []uint64, at []int32, vps, vns []uint64) {
	vp, vn := ^uint64(0), uint64(0)
	vps, vns = vps[:len(at)], vns[:len(at)]
	for j, c := range at {
		eq := peq[c]
		d0 := ((eq&vp + vp) ^ vp) | eq | vn
		hp := vn | ^(d0 | vp)
		hn := vp & d0
		hp = hp<<1 | 1
		hn <<= 1
		vp = hn | ^(d0 | hp)
		vn = hp & d0
		vps[j], vns[j] = vp, vn
	}
}

// long does so in blocks of 64, handing horizontal differences down.
func long(peq []uint64, at []int32, vps, vns []uint64, words int) {
	ones := make([]uint64, 2*words)
	before, beforeN := ones[:words], ones[words:]
	for w := range before {
		before[w] = ^uint64(0)
	}
	for j, c := range at {
		eqs := peq[c:][:words]
		vp, vn := vps[j*words:][:words], vns[j*words:][:words]
		hpIn, hnIn := uint64(1), uint64(0)
		for w, eq := range eqs {
			pv, mv := before[w], beforeN[w]
			x := eq | hnIn
			d0 := ((x&pv + pv) ^ pv) | x | mv
			hp := mv | ^(d0 | pv)
			hn := pv & d0
			hpOut, hnOut := hp>>63, hn>>63
			hp = hp<<1 | hpIn
			hn = hn<<1 | hnIn
			vp[w] = hn | ^(d0 | hp)
			vn[w] = hp & d0
			hpIn, hnIn = hpOut, hnOut
		}
		before, beforeN = vp, vn
	}
}
