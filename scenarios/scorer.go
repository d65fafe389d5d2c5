package scenarios

import (
	"fmt"
	"math"
	"slices"

	"aihub"
)

// Scorer is a scoring program of the scenario's own: an image that a second
// person has approved. The platform runs it in the sandbox with truth and
// checked predictions, twice, and takes what it wrote only when both runs wrote
// the same. What it says of each unit is summed up, resampled, compared and
// priced by the platform like any other metric.
type Scorer struct {
	Image    aihub.Digest    `json:"image" yaml:"image"`                 // sha256:…, approved
	Input    bool            `json:"input,omitempty" yaml:"input"`       // it reads the algorithm's input, too
	PerUnit  []ScorerValue   `json:"per_unit,omitempty" yaml:"per_unit"` // columns of per_unit.csv, for scorer_mean@1
	Scores   []ScorerValue   `json:"scores,omitempty" yaml:"scores"`     // keys of scores.json, for scorer_value@1
	Messages []ScorerMessage `json:"messages,omitempty" yaml:"messages"` // what it may say of a unit
	Limits   Limits          `json:"limits" yaml:"limits"`               // default: those of an algorithm
}

// ScorerValue is a number that a scorer gives.
type ScorerValue struct {
	Name      string    `json:"name" yaml:"name"`
	Range     []float64 `json:"range" yaml:"range"` // it lies in [lo, hi]
	Direction string    `json:"direction" yaml:"direction"`
	Perfect   *float64  `json:"perfect,omitempty" yaml:"perfect"` // for predictions that are the truth; default: the better end

	// Where it must lie, [lo, hi], for the other predictions of the self-test; default: in range.
	Constant []float64 `json:"constant,omitempty" yaml:"constant"` // one answer for every unit
	Random   []float64 `json:"random,omitempty" yaml:"random"`     // the truth of another unit
	Blank    []float64 `json:"blank,omitempty" yaml:"blank"`       // empty texts
}

// Declared is where the value must lie for these predictions of a self-test; nil when
// nothing is said of them.
func (v ScorerValue) Declared(predictions string) []float64 {
	return map[string][]float64{aihub.TrialConstant: v.Constant, aihub.TrialRandom: v.Random, aihub.TrialBlank: v.Blank}[predictions]
}

// Best is what perfect predictions score.
func (v ScorerValue) Best() float64 {
	switch {
	case v.Perfect != nil:
		return *v.Perfect
	case v.Direction == "min":
		return v.Range[0]
	}
	return v.Range[1]
}

// ScorerMessage is one of the things that a scorer may say of a unit. A vendor
// reads this text and the unit's own prediction, never what the scorer wrote.
type ScorerMessage struct {
	Code string     `json:"code" yaml:"code"`
	Text aihub.Text `json:"text" yaml:"text"`
}

// The files of a scorer: what it writes to /output.
const (
	ScoresFile  = "scores.json"
	PerUnitFile = "per_unit.csv"
	MessageCol  = "message" // of per_unit.csv, when messages are declared: one of their codes, or NoMessage
	NoMessage   = "-"
)

// Files are those that the scorer must write.
func (s *Scorer) Files() []string {
	var out []string
	if len(s.Scores) > 0 {
		out = append(out, ScoresFile)
	}
	if len(s.PerUnit) > 0 {
		out = append(out, PerUnitFile)
	}
	return out
}

// NeedsUnitColumn and NeedsScoreKey are what a metric of the scorer reads.
const (
	NeedsUnitColumn Needs = "scorer_column"
	NeedsScoreKey   Needs = "scorer_key"
)

// Scorer reports whether the metric is the scorer's.
func (n Needs) Scorer() bool { return n == NeedsUnitColumn || n == NeedsScoreKey }

var anything = [2]float64{math.Inf(-1), math.Inf(1)}

var scorerMetrics = map[string]MetricInfo{
	"scorer_mean@1":  {Title: aihub.Text{EN: "Mean of the scorer's values", ZH: "评分程序逐单元值的均值"}, Needs: NeedsUnitColumn, Mean: true, Range: anything},
	"scorer_value@1": {Title: aihub.Text{EN: "The scorer's own number", ZH: "评分程序给出的数值"}, Needs: NeedsScoreKey, Range: anything},
}

