package metric

import (
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/scenarios"

	"pgregory.net/rapid"
)

func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64), 0, 60).Draw(t, "xs")
		var s, left, right Sum
		want := new(big.Rat)
		for i, x := range xs {
			s.Add(x)
			if i%2 == 0 {
				left.Add(x)
			} else {
				right.Add(x)
			}
			want.Add(want, new(big.Rat).SetFloat64(x))
		}
		left.Merge(&right)
		w, _ := want.Float64()
		if got := s.Float(); got != w || left.Float() != w {
			t.Fatalf("sum %v, merged %v, want %v", got, left.Float(), w)
		}
		n := int64(len(xs) + 1)
		m, _ := want.Quo(want, new(big.Rat).SetInt64(n)).Float64()
		if got := s.Mean(n); got != m {
			t.Fatalf("mean %v, want %v", got, m)
		}
	})
}

func TestSumCarries(t *testing.T) {
	var s Sum
	for range 100 {
		s.Add(-math.MaxFloat64)
		s.adds = maxAdds - 1 // as after 2^30 additions
		s.Add(math.MaxFloat64)
		s.Add(math.SmallestNonzeroFloat64)
	}
	if got, want := s.Float(), 100*math.SmallestNonzeroFloat64; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	s.Add(math.Inf(1))
	if s.Finite() {
		t.Error("an infinite value left no trace")
	}
}

