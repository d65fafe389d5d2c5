package scenarios

import "math"

// More kinds of units.
const (
	NeedsSeries        Needs = "series"        // forecasts of a series, with its past
	NeedsDistributions Needs = "distributions" // a distribution forecast for a number
	NeedsSurvival      Needs = "survival"      // how long something lasted, and how risky it was said to be
	NeedsShapes        Needs = "shapes"        // the class of every pixel or voxel, with their size
	NeedsPictures      Needs = "pictures"      // values of pixels
	NeedsProbes        Needs = "probes"        // gallery images ranked for a probe
	NeedsGenerated     Needs = "generated"     // texts that were written, alone
	NeedsWords         Needs = "words"         // texts cut into words
	NeedsLikelihoods   Needs = "likelihoods"   // how likely a model found a text
	NeedsTerms         Needs = "terms"         // detections of terms in speech
	NeedsSignals       Needs = "signals"       // sound, sample by sample
	NeedsTimings       Needs = "timings"       // how long requests took
	NeedsSlices        Needs = "slices"        // a value of something in a slice
)

// m5Levels are the levels of the M5 competition's quantiles.
const m5Levels = "0.005,0.025,0.165,0.25,0.5,0.75,0.835,0.975,0.995"

var (
	periodParam    = whole(number("period", "the season of the naive forecast, in steps", "朴素预测的季节周期（步数）", 1, 1, 1e6))
	horizonParam   = whole(number("horizon", "how many steps are forecast; of all metrics of series the same", "预测的步数；各序列指标须一致", 1, 1, 10_000))
	levelsParam    = text("levels", "the quantiles that are forecast, with commas, rising; M5's nine by default", "所预测的分位数，以逗号分隔、递增；默认为 M5 的九个", m5Levels)
	byParam        = text("by", "levels that weigh alike, with ; between, each the ids of a cell by which series are summed up, with commas; total sums all, series none", "等权的汇总层级，以 ; 分隔，各层为单元格中用于求和的标识，以逗号分隔；total 全部求和，series 不求和", "series")
	estimatorParam = text("estimator", "fair: unbiased for the spread of the members; biased: as if they were the whole distribution", "fair：对集合离散度无偏；biased：视集合为完整分布", "fair", "fair", "biased")
	maskParams     = []ParamInfo{
		whole(number("class", "the class that is measured", "所度量的类别", 1, 0, 999)),
		number("missing", "the distance when only one side holds it, in units of the spacing", "仅一侧存在该类别时的距离（以间距为单位）", 1000, 0, 1e12),
	}
	frequencyParam = text("frequency", "a letter for each class: r rare, c common, f frequent", "每个类别一个字母：r 稀有、c 普通、f 常见", "")
	sigmasParam    = text("sigmas", "a width for each point, with commas; coco: those of its 17", "各关键点的宽度，以逗号分隔；coco 为其 17 点", "coco")
	trialParams    = []ParamInfo{
		number("p_target", "how likely a target is", "目标先验概率", 0.01, 1e-6, 0.999999),
		number("c_miss", "cost of a miss", "漏检代价", 1, 1e-6, 1e6), number("c_fa", "cost of a false alarm", "误报代价", 1, 1e-6, 1e6),
	}
	termParams      = []ParamInfo{number("beta", "how much more a false alarm weighs than a miss", "误报相对漏检的权重", 999.9, 0, 1e6)}
	gramParam       = whole(number("n", "length of the runs of tokens", "词元组长度", 2, 1, 10))
	topParam        = number("cap", "decibels of what has no error", "无误差时的分贝数", 100, 0, 1000)
	quantParam      = number("q", "the share of requests that are at most so slow; nearest rank", "耗时不超过该值的请求比例，最近秩", 0.99, 1e-6, 1)
	warmupParam     = whole(number("warmup", "the first requests of each worker that do not count", "每个工作进程最初不计入的请求数", 0, 0, 1e9))
	mediaParam      = text("media", "the column of the dataset that says how many seconds each row's sound or film has", "数据集中给出各行声音或影片秒数的列", "")
	categoriesParam = required(whole(number("categories", "how many categories there are; ratings are 0 and on", "类别数；评级从 0 起", 2, 2, 1000)))
	decibels        = [2]float64{math.Inf(-1), 1000}
	sliceRight      = text("value", "what the mean of a slice is of: right: 1 where both are the same; predicted: what was said", "切片均值的对象：right 相同计 1；predicted 预测值", "right", "right", "predicted")
	sliceError      = text("value", "what the mean of a slice is of: the absolute or squared error; predicted: what was said", "切片均值的对象：absolute 绝对误差，squared 平方误差；predicted 预测值", "absolute", "absolute", "squared", "predicted")
	sliceAny        = text("value", "what the mean of a slice is of: right: 1 where both are the same; the absolute or squared error; predicted: what was said", "切片均值的对象：right 相同计 1；absolute、squared 误差；predicted 预测值", "right", "right", "absolute", "squared", "predicted")
	passageParam    = text("tokenize", "how text is cut; han for Chinese", "分词方式；中文用 han", "han", "han", "word", "char", "space")
)

