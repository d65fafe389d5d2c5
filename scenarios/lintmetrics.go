package scenarios

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/yamlx"
)

func (l *linter) metrics(s Spec) {
	if len(s.Metrics) == 0 {
		l.missing("metrics", "at least one of: "+metricNames(), "至少一个指标："+metricNames())
		return
	}
	if len(s.Metrics) > maxMetrics {
		l.add("too_many", "metrics", fmt.Sprintf("at most %d metrics", maxMetrics), fmt.Sprintf("最多 %d 个指标", maxMetrics))
	}
	primaries, ids := 0, map[string]bool{}
	for i, m := range s.Metrics {
		p := fmt.Sprintf("metrics[%d].", i)
		if m.Primary {
			primaries++
		}
		info, known := s.Info(m)
		if !known {
			l.unknownMetric(p+"use", m.Use)
		} else {
			l.metric(s, p, m, info)
		}
		if !idRE.MatchString(m.ID) && (known || m.ID != "") {
			l.add("bad_value", p+"id", fmt.Sprintf("%q is not an id: lower-case letters, digits and _, at most 32, a letter first", clip(m.ID)),
				fmt.Sprintf("%q 不是合法 id：小写字母、数字和下划线，最多 32 个，以字母开头", clip(m.ID)))
		} else if ids[m.ID] && m.ID != "" {
			l.add("duplicate", p+"id", fmt.Sprintf("id %q is used twice: give this metric an id of its own", clip(m.ID)), fmt.Sprintf("id %q 重复：请为该指标另起 id", clip(m.ID)))
		}
		ids[m.ID] = true
		l.onUndefined(p+"on_undefined", s, m, info)
	}
	if primaries != 1 {
		l.add("primary_metric", "metrics", fmt.Sprintf("%d metrics are primary; exactly one ranks: give it primary: true", primaries),
			fmt.Sprintf("有 %d 个主指标；应恰有一个用于排名：请标注 primary: true", primaries))
	}
}

func (l *linter) unknownMetric(path, use string) {
	if use == "" {
		l.missing(path, "one of: "+metricNames(), "以下之一："+metricNames())
		return
	}
	en, zh := fmt.Sprintf("there is no metric %q", clip(use)), fmt.Sprintf("没有指标 %q", clip(use))
	if near := yamlx.Nearest(use, slices.Sorted(maps.Keys(KnownMetrics))); near != "" {
		en, zh = en+fmt.Sprintf("; did you mean %s?", near), zh+fmt.Sprintf("，是否想写 %s？", near)
	} else {
		en, zh = en+"; known: "+metricNames(), zh+"；可用："+metricNames()
	}
	l.add("unknown_metric", path, en, zh)
}

