package metric

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"aihub"
)

// The generators below are those of testdata/golden.py, line for line.

func (s *splitmix) below(n int) int { return int(s.next() >> 11 % uint64(n)) }
func (s *splitmix) unit() float64   { return float64(s.next()>>11) * 0x1p-53 }
func (s *splitmix) size() int       { return []int{0, 1, 2, 3, 5, 10, 40, 120}[s.below(8)] }

func genClasses(r *splitmix) (*Block, int) {
	n, k := r.size(), 0
	k = 2 + r.below(6)
	kt := 1 + r.below(k)
	kp := 1 + r.below(k)
	noise := r.below(5)
	var t, p []Code
	for range n {
		y := r.below(kt)
		t = append(t, Code(y))
		if r.below(4) < noise {
			y = r.below(kp)
		}
		p = append(p, Code(y))
	}
	return &Block{Rows: n, Truth: Column{Class: t}, Pred: []Column{{Class: p}}}, k
}

func genProb(r *splitmix, style int) float64 {
	switch style {
	case 0:
		return r.unit()
	case 1:
		return float64(r.below(5)) / 4
	case 2:
		return 0.5
	case 3:
		return float64(float32(r.unit()))
	}
	return []float64{0, 1, 0x1p-60, 1 - 0x1p-53, 0x1p-53, 0.25}[r.below(6)]
}

func genBinary(r *splitmix) *Block {
	n, style, mode := r.size(), r.below(5), r.below(6)
	var t []Code
	var p []float64
	for range n {
		y := mode
		if mode > 1 {
			y = r.below(2)
		}
		x := genProb(r, style)
		if mode == 2 && y == 1 {
			x = max(x, genProb(r, style))
		}
		t, p = append(t, Code(y)), append(p, x)
	}
	return &Block{Rows: n, Truth: Column{Class: t}, Pred: []Column{{Flt: p}}}
}

func genMulti(r *splitmix) *Block {
	n, k := r.size(), 0
	k = 3 + r.below(3)
	b := &Block{Rows: n, Pred: make([]Column, k)}
	for range n {
		b.Truth.Class = append(b.Truth.Class, Code(r.below(k)))
		left := 1 << 20
		for j := range k - 1 {
			x := []int{0, left, r.below(left + 1), r.below(left + 1)}
			pick := x[r.below(4)]
			b.Pred[j].Flt = append(b.Pred[j].Flt, float64(pick)*0x1p-20)
			left -= pick
		}
		b.Pred[k-1].Flt = append(b.Pred[k-1].Flt, float64(left)*0x1p-20)
	}
	return b
}

func genValue(r *splitmix, style int) float64 {
	u := r.unit()
	switch style {
	case 0:
		return u
	case 1:
		return float64(r.below(7)) - 3
	case 2:
		return 1048576 + u
	case 3:
		return math.Ldexp(u-0.5, r.below(80)-40)
	case 4:
		return []float64{0, 1e300, -1e300, 1e-300, 1, -1}[r.below(6)]
	}
	return 7
}

func genNumbers(r *splitmix) *Block {
	n, st, sp, mode := r.size(), r.below(6), r.below(6), r.below(4)
	var t, p []float64
	for range n {
		y := genValue(r, st)
		f := genValue(r, sp)
		switch mode {
		case 0:
			f = y
		case 1:
			f = y + f
		}
		t, p = append(t, y), append(p, f)
	}
	return &Block{Rows: n, Truth: Column{Flt: t}, Pred: []Column{{Flt: p}}}
}

func bind(t testing.TB, use string, s Setup) Metric {
	t.Helper()
	m, faults := Bind(use, s)
	if faults != nil {
		t.Fatalf("%s: %v", use, faults)
	}
	return m
}

func names(k int) (c []string) {
	for i := range k {
		c = append(c, fmt.Sprint("c", i))
	}
	return c
}

type goldenMetric struct {
	use    string
	params map[string]any
}

// goldenCase makes case i of a family, and the metrics in the file's order.
func goldenCase(family string, i int) (*Block, Setup, []goldenMetric) {
	number := map[string]int{"class": 0, "binary": 1, "multi": 2, "number": 3}[family]
	first := splitmix(i*4 + number)
	r := splitmix(first.next())
	one := func(uses ...string) (g []goldenMetric) {
		for _, u := range uses {
			g = append(g, goldenMetric{use: u})
		}
		return g
	}
	switch family {
	case "class":
		b, k := genClasses(&r)
		return b, Setup{Classes: names(k), Column: "p"}, []goldenMetric{
			{use: "accuracy@1"}, {use: "balanced_accuracy@1"}, {use: "f1@1"},
			{"f1@1", map[string]any{"average": "micro"}}, {"f1@1", map[string]any{"average": "weighted"}}, {use: "mcc@1"},
		}
	case "binary":
		return genBinary(&r), Setup{Classes: names(2), Column: "p"}, one("roc_auc@1", "log_loss@1", "brier@1")
	case "multi":
		b := genMulti(&r)
		k := len(b.Pred)
		return b, Setup{Classes: names(k), Column: "p0", Group: []string{"p0", "p1", "p2", "p3", "p4"}[:k]}, one("log_loss@1", "brier@1")
	}
	return genNumbers(&r), Setup{Column: "p"}, one("mae@1", "mse@1", "rmse@1", "medae@1", "smape@1", "wape@1", "r2@1")
}

// TestGolden compares every metric with its reference on thousands of cases
// (testdata/golden.py says which reference, and where we deviate and why).
func TestGolden(t *testing.T) {
	f, err := os.Open("testdata/golden.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	worst := map[string]float64{}
	cases := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		cell := strings.Split(sc.Text(), ",")
		if strings.HasPrefix(cell[0], "#") {
			continue
		}
		i, err := strconv.Atoi(cell[1])
		if err != nil {
			t.Fatal(err)
		}
		b, setup, ms := goldenCase(cell[0], i)
		if len(cell) != len(ms)+2 {
			t.Fatalf("%s %d: %d values, want %d", cell[0], i, len(cell)-2, len(ms))
		}
		cases++
		for j, g := range ms {
			setup.Params = g.params
			m := bind(t, g.use, setup)
			acc := m.New()
			acc.Add(b)
			r := acc.Result()
			if cell[j+2] == "u" {
				if r.Status != aihub.MetricUndefined || r.Value != 0 || r.Reason == "" {
					t.Errorf("%s %d: %s = %+v, reference undefined", cell[0], i, m.Signature(), r)
				}
				continue
			}
			want, err := strconv.ParseFloat(cell[j+2], 64)
			if err != nil {
				t.Fatal(err)
			}
			// 15 digits are in the file; the reference's own sums carry some more
			// error for long cases. Errors of values like 1-x/y are relative to 1.
			dev := math.Abs(r.Value-want) / max(math.Abs(want), 1e-3)
			if r.Status == aihub.MetricUndefined || dev > 1e-12 {
				t.Errorf("%s %d: %s = %+v, reference %v", cell[0], i, m.Signature(), r, want)
			}
			worst[m.Signature()] = max(worst[m.Signature()], dev)
		}
	}
	if cases < 4000 {
		t.Errorf("only %d cases", cases)
	}
	t.Logf("%d cases; largest deviations: %v", cases, worst)
}
