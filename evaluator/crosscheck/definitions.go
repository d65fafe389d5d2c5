package main

// definitions are what is written out, by family.
var definitions = map[string]*definition{
	"classes":  define(drawClasses, wantClasses),
	"abstain":  define(drawAbstain, wantCost),
	"binary":   define(drawBinary, wantBinary),
	"multi":    define(drawMulti, wantMulti),
	"numbers":  define(drawNumbers, wantNumbers),
	"positive": define(drawPositive, wantPositive),
	"bounds":   define(drawBounds, wantBounds),

	"coco":        define(drawImages("coco"), wantImages("coco")),
	"segm":        define(drawImages("segm"), wantImages("segm")),
	"keypoints":   define(drawImages("keypoints"), wantImages("keypoints")),
	"lvis":        define(drawImages("lvis"), wantImages("lvis")),
	"voc":         define(drawImages("voc"), wantVOC),
	"pixels":      define(drawPixels, wantPixels),
	"labels":      define(drawLabels, wantLabels),
	"links":       define(drawLinks, wantLinks),
	"clusters":    define(drawClusters, wantClusters),
	"runs":        define(drawRuns, wantRuns),
	"probes":      define(drawProbes, wantProbes),
	"diarisation": define(drawTurns, wantTurns),
	"trials":      define(drawTrials, wantTrials),
	"terms":       define(drawTerms, wantTerms),
	"signals":     define(drawSignals, wantSignals),
	"tracks":      define(drawTracks, wantTracks),
	"fairness":    define(drawDecisions, wantDecisions),
	"tests":       define(drawTests, wantTests),
	"agreement":   define(drawAgreement, wantAgreement),
	"timings":     define(drawTimings, wantTimings),
	"slices":      define(drawSlices, wantSlices),
	"bleu": define(drawPassages(func(r *rng) []string {
		return []string{"bleu@1 tokenize=" + pick(r, "13a", "zh") + " effective_order=" + pick(r, "yes", "no")}
	}), wantBLEU),
	"rouge": define(drawPassages(func(r *rng) []string {
		t := " tokenize=" + pick(r, "han", "word")
		return []string{"rouge1@1" + t, "rouge2@1" + t, "rouge_l@1" + t}
	}), wantROUGE),
	"lsum": define(drawPassages(func(r *rng) []string { return []string{"rouge_lsum@1 tokenize=" + pick(r, "han", "word")} }), wantROUGE),
	"ter": define(func(r *rng) (*passageCase, []string) {
		return short(drawPassages(func(r *rng) []string { return []string{"ter@1 tokenize=" + pick(r, "han", "space")} })(r))
	}, wantTER),
	"generated":     define(drawGenerated, wantGenerated),
	"words":         define(drawWords, wantWords),
	"likelihoods":   define(drawLikelihoods, wantLikelihoods),
	"spans":         define(drawSpans(false), wantSpans),
	"relaxed":       define(drawSpans(true), wantSpans),
	"series":        define(drawSeries, wantSeries),
	"levels":        define(drawLevels, wantLevels),
	"distributions": define(drawDistributions, wantDistributions),
	"survival":      define(drawSurvival, wantSurvival),
	"shapes":        define(drawShapes, wantShapes),
	"pictures":      define(drawPictures, wantPictures),
	"errors":        define(drawErrors, wantErrors),
	"answers":       define(drawAnswers, wantAnswers),
	"chrf":          define(drawChrF, wantChrF),
	"panoptic":      define(drawPanoptic, wantPanoptic),
	"solutions":     define(drawSolutions, wantSolutions),
}
