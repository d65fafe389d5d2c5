package intake

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric/speech"
)

// A cell of signals is a sound, its samples with blanks between. A predicted one that
// is shorter ends in silence, and what it has beyond the true one is noise.
var signals = Kind{
	Truth: bounded(func(s string) *aihub.Text {
		x, bad := readSamples(s)
		if bad == nil && len(x) == 0 {
			return say("the sound has no sample", "声音没有采样")
		}
		return bad
	}),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readSamples(s); return bad }),
	Unit: func(_, t, p string) any {
		u := &speech.Signal{}
		u.Ref, _ = readSamples(t)
		u.Hyp, _ = readSamples(p)
		n := max(len(u.Ref), len(u.Hyp))
		u.Ref = append(u.Ref, make([]float64, n-len(u.Ref))...)
		u.Hyp = append(u.Hyp, make([]float64, n-len(u.Hyp))...)
		return u
	},
	Answer: same,
}

func readSamples(s string) (out []float64, bad *aihub.Text) {
	for f := range strings.FieldsSeq(s) {
		v, ok := finite(f)
		if !ok || math.Abs(v) > maxNumber {
			return nil, say("expected samples with blanks between, finite numbers, at most 1e100", "应为以空格分隔的采样值，均为绝对值不超过 1e100 的有限数")
		}
		out = append(out, v)
	}
	return out, nil
}

// A true cell of terms is a recording: a line of its seconds, then a line
// "start end keyword" for each place where one is said. A predicted one has lines
// "start end score yes|no keyword".
var terms = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, _, bad := readSaid(s); return bad }),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readDetections(s); return bad }),
	Unit: func(_, t, p string) any {
		seconds, said, _ := readSaid(t)
		found, _ := readDetections(p)
		return paired(seconds, said, found)
	},
	Answer: func(t string) string {
		_, said, _ := readSaid(t)
		var b strings.Builder
		for _, x := range said {
			b.WriteString(decimal(x.start) + " " + decimal(x.end) + " 1 yes " + x.keyword + "\n")
		}
		return strings.TrimSuffix(b.String(), "\n")
	},
}

// place is where a keyword is, or is said to be.
type place struct {
	start, end, score float64
	yes               bool
	keyword           string
}

// termSlack is how far, in seconds, the middle of a detection may lie outside of the
// place where its keyword is said (NIST, STD 2006).
const termSlack = 0.5

// paired makes terms of a recording. Detections, the surest first, take the nearest
// place of their keyword that none has taken yet and that is near enough.
func paired(seconds float64, said, found []place) []speech.Term {
	of := map[string][]int{}
	for i, x := range said {
		of[x.keyword] = append(of[x.keyword], i)
	}
	taken := make([]bool, len(said))
	slices.SortStableFunc(found, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.keyword, b.keyword))
	})
	out := []speech.Term{{Seconds: seconds}}
	for _, x := range found {
		middle, best, near := x.start/2+x.end/2, -1, math.Inf(1)
		for _, i := range of[x.keyword] {
			p := said[i]
			if d := math.Abs(middle - (p.start/2 + p.end/2)); !taken[i] && middle >= p.start-termSlack && middle <= p.end+termSlack && d < near {
				best, near = i, d
			}
		}
		if best >= 0 {
			taken[best] = true
		}
		out = append(out, speech.Term{Keyword: x.keyword, True: best >= 0, Found: true, Yes: x.yes, Score: x.score})
	}
	for i, x := range said {
		if !taken[i] {
			out = append(out, speech.Term{Keyword: x.keyword, True: true})
		}
	}
	return out
}

// readPlace reads the two times of a line.
func readPlace(w []string) (p place, ok bool) {
	var a, b bool
	p.start, a = finite(w[0])
	p.end, b = finite(w[1])
	return p, a && b && p.start >= 0 && p.end >= p.start && p.end <= maxTime
}

// maxTime bounds times, in seconds.
const maxTime = 1e9

func readSaid(s string) (seconds float64, out []place, bad *aihub.Text) {
	bad = say(`expected a line of the recording's seconds, then lines "start end keyword", within them`, "应为一行录音秒数，其后每行 “起 止 关键词”，且在录音之内")
	first, rest, _ := strings.Cut(s, "\n")
	seconds, ok := finite(strings.TrimSpace(first))
	if !ok || seconds <= 0 || seconds > maxTime {
		return 0, nil, bad
	}
	for line := range strings.SplitSeq(rest, "\n") {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) < 3 {
			return 0, nil, bad
		}
		p, ok := readPlace(w)
		if !ok || p.end > seconds {
			return 0, nil, bad
		}
		p.keyword = strings.Join(w[2:], " ")
		out = append(out, p)
	}
	return seconds, out, nil
}

func readDetections(s string) (out []place, bad *aihub.Text) {
	for line := range strings.SplitSeq(s, "\n") {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		bad = say(`expected lines "start end score yes|no keyword", 0 ≤ start ≤ end`, "应为每行 “起 止 分数 yes|no 关键词”，且 0 ≤ 起 ≤ 止")
		if len(w) < 5 || w[3] != "yes" && w[3] != "no" {
			return nil, bad
		}
		p, ok := readPlace(w)
		score, number := finite(w[2])
		if !ok || !number {
			return nil, bad
		}
		p.score, p.yes, p.keyword = score+0, w[3] == "yes", strings.Join(w[4:], " ")
		out = append(out, p)
	}
	return out, nil
}
