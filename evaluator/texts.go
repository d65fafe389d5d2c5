package evaluator

import (
	"unicode/utf8"

	"aihub"
	"aihub/evaluator/intake"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/text"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"

	"golang.org/x/text/unicode/norm"
)

// A metric of pairs of texts is a metric of units whose unit is a row: its true
// text and the predicted one. textMetric makes it a metric.Metric, so that rows
// are joined, dealt to goroutines and merged as those of every other metric.
type textMetric struct {
	*metric.UnitMetric
	column string
	unit   func(key, ref, hyp string) any
	boot   *metric.Bootstrap
}

// bindTexts binds a metric whose Needs are Texts.
func bindTexts(of scenarios.Metric, needs scenarios.Needs, spec scenarios.Spec, column string, boot *metric.Bootstrap) (metric.Metric, []aihub.Fault) {
	m, faults := metric.BindUnitsOf(of.Use, metric.Setup{Params: of.Params, Skip: of.OnUndefined == scenarios.UndefinedSkip})
	if !ofTexts(spec) {
		faults = append(faults, aihub.Fault{Code: "bad_metric", Message: aihub.Text{
			EN: of.Use + " compares texts: truth.type must be string, without truth.classes",
			ZH: of.Use + " 比较文本：truth.type 须为 string，且不含 truth.classes",
		}})
	}
	if len(faults) > 0 {
		return nil, faults
	}
	unit := func(_, ref, hyp string) any { return &speech.Utterance{Ref: ref, Hyp: hyp} }
	switch needs {
	case scenarios.NeedsPassages:
		unit = func(_, ref, hyp string) any { return &text.Passage{Refs: spec.Truth.Golds(ref), Hyp: hyp} }
	case scenarios.NeedsAnswers:
		unit = func(_, ref, hyp string) any { return &text.Answer{Golds: spec.Truth.Golds(ref), Hyp: hyp} }
	case scenarios.NeedsGenerated:
		unit = func(_, _, hyp string) any { return &text.Generated{Text: hyp} }
	}
	switch {
	case needs == scenarios.NeedsSlices:
		value, _ := of.Params["value"].(string)
		for _, p := range m.Params {
			if p.Name == "value" && value == "" {
				value, _ = p.Default.(string)
			}
		}
		unit = intake.SlicesOf(value, spec.SlicesOfNumbers()).Unit
	case needs.Cells():
		unit = kindOf(spec, needs).Unit
	}
	return &textMetric{m, column, unit, boot}, nil
}

func (m *textMetric) Columns() []string       { return []string{m.column} }
func (m *textMetric) Class(int) int           { return -1 }
func (m *textMetric) New() metric.Accumulator { return &textTally{m, m.Measure.New(m.boot), false} }

// textTally is the metric.Accumulator of a textMetric. One that follows reads what
// another gathers.
type textTally struct {
	m       *textMetric
	g       metric.Gather
	follows bool
}

// accumulators makes one for each metric. Of those that gather the same from the
// same column, as the twelve numbers of COCO do, the first gathers for all: a cell
// is parsed and matched once.
func accumulators(metrics []metric.Metric) []metric.Accumulator {
	var out []metric.Accumulator
	type gathers struct {
		measure, column string
		boot            *metric.Bootstrap
	}
	first := map[gathers]*textTally{}
	for _, m := range metrics {
		x, ok := m.(*textMetric)
		if !ok {
			out = append(out, m.New())
			continue
		}
		key := gathers{x.Measure.Key(), x.column, x.boot}
		t := first[key]
		if t == nil {
			t = x.New().(*textTally)
			first[key] = t
		} else {
			t = &textTally{x, t.g, true}
		}
		out = append(out, t)
	}
	return out
}

func (t *textTally) Add(b *metric.Block) {
	if t.follows {
		return
	}
	bucket, key := uint16(0), ""
	for i := range b.Rows {
		if b.Bucket != nil {
			bucket = b.Bucket[i]
		}
		if len(b.Truth.Key) > 0 {
			key = b.Truth.Key[i]
		}
		t.g.Add(t.m.unit(key, b.Truth.Str[i], b.Pred[0].Str[i]), bucket)
	}
}

func (t *textTally) Merge(o metric.Accumulator) {
	if !t.follows {
		t.g.Merge(o.(*textTally).g)
	}
}

