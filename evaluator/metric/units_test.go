package metric_test

import (
	"fmt"
	"math"
	"math/rand/v2"
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
	"aihub/scenarios"
)

// unitsOf draws n units of a kind.
func unitsOf(r *rand.Rand, kind scenarios.Needs, n int) (out []any) {
	word := func() string {
		return []string{"", "一 二三", "the cat sat", "on a mat", "三 cat 一", "Ａ，b"}[r.IntN(6)]
	}
	box := func() [4]float64 {
		return [4]float64{float64(r.IntN(30)), float64(r.IntN(30)), 5 + 40*r.Float64(), 5 + 40*r.Float64()}
	}
	for i := range n {
		var u any
		switch kind {
		case scenarios.NeedsUtterances:
			u = &speech.Utterance{Ref: word() + word(), Hyp: word() + word()}
		case scenarios.NeedsTurns:
			rec := &speech.Recording{}
			for range r.IntN(4) {
				a := 10 * r.Float64()
				rec.Ref = append(rec.Ref, speech.Turn{Speaker: fmt.Sprint(r.IntN(2)), Start: a, End: a + 3*r.Float64()})
				a = 10 * r.Float64()
				rec.Hyp = append(rec.Hyp, speech.Turn{Speaker: fmt.Sprint(r.IntN(2)), Start: a, End: a + 3*r.Float64()})
			}
			u = rec
		case scenarios.NeedsTrials:
			u = &speech.Trial{Target: r.IntN(2) == 0, Score: float64(r.IntN(20)), Hours: 0.1}
		case scenarios.NeedsPassages:
			u = &text.Passage{Refs: []string{word() + word(), word()}, Hyp: word() + word()}
		case scenarios.NeedsSpans:
			s := &text.Spans{}
			for range r.IntN(4) {
				s.Ref = append(s.Ref, text.Span{Type: "P", Start: r.IntN(3), End: 4})
				s.Hyp = append(s.Hyp, text.Span{Type: []string{"P", "Q"}[r.IntN(2)], Start: r.IntN(3), End: 4})
			}
			u = s
		case scenarios.NeedsAnswers:
			u = &text.Answer{Golds: []string{word()}, Hyp: word()}
		case scenarios.NeedsSolutions:
			u = &text.Problem{N: 10, C: int64(r.IntN(11))}
		case scenarios.NeedsRuns:
			q := &rank.Query{Rel: map[string]int{}}
			for d := range 6 {
				q.Rel[fmt.Sprint(d)] = r.IntN(3)
				q.Docs = append(q.Docs, rank.Doc{ID: fmt.Sprint(d), Score: float64(r.IntN(3))})
			}
			r.Shuffle(len(q.Docs), func(i, j int) { q.Docs[i], q.Docs[j] = q.Docs[j], q.Docs[i] })
			u = q
		case scenarios.NeedsLabels:
			l := &rank.Labels{}
			for range 4 {
				l.Truth, l.Pred, l.Score = append(l.Truth, r.IntN(2) == 0), append(l.Pred, r.IntN(2) == 0), append(l.Score, r.Float64())
			}
			u = l
		case scenarios.NeedsLinks:
			c := &graph.Candidates{True: float64(r.IntN(5))}
			for range r.IntN(6) {
				c.Others = append(c.Others, float64(r.IntN(5)))
			}
			u = c
		case scenarios.NeedsClusters:
			u = &graph.Item{Ref: fmt.Sprint(r.IntN(4)), Hyp: []string{"", "a", "b", "c"}[r.IntN(4)]}
		case scenarios.NeedsObjects:
			im := &vision.Image{ID: int64(i)}
			mask := func() vision.RLE {
				px := make([]bool, 48)
				for k := range px {
					px[k] = r.IntN(3) > 0
				}
				return vision.Encode(6, 8, px)
			}
			for range r.IntN(3) {
				b := box()
				points := func() []vision.Point {
					return []vision.Point{{X: b[0] + r.Float64(), Y: b[1], Seen: true}, {X: b[0], Y: b[1] + 9*r.Float64(), Seen: r.IntN(2) == 0}}
				}
				im.Truth = append(im.Truth, vision.Object{Class: r.IntN(2), Box: b, Mask: mask(), Area: b[2] * b[3], Crowd: r.IntN(9) == 0, Points: points(), Difficult: r.IntN(9) == 0})
				b[0] += r.Float64()
				im.Pred = append(im.Pred, vision.Object{Class: r.IntN(2), Box: b, Mask: mask(), Score: float64(r.IntN(4)) / 4, Points: points()})
			}
			im.Negative, im.NotExhaustive = []int{r.IntN(2)}, []int{r.IntN(4)}
			u = im
		case scenarios.NeedsPixels:
			l := &vision.Labelled{}
			for range 12 {
				l.Truth, l.Pred = append(l.Truth, int32(r.IntN(4)-1)), append(l.Pred, int32(r.IntN(3)))
			}
			u = l
		case scenarios.NeedsSegments:
			p := &vision.Panoptic{TruthClass: map[uint32]vision.Segment{}, PredClass: map[uint32]vision.Segment{}}
			for range 12 {
				p.Truth, p.Pred = append(p.Truth, uint32(r.IntN(3))), append(p.Pred, uint32(r.IntN(3)))
			}
			for id := uint32(1); id < 3; id++ {
				p.TruthClass[id], p.PredClass[id] = vision.Segment{Class: r.IntN(2)}, vision.Segment{Class: r.IntN(2)}
			}
			u = p
		case scenarios.NeedsTracks:
			s := &track.Sequence{}
			for range 3 {
				f := track.Frame{}
				for id := range r.IntN(4) {
					b := box()
					f.Truth = append(f.Truth, track.Box{ID: int64(id), Box: b})
					b[1] += r.Float64()
					f.Pred = append(f.Pred, track.Box{ID: int64(9 - id), Box: b})
				}
				s.Frames = append(s.Frames, f)
			}
			u = s
		case scenarios.NeedsDecisions:
			u = &stat.Decision{Group: fmt.Sprint(r.IntN(3)), Truth: r.IntN(2) == 0, Pred: r.IntN(2) == 0}
		default:
			if u = moreUnits(r, kind); u == nil {
				panic("no units of kind " + kind)
			}
		}
		out = append(out, u)
	}
	return out
}

