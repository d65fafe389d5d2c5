package scenarios

import (
	"maps"
	"math"
	"slices"
	"strings"

	"aihub"
)

// Needs is what kind of output column a metric reads.
type Needs string

// The kinds. NeedsProbability is a NeedsScore that must lie in [0, 1] and may
// be spread over one column per class.
const (
	NeedsClass       Needs = "class"       // a string column; values are classes
	NeedsScore       Needs = "score"       // a float64 column; larger means more likely positive
	NeedsProbability Needs = "probability" // a float64 column in [0, 1], or one per class
	NeedsNumber      Needs = "number"      // an int64 or float64 column
)

// MetricInfo is what a spec may say about a metric. Package evaluator/metric
// computes them under the same names.
type MetricInfo struct {
	Title     aihub.Text
	Needs     Needs
	Direction string     // max or min
	Range     [2]float64 // of values; infinite where unbounded
	Params    []ParamInfo
	Domain    Domain // of predicted numbers
	Mean      bool   // the plain mean over all rows or units of values that lie in Range

	// Skips says that on_undefined: skip has a meaning: what is averaged may have parts
	// of which the metric is undefined, and truth alone says which.
	Skips bool

	// PerfectVaries says that the value of perfect predictions depends on the truth.
	PerfectVaries bool
}

// ParamInfo is one parameter. A nil Default is derived from the spec (see Doc).
type ParamInfo struct {
	Name    string
	Default any        // float64 or string
	OneOf   []string   // of a string; nil when any text may be right
	Range   [2]float64 // of a number
	Doc     aihub.Text

	Required bool // the spec must say it; Default only shows the type
	Whole    bool // a number without a fraction
}

// Bounded reports whether all values lie in a known finite range.
func (m MetricInfo) Bounded() bool { return !math.IsInf(m.Range[0], 0) && !math.IsInf(m.Range[1], 0) }

var (
	unit      = [2]float64{0, 1}
	unbounded = [2]float64{0, math.Inf(1)}

	positiveParam = ParamInfo{Name: "positive", Doc: aihub.Text{
		EN: "the positive class; by default the second when exactly two are declared",
		ZH: "正类；恰好声明两个类别时默认为第二个",
	}}
	columnsParam = ParamInfo{Name: "columns", Doc: aihub.Text{
		EN: "probability columns in the order of truth.classes; by default the scored column and those it sums to one with",
		ZH: "按 truth.classes 顺序排列的概率列；默认为被评分列及与其和为一的各列",
	}}
)

// KnownMetrics are the metrics a spec may use, by name@version.
var KnownMetrics = func() map[string]MetricInfo {
	all := maps.Clone(firstMetrics)
	for _, more := range []map[string]MetricInfo{classMetrics, rankedMetrics, numberMetrics, scorerMetrics, UnitMetrics} {
		maps.Copy(all, more)
	}
	return all
}()

