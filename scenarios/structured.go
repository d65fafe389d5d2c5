package scenarios

import (
	"maps"
	"math"

	"aihub"
)

// What a metric of units reads, in place of a column: the shape of one unit,
// which its package in evaluator/metric defines.
const (
	NeedsUtterances Needs = "utterances" // texts that were said and recognised
	NeedsTurns      Needs = "turns"      // who speaks when
	NeedsTrials     Needs = "trials"     // scored comparisons of targets and others
	NeedsPassages   Needs = "passages"   // texts that were written, with references
	NeedsSpans      Needs = "spans"      // typed stretches of texts
	NeedsAnswers    Needs = "answers"    // answers to questions, with right ones
	NeedsSolutions  Needs = "solutions"  // how many of n solutions of a task are right
	NeedsRuns       Needs = "runs"       // documents ranked for queries
	NeedsLabels     Needs = "labels"     // sets of labels, or scores of all labels
	NeedsLinks      Needs = "links"      // scores of the candidates for a link
	NeedsClusters   Needs = "clusters"   // the cluster of every item
	NeedsObjects    Needs = "objects"    // boxes or masks in images
	NeedsPixels     Needs = "pixels"     // the class of every pixel
	NeedsSegments   Needs = "segments"   // the segment of every pixel
	NeedsTracks     Needs = "tracks"     // boxes with ids, frame by frame
	NeedsRatings    Needs = "ratings"    // what people and the algorithm rated a thing
	NeedsDecisions  Needs = "decisions"  // yes or no for members of groups
)

func text(name, en, zh, value string, oneOf ...string) ParamInfo {
	return ParamInfo{Name: name, Default: value, OneOf: oneOf, Doc: aihub.Text{EN: en, ZH: zh}}
}

func number(name, en, zh string, value, least, most float64) ParamInfo {
	return ParamInfo{Name: name, Default: value, Range: [2]float64{least, most}, Doc: aihub.Text{EN: en, ZH: zh}}
}

func whole(p ParamInfo) ParamInfo    { p.Whole = true; return p }
func required(p ParamInfo) ParamInfo { p.Required = true; return p }

var (
	hundred = [2]float64{0, 100}

	normalizeParam = text("normalize", "nfkc: compatibility forms, full width to half", "nfkc：兼容形式归一，全角转半角", "nfkc", "nfkc", "none")
	caseParam      = text("case", "lower: upper case does not matter", "lower：忽略大小写", "lower", "lower", "keep")
	punctParam     = text("punctuation", "strip: punctuation and symbols go", "strip：去除标点与符号", "strip", "strip", "keep")
	alignParam     = text("align", "sclite: the weights of NIST's tool", "sclite：采用 NIST 工具的权重", "levenshtein", "levenshtein", "sclite")
	unitsParam     = text("units", "what counts as a token", "计为一个词元的单位", "words", "words", "chars", "mixed")
	collarParam    = number("collar", "seconds on either side of each true boundary that are not scored", "每个真实边界两侧不计分的秒数", 0, 0, 10)
	overlapParam   = text("overlap", "skip: where true speakers overlap is not scored", "skip：多人同时说话处不计分", "score", "score", "skip")
	tokenizeParam  = text("tokenize", "how text is cut; zh and han for Chinese", "分词方式；中文用 zh 或 han", "zh", "zh", "13a", "han", "char", "space", "word")
	cutParam       = whole(number("k", "how many of the first documents count", "计入的前若干篇文档", 10, 1, 1e6))
	linkParams     = []ParamInfo{
		whole(number("k", "the rank that counts as a hit", "计为命中的名次", 10, 1, 1e9)),
		text("ties", "where candidates of equal score stand", "同分候选的排位方式", "realistic", "realistic", "optimistic", "pessimistic"),
	}
	iouParam     = text("iou", "what overlaps: boxes or masks", "以框或掩码计算重叠", "bbox", "bbox", "segm")
	classesParam = required(whole(number("classes", "how many classes there are", "类别数", 2, 1, 1000)))
	answerParam  = text("units", "mixed: Han characters and words, for Chinese; cmrc: as CMRC 2018's script, F1 of the longest common run", "mixed：汉字与词，用于中文；cmrc：与 CMRC 2018 脚本相同，按最长公共连续片段计 F1", "mixed", "mixed", "words", "cmrc")
	shownParam   = whole(number("k", "how many solutions one may show", "可提交的解答数", 1, 1, 1e4))
	groupParam   = whole(number("min_n", "smaller groups are left out", "小于此规模的群体不计入", 100, 1, 1e9))
)

