package metric_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/graph"
	"aihub/evaluator/metric/rank"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/stat"
	"aihub/evaluator/metric/text"
	"aihub/evaluator/metric/track"
	"aihub/evaluator/metric/vision"
)

// Where reference implementations disagree, fail or surprise, one test each
// says what is done here.

func scoreUnits[U any](t *testing.T, use string, params map[string]any, us ...U) metric.Result {
	t.Helper()
	m, faults := metric.BindUnits(use, params)
	if faults != nil {
		t.Fatalf("%s: %v", use, faults)
	}
	g := m.Measure.New(nil)
	for _, u := range us {
		g.Add(u, 0)
	}
	return m.Result(g)
}

func is(t *testing.T, r metric.Result, want float64) {
	t.Helper()
	if r.Status == aihub.MetricUndefined || math.Abs(r.Value-want) > 1e-12 {
		t.Errorf("got %+v, want %v", r, want)
	}
}

func isUndefined(t *testing.T, r metric.Result, reason string) {
	t.Helper()
	if r.Status != aihub.MetricUndefined || r.Reason != reason {
		t.Errorf("got %+v, want undefined for %s", r, reason)
	}
}

func scoreRows(t *testing.T, use string, s metric.Setup, b *metric.Block) metric.Result {
	t.Helper()
	m, faults := metric.Bind(use, s)
	if faults != nil {
		t.Fatalf("%s: %v", use, faults)
	}
	a := m.New()
	a.Add(b)
	return a.Result()
}

func object(class int, x float64) vision.Object {
	return vision.Object{Class: class, Box: [4]float64{x, 0, 50, 50}, Area: 2500, Score: 0.5}
}

// pycocotools never matches the object whose id is 0; objects have no id here.
func TestTrapCOCOFirstObject(t *testing.T) {
	im := &vision.Image{ID: 0, Truth: []vision.Object{object(0, 0)}, Pred: []vision.Object{object(0, 0)}}
	is(t, scoreUnits(t, "coco_ap@1", nil, im), 1)
}

// A false alarm of a class that the truth does not hold is not counted.
func TestTrapCOCOAbsentClass(t *testing.T) {
	im := &vision.Image{Truth: []vision.Object{object(0, 0)}, Pred: []vision.Object{object(0, 0), object(1, 0)}}
	is(t, scoreUnits(t, "coco_ap@1", nil, im), 1)
	im = &vision.Image{Pred: []vision.Object{object(1, 0)}}
	isUndefined(t, scoreUnits(t, "coco_ap@1", nil, im), metric.NoReference) // pycocotools: -1
}

// Of two objects that a detection overlaps equally the later one is taken: the
// second detection, which overlaps only the earlier one, is then right too.
func TestTrapCOCOEqualOverlap(t *testing.T) {
	best, other := object(0, 5), object(0, -15)
	best.Score = 0.9
	a, b := object(0, 0), object(0, 10)
	im := &vision.Image{Truth: []vision.Object{a, b}, Pred: []vision.Object{best, other}}
	is(t, scoreUnits(t, "coco_ap50@1", nil, im), 1)
	im.Truth = []vision.Object{b, a} // now the first detection takes what the second needs
	if r := scoreUnits(t, "coco_ap50@1", nil, im); r.Value >= 1 {
		t.Errorf("got %+v", r)
	}
}

// A NaN score of the true link wins under comparisons: rank 1, even 0.5.
func TestTrapLinkNaN(t *testing.T) {
	isUndefined(t, scoreUnits(t, "link_mrr@1", nil, &graph.Candidates{True: math.NaN(), Others: []float64{1, 2}}), metric.NotFinite)
	isUndefined(t, scoreUnits(t, "link_mrr@1", nil, &graph.Candidates{True: 1, Others: []float64{math.NaN()}}), metric.NotFinite)
}

// Constant scores are perfect only under optimistic ranks.
func TestTrapLinkConstant(t *testing.T) {
	c := &graph.Candidates{True: 1, Others: slices.Repeat([]float64{1}, 9)}
	is(t, scoreUnits(t, "link_mrr@1", nil, c), 1/5.5)
	is(t, scoreUnits(t, "link_amri@1", nil, c), 0)
	is(t, scoreUnits(t, "link_mrr@1", map[string]any{"ties": "optimistic"}, c), 1)
	is(t, scoreUnits(t, "link_hits@1", map[string]any{"k": 5.0}, c), 0) // 5.5 is not within 5
}

