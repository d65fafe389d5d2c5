package text

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"aihub/evaluator/metric"
)

func init() {
	metric.RegisterUnits("ter@1", func(p metric.Params) (metric.Measure, string) {
		return TER(p.Str("tokenize"), p.Str("case") == "lower"), "ter"
	})
}

// TER is the measure of *Passage of edits, moves of stretches among them, over
// the length of the reference (Snover et al., 2006), a ratio of sums, as sacrebleu
// computes it after Tercom: moves are chosen greedily, at most 50 places far and
// 10 tokens long, of 1,000 that are tried. Of several references the fewest edits
// count, over the mean of their lengths.
func TER(tok string, lower bool) metric.Measure {
	return &metric.Additive[*Passage]{
		ID: "text.ter " + tok + flag(lower, " lower"), Counts: 1, Sums: 1,
		Of: func(p *Passage, s *metric.Stats) {
			words := func(s string) []string {
				if lower {
					s = strings.ToLower(s)
				}
				return Tokenize(tok, s)
			}
			hyp := words(p.Hyp)
			best, length := int64(math.MaxInt64), int64(0)
			for _, r := range p.Refs {
				ref := words(r)
				length += int64(len(ref))
				best = min(best, moved(hyp, ref))
			}
			if len(p.Refs) == 0 {
				return
			}
			s.Counts[0] += best
			s.Sums[0].Add(metric.Quo(length, int64(len(p.Refs))))
		},
		Values: map[string]func(s *metric.Stats) metric.Result{"ter": func(s *metric.Stats) metric.Result {
			n := s.Sums[0].Float()
			if n == 0 {
				return metric.Undefined(s.N, metric.NoReference)
			}
			return metric.OK(float64(s.Counts[0])/n, s.N)
		}},
	}
}

const (
	moveFar   = 50
	moveLong  = 10
	moveTries = 1000
	beam      = 25
)

// moved counts the edits of one pair.
func moved(hyp, ref []string) int64 {
	if len(ref) == 0 {
		return int64(len(hyp))
	}
	var t tercom
	shifts, tried := int64(0), 0
	for {
		gain, next := t.shift(hyp, ref, &tried)
		if tried >= moveTries || gain <= 0 {
			break
		}
		shifts++
		hyp = next
	}
	d, _ := t.distance(hyp, ref)
	return shifts + d
}

type tercom struct {
	cost []int64
	op   []byte
}

// distance is that of edits near the diagonal, and the operations, from the
// start, that make the hypothesis of the reference: s, i, d and ' '.
func (t *tercom) distance(hyp, ref []string) (int64, []byte) {
	const far = int64(1e16)
	n, m := len(hyp), len(ref)
	w := m + 1
	t.cost = slices.Grow(t.cost[:0], (n+1)*w)[:(n+1)*w]
	t.op = slices.Grow(t.op[:0], (n+1)*w)[:(n+1)*w]
	for j := range w {
		t.cost[j], t.op[j] = int64(j), 'i'
	}
	for i := w; i < len(t.cost); i++ {
		t.cost[i] = far
	}
	ratio := 1.0
	if n > 0 {
		ratio = float64(m) / float64(n)
	}
	width := beam
	if beam < ratio/2 {
		width = int(math.Ceil(ratio/2 + beam))
	}
	for i := 1; i <= n; i++ {
		diagonal := int(math.Floor(float64(i) * ratio))
		from, to := max(0, diagonal-width), min(w, diagonal+width)
		if i == n {
			to = w
		}
		for j := from; j < to; j++ {
			at := i*w + j
			if j == 0 {
				t.cost[at], t.op[at] = t.cost[at-w]+1, 'd'
				continue
			}
			c, op := t.cost[at-w-1]+1, byte('s')
			if hyp[i-1] == ref[j-1] {
				c, op = c-1, ' '
			}
			if x := t.cost[at-w] + 1; x < c {
				c, op = x, 'd'
			}
			if x := t.cost[at-1] + 1; x < c {
				c, op = x, 'i'
			}
			if c < t.cost[at] {
				t.cost[at], t.op[at] = c, op
			}
		}
	}
	var trace []byte
	for i, j := n, m; i > 0 || j > 0; {
		op := t.op[i*w+j]
		trace = append(trace, op)
		if op != 'i' {
			i--
		}
		if op != 'd' {
			j--
		}
	}
	slices.Reverse(trace)
	return t.cost[n*w+m], trace
}

// shift finds the move that saves most.
func (t *tercom) shift(hyp, ref []string, tried *int) (gain int64, moved []string) {
	before, trace := t.distance(hyp, ref)
	// What stands where: of each place of the reference its place in the
	// hypothesis, and which places are wrong.
	align := make([]int, 0, len(ref))
	var refWrong, hypWrong []bool
	at := -1
	for _, op := range trace {
		if op != 'i' { // of the hypothesis alone, seen from the reference
			at++
			hypWrong = append(hypWrong, op != ' ')
		}
		if op != 'd' {
			align = append(align, at)
			refWrong = append(refWrong, op != ' ')
		}
	}
	type candidate struct {
		gain                  int64
		length, start, target int
		words                 []string
	}
	var best candidate
	found := false
	for h := range hyp {
		for r := range ref {
			if dist(h, r) > moveFar {
				continue
			}
			for n := 1; n <= moveLong && h+n <= len(hyp) && r+n <= len(ref) && hyp[h+n-1] == ref[r+n-1]; n++ {
				if !slices.Contains(hypWrong[h:h+n], true) || !slices.Contains(refWrong[r:r+n], true) || h <= align[r] && align[r] < h+n {
					continue
				}
				last := -1
				for k := -1; k < n; k++ {
					to := 0
					if r+k >= 0 {
						if r+k >= len(align) {
							break
						}
						to = align[r+k] + 1
					}
					if to == last {
						continue
					}
					last = to
					words := move(hyp, h, n, to)
					d, _ := t.distance(words, ref)
					*tried++
					c := candidate{before - d, n, h, to, words}
					if !found || cmp.Or(cmp.Compare(c.gain, best.gain), cmp.Compare(c.length, best.length), cmp.Compare(best.start, c.start), cmp.Compare(best.target, c.target), slices.Compare(c.words, best.words)) > 0 {
						best, found = c, true
					}
				}
				if *tried >= moveTries {
					return best.gain, best.words
				}
			}
		}
	}
	return best.gain, best.words
}

func move(words []string, start, n, to int) []string {
	part, end := words[start:start+n], start+n
	switch {
	case to < start:
		return slices.Concat(words[:to], part, words[to:start], words[end:])
	case to > end:
		return slices.Concat(words[:start], words[end:to], part, words[to:])
	}
	to = min(n+to, len(words)) // inside itself: as far beyond
	return slices.Concat(words[:start], words[end:to], part, words[to:])
}
