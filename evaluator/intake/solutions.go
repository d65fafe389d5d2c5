package intake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/stat"
	"aihub/evaluator/metric/text"
)

// maxSolutions bounds the solutions of one task.
const maxSolutions = 10_000

// SolutionsOf is the kind of solutions where at least k must be shown. A true cell is
// a JSON list of texts of which each is right, a predicted one a list of what was
// tried. A solution is right when it is one of them, but for white space at its ends
// and the kind of line ends.
func SolutionsOf(k int) *Kind {
	k = max(1, k)
	list := func(n int, fill string) string {
		b, _ := json.Marshal(slices.Repeat([]string{fill}, n)) // strings always marshal
		return string(b)
	}
	return &Kind{
		Truth:     bounded(func(s string) *aihub.Text { _, bad := readSolutions(s, 1); return bad }),
		Predicted: bounded(func(s string) *aihub.Text { _, bad := readSolutions(s, k); return bad }),
		Unit: func(_, t, p string) any {
			right, _ := readSolutions(t, 1)
			tried, _ := readSolutions(p, k)
			in := setOf(right)
			u := &text.Problem{N: int64(len(tried))}
			for _, s := range tried {
				if in[s] {
					u.C++
				}
			}
			return u
		},
		Answer: func(t string) string {
			right, _ := readSolutions(t, 1)
			return list(k, right[0])
		},
		Empty: list(k, ""),
	}
}

func readSolutions(s string, least int) (out []string, bad *aihub.Text) {
	expected := say(fmt.Sprintf("expected a list of %d to %d texts", least, maxSolutions), fmt.Sprintf("应为含 %d 至 %d 条文本的列表", least, maxSolutions))
	if err := strict(s, &out); err != nil || len(out) < least || len(out) > maxSolutions {
		return nil, because(err, expected)
	}
	for i, x := range out {
		out[i] = strings.TrimSpace(strings.ReplaceAll(x, "\r\n", "\n"))
	}
	return out, nil
}

// SlicesOf is the kind of things in slices. A true cell is "value slice", a predicted
// one the value that was said. What a slice's mean is of, value says: right, 1 where
// both are the same; absolute or squared, the error; predicted, what was said.
// Without numbers a value is any text without blanks.
func SlicesOf(value string, numbers bool) *Kind {
	return &Kind{
		Truth: bounded(func(s string) *aihub.Text { _, _, bad := readSlice(s, numbers); return bad }),
		Predicted: bounded(func(s string) *aihub.Text {
			if numbers {
				return number(s)
			}
			return nil
		}),
		Unit: func(_, t, p string) any {
			truth, name, _ := readSlice(t, numbers)
			p = strings.TrimSpace(p)
			u := &stat.Slice{Name: name}
			a, _ := finite(truth)
			b, _ := finite(p)
			switch value {
			case "absolute":
				u.Value = max(a-b, b-a)
			case "squared":
				u.Value = (a - b) * (a - b)
			case "predicted":
				u.Value = b
			default:
				if truth == p || numbers && a == b {
					u.Value = 1
				}
			}
			return u
		},
		Answer: func(t string) string { v, _, _ := readSlice(t, numbers); return v },
		Empty:  map[bool]string{true: "0"}[numbers],
		Words:  !numbers,
	}
}

func readSlice(s string, numbers bool) (value, name string, bad *aihub.Text) {
	value, name, _ = strings.Cut(strings.TrimSpace(s), " ")
	name = strings.TrimSpace(name)
	_, number := finite(value)
	switch {
	case numbers && (!number || name == ""):
		return "", "", say(`expected "number slice"`, "应为 “数值 切片”")
	case value == "" || name == "":
		return "", "", say(`expected "value slice"`, "应为 “值 切片”")
	}
	return value, name, nil
}

// decimal shows a number so that it is read back.
func decimal(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