// The clip of log loss is declared, not taken from the type of the file.
func TestTrapLogLossClip(t *testing.T) {
	b := &metric.Block{Rows: 1, Truth: metric.Column{Class: []metric.Code{1}}, Pred: []metric.Column{{Flt: []float64{float64(float32(0))}}}}
	is(t, scoreRows(t, "log_loss@1", metric.Setup{Classes: []string{"n", "y"}, Column: "p"}, b), 52*math.Ln2)
}

// The classes that are averaged are the declared ones: a class that only an
// algorithm names does not join.
func TestTrapMacroClasses(t *testing.T) {
	b := &metric.Block{Rows: 4, Truth: metric.Column{Class: []metric.Code{0, 0, 1, 1}}, Pred: []metric.Column{{Class: []metric.Code{0, 0, 1, -1}}}}
	is(t, scoreRows(t, "f1@1", metric.Setup{Classes: []string{"a", "b"}, Column: "p"}, b), (1+2.0/3)/2)
}

func TestTrapAveragePrecisionWithoutPositives(t *testing.T) {
	b := &metric.Block{Rows: 2, Truth: metric.Column{Class: []metric.Code{0, 0}}, Pred: []metric.Column{{Flt: []float64{0.1, 0.2}}}}
	isUndefined(t, scoreRows(t, "average_precision@1", metric.Setup{Classes: []string{"n", "y"}, Column: "p"}, b), metric.OneClass)
}

func TestTrapKappaConstant(t *testing.T) {
	b := &metric.Block{Rows: 2, Truth: metric.Column{Class: []metric.Code{0, 0}}, Pred: []metric.Column{{Class: []metric.Code{0, 0}}}}
	r := scoreRows(t, "kappa@1", metric.Setup{Classes: []string{"n", "y"}, Column: "p"}, b)
	if r.Value != 1 || r.Status != aihub.MetricDegenerate {
		t.Errorf("got %+v", r)
	}
}

func TestTrapMAPEZero(t *testing.T) {
	b := &metric.Block{Rows: 2, Truth: metric.Column{Flt: []float64{0, 1}}, Pred: []metric.Column{{Flt: []float64{1, 1}}}}
	isUndefined(t, scoreRows(t, "mape@1", metric.Setup{Column: "p"}, b), metric.ZeroTruth)
	is(t, scoreRows(t, "mape@1", metric.Setup{Column: "p", Params: map[string]any{"eps": 0.5}}, b), 1)
}

// Constant scores are right one time in three with three classes, whichever
// column comes first.
func TestTrapTopKTies(t *testing.T) {
	for class := range metric.Code(3) {
		b := &metric.Block{Rows: 1, Truth: metric.Column{Class: []metric.Code{class}}, Pred: []metric.Column{{Flt: []float64{1.0 / 3}}, {Flt: []float64{1.0 / 3}}, {Flt: []float64{1.0 / 3}}}}
		s := metric.Setup{Classes: []string{"a", "b", "c"}, Column: "a", Group: []string{"a", "b", "c"}, Params: map[string]any{"k": 1.0}}
		is(t, scoreRows(t, "top_k@1", s, b), 1.0/3)
	}
}

// Equal scores stand by document id from the last; stated ranks mean nothing.
func TestTrapTrecTies(t *testing.T) {
	q := func(relevant string) *rank.Query {
		return &rank.Query{Rel: map[string]int{relevant: 1}, Docs: []rank.Doc{{ID: "a", Score: 1}, {ID: "b", Score: 1}}}
	}
	is(t, scoreUnits(t, "mrr@1", nil, q("b")), 1)
	is(t, scoreUnits(t, "mrr@1", nil, q("a")), 0.5)
}

// A judged query for which nothing was returned counts 0.
func TestTrapTrecMissingQuery(t *testing.T) {
	is(t, scoreUnits(t, "map@1", nil,
		&rank.Query{Rel: map[string]int{"a": 1}, Docs: []rank.Doc{{ID: "a", Score: 1}}},
		&rank.Query{Rel: map[string]int{"a": 1}}), 0.5)
}

// A tokenizer for English finds nothing in Chinese.
func TestTrapBLEUChinese(t *testing.T) {
	p := &text.Passage{Refs: []string{"今天天气很好我们去公园"}, Hyp: "今天天气不错我们去公园"}
	is(t, scoreUnits(t, "bleu@1", map[string]any{"tokenize": "13a"}, p), 0)
	if r := scoreUnits(t, "bleu@1", nil, p); r.Value < 40 {
		t.Errorf("got %+v", r)
	}
}

