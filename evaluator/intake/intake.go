// Package intake reads units that are more than a class or a number: the objects
// of an image, who speaks when, the documents found for a query.
//
// A cell is the text of one unit, in a table of one row for each: truth has its
// cells in the dataset's truth column, predictions in an output column of any
// table format. A Kind says what a kind of cell looks like, checks it, and makes
// the unit that a metric measures from the true and the predicted one. The check
// of a predicted cell sees that cell and nothing else, so no message can depend
// on a label.
//
// COCO results, RTTM, CTM, TREC runs and archives of PNG masks are files in which
// the units lie mixed, in any order. Open turns one into such a table, Write makes
// one from it.
package intake

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/graph"
	"aihub/evaluator/metric/text"
	"aihub/scenarios"
)

// Kind is one kind of cells.
type Kind struct {
	// Truth and Predicted check a cell. A fault's message says what is expected;
	// it quotes nothing.
	Truth, Predicted func(cell string) *aihub.Text
	// every says everything that is wrong with a predicted cell of several parts; it
	// may be nil. See Faults.
	every func(cell string) []*aihub.Text
	// Unit joins two cells that passed, of the row that the dataset calls key.
	Unit func(key, truth, predicted string) any
	// Keyed says that Unit reads the key.
	Keyed bool
	// Answer is the predicted cell that says what a true one says.
	Answer func(truth string) string
	// Empty is the cell of a unit of which nothing is said.
	Empty string
	// Words says that predicted cells hold names and words, which may look like numbers.
	Words bool
}

