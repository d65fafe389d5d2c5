package metric_test

import (
	"math"
	"testing"

	"aihub/evaluator/metric"
	"aihub/evaluator/metric/forecast"
	"aihub/evaluator/metric/graph"
	"aihub/evaluator/metric/rank"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/text"
	"aihub/evaluator/metric/vision"
)

// pycocotools gives -1 with another list of maxDets; here the numbers are fixed,
// and a parameter of that name is refused.
func TestTrapCOCOMaxDets(t *testing.T) {
	if _, faults := metric.BindUnits("coco_ap@1", map[string]any{"max_dets": 300.0}); len(faults) != 1 {
		t.Errorf("got %v", faults)
	}
	im := &vision.Image{Truth: []vision.Object{object(0, 0)}}
	for range 150 {
		im.Pred = append(im.Pred, object(0, 0))
	}
	is(t, scoreUnits(t, "coco_ap@1", nil, im), 1)
}

// OGB's ranking of a plain list fails, and its hits are 1 with fewer than k
// others; here a rank decides, however few there are.
func TestTrapFewCandidates(t *testing.T) {
	last := &graph.Candidates{True: 0, Others: []float64{1, 2}}
	is(t, scoreUnits(t, "link_mrr@1", nil, last), 1.0/3)
	is(t, scoreUnits(t, "link_hits@1", map[string]any{"k": 2.0}, last), 0)
	is(t, scoreUnits(t, "link_hits@1", map[string]any{"k": 10.0}, last), 1)
}

// scikit-learn gives 1 or 0.
func TestTrapR2Constant(t *testing.T) {
	b := &metric.Block{Rows: 2, Truth: metric.Column{Flt: []float64{3, 3}}, Pred: []metric.Column{{Flt: []float64{3, 3}}}}
	isUndefined(t, scoreRows(t, "r2@1", metric.Setup{Column: "p"}, b), metric.ConstantTruth)
}

// Neighbouring seeds must not give shifted copies of one stream: buckets of two
// rounds agree as often as chance says, at every shift.
func TestTrapSeeds(t *testing.T) {
	a, b := metric.NewBootstrap("1"), metric.NewBootstrap("2")
	var x, y []uint16
	for i := range 2000 {
		key := string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		x, y = append(x, a.Bucket(key)), append(y, b.Bucket(key))
	}
	for shift := -3; shift <= 3; shift++ {
		same := 0
		for i := 3; i+3 < len(x); i++ {
			if x[i] == y[i+shift] {
				same++
			}
		}
		if same > 12 { // half a hit is expected
			t.Errorf("shifted by %d, %d of 2000 buckets agree", shift, same)
		}
	}
}

// A constant score wins nothing in re-identification.
func TestTrapIdentificationConstant(t *testing.T) {
	p := &rank.Probe{Match: []bool{true, false, false}, Score: []float64{1, 1, 1}}
	is(t, scoreUnits(t, "cmc@1", nil, p), 0)
	is(t, scoreUnits(t, "minp@1", nil, p), 1.0/3)
	isUndefined(t, scoreUnits(t, "cmc@1", nil, &rank.Probe{Match: []bool{false}, Score: []float64{1}}), metric.NoReference)
}

// Nested spans are different spans; one listed twice counts once.
func TestTrapNestedSpans(t *testing.T) {
	outer, inner := text.Span{Type: "ORG", Start: 0, End: 4}, text.Span{Type: "LOC", Start: 0, End: 2}
	s := &text.Spans{Ref: []text.Span{outer, inner}, Hyp: []text.Span{outer, outer, outer}}
	is(t, scoreUnits(t, "span_f1@1", nil, s), 2.0/3)
}

