package scenarios

import (
	"math"

	"aihub"
)

var (
	signed = [2]float64{-1, 1}

	averageParam = ParamInfo{Name: "average", Default: "macro", OneOf: []string{"macro", "micro", "weighted"}, Doc: aihub.Text{
		EN: "macro: mean over the declared classes; weighted: by how often the truth holds each; micro: from summed counts",
		ZH: "macro：对声明的类别取平均；weighted：按真值中各类出现次数加权；micro：由计数之和计算",
	}}
	zeroParam = ParamInfo{Name: "zero_division", Default: 0.0, Range: unit, Doc: aihub.Text{
		EN: "what a class counts whose ratio is 0/0", ZH: "某类比值为 0/0 时的取值",
	}}
	upperParam = ParamInfo{Name: "upper", Doc: aihub.Text{
		EN: "the output column of the upper bound; prediction is the lower one",
		ZH: "上界所在的输出列；prediction 为下界",
	}}
	qParam = ParamInfo{Name: "q", Default: 0.1, Range: [2]float64{1e-9, 1}, Doc: aihub.Text{
		EN: "the share of rows with the highest scores, rounded up; a tie across the cut gives its share",
		ZH: "得分最高的行所占比例，向上取整；截断处的并列按比例计入",
	}}
	binsParam = ParamInfo{Name: "bins", Default: 15.0, Range: [2]float64{1, 1000}, Whole: true, Doc: aihub.Text{
		EN: "bins of equal width", ZH: "等宽分箱数",
	}}
	costsParam = ParamInfo{
		Name: "costs", Default: "zero-one", Doc: aihub.Text{
			EN: `cost of each prediction, true classes by rows, e.g. "0,1;5,0"; zero-one: 1 for every mistake`,
			ZH: `每种预测的代价，行为真实类别，例如 "0,1;5,0"；zero-one 表示每个错误代价为 1`}}
	massParam = ParamInfo{Name: "bins", Default: 15.0, Range: [2]float64{1, 1000}, Whole: true, Doc: aihub.Text{
		EN: "bins of equally many rows; rows of equal confidence are divided", ZH: "行数相等的分箱数；置信度相同的行按比例分摊",
	}}
	kindParam = ParamInfo{Name: "kind", Default: "top_label", OneOf: []string{"top_label", "positive"}, Doc: aihub.Text{
		EN: "top_label: the largest probability; positive: that of the positive class (one column only)",
		ZH: "top_label：最大概率；positive：正类概率（仅限单列）",
	}}
	scaleParam = ParamInfo{Name: "scale", Default: 1.0, Range: [2]float64{1e-300, 1e300}, Required: true, Doc: aihub.Text{
		EN: "the error of the seasonal-naive forecast on the training series",
		ZH: "季节性朴素预测在训练序列上的误差",
	}}
)

func over(zh, en string, needs Needs, direction string, values [2]float64, params ...ParamInfo) MetricInfo {
	return MetricInfo{Title: aihub.Text{EN: en, ZH: zh}, Needs: needs, Direction: direction, Range: values, Params: params}
}

// varies marks a metric whose best value depends on the truth.
func (m MetricInfo) varies() MetricInfo { m.PerfectVaries = true; return m }

// skips marks a mean of which on_undefined can leave out parts.
func (m MetricInfo) skips() MetricInfo { m.Skips = true; return m }

// mean marks a metric that is the plain mean of what rows or units have in its range.
func (m MetricInfo) mean() MetricInfo { m.Mean = true; return m }