func (t *textTally) Result() metric.Result { return t.m.UnitMetric.Result(t.g) }

func (t *textTally) Sample() []float64 {
	if s, ok := t.g.(metric.Sampler); ok {
		return s.Sample()
	}
	return nil
}

// ofTexts reports whether the truth of a spec is texts.
func ofTexts(spec scenarios.Spec) bool {
	return spec.Truth.Type == "string" && len(spec.Truth.Classes) == 0
}

// How many characters a text may have, as it is and in compatibility forms:
// maxText, or slowText where memory or time grows with the product of both
// lengths, or moveText where that product is computed over and over, or all texts
// are kept.
const (
	maxText  = speech.MaxTokens
	slowText = 5_000
	moveText = 1_000
)

func limitOf(m scenarios.Metric) int {
	switch {
	case scenarios.KnownMetrics[m.Use].Needs.Cells():
		return intake.MaxCell // checked by the kind of cell
	case m.Use == "ter@1" || m.Use == "rouge_lsum@1", scenarios.KnownMetrics[m.Use].Needs == scenarios.NeedsGenerated:
		return moveText
	case m.Use == "rouge_l@1" || m.Params["align"] == "sclite" || m.Params["units"] == "cmrc":
		return slowText
	}
	return maxText
}

// textLimit is how long the texts of an output column may be: 0 when no metric
// reads them.
func textLimit(spec scenarios.Spec, column string) (limit int) {
	for _, m := range spec.Metrics {
		if m.Prediction == column && scenarios.KnownMetrics[m.Use].Needs.Texts() && (limit == 0 || limitOf(m) < limit) {
			limit = limitOf(m)
		}
	}
	return limit
}

// truthLimit is how long a true text may be.
func truthLimit(spec scenarios.Spec) int {
	limit := intake.MaxCell
	for _, m := range spec.Metrics {
		if scenarios.KnownMetrics[m.Use].Needs.Texts() {
			limit = min(limit, limitOf(m))
		}
	}
	return limit
}

// kindOf is the kind of cells that such metrics of a spec read.
func kindOf(spec scenarios.Spec, needs scenarios.Needs) *intake.Kind {
	if needs == scenarios.NeedsDistributions {
		members, levels, normal := spec.Distribution()
		d := intake.Distribution{Members: members, Normal: normal}
		if levels != "" {
			d.Levels = intake.ReadLevels(levels)
		}
		return intake.DistributionsOf(d)
	}
	switch needs {
	case scenarios.NeedsSolutions:
		return intake.SolutionsOf(spec.Shown())
	case scenarios.NeedsRatings:
		return intake.RatingsOf(spec.Categories())
	case scenarios.NeedsSlices:
		return intake.SlicesOf("right", spec.SlicesOfNumbers())
	case scenarios.NeedsSeries:
	default:
		return intake.Kinds[needs]
	}
	horizon, levels, mean := spec.Forecast()
	f := intake.Forecast{Horizon: horizon, Mean: mean, IDs: spec.Grouped()}
	if levels != "" {
		f.Levels = intake.ReadLevels(levels)
	}
	for _, m := range spec.Metrics {
		f.Naive2 = f.Naive2 || m.Use == "owa@1"
	}
	return intake.SeriesOf(f)
}

// cellsOf returns the kind of the cells of a truth that spells out units, nil of
// any other.
func cellsOf(spec scenarios.Spec) (kind *intake.Kind) {
	for _, m := range spec.Metrics {
		n := scenarios.KnownMetrics[m.Use].Needs
		if sigmas, given := m.Params["sigmas"].(string); given {
			return intake.ObjectsOf(vision.Points(sigmas))
		}
		if n.Cells() && kind == nil {
			kind = kindOf(spec, n)
		}
	}
	return kind
}

// growth is how many characters one becomes at most in compatibility form.
const growth = 18

// tooLong reports whether a text, as it is or in compatibility form, has more
// characters than limit.
func tooLong(s string, limit int) bool {
	if limit > maxText {
		return len(s) > limit // no text that is compared character by character
	}
	return len(s) > limit/growth && (utf8.RuneCountInString(s) > limit || len(norm.NFKC.String(s)) > limit && utf8.RuneCountInString(norm.NFKC.String(s)) > limit)
}