// An equal picture or sound has the declared cap, not infinity; silence counts
// for nothing in the truth and against an algorithm.
func TestTrapInfiniteDecibels(t *testing.T) {
	p := &vision.Picture{H: 1, W: 1, Channels: 1, Truth: []float64{1}, Pred: []float64{1}}
	is(t, scoreUnits(t, "psnr@1", map[string]any{"range": 1.0, "cap": 80.0}, p), 80)
	wave, silence := []float64{1, -1, 2}, []float64{0, 0, 0}
	cap := map[string]any{"cap": 60.0}
	is(t, scoreUnits(t, "si_sdr@1", cap, &speech.Signal{Ref: wave, Hyp: wave}, &speech.Signal{Ref: silence, Hyp: wave}), 60)
	is(t, scoreUnits(t, "si_sdr@1", cap, &speech.Signal{Ref: wave, Hyp: silence}), -60)
	isUndefined(t, scoreUnits(t, "si_sdr@1", cap, &speech.Signal{Ref: silence, Hyp: wave}), metric.NoReference)
}

// An ensemble of one is the absolute error by either estimator.
func TestTrapOneMember(t *testing.T) {
	for _, e := range []string{"fair", "biased"} {
		is(t, scoreUnits(t, "crps_ensemble@1", map[string]any{"estimator": e}, &forecast.Distribution{Truth: 3, Members: []float64{5}}), 2)
	}
}

// A series that never changed has no scale.
func TestTrapFlatPast(t *testing.T) {
	s := &forecast.Series{Weight: 1, Past: []float64{2, 2, 2}, Truth: []float64{1}, Pred: []float64{1}}
	isUndefined(t, scoreUnits(t, "series_mase@1", nil, s), metric.ConstantTruth)
	isUndefined(t, scoreUnits(t, "wrmsse@1", nil, s), metric.ConstantTruth)
	is(t, scoreUnits(t, "series_smape@1", nil, s), 0)
}

// No reference speech leaves the Jaccard error undefined, whatever was found.
func TestTrapJERWithoutSpeech(t *testing.T) {
	isUndefined(t, scoreUnits(t, "jer@1", nil, &speech.Recording{Hyp: []speech.Turn{{Speaker: "a", End: 1}}}), metric.NoReference)
}

// A keyword that was never said does not count, however often it was found.
func TestTrapUnsaidTerm(t *testing.T) {
	said := &speech.Term{Keyword: "a", True: true, Found: true, Yes: true, Score: 1, Seconds: 100}
	unsaid := &speech.Term{Keyword: "b", Found: true, Yes: true, Score: 2}
	is(t, scoreUnits(t, "atwv@1", nil, said, unsaid), 1)
	isUndefined(t, scoreUnits(t, "atwv@1", nil, unsaid), metric.NoReference)
}

// Where the truth may not be exhaustive, what finds nothing is not wrong; a class
// of which nothing is known in an image does not count there.
func TestTrapLVISFederated(t *testing.T) {
	extra := object(0, 300)
	extra.Score = 0.9
	im := func() *vision.Image {
		return &vision.Image{Truth: []vision.Object{object(0, 0)}, Pred: []vision.Object{object(0, 0), extra}}
	}
	open := im()
	open.NotExhaustive = []int{0}
	is(t, scoreUnits(t, "lvis_ap@1", nil, open), 1)
	if r := scoreUnits(t, "lvis_ap@1", nil, im()); math.Abs(r.Value-0.5) > 1e-9 {
		t.Errorf("got %+v", r)
	}
	other := im()
	other.Pred = []vision.Object{object(0, 0), object(1, 300)}
	is(t, scoreUnits(t, "lvis_ap@1", nil, other), 1)
}

// A difficult object is neither to be found nor wrong to find.
func TestTrapVOCDifficult(t *testing.T) {
	hard := object(0, 300)
	hard.Difficult = true
	im := &vision.Image{Truth: []vision.Object{object(0, 0), hard}, Pred: []vision.Object{object(0, 0), object(0, 300)}}
	is(t, scoreUnits(t, "voc_ap@1", nil, im), 1)
}

// A move within a stretch at the end of a text reaches no further than the text.
func TestTrapTERMoveAtEnd(t *testing.T) {
	p := &text.Passage{Refs: []string{"a b c d a b"}, Hyp: "c a b d a b a b"}
	if r := scoreUnits(t, "ter@1", map[string]any{"tokenize": "space"}, p); !(r.Value > 0 && r.Value < 1) {
		t.Errorf("got %+v", r)
	}
}