// bindAll binds every metric of units.
func bindAll(t *testing.T) (out []*metric.UnitMetric) {
	for _, d := range metric.AllUnits() {
		p := map[string]any{}
		for _, q := range d.Params {
			switch {
			case q.Required:
				p[q.Name] = 3.0
			case q.Name == "min_n":
				p[q.Name] = 1.0
			case q.Name == "sigmas":
				p[q.Name] = "0.1,0.2"
			case q.Name == "frequency":
				p[q.Name] = "rcf"
			case q.Name == "plus_one":
				p[q.Name] = "no" // the fixtures' truth and predictions are equal to the last bit
			}
		}
		m, faults := metric.BindUnits(d.Use, p)
		if faults != nil {
			t.Fatalf("%s: %v", d.Use, faults)
		}
		out = append(out, m)
	}
	return out
}

// TestUnitsOrderAndShards: whatever the order of units and the sharding, every
// bit of the result is the same; a part of the metrics also with intervals.
func TestUnitsOrderAndShards(t *testing.T) {
	t.Parallel()
	boot := metric.NewBootstrap("round")
	withInterval := map[string]bool{"cer@1": true, "ndcg@1": true, "bleu@1": true}
	for _, m := range bindAll(t) {
		for n := range 3 {
			n = []int{1, 7, 60}[n]
			b := boot
			if n != 60 || !withInterval[m.Use] {
				b = nil
			}
			r := rand.New(rand.NewPCG(uint64(n), 5))
			us := unitsOf(r, m.Needs, n)
			one := m.Measure.New(b)
			for i, u := range us {
				one.Add(u, uint16(i%7))
			}
			want := m.Result(one)
			if again := m.Result(one); again != want {
				t.Errorf("%s: asked twice: %+v, then %+v", m.Signature(), want, again)
			}
			if b != nil && want.Lo == want.Hi {
				t.Errorf("%s has no interval", m.Use)
			}
			for range 3 {
				shards := make([]metric.Gather, 1+r.IntN(4))
				for i := range shards {
					shards[i] = m.Measure.New(b)
				}
				for _, i := range r.Perm(n) {
					shards[r.IntN(len(shards))].Add(us[i], uint16(i%7))
				}
				for _, s := range shards[1:] {
					shards[0].Merge(s)
				}
				if got := m.Result(shards[0]); got != want {
					t.Fatalf("%s, %d units: %+v in %d shards, want %+v", m.Signature(), n, got, len(shards), want)
				}
			}
		}
	}
}

