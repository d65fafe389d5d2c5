package scenarios

import (
	"fmt"
	"strings"
	"time"

	"aihub"
	"aihub/internal/yamlx"
)

// Parse reads a spec from YAML. It returns the complete Spec, every default
// filled in, and its canonical form. On a fault it returns a Contract error that
// lists every fault of the file, of form and of meaning, with line and column;
// name is the file's, for the message.
func Parse(name string, data []byte) (Spec, []byte, error) {
	doc, faults := yamlx.Parse(data, yamlx.Default)
	if faults != nil {
		return Spec{}, nil, specError(name, faults)
	}
	var spec Spec
	faults = doc.Decode(&spec)
	spec.fill(doc.Has)
	l := linter{where: doc.Where, bad: doc.Bad}
	l.lint(spec)
	if faults = append(faults, l.faults...); len(faults) > 0 {
		yamlx.Sort(faults)
		return Spec{}, nil, specError(name, faults)
	}
	canonical, err := Canonical(spec)
	if err != nil {
		return Spec{}, nil, err
	}
	return spec, canonical, nil
}

func specError(name string, faults []aihub.Fault) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("%s is not a valid scenario; faults: %d", name, len(faults)),
		ZH: fmt.Sprintf("%s 不是合法的场景规范，共 %d 处问题", name, len(faults)),
	}).WithFaults(faults).WithHint(aihub.Text{
		EN: "mend them and check again with: aihub scenario lint FILE",
		ZH: "修正后用 aihub scenario lint 文件 再次检查",
	})
}

// Locate replaces the path that each fault of Lint, LintAgainst or LintWithRows
// has as its place by line and column in the YAML it is about.
func Locate(data []byte, faults []aihub.Fault) []aihub.Fault {
	doc, bad := yamlx.Parse(data, yamlx.Default)
	if bad != nil {
		return faults
	}
	if err := doc.Decode(new(Spec)); err != nil {
		return faults
	}
	out := make([]aihub.Fault, len(faults))
	for i, f := range faults {
		f.Where = doc.Where(f.Where)
		out[i] = f
	}
	yamlx.Sort(out)
	return out
}

// DefaultLimits bound a run whose spec does not say otherwise.
var DefaultLimits = Limits{
	CPUs: 1, Memory: 512 * MiB, Pids: 64, Files: 256, Wall: Duration(5 * time.Minute),
	Output: 16 * MiB, Inodes: 64, Tmp: 64 * MiB, Log: MiB,
}

// The other defaults.
const (
	DefaultFormat = "csv"                      // of input and output
	DefaultTick   = Duration(60 * time.Second) // sharing.score.tick
	DefaultQuota  = 20                         // of a round on the test part; 1 on the final part
	DefaultBits   = 64                         // of a round
	undefinedAs   = "worst"                    // metrics[].on_undefined
	releaseBy     = "policy"                   // sharing.score.release
	smokeLogs     = "open"                     // sharing.logs.smoke
	hiddenLogs    = "reason"                   // sharing.logs.hidden
	defaultOutput = "predictions."             // output.file, with the format as suffix
	defaultInput  = "input."                   // input.file, with the format as suffix
)

// fill sets what the file leaves out; has reports whether the file says it, so
// that a written zero stays for the linter to find. What it sets:
//
//	input.format, output.format  csv
//	input.file, output.file      input.<format>, predictions.<format>
//	output.columns[].type        string, when classes are given
//	output.columns[].classes     truth.classes, for a string column
//	output.columns[].range       [0, 1], for a column that sums to one with others or is scored as a probability
//	truth.type                   string
//	limits                       DefaultLimits, each by itself
//	train.labels, .quota         labels.<input format>, 20
//	train.limits                 limits, each by itself, but output 64MiB and inodes 1024
//	workspace                    DefaultWorkspace, each by itself; idle no longer than wall
//	scorer.limits                limits, each by itself
//	metrics[].id                 the name in use, without version
//	metrics[].prediction         the only column that fits, or the first of the only group that sums to one
//	metrics[].params             every default of the metric
//	metrics[].primary            true, when there is one metric
//	metrics[].direction          the metric's own
//	metrics[].on_undefined       worst
//	slices[].min                 100
//	sharing.score                release policy, tick 60s, range of the primary metric when it is bounded
//	sharing.logs                 smoke open, hidden reason
//	rounds[].part                test
//	rounds[].title               the round's name, in both languages
//	metrics[].range, .step       of one that is not primary: its own range when bounded, else that of the primary one, and as many levels
//	rounds[].quota, .bits        20 (final part: 1), 64
//	rounds[].share               half of the bits, and enough for one release
func (s *Spec) fill(has func(path string) bool) {
	def(has, "input.format", &s.Input.Format, DefaultFormat)
	def(has, "output.format", &s.Output.Format, DefaultFormat)
	def(has, "input.file", &s.Input.File, defaultInput+s.Input.Format)
	def(has, "output.file", &s.Output.File, defaultOutput+s.Output.Format)
	def(has, "truth.type", &s.Truth.Type, "string")
	for i := range s.Output.Columns {
		p, c := fmt.Sprintf("output.columns[%d].", i), &s.Output.Columns[i]
		if len(c.Classes) > 0 {
			def(has, p+"type", &c.Type, "string")
		}
		if c.Type == "string" && !has(p+"classes") {
			c.Classes = s.Truth.Classes
		}
		if s.probability(*c) && !has(p+"range") {
			c.Range = []float64{0, 1}
		}
	}

	s.Limits.fill(has, "limits.", DefaultLimits)
	s.fillTrain(has)
	s.fillWorkspace(has)
	s.fillScorer(has)

	for i := range s.Metrics {
		s.fillMetric(has, fmt.Sprintf("metrics[%d].", i), &s.Metrics[i])
	}

	for i := range s.Slices {
		def(has, fmt.Sprintf("slices[%d].min", i), &s.Slices[i].Min, DefaultGroup)
	}

	score := &s.Sharing.Score
	def(has, "sharing.score.release", &score.Release, releaseBy)
	def(has, "sharing.score.tick", &score.Tick, DefaultTick)
	if m, ok := s.PrimaryMetric(); ok && !has("sharing.score.range") {
		if info, ok := s.Info(m); ok && info.Bounded() {
			score.Range = []float64{info.Range[0], info.Range[1]}
		}
	}
	s.fillGrids(has)
	def(has, "sharing.logs.smoke", &s.Sharing.Logs.Smoke, smokeLogs)
	def(has, "sharing.logs.hidden", &s.Sharing.Logs.Hidden, hiddenLogs)

	for i := range s.Rounds {
		p, r := fmt.Sprintf("rounds[%d].", i), &s.Rounds[i]
		def(has, p+"part", &r.Part, string(aihub.Test))
		def(has, p+"title", &r.Title, aihub.Text{ZH: r.Name, EN: r.Name})
		quota := DefaultQuota
		if r.Part == string(aihub.Final) {
			quota = 1
		}
		def(has, p+"quota", &r.Quota, quota)
		def(has, p+"bits", &r.Bits, DefaultBits)
		def(has, p+"share", &r.Share, s.shareOf(r.Bits))
	}
}

