// Command score times scoring beside scikit-learn and pandas, in CPU seconds and
// in one run, and prints whether each bar holds. `make bench-score` runs it.
//
// With -stream DIR it scores labels.parquet and preds.parquet in DIR, of any
// size and with equal ids in equal order, by accuracy, log loss and Brier score,
// beside a raw read of their bytes.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"aihub/evaluator"
	"aihub/evaluator/metric"
	"aihub/internal/pages"
	"aihub/scenarios"
)

func main() {
	pythons := flag.String("python", "python3", "interpreters with scikit-learn, pandas and pyarrow, by commas")
	rows := flag.Int("rows", 10_000_000, "rows in memory and in Parquet")
	csv := flag.Int("csv", 1_000_000, "rows of CSV")
	stream := flag.String("stream", "", "score the Parquet files in this directory, and nothing else")
	flag.Parse()
	if *stream != "" {
		streamed(*stream)
		return
	}
	dir, err := os.MkdirTemp("", "bench-score")
	check(err)
	defer os.RemoveAll(dir)
	list := strings.Split(*pythons, ",")
	python(list[0], "make", dir, *rows, *csv)
	b := bench{dir: dir, rows: *rows, csv: *csv}
	b.measure()
	for _, p := range list {
		var ref reference
		check(json.Unmarshal(python(p, "time", dir, *rows, *csv), &ref))
		b.compare(ref)
	}
	b.own()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type reference struct {
	Sklearn, Numpy, Pandas string
	Times                  map[string]struct {
		Seconds float64
		Value   *float64
	}
}

func python(interpreter, what, dir string, n ...int) []byte {
	args := []string{"evaluator/bench/score/reference.py", what, dir}
	for _, x := range n {
		args = append(args, fmt.Sprint(x))
	}
	cmd := exec.Command(interpreter, args...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONWARNINGS=ignore")
	out, err := cmd.Output()
	check(err)
	return out
}

// cpu returns the CPU seconds of this process.
func cpu() float64 {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// best is the least CPU time of three runs.
func best(f func()) float64 {
	least := math.Inf(1)
	for range 3 {
		runtime.GC()
		t := cpu()
		f()
		least = min(least, cpu()-t)
	}
	return least
}

type bench struct {
	dir       string
	rows, csv int
	seconds   map[string]float64
	values    map[string]float64
}

const block = 1 << 14

func raw[T int32 | float32](path string) []T {
	b, err := os.ReadFile(path)
	check(err)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func bind(use, column string, classes int, boot *metric.Bootstrap) metric.Accumulator {
	var names []string
	for i := range classes {
		names = append(names, fmt.Sprint(i))
	}
	m, faults := metric.Bind(use, metric.Setup{Classes: names, Column: column, Boot: boot})
	if faults != nil {
		check(fmt.Errorf("%s: %v", use, faults))
	}
	return m.New()
}

func (b *bench) measure() {
	b.seconds, b.values = map[string]float64{}, map[string]float64{}
	y10, h10 := raw[int32](b.dir+"/y10"), raw[int32](b.dir+"/h10")
	y, p32 := raw[int32](b.dir+"/y"), raw[float32](b.dir+"/p")
	p := make([]float64, len(p32))
	h := make([]int32, len(p32))
	bucket := make([]uint16, len(p32))
	for i, v := range p32 {
		p[i] = float64(v)
		if v >= .5 {
			h[i] = 1
		}
		bucket[i] = uint16(uint32(i) * 2654435761 >> 20)
	}
	one := func(name, use string, classes int, truth, class []int32, number []float64, boot *metric.Bootstrap) {
		b.seconds[name] = best(func() {
			acc := bind(use, "c", classes, boot)
			for lo := 0; lo < len(truth); lo += block {
				hi := min(lo+block, len(truth))
				x := &metric.Block{Rows: hi - lo, Bucket: bucket[lo:hi], Truth: metric.Column{Class: truth[lo:hi]}, Pred: []metric.Column{{}}}
				if class != nil {
					x.Pred[0].Class = class[lo:hi]
				} else {
					x.Pred[0].Flt = number[lo:hi]
				}
				acc.Add(x)
			}
			b.values[name] = acc.Result().Value
		})
	}
	boot := metric.NewBootstrap("bench")
	for _, x := range []struct {
		suffix string
		boot   *metric.Bootstrap
	}{{"", nil}, {"+ci", boot}} {
		one("accuracy"+x.suffix, "accuracy@1", 10, y10, h10, nil, x.boot)
		one("f1"+x.suffix, "f1@1", 10, y10, h10, nil, x.boot)
		one("log_loss"+x.suffix, "log_loss@1", 2, y, nil, p, x.boot)
		one("brier"+x.suffix, "brier@1", 2, y, nil, p, x.boot)
		one("auc"+x.suffix, "roc_auc@1", 2, y, nil, p, x.boot)
	}
	b.seconds["raw"] = best(func() { readRaw(b.dir) })
	b.seconds["parquet"] = best(func() {
		b.values["parquet"] = sum(scoreFiles(b.dir, "accuracy@1", "log_loss@1", "brier@1", "roc_auc@1"))
	})
	b.seconds["csv"] = best(func() { b.values["csv"] = b.join() })
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// readRaw reads both files' bytes.
func readRaw(dir string) {
	buf := make([]byte, 1<<20)
	for _, name := range []string{"labels.parquet", "preds.parquet"} {
		f, err := os.Open(filepath.Join(dir, name))
		check(err)
		for err == nil {
			_, err = f.Read(buf)
		}
		check(f.Close())
	}
}

// scan opens columns of a file.
func scan(path string, columns ...string) (*pages.Scan, *os.File) {
	f, err := os.Open(path)
	check(err)
	st, err := f.Stat()
	check(err)
	p, err := pages.Open(f, st.Size())
	check(err)
	var leaves []int
	for _, c := range columns {
		leaves = append(leaves, p.Leaf(c))
	}
	s, err := p.Scan(leaves...)
	check(err)
	return s, f
}

// scoreFiles scores files with equal ids in equal order.
func scoreFiles(dir string, uses ...string) []float64 {
	lt, lf := scan(dir+"/labels.parquet", "id", "y")
	defer lf.Close()
	pt, pf := scan(dir+"/preds.parquet", "id", "p")
	defer pf.Close()
	var accs []metric.Accumulator
	for _, use := range uses {
		accs = append(accs, bind(use, "c", 2, nil))
	}
	p, h := make([]float64, block), make([]int32, block)
	var left, right []pages.Run
	var i, j int // of them, used
	for {
		var err error
		if left == nil || i == left[0].N {
			if left, err = lt.Next(0); err == io.EOF {
				break
			}
			check(err)
			i = 0
		}
		if right == nil || j == right[0].N {
			if right, err = pt.Next(0); err == io.EOF {
				check(io.ErrUnexpectedEOF)
			}
			check(err)
			j = 0
		}
		n := min(left[0].N-i, right[0].N-j, block)
		if !slices.Equal(left[0].Values.Int64s()[i:i+n], right[0].Values.Int64s()[j:j+n]) {
			check(fmt.Errorf("ids differ"))
		}
		y := left[1].Values.Int32s()[i : i+n]
		for k, v := range right[1].Values.Floats()[j : j+n] {
			p[k] = float64(v)
			h[k] = int32(1 - math.Float32bits(v-.5)>>31)
		}
		number := &metric.Block{Rows: n, Truth: metric.Column{Class: y}, Pred: []metric.Column{{Flt: p[:n]}}}
		class := &metric.Block{Rows: n, Truth: metric.Column{Class: y}, Pred: []metric.Column{{Class: h[:n]}}}
		for k, use := range uses {
			if use == "accuracy@1" {
				accs[k].Add(class)
			} else {
				accs[k].Add(number)
			}
		}
		i, j = i+n, j+n
	}
	var values []float64
	for _, a := range accs {
		values = append(values, a.Result().Value)
	}
	return values
}

func csvSpec() scenarios.Spec {
	return scenarios.Spec{
		Input: scenarios.Input{Key: "id"},
		Output: scenarios.Output{File: "predictions.csv", Format: "csv", Columns: []scenarios.OutputColumn{
			{Name: "c", Type: "string", Classes: []string{"0", "1"}}, {Name: "p", Type: "float64", Range: []float64{0, 1}}}},
		Truth: scenarios.Truth{Column: "y", Type: "string", Classes: []string{"0", "1"}},
		Metrics: []scenarios.Metric{
			{ID: "a", Use: "accuracy@1", Prediction: "c", Primary: true, Direction: "max", OnUndefined: "worst"},
			{ID: "l", Use: "log_loss@1", Prediction: "p", Direction: "min", OnUndefined: "worst"},
			{ID: "u", Use: "roc_auc@1", Prediction: "p", Direction: "max", OnUndefined: "worst"}},
	}
}

// join checks, joins and scores the CSV files as a run's are.
func (b *bench) join() float64 {
	plan, err := evaluator.NewPlan(csvSpec(), "")
	check(err)
	got, err := evaluator.Scoring{Plan: plan, Key: "id", Dir: b.dir}.Run(context.Background(), b.dir+"/truth.csv", b.dir+"/predictions.csv")
	check(err)
	if got.Faults != nil {
		check(fmt.Errorf("%v", got.Faults))
	}
	var s float64
	for _, v := range got.Values {
		s += v.Value
	}
	return s
}

func row(name string, ours, other float64, ratio, bar float64, atLeast bool) {
	holds := "yes"
	if atLeast != (ratio >= bar) {
		holds = "NO"
	}
	sign := map[bool]string{true: ">=", false: "<="}[atLeast]
	fmt.Printf("%-44s %9.4f %9.4f %8.1fx  %s %4.1fx  %s\n", name, ours, other, ratio, sign, bar, holds)
}

func head(title string) {
	fmt.Printf("\n%s\n%-44s %9s %9s %9s  %8s  holds\n", title, "", "ours (s)", "other (s)", "ratio", "bar")
}

func (b *bench) compare(ref reference) {
	head(fmt.Sprintf("scikit-learn %s, numpy %s, pandas %s; %d rows, CSV %d; CPU seconds", ref.Sklearn, ref.Numpy, ref.Pandas, b.rows, b.csv))
	for _, x := range []struct {
		name string
		bar  float64
	}{{"accuracy", 50}, {"f1", 50}, {"log_loss", 50}, {"auc", 25}} {
		t := ref.Times[x.name]
		row(x.name+" in memory", b.seconds[x.name], t.Seconds, t.Seconds/b.seconds[x.name], x.bar, true)
		if d := math.Abs(*t.Value - b.values[x.name]); d > 1e-12 {
			fmt.Printf("  values differ by %g\n", d)
		}
	}
	four := ref.Times["binary_accuracy"].Seconds + ref.Times["log_loss"].Seconds + ref.Times["brier"].Seconds + ref.Times["auc"].Seconds
	row("four metrics, Parquet / sklearn without IO", b.seconds["parquet"], four, four/b.seconds["parquet"], 50, true)
	t := ref.Times["csv"]
	row("CSV join, checks, 3 metrics / pandas", b.seconds["csv"], t.Seconds, t.Seconds/b.seconds["csv"], 10, true)
	if d := math.Abs(*t.Value - b.values["csv"]); d > 1e-6 {
		fmt.Printf("  values differ by %g\n", d)
	}
}

func (b *bench) own() {
	head("our own; CPU seconds")
	row("four metrics, Parquet / raw read", b.seconds["parquet"], b.seconds["raw"], b.seconds["parquet"]/b.seconds["raw"], 8, false)
	var with, without float64
	for _, m := range []string{"accuracy", "f1", "log_loss", "brier", "auc"} {
		row(m+" with intervals / without", b.seconds[m+"+ci"], b.seconds[m], b.seconds[m+"+ci"]/b.seconds[m], 2, false)
		with, without = with+b.seconds[m+"+ci"], without+b.seconds[m]
	}
	row("all five with intervals / without", with, without, with/without, 2, false)
}

func streamed(dir string) {
	t, w := cpu(), time.Now()
	readRaw(dir)
	raw, rawWall := cpu()-t, time.Since(w)
	t, w = cpu(), time.Now()
	v := scoreFiles(dir, "accuracy@1", "log_loss@1", "brier@1")
	took, wall := cpu()-t, time.Since(w)
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	fmt.Printf("accuracy %.12f, log loss %.12f, Brier %.12f\nraw read %.2f CPU s (%s); scored %.2f CPU s (%s); %.1fx; peak %d MiB\n",
		v[0], v[1], v[2], raw, rawWall.Round(time.Millisecond), took, wall.Round(time.Millisecond), took/raw, u.Maxrss>>10)
}
