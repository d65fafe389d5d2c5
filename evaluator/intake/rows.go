package intake

import (
	"strings"

	"aihub"
	"aihub/evaluator/metric/rank"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/stat"
	"aihub/scenarios"
)

// A true cell of trials is "target" or "other", and behind it the hours of audio
// that the trial stands for, which kws_frr@1 reads; a predicted one a number: larger
// is surer of a target.
var trials = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, bad := readTrial(s); return bad }),
	Predicted: bounded(number),
	Unit: func(_, t, p string) any {
		u, _ := readTrial(t)
		u.Score, _ = finite(strings.TrimSpace(p))
		return &u
	},
	// As log-likelihood ratios, which some metrics take them for, these leave no doubt.
	Answer: func(t string) string {
		if u, _ := readTrial(t); u.Target {
			return "100"
		}
		return "-100"
	},
	Empty: scenarios.NeedsTrials.EmptyCell(),
}

func readTrial(s string) (u speech.Trial, bad *aihub.Text) {
	w, ok := strings.Fields(s), true
	if len(w) == 2 {
		u.Hours, ok = finite(w[1])
		ok = ok && u.Hours >= 0 && u.Hours <= maxSeconds
	}
	if len(w) < 1 || len(w) > 2 || !ok || w[0] != "target" && w[0] != "other" {
		return u, say(`expected "target" or "other", and the hours of audio behind it where they are scored`, "应为 “target” 或 “other”，需要时其后为音频小时数")
	}
	u.Target = w[0] == "target"
	return u, nil
}

// A true cell of labels is 1 or 0 for each, in their declared order: "0 1 1"; a
// predicted one a number for each: a label is given from 0.5 on. Of another number
// of labels all is wrong.
var labels = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, bad := readLabels(s, true); return bad }),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readLabels(s, false); return bad }),
	Unit: func(_, t, p string) any {
		truth, _ := readLabels(t, true)
		score, _ := readLabels(p, false)
		u := &rank.Labels{Truth: make([]bool, len(truth)), Pred: make([]bool, len(truth)), Score: score}
		for i, v := range truth {
			u.Truth[i] = v == 1
		}
		if len(score) != len(truth) {
			u.Score = make([]float64, len(truth))
			for i, v := range truth {
				u.Score[i] = 1 - v
			}
		}
		for i, v := range u.Score {
			u.Pred[i] = v >= 0.5
		}
		return u
	},
	Answer: same,
}

// maxLabels bounds the labels of a row.
const maxLabels = 100_000

func readLabels(s string, truth bool) (out []float64, bad *aihub.Text) {
	for w := range strings.FieldsSeq(s) {
		v, ok := finite(w)
		switch {
		case len(out) == maxLabels:
			return nil, say("more than 100000 labels", "标签超过 100000 个")
		case truth && (!ok || v != 0 && v != 1):
			return nil, say("expected 1 or 0 for each label, with blanks between", "应为每个标签的 1 或 0，以空格分隔")
		case !ok:
			return nil, say("expected a finite number for each label, with blanks between", "应为每个标签的有限数，以空格分隔")
		}
		out = append(out, v)
	}
	if truth && len(out) == 0 {
		return nil, say("there is no label", "没有标签")
	}
	return out, nil
}

// A true cell of decisions is "yes group" or "no group", the group whose member the
// row is; a predicted one "yes" or "no".
var decisions = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, bad := readDecision(s); return bad }),
	Predicted: bounded(func(s string) *aihub.Text {
		if s != "yes" && s != "no" {
			return say("expected yes or no", "应为 yes 或 no")
		}
		return nil
	}),
	Unit: func(_, t, p string) any {
		u, _ := readDecision(t)
		u.Pred = p == "yes"
		return &u
	},
	Answer: func(t string) string { a, _, _ := strings.Cut(strings.TrimSpace(t), " "); return a },
	Empty:  scenarios.NeedsDecisions.EmptyCell(),
}

func readDecision(s string) (u stat.Decision, bad *aihub.Text) {
	a, group, _ := strings.Cut(strings.TrimSpace(s), " ")
	if u.Group = strings.TrimSpace(group); u.Group == "" || a != "yes" && a != "no" {
		return u, say(`expected "yes group" or "no group"`, "应为 “yes 群体” 或 “no 群体”")
	}
	u.Truth = a == "yes"
	return u, nil
}
