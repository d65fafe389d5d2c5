package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
)

// A library takes milliseconds for what its formula takes microseconds for, so
// that 100,000 cases of every metric are out of its reach. Each family therefore
// has its definitions written out once more, the slow and plain way: every pair
// compared, every set enumerated, no code shared with package metric. What is
// written out answers for the cases of the library too, and so is itself compared
// with the library wherever there is one.

// definition is what is written out of one family.
type definition struct {
	// draw makes a case, and the keys that are asked about it.
	draw func(r *rng) (in any, keys []string)
	// want is a metric's value by its definition, NaN where undefined; false for a
	// key that is not written out.
	want func(in json.RawMessage) (func(key string) (float64, bool), error)
}

// define makes a definition of cases of type C.
func define[C any](draw func(r *rng) (*C, []string), want func(c *C, key string) (float64, bool)) *definition {
	return &definition{
		draw: func(r *rng) (any, []string) { return draw(r) },
		want: func(in json.RawMessage) (func(key string) (float64, bool), error) {
			var c C
			if err := json.Unmarshal(in, &c); err != nil {
				return nil, err
			}
			return func(key string) (float64, bool) { return want(&c, key) }, nil
		},
	}
}

// rng draws cases. Its seed is hashed: neighbouring seeds of one generator may
// give shifted copies of one stream.
type rng struct{ *rand.Rand }

func newRNG(family, seed string, i int) *rng {
	h := fnv.New128a()
	fmt.Fprintf(h, "%s\n%s\n%d", family, seed, i)
	b := h.Sum(nil)
	word := func(b []byte) (x uint64) {
		for _, v := range b {
			x = (x ^ uint64(v)) * 0x9e3779b97f4a7c15
			x ^= x >> 29
		}
		return x
	}
	return &rng{rand.New(rand.NewPCG(word(b), word(b[8:])))}
}

func pick[T any](r *rng, of ...T) T { return of[r.IntN(len(of))] }

func (r *rng) chance(p float64) bool { return r.Float64() < p }

// size is how many rows a case has: none, few, or rarely many.
func (r *rng) size() int { return pick(r, 0, 1, 2, 3, 4, 5, 6, 8, 12, 20) }

// prob draws a probability: any, of a coarse grid, constant, or extreme.
func (r *rng) prob(style int) float64 {
	switch style {
	case 0:
		return r.Float64()
	case 1:
		return float64(r.IntN(5)) / 4
	case 2:
		return 0.5
	}
	return pick(r, 0, 1, 0x1p-60, 1-0x1p-53, 0x1p-53, 0.25)
}

// value draws a number: any, few, far from 0, of any size, or constant.
func (r *rng) value(style int) float64 {
	switch style {
	case 0:
		return r.Float64()
	case 1:
		return float64(r.IntN(7)) - 3
	case 2:
		return 1048576 + r.Float64()
	case 3:
		return math.Ldexp(r.Float64()-0.5, r.IntN(60)-30)
	}
	return 7
}

var none = math.NaN()

// over is a/b, undefined for b = 0.
func over(a, b float64) float64 {
	if b == 0 {
		return none
	}
	return a / b
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func meanOver(x []float64) float64 { return over(sum(x), float64(len(x))) }

// checkWritten draws cases of a family, computes its metrics and compares them
// with what is written out.
func checkWritten(r *Report, family, seed string, cases int) error {
	d := definitions[family]
	if d == nil {
		return nil
	}
	if r.Written == nil {
		r.Written = map[string]*Deviation{}
	}
	// A metric that is drawn in a part of the cases only has as many values, too.
	fewest := func() (n int) {
		n = cases
		for _, d := range r.Written {
			n = min(n, d.Values)
		}
		return n
	}
	done := 0
	for i := 0; i < cases || i < 4*cases && fewest() < cases; i++ {
		done = i + 1
		drawn, keys := d.draw(newRNG(family, seed, i))
		in, err := json.Marshal(drawn)
		if err != nil {
			return err
		}
		got, err := families[family](in)
		if err != nil {
			return err
		}
		want, err := d.want(in)
		if err != nil {
			return err
		}
		for _, key := range keys {
			results, err := got(key)
			if err != nil {
				return fmt.Errorf("%s case %d, %s: %w", family, i, key, err)
			}
			w, ok := want(key)
			if !ok || len(results) != 1 {
				return fmt.Errorf("%s case %d: %s is not written out", family, i, key)
			}
			r.compare(r.Written, key, results[0], w, in)
		}
	}
	r.WrittenCases = done
	return nil
}

// verify compares what is written out with the library, on the library's case.
func (r *Report) verify(family string, in json.RawMessage, want map[string]any) error {
	d := definitions[family]
	if d == nil {
		return nil
	}
	of, err := d.want(in)
	if err != nil {
		return err
	}
	if r.Verified == nil {
		r.Verified = map[string]*Deviation{}
	}
	for key, w := range want {
		if v, ok := of(key); ok {
			r.compare(r.Verified, key, asResult(v), w, in)
		}
	}
	return nil
}

func asResult(v float64) metric.Result {
	if v-v != 0 {
		return metric.Undefined(0, "undefined")
	}
	return metric.Result{Value: v, Status: aihub.MetricOK}
}

// title is the name under which a key's deviation is kept.
func title(key string) string {
	name, _, _ := strings.Cut(key, " ")
	return name
}

func counts[T comparable](x []T) map[T]int {
	m := map[T]int{}
	for _, v := range x {
		m[v]++
	}
	return m
}

// midranks are the ranks from 1 in rising order; equal values share.
func midranks(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, a := range x {
		less, equal := 0, 0
		for _, b := range x {
			if b < a {
				less++
			}
			if b == a {
				equal++
			}
		}
		out[i] = float64(less) + float64(equal+1)/2
	}
	return out
}

// best is the largest sum of w over all ways to match rows with different
// columns, each or none; by trying them all.
func best(w [][]float64) float64 {
	if len(w) == 0 {
		return 0
	}
	var try func(i int, used []bool) float64
	try = func(i int, used []bool) float64 {
		if i == len(w) {
			return 0
		}
		most := try(i+1, used)
		for j := range used {
			if !used[j] {
				used[j] = true
				most = max(most, w[i][j]+try(i+1, used))
				used[j] = false
			}
		}
		return most
	}
	return try(0, make([]bool, len(w[0])))
}

func sortedDown(x []float64) []float64 {
	y := slices.Clone(x)
	slices.SortFunc(y, func(a, b float64) int {
		if a > b {
			return -1
		} else if a < b {
			return 1
		}
		return 0
	})
	return y
}
