package lattice

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var names = []string{"age", "sex", "area", "work"}

// golden is what testdata/reference.py found by looking at every node.
type golden struct {
	Hierarchies map[string]string
	Rows        [][]string
	Cases       []struct {
		K           int
		Limit, L, T float64
		Arithmetic  bool
		Best        []Node
	}
}

func load(t testing.TB) (g golden, p Problem, ill []uint32) {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		h, fs := Parse(n, g.Hierarchies[n])
		if fs != nil {
			t.Fatal(fs)
		}
		codes := make([]uint32, len(g.Rows))
		for r, row := range g.Rows {
			c, ok := h.Code(row[i])
			if !ok {
				t.Fatal(row)
			}
			codes[r] = c
		}
		p.Dims, p.Codes = append(p.Dims, h), append(p.Codes, codes)
	}
	seen := map[string]uint32{}
	for _, row := range g.Rows {
		if _, ok := seen[row[4]]; !ok {
			seen[row[4]] = uint32(len(seen))
		}
		ill = append(ill, seen[row[4]])
	}
	return g, p, ill
}

func TestSearchAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	g, p, ill := load(t)
	whole := make([]float64, 4)
	for _, v := range ill {
		whole[v] += 1 / float64(len(ill))
	}
	for _, c := range g.Cases {
		p.K, p.MaxSuppression, p.Arithmetic, p.Sensitive = c.K, c.Limit, c.Arithmetic, nil
		if c.L > 0 || c.T > 0 {
			p.Sensitive = []Sensitive{{Codes: ill, N: 4, Fails: func(n []uint32) bool {
				rows, distinct, apart := 0.0, 0.0, 0.0
				for _, x := range n {
					rows += float64(x)
					distinct += min(1, float64(x))
				}
				for v, x := range n {
					apart += math.Abs(float64(x)/rows-whole[v]) / 2
				}
				return distinct < c.L || c.T > 0 && apart > c.T
			}}}
		}
		var last uint64
		p.Progress = func(done, total uint64) {
			if done < last || total != 120 {
				t.Error(done, last, total)
			}
			last = done
		}
		res, err := Search(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.Best, res.Best, cmpopts.EquateApprox(0, 1e-9), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%+v: %s", c, d)
		}
		if res.Nodes != 5*2*3*4 || res.Checked > res.Nodes || last != res.Nodes {
			t.Errorf("%d of %d checked, progress to %d", res.Checked, res.Nodes, last)
		}
	}
}