// TestUnitsPerfect: the truth as prediction has the metric's best value, and
// nothing at all is undefined.
func TestUnitsPerfect(t *testing.T) {
	for _, m := range bindAll(t) {
		empty := m.Result(m.Measure.New(nil))
		if empty.Status != aihub.MetricUndefined || empty.Reason != metric.NoRows {
			t.Errorf("%s of nothing: %+v", m.Use, empty)
		}
		g := m.Measure.New(nil)
		for _, u := range unitsOf(rand.New(rand.NewPCG(3, 3)), m.Needs, 40) {
			switch u := u.(type) {
			case *speech.Utterance:
				u.Hyp = u.Ref
			case *speech.Recording:
				u.Hyp = u.Ref
			case *speech.Trial:
				if u.Score += 100; !u.Target {
					u.Score = -u.Score
				}
			case *text.Passage:
				u.Refs = []string{strings.Repeat("一 二 三 四 ", 3), "x"}
				u.Hyp = u.Refs[0]
			case *text.Spans:
				u.Hyp = u.Ref
			case *text.Answer:
				u.Hyp = u.Golds[0]
			case *text.Problem:
				u.C = u.N
			case *rank.Query:
				u.Rel["0"] = 1
				for i, d := range u.Docs {
					u.Docs[i].Score = float64(u.Rel[d.ID])
				}
			case *rank.Labels:
				u.Pred = u.Truth
				for i, yes := range u.Truth {
					if u.Score[i] = 0; yes {
						u.Score[i] = 1
					}
				}
			case *graph.Candidates:
				u.True = 9
				u.Others = append(u.Others, make([]float64, 12)...)
			case *graph.Item:
				u.Hyp = u.Ref
			case *vision.Image:
				u.Pred = slices.Clone(u.Truth)
				u.Truth = slices.DeleteFunc(u.Truth, func(o vision.Object) bool { return o.Crowd })
				u.Pred = slices.Clone(u.Truth)
				// one object of each size, alone
				for k, side := range []float64{10, 50, 200} {
					x := 500 * float64(k+1)
					o := vision.Object{Class: k, Box: [4]float64{x, 0, side, side}, Area: side * side, Mask: vision.Encode(1, 1, []bool{true})}
					o.Points = []vision.Point{{X: x, Y: 0, Seen: true}, {X: x + side, Y: side, Seen: true}}
					u.Truth, u.Pred = append(u.Truth, o), append(u.Pred, o)
				}
			case *vision.Labelled:
				u.Pred = u.Truth
			case *vision.Panoptic:
				u.Pred, u.PredClass = u.Truth, u.TruthClass
			case *track.Sequence:
				for i := range u.Frames {
					u.Frames[i].Pred = u.Frames[i].Truth
				}
			case *stat.Decision:
				u.Pred = u.Truth
			default:
				perfectMore(u)
			}
			g.Add(u, 0)
		}
		r := m.Result(g)
		// What may not be there at all: DER's parts of a perfect one are 0 all the same.
		if best := m.Perfect(); r.Status == aihub.MetricUndefined || !math.IsNaN(best) && math.Abs(r.Value-best) > 1e-9 {
			if m.Use == "fragments@1" || m.Use == "mostly_tracked@1" || strings.HasPrefix(m.Use, "span_f1") && r.Status != aihub.MetricUndefined {
				continue // a true track may itself have gaps
			}
			t.Errorf("%s of the truth itself: %+v, want %v", m.Signature(), r, best)
		}
	}
}

// What a spec will be able to name can be computed, and the other way round;
// every parameter is described in both languages.
func TestUnitsRegistry(t *testing.T) {
	for use, info := range scenarios.UnitMetrics {
		if !slices.ContainsFunc(metric.AllUnits(), func(d *metric.Def) bool { return d.Use == use }) {
			t.Errorf("%s is named, but nothing computes it", use)
		}
		if _, named := scenarios.KnownMetrics[use]; !named {
			t.Errorf("%s: no spec can name it", use)
		}
		if metric.Lookup(use) != nil {
			t.Errorf("%s is a metric of rows and of units", use)
		}
		if info.Title.EN == "" || info.Title.ZH == "" {
			t.Errorf("%s has no title", use)
		}
		for _, p := range info.Params {
			if p.Doc.EN == "" || p.Doc.ZH == "" {
				t.Errorf("%s: %s is not described", use, p.Name)
			}
		}
	}
	m, faults := metric.BindUnits("cer@1", map[string]any{"align": "sclite"})
	if faults != nil || m.Signature() != "cer@1|align=sclite|case=lower|normalize=nfkc|punctuation=strip" {
		t.Errorf("%v %v", m, faults)
	}
	if _, faults := metric.BindUnits("miou@1", nil); len(faults) != 1 || faults[0].Where != "params.classes" {
		t.Errorf("miou@1 without classes: %v", faults)
	}
}