// moreMetrics are the rarer ones.
var moreMetrics = map[string]MetricInfo{
	"series_mase@1":   over("多序列 MASE", "MASE of series", NeedsSeries, "min", unbounded, horizonParam, periodParam).skips(),
	"series_smape@1":  over("多序列 sMAPE（M4，0–200）", "sMAPE of series (M4, 0–200)", NeedsSeries, "min", [2]float64{0, 200}, horizonParam).mean(),
	"series_rmsse@1":  over("多序列 RMSSE", "RMSSE of series", NeedsSeries, "min", unbounded, horizonParam).skips(),
	"owa@1":           over("M4 综合加权平均 OWA", "OWA (M4)", NeedsSeries, "min", unbounded, horizonParam, periodParam).skips(),
	"wrmsse@1":        over("加权 RMSSE（M5）", "WRMSSE (M5)", NeedsSeries, "min", unbounded, horizonParam, byParam).skips(),
	"wspl@1":          over("加权缩放分位数损失 WSPL（M5）", "WSPL (M5)", NeedsSeries, "min", unbounded, horizonParam, levelsParam).skips(),
	"crps_ensemble@1": over("集合预报 CRPS", "CRPS of an ensemble", NeedsDistributions, "min", [2]float64{math.Inf(-1), math.Inf(1)}, estimatorParam).varies(),
	"crps_quantile@1": over("分位数 CRPS", "CRPS from quantiles", NeedsDistributions, "min", unbounded, levelsParam),
	"crps_gaussian@1": over("正态 CRPS", "CRPS of a normal distribution", NeedsDistributions, "min", unbounded).varies(),
	"c_index@1":       over("一致性指数（Harrell）", "Concordance index (Harrell)", NeedsSurvival, "max", unit),

	"voc_ap@1": over("VOC 平均精度", "VOC AP", NeedsObjects, "max", unit,
		text("points", "eleven: mean of 11 recalls; all: the area", "eleven：11 个召回点的平均；all：曲线下面积", "all", "all", "eleven"),
		number("iou_threshold", "the overlap that a detection needs", "判为命中的最低重叠", 0.5, 0.01, 1),
		text("plus_one", "yes: sides are a pixel longer, as in the devkit", "yes：边长加一像素，与官方工具相同", "yes", "yes", "no")),
	"lvis_ap@1":          over("LVIS AP", "LVIS AP", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap50@1":        over("LVIS AP50", "LVIS AP50", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap75@1":        over("LVIS AP75", "LVIS AP75", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap_small@1":    over("LVIS AP（小目标）", "LVIS AP, small", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap_medium@1":   over("LVIS AP（中目标）", "LVIS AP, medium", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap_large@1":    over("LVIS AP（大目标）", "LVIS AP, large", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap_rare@1":     over("LVIS AP（稀有类别）", "LVIS AP, rare", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap_common@1":   over("LVIS AP（普通类别）", "LVIS AP, common", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ap_frequent@1": over("LVIS AP（常见类别）", "LVIS AP, frequent", NeedsObjects, "max", unit, iouParam, frequencyParam),
	"lvis_ar300@1":       over("LVIS AR@300", "LVIS AR@300", NeedsObjects, "max", unit, iouParam, frequencyParam).varies(),
	"oks_ap@1":           over("关键点 AP", "Keypoint AP", NeedsObjects, "max", unit, sigmasParam),
	"oks_ap50@1":         over("关键点 AP50", "Keypoint AP50", NeedsObjects, "max", unit, sigmasParam),
	"oks_ap75@1":         over("关键点 AP75", "Keypoint AP75", NeedsObjects, "max", unit, sigmasParam),
	"oks_ap_medium@1":    over("关键点 AP（中目标）", "Keypoint AP, medium", NeedsObjects, "max", unit, sigmasParam),
	"oks_ap_large@1":     over("关键点 AP（大目标）", "Keypoint AP, large", NeedsObjects, "max", unit, sigmasParam),
	"oks_ar@1":           over("关键点 AR", "Keypoint AR", NeedsObjects, "max", unit, sigmasParam).varies(),
	"hausdorff95@1":      over("95% Hausdorff 距离", "95 % Hausdorff distance", NeedsShapes, "min", unbounded, maskParams...),
	"assd@1":             over("平均对称表面距离", "Average symmetric surface distance", NeedsShapes, "min", unbounded, maskParams...),
	"boundary_iou@1": over("边界交并比", "Boundary IoU", NeedsShapes, "max", unit, maskParams[0],
		number("ratio", "width of the boundary over the diagonal of the image", "边界宽度与图像对角线之比", 0.02, 1e-6, 1)),
	"psnr@1":           over("峰值信噪比", "PSNR", NeedsPictures, "max", decibels, required(number("range", "the largest value less the smallest", "取值范围", 255, 1e-300, 1e300)), topParam).varies(),
	"ssim@1":           over("结构相似性 SSIM", "SSIM", NeedsPictures, "max", signed, required(number("range", "the largest value less the smallest", "取值范围", 255, 1e-300, 1e300))).mean(),
	"cmc@1":            over("累积匹配特性 CMC", "CMC rank-k", NeedsProbes, "max", unit, whole(number("k", "how many of the first images count", "计入的前若干张图像", 1, 1, 1e6))),
	"minp@1":           over("平均逆负惩罚 mINP", "mINP", NeedsProbes, "max", unit),
	"reid_map@1":       over("重识别 mAP", "Re-identification mAP", NeedsProbes, "max", unit),
	"label_map@1":      over("多标签 mAP", "Multilabel mAP", NeedsLabels, "max", unit),
	"mostly_lost@1":    over("大部分丢失比例", "Mostly lost", NeedsTracks, "min", unit),
	"partly_tracked@1": over("部分跟踪比例", "Partly tracked", NeedsTracks, "min", unit).varies(),

	"link_amr@1":           over("调整平均名次 AMR", "Adjusted mean rank", NeedsLinks, "min", [2]float64{0, math.Inf(1)}, linkParams...).varies(),
	"link_median_rank@1":   over("链接预测名次中位数", "Link prediction median rank", NeedsLinks, "min", [2]float64{1, math.Inf(1)}, linkParams...),
	"link_adjusted_hits@1": over("调整 Hits@k", "Adjusted Hits@k", NeedsLinks, "max", [2]float64{math.Inf(-1), 1}, linkParams...),
	"link_adjusted_mrr@1":  over("调整 MRR", "Adjusted MRR", NeedsLinks, "max", [2]float64{math.Inf(-1), 1}, linkParams...),
	"link_mrr_strata@1":    over("按关系类型平均的 MRR", "MRR, mean over strata", NeedsLinks, "max", unit, linkParams...),
	"link_hits_strata@1":   over("按关系类型平均的 Hits@k", "Hits@k, mean over strata", NeedsLinks, "max", unit, linkParams...),
	"conll_f1@1":           over("CoNLL 共指平均 F1", "CoNLL average F1", NeedsClusters, "max", unit),

	"span_relaxed_f1@1": over("宽松实体 F1（SemEval-13）", "Relaxed span F1 (SemEval-13)", NeedsSpans, "max", unit,
		text("scheme", "what must agree: strict: ends and type; exact: ends; partial: half for an overlap; type: type and an overlap", "须一致的内容：strict 边界与类型；exact 边界；partial 重叠计一半；type 类型且有重叠", "partial", "strict", "exact", "partial", "type"),
		text("value", "f1, precision or recall", "f1、precision 或 recall", "f1", "f1", "precision", "recall")),
	"ter@1": over("翻译编辑率 TER", "TER", NeedsPassages, "min", unbounded, text("tokenize", "how text is cut; han for Chinese", "分词方式；中文用 han", "han", "han", "char", "space"),
		text("case", "lower: upper case does not matter", "lower：忽略大小写", "lower", "lower", "keep")),
	"rouge_lsum@1":              over("ROUGE-Lsum", "ROUGE-Lsum", NeedsPassages, "max", unit, passageParam).mean(),
	"distinct_n@1":              over("distinct-n", "distinct-n", NeedsGenerated, "max", unit, gramParam, passageParam).varies(),
	"self_bleu@1":               over("self-BLEU", "Self-BLEU", NeedsGenerated, "min", hundred, passageParam).varies(),
	"err@1":                     over("期望倒数排名 ERR", "Expected reciprocal rank", NeedsRuns, "max", unit, cutParam, required(whole(number("max_grade", "the highest grade of relevance", "相关度的最高等级", 4, 1, 30)))).varies().mean(),
	"rbp@1":                     over("秩偏精度 RBP", "Rank-biased precision", NeedsRuns, "max", unit, number("persistence", "how likely a reader goes on to the next", "读者继续阅读下一篇的概率", 0.8, 0.01, 0.99)).varies().mean(),
	"bits_per_byte@1":           over("每字节比特数", "Bits per byte", NeedsLikelihoods, "min", unbounded),
	"perplexity@1":              over("困惑度", "Perplexity", NeedsLikelihoods, "min", [2]float64{1, math.Inf(1)}),
	"segmentation_f1@1":         over("分词 F1（SIGHAN）", "Word segmentation F1 (SIGHAN)", NeedsWords, "max", unit),
	"segmentation_precision@1":  over("分词精确率", "Word segmentation precision", NeedsWords, "max", unit),
	"segmentation_recall@1":     over("分词召回率", "Word segmentation recall", NeedsWords, "max", unit),
	"segmentation_oov_recall@1": over("未登录词召回率", "Recall of unknown words", NeedsWords, "max", unit),
	"segmentation_iv_recall@1":  over("登录词召回率", "Recall of known words", NeedsWords, "max", unit),

	"atwv@1":    over("实际词项加权值 ATWV", "Actual term-weighted value", NeedsTerms, "max", [2]float64{math.Inf(-1), 1}, termParams...),
	"mtwv@1":    over("最大词项加权值 MTWV", "Maximum term-weighted value", NeedsTerms, "max", unit, termParams...),
	"jer@1":     over("Jaccard 错误率 JER", "Jaccard error rate", NeedsTurns, "min", unit, collarParam, overlapParam),
	"act_dcf@1": over("实际检测代价", "Actual detection cost", NeedsTrials, "min", unbounded, trialParams...),
	"cllr@1":    over("对数似然比代价 Cllr", "Cost of log-likelihood ratios", NeedsTrials, "min", unbounded),
	"si_sdr@1":  over("尺度不变信噪比 SI-SDR", "SI-SDR", NeedsSignals, "max", decibels, topParam, text("mean", "zero: both sides are centred first", "zero：两侧先减去均值", "zero", "zero", "keep")).varies(),

	"krippendorff@1": over("Krippendorff α 系数", "Krippendorff's alpha", NeedsRatings, "max", [2]float64{math.Inf(-1), 1},
		text("level", "what ratings are: names, an order, numbers with a difference, numbers with a ratio", "评级的尺度：名义、顺序、等距、等比", "nominal", "nominal", "ordinal", "interval", "ratio")).varies(),
	"icc@1": over("组内相关系数 ICC", "Intraclass correlation", NeedsRatings, "max", [2]float64{math.Inf(-1), 1},
		whole(number("form", "of Shrout and Fleiss: 1, other raters for each thing; 2, raters drawn from many; 3, these raters", "Shrout–Fleiss 形式：1 每件由不同评审；2 评审为随机样本；3 固定评审", 2, 1, 3)),
		text("average", "yes: of the mean of all raters, not of one", "yes：全部评审的均值，而非单个评审", "no", "no", "yes")).varies(),
	"fleiss@1":    over("Fleiss κ 系数", "Fleiss' kappa", NeedsRatings, "max", signed, categoriesParam).varies(),
	"gwet_ac1@1":  over("Gwet AC1 系数", "Gwet's AC1", NeedsRatings, "max", signed, categoriesParam).varies(),
	"kendall_w@1": over("Kendall 和谐系数 W", "Kendall's W", NeedsRatings, "max", unit).varies(),

	"latency@1":         over("延迟百分位", "Latency percentile", NeedsTimings, "min", unbounded, quantParam, warmupParam).varies(),
	"throughput@1":      over("吞吐量（每秒）", "Throughput, a second", NeedsTimings, "max", unbounded, warmupParam).varies(),
	"rtf@1":             over("实时率 RTF", "Real-time factor", NeedsTimings, "min", unbounded, warmupParam, mediaParam).varies(),
	"worst_slice_max@1": over("最差切片（越大越好）", "Worst slice, larger is better", NeedsSlices, "max", [2]float64{math.Inf(-1), math.Inf(1)}, groupParam, sliceRight).varies(),
	"worst_slice_min@1": over("最差切片（越小越好）", "Worst slice, smaller is better", NeedsSlices, "min", [2]float64{math.Inf(-1), math.Inf(1)}, groupParam, sliceError).varies(),
	"slice_gap@1":       over("切片差距", "Gap between slices", NeedsSlices, "min", unbounded, groupParam, sliceAny).varies(),
}
