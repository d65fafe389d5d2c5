package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

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

// answer computes what a key of the reference names: "use param=value …".
type answer func(key string) ([]metric.Result, error)

// families read the cases that generate.py makes.
var families = map[string]func(in json.RawMessage) (answer, error){
	"classes": rows, "abstain": rows, "binary": rows, "multi": rows, "numbers": rows, "positive": rows, "bounds": rows,
	"errors":      units(utterances),
	"diarisation": units(recordings),
	"sclite":      units(utterances),
	"mdeval":      units(recordings),
	"trials":      units(trials),
	"bleu":        units(passages), "chrf": units(passages), "rouge": units(passages),
	"answers":       units(answers),
	"spans":         spans,
	"runs":          units(runs),
	"labels":        units(labels),
	"links":         units(links),
	"clusters":      units(clusters),
	"coco":          units(images),
	"segm":          units(images),
	"keypoints":     units(images),
	"probes":        units(probes),
	"timings":       units(timings),
	"lsum":          units(passages),
	"ter":           units(passages),
	"generated":     units(generated),
	"words":         units(words),
	"likelihoods":   units(likelihoods),
	"solutions":     units(solutions),
	"series":        units(series),
	"levels":        units(series),
	"distributions": units(distributions),
	"survival":      units(survivors),
	"shapes":        units(shapes),
	"pictures":      units(pictures),
	"relaxed":       spans,
	"slices":        units(slicesOf),
	"terms":         units(terms),
	"signals":       units(signals),
	"lvis":          units(images),
	"voc":           units(images),
	"pixels":        units(pixels),
	"panoptic":      units(panoptic),
	"tracks":        units(tracks),
	"fairness":      units(decisions),
	"tests":         tests,
	"agreement":     agreement,
}

// params reads "use a=1 b=x".
func params(key string) (use string, p map[string]any) {
	f := strings.Fields(key)
	p = map[string]any{}
	for _, kv := range f[1:] {
		if k, v, ok := strings.Cut(kv, "="); ok {
			if x, err := strconv.ParseFloat(v, 64); err == nil {
				p[k] = x
			} else {
				p[k] = v
			}
		}
	}
	return f[0], p
}

var bound = map[string]metric.Metric{}

// rows is the family of metrics of rows.
func rows(in json.RawMessage) (answer, error) {
	var c rowCase
	if err := json.Unmarshal(in, &c); err != nil {
		return nil, err
	}
	return func(key string) ([]metric.Result, error) {
		use, p := params(key)
		d := metric.Lookup(use)
		if d == nil {
			return nil, fmt.Errorf("no metric %s", use)
		}
		id := fmt.Sprint(key, c.K, len(c.Rows) > 0)
		m := bound[id]
		if m == nil {
			s := metric.Setup{Column: "p", Params: p}
			switch d.Needs {
			case "class":
				s.Classes = names("c", c.K)
			case "score", "probability":
				s.Classes = names("c", max(2, c.K))
			}
			if c.Rows != nil {
				s.Group = names("p", c.K)
				s.Column = s.Group[0]
			}
			var faults []aihub.Fault
			if m, faults = metric.Bind(use, s); faults != nil {
				return nil, fmt.Errorf("%v", faults)
			}
			bound[id] = m
		}
		b := &metric.Block{Rows: len(c.Truth)}
		if len(c.Truth) == 0 {
			b.Pred = make([]metric.Column, max(2, c.K))
		}
		class := func(x []float64) (out []metric.Code) {
			for _, v := range x {
				out = append(out, metric.Code(v))
			}
			return out
		}
		if d.Needs == "number" {
			b.Truth.Flt = c.Truth
		} else {
			b.Truth.Class = class(c.Truth)
		}
		switch {
		case len(c.Truth) == 0:
		case d.Needs == "class":
			b.Pred = []metric.Column{{Class: class(c.Pred)}}
		case c.Rows != nil:
			for j := range c.K {
				var col []float64
				for _, row := range c.Rows {
					col = append(col, row[j])
				}
				b.Pred = append(b.Pred, metric.Column{Flt: col})
			}
		default:
			b.Pred = []metric.Column{{Flt: c.Pred}, {Flt: c.Upper}}
		}
		a := m.New()
		a.Add(b)
		return []metric.Result{a.Result()}, nil
	}, nil
}