// ScorerValue returns the number of the scorer that m is about.
func (s Spec) ScorerValue(m Metric) (ScorerValue, bool) {
	if s.Scorer == nil {
		return ScorerValue{}, false
	}
	list := s.Scorer.PerUnit
	if KnownMetrics[m.Use].Needs == NeedsScoreKey {
		list = s.Scorer.Scores
	}
	i := slices.IndexFunc(list, func(v ScorerValue) bool { return v.Name == m.Prediction })
	if i < 0 || len(list[i].Range) != 2 {
		return ScorerValue{}, false
	}
	return list[i], true
}

// Info returns what is known of a metric, in this spec: of one of the scorer's,
// direction and range are what the spec declares; decibels end at their cap, and
// what the means of slices are of says where they lie.
func (s Spec) Info(m Metric) (MetricInfo, bool) {
	info, known := KnownMetrics[m.Use]
	if i := slices.IndexFunc(info.Params, func(p ParamInfo) bool { return p.Name == topParam.Name }); i >= 0 {
		most, ok := m.Params[topParam.Name].(float64)
		if !ok {
			most, _ = topParam.Default.(float64)
		}
		info.Range[1] = min(info.Range[1], most)
	}
	if info.Needs == NeedsSlices {
		switch value := m.sliceValue(); {
		case value == "right":
			info.Range = unit
		case value != "predicted" && info.Range[0] < 0:
			info.Range = unbounded
		}
	}
	if !info.Needs.Scorer() {
		return info, known
	}
	if v, ok := s.ScorerValue(m); ok {
		info.Direction, info.Range = v.Direction, [2]float64{v.Range[0], v.Range[1]}
	}
	return info, known
}

// Builtin is the spec with only those metrics that the platform computes itself.
func (s Spec) Builtin() Spec { return s.only(func(n Needs) bool { return !n.Scorer() }) }

// OfUnits is a spec that reads the scorer's per-unit file as if it were
// predictions, and has the metrics of its columns.
func (s Spec) OfUnits() Spec {
	out := s.only(func(n Needs) bool { return n == NeedsUnitColumn })
	out.Output = Output{File: PerUnitFile, Format: "csv"}
	for _, v := range s.Scorer.PerUnit {
		out.Output.Columns = append(out.Output.Columns, OutputColumn{Name: v.Name, Type: "float64", Range: v.Range})
	}
	if len(s.Scorer.Messages) > 0 {
		out.Output.Columns = append(out.Output.Columns, OutputColumn{Name: MessageCol, Type: "string", Classes: s.Scorer.codes()})
	}
	out.Limits.Output = s.Scorer.Limits.Output
	return out
}

func (s *Scorer) codes() []string {
	out := []string{NoMessage}
	for _, m := range s.Messages {
		out = append(out, m.Code)
	}
	return out
}

func (s Spec) only(keep func(Needs) bool) Spec {
	s.Metrics = slices.DeleteFunc(slices.Clone(s.Metrics), func(m Metric) bool { return !keep(KnownMetrics[m.Use].Needs) })
	return s
}

// fillScorer sets what the file leaves out.
func (s *Spec) fillScorer(has func(string) bool) {
	if s.Scorer == nil {
		return
	}
	s.Scorer.Limits.fill(has, "scorer.limits.", s.Limits)
}

const (
	maxScorerValues = 20
	maxMessages     = 50
)