func TestSumSquares(t *testing.T) {
	var s Sum
	s.AddSquare(1e8 + 1e-8)
	s.Add(-1e16)
	x := new(big.Rat).SetFloat64(1e8 + 1e-8)
	want, _ := x.Sub(x.Mul(x, x), new(big.Rat).SetFloat64(1e16)).Float64()
	if got := s.Float(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLn(t *testing.T) {
	makeLn()
	r := rand.New(rand.NewPCG(1, 2))
	worst, at := 0.0, 0.0
	check := func(x float64) {
		got, want := ln(x), bigLnOf(x)
		ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
		if want == 0 {
			if got != 0 {
				t.Fatalf("ln 1 = %v", got)
			}
			return
		}
		if d := math.Abs(got-want) / ulp; d > worst {
			worst, at = d, x
		}
	}
	for range 5000 {
		check(r.Float64())
		check(math.Ldexp(1+r.Float64(), r.IntN(2000)-1000))
		check(1 + (r.Float64()-0.5)/64)
	}
	for _, x := range []float64{1, 0x1p-52, 1 - 0x1p-52, 1 + 0x1p-52, math.MaxFloat64, 0x1p-1022, math.Sqrt2, 1 / math.Sqrt2, 0.5, 2} {
		check(x)
	}
	if worst > 1.5 {
		t.Errorf("off by %.2f units in the last place at %v", worst, at)
	}
	t.Logf("largest error %.2f units in the last place, at %v", worst, at)
}

// bigLnOf is ln x from the 120-bit series.
func bigLnOf(x float64) float64 {
	m, k := math.Frexp(x)
	l := bigLn(m)
	two := bigLn(2)
	l.Add(l, new(big.Float).SetPrec(140).Mul(two, new(big.Float).SetInt64(int64(k))))
	v, _ := l.Float64()
	return v
}

// every binds each metric once for classes, probabilities and numbers, and
// gives rows that suit it.
func every(t testing.TB, boot *Bootstrap, n int, seed uint64) map[string]struct {
	m Metric
	b *Block
} {
	r := splitmix(seed)
	class := &Block{Rows: n, Pred: make([]Column, 1)}
	prob := &Block{Rows: n, Pred: make([]Column, 1)}
	multi := &Block{Rows: n, Pred: make([]Column, 3)}
	num := &Block{Rows: n, Pred: make([]Column, 1)}
	bounds := &Block{Rows: n, Pred: make([]Column, 2)}
	for range n {
		y := Code(r.below(3))
		class.Truth.Class = append(class.Truth.Class, y)
		class.Pred[0].Class = append(class.Pred[0].Class, Code(r.below(4))-1) // some of no class
		prob.Truth.Class = append(prob.Truth.Class, y&1)
		prob.Pred[0].Flt = append(prob.Pred[0].Flt, float64(r.below(1000))/999)
		a, b := r.unit()/2, r.unit()/2
		multi.Truth.Class = append(multi.Truth.Class, y)
		for j, p := range []float64{a, b, 1 - a - b} {
			multi.Pred[j].Flt = append(multi.Pred[j].Flt, p)
		}
		v := math.Ldexp(r.unit()-0.5, r.below(60))
		num.Truth.Flt = append(num.Truth.Flt, v)
		num.Pred[0].Flt = append(num.Pred[0].Flt, v+r.unit())
		bounds.Pred[0].Flt = append(bounds.Pred[0].Flt, v-1)
		bounds.Pred[1].Flt = append(bounds.Pred[1].Flt, v+r.unit())
	}
	bounds.Truth = num.Truth
	positive := &Block{Rows: n, Pred: make([]Column, 1)} // for metrics with a domain
	for i, v := range num.Truth.Flt {
		positive.Truth.Flt = append(positive.Truth.Flt, math.Abs(v))
		positive.Pred[0].Flt = append(positive.Pred[0].Flt, math.Abs(num.Pred[0].Flt[i]))
	}
	for i, b := range []*Block{class, prob, multi, num, bounds, positive} {
		if boot != nil {
			b.Bucket = make([]uint16, n)
			for j := range b.Bucket {
				b.Bucket[j] = boot.Bucket(strings.Repeat("k", i) + string(rune('0'+j%997)))
			}
		}
	}
	out := map[string]struct {
		m Metric
		b *Block
	}{}
	add := func(use string, s Setup, b *Block) {
		s.Boot = boot
		m := bind(t, use, s)
		out[m.Signature()] = struct {
			m Metric
			b *Block
		}{m, b}
	}
	for _, d := range All() {
		params := map[string]any{}
		for _, p := range d.Params {
			if p.Required {
				params[p.Name] = 2.5
			}
			if p.Name == upParam {
				add(d.Use, Setup{Column: "p", Params: map[string]any{upParam: "u"}}, bounds)
			}
		}
		if len(d.Params) > 0 && slices.ContainsFunc(d.Params, func(p scenarios.ParamInfo) bool { return p.Name == upParam }) {
			continue
		}
		switch d.Needs {
		case scenarios.NeedsClass:
			add(d.Use, Setup{Classes: names(3), Column: "p", Params: needed(d, params, "c1")}, class)
		case scenarios.NeedsScore:
			add(d.Use, Setup{Classes: names(2), Column: "p"}, prob)
		case scenarios.NeedsProbability:
			add(d.Use, Setup{Classes: names(2), Column: "p"}, prob)
			add(d.Use, Setup{Classes: names(3), Column: "a", Group: []string{"a", "b", "c"}}, multi)
		case scenarios.NeedsNumber:
			b := num
			if strings.Contains(d.Use, "deviance") || strings.Contains(d.Use, "msle") {
				b = positive
			}
			add(d.Use, Setup{Column: "p", Params: params}, b)
		}
	}
	for _, use := range []string{"f1@1", "precision@1", "fbeta@1"} {
		add(use, Setup{Classes: names(3), Column: "p", Params: map[string]any{"average": "weighted"}}, class)
	}
	for _, average := range []string{"ovr_weighted", "ovo_macro"} {
		add("roc_auc_multi@1", Setup{Classes: names(3), Column: "a", Group: []string{"a", "b", "c"}, Params: map[string]any{"average": average}}, multi)
	}
	add("kappa@1", Setup{Classes: names(3), Column: "p", Params: map[string]any{"weights": "quadratic"}}, class)
	add("cost@1", Setup{Classes: names(3), Column: "p", Params: map[string]any{"costs": "0,1,2;0.3,0,1;7,1e6,0"}}, class)
	return out
}

// needed adds to the required parameters what three classes cannot do without.
func needed(d *Def, required map[string]any, positive string) map[string]any {
	if slices.ContainsFunc(d.Params, func(p scenarios.ParamInfo) bool { return p.Name == posParam }) {
		required[posParam] = positive
	}
	return required
}

// pick returns the rows of b in the order of idx.
func pick(b *Block, idx []int) *Block {
	out := &Block{Rows: len(idx), Pred: make([]Column, len(b.Pred))}
	col := func(c Column) (o Column) {
		for _, i := range idx {
			if c.Class != nil {
				o.Class = append(o.Class, c.Class[i])
			} else {
				o.Flt = append(o.Flt, c.Flt[i])
			}
		}
		return o
	}
	out.Truth = col(b.Truth)
	for j := range b.Pred {
		out.Pred[j] = col(b.Pred[j])
	}
	if b.Bucket != nil {
		for _, i := range idx {
			out.Bucket = append(out.Bucket, b.Bucket[i])
		}
	}
	return out
}

// withInterval has one metric of each way to an interval: they take a while.
var withInterval = map[string]bool{
	"accuracy@1": true, "f1@1": true, "kappa@1": true, "r2@1": true, "log_loss@1": true,
	"mape@1": true, "pearson@1": true, "roc_auc@1": true, "gini@1": true,
}

// TestOrderAndShards: whatever the order of rows, the cut in blocks and the
// sharding, every bit of the result is the same, interval and draws included.
func TestOrderAndShards(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 37, 6000} {
		var boot *Bootstrap
		if n == 6000 {
			boot = NewBootstrap("round")
		}
		for sig, x := range every(t, boot, n, uint64(n)) {
			if use, _, _ := strings.Cut(sig, "|"); boot != nil && !withInterval[use] {
				continue
			}
			if boot != nil { // as a primary metric
				x.m = Drawn(x.m, boot, [2]float64{math.Inf(-1), math.Inf(1)}, false)
			}
			draws := func(acc Accumulator) []float64 {
				if s, ok := acc.(Sampler); ok {
					return s.Sample()
				}
				return nil
			}
			acc := x.m.New()
			acc.Add(x.b)
			want := acc.Result()
			drawn := slices.Clone(draws(acc))
			if boot != nil && len(drawn) != Replicates {
				t.Fatalf("%s: %d draws", sig, len(drawn))
			}
			if again := acc.Result(); again != want {
				t.Errorf("%s: asked twice: %+v, then %+v", sig, want, again)
			}
			r := rand.New(rand.NewPCG(uint64(n), 7))
			for range 2 {
				idx := r.Perm(n)
				shards := make([]Accumulator, 1+r.IntN(5))
				for i := range shards {
					shards[i] = x.m.New()
				}
				for len(idx) > 0 {
					k := 1 + r.IntN(len(idx))
					shards[r.IntN(len(shards))].Add(pick(x.b, idx[:k]))
					idx = idx[k:]
				}
				r.Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
				for _, s := range shards[1:] {
					shards[0].Merge(s)
				}
				if got := shards[0].Result(); got != want {
					t.Fatalf("%s, %d rows: %+v shuffled in %d shards, want %+v", sig, n, got, len(shards), want)
				}
				if !slices.Equal(draws(shards[0]), drawn) {
					t.Fatalf("%s, %d rows: other draws shuffled in %d shards", sig, n, len(shards))
				}
			}
		}
	}
}

// TestNothingIsNaN: no input, finite or not, gives a NaN or an infinity.
func TestNothingIsNaN(t *testing.T) {
	evil := []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 0.5, 1e160}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 6).Draw(rt, "n")
		all := every(t, nil, n, rapid.Uint64().Draw(rt, "seed"))
		for _, sig := range slices.Sorted(maps.Keys(all)) {
			x := all[sig]
			for j := range x.b.Pred {
				if x.b.Pred[j].Flt != nil {
					x.b.Pred[j].Flt = rapid.SliceOfN(rapid.SampledFrom(evil), n, n).Draw(rt, "pred")
				}
			}
			if x.b.Truth.Flt != nil {
				x.b.Truth.Flt = rapid.SliceOfN(rapid.SampledFrom(evil), n, n).Draw(rt, "truth")
			}
			acc := x.m.New()
			acc.Add(x.b)
			r := acc.Result()
			for _, v := range []float64{r.Value, r.Lo, r.Hi} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					rt.Fatalf("%s: %+v", sig, r)
				}
			}
			if r.Status == "" || (r.Status == aihub.MetricUndefined) != (r.Reason != "" && r.Status != aihub.MetricDegenerate) {
				rt.Fatalf("%s: %+v", sig, r)
			}
			if n == 0 && r.Reason != NoRows {
				rt.Fatalf("%s without rows: %+v", sig, r)
			}
		}
	})
}