func (s *Spec) fillMetric(has func(string) bool, p string, m *Metric) {
	name, _, _ := strings.Cut(m.Use, "@")
	def(has, p+"id", &m.ID, name)
	def(has, p+"on_undefined", &m.OnUndefined, undefinedAs)
	if len(s.Metrics) == 1 {
		def(has, p+"primary", &m.Primary, true)
	}
	info, ok := s.Info(*m)
	if !ok {
		return
	}
	def(has, p+"direction", &m.Direction, info.Direction)
	if !has(p+"prediction") && !info.Needs.Scorer() && !info.Needs.Timed() {
		if fitting := s.fitting(info.Needs); len(fitting) == 1 || len(fitting) > 1 && len(group(s.Output.Columns, fitting[0])) == len(fitting) {
			m.Prediction = fitting[0].Name
		}
	}
	_, probabilities := s.Scored(*m)
	for _, q := range info.Params {
		if _, given := m.Params[q.Name]; given {
			continue
		}
		v := q.Default
		if q.Name == positiveParam.Name && len(s.Truth.Classes) == 2 && (info.Needs == NeedsScore || len(probabilities) < 2) {
			v = s.Truth.Classes[1]
		}
		if v == nil || q.Required {
			continue
		}
		if m.Params == nil {
			m.Params = map[string]any{}
		}
		m.Params[q.Name] = v
	}
}

// fitting returns the output columns that a metric with these needs could score.
func (s *Spec) fitting(n Needs) []OutputColumn {
	var out []OutputColumn
	for _, c := range s.Output.Columns {
		if n.fits(c) {
			out = append(out, c)
		}
	}
	return out
}

// probability reports whether c holds probabilities: it sums to one with others,
// or a metric that needs probabilities scores it.
func (s *Spec) probability(c OutputColumn) bool {
	if c.Type != "float64" {
		return false
	}
	for _, o := range s.Output.Columns {
		for _, name := range o.SumsToOne {
			if name == c.Name || o.Name == c.Name {
				return true
			}
		}
	}
	for _, m := range s.Metrics {
		if KnownMetrics[m.Use].Needs == NeedsProbability &&
			(m.Prediction == c.Name || m.Prediction == "" && len(s.fitting(NeedsProbability)) == 1) {
			return true
		}
	}
	return false
}

// PrimaryMetric returns the metric that ranks, or false when no metric or more than
// one is primary.
func (s Spec) PrimaryMetric() (Metric, bool) {
	var found []Metric
	for _, m := range s.Metrics {
		if m.Primary {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return Metric{}, false
	}
	return found[0], true
}

// RoundsOf returns the rounds of spec, published as ref.
func RoundsOf(ref aihub.Ref, spec Spec) []aihub.Round {
	var out []aihub.Round
	for _, r := range spec.Rounds {
		out = append(out, aihub.Round{
			Scenario: ref, Name: r.Name, Title: r.Title, Part: aihub.Part(r.Part),
			Opens: r.Opens, Closes: r.Closes, Quota: r.Quota, BudgetBits: r.Bits, OrgBits: r.Share,
		})
	}
	return out
}

func def[T any](has func(string) bool, path string, field *T, value T) {
	if !has(path) {
		*field = value
	}
}
