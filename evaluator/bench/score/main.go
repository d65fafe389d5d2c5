// Command score times scoring beside scikit-learn and pandas, in CPU seconds and
// in one run, and prints whether each bar holds. `make bench-score` runs it.
//
// With -stream DIR it scores labels.parquet and preds.parquet in DIR, of any size,
// by AUC, accuracy, log loss and Brier score, beside a raw read of their bytes; with
// -ids, named.parquet under the ids of a run, which it makes where it is not there.
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
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"aihub/evaluator"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
)

func main() {
	pythons := flag.String("python", "python3", "interpreters with scikit-learn, pandas and pyarrow, by commas")
	rows := flag.Int("rows", 10_000_000, "rows in memory and in Parquet")
	csv := flag.Int("csv", 1_000_000, "rows of CSV")
	stream := flag.String("stream", "", "score the Parquet files in this directory, and nothing else")
	ids := flag.Bool("ids", false, "with -stream: under the ids of a run")
	wall := flag.String("wall", "", "print the seconds that the four metrics of the files in this directory take, and nothing else")
	flag.Parse()
	if *wall != "" {
		fmt.Println(fastest(func() { four(*wall, "") }))
		return
	}
	if *stream != "" {
		predictions := "preds.parquet"
		if *ids {
			if predictions = "named.parquet"; !exists(filepath.Join(*stream, predictions)) {
				name(*pythons, *stream)
			}
		}
		streamed(*stream, predictions)
		return
	}
	dir, err := os.MkdirTemp("", "bench-score")
	check(err)
	defer os.RemoveAll(dir)
	list := strings.Split(*pythons, ",")
	python(list[0], "make", dir, *rows, *csv)
	name(list[0], dir)
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rowKey makes the ids of the rows in named.parquet.
var rowKey = []byte("a row key of so many bytes as that of a run, 48.")

// name writes named.parquet, from labels.parquet and preds.parquet.
func name(interpreter, dir string) {
	r, err := table.OpenParquet(filepath.Join(dir, "labels.parquet"), []string{"id"})
	check(err)
	defer r.Close()
	var ids []table.RowName
	namer := table.NewRowNamer(rowKey)
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		check(err)
		at := len(ids)
		ids = append(ids, make([]table.RowName, b.Rows)...)
		namer.Names(ids[at:], func(dst []byte, i int) []byte { return strconv.AppendInt(dst, b.Cols[0].Int[i], 10) })
	}
	order := make([]int64, len(ids))
	for i := range order {
		order[i] = int64(i)
	}
	slices.SortFunc(order, func(a, b int64) int { return ids[a].Compare(ids[b]) })
	text := make([]byte, 0, 32*len(ids))
	for _, i := range order {
		text = ids[i].Append(text)
	}
	check(os.WriteFile(filepath.Join(dir, "ids"), text, 0o600))
	check(os.WriteFile(filepath.Join(dir, "order"), unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(order))), 8*len(order)), 0o600))
	python(interpreter, "named", dir)
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

// best is the least CPU time of five runs.
func best(f func()) float64 {
	least := math.Inf(1)
	for range 5 {
		runtime.GC()
		t := cpu()
		f()
		least = min(least, cpu()-t)
	}
	return least
}

// turns is the least CPU time of each of two that take turns, so that both see the
// same moods of the machine: five runs at least, and more of what is over soon.
func turns(f, g func()) (least [2]float64) {
	least = [2]float64{math.Inf(1), math.Inf(1)}
	begun := cpu()
	for i := 0; i < 5 || i < 50 && cpu()-begun < 1; i++ {
		for j, f := range [2]func(){f, g} {
			runtime.GC()
			t := cpu()
			f()
			least[j] = min(least[j], cpu()-t)
		}
	}
	return least
}

// fastest is the least wall time of five runs, in seconds.
func fastest(f func()) float64 {
	least := math.Inf(1)
	for range 5 {
		runtime.GC()
		t := time.Now()
		f()
		least = min(least, time.Since(t).Seconds())
	}
	return least
}