// TestNaNNeverWins: one NaN score makes AUC undefined, it does not sort it
// above or below the others.
func TestNaNNeverWins(t *testing.T) {
	m := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p"})
	acc := m.New()
	acc.Add(&Block{Rows: 3, Truth: Column{Class: []Code{1, 0, 1}}, Pred: []Column{{Flt: []float64{math.NaN(), 0.1, 0.9}}}})
	if r := acc.Result(); r.Status != aihub.MetricUndefined || r.Reason != NotFinite {
		t.Errorf("got %+v", r)
	}
}

// Reasons that boards and stewards read.
func TestUndefinedAndDegenerate(t *testing.T) {
	two := Setup{Classes: names(2), Column: "p"}
	cls := func(y, p []Code) *Block {
		return &Block{Rows: len(y), Truth: Column{Class: y}, Pred: []Column{{Class: p}}}
	}
	num := func(y, p []float64) *Block {
		return &Block{Rows: len(y), Truth: Column{Flt: y}, Pred: []Column{{Flt: p}}}
	}
	for _, c := range []struct {
		use    string
		s      Setup
		b      *Block
		status aihub.MetricStatus
		reason string
		value  float64
	}{
		{"accuracy@1", two, cls(nil, nil), aihub.MetricUndefined, NoRows, 0},
		{"accuracy@1", two, cls([]Code{0, 1}, []Code{-1, 1}), aihub.MetricOK, "", 0.5},
		{"roc_auc@1", two, &Block{Rows: 1, Truth: Column{Class: []Code{1}}, Pred: []Column{{Flt: []float64{1}}}}, aihub.MetricUndefined, OneClass, 0},
		{"roc_auc@1", two, &Block{Rows: 2, Truth: Column{Class: []Code{1, 0}}, Pred: []Column{{Flt: []float64{0, math.Copysign(0, -1)}}}}, aihub.MetricOK, "", 0.5},
		{"mcc@1", two, cls([]Code{0, 1}, []Code{1, 1}), aihub.MetricDegenerate, ConstantEither, 0},
		{"f1@1", Setup{Classes: names(3), Column: "p"}, cls([]Code{0, 1}, []Code{0, 1}), aihub.MetricDegenerate, AbsentClass, 2.0 / 3},
		{"f1@1", Setup{Classes: names(3), Column: "p", Params: map[string]any{"zero_division": 1}}, cls([]Code{0, 1}, []Code{0, 1}), aihub.MetricDegenerate, AbsentClass, 1},
		{"r2@1", Setup{Column: "p"}, num([]float64{0.1, 0.1, 0.1}, []float64{0.1, 0.1, 0.1}), aihub.MetricUndefined, ConstantTruth, 0},
		{"wape@1", Setup{Column: "p"}, num([]float64{0, 0}, []float64{1, 0}), aihub.MetricUndefined, ZeroTruth, 0},
		{"smape@1", Setup{Column: "p"}, num([]float64{0, 0, math.MaxFloat64}, []float64{0, 5, -math.MaxFloat64}), aihub.MetricOK, "", 400.0 / 3},
		{"mse@1", Setup{Column: "p"}, num([]float64{1e200}, []float64{0}), aihub.MetricUndefined, NotFinite, 0},
		{"mae@1", Setup{Column: "p"}, num([]float64{1e308, 1e308}, []float64{0, 0}), aihub.MetricOK, "", 1e308},
		{"medae@1", Setup{Column: "p"}, num([]float64{5e-324, 1}, []float64{0, 1}), aihub.MetricOK, "", 0},
	} {
		acc := bind(t, c.use, c.s).New()
		acc.Add(c.b)
		if r := acc.Result(); r.Status != c.status || r.Reason != c.reason || r.Value != c.value {
			t.Errorf("%s: got %+v, want %s %s %v", c.use, r, c.status, c.reason, c.value)
		}
	}
}