func TestTrapBLEUShort(t *testing.T) {
	p := &text.Passage{Refs: []string{"a b c"}, Hyp: "a b c"}
	is(t, scoreUnits(t, "bleu@1", nil, p), 0)
	is(t, scoreUnits(t, "bleu@1", map[string]any{"effective_order": "yes"}, p), 100)
}

// sacrebleu's ranges, with its mistake: Extension B stays whole, and
// punctuation above U+2000 is parted.
func TestTrapSacrebleuExtensionB(t *testing.T) {
	if got := strings.Join(text.Tokenize("zh", "𠀀𠀁字"), " "); got != "𠀀𠀁 字" {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(text.Tokenize("zh", "a—b"), " "); got != "a — b" {
		t.Errorf("got %q", got)
	}
}

// ROUGE's own tokenizer drops Chinese.
func TestTrapROUGEChinese(t *testing.T) {
	p := &text.Passage{Refs: []string{"今天天气好"}, Hyp: "今天天气好"}
	is(t, scoreUnits(t, "rouge1@1", map[string]any{"tokenize": "word"}, p), 0)
	is(t, scoreUnits(t, "rouge1@1", nil, p), 1)
}

// sclite's weights prefer three deletions and three insertions to five
// substitutions.
func TestTrapSclite(t *testing.T) {
	ref, hyp := strings.Fields("1 2 3 4 5"), strings.Fields("4 5 6 7 8")
	if e := speech.Sclite(ref, hyp); e != (speech.Edits{Del: 3, Ins: 3, Hit: 2}) {
		t.Errorf("sclite: %+v", e)
	}
	var a speech.Aligner
	if e := a.Align(ref, hyp); e.Errors() != 5 || e.Sub != 5 {
		t.Errorf("levenshtein: %+v", e)
	}
	u := &speech.Utterance{Ref: "1 2 3 4 5", Hyp: "4 5 6 7 8"}
	is(t, scoreUnits(t, "wer@1", nil, u), 1)
	is(t, scoreUnits(t, "wer@1", map[string]any{"align": "sclite"}, u), 1.2)
}

// An utterance without a reference has no rate; its insertions count in the
// corpus all the same.
func TestTrapEmptyReference(t *testing.T) {
	empty := &speech.Utterance{Hyp: "a b c"}
	isUndefined(t, scoreUnits(t, "wer@1", nil, empty), metric.NoReference)
	is(t, scoreUnits(t, "wer@1", nil, empty, &speech.Utterance{Ref: "a b", Hyp: "a b"}), 1.5)
}

// Full width, case and punctuation do not matter under the declared rules, and
// do without.
func TestTrapNormalisation(t *testing.T) {
	u := &speech.Utterance{Ref: "ＡＢＣ，今天。", Hyp: "abc今天"}
	is(t, scoreUnits(t, "cer@1", nil, u), 0)
	if r := scoreUnits(t, "cer@1", map[string]any{"normalize": "none"}, u); r.Value == 0 {
		t.Errorf("got %+v", r)
	}
	is(t, scoreUnits(t, "mixed_error_rate@1", nil, &speech.Utterance{Ref: "打开 wifi 设置", Hyp: "打开wife设置"}), 0.2)
}

// I-PER I-PER after O is an entity to seqeval's default, and none by IOB2.
func TestTrapLenientTags(t *testing.T) {
	tags := []string{"O", "I-PER", "I-PER"}
	if got := text.LenientSpans(tags); len(got) != 1 || got[0] != (text.Span{Type: "PER", Start: 1, End: 3}) {
		t.Errorf("lenient: %v", got)
	}
	if got := text.StrictSpans(tags); len(got) != 0 {
		t.Errorf("strict: %v", got)
	}
	isUndefined(t, scoreUnits(t, "span_f1@1", nil, &text.Spans{}), metric.NoReference) // seqeval: 0
}

// No reference speech: pyannote says 0 or 1.
func TestTrapDERWithoutSpeech(t *testing.T) {
	isUndefined(t, scoreUnits(t, "der@1", nil, &speech.Recording{Hyp: []speech.Turn{{Speaker: "a", End: 1}}}), metric.NoReference)
}

func still(id int64) []track.Box { return []track.Box{{ID: id, Box: [4]float64{0, 0, 9, 9}}} }

// Frames in which one side has no box forget nothing: the switch across them
// is counted once, and the track stays one piece.
func TestTrapTrackGap(t *testing.T) {
	s := &track.Sequence{Frames: []track.Frame{
		{Truth: still(1), Pred: still(7)}, {}, {Truth: still(1)}, {Truth: still(1), Pred: still(7)}, {Truth: still(1), Pred: still(8)},
	}}
	is(t, scoreUnits(t, "idsw@1", nil, s), 1)
	is(t, scoreUnits(t, "fragments@1", nil, s), 0)
}

// Without detections LocA is 1, and HOTA 0.
func TestTrapTrackNothingFound(t *testing.T) {
	s := &track.Sequence{Frames: []track.Frame{{Truth: still(1)}}}
	is(t, scoreUnits(t, "loca@1", nil, s), 1)
	is(t, scoreUnits(t, "hota@1", nil, s), 0)
	isUndefined(t, scoreUnits(t, "hota@1", nil, &track.Sequence{Frames: []track.Frame{{Pred: still(1)}}}), metric.NoReference)
}

// Published figures.

func TestFigureMcNemar(t *testing.T) {
	if p := stat.McNemar(10, 2, false); math.Abs(p-0.03857421875) > 1e-12 {
		t.Errorf("got %v", p)
	}
	if p := stat.McNemar(0, 0, false); p != 1 {
		t.Errorf("got %v", p)
	}
}

func TestFigureKrippendorff(t *testing.T) {
	units := [][]float64{{1, 1, 1}, {2, 2, 3, 2}, {3, 3, 3, 3}, {3, 3, 3, 3}, {2, 2, 2, 2}, {1, 2, 3, 4}, {4, 4, 4, 4}, {1, 1, 2, 1}, {2, 2, 2, 2}, {5, 5, 5}, {1, 1}, {3}}
	for level, want := range map[string]float64{stat.Nominal: .7434, stat.Ordinal: .8154, stat.Interval: .8491, stat.Ratio: .7974} {
		if r := stat.Krippendorff(units, level); math.Abs(r.Value-want) > 5e-5 {
			t.Errorf("%s: %+v, want %v", level, r, want)
		}
	}
	isUndefined(t, stat.Krippendorff([][]float64{{1, 1}, {1, 1}}, stat.Nominal), metric.Nothing)
}

func TestFigureICC(t *testing.T) {
	rows := [][]float64{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}}
	for i, want := range []float64{.166, .290, .715, .443, .620, .909} {
		if v := stat.ICC(rows, i%3+1, i > 2); math.Abs(v-want) > 5e-4 {
			t.Errorf("%d: %v, want %v", i, v, want)
		}
	}
}