// sideBySide is how much two processes on one core each get done in the time of one
// alone: what two cores of this machine can give.
func sideBySide(dir string) float64 {
	start := func() func() float64 {
		var out strings.Builder
		cmd := exec.Command(os.Args[0], "-wall", dir)
		cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "GOMAXPROCS=1"), &out, os.Stderr
		check(cmd.Start())
		return func() float64 {
			check(cmd.Wait())
			took, err := strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
			check(err)
			return took
		}
	}
	alone := start()()
	a, b := start(), start()
	return 2 * alone / max(a(), b())
}

type bench struct {
	dir       string
	rows, csv int
	seconds   map[string]float64
	values    map[string]float64

	sideBySide float64
}

const block = 1 << 14

func raw[T int32 | float32](path string) []T {
	b, err := os.ReadFile(path)
	check(err)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// codes are classes as scoring holds them.
func codes(path string) []metric.Code {
	var out []metric.Code
	for _, v := range raw[int32](path) {
		out = append(out, metric.Code(v))
	}
	return out
}

// bind makes an accumulator; of a primary metric, which is drawn with a bootstrap.
func bind(use, column string, classes int, boot *metric.Bootstrap, primary bool) metric.Accumulator {
	var names []string
	for i := range classes {
		names = append(names, fmt.Sprint(i))
	}
	m, faults := metric.Bind(use, metric.Setup{Classes: names, Column: column, Boot: boot})
	if faults != nil {
		check(fmt.Errorf("%s: %v", use, faults))
	}
	if primary && boot != nil {
		m = metric.Drawn(m, boot, [2]float64{0, 1}, false)
	}
	return m.New()
}

// small are rows of parts of which a ranking is drawn, too.
var small = []int{100_000, 1_000_000}

func (b *bench) measure() {
	b.seconds, b.values = map[string]float64{}, map[string]float64{}
	y10, h10, y := codes(b.dir+"/y10"), codes(b.dir+"/h10"), codes(b.dir+"/y")
	p32 := raw[float32](b.dir + "/p")
	p := make([]float64, len(p32))
	bucket := make([]uint16, len(p32))
	for i, v := range p32 {
		p[i] = float64(v)
		bucket[i] = uint16(uint32(i) * 2654435761 >> 20)
	}
	boot := metric.NewBootstrap("bench")
	one := func(name, use string, classes int, truth, class []metric.Code, number []float64) {
		// Buckets, and how many rows of each class are in one, follow from the truth alone.
		var census *metric.Census
		if class != nil {
			census = metric.NewCensus(boot, classes)
			census.Add(truth, bucket[:len(truth)])
		}
		score := func(name string, boot *metric.Bootstrap) func() {
			return func() {
				acc := bind(use, "c", classes, boot, strings.HasPrefix(name, "primary"))
				for lo := 0; lo < len(truth); lo += block {
					hi := min(lo+block, len(truth))
					x := &metric.Block{Rows: hi - lo, Truth: metric.Column{Class: truth[lo:hi]}, Pred: []metric.Column{{}}}
					if boot != nil {
						x.Census, x.Bucket = census, bucket[lo:hi]
					}
					if class != nil {
						x.Pred[0].Class = class[lo:hi]
					} else {
						x.Pred[0].Flt = number[lo:hi]
					}
					acc.Add(x)
				}
				b.values[name] = acc.Result().Value
			}
		}
		b.pair(name, score(name, nil), score(name+"+ci", boot))
	}
	one("accuracy", "accuracy@1", 10, y10, h10, nil)
	one("f1", "f1@1", 10, y10, h10, nil)
	one("log_loss", "log_loss@1", 2, y, nil, p)
	one("brier", "brier@1", 2, y, nil, p)
	one("auc", "roc_auc@1", 2, y, nil, p)
	for _, n := range small {
		n := min(n, len(y))
		one(fmt.Sprintf("primary auc %d", n), "roc_auc@1", 2, y[:n], nil, p[:n])
		one(fmt.Sprintf("primary average_precision %d", n), "average_precision@1", 2, y[:n], nil, p[:n])
	}
	b.seconds["raw"] = best(func() { readRaw(b.dir, "preds.parquet") })
	b.seconds["raw ids"] = best(func() { readRaw(b.dir, "named.parquet") })
	b.pair("parquet", func() { b.values["parquet"] = four(b.dir, "") }, func() { four(b.dir, "bench") })
	b.seconds["ids"] = best(func() {
		if v := scoreFiles(b.dir, "parquet", "labels.parquet", "named.parquet", "", fourMetrics...); v != b.values["parquet"] {
			check(fmt.Errorf("under row ids the values are others: %v, not %v", v, b.values["parquet"]))
		}
	})
	for _, use := range []string{"accuracy@1", "positive_f1@1"} {
		score := func(seed string) func() {
			return func() { scoreFiles(b.dir, "parquet", "labels.parquet", "preds.parquet", seed, use) }
		}
		b.pair("parquet "+use, score(""), score("bench"))
	}
	runtime.GC()
	for _, n := range []int{1, 2} {
		was := runtime.GOMAXPROCS(n)
		b.seconds[fmt.Sprintf("wall %d", n)] = fastest(func() { four(b.dir, "") })
		runtime.GOMAXPROCS(was)
	}
	b.sideBySide = sideBySide(b.dir)
	b.seconds["csv"] = best(func() {
		b.values["csv"] = scoreFiles(b.dir, "csv", "truth.csv", "predictions.csv", "", "accuracy@1", "log_loss@1", "roc_auc@1")
	})
}

// pair times a metric without its interval, and with it.
func (b *bench) pair(name string, without, with func()) {
	least := turns(without, with)
	b.seconds[name], b.seconds[name+"+ci"] = least[0], least[1]
}

// readRaw reads both files' bytes.
func readRaw(dir, predictions string) {
	buf := make([]byte, 1<<20)
	for _, name := range []string{"labels.parquet", predictions} {
		f, err := os.Open(filepath.Join(dir, name))
		check(err)
		for err == nil {
			_, err = f.Read(buf)
		}
		check(f.Close())
	}
}

// fileSpec is a scenario whose predictions are a class and a probability, scored by
// the metrics that uses name.
func fileSpec(format string, uses ...string) scenarios.Spec {
	spec := scenarios.Spec{
		Input: scenarios.Input{Key: "id"},
		Output: scenarios.Output{File: "predictions." + format, Format: format, Columns: []scenarios.OutputColumn{
			{Name: "c", Type: "string", Classes: []string{"0", "1"}}, {Name: "p", Type: "float64", Range: []float64{0, 1}}}},
		Truth: scenarios.Truth{Column: "y", Type: "string", Classes: []string{"0", "1"}},
	}
	for _, use := range uses {
		m := scenarios.Metric{ID: use, Use: use, Prediction: "p", Primary: use == uses[0], Direction: "max", OnUndefined: "worst"}
		switch use {
		case "accuracy@1":
			m.Prediction = "c"
		case "positive_f1@1":
			m.Prediction, m.Params = "c", map[string]any{"positive": "1"}
		}
		spec.Metrics = append(spec.Metrics, m)
	}
	return spec
}

// four scores the Parquet files by four metrics, one of which ranks all rows; with
// a seed, with intervals.
func four(dir, seed string) float64 {
	return scoreFiles(dir, "parquet", "labels.parquet", "preds.parquet", seed, fourMetrics...)
}

var fourMetrics = []string{"accuracy@1", "log_loss@1", "brier@1", "roc_auc@1"}

// scoring is what the platform scores such files with.
func scoring(dir, format, seed string, uses ...string) evaluator.Scoring {
	plan, err := evaluator.NewPlan(fileSpec(format, uses...), seed)
	check(err)
	return evaluator.Scoring{Plan: plan, Key: "id", Dir: dir}
}

// scoreFiles checks, aligns and scores two files.
func scoreFiles(dir, format, truth, predictions, seed string, uses ...string) float64 {
	s := scoring(dir, format, seed, uses...)
	if predictions == "named.parquet" {
		s.RowKey = rowKey
	}
	got, err := s.Run(context.Background(), filepath.Join(dir, truth), filepath.Join(dir, predictions))
	check(err)
	if got.Faults != nil {
		check(fmt.Errorf("%v", got.Faults))
	}
	var sum float64
	for _, v := range got.Values {
		sum += v.Value
	}
	return sum
}

func row(name string, ours, other float64, ratio, bar float64, atLeast bool) {
	holds := "yes"
	if atLeast != (ratio >= bar) {
		holds = "NO"
	}
	sign := map[bool]string{true: ">=", false: "<="}[atLeast]
	if bar == 0 { // nobody said what it should be
		fmt.Printf("%-48s %9.4f %9.4f %8.1fx\n", name, ours, other, ratio)
		return
	}
	fmt.Printf("%-48s %9.4f %9.4f %8.1fx  %s %4.1fx  %s\n", name, ours, other, ratio, sign, bar, holds)
}

func head(title string) {
	fmt.Printf("\n%s\n%-48s %9s %9s %9s  %8s  holds\n", title, "", "ours (s)", "other (s)", "ratio", "bar")
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
	row("the same under row ids of a run", b.seconds["ids"], four, four/b.seconds["ids"], 50, true)
	t := ref.Times["csv"]
	row("CSV join, checks, 3 metrics / pandas", b.seconds["csv"], t.Seconds, t.Seconds/b.seconds["csv"], 10, true)
	if d := math.Abs(*t.Value - b.values["csv"]); d > 1e-6 {
		fmt.Printf("  values differ by %g\n", d)
	}
}

func (b *bench) own() {
	head("our own; CPU seconds")
	row("four metrics, Parquet / raw read", b.seconds["parquet"], b.seconds["raw"], b.seconds["parquet"]/b.seconds["raw"], 8, false)
	row("the same under row ids of a run", b.seconds["ids"], b.seconds["raw ids"], b.seconds["ids"]/b.seconds["raw ids"], 8, false)
	var with, without float64
	for _, m := range []string{"accuracy", "f1", "log_loss", "brier", "auc"} {
		row(m+" with intervals / without", b.seconds[m+"+ci"], b.seconds[m], b.seconds[m+"+ci"]/b.seconds[m], 2, false)
		with, without = with+b.seconds[m+"+ci"], without+b.seconds[m]
	}
	for _, n := range small {
		for _, m := range []string{"auc", "average_precision"} {
			name := fmt.Sprintf("primary %s %d", m, min(n, b.rows))
			row(fmt.Sprintf("%s with draws, %d rows / without", m, min(n, b.rows)), b.seconds[name+"+ci"], b.seconds[name], b.seconds[name+"+ci"]/b.seconds[name], 2, false)
		}
	}
	row("all five with intervals / without", with, without, with/without, 2, false)
	row("four metrics, Parquet, with intervals", b.seconds["parquet+ci"], b.seconds["parquet"], b.seconds["parquet+ci"]/b.seconds["parquet"], 2, false)
	for _, use := range []string{"accuracy@1", "positive_f1@1"} {
		with, without := b.seconds["parquet "+use+"+ci"], b.seconds["parquet "+use]
		row(use+" alone, Parquet, with intervals", with, without, with/without, 2, false)
	}
	if runtime.NumCPU() > 1 {
		row("four metrics, Parquet, one core / two (wall)", b.seconds["wall 2"], b.seconds["wall 1"], b.seconds["wall 1"]/b.seconds["wall 2"], 1.7, true)
		fmt.Printf("%-48s %29.1fx\n", "the same, two processes of one core each", b.sideBySide)
	}
}

func streamed(dir, predictions string) {
	s := scoring(dir, "parquet", "", "roc_auc@1", "accuracy@1", "log_loss@1", "brier@1")
	if predictions == "named.parquet" {
		s.RowKey = rowKey
	}
	s.Progress = func(done, of int64) {
		if done%(1<<28) < 1<<15 {
			fmt.Fprintf(os.Stderr, "\r%d of %d rows", done/2, of/2)
		}
	}
	t, w := cpu(), time.Now()
	readRaw(dir, predictions)
	raw, rawWall := cpu()-t, time.Since(w)
	t, w = cpu(), time.Now()
	all, err := s.Compare(context.Background(), filepath.Join(dir, "labels.parquet"), []string{filepath.Join(dir, predictions)})
	check(err)
	took, wall := cpu()-t, time.Since(w)
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	fmt.Fprintln(os.Stderr)
	for _, v := range all[0].Values {
		fmt.Printf("%s %.12f of %d rows", v.ID, v.Value, v.N)
		if v.Reason != "" {
			fmt.Printf(" (between %.12f and %.12f)", v.Lo, v.Hi)
		}
		fmt.Println()
	}
	fmt.Printf("raw read %.2f CPU s (%s); scored %.2f CPU s (%s); %.1fx; peak %d MiB\n",
		raw, rawWall.Round(time.Millisecond), took, wall.Round(time.Millisecond), took/raw, u.Maxrss>>10)
}
