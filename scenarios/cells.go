package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The file formats in which units lie mixed; the others are tables. Package
// evaluator/intake reads them.
const (
	FormatCOCO  = "coco"  // a JSON list of results
	FormatRTTM  = "rttm"  // who speaks when
	FormatCTM   = "ctm"   // recognised words with times
	FormatTREC  = "trec"  // a run: documents for queries
	FormatMasks = "masks" // a zip archive of <id>.png, whose pixels are classes

	FormatPictures = "pictures" // the same, whose pixels are what was made or restored
)

// UnitFormats says of each such format what metrics need that can read it, and
// whether a unit may be missing, because nothing was found in it.
var UnitFormats = map[string]struct {
	Needs   []Needs
	Missing bool
}{
	FormatCOCO:  {[]Needs{NeedsObjects}, true},
	FormatRTTM:  {[]Needs{NeedsTurns}, true},
	FormatCTM:   {[]Needs{NeedsUtterances, NeedsPassages, NeedsAnswers}, true},
	FormatTREC:  {[]Needs{NeedsRuns}, true},
	FormatMasks: {[]Needs{NeedsPixels, NeedsShapes}, false},

	FormatPictures: {[]Needs{NeedsPictures}, false},
}

// Cells reports whether a unit is a pair of cells: texts that spell out objects,
// turns, documents and the like, a row's true one and the predicted one.
func (n Needs) Cells() bool {
	switch n {
	case NeedsObjects, NeedsTurns, NeedsRuns, NeedsPixels, NeedsTracks, NeedsSpans, NeedsLinks, NeedsClusters, NeedsSegments,
		NeedsSeries, NeedsTrials, NeedsLabels, NeedsDecisions, NeedsSurvival,
		NeedsDistributions, NeedsWords, NeedsLikelihoods, NeedsProbes, NeedsShapes,
		NeedsPictures, NeedsSignals, NeedsTerms, NeedsSolutions, NeedsSlices, NeedsRatings:
		return true
	}
	return false
}

// EmptyCell is the cell of a unit of which nothing is said.
func (n Needs) EmptyCell() string {
	return map[Needs]string{
		NeedsObjects: "[]", NeedsSpans: "[]", NeedsLinks: "{}", NeedsPixels: "0 0", NeedsSegments: "0 0",
		NeedsTrials: "0", NeedsDecisions: "no", NeedsSurvival: "0",
		NeedsLikelihoods: "0 1", NeedsProbes: "{}", NeedsShapes: "0 0",
		NeedsPictures: "0 0", NeedsSolutions: `[""]`, NeedsRatings: "0",
	}[n]
}

// EmptyCell is the cell of an output column of which nothing is said: zeros, where
// the metrics say how many numbers a forecast has.
func (s Spec) EmptyCell(column string) string {
	n := s.CellsOf(column)
	switch n {
	case NeedsDistributions:
		return s.emptyDistribution()
	case NeedsSolutions:
		return "[" + strings.Repeat(`,""`, s.Shown())[1:] + "]"
	case NeedsSlices:
		if s.SlicesOfNumbers() {
			return "0"
		}
		return ""
	}
	if n != NeedsSeries {
		return n.EmptyCell()
	}
	horizon, levels, mean := s.Forecast()
	list := "[" + strings.Repeat(",0", max(horizon, 1))[1:] + "]"
	if levels == "" {
		return list
	}
	cell := `{"quantiles":[` + strings.Repeat(","+list, strings.Count(levels, ",")+1)[1:] + "]}"
	if mean {
		cell = `{"mean":` + list + "," + cell[1:]
	}
	return cell
}

// Forecast says what the cells of series hold, after the parameters of the metrics:
// how many steps, for which levels quantiles ("" for none), and whether the
// forecast itself is read.
func (s Spec) Forecast() (horizon int, levels string, mean bool) {
	for _, m := range s.Metrics {
		if KnownMetrics[m.Use].Needs != NeedsSeries {
			continue
		}
		if h, ok := m.Params[horizonParam.Name].(float64); ok {
			horizon = int(h)
		} else {
			horizon = 1
		}
		if m.Use != "wspl@1" {
			mean = true
		} else if levels, _ = m.Params[levelsParam.Name].(string); levels == "" {
			levels = m5Levels
		}
	}
	return horizon, levels, mean
}

