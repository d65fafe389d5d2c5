package scenarios

import (
	"fmt"
	"slices"

	"aihub"
)

// Timed reports whether the metric reads how long a run took, by the platform's
// clock, and nothing that was predicted.
func (n Needs) Timed() bool { return n == NeedsTimings }

// Untimed is the spec without metrics of timings.
func (s Spec) Untimed() Spec { return s.only(func(n Needs) bool { return !n.Timed() }) }

// Media is the column of the dataset that says how long each row's sound or film is,
// for rtf@1; "" without that metric.
func (s Spec) Media() string {
	for _, m := range s.Metrics {
		if KnownMetrics[m.Use].Needs.Timed() {
			if v, ok := m.Params[mediaParam.Name].(string); ok {
				return v
			}
		}
	}
	return ""
}

// timedLevels is how many values a metric of timings can be shown with: an algorithm
// that waits as long as it likes says log2 of them in bits about what it read.
const timedLevels = 64

// timedMetric checks a metric of timings.
func (l *linter) timedMetric(s Spec, p string, m Metric) {
	if m.Primary {
		l.add("primary_metric", p+"primary", m.Use+" cannot rank: the same algorithm takes another time on another machine, so that nothing can be tested; make another metric primary",
			m.Use+" 不能用于排名：同一算法在不同机器上用时不同，无从检验；请以其他指标为主指标")
	}
	if m.Prediction != "" {
		l.add("bad_value", p+"prediction", m.Use+" reads the platform's own clock, no prediction: remove it", m.Use+" 读取平台自己的时钟，不读预测：请删除")
	}
	if v, ok := m.Params[warmupParam.Name].(float64); ok && v != 0 {
		l.add("bad_param", p+"params."+warmupParam.Name, "a run is one request, of which nothing can be left out: must be 0", "一次运行即一个请求，不能略去其中任何部分：须为 0")
	}
	if v, ok := m.Params[quantParam.Name].(float64); ok && m.Use == "latency@1" && v != quantParam.Default {
		l.add("bad_param", p+"params."+quantParam.Name, fmt.Sprintf("a run is one request, of which every percentile is the same: remove it, or write %v", quantParam.Default),
			fmt.Sprintf("一次运行即一个请求，各百分位相同：请删除，或写 %v", quantParam.Default))
	}
	if g, ok := levels(s.Grid(m)); ok && !m.Primary && g > timedLevels {
		l.add("out_of_range", p+"step", fmt.Sprintf("the range holds %.0f multiples of the step; how long a run took is shown in at most %d, for what it read can make it slower: use a larger step or a smaller range", g, timedLevels),
			fmt.Sprintf("range 内有 %.0f 个 step 的倍数；运行用时至多以 %d 级公布，因为算法可依所读数据放慢运行：请增大 step 或缩小 range", g, timedLevels))
	}
	if m.Use == "rtf@1" && (m.Params[mediaParam.Name] == nil || m.Params[mediaParam.Name] == "") {
		l.missing(p+"params."+mediaParam.Name, mediaParam.Doc.EN, mediaParam.Doc.ZH)
	} else if v := s.Media(); m.Params[mediaParam.Name] != nil && v != m.Params[mediaParam.Name] {
		l.add("bad_param", p+"params."+mediaParam.Name, fmt.Sprintf("another metric names %q: give both the same column", clip(v)), fmt.Sprintf("另一指标为 %q：请使用同一列", clip(v)))
	}
}

// mediaColumn checks the column of rtf@1 against the dataset.
func (l *linter) mediaColumn(spec Spec, v aihub.DatasetVersion, columns map[string]aihub.Column) {
	name := spec.Media()
	if name == "" {
		return
	}
	at := slices.IndexFunc(spec.Metrics, func(m Metric) bool { return m.Params[mediaParam.Name] == name })
	p := fmt.Sprintf("metrics[%d].params.%s", at, mediaParam.Name)
	switch c, ok := columns[name]; {
	case !ok:
		l.add("unknown_column", p, fmt.Sprintf("%s has no column %q", v.Ref, clip(name)), fmt.Sprintf("%s 没有列 %q", v.Ref, clip(name)))
	case c.Type != "int64" && c.Type != "float64":
		l.add("wrong_type", p, fmt.Sprintf("column %q of %s is of type %s; seconds are numbers", clip(name), v.Ref, c.Type), fmt.Sprintf("%[2]s 的列 %[1]q 类型是 %[3]s；秒数应为数值", clip(name), v.Ref, c.Type))
	}
}