// UnitMetrics are the metrics of units, by name@version. Packages below
// evaluator/metric compute them. A unit is a pair of texts, one of the truth and one
// of the predictions, or what a run took. They are KnownMetrics, too.
var UnitMetrics = func() map[string]MetricInfo {
	all := maps.Clone(fieldMetrics)
	maps.Copy(all, moreMetrics)
	return all
}()

// fieldMetrics are the common ones of each field.
var fieldMetrics = map[string]MetricInfo{
	"cer@1":              over("字错误率 CER", "Character error rate", NeedsUtterances, "min", unbounded, normalizeParam, caseParam, punctParam, alignParam),
	"wer@1":              over("词错误率 WER", "Word error rate", NeedsUtterances, "min", unbounded, normalizeParam, caseParam, punctParam, alignParam),
	"cer_sub@1":          over("字错误率：替换", "Character error rate, substitutions", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, alignParam),
	"cer_del@1":          over("字错误率：删除", "Character error rate, deletions", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, alignParam),
	"cer_ins@1":          over("字错误率：插入", "Character error rate, insertions", NeedsUtterances, "min", unbounded, normalizeParam, caseParam, punctParam, alignParam),
	"wer_sub@1":          over("词错误率：替换", "Word error rate, substitutions", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, alignParam),
	"wer_del@1":          over("词错误率：删除", "Word error rate, deletions", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, alignParam),
	"wer_ins@1":          over("词错误率：插入", "Word error rate, insertions", NeedsUtterances, "min", unbounded, normalizeParam, caseParam, punctParam, alignParam),
	"mixed_error_rate@1": over("中英混合错误率", "Mixed error rate (Han characters, words)", NeedsUtterances, "min", unbounded, normalizeParam, caseParam, punctParam, alignParam),
	"mer@1":              over("匹配错误率", "Match error rate", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, unitsParam, alignParam),
	"wil@1":              over("词信息损失", "Word information lost", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, unitsParam, alignParam),
	"wip@1":              over("词信息保留", "Word information preserved", NeedsUtterances, "max", unit, normalizeParam, caseParam, punctParam, unitsParam, alignParam),
	"ser@1":              over("句错误率", "Sentence error rate", NeedsUtterances, "min", unit, normalizeParam, caseParam, punctParam, unitsParam).mean(),
	"der@1":              over("说话人日志错误率 DER", "Diarisation error rate", NeedsTurns, "min", unbounded, collarParam, overlapParam),
	"der_missed@1":       over("漏检时长率", "Missed speech", NeedsTurns, "min", unbounded, collarParam, overlapParam),
	"der_false_alarm@1":  over("误检时长率", "False alarm speech", NeedsTurns, "min", unbounded, collarParam, overlapParam),
	"der_confusion@1":    over("说话人混淆率", "Speaker confusion", NeedsTurns, "min", unbounded, collarParam, overlapParam),
	"eer@1":              over("等错误率 EER", "Equal error rate", NeedsTrials, "min", unit),
	"min_dcf@1": over("最小检测代价", "Minimum detection cost", NeedsTrials, "min", unit,
		number("p_target", "how likely a target is", "目标先验概率", 0.01, 1e-6, 0.999999), number("c_miss", "cost of a miss", "漏检代价", 1, 1e-6, 1e6), number("c_fa", "cost of a false alarm", "误报代价", 1, 1e-6, 1e6)),
	"kws_frr@1": over("给定误唤醒率下的拒识率", "False rejects at a rate of false alarms", NeedsTrials, "min", unit, number("fa_per_hour", "false alarms allowed in an hour of audio", "每小时允许的误报次数", 1, 0, 1e6)),

	"bleu@1": over("BLEU", "BLEU", NeedsPassages, "max", hundred, tokenizeParam,
		text("smooth", "exp: a precision of 0 counts as half of the least, then a quarter…", "exp：为零的精度按最小值的一半、四分之一……计", "exp", "exp", "none"),
		text("effective_order", "yes: texts without 4-grams are measured by what they have", "yes：没有四元组的文本按现有阶数计算", "no", "no", "yes")),
	"chrf@1": over("chrF", "chrF", NeedsPassages, "max", hundred, whole(number("char_order", "longest run of characters", "最长字符元组", 6, 1, 10)),
		whole(number("word_order", "longest run of words; 2 is chrF++", "最长词元组；2 即 chrF++", 0, 0, 4)), number("beta", "how much more recall weighs", "召回率的权重", 2, 0.1, 10)),
	"rouge1@1":  over("ROUGE-1", "ROUGE-1", NeedsPassages, "max", unit, text("tokenize", "how text is cut; han for Chinese", "分词方式；中文用 han", "han", "han", "word", "char", "space")).mean(),
	"rouge2@1":  over("ROUGE-2", "ROUGE-2", NeedsPassages, "max", unit, text("tokenize", "how text is cut; han for Chinese", "分词方式；中文用 han", "han", "han", "word", "char", "space")).mean(),
	"rouge_l@1": over("ROUGE-L", "ROUGE-L", NeedsPassages, "max", unit, text("tokenize", "how text is cut; han for Chinese", "分词方式；中文用 han", "han", "han", "word", "char", "space")).mean(),
	"span_f1@1": over("实体 F1", "Span F1", NeedsSpans, "max", unit, text("average", "macro: mean over the declared types", "macro：对声明的类型取平均", "micro", "micro", "macro", "precision", "recall"),
		text("types", "the types, with commas; macro needs them", "类型列表，以逗号分隔；macro 需要", "")),
	"qa_em@1": over("问答精确匹配", "Answer exact match", NeedsAnswers, "max", unit, answerParam).mean(),
	"qa_f1@1": over("问答 F1", "Answer F1", NeedsAnswers, "max", unit, answerParam).mean(),
	"pass_at_k@1": over("pass@k", "pass@k", NeedsSolutions, "max", unit,
		shownParam).mean(),

	"ndcg@1": over("nDCG@k", "nDCG@k", NeedsRuns, "max", unit, whole(number("k", "how many of the first documents count; 0: all", "计入的前若干篇文档；0 为全部", 10, 0, 1e6)),
		text("gain", "exponential: 2^relevance - 1", "exponential：2^相关度 - 1", "linear", "linear", "exponential")).mean(),
	"map@1":                   over("平均精度均值 MAP", "Mean average precision", NeedsRuns, "max", unit).mean(),
	"mrr@1":                   over("平均倒数排名 MRR", "Mean reciprocal rank", NeedsRuns, "max", unit).mean(),
	"r_precision@1":           over("R-精确率", "R-precision", NeedsRuns, "max", unit).mean(),
	"bpref@1":                 over("bpref", "bpref", NeedsRuns, "max", unit).mean(),
	"precision_at_k@1":        over("前 k 精确率", "Precision at k", NeedsRuns, "max", unit, cutParam).varies().mean(),
	"recall_at_k@1":           over("前 k 召回率", "Recall at k", NeedsRuns, "max", unit, cutParam).varies().mean(),
	"success_at_k@1":          over("前 k 命中率", "Success at k", NeedsRuns, "max", unit, cutParam).mean(),
	"hamming_loss@1":          over("汉明损失", "Hamming loss", NeedsLabels, "min", unit),
	"subset_accuracy@1":       over("子集准确率", "Subset accuracy", NeedsLabels, "max", unit).mean(),
	"multilabel_jaccard@1":    over("多标签 Jaccard", "Multilabel Jaccard", NeedsLabels, "max", unit).mean(),
	"lrap@1":                  over("标签排序平均精度", "Label ranking average precision", NeedsLabels, "max", unit).mean(),
	"coverage_error@1":        over("覆盖误差", "Coverage error", NeedsLabels, "min", unbounded).varies(),
	"label_ranking_loss@1":    over("标签排序损失", "Label ranking loss", NeedsLabels, "min", unit).mean(),
	"link_mrr@1":              over("链接预测 MRR", "Link prediction MRR", NeedsLinks, "max", unit, linkParams...).mean(),
	"link_hits@1":             over("链接预测 Hits@k", "Link prediction Hits@k", NeedsLinks, "max", unit, linkParams...).mean(),
	"link_mr@1":               over("链接预测平均名次", "Link prediction mean rank", NeedsLinks, "min", [2]float64{1, math.Inf(1)}, linkParams...),
	"link_gmr@1":              over("链接预测几何平均名次", "Link prediction geometric mean rank", NeedsLinks, "min", [2]float64{1, math.Inf(1)}, linkParams...),
	"link_amri@1":             over("调整平均名次指数 AMRI", "Adjusted mean rank index", NeedsLinks, "max", signed, linkParams...),
	"er_pairwise_f1@1":        over("实体消解成对 F1", "Pairwise F1", NeedsClusters, "max", unit),
	"er_pairwise_precision@1": over("实体消解成对精确率", "Pairwise precision", NeedsClusters, "max", unit),
	"er_pairwise_recall@1":    over("实体消解成对召回率", "Pairwise recall", NeedsClusters, "max", unit),
	"b_cubed_f1@1":            over("B³ F1", "B-cubed F1", NeedsClusters, "max", unit),
	"ceaf_e_f1@1":             over("CEAF-e F1", "CEAF-e F1", NeedsClusters, "max", unit),
	"muc_f1@1":                over("MUC F1", "MUC F1", NeedsClusters, "max", unit),
	"ari@1":                   over("调整兰德指数", "Adjusted Rand index", NeedsClusters, "max", signed),
	"nmi@1":                   over("归一化互信息", "Normalised mutual information", NeedsClusters, "max", unit),
	"ami@1":                   over("调整互信息", "Adjusted mutual information", NeedsClusters, "max", [2]float64{math.Inf(-1), 1}),
	"v_measure@1":             over("V-measure", "V-measure", NeedsClusters, "max", unit),
	"homogeneity@1":           over("同质性", "Homogeneity", NeedsClusters, "max", unit),
	"completeness@1":          over("完整性", "Completeness", NeedsClusters, "max", unit),

	"coco_ap@1":        over("COCO AP", "COCO AP", NeedsObjects, "max", unit, iouParam),
	"coco_ap50@1":      over("COCO AP50", "COCO AP50", NeedsObjects, "max", unit, iouParam),
	"coco_ap75@1":      over("COCO AP75", "COCO AP75", NeedsObjects, "max", unit, iouParam),
	"coco_ap_small@1":  over("COCO AP（小目标）", "COCO AP, small", NeedsObjects, "max", unit, iouParam),
	"coco_ap_medium@1": over("COCO AP（中目标）", "COCO AP, medium", NeedsObjects, "max", unit, iouParam),
	"coco_ap_large@1":  over("COCO AP（大目标）", "COCO AP, large", NeedsObjects, "max", unit, iouParam),
	"coco_ar1@1":       over("COCO AR@1", "COCO AR@1", NeedsObjects, "max", unit, iouParam).varies(),
	"coco_ar10@1":      over("COCO AR@10", "COCO AR@10", NeedsObjects, "max", unit, iouParam).varies(),
	"coco_ar100@1":     over("COCO AR@100", "COCO AR@100", NeedsObjects, "max", unit, iouParam).varies(),
	"coco_ar_small@1":  over("COCO AR（小目标）", "COCO AR, small", NeedsObjects, "max", unit, iouParam).varies(),
	"coco_ar_medium@1": over("COCO AR（中目标）", "COCO AR, medium", NeedsObjects, "max", unit, iouParam).varies(),
	"coco_ar_large@1":  over("COCO AR（大目标）", "COCO AR, large", NeedsObjects, "max", unit, iouParam).varies(),
	"miou@1":           over("平均交并比 mIoU", "Mean IoU", NeedsPixels, "max", unit, classesParam),
	"fw_iou@1":         over("频率加权交并比", "Frequency-weighted IoU", NeedsPixels, "max", unit, classesParam),
	"pixel_accuracy@1": over("像素准确率", "Pixel accuracy", NeedsPixels, "max", unit, classesParam),
	"mean_dice@1":      over("平均 Dice", "Mean Dice", NeedsPixels, "max", unit, classesParam),
	"dice_per_case@1": over("逐例 Dice", "Dice per case", NeedsPixels, "max", unit, whole(number("class", "the class that is measured", "所度量的类别", 1, 0, 999)),
		text("empty", "an image without it on either side: counts 1, or is left out", "两侧均无该类别的图像：计 1 或不计", "one", "one", "skip")).mean(),
	"panoptic_pq@1": over("全景质量 PQ", "Panoptic quality", NeedsSegments, "max", unit, classesParam),
	"panoptic_sq@1": over("分割质量 SQ", "Segmentation quality", NeedsSegments, "max", unit, classesParam),
	"panoptic_rq@1": over("识别质量 RQ", "Recognition quality", NeedsSegments, "max", unit, classesParam),

	"hota@1":           over("HOTA", "HOTA", NeedsTracks, "max", unit),
	"deta@1":           over("检测准确度 DetA", "Detection accuracy (HOTA)", NeedsTracks, "max", unit),
	"assa@1":           over("关联准确度 AssA", "Association accuracy (HOTA)", NeedsTracks, "max", unit),
	"loca@1":           over("定位准确度 LocA", "Localisation accuracy (HOTA)", NeedsTracks, "max", unit),
	"mota@1":           over("MOTA", "MOTA", NeedsTracks, "max", [2]float64{math.Inf(-1), 1}),
	"motp@1":           over("MOTP", "MOTP", NeedsTracks, "max", unit),
	"idsw@1":           over("身份切换次数", "Identity switches", NeedsTracks, "min", unbounded),
	"idf1@1":           over("IDF1", "IDF1", NeedsTracks, "max", unit),
	"idp@1":            over("IDP", "Identity precision", NeedsTracks, "max", unit),
	"idr@1":            over("IDR", "Identity recall", NeedsTracks, "max", unit),
	"mostly_tracked@1": over("大部分跟踪比例", "Mostly tracked", NeedsTracks, "max", unit),
	"fragments@1":      over("轨迹断裂次数", "Fragmentations", NeedsTracks, "min", unbounded),

	"parity_difference@1":    over("人口均等差", "Demographic parity difference", NeedsDecisions, "min", unit, groupParam).varies(),
	"parity_ratio@1":         over("人口均等比", "Demographic parity ratio", NeedsDecisions, "max", unit, groupParam).varies(),
	"equalized_odds@1":       over("均等化几率差", "Equalised odds difference", NeedsDecisions, "min", unit, groupParam),
	"equalized_odds_mean@1":  over("均等化几率差（平均）", "Equalised odds difference, mean", NeedsDecisions, "min", unit, groupParam),
	"equal_opportunity@1":    over("机会均等差", "Equal opportunity difference", NeedsDecisions, "min", unit, groupParam),
	"worst_group_accuracy@1": over("最差群体准确率", "Accuracy of the worst group", NeedsDecisions, "max", unit, groupParam),
}
