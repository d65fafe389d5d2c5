package speech

import (
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// plainDistance is the table, cell by cell.
func plainDistance(a, b []rune) int64 {
	row := make([]int64, len(b)+1)
	for j := range row {
		row[j] = int64(j)
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = int64(i + 1)
		for j, y := range b {
			d := diagonal
			if x != y {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// TestAlign: whatever the lengths around the width of a word, and whatever the
// characters, the errors are the least, and the counts fit the lengths.
func TestAlign(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	alphabet := []rune("ab中文𠀀é\u00ff\uffff日月")
	draw := func() []rune {
		n := []int{0, 1, 5, 20, 62, 63, 64, 65, 66, 127, 128, 129, 300}[r.IntN(13)]
		k := 2 + r.IntN(len(alphabet)-2)
		s := make([]rune, n)
		for i := range s {
			s[i] = alphabet[r.IntN(k)]
		}
		return s
	}
	var a Aligner
	for range 3000 {
		x, y := draw(), draw()
		if r.IntN(2) == 0 && len(x) > 0 {
			y = append([]rune{}, x...)
			for range r.IntN(8) {
				y[r.IntN(len(y))] = alphabet[r.IntN(len(alphabet))]
			}
		}
		e := a.AlignText(string(x), string(y))
		if want := plainDistance(x, y); e.Errors() != want || e.Ref() != int64(len(x)) || e.Hit+e.Sub+e.Ins != int64(len(y)) {
			t.Fatalf("%q %q: %+v, want %d errors", string(x), string(y), e, want)
		}
		rules := Rules{Units: Chars}
		if again := a.Align(rules.Tokens(string(x)), rules.Tokens(string(y))); again != e {
			t.Fatalf("%q %q: as tokens %+v, as text %+v", string(x), string(y), again, e)
		}
	}
}

// TestAlignBadText: bytes that are no text count as one character each, the
// same as text and as tokens.
// TestAlignUtterance: what is read of short texts without decoding them first gives the
// way back that the whole table has, whatever few characters are not of the common kind.
func TestAlignUtterance(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	rare := []rune("a \u00e9\u0800\u1000\u3fff\u4000\u7fff\u8000\ubfff\uc000\ud7ff\ue000\ufffd\uffff𠀀，")
	var a Aligner
	for n := range 6000 {
		letters, odd := []int{2, 6, 3000}[n%3], []float64{0, 0.02, 0.3}[n/3%3]
		draw := func() rune {
			if r.Float64() < odd {
				return rare[r.IntN(len(rare))]
			}
			return rune(0x4e00 + r.IntN(letters))
		}
		var x, y []rune
		for range r.IntN(80) {
			x = append(x, draw())
		}
		noise := []float64{0, 0.05, 0.2}[n/9%3]
		for _, c := range x {
			switch p := r.Float64() / noise; {
			case p < 0.3:
				y = append(y, draw())
			case p < 0.6:
			case p < 1:
				y = append(y, c, draw())
			default:
				y = append(y, c)
			}
		}
		if want, got := plainEdits(x, y), a.AlignText(string(x), string(y)); got != want {
			t.Fatalf("%q %q: %+v, not %+v", string(x), string(y), got, want)
		}
	}
	for c, n := range a.basic {
		if n != 0 {
			t.Fatalf("%#x is left for the next alignment", c)
		}
	}
}

// TestAlignBand: a long text is aligned in a band of its table, by the way back that
// the whole table has, however its errors lie and whatever the lengths.
func TestAlignBand(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var a Aligner
	for n := range 200 {
		letters := []int{2, 4, 3000}[n%3]
		draw := func(n int) []rune {
			s := make([]rune, n)
			for i := range s {
				s[i] = rune(0x4e00 + r.IntN(letters))
			}
			return s
		}
		x := draw(65 + r.IntN(900))
		y := draw(1 + r.IntN(900))
		if n%5 == 4 {
			// All that is left out comes first: the way is far from the diagonal.
			both := draw(300 + r.IntN(600))
			x, y = append(draw(100), both...), append(both, draw(100)...)
		} else if n%4 > 0 {
			// Blocks that move the way off the diagonal, there and back, and noise.
			y = y[:0]
			noise := []float64{0, 0.02, 0.3}[r.IntN(3)]
			for i := 0; i < len(x); i++ {
				switch {
				case r.IntN(200) == 0:
					y = append(y, draw(r.IntN(150))...)
				case r.IntN(200) == 0:
					i += r.IntN(150)
				case r.Float64() < noise:
					y = append(y, draw(1)...)
				default:
					y = append(y, x[i])
				}
			}
		}
		for i := range a.vn { // what an alignment does not write it does not read
			a.vp[i], a.vn[i] = ^uint64(0), ^uint64(0)
		}
		if want, got := plainEdits(x, y), a.AlignText(string(x), string(y)); got != want {
			t.Fatalf("%d and %d characters: %+v, not %+v", len(x), len(y), got, want)
		}
	}
}

// plainEdits walks back through the whole table.
func plainEdits(x, y []rune) (e Edits) {
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
		e.Hit++
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
		e.Hit++
	}
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			case x[i-1] == y[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])
			}
		}
	}
	i, j := len(x), len(y)
	for i > 0 && j > 0 {
		switch {
		case d[i-1][j] < d[i][j]:
			i--
			e.Del++
		case d[i][j-1] < d[i-1][j-1]:
			j--
			e.Ins++
		default:
			i--
			j--
			if x[i] == y[j] {
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

func TestAlignBadText(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	parts := []string{"\xe4", "\xb8", "\xad", "中", "a", "\xf0\x9f", "\xff", "丮"}
	draw := func() (s string) {
		for range r.IntN(7) {
			s += parts[r.IntN(len(parts))]
		}
		return s
	}
	var a Aligner
	for range 20000 {
		x, y := draw(), draw()
		if e, want := a.AlignText(x, y), plainDistance([]rune(x), []rune(y)); e.Errors() != want || e.Ref() != int64(utf8.RuneCountInString(x)) {
			t.Fatalf("%q %q: %+v, want %d errors", x, y, e, want)
		}
	}
}

// FuzzDecode: any bytes are read as package utf8 reads them.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "a中é𠀀", "\xe4\xb8", "\xe0\x80\x80", "\xed\xa0\x80", "\xff中"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := decode(nil, s)
		if len(got) != utf8.RuneCountInString(s) {
			t.Fatalf("%q: %d code points", s, len(got))
		}
		i := 0
		for _, c := range s {
			if got[i] != c {
				t.Fatalf("%q: %x at %d", s, got[i], i)
			}
			i++
		}
	})
}