func names(prefix string, k int) (out []string) {
	for i := range k {
		out = append(out, prefix+strconv.Itoa(i))
	}
	return out
}

var boundUnits = map[string]*metric.UnitMetric{}

// units is the family of a kind of unit: read makes them of a case.
func units[C, U any](read func(c *C) []U) func(in json.RawMessage) (answer, error) {
	return func(in json.RawMessage) (answer, error) {
		var c C
		if err := json.Unmarshal(in, &c); err != nil {
			return nil, err
		}
		us := read(&c)
		gathered := map[string]metric.Gather{}
		return func(key string) ([]metric.Result, error) {
			if strings.HasPrefix(key, "#") {
				return edits(key, any(&c))
			}
			m := boundUnits[key]
			if m == nil {
				use, p := params(key)
				skip := p["on_undefined"] == scenarios.UndefinedSkip
				delete(p, "on_undefined")
				var faults []aihub.Fault
				if m, faults = metric.BindUnitsOf(use, metric.Setup{Params: p, Skip: skip}); faults != nil {
					return nil, fmt.Errorf("%v", faults)
				}
				boundUnits[key] = m
			}
			g := gathered[m.Measure.Key()]
			if g == nil {
				g = m.Measure.New(nil)
				for _, u := range us {
					g.Add(u, 0)
				}
				gathered[m.Measure.Key()] = g
			}
			return []metric.Result{m.Result(g)}, nil
		}, nil
	}
}

type utteranceCase struct {
	Ref, Hyp []string
	Units    string
}

func utterances(c *utteranceCase) (out []*speech.Utterance) {
	for i := range c.Ref {
		out = append(out, &speech.Utterance{Ref: c.Ref[i], Hyp: c.Hyp[i]})
	}
	return out
}

// edits are the counts of substitutions, deletions and insertions.
func edits(key string, in any) ([]metric.Result, error) {
	var n int64
	var a speech.Aligner
	c := in.(*utteranceCase)
	r := speech.Rules{Units: c.Units}
	for i := range c.Ref {
		e := a.Align(r.Tokens(c.Ref[i]), r.Tokens(c.Hyp[i]))
		n += map[string]int64{"#sub": e.Sub, "#del": e.Del, "#ins": e.Ins}[key]
	}
	return []metric.Result{{Value: float64(n), Status: aihub.MetricOK}}, nil
}

type turnCase struct {
	Ref, Hyp [][3]any
	Scored   [][2]float64
}

func recordings(c *turnCase) []*speech.Recording {
	read := func(x [][3]any) (out []speech.Turn) {
		for _, t := range x {
			out = append(out, speech.Turn{Speaker: t[0].(string), Start: t[1].(float64), End: t[2].(float64)})
		}
		return out
	}
	return []*speech.Recording{{Ref: read(c.Ref), Hyp: read(c.Hyp), Scored: c.Scored}}
}

type trialCase struct {
	Target []bool
	Score  []float64
}

func trials(c *trialCase) (out []*speech.Trial) {
	for i, s := range c.Score {
		t := &speech.Trial{Target: c.Target[i], Score: s}
		if i == 0 {
			t.Hours = 1
		}
		out = append(out, t)
	}
	return out
}

type passageCase struct {
	Refs [][]string
	Hyp  []string
}

func passages(c *passageCase) (out []*text.Passage) {
	for i, h := range c.Hyp {
		out = append(out, &text.Passage{Refs: c.Refs[i], Hyp: h})
	}
	return out
}

type answerCase struct {
	Golds [][]string
	Hyp   []string
}

func answers(c *answerCase) (out []*text.Answer) {
	for i, h := range c.Hyp {
		out = append(out, &text.Answer{Golds: c.Golds[i], Hyp: h})
	}
	return out
}

// spans is a family of its own: strict and lenient are how tags are read.
func spans(in json.RawMessage) (answer, error) {
	var c spanCase
	if err := json.Unmarshal(in, &c); err != nil {
		return nil, err
	}
	return func(key string) ([]metric.Result, error) {
		read := text.LenientSpans
		key, strict := strings.CutSuffix(key, " strict")
		if strict {
			read = text.StrictSpans
		}
		use, p := params(strings.TrimSuffix(key, " lenient"))
		m, faults := metric.BindUnits(use, p)
		if faults != nil {
			return nil, fmt.Errorf("%v", faults)
		}
		g := m.Measure.New(nil)
		for i := range c.Ref {
			g.Add(&text.Spans{Ref: read(c.Ref[i]), Hyp: read(c.Hyp[i])}, 0)
		}
		return []metric.Result{m.Result(g)}, nil
	}, nil
}