// firstMetrics are what most scenarios need.
var firstMetrics = map[string]MetricInfo{
	"accuracy@1":          {Title: aihub.Text{EN: "Accuracy", ZH: "准确率"}, Needs: NeedsClass, Direction: "max", Mean: true, Range: unit},
	"balanced_accuracy@1": {Title: aihub.Text{EN: "Balanced accuracy", ZH: "平衡准确率"}, Needs: NeedsClass, Direction: "max", Range: unit},
	"f1@1": {Title: aihub.Text{EN: "F1", ZH: "F1"}, Needs: NeedsClass, Skips: true, Direction: "max", Range: unit, Params: []ParamInfo{
		{Name: "average", Default: "macro", OneOf: []string{"macro", "micro", "weighted"}, Doc: aihub.Text{
			EN: "macro: mean over the declared classes; weighted: by how often the truth holds each; micro: from summed counts",
			ZH: "macro：对声明的类别取平均；weighted：按真值中各类出现次数加权；micro：由计数之和计算",
		}},
		{Name: "zero_division", Default: 0.0, Range: unit, Doc: aihub.Text{
			EN: "F1 of a declared class that is in neither truth nor predictions",
			ZH: "真值与预测中均未出现的已声明类别的 F1",
		}},
	}},
	"mcc@1":     {Title: aihub.Text{EN: "Matthews correlation", ZH: "马修斯相关系数"}, Needs: NeedsClass, Direction: "max", Range: [2]float64{-1, 1}},
	"roc_auc@1": {Title: aihub.Text{EN: "ROC AUC", ZH: "ROC 曲线下面积"}, Needs: NeedsScore, Direction: "max", Range: unit, Params: []ParamInfo{positiveParam}},
	"log_loss@1": {Title: aihub.Text{EN: "Log loss", ZH: "对数损失"}, Needs: NeedsProbability, Direction: "min", Range: unbounded, Params: []ParamInfo{
		columnsParam,
		{Name: "eps", Default: 0x1p-52, Range: [2]float64{1e-300, 0.1}, Doc: aihub.Text{
			EN: "probabilities are brought into [eps, 1-eps]", ZH: "概率被限制在 [eps, 1-eps] 之内",
		}},
		positiveParam,
	}},
	"brier@1": {Title: aihub.Text{EN: "Brier score", ZH: "Brier 分数"}, Needs: NeedsProbability, Direction: "min", Mean: true, Range: [2]float64{0, 2}, Params: []ParamInfo{columnsParam, positiveParam}},
	"mae@1":   {Title: aihub.Text{EN: "Mean absolute error", ZH: "平均绝对误差"}, Needs: NeedsNumber, Direction: "min", Range: unbounded},
	"mse@1":   {Title: aihub.Text{EN: "Mean squared error", ZH: "均方误差"}, Needs: NeedsNumber, Direction: "min", Range: unbounded},
	"rmse@1":  {Title: aihub.Text{EN: "Root mean squared error", ZH: "均方根误差"}, Needs: NeedsNumber, Direction: "min", Range: unbounded},
	"smape@1": {Title: aihub.Text{EN: "sMAPE (M4, 0–200)", ZH: "对称平均绝对百分比误差（M4，0–200）"}, Needs: NeedsNumber, Direction: "min", Mean: true, Range: [2]float64{0, 200}},
	"wape@1":  {Title: aihub.Text{EN: "WAPE", ZH: "加权绝对百分比误差"}, Needs: NeedsNumber, Direction: "min", Range: unbounded},
	"r2@1":    {Title: aihub.Text{EN: "R²", ZH: "决定系数 R²"}, Needs: NeedsNumber, Direction: "max", Range: [2]float64{math.Inf(-1), 1}},
	"medae@1": {Title: aihub.Text{EN: "Median absolute error", ZH: "绝对误差中位数"}, Needs: NeedsNumber, Direction: "min", Range: unbounded},
}

// metricNames lists the common ones, for messages that must stay short.
func metricNames() string {
	return strings.Join(slices.Sorted(maps.Keys(firstMetrics)), ", ")
}

// Texts reports whether a unit is a pair of texts: a row's true one and the
// predicted one. A spec can name such a metric of units.
func (n Needs) Texts() bool {
	return n == NeedsUtterances || n == NeedsPassages || n == NeedsAnswers || n == NeedsGenerated || n.Cells()
}

// fits reports whether output column c can be scored by a metric that needs n.
func (n Needs) fits(c OutputColumn) bool {
	if n.Texts() {
		return c.Type == "string" && len(c.Classes) == 0
	}
	switch n {
	case NeedsClass:
		return c.Type == "string"
	case NeedsScore, NeedsProbability:
		return c.Type == "float64"
	default:
		return c.Type == "int64" || c.Type == "float64"
	}
}

// group returns c and the output columns it sums to one with, in output order.
func group(out []OutputColumn, c OutputColumn) []string {
	if len(c.SumsToOne) == 0 {
		return []string{c.Name}
	}
	var names []string
	for _, o := range out {
		if o.Name == c.Name || slices.Contains(c.SumsToOne, o.Name) {
			names = append(names, o.Name)
		}
	}
	return names
}

// Scored returns the output column that m scores, and the columns that sum to
// one with it (itself included, in output order; nil when there are none).
func (s Spec) Scored(m Metric) (OutputColumn, []string) {
	for _, c := range s.Output.Columns {
		if c.Name == m.Prediction {
			if len(c.SumsToOne) == 0 {
				return c, nil
			}
			return c, group(s.Output.Columns, c)
		}
	}
	return OutputColumn{}, nil
}
