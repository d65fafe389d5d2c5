package metric_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

func sd(x []float64) float64 {
	var mean, sum float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// twoScores are rows of which two scores know something, mostly the same.
type twoScores struct {
	truth  []metric.Code
	number []float64
	score  [2][]float64
	bucket []uint16
}

func newTwoScores(n, cluster int, boot *metric.Bootstrap) *twoScores {
	r := rand.New(rand.NewPCG(4, uint64(n)))
	d := &twoScores{}
	var common float64
	var y metric.Code
	for i := range n {
		if i%cluster == 0 {
			common, y = r.NormFloat64(), metric.Code(r.IntN(2))
		}
		d.truth = append(d.truth, y)
		d.number = append(d.number, float64(y)+r.NormFloat64())
		for k := range d.score {
			// Rounded, so that some are equal.
			x := common + float64(y) + []float64{0.3, 0.35}[k]*r.NormFloat64()
			d.score[k] = append(d.score[k], math.Round(x*200)/200)
		}
		d.bucket = append(d.bucket, boot.Bucket(fmt.Sprint("unit ", i/cluster)))
	}
	return d
}

// value scores rows, each as often as it is listed, in shards.
func (d *twoScores) value(m metric.Metric, k int, rows []int, shards int) (metric.Result, []float64) {
	accs := make([]metric.Accumulator, shards)
	for s := range accs {
		accs[s] = m.New()
		b := &metric.Block{Pred: []metric.Column{{}}}
		for at := s; at < len(rows); at += shards {
			i := rows[at]
			b.Rows++
			b.Bucket = append(b.Bucket, d.bucket[i])
			b.Pred[0].Flt = append(b.Pred[0].Flt, d.score[k][i])
			b.Truth.Class, b.Truth.Flt = append(b.Truth.Class, d.truth[i]), append(b.Truth.Flt, d.number[i])
		}
		accs[s].Add(b)
		if s > 0 {
			accs[0].Merge(accs[s])
		}
	}
	r := accs[0].Result()
	s, ok := accs[0].(metric.Sampler)
	if !ok {
		return r, nil
	}
	return r, s.Sample()
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// A metric that is no formula over sums is drawn, too: the spread of the
// difference of two scores over the same rows is that of drawing the rows again, and
// not that of two independent scores. Shards and the order of rows change no bit.
func TestDrawnPairs(t *testing.T) {
	boot := metric.NewBootstrap("pairs")
	const n, again = 1500, 300
	d := newTwoScores(n, 1, boot)
	for use, tolerance := range map[string]float64{
		"roc_auc@1": 0.12, "gini@1": 0.12, "average_precision@1": 0.3, "partial_auc@1": 0.3, "spearman@1": 0.3, "ks@1": 0.5, "medae@1": 0.5,
	} {
		info := scenarios.KnownMetrics[use]
		setup := metric.Setup{Column: "p", Boot: boot}
		if info.Needs == scenarios.NeedsScore {
			setup.Classes = []string{"no", "yes"}
		}
		m, faults := metric.Bind(use, setup)
		if faults != nil {
			t.Fatal(use, faults)
		}
		drawn := metric.Drawn(m, boot, info.Range, false)
		var sample [2][]float64
		var one metric.Result
		for k := range sample {
			one, sample[k] = d.value(drawn, k, upTo(n), 1)
			plain, _ := d.value(m, k, upTo(n), 1)
			if one.Value != plain.Value || one.Status != aihub.MetricOK || len(sample[k]) != metric.Replicates || one.Lo >= one.Value || one.Hi <= one.Value {
				t.Fatalf("%s: %+v, plainly %+v, %d draws", use, one, plain, len(sample[k]))
			}
		}
		back := upTo(n)
		slices.Reverse(back)
		if r, s := d.value(drawn, 1, back, 3); r != one || !slices.Equal(s, sample[1]) {
			t.Errorf("%s: in three shards, backwards: %+v, not %+v", use, r, one)
		}
		r := rand.New(rand.NewPCG(9, 9))
		var diff, single []float64
		for range again {
			rows := make([]int, n)
			for i := range rows {
				rows[i] = r.IntN(n)
			}
			a, _ := d.value(m, 0, rows, 1)
			b, _ := d.value(m, 1, rows, 1)
			diff, single = append(diff, a.Value-b.Value), append(single, a.Value)
		}
		got, want := sd(minus(sample[0], sample[1])), sd(diff)
		t.Logf("%s: spread of the difference %.5f, drawn again %.5f; of one %.5f, %.5f; if independent %.5f", use, got, want, sd(sample[0]), sd(single), sd(single)*math.Sqrt2)
		if math.Abs(got/want-1) > tolerance || math.Abs(sd(sample[0])/sd(single)-1) > tolerance {
			t.Errorf("%s: spread of the difference %.5f, drawn again %.5f; of one %.5f, %.5f", use, got, want, sd(sample[0]), sd(single))
		}
	}
}

// DeLong's interval of rows is that of the placements by bucket when a unit is a
// row, and too narrow when units are clusters of rows that are alike.
func TestDrawnClusters(t *testing.T) {
	boot := metric.NewBootstrap("clusters")
	for _, c := range []struct {
		cluster  int
		from, to float64
	}{{1, 0.93, 1.07}, {16, 2.5, 4.5}} {
		d := newTwoScores(4800, c.cluster, boot)
		m, _ := metric.Bind("roc_auc@1", metric.Setup{Column: "p", Boot: boot, Classes: []string{"no", "yes"}})
		rows, _ := d.value(m, 0, upTo(4800), 1)
		units, sample := d.value(metric.Drawn(m, boot, [2]float64{0, 1}, true), 0, upTo(4800), 2)
		ratio := (units.Hi - units.Lo) / (rows.Hi - rows.Lo)
		t.Logf("clusters of %d: interval of rows %.4f, of units %.4f", c.cluster, rows.Hi-rows.Lo, units.Hi-units.Lo)
		if units.Value != rows.Value || ratio < c.from || ratio > c.to || math.Abs(sd(sample)*2*1.96/(units.Hi-units.Lo)-1) > 0.08 {
			t.Errorf("clusters of %d: interval of rows %+v, of units %+v: %.2f times as wide", c.cluster, rows, units, ratio)
		}
	}
}

// Boxes are drawn by image. Of few images nothing is known.
func TestDrawnUnits(t *testing.T) {
	boot := metric.NewBootstrap("boxes")
	m, faults := metric.BindUnits("coco_ap@1", nil)
	if faults != nil {
		t.Fatal(faults)
	}
	const n, again = 300, 100
	r := rand.New(rand.NewPCG(7, 7))
	var images [2][]*vision.Image
	var bucket []uint16
	for i := range n {
		two := [2]*vision.Image{{ID: int64(i)}, {ID: int64(i)}}
		for range 1 + r.IntN(3) {
			x, y := 400*r.Float64(), 400*r.Float64()
			o := vision.Object{Class: r.IntN(2), Box: [4]float64{x, y, 40, 40}, Area: 1600}
			off, score := 8*r.NormFloat64(), r.Float64()
			for k := range two {
				two[k].Truth = append(two[k].Truth, o)
				p := o
				p.Box[0] += off + float64(k+1)*r.NormFloat64()
				p.Score = score
				two[k].Pred = append(two[k].Pred, p)
			}
		}
		for k := range two {
			images[k] = append(images[k], two[k])
		}
		bucket = append(bucket, boot.Bucket(fmt.Sprint(i)))
	}
	measure := metric.DrawnUnits(m.Measure, m.Value, boot, [2]float64{0, 1})
	run := func(measure metric.Measure, k, shards int, rows []int) (metric.Result, []float64) {
		gathers := make([]metric.Gather, shards)
		for s := range gathers {
			gathers[s] = measure.New(boot)
		}
		for at, i := range rows {
			im := *images[k][i]
			im.ID = int64(at)
			gathers[at%shards].Add(&im, bucket[i])
		}
		for _, g := range gathers[1:] {
			gathers[0].Merge(g)
		}
		res := gathers[0].Result(m.Value)
		if s, ok := gathers[0].(metric.Sampler); ok {
			return res, s.Sample()
		}
		return res, nil
	}
	a, sa := run(measure, 0, 1, upTo(n))
	_, sb := run(measure, 1, 1, upTo(n))
	plain, _ := run(m.Measure, 0, 1, upTo(n))
	if a.Value != plain.Value || a.Lo >= a.Value || a.Hi <= a.Value || len(sa) != metric.Replicates {
		t.Fatalf("%+v, plainly %+v", a, plain)
	}
	if x, s := run(measure, 0, 3, upTo(n)); x != a || !slices.Equal(s, sa) {
		t.Errorf("in three shards %+v, not %+v", x, a)
	}
	var diff []float64
	for range again {
		rows := make([]int, n)
		for i := range rows {
			rows[i] = r.IntN(n)
		}
		x, _ := run(m.Measure, 0, 1, rows)
		y, _ := run(m.Measure, 1, 1, rows)
		diff = append(diff, x.Value-y.Value)
	}
	got, want := sd(minus(sa, sb)), sd(diff)
	t.Logf("spread of the difference %.5f, drawn again %.5f", got, want)
	if math.Abs(got/want-1) > 0.35 {
		t.Errorf("spread of the difference %.5f, drawn again %.5f", got, want)
	}
	if few, s := run(measure, 0, 1, upTo(15)); s != nil || few.Lo != 0 || few.Hi != 0 {
		t.Errorf("of 15 images: %+v, %d draws", few, len(s))
	}
}