func (l *linter) metric(s Spec, p string, m Metric, info MetricInfo) {
	if info.Needs.Scorer() {
		l.scorerMetric(s, p, m)
		if info.Direction == "" {
			return // what the scorer gives is not declared
		}
	}
	if m.Direction != info.Direction {
		l.add("bad_value", p+"direction", fmt.Sprintf("of %s, %s is better", m.Use, info.Direction), fmt.Sprintf("%s 以 %s 为优", m.Use, info.Direction))
	}
	l.params(p+"params", s, m, info)
	l.metricGrid(s, p, m, info)
	if info.Needs.Timed() {
		l.timedMetric(s, p, m)
	}
	if info.Needs.Scorer() || info.Needs.Timed() {
		return
	}

	// What cannot be read is reported there, not again at every metric.
	if l.bad("truth") || l.bad("output.columns") || slices.ContainsFunc(s.Output.Columns, func(c OutputColumn) bool { return !slices.Contains(valueTypes, c.Type) }) {
		return
	}
	// The truth must be of the kind that the metric compares with.
	if info.Needs.Texts() {
		if s.Truth.Type != "string" {
			l.add("metric_misfit", p+"use", fmt.Sprintf("%s compares texts, but truth.type is %s", m.Use, s.Truth.Type), fmt.Sprintf("%s 比较文本，但 truth.type 是 %s", m.Use, s.Truth.Type))
		} else if len(s.Truth.Classes) > 0 {
			l.add("metric_misfit", p+"use", fmt.Sprintf("%s compares texts, not classes: leave truth.classes out", m.Use), fmt.Sprintf("%s 比较文本而非类别：请省略 truth.classes", m.Use))
			return // with classes, no column fits
		}
	} else if numeric := s.Truth.Type != "string"; info.Needs == NeedsNumber && !numeric && s.Truth.Type != "" {
		l.add("metric_misfit", p+"use", fmt.Sprintf("%s compares numbers, but truth.type is string", m.Use), fmt.Sprintf("%s 比较数值，但 truth.type 是 string", m.Use))
	} else if info.Needs != NeedsNumber && numeric {
		l.add("metric_misfit", p+"use", fmt.Sprintf("%s compares classes, but truth.type is %s", m.Use, s.Truth.Type), fmt.Sprintf("%s 比较类别，但 truth.type 是 %s", m.Use, s.Truth.Type))
	} else if info.Needs != NeedsNumber && len(s.Truth.Classes) == 0 {
		l.add("metric_misfit", p+"use", fmt.Sprintf("%s needs truth.classes", m.Use), fmt.Sprintf("%s 需要 truth.classes", m.Use))
	}

	var names []string
	for _, c := range s.fitting(info.Needs) {
		names = append(names, c.Name)
	}
	switch c, _ := s.Scored(m); {
	case len(names) == 0:
		l.add("metric_misfit", p+"prediction", fmt.Sprintf("%s needs %s in output.columns", m.Use, needTexts[info.Needs].EN), fmt.Sprintf("%s 需要 output.columns 中有%s", m.Use, needTexts[info.Needs].ZH))
	case m.Prediction == "":
		l.missing(p+"prediction", "one of: "+strings.Join(names, ", "), "以下之一："+strings.Join(names, "、"))
	case c.Name == "":
		l.add("unknown_column", p+"prediction", fmt.Sprintf("there is no output column %q; these fit: %s", clip(m.Prediction), strings.Join(names, ", ")),
			fmt.Sprintf("没有输出列 %q；可用：%s", clip(m.Prediction), strings.Join(names, "、")))
	case !info.Needs.fits(c):
		l.add("metric_misfit", p+"prediction", fmt.Sprintf("%s needs %s; these fit: %s", m.Use, needTexts[info.Needs].EN, strings.Join(names, ", ")),
			fmt.Sprintf("%s 需要%s；可用：%s", m.Use, needTexts[info.Needs].ZH, strings.Join(names, "、")))
	case m.Use == "abstain_cost@1":
		if n := len(s.Truth.Classes); len(c.Classes) < n || !slices.Equal(c.Classes[:n], s.Truth.Classes) {
			l.add("metric_misfit", p+"prediction", fmt.Sprintf("the classes of column %q must begin with those of truth.classes; one more is to abstain", clip(c.Name)),
				fmt.Sprintf("列 %q 的类别须以 truth.classes 开头，另加一个表示弃权", clip(c.Name)))
		}
	case info.Needs == NeedsClass && !slices.Equal(c.Classes, s.Truth.Classes):
		l.add("metric_misfit", p+"prediction", fmt.Sprintf("the classes of column %q must be those of truth.classes: leave them out there", clip(c.Name)),
			fmt.Sprintf("列 %q 的类别须与 truth.classes 相同：在该列省略即可", clip(c.Name)))
	case info.Needs == NeedsProbability && (len(c.Range) != 2 || c.Range[0] < 0 || c.Range[1] > 1):
		l.add("metric_misfit", p+"prediction", fmt.Sprintf("column %q holds probabilities: its range is [0, 1]", clip(c.Name)), fmt.Sprintf("列 %q 是概率：range 应为 [0, 1]", clip(c.Name)))
	}
}