// Pruning changes nothing: against a search that keeps every node.
func TestPruningIsExact(t *testing.T) {
	t.Parallel()
	_, p, _ := load(t)
	for k := 2; k < 60; k += 7 {
		p.K, p.MaxSuppression, p.Keep = k, float64(k%3)*0.1, 1000
		all, err := Search(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		p.Keep = 3
		few, err := Search(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(all.Best[:min(3, len(all.Best))], few.Best); d != "" {
			t.Error(k, d)
		}
		if few.Checked >= all.Checked && len(all.Best) > 10 {
			t.Errorf("%d nodes checked of %d", few.Checked, all.Checked)
		}
	}
}

// A column that has no levels of its own makes classes and loses nothing.
func TestFixed(t *testing.T) {
	t.Parallel()
	h, _ := Parse("x", "a;*\nb;*")
	p := Problem{K: 2, Dims: []*Hierarchy{h, Fixed("y", 2)}, Codes: [][]uint32{{0, 0, 1, 1, 0, 1}, {0, 0, 0, 0, 1, 1}}}
	res, err := Search(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := []Node{{Levels: []int{1, 0}, Loss: 1, Rows: 6, Classes: 2, K: 2, Largest: 4}}
	if d := cmp.Diff(want, res.Best); d != "" {
		t.Error(d)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Search(ctx, p); err == nil {
		t.Error("a cancelled search went on")
	}
}

func TestParseFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "line 1",
		"a":                      "line 1",
		"a;x\nb":                 "line 2",
		"a;x\na;y":               "line 2",
		"a;x;*\nb;x;-":           "line 2",
		strings.Repeat("a;", 70): "line 1",
	} {
		if _, fs := Parse("q", text); len(fs) == 0 || fs[0].Where != want || fs[0].Message.ZH == "" {
			t.Errorf("%q: %+v", text, fs)
		}
	}
	var big []string
	for i := range 50 {
		h, _ := Parse("q", "a;"+strings.Repeat("*;", 50)+"*\nb;"+strings.Repeat("*;", 50)+"*")
		_ = i
		big = append(big, h.Name)
	}
	h, _ := Parse("q", "a;"+strings.Repeat("*;", 50)+"*")
	var p Problem
	for range big {
		p.Dims, p.Codes = append(p.Dims, h), append(p.Codes, []uint32{0})
	}
	if _, err := Search(context.Background(), p); err == nil {
		t.Error("a lattice of 51^50 nodes was searched")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a;x;*\nb;y;*")
	f.Add("a;x\r\nb;x")
	f.Fuzz(func(t *testing.T, text string) {
		h, fs := Parse("q", text)
		if (h == nil) == (fs == nil) {
			t.Fatal("a hierarchy and faults, or neither")
		}
		if h == nil {
			return
		}
		for l := range h.Levels() - 1 {
			for v, up := range h.up[l] {
				if h.share[l+1][up] < h.share[l][v] {
					t.Fatal("a share shrinks upwards")
				}
			}
		}
	})
}

// cpuTime is the processor time that this process took so far, in ns.
func cpuTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// million is a million rows over 288 nodes (4 x 4 x 3 x 3 x 2), k = 5 and 5 %
// suppression.
func million(b *testing.B) Problem {
	const rows = 1_000_000
	rng := rand.New(rand.NewPCG(1, 1))
	var p Problem
	for d, shape := range [][]int{{100, 20, 5, 1}, {60, 12, 4, 1}, {40, 8, 1}, {16, 4, 1}, {2, 1}} {
		var text strings.Builder
		for v := range shape[0] {
			fmt.Fprintf(&text, "%d", v)
			for l := 1; l < len(shape); l++ {
				at := v
				for k := 1; k <= l; k++ {
					at /= shape[k-1] / shape[k]
				}
				fmt.Fprintf(&text, ";%d-%d", l, at)
			}
			text.WriteString("\n")
		}
		h, fs := Parse(fmt.Sprint("q", d), text.String())
		if fs != nil {
			b.Fatal(fs)
		}
		codes := make([]uint32, rows)
		for r := range codes {
			codes[r] = uint32(min(float64(shape[0]-1), math.Abs(rng.NormFloat64())*float64(shape[0])/3))
		}
		p.Dims, p.Codes = append(p.Dims, h), append(p.Codes, codes)
	}
	p.K, p.MaxSuppression = 5, 0.05
	return p
}

func BenchmarkMillion(b *testing.B) {
	p := million(b)
	for _, keep := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("best%d", keep), func(b *testing.B) {
			p.Keep = keep
			start := cpuTime(b)
			defer func() { b.ReportMetric((cpuTime(b)-start)/float64(b.N), "cpu-ns/op") }()
			for b.Loop() {
				res, err := Search(context.Background(), p)
				if err != nil || len(res.Best) == 0 {
					b.Fatal(err)
				}
				b.ReportMetric(float64(res.Checked), "checked")
			}
		})
	}
}

// The search beside a plain writing of the same: for each node a map from the
// generalised rows to how many there are, made from the raw rows. Both must find
// one optimum. The figure is the processor time of the plain writing over ours.
func BenchmarkAgainstPlain(b *testing.B) {
	p := million(b)
	p.Keep = 1
	start := cpuTime(b)
	want := plain(b, p)
	theirs := cpuTime(b) - start
	start = cpuTime(b)
	for b.Loop() {
		res, err := Search(context.Background(), p)
		if err != nil || len(res.Best) == 0 {
			b.Fatal(err)
		}
		if d := cmp.Diff(want, res.Best[0], cmpopts.EquateApprox(0, 1e-9)); d != "" {
			b.Fatal(d)
		}
	}
	ours := (cpuTime(b) - start) / float64(b.N)
	b.ReportMetric(theirs, "plain-ns")
	b.ReportMetric(theirs/ours, "times")
}

func plain(b *testing.B, p Problem) (best Node) {
	s, err := newSearch(context.Background(), p) // for the definition of loss
	if err != nil {
		b.Fatal(err)
	}
	code := make([][][]uint32, len(s.dims)) // of a raw value, by dimension and level
	for d, h := range s.dims {
		at := make([]uint32, len(h.values[0]))
		for v := range at {
			at[v] = uint32(v)
		}
		for l := range h.Levels() {
			code[d] = append(code[d], append([]uint32(nil), at...))
			if l < len(h.up) {
				for v := range at {
					at[v] = uint32(h.up[l][at[v]])
				}
			}
		}
	}
	best.Loss = math.Inf(1)
	levels := make([]int, len(s.dims))
	for {
		classes := map[uint64]int64{}
		for r := range int(s.rows) {
			key := uint64(0)
			for i, d := range s.order {
				key |= uint64(code[i][levels[i]][p.Codes[d][r]]) << s.shift[i]
			}
			classes[key]++
		}
		node := Node{K: math.MaxInt64}
		bad := make([]float64, len(s.dims))
		for key, n := range classes {
			if n >= int64(p.K) {
				node.K, node.Largest, node.Classes = min(node.K, n), max(node.Largest, n), node.Classes+1
				continue
			}
			node.Suppressed += n
			for d, h := range s.dims {
				bad[d] += float64(n) * (1 - h.share[levels[d]][key>>s.shift[d]&s.mask[d]])
			}
		}
		node.Rows = s.rows - node.Suppressed
		node.Loss = s.aggregate(func(d int) float64 { return s.loss[d][levels[d]] + bad[d] })
		node.Levels = s.inOrder(levels)
		if node.Suppressed <= s.allowed && node.Loss < best.Loss {
			best = node
		}
		d := 0
		for ; d < len(levels); d++ {
			if levels[d]++; levels[d] < s.dims[d].Levels() {
				break
			}
			levels[d] = 0
		}
		if d == len(levels) {
			return best
		}
	}
}