// Nearly all ratings alike: kappa falls, AC1 does not.
func TestFigurePrevalence(t *testing.T) {
	counts := slices.Repeat([][]int64{{2, 0}}, 95)
	counts = append(counts, slices.Repeat([][]int64{{1, 1}}, 5)...)
	kappa, gwet := stat.Fleiss(counts)
	if kappa > 0 || gwet < 0.9 {
		t.Errorf("kappa %v, AC1 %v", kappa, gwet)
	}
}

func TestFigureNemenyi(t *testing.T) {
	if v := stat.Nemenyi(4, 14) / math.Sqrt(20.0/84); math.Abs(v-2.569) > 1e-12 {
		t.Errorf("got %v", v)
	}
}

// The 90th percentile of 1 to 10 is 9 by nearest rank.
func TestFigurePercentile(t *testing.T) {
	v := []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	if p := stat.Percentile(v, 0.9); p != 9 {
		t.Errorf("got %v", p)
	}
}

// Groups that are too small are left out, and not worth 0.
func TestSmallGroups(t *testing.T) {
	var us []*stat.Decision
	for i := range 300 {
		us = append(us, &stat.Decision{Group: []string{"a", "b"}[i%2], Truth: i%3 == 0, Pred: i%3 == 0})
	}
	us = append(us, &stat.Decision{Group: "c", Truth: true})
	is(t, scoreUnits(t, "worst_group_accuracy@1", nil, us...), 1)
	isUndefined(t, scoreUnits(t, "worst_group_accuracy@1", nil, us[300:]...), stat.SmallGroups)
}
