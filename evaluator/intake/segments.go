package intake

import (
	"fmt"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

// A cell of segments is a cell of pixels whose classes are numbers of segments, 0
// for none, and then a line for each segment: its number and category, and in
// truth crowd where it is one: "2 3 0*4 1*2\n1 17".
var segments = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, _, _, bad := readSegments(s, true); return bad }),
	Predicted: bounded(func(s string) *aihub.Text { _, _, _, bad := readSegments(s, false); return bad }),
	Unit: func(_, t, p string) any {
		u := &vision.Panoptic{}
		var size, other [2]int
		u.Truth, u.TruthClass, size, _ = readSegments(t, true)
		u.Pred, u.PredClass, other, _ = readSegments(p, false)
		if size != other { // an image of another size answers nothing
			u.Pred, u.PredClass = make([]uint32, len(u.Truth)), nil
		}
		return u
	},
	Answer: func(t string) string {
		pixels, lines, _ := strings.Cut(t, "\n")
		out := pixels
		for l := range strings.SplitSeq(lines, "\n") {
			w := strings.Fields(l)
			if len(w) == 2 { // a crowd cannot be found
				out += "\n" + l
			}
			if len(w) == 3 {
				out = without(out, w[0])
			}
		}
		return out
	},
	Empty: scenarios.NeedsSegments.EmptyCell(),
}

// without replaces the runs of a segment by none.
func without(pixels, segment string) string {
	head, lines, more := strings.Cut(pixels, "\n")
	w := strings.Fields(head)
	for i, r := range w[min(2, len(w)):] {
		if s, n, _ := strings.Cut(r, "*"); strings.TrimLeft(s, "0") == strings.TrimLeft(segment, "0") {
			w[2+i] = "0*" + n
		}
	}
	out := strings.Join(w, " ")
	if more {
		out += "\n" + lines
	}
	return out
}

// maxSegments bounds the segments of an image.
const maxSegments = maxClass

func readSegments(s string, truth bool) (out []uint32, class map[uint32]vision.Segment, size [2]int, bad *aihub.Text) {
	head, rest, _ := strings.Cut(s, "\n")
	runs, size, bad := readPixels(head)
	if bad != nil {
		return nil, nil, size, bad
	}
	bad = say("expected height, width and runs segment*length that fill the image, then a line for each segment: its number, above 0, its category and, in truth, crowd where it is one",
		"应为 高 宽 及填满图像的游程 片段*长度，其后每个片段一行：大于 0 的编号、类别，真值中的群体再加 crowd")
	class = map[uint32]vision.Segment{}
	for l := range strings.SplitSeq(rest, "\n") {
		w := strings.Fields(l)
		if len(w) == 0 {
			continue
		}
		if len(w) < 2 || len(w) > 3 || len(w) == 3 && (!truth || w[2] != "crowd") {
			return nil, nil, size, bad
		}
		n, err := strconv.ParseUint(w[0], 10, 32)
		c, err2 := strconv.Atoi(w[1])
		if err != nil || err2 != nil || n < 1 || n > maxSegments || c < 0 || c >= MaxCategory {
			return nil, nil, size, bad
		}
		if _, twice := class[uint32(n)]; twice {
			return nil, nil, size, say(fmt.Sprintf("segment %d has two lines", n), fmt.Sprintf("片段 %d 出现两行", n))
		}
		class[uint32(n)] = vision.Segment{Class: c, Crowd: len(w) == 3}
	}
	seen := map[uint32]bool{0: true}
	out = make([]uint32, len(runs))
	for i, r := range runs {
		out[i] = uint32(r)
		if i > 0 && r == runs[i-1] {
			continue
		}
		if _, known := class[uint32(r)]; r != 0 && !known {
			return nil, nil, size, say(fmt.Sprintf("segment %d has pixels and no line", r), fmt.Sprintf("片段 %d 有像素但没有对应的行", r))
		}
		seen[uint32(r)] = true
	}
	for n := range class {
		if !seen[n] {
			return nil, nil, size, say("a segment has a line and no pixels", "有片段没有像素")
		}
	}
	return out, class, size, nil
}
