package main

// definitions are what is written out, by family.
var definitions = map[string]*definition{
	"classes":  define(drawClasses, wantClasses),
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
}