func (l *linter) scorer(s Spec) {
	c := s.Scorer
	if c == nil {
		return
	}
	if _, err := aihub.ParseDigest(string(c.Image)); err != nil {
		l.missing("scorer.image", "the digest of an approved scorer, sha256:…", "已获批准的评分程序镜像摘要 sha256:…")
	}
	if len(c.PerUnit)+len(c.Scores) == 0 {
		l.missing("scorer.per_unit", "what the scorer gives for each unit, or scorer.scores", "评分程序对每个单元给出的值，或填写 scorer.scores")
	}
	l.scorerValues(s, "scorer.per_unit", c.PerUnit)
	l.scorerValues(s, "scorer.scores", c.Scores)
	if len(c.Messages) > 0 && len(c.PerUnit) == 0 {
		l.add("bad_value", "scorer.messages", "messages are about units: declare scorer.per_unit, too", "消息针对单元：请同时声明 scorer.per_unit")
	}
	if len(c.Messages) > maxMessages {
		l.add("too_many", "scorer.messages", fmt.Sprintf("at most %d messages", maxMessages), fmt.Sprintf("最多 %d 条消息", maxMessages))
	}
	seen := map[string]bool{}
	for i, m := range c.Messages {
		p := fmt.Sprintf("scorer.messages[%d].", i)
		l.id(p+"code", m.Code, seen)
		l.text(p+"text", m.Text, maxTitle)
	}
	l.limits("scorer.limits.", c.Limits)
	used := func(needs Needs, name string) bool {
		return slices.ContainsFunc(s.Metrics, func(m Metric) bool { return KnownMetrics[m.Use].Needs == needs && m.Prediction == name })
	}
	for i, v := range c.Scores {
		if !used(NeedsScoreKey, v.Name) {
			l.add("unused", fmt.Sprintf("scorer.scores[%d].name", i), fmt.Sprintf("no metric shows %q: add one with use: scorer_value@1, or remove it", clip(v.Name)), fmt.Sprintf("没有指标使用 %q：请添加 use: scorer_value@1，或删除", clip(v.Name)))
		}
	}
	for i, v := range c.PerUnit {
		if !used(NeedsUnitColumn, v.Name) {
			l.add("unused", fmt.Sprintf("scorer.per_unit[%d].name", i), fmt.Sprintf("no metric shows %q: add one with use: scorer_mean@1, or remove it", clip(v.Name)), fmt.Sprintf("没有指标使用 %q：请添加 use: scorer_mean@1，或删除", clip(v.Name)))
		}
	}
}

// id checks a short name and that it is not in seen.
func (l *linter) id(path, s string, seen map[string]bool) {
	if !idRE.MatchString(s) {
		l.add("bad_value", path, fmt.Sprintf("%q is not an id: lower-case letters, digits and _, at most 32, a letter first", clip(s)),
			fmt.Sprintf("%q 不是合法 id：小写字母、数字和下划线，最多 32 个，以字母开头", clip(s)))
	} else if seen[s] {
		l.add("duplicate", path, fmt.Sprintf("%q is used twice", clip(s)), fmt.Sprintf("%q 重复", clip(s)))
	}
	seen[s] = true
}

func (l *linter) scorerValues(s Spec, path string, list []ScorerValue) {
	if len(list) > maxScorerValues {
		l.add("too_many", path, fmt.Sprintf("at most %d", maxScorerValues), fmt.Sprintf("最多 %d 个", maxScorerValues))
	}
	seen := map[string]bool{s.Input.Key: true, MessageCol: true}
	for i, v := range list {
		p := fmt.Sprintf("%s[%d].", path, i)
		l.id(p+"name", v.Name, seen)
		l.oneOf(p+"direction", v.Direction, []string{"max", "min"})
		if l.interval(p+"range", v.Range) && v.Perfect != nil && (*v.Perfect < v.Range[0] || *v.Perfect > v.Range[1]) {
			l.add("out_of_range", p+"perfect", "must lie in range", "须在 range 之内")
		}
		for _, of := range []string{aihub.TrialConstant, aihub.TrialRandom, aihub.TrialBlank} {
			band := v.Declared(of)
			switch {
			case band == nil:
			case len(band) != 2 || !(band[0] <= band[1]):
				l.add("bad_value", p+of, "two numbers [lo, hi], lo not above hi", "两个数 [下限, 上限]，下限不大于上限")
			case len(v.Range) == 2 && (band[0] < v.Range[0] || band[1] > v.Range[1]):
				l.add("out_of_range", p+of, "must lie in range", "须在 range 之内")
			}
		}
	}
}

// scorerMetric checks a metric of the scorer's against what the scorer gives.
func (l *linter) scorerMetric(s Spec, p string, m Metric) {
	if s.Scorer == nil {
		l.add("metric_misfit", p+"use", m.Use+" reads what a scorer gives: declare one under scorer", m.Use+" 读取评分程序的输出：请在 scorer 下声明")
		return
	}
	list, where := s.Scorer.PerUnit, "scorer.per_unit"
	if KnownMetrics[m.Use].Needs == NeedsScoreKey {
		list, where = s.Scorer.Scores, "scorer.scores"
	}
	var names []string
	for _, v := range list {
		names = append(names, v.Name)
	}
	if !slices.Contains(names, m.Prediction) {
		l.add("unknown_column", p+"prediction", fmt.Sprintf("%q is none of %s: %s", clip(m.Prediction), where, names), fmt.Sprintf("%q 不在 %s 之中：%s", clip(m.Prediction), where, names))
	}
}