func TestSignature(t *testing.T) {
	for _, c := range []struct {
		use  string
		s    Setup
		want string
	}{
		{"accuracy@1", Setup{Classes: names(2), Column: "p"}, "accuracy@1"},
		{"f1@1", Setup{Classes: names(2), Column: "p"}, "f1@1|average=macro|zero_division=0"},
		{"f1@1", Setup{Classes: names(2), Column: "p", Params: map[string]any{"average": "micro", "zero_division": uint64(1)}}, "f1@1|average=micro|zero_division=1"},
		{"log_loss@1", Setup{Classes: []string{"no", "a|b"}, Column: "p"}, `log_loss@1|columns=p|eps=2.220446049250313e-16|positive="a|b"`},
		{"log_loss@1", Setup{Classes: names(3), Column: "x", Params: map[string]any{"columns": []any{"x", "y", "z"}, "eps": 1e-15}}, "log_loss@1|columns=x,y,z|eps=1e-15"},
		{"roc_auc@1", Setup{Classes: names(3), Column: "p", Params: map[string]any{"positive": "c0"}}, "roc_auc@1|positive=c0"},
	} {
		if got := bind(t, c.use, c.s).Signature(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestBindFaults(t *testing.T) {
	for _, c := range []struct {
		use   string
		s     Setup
		where []string
	}{
		{"f1@2", Setup{Classes: names(2)}, []string{"use"}},
		{"f1", Setup{Classes: names(2)}, []string{"use"}},
		{"f1@1", Setup{Column: "p"}, []string{""}},
		{"mae@1", Setup{Classes: names(2), Column: "p"}, []string{""}},
		{"f1@1", Setup{Classes: names(2), Params: map[string]any{"average": "best", "zero_division": -1, "beta": 2}}, []string{"params.beta", "params.average", "params.zero_division"}},
		{"log_loss@1", Setup{Classes: names(3), Column: "p"}, []string{"params.positive"}},
		{"log_loss@1", Setup{Classes: names(3), Column: "p", Params: map[string]any{"columns": []any{"p", "p", "q"}}}, []string{"params.columns", "params.positive"}},
		{"log_loss@1", Setup{Classes: names(2), Column: "p", Params: map[string]any{"eps": math.NaN()}}, []string{"params.eps"}},
		{"log_loss@1", Setup{Classes: names(2), Column: "a", Group: []string{"a", "b"}, Params: map[string]any{"positive": "c1"}}, []string{"params.positive"}},
		{"roc_auc@1", Setup{Classes: names(2), Column: "p", Params: map[string]any{"positive": 1}}, []string{"params.positive"}},
	} {
		_, faults := Bind(c.use, c.s)
		var where []string
		for _, f := range faults {
			where = append(where, f.Where)
			if f.Message.EN == "" || f.Message.ZH == "" {
				t.Errorf("%s: a message is missing in one language: %+v", c.use, f)
			}
		}
		if !slices.Equal(where, c.where) {
			t.Errorf("%s %v: faults at %q, want %q", c.use, c.s, where, c.where)
		}
	}
}

// What a spec may name can be computed, and the other way round.
func TestRegistry(t *testing.T) {
	rows := 0 // TestUnitsRegistry looks at the others
	for use := range scenarios.KnownMetrics {
		if _, units := scenarios.UnitMetrics[use]; units || scenarios.KnownMetrics[use].Needs.Scorer() {
			continue
		}
		if rows++; Lookup(use) == nil {
			t.Errorf("a spec may use %s, but nothing computes it", use)
		}
	}
	if len(All()) != rows {
		t.Errorf("%d metrics, a spec knows %d", len(All()), rows)
	}
	if best := Lookup("mae@1").Best(); best != 0 {
		t.Errorf("the best MAE is %v", best)
	}
	if worst := Lookup("mcc@1").Worst(); worst != -1 {
		t.Errorf("the worst MCC is %v", worst)
	}
}
