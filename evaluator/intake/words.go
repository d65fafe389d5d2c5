package intake

import (
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/text"
	"aihub/scenarios"
)

// A true cell of words is a sentence, its words with blanks between; a second line
// names those of them that the training vocabulary does not hold. A predicted one is
// the sentence cut into words.
var sentences = Kind{
	Words: true,
	Truth: bounded(func(s string) *aihub.Text {
		first, rest, _ := strings.Cut(s, "\n")
		ref := strings.Fields(first)
		if len(ref) == 0 || strings.Contains(rest, "\n") {
			return say("expected words with blanks between, and on a second line those of them that are unknown", "应为以空格分隔的词；其中的未登录词写在第二行")
		}
		in := setOf(ref)
		for w := range strings.FieldsSeq(rest) {
			if !in[w] {
				return say("the second line names a word that is not in the sentence", "第二行的词不在句中")
			}
		}
		return nil
	}),
	Predicted: bounded(func(string) *aihub.Text { return nil }),
	Unit: func(_, t, p string) any {
		first, rest, _ := strings.Cut(t, "\n")
		u := &text.Words{Ref: strings.Fields(first), Hyp: strings.Fields(p)}
		unknown := setOf(strings.Fields(rest))
		for _, w := range u.Ref {
			u.Unknown = append(u.Unknown, unknown[w])
		}
		return u
	},
	Answer: func(t string) string { first, _, _ := strings.Cut(t, "\n"); return first },
}

func setOf(list []string) map[string]bool {
	in := make(map[string]bool, len(list))
	for _, w := range list {
		in[w] = true
	}
	return in
}

// A true cell of likelihoods is the text; a predicted one "nats tokens": the negative
// logarithm of the probability that a model gives the text, and how many tokens it
// makes of it. Nobody can check what is said there, so that these metrics rank nobody.
var likelihoods = Kind{
	Truth:     bounded(func(string) *aihub.Text { return nil }),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readLikely(s); return bad }),
	Unit: func(_, t, p string) any {
		u, _ := readLikely(p)
		u.Bytes = int64(len(t))
		return &u
	},
	Answer: func(string) string { return scenarios.NeedsLikelihoods.EmptyCell() },
	Empty:  scenarios.NeedsLikelihoods.EmptyCell(),
}

func readLikely(s string) (u text.Likely, bad *aihub.Text) {
	if w := strings.Fields(s); len(w) == 2 {
		nats, ok := finite(w[0])
		tokens, err := strconv.ParseInt(w[1], 10, 64)
		if ok && err == nil && nats >= 0 && nats <= maxNumber && tokens >= 0 && tokens <= MaxCell {
			return text.Likely{Nats: nats, Tokens: tokens}, nil
		}
	}
	return u, say(`expected "nats tokens": the negative logarithm of the text's probability, and how many tokens it has`, "应为 “奈特 词元数”：文本概率的负自然对数，及其词元数")
}