var needTexts = map[Needs]aihub.Text{
	NeedsClass:         {EN: "a string column", ZH: " string 列"},
	NeedsScore:         {EN: "a float64 column", ZH: " float64 列"},
	NeedsProbability:   {EN: "a float64 column", ZH: " float64 列"},
	NeedsUtterances:    {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsPassages:      {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsAnswers:       {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsObjects:       {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsTurns:         {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsRuns:          {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsPixels:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsTracks:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSpans:         {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsLinks:         {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSegments:      {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsClusters:      {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSeries:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsTrials:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsLabels:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsDecisions:     {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSurvival:      {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsDistributions: {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsWords:         {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsLikelihoods:   {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsProbes:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsShapes:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsPictures:      {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSignals:       {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsTerms:         {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSolutions:     {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsSlices:        {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsRatings:       {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsGenerated:     {EN: "a string column without classes", ZH: "不含 classes 的 string 列"},
	NeedsNumber:        {EN: "an int64 or float64 column", ZH: " int64 或 float64 列"},
}

func (l *linter) params(path string, s Spec, m Metric, info MetricInfo) {
	_, probabilities := s.Scored(m)
	spread := info.Needs == NeedsProbability && len(probabilities) > 1
	for _, name := range slices.Sorted(maps.Keys(m.Params)) {
		v, p := m.Params[name], path+"."+clip(name)
		i := slices.IndexFunc(info.Params, func(q ParamInfo) bool { return q.Name == name })
		if i < 0 {
			known := []string{}
			for _, q := range info.Params {
				known = append(known, q.Name)
			}
			if len(known) == 0 {
				l.add("bad_param", p, m.Use+" has no parameters: remove it", m.Use+" 没有参数：请删除")
				continue
			}
			l.add("bad_param", p, fmt.Sprintf("%s has the parameters: %s", m.Use, strings.Join(known, ", ")), fmt.Sprintf("%s 的参数为：%s", m.Use, strings.Join(known, "、")))
			continue
		}
		q := info.Params[i]
		switch d := q.Default.(type) {
		case float64:
			if x, ok := v.(float64); !ok || x < q.Range[0] || x > q.Range[1] || q.Whole && x != math.Trunc(x) {
				l.add("bad_param", p, fmt.Sprintf("must be a number from %g to %g (default %g)", q.Range[0], q.Range[1], d), fmt.Sprintf("须为 %g 至 %g 的数（默认 %g）", q.Range[0], q.Range[1], d))
			}
		case string:
			if x, ok := v.(string); !ok || q.OneOf != nil && !slices.Contains(q.OneOf, x) {
				l.add("bad_param", p, "must be one of: "+strings.Join(q.OneOf, ", "), "须为以下之一："+strings.Join(q.OneOf, "、"))
			}
		default:
			if name == columnsParam.Name {
				l.columnsParam(p, s, v)
			} else if name == upperParam.Name {
				l.upperParam(p, s, m, v)
			} else if x, ok := v.(string); !ok || !slices.Contains(s.Truth.Classes, x) {
				l.add("bad_param", p, "must be one of truth.classes", "须为 truth.classes 之一")
			} else if spread {
				l.add("bad_param", p, "has no meaning with one probability column per class: remove it", "每个类别各有一列概率时没有意义：请删除")
			}
		}
	}
	for _, q := range info.Params {
		if _, given := m.Params[q.Name]; !given && (q.Required || q.Name == upperParam.Name) {
			l.missing(path+"."+q.Name, q.Doc.EN, q.Doc.ZH)
		}
	}
	if _, given := m.Params[positiveParam.Name]; !given && !spread && len(s.Truth.Classes) > 2 &&
		slices.ContainsFunc(info.Params, func(q ParamInfo) bool { return q.Name == positiveParam.Name }) {
		l.missing(path+".positive", "the positive class: "+m.Use+" compares one class with the rest", "正类："+m.Use+" 将一个类别与其余类别比较")
	}
	if _, given := m.Params[columnsParam.Name]; !given && spread && len(probabilities) != len(s.Truth.Classes) {
		l.add("bad_param", path, fmt.Sprintf("%d columns sum to one, but there are %d truth.classes: one column per class, in that order", len(probabilities), len(s.Truth.Classes)),
			fmt.Sprintf("有 %d 列和为一，但 truth.classes 有 %d 个：每类一列，顺序一致", len(probabilities), len(s.Truth.Classes)))
	}
}

// shapes adds the ShapeFaults of parameters that nothing was said of.
func (l *linter) shapes(s Spec) {
	for _, f := range s.ShapeFaults() {
		if !slices.ContainsFunc(l.faults, func(o aihub.Fault) bool { return strings.HasPrefix(o.Message.EN, f.Where+": ") }) {
			l.add(f.Code, f.Where, f.Message.EN, f.Message.ZH)
		}
	}
}

func (l *linter) columnsParam(path string, s Spec, v any) {
	list, ok := v.([]any)
	seen := map[any]bool{}
	for _, x := range list {
		c := slices.IndexFunc(s.Output.Columns, func(c OutputColumn) bool { return c.Name == x })
		ok = ok && !seen[x] && c >= 0 && s.Output.Columns[c].Type == "float64"
		seen[x] = true
	}
	if !ok || len(list) != 1 && len(list) != len(s.Truth.Classes) {
		l.add("bad_param", path, fmt.Sprintf("must list one float64 output column, or %d different ones in the order of truth.classes", len(s.Truth.Classes)),
			fmt.Sprintf("须列出一个 float64 输出列，或按 truth.classes 的顺序列出 %d 个不同的列", len(s.Truth.Classes)))
	}
}

func (l *linter) upperParam(path string, s Spec, m Metric, v any) {
	if !slices.ContainsFunc(s.Output.Columns, func(c OutputColumn) bool {
		return c.Name == v && c.Name != m.Prediction && NeedsNumber.fits(c)
	}) {
		l.add("bad_param", path, "must name another output column of numbers: the upper bound", "须为另一个数值输出列的名称：上界")
	}
}

func (l *linter) sharing(s Spec) {
	score := s.Sharing.Score
	l.oneOf("sharing.score.release", score.Release, []string{"policy", "review"})
	bounded(l, "sharing.score.tick", score.Tick, Duration(time.Second), maxTick)
	l.oneOf("sharing.logs.smoke", s.Sharing.Logs.Smoke, []string{smokeLogs})
	l.oneOf("sharing.logs.hidden", s.Sharing.Logs.Hidden, []string{hiddenLogs})

	primary, one := s.PrimaryMetric()
	info, known := s.Info(primary)
	if one && known && score.Range == nil {
		l.missing("sharing.score.range", fmt.Sprintf("the values of %s that will be shown, e.g. [0, 100]", primary.Use), fmt.Sprintf(" %s 将公布的取值范围，例如 [0, 100]", primary.Use))
	}
	if score.Step == 0 {
		l.missing("sharing.score.step", "how fine a score is shown, e.g. 0.02", "成绩公布的步长，例如 0.02")
		return
	}
	if !bounded(l, "sharing.score.step", score.Step, 1e-9, 1e9) || score.Range == nil || !l.interval("sharing.score.range", score.Range) {
		return
	}
	if g, ok := levels(score.Step, score.Range); !ok {
		l.add("out_of_range", "sharing.score.step", fmt.Sprintf("the range holds %.0f multiples of the step; 2 to 1000000 are needed", g), fmt.Sprintf("range 内有 %.0f 个 step 的倍数；应为 2 至 1000000 个", g))
	}
	if !one || !known {
		return
	}
	lo, hi := info.Range[0], info.Range[1]
	best := hi
	if info.Direction == "min" {
		best = lo
	}
	if r := score.Range; r[0] < lo || r[1] > hi || r[0] > best || r[1] < best {
		l.add("out_of_range", "sharing.score.range", fmt.Sprintf("must lie within the values of %s, %g to %g, and reach its best, %g", primary.Use, lo, hi, best),
			fmt.Sprintf("须在 %s 的取值 %g 至 %g 之内，并包含最优值 %g", primary.Use, lo, hi, best))
	}
}
