package intake

import (
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/rank"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/track"
)

// eachLine calls f with the fields of every line that is not blank.
func eachLine(s string, f func(fields []string) *aihub.Text) *aihub.Text {
	for l := range strings.Lines(s) {
		if w := strings.Fields(l); len(w) > 0 {
			if bad := f(w); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// everyLine is the every of cells whose lines are checked one by one.
func everyLine(check func(cell string) *aihub.Text) func(cell string) []*aihub.Text {
	return func(cell string) (out []*aihub.Text) {
		for l := range strings.Lines(cell) {
			if bad := check(l); bad != nil {
				out = distinct(append(out, bad))
			}
		}
		return out
	}
}

// A cell of turns is a line "start duration speaker" for each, in seconds.
var turns = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, _, bad := readTurns(s, true); return bad }), Predicted: bounded(func(s string) *aihub.Text { _, _, bad := readTurns(s, false); return bad }),
	every: everyLine(func(s string) *aihub.Text { _, _, bad := readTurns(s, false); return bad }),
	Unit: func(_, t, p string) any {
		u := &speech.Recording{}
		u.Ref, u.Scored, _ = readTurns(t, true)
		u.Hyp, _, _ = readTurns(p, false)
		return u
	},
	Answer: func(t string) string { // stretches that are scored are no turns
		return strings.Join(slices.DeleteFunc(strings.Split(t, "\n"), func(line string) bool {
			return strings.HasPrefix(strings.TrimSpace(line), scoredMark)
		}), "\n")
	},
}

// scoredMark begins a line of a stretch that is scored.
const scoredMark = "scored"

const maxSeconds = 1e7

// readTurns reads turns and, of a truth, the stretches that are scored.
func readTurns(s string, truth bool) (out []speech.Turn, scored [][2]float64, bad *aihub.Text) {
	bad = eachLine(s, func(w []string) *aihub.Text {
		if len(w) != 3 {
			return say("expected lines: start duration speaker", "每行应为：起始 时长 说话人")
		}
		mark := truth && w[0] == scoredMark
		if mark {
			w = w[1:]
		}
		start, ok := finite(w[0])
		long, ok2 := finite(w[1])
		if !ok || !ok2 || start < 0 || long <= 0 || start+long > maxSeconds {
			return say("start must be seconds from 0 on, duration more than 0", "起始须为不小于 0 的秒数，时长须大于 0")
		}
		if mark {
			scored = append(scored, [2]float64{start, start + long})
			return nil
		}
		out = append(out, speech.Turn{Speaker: w[2], Start: start, End: start + long})
		return nil
	})
	return out, scored, bad
}

// A true cell of runs is a line "document relevance" for each judgement, -1 for a
// document of the pool that nobody judged, a predicted one a line "document score" for each found document.
var runs = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, bad := readJudged(s); return bad }), Predicted: bounded(func(s string) *aihub.Text { _, bad := readFound(s); return bad }),
	every: everyLine(func(s string) *aihub.Text { _, bad := readFound(s); return bad }),
	Unit: func(_, t, p string) any {
		rel, _ := readJudged(t)
		docs, _ := readFound(p)
		return &rank.Query{Rel: rel, Docs: docs}
	},
	Answer: func(t string) string {
		var out []string
		_ = eachLine(t, func(w []string) *aihub.Text { out = append(out, strings.Join(w, " ")); return nil })
		slices.Sort(out)
		return strings.Join(out, "\n")
	},
}

func readJudged(s string) (map[string]int, *aihub.Text) {
	out := map[string]int{}
	bad := eachLine(s, func(w []string) *aihub.Text {
		if len(w) != 2 {
			return say("expected lines: document relevance", "每行应为：文档 相关度")
		}
		r, err := strconv.Atoi(w[1])
		if _, twice := out[w[0]]; err != nil || r < -1 || r > 1000 || twice {
			return say("relevance must be a whole number up to 1000, and each document stands once", "相关度须为不超过 1000 的整数，且每个文档只出现一次")
		}
		out[w[0]] = r
		return nil
	})
	return out, bad
}

func readFound(s string) (out []rank.Doc, bad *aihub.Text) {
	seen := map[string]bool{}
	bad = eachLine(s, func(w []string) *aihub.Text {
		if len(w) != 2 {
			return say("expected lines: document score", "每行应为：文档 分数")
		}
		v, ok := finite(w[1])
		if !ok {
			return say("score must be a finite number", "分数须为有限数")
		}
		if seen[w[0]] {
			return say("a document stands twice", "文档重复出现")
		}
		seen[w[0]] = true
		out = append(out, rank.Doc{ID: w[0], Score: v})
		return nil
	})
	return out, bad
}

// A cell of tracks is a line "frame id x y width height" for each box.
var tracks = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, bad := readTracks(s); return bad }), Predicted: bounded(func(s string) *aihub.Text { _, bad := readTracks(s); return bad }),
	every: everyLine(func(s string) *aihub.Text { _, bad := readTracks(s); return bad }),
	Unit: func(_, t, p string) any {
		truth, _ := readTracks(t)
		pred, _ := readTracks(p)
		u := &track.Sequence{Frames: make([]track.Frame, max(len(truth), len(pred)))}
		for i := range u.Frames {
			if i < len(truth) {
				u.Frames[i].Truth = truth[i]
			}
			if i < len(pred) {
				u.Frames[i].Pred = pred[i]
			}
		}
		return u
	},
	Answer: same,
}

const maxFrames = 100_000

// readTracks returns the boxes of each frame, from frame 1 on.
func readTracks(s string) (frames [][]track.Box, bad *aihub.Text) {
	type at struct {
		frame int
		id    int64
	}
	seen := map[at]bool{}
	bad = eachLine(s, func(w []string) *aihub.Text {
		if len(w) == 1 {
			w = strings.Split(w[0], ",")
		}
		if len(w) != 6 {
			return say("expected lines: frame id x y width height", "每行应为：帧 编号 x y 宽 高")
		}
		f, err := strconv.Atoi(w[0])
		id, err2 := strconv.ParseInt(w[1], 10, 64)
		if err != nil || err2 != nil || f < 1 || f > maxFrames || id < 0 {
			return say("frame counts from 1 to 100000, id from 0", "帧号从 1 至 100000，编号从 0 起")
		}
		b := track.Box{ID: id}
		for k := range 4 {
			v, ok := finite(w[2+k])
			if !ok || v > 1e9 || v < -1e9 || k > 1 && v < 0 {
				return say("x, y, width and height must be numbers, sizes not below 0", "x、y、宽、高须为数值，宽高不小于 0")
			}
			b.Box[k] = v
		}
		if seen[at{f, id}] {
			return say("an id stands twice in a frame", "同一帧内编号重复")
		}
		seen[at{f, id}] = true
		for len(frames) < f {
			frames = append(frames, nil)
		}
		frames[f-1] = append(frames[f-1], b)
		return nil
	})
	return frames, bad
}