type runCase struct {
	Rel  []map[string]int
	Docs []map[string]float64
}

func runs(c *runCase) (out []*rank.Query) {
	for i, rel := range c.Rel {
		q := &rank.Query{Rel: rel}
		for id, s := range c.Docs[i] {
			q.Docs = append(q.Docs, rank.Doc{ID: id, Score: s})
		}
		out = append(out, q)
	}
	return out
}

type labelCase struct {
	Truth, Pred [][]int
	Score       [][]float64
}

func labels(c *labelCase) (out []*rank.Labels) {
	yes := func(x []int) (b []bool) {
		for _, v := range x {
			b = append(b, v == 1)
		}
		return b
	}
	for i := range c.Truth {
		out = append(out, &rank.Labels{Truth: yes(c.Truth[i]), Pred: yes(c.Pred[i]), Score: c.Score[i]})
	}
	return out
}

type linkCase struct {
	True    []*float64
	Others  [][]float64
	Stratum []string
}

func links(c *linkCase) (out []*graph.Candidates) {
	for i, s := range c.True {
		u := &graph.Candidates{True: math.NaN(), Others: c.Others[i]}
		if s != nil {
			u.True = *s
		}
		if c.Stratum != nil {
			u.Stratum = c.Stratum[i]
		}
		out = append(out, u)
	}
	return out
}

type clusterCase struct{ Ref, Hyp []int }

func clusters(c *clusterCase) (out []*graph.Item) {
	for i := range c.Ref {
		out = append(out, &graph.Item{Ref: strconv.Itoa(c.Ref[i]), Hyp: strconv.Itoa(c.Hyp[i])})
	}
	return out
}

func images(c *imageCase) (out []*vision.Image) {
	object := func(o objectCase) vision.Object {
		x := vision.Object{Class: o.Class, Box: o.Box, Area: o.Area, Crowd: o.Crowd, Score: o.Score, Difficult: o.Difficult}
		if o.RLE != "" {
			var err error
			if x.Mask, err = vision.ParseRLE(c.H, c.W, o.RLE); err != nil {
				panic(err) // the case is made by a generator
			}
		}
		for _, p := range o.Points {
			x.Points = append(x.Points, vision.Point{X: p[0], Y: p[1], Seen: p[2] > 0})
		}
		return x
	}
	for _, im := range c.Images {
		u := &vision.Image{ID: im.ID, Negative: im.Negative, NotExhaustive: im.NotExhaustive}
		for _, o := range im.Truth {
			u.Truth = append(u.Truth, object(o))
		}
		for _, o := range im.Pred {
			u.Pred = append(u.Pred, object(o))
		}
		out = append(out, u)
	}
	return out
}

type pixelCase struct{ Truth, Pred [][]int32 }

func pixels(c *pixelCase) (out []*vision.Labelled) {
	for i := range c.Truth {
		out = append(out, &vision.Labelled{Truth: c.Truth[i], Pred: c.Pred[i]})
	}
	return out
}

type panopticCase struct{ Images []aPanoptic }

type aPanoptic struct {
	Truth, Pred    []uint32
	TClass, PClass map[uint32]int
	Crowd          []uint32
}

func panoptic(c *panopticCase) (out []*vision.Panoptic) {
	for _, im := range c.Images {
		u := &vision.Panoptic{Truth: im.Truth, Pred: im.Pred, TruthClass: map[uint32]vision.Segment{}, PredClass: map[uint32]vision.Segment{}}
		for id, k := range im.TClass {
			u.TruthClass[id] = vision.Segment{Class: k}
		}
		for id, k := range im.PClass {
			u.PredClass[id] = vision.Segment{Class: k}
		}
		for _, id := range im.Crowd {
			u.TruthClass[id] = vision.Segment{Class: im.TClass[id], Crowd: true}
		}
		out = append(out, u)
	}
	return out
}