// classMetrics compare predicted classes.
var classMetrics = map[string]MetricInfo{
	"precision@1": over("精确率", "Precision", NeedsClass, "max", unit, averageParam, zeroParam).skips(),
	"recall@1":    over("召回率", "Recall", NeedsClass, "max", unit, averageParam, zeroParam).skips(),
	"jaccard@1":   over("Jaccard 指数", "Jaccard index", NeedsClass, "max", unit, averageParam, zeroParam).skips(),
	"fbeta@1": over("F-beta", "F-beta", NeedsClass, "max", unit, averageParam, zeroParam, ParamInfo{
		Name: "beta", Default: 2.0, Range: [2]float64{0.01, 100}, Doc: aihub.Text{EN: "how much more recall weighs than precision", ZH: "召回率相对精确率的权重"}}).skips(),
	"sensitivity@1":        over("正类召回率", "Recall of the positive class", NeedsClass, "max", unit, positiveParam),
	"specificity@1":        over("特异度", "Specificity", NeedsClass, "max", unit, positiveParam),
	"fpr@1":                over("假阳性率", "False positive rate", NeedsClass, "min", unit, positiveParam),
	"fnr@1":                over("假阴性率", "False negative rate", NeedsClass, "min", unit, positiveParam),
	"positive_precision@1": over("正类精确率", "Precision of the positive class", NeedsClass, "max", unit, positiveParam),
	"positive_f1@1":        over("正类 F1", "F1 of the positive class", NeedsClass, "max", unit, positiveParam),
	"kappa@1": over("Cohen κ 系数", "Cohen's kappa", NeedsClass, "max", [2]float64{math.Inf(-1), 1}, ParamInfo{
		Name: "weights", Default: "none", OneOf: []string{"none", "linear", "quadratic"}, Doc: aihub.Text{
			EN: "how far apart classes are, by their order in truth.classes", ZH: "按 truth.classes 中的顺序计算类别间距离的方式"}}),
	"abstain_cost@1": over("含弃权的期望代价", "Expected cost with abstentions", NeedsClass, "min", unbounded, costsParam, ParamInfo{
		Name: "abstain", Default: 0.5, Range: [2]float64{0, 1e12}, Required: true, Doc: aihub.Text{
			EN: "cost of a row that is answered with a class of the output column that is none of truth.classes; these come behind them there",
			ZH: "以输出列中 truth.classes 之外的类别作答（弃权）的代价；该类别须列在 truth.classes 之后"}}).varies(),
	"cost@1": over("期望代价", "Expected cost", NeedsClass, "min", unbounded, costsParam).varies(),
}

// rankedMetrics compare scores and probabilities of classes.
var rankedMetrics = map[string]MetricInfo{
	"average_precision@1": over("平均精确率 AP", "Average precision", NeedsScore, "max", unit, positiveParam),
	"ks@1":                over("KS 统计量", "KS statistic", NeedsScore, "max", unit, positiveParam),
	"gini@1":              over("基尼系数", "Gini coefficient", NeedsScore, "max", signed, positiveParam),
	"partial_auc@1": over("部分 AUC（McClish 标准化）", "Partial AUC (McClish)", NeedsScore, "max", unit, positiveParam, ParamInfo{
		Name: "max_fpr", Default: 0.1, Range: [2]float64{1e-6, 1}, Doc: aihub.Text{EN: "the false positive rate up to which the area counts", ZH: "计入面积的最大假阳性率"}}),
	"precision_at@1": over("前 q 精确率", "Precision at the top q", NeedsScore, "max", unit, positiveParam, qParam).varies(),
	"recall_at@1":    over("前 q 召回率", "Recall at the top q", NeedsScore, "max", unit, positiveParam, qParam).varies(),
	"lift@1":         over("前 q 提升度", "Lift at the top q", NeedsScore, "max", unbounded, positiveParam, qParam).varies(),
	"top_k@1": over("Top-k 准确率", "Top-k accuracy", NeedsProbability, "max", unit, columnsParam, positiveParam, ParamInfo{
		Name: "k", Default: 5.0, Range: [2]float64{1, 1000}, Whole: true, Doc: aihub.Text{EN: "how many of the best classes count", ZH: "计入的最佳类别数"}}).mean(),
	"roc_auc_multi@1": over("多分类 AUC", "Multiclass AUC", NeedsProbability, "max", unit, columnsParam, positiveParam, ParamInfo{
		Name: "average", Default: "ovr_macro", OneOf: []string{"ovr_macro", "ovr_weighted", "ovo_macro", "ovo_weighted"}, Doc: aihub.Text{
			EN: "each class against the rest (ovr) or each pair (ovo), plain or weighted by rows", ZH: "一对其余（ovr）或两两配对（ovo），等权或按行数加权"}}),
	"ece@1":           over("期望校准误差", "Expected calibration error", NeedsProbability, "min", unit, binsParam, columnsParam, kindParam, positiveParam),
	"ece_mass@1":      over("期望校准误差（等频分箱）", "Expected calibration error, equal mass", NeedsProbability, "min", unit, massParam, columnsParam, kindParam, positiveParam),
	"ece_classwise@1": over("逐类校准误差", "Calibration error, mean over classes", NeedsProbability, "min", unit, binsParam, columnsParam, positiveParam),
	"mce@1":           over("最大校准误差", "Maximum calibration error", NeedsProbability, "min", unit, binsParam, columnsParam, kindParam, positiveParam),
}