// Distribution says what the cells of distributions hold, after the metrics: members
// of an ensemble, for which levels quantiles ("" for none), a normal distribution.
func (s Spec) Distribution() (members bool, levels string, normal bool) {
	for i, m := range s.Metrics {
		switch m.Use {
		case "crps_ensemble@1":
			members = true
		case "crps_quantile@1":
			levels = s.text(i, levelsParam)
		case "crps_gaussian@1":
			normal = true
		}
	}
	return members, levels, normal
}

// Shown is how many solutions of a task predictions must hold: the largest k of
// pass_at_k@1.
func (s Spec) Shown() int {
	most := 1
	for i, m := range s.Metrics {
		if KnownMetrics[m.Use].Needs == NeedsSolutions {
			if k, ok := s.param(i, shownParam).(float64); ok && k >= 1 && k <= shownParam.Range[1] {
				most = max(most, int(k))
			}
		}
	}
	return most
}

// Categories is how many categories ratings are of: the fewest that a metric takes; 0
// when they are numbers.
func (s Spec) Categories() (k int) {
	for _, m := range s.Metrics {
		if KnownMetrics[m.Use].Needs != NeedsRatings {
			continue
		}
		v, ok := m.Params[categoriesParam.Name].(float64)
		if ok && v >= categoriesParam.Range[0] && v <= categoriesParam.Range[1] && (k == 0 || int(v) < k) {
			k = int(v)
		}
	}
	return k
}

// SlicesOfNumbers reports whether values in slices are numbers: all but those that are
// right or not.
func (s Spec) SlicesOfNumbers() bool {
	return slices.ContainsFunc(s.Metrics, func(m Metric) bool { return KnownMetrics[m.Use].Needs == NeedsSlices && m.sliceValue() != "right" })
}

// sliceValue is what a metric of slices takes the mean of.
func (m Metric) sliceValue() string {
	if v, ok := m.Params[sliceRight.Name].(string); ok {
		return v
	}
	for _, p := range KnownMetrics[m.Use].Params {
		if v, ok := p.Default.(string); ok && p.Name == sliceRight.Name {
			return v
		}
	}
	return ""
}

// emptyDistribution is a cell that is sure of 0.
func (s Spec) emptyDistribution() string {
	members, levels, normal := s.Distribution()
	var parts []string
	if members {
		parts = append(parts, `"members":[0]`)
	}
	if levels != "" {
		parts = append(parts, `"quantiles":[0`+strings.Repeat(",0", strings.Count(levels, ","))+"]")
	}
	if normal {
		parts = append(parts, `"mean":0,"sd":0`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// CellsOf returns what the cells of an output column are: "" of one that no such
// metric reads.
func (s Spec) CellsOf(column string) Needs {
	for _, m := range s.Metrics {
		if n := KnownMetrics[m.Use].Needs; n.Cells() && m.Prediction == column {
			return n
		}
	}
	return ""
}

// unitFormat checks what a format in which units lie mixed asks of a spec.
func (l *linter) unitFormat(s Spec) {
	format, special := UnitFormats[s.Output.Format]
	if special {
		if c := s.Output.Columns; len(c) != 1 || c[0].Type != "string" || len(c[0].Classes) > 0 {
			l.add("bad_format", "output.columns", fmt.Sprintf("a file of format %s is read into one column: declare one of type string, without classes", s.Output.Format),
				fmt.Sprintf("%s 格式的文件读作一列：请声明一个不含 classes 的 string 列", s.Output.Format))
		}
	}
	kinds, texts := map[Needs]bool{}, Needs("")
	for i, m := range s.Metrics {
		n := KnownMetrics[m.Use].Needs
		if special && n != "" && !n.Scorer() && !n.Timed() && !slices.Contains(format.Needs, n) {
			l.add("bad_format", fmt.Sprintf("metrics[%d].use", i), fmt.Sprintf("%s cannot be computed from %s: use a metric of %v, or another output.format", m.Use, s.Output.Format, format.Needs),
				fmt.Sprintf("%s 无法由 %s 计算：请使用 %v 类指标，或更换 output.format", m.Use, s.Output.Format, format.Needs))
		}
		if n == NeedsShapes {
			n = NeedsPixels // of the same cells
		}
		if n.Cells() {
			kinds[n] = true
		} else if n.Texts() {
			texts = n
		}
	}
	if texts != "" && len(kinds) > 0 {
		kinds[texts] = true
	}
	if len(kinds) > 1 {
		var names []string
		for _, n := range slices.Sorted(maps.Keys(kinds)) {
			names = append(names, string(n))
		}
		l.add("metric_misfit", "metrics", "one truth column cannot be all of these: "+strings.Join(names, ", "), "一个真值列不能同时是："+strings.Join(names, "、"))
	}
}