type trackCase struct {
	Sequences [][]struct{ Truth, Pred [][2]json.RawMessage }
}

func tracks(c *trackCase) (out []*track.Sequence) {
	read := func(list [][2]json.RawMessage) (boxes []track.Box) {
		for _, x := range list {
			var b track.Box
			if json.Unmarshal(x[0], &b.ID) != nil || json.Unmarshal(x[1], &b.Box) != nil {
				panic("a box of the generator does not parse")
			}
			boxes = append(boxes, b)
		}
		return boxes
	}
	for _, s := range c.Sequences {
		u := &track.Sequence{}
		for _, f := range s {
			u.Frames = append(u.Frames, track.Frame{Truth: read(f.Truth), Pred: read(f.Pred)})
		}
		out = append(out, u)
	}
	return out
}

type decisionCase struct{ Group, Truth, Pred []int }

func decisions(c *decisionCase) (out []*stat.Decision) {
	for i, g := range c.Group {
		out = append(out, &stat.Decision{Group: strconv.Itoa(g), Truth: c.Truth[i] == 1, Pred: c.Pred[i] == 1})
	}
	return out
}

func plain(values ...float64) (out []metric.Result) {
	for _, v := range values {
		out = append(out, metric.OK(v, 0))
	}
	return out
}

func tests(in json.RawMessage) (answer, error) {
	var c testCase
	if err := json.Unmarshal(in, &c); err != nil {
		return nil, err
	}
	return func(key string) ([]metric.Result, error) {
		one := func(values []float64) ([]metric.Result, error) { // all of them, or "name i"
			if i, err := strconv.Atoi(key[strings.LastIndex(key, " ")+1:]); err == nil {
				values = values[i : i+1]
			}
			return plain(values...), nil
		}
		switch title(key) {
		case "mcnemar", "mcnemar_mid":
			return plain(stat.McNemar(c.B, c.C, key == "mcnemar_mid")), nil
		case "sign_test":
			return plain(stat.SignTest(c.D)), nil
		case "holm":
			return one(stat.Holm(c.P))
		case "benjamini_hochberg":
			return one(stat.BenjaminiHochberg(c.P))
		case "friedman":
			v, _, ok := stat.Friedman(c.S)
			if !ok {
				v = math.NaN()
			}
			return plain(v), nil
		case "kendall_w@1": // the rows are raters
			things := make([][]float64, len(c.S[0]))
			for _, row := range c.S {
				for j, v := range row {
					things[j] = append(things[j], v)
				}
			}
			return rated(key, things)
		case "nemenyi":
			return plain(stat.Nemenyi(len(c.S[0]), len(c.S))), nil
		case "wilcoxon_w", "wilcoxon_p":
			w, p := stat.Wilcoxon(c.D)
			if key == "wilcoxon_w" {
				return plain(w), nil
			}
			return plain(p), nil
		}
		return nil, fmt.Errorf("no test %s", key)
	}, nil
}

// agreement asks each metric about the ratings that it can read: those of which some
// are missing, categories, or numbers.
func agreement(in json.RawMessage) (answer, error) {
	var c agreementCase
	if err := json.Unmarshal(in, &c); err != nil {
		return nil, err
	}
	return func(key string) ([]metric.Result, error) {
		var rows [][]float64
		switch title(key) {
		case "icc@1":
			rows = c.Y
		case "krippendorff@1":
			for _, row := range c.Miss {
				u := make([]float64, len(row))
				for i, v := range row {
					if u[i] = math.NaN(); v != nil {
						u[i] = *v
					}
				}
				rows = append(rows, u)
			}
		default:
			for _, counts := range c.Counts {
				var u []float64
				for category, n := range counts {
					u = append(u, slices.Repeat([]float64{float64(category)}, int(n))...)
				}
				rows = append(rows, u)
			}
		}
		return rated(key, rows)
	}, nil
}

// rated is a metric of things with these ratings.
func rated(key string, rows [][]float64) ([]metric.Result, error) {
	use, p := params(key)
	m, faults := metric.BindUnits(use, p)
	if faults != nil {
		return nil, fmt.Errorf("%v", faults)
	}
	g := m.Measure.New(nil)
	for _, r := range rows {
		g.Add(&stat.Rated{Ratings: r}, 0)
	}
	return []metric.Result{m.Result(g)}, nil
}