var numeral = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[-+]?[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?`)

// Spoil puts NaN in the place of every number of a cell, or of a file of units, that is
// not within quotes.
func Spoil(text string) string {
	return numeral.ReplaceAllStringFunc(text, func(s string) string {
		if s[0] == '"' {
			return s
		}
		return "NaN"
	})
}

// Faults says everything that is wrong with a predicted cell, each once.
func (k *Kind) Faults(cell string) []*aihub.Text {
	first := k.Predicted(cell)
	if first == nil {
		return nil
	}
	all := []*aihub.Text{first}
	if k.every != nil && len(cell) <= MaxCell {
		all = append(all, k.every(cell)...)
	}
	return distinct(all)
}

// distinct leaves out what was said before.
func distinct(all []*aihub.Text) (out []*aihub.Text) {
	for _, x := range all {
		if !slices.ContainsFunc(out, func(y *aihub.Text) bool { return *x == *y }) {
			out = append(out, x)
		}
	}
	return out
}

// MaxCell bounds the bytes of one cell.
const MaxCell = 8 << 20

// Kinds are the kinds by what a metric needs.
var Kinds = map[scenarios.Needs]*Kind{
	scenarios.NeedsObjects:  &objects,
	scenarios.NeedsTurns:    &turns,
	scenarios.NeedsRuns:     &runs,
	scenarios.NeedsPixels:   &pixels,
	scenarios.NeedsTracks:   &tracks,
	scenarios.NeedsSpans:    &spans,
	scenarios.NeedsLinks:    &links,
	scenarios.NeedsClusters: &clusters,
	scenarios.NeedsSegments: &segments,

	scenarios.NeedsSeries:    SeriesOf(Forecast{Horizon: 1, Mean: true}),
	scenarios.NeedsTrials:    &trials,
	scenarios.NeedsLabels:    &labels,
	scenarios.NeedsDecisions: &decisions,
	scenarios.NeedsSurvival:  &survival,

	scenarios.NeedsDistributions: DistributionsOf(Distribution{Members: true, Levels: []float64{0.1, 0.5, 0.9}, Normal: true}),
	scenarios.NeedsWords:         &sentences,
	scenarios.NeedsLikelihoods:   &likelihoods,
	scenarios.NeedsProbes:        &probes,
	scenarios.NeedsShapes:        &shapes,

	scenarios.NeedsPictures:  &pictures,
	scenarios.NeedsSignals:   &signals,
	scenarios.NeedsTerms:     &terms,
	scenarios.NeedsSolutions: SolutionsOf(1),
	scenarios.NeedsRatings:   RatingsOf(0),
	scenarios.NeedsSlices:    SlicesOf("right", false),
}

func say(en, zh string) *aihub.Text { return &aihub.Text{EN: en, ZH: zh} }

func same(s string) string { return s }

var tooLarge = say(fmt.Sprintf("the cell has more than %d bytes", MaxCell), fmt.Sprintf("单元格超过 %d 字节", MaxCell))

// bounded adds the bound of a cell to a check.
func bounded(check func(string) *aihub.Text) func(string) *aihub.Text {
	return func(cell string) *aihub.Text {
		if len(cell) > MaxCell {
			return tooLarge
		}
		return check(cell)
	}
}

// finite reads a decimal number; strconv's hexadecimal ones, NaN and infinities
// are none.
func finite(s string) (float64, bool) {
	if strings.ContainsAny(s, "xX_pPnN") {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// A cell of spans is a JSON list of [type, start, end).
var spans = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, bad := readSpans(s); return bad }), Predicted: bounded(func(s string) *aihub.Text { _, bad := readSpans(s); return bad }),
	Unit: func(_, t, p string) any {
		ref, _ := readSpans(t)
		hyp, _ := readSpans(p)
		return &text.Spans{Ref: ref, Hyp: hyp}
	},
	Answer: same, Empty: scenarios.NeedsSpans.EmptyCell(),
}

func readSpans(s string) ([]text.Span, *aihub.Text) {
	bad := say(`expected a list of [type, start, end], as in [["PER",0,3]], with 0 ≤ start < end`, `应为 [类型, 起, 止] 的列表，例如 [["PER",0,3]]，且 0 ≤ 起 < 止`)
	var list [][]json.RawMessage
	if err := strict(s, &list); err != nil {
		return nil, because(err, bad)
	}
	out := make([]text.Span, len(list))
	for i, x := range list {
		if len(x) != 3 || json.Unmarshal(x[0], &out[i].Type) != nil || json.Unmarshal(x[1], &out[i].Start) != nil || json.Unmarshal(x[2], &out[i].End) != nil ||
			out[i].Type == "" || out[i].Start < 0 || out[i].End <= out[i].Start {
			return nil, bad
		}
	}
	return out, nil
}

// A cell of clusters is the name of the item's cluster. A predicted one without
// a name is alone in its own.
var clusters = Kind{
	Truth: bounded(func(s string) *aihub.Text {
		if s == "" {
			return say("the cluster has no name", "簇没有名称")
		}
		return nil
	}),
	Predicted: bounded(func(string) *aihub.Text { return nil }),
	Unit:      func(_, t, p string) any { return &graph.Item{Ref: t, Hyp: p} },
	Answer:    same, Words: true,
}

// A true cell of links is {"true": entity, "known": [other true ones], "of": how
// many candidates there are, "stratum": kind of relation}; a predicted one
// {candidate: score}, all of them or the best. A true entity that is not listed stands last of all. Known ones are
// not among the candidates that "of" counts.
var links = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, bad := readLink(s); return bad }),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readScores(s); return bad }),
	Unit: func(_, t, p string) any {
		link, _ := readLink(t)
		scores, _ := readScores(p)
		for _, k := range link.Known {
			if k != link.True {
				delete(scores, k) // the filtered setting
			}
		}
		// The candidates are of the truth: of the others that are listed, of-1 at
		// most, the best, stand beside the true one, so that names nobody asked about
		// neither make the rank of chance worse nor that of the true one better. Who
		// is not listed stands behind all who are, and the true one last.
		mine, listed := scores[link.True]
		delete(scores, link.True)
		var above, equal int
		for _, v := range scores {
			switch {
			case v > mine:
				above++
			case v == mine:
				equal++
			}
		}
		c := &graph.Candidates{Others: make([]float64, link.Of-1), Stratum: link.Stratum}
		for i := range c.Others {
			switch {
			case !listed || i < above:
				c.Others[i] = 1
			case i >= above+equal:
				c.Others[i] = -1
			}
		}
		return c
	},
	Answer: func(t string) string {
		link, _ := readLink(t)
		b, _ := json.Marshal(map[string]float64{link.True: 1}) // a string and a number always marshal
		return string(b)
	},
	Empty: scenarios.NeedsLinks.EmptyCell(),
}

type link struct {
	True  string   `json:"true"`
	Known []string `json:"known"`
	Of    int      `json:"of"`

	Stratum string `json:"stratum"` // the kind of relation, for the means over strata
}

func readLink(s string) (link, *aihub.Text) {
	var l link
	bad := say(`expected {"true": entity, "known": [...], "of": candidates}, at least 2 candidates`, `应为 {"true": 实体, "known": [...], "of": 候选数}，候选数至少为 2`)
	if err := strict(s, &l); err != nil {
		return l, because(err, bad)
	}
	if l.True == "" || l.Of < 2 || l.Of > 1_000_000 {
		return l, bad
	}
	return l, nil
}

func readScores(s string) (map[string]float64, *aihub.Text) {
	m := map[string]float64{}
	if err := strict(s, &m); err != nil {
		return nil, because(err, say(`expected {candidate: score}, finite numbers`, `应为 {候选: 分数}，分数为有限数`))
	}
	return m, nil
}