// numberMetrics compare numbers.
var numberMetrics = map[string]MetricInfo{
	"mape@1": over("平均绝对百分比误差", "Mean absolute percentage error", NeedsNumber, "min", unbounded, ParamInfo{
		Name: "eps", Default: 0.0, Range: [2]float64{0, 1e300}, Doc: aihub.Text{
			EN: "the least denominator; 0: a true 0 makes the metric undefined", ZH: "分母的下限；为 0 时真值为 0 则指标无定义"}}),
	"msle@1":  over("均方对数误差", "Mean squared log error", NeedsNumber, "min", unbounded).asks(NotNegative),
	"rmsle@1": over("均方根对数误差", "Root mean squared log error", NeedsNumber, "min", unbounded).asks(NotNegative),
	"mase@1":  over("平均绝对标度误差", "MASE", NeedsNumber, "min", unbounded, scaleParam),
	"rmsse@1": over("均方根标度误差", "RMSSE", NeedsNumber, "min", unbounded, scaleParam),
	"pinball@1": over("分位数损失", "Pinball loss", NeedsNumber, "min", unbounded, ParamInfo{
		Name: "quantile", Default: 0.5, Range: unit, Doc: aihub.Text{EN: "the quantile that is predicted", ZH: "所预测的分位数"}}),
	"interval_coverage@1": over("区间覆盖率", "Interval coverage", NeedsNumber, "max", unit, upperParam).asks(Ordered).mean(),
	"interval_width@1":    over("区间平均宽度", "Mean interval width", NeedsNumber, "min", unbounded, upperParam).asks(Ordered),
	"winkler@1": over("Winkler 区间得分", "Winkler interval score", NeedsNumber, "min", unbounded, upperParam, ParamInfo{
		Name: "alpha", Default: 0.1, Range: [2]float64{1e-6, 1}, Doc: aihub.Text{EN: "the interval's level is 1 - alpha", ZH: "区间水平为 1 - alpha"}}).asks(Ordered),
	"explained_variance@1": over("可解释方差", "Explained variance", NeedsNumber, "max", [2]float64{math.Inf(-1), 1}),
	"max_error@1":          over("最大误差", "Maximum error", NeedsNumber, "min", unbounded),
	"pearson@1":            over("皮尔逊相关系数", "Pearson correlation", NeedsNumber, "max", signed),
	"spearman@1":           over("斯皮尔曼等级相关", "Spearman rank correlation", NeedsNumber, "max", signed),
	"kendall@1":            over("肯德尔 τ-b", "Kendall's tau-b", NeedsNumber, "max", signed),
	"poisson_deviance@1":   over("泊松偏差", "Mean Poisson deviance", NeedsNumber, "min", unbounded).asks(NotNegative),
	"gamma_deviance@1":     over("伽马偏差", "Mean gamma deviance", NeedsNumber, "min", unbounded).asks(Positive),
	"tweedie_deviance@1": over("Tweedie 偏差", "Mean Tweedie deviance", NeedsNumber, "min", unbounded, ParamInfo{
		Name: "power", Default: 1.5, Range: [2]float64{1.01, 1.99}, Doc: aihub.Text{EN: "between Poisson's 1 and gamma's 2", ZH: "介于泊松的 1 与伽马的 2 之间"}}).asks(NotNegative),
}
