package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aihub"
)

// cocoPoints is how many key points the objects of COCO have.
const cocoPoints = 17

// How many bins times classes ece_classwise@1 may have, and how many with slices, where
// each group has its own: an exact sum for each.
const (
	MaxClassBins      = 1 << 14
	MaxSliceClassBins = 1 << 10
)

// ShapeFaults finds parameters that have no shape the metric can read, and metrics that
// ask the cells of one truth to have two. The evaluator refuses them as well.
func (s Spec) ShapeFaults() (faults []aihub.Fault) {
	first := map[string]int{} // the first metric with a shape of each parameter
	for i, m := range s.Metrics {
		add := func(p ParamInfo, en, zh string) {
			faults = append(faults, aihub.Fault{Code: "bad_param", Where: fmt.Sprintf("metrics[%d].params.%s", i, p.Name), Message: aihub.Text{EN: en, ZH: zh}})
		}
		for _, p := range KnownMetrics[m.Use].Params {
			v := m.Params[p.Name]
			if v == nil {
				v = p.Default
			}
			text, _ := v.(string)
			switch {
			case p.Name == sigmasParam.Name:
				if n := pointsOf(text); n == 0 {
					add(p, `sigmas are "coco" or a width above 0 for each key point, with commas, e.g. "0.03,0.05"`,
						`sigmas 须为 “coco” 或以逗号分隔的各关键点宽度（大于 0），例如 "0.03,0.05"`)
				} else if at, ok := first[p.Name]; !ok {
					first[p.Name] = i
				} else if x := pointsOf(s.text(at, p)); n != x {
					add(p, fmt.Sprintf("sigmas are of %d key points, those of metrics[%d] of %d: objects have one number of points, so give both as many", n, at, x),
						fmt.Sprintf("sigmas 为 %d 个关键点，而 metrics[%d] 为 %d 个：所有目标的关键点数须一致，请改为相同个数", n, at, x))
				}
			case p.Name == levelsParam.Name && !rising(text):
				add(p, `levels are numbers between 0 and 1 that rise, with commas, e.g. "0.1,0.5,0.9"`, `levels 须为以逗号分隔、递增且介于 0 与 1 之间的数，例如 "0.1,0.5,0.9"`)
			case p.Name == levelsParam.Name, p.Name == horizonParam.Name:
				if at, ok := first[p.Name]; !ok {
					first[p.Name] = i
				} else if x := s.param(at, p); v != x {
					add(p, fmt.Sprintf("%s differs from that of metrics[%d], %v: cells are of one shape, so give both the same", p.Name, at, x),
						fmt.Sprintf("%s 与 metrics[%d] 的 %v 不同：单元格只有一种形状，请改为相同", p.Name, at, x))
				}
			case p.Name == byParam.Name && Groups(text) == nil:
				add(p, `by lists levels with ; between, each total, series or ids with commas, none twice, e.g. "total;state;state,category;series"`,
					`by 须为以 ; 分隔的层级，各为 total、series 或以逗号分隔的标识，不得重复，例如 "total;state;state,category;series"`)
			case p.Name == costsParam.Name && len(s.Truth.Classes) > 0 && Costs(text, len(s.Truth.Classes)) == nil:
				k := len(s.Truth.Classes)
				add(p, fmt.Sprintf(`costs must be %d rows of %d numbers from 0 to 1e12, the true class by rows, e.g. "0,1;5,0"`, k, k),
					fmt.Sprintf(`costs 应为 %d 行、每行 %d 个 0 到 1e12 之间的数，行为真实类别，例如 "0,1;5,0"`, k, k))
			case m.Use == "ece_classwise@1" && p.Name == binsParam.Name:
				bins, _ := v.(float64)
				most, en, zh := MaxClassBins, "", ""
				if len(s.Slices) > 0 {
					most, en, zh = MaxSliceClassBins, " with slices", "使用切片时"
				}
				if n := bins * float64(max(2, s.probabilities(m))); n > float64(most) {
					add(p, fmt.Sprintf("bins times classes is %.0f, and at most %d%s: fewer bins, please", n, most, en),
						fmt.Sprintf("bins 与类别数之积为 %.0f，%s至多 %d：请减少 bins", n, zh, most))
				}
			}
		}
	}
	return faults
}

// param is what metric at has for a parameter.
func (s Spec) param(at int, p ParamInfo) any {
	if v := s.Metrics[at].Params[p.Name]; v != nil {
		return v
	}
	return p.Default
}

func (s Spec) text(at int, p ParamInfo) string {
	v, _ := s.param(at, p).(string)
	return v
}

// probabilities is how many columns of them a metric reads.
func (s Spec) probabilities(m Metric) int {
	switch list := m.Params[columnsParam.Name].(type) {
	case []any:
		return len(list)
	case []string:
		return len(list)
	}
	_, group := s.Scored(m)
	return len(group)
}

// pointsOf is how many key points sigmas are of, 0 when they are no widths.
func pointsOf(sigmas string) int {
	if sigmas == "coco" {
		return cocoPoints
	}
	list := strings.Split(sigmas, ",")
	if slices.ContainsFunc(list, func(f string) bool {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		return err != nil || !(v > 0 && v < 1e6)
	}) {
		return 0
	}
	return len(list)
}

// rising reports whether levels are quantiles, each above the one before.
func rising(levels string) bool {
	last := 0.0
	for f := range strings.SplitSeq(levels, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil || !(v > last && v < 1) || strings.ContainsAny(f, "xX_pP") {
			return false
		}
		last = v
	}
	return true
}

// Costs reads a cost matrix of k classes, the true one by rows: "0,1;5,0". "zero-one"
// is 0 on the diagonal and 1 elsewhere. It is nil when the text is none.
func Costs(text string, k int) []float64 {
	out := make([]float64, 0, k*k)
	if text == "zero-one" {
		for i := range k * k {
			out = append(out, 1)
			if i/k == i%k {
				out[i] = 0
			}
		}
		return out
	}
	rows := strings.Split(text, ";")
	if len(rows) != k {
		return nil
	}
	for _, row := range rows {
		cells := strings.Split(row, ",")
		if len(cells) != k {
			return nil
		}
		for _, c := range cells {
			v, err := strconv.ParseFloat(strings.TrimSpace(c), 64)
			if err != nil || !(v >= 0 && v <= 1e12) {
				return nil
			}
			out = append(out, v)
		}
	}
	return out
}
