package metric

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
)

// The intervals of an AUC and of metrics that are drawn are those that plain writings
// of the published formulas give; see testdata/intervals.py.
func TestIntervalsAsWritten(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/intervals.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases struct {
		DeLong []struct {
			Truth       []Code
			Score       []float64
			AUC, Lo, Hi float64
		}
		Bootstrap []struct {
			Seed, Keys       string
			Truth, Pred, One []Code
			X, Y, Q          []float64
			Of               map[string][3]float64
		}
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.DeLong) < 30 || len(cases.Bootstrap) < 2 {
		t.Fatalf("%d and %d cases", len(cases.DeLong), len(cases.Bootstrap))
	}
	same := func(name string, r Result, want [3]float64) {
		t.Helper()
		for i, v := range [3]float64{r.Value, r.Lo, r.Hi} {
			if !(math.Abs(v-want[i]) <= 1e-12) {
				t.Errorf("%s: %v in [%v, %v], want %v", name, r.Value, r.Lo, r.Hi, want)
				return
			}
		}
	}
	run := func(m Metric, b *Block) Result {
		acc := m.New()
		acc.Add(b)
		return acc.Result()
	}
	boot := NewBootstrap("no draw is made")
	for i, c := range cases.DeLong {
		m := bind(t, "roc_auc@1", Setup{Classes: names(2), Column: "p", Boot: boot})
		b := &Block{Rows: len(c.Truth), Truth: Column{Class: c.Truth}, Pred: []Column{{Flt: c.Score}}, Bucket: make([]uint16, len(c.Truth))}
		same(fmt.Sprintf("AUC %d", i), run(m, b), [3]float64{c.AUC, c.Lo, c.Hi})
	}
	for _, c := range cases.Bootstrap {
		boot := NewBootstrap(c.Seed)
		bucket := make([]uint16, len(c.Truth))
		for i := range bucket {
			bucket[i] = boot.Bucket(fmt.Sprint(c.Keys, i))
		}
		if len(c.Of) != 4 {
			t.Fatalf("%d metrics", len(c.Of))
		}
		for use, want := range c.Of {
			s, truth, pred := Setup{Column: "p", Boot: boot}, Column{Flt: c.X}, Column{Flt: c.Y}
			switch use {
			case "brier@1":
				s.Classes, truth, pred = names(2), Column{Class: c.One}, Column{Flt: c.Q}
			case "accuracy@1", "f1@1":
				s.Classes, truth, pred = names(3), Column{Class: c.Truth}, Column{Class: c.Pred}
			}
			b := &Block{Rows: len(bucket), Truth: truth, Pred: []Column{pred}, Bucket: bucket}
			same(c.Seed+", "+use, run(bind(t, use, s), b), want)
		}
	}
}
