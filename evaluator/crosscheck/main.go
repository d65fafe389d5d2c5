// Command crosscheck compares the metrics with their reference implementations.
//
// reference/generate.py makes cases and says what the reference makes of them;
// this program computes the same and keeps the largest deviation of every
// metric. A few cases of every family are kept in testdata, so that the test of
// this package needs no Python; make crosscheck runs many more, says which
// reference is missing on this machine, and writes the tables of docs.
//
//	crosscheck -python venv/bin/python [-cases 100000] [-family bleu,coco] [-docs docs]
//	crosscheck -python … -golden 150      rewrite testdata
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/evaluator/metric"
)

func main() {
	python := flag.String("python", "python3", "a Python with the packages of reference/requirements.txt")
	cases := flag.Int("cases", 2_000, "cases of each family that the reference is asked about; 0 keeps what results says")
	plain := flag.Int("written", 100_000, "cases of each family that are compared with what is written out here")
	answers := flag.String("answers", "", "a directory of what generate.py said, FAMILY.jsonl, used where there is one")
	golden := flag.Int("golden", 0, "rewrite testdata with this many cases of each family, and stop")
	only := flag.String("family", "", "families, with commas; all by default, none to write the tables only")
	docs := flag.String("docs", "", "directory of the documentation whose tables are written")
	seed := flag.String("seed", "1", "seed of the cases")
	dir := flag.String("dir", "evaluator/crosscheck", "where this program's files are")
	results := flag.String("results", "", "a file that keeps results between runs")
	resume := flag.Bool("resume", false, "go on where the cases that results keeps end, with both kinds")
	flag.Parse()
	if err := run(os.Stdout, *python, *cases, *plain, *golden, *only, *docs, *seed, *dir, *results, *answers, *resume); err != nil {
		fmt.Fprintln(os.Stderr, "crosscheck:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, python string, cases, plain, golden int, only, docs, seed, dir, results, answers string, resume bool) error {
	script := filepath.Join(dir, "reference", "generate.py")
	var names []string
	switch only {
	case "none":
	case "":
		list, err := exec.Command(python, script, "--list").Output()
		if err != nil {
			return fmt.Errorf("%s %s: %w", python, script, err)
		}
		names = strings.Fields(string(list))
		for _, f := range slices.Sorted(maps.Keys(families)) { // those without a library too
			if !slices.Contains(names, f) {
				names = append(names, f)
			}
		}
	default:
		names = strings.Split(only, ",")
	}
	kept := map[string]*Report{}
	if results != "" {
		if b, err := os.ReadFile(results); err == nil {
			if err := json.Unmarshal(b, &kept); err != nil {
				return err
			}
		}
	}
	save := func() error {
		if results == "" {
			return nil
		}
		b, err := json.MarshalIndent(kept, "", " ")
		if err == nil {
			err = os.WriteFile(results+".new", b, 0o644)
		}
		if err != nil {
			return err
		}
		return os.Rename(results+".new", results)
	}
	bad := 0
	for _, name := range names {
		start := time.Now()
		if golden > 0 {
			if err := keep(python, script, name, golden, filepath.Join(dir, "testdata", name+".jsonl.gz")); err != nil {
				return err
			}
			continue
		}
		r := kept[name]
		if r == nil || cases > 0 && !resume {
			fresh := &Report{Metrics: map[string]*Deviation{}}
			if r != nil {
				fresh.WrittenCases, fresh.Written = r.WrittenCases, r.Written
			}
			r = fresh
			kept[name] = r
		}
		if r.Cases < cases {
			if err := ask(r, python, script, name, cases, seed, answers, save); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if plain > 0 && !(resume && r.WrittenCases >= plain) {
			r.Written = nil
			if cases == 0 {
				r.Failed, r.Failures = 0, nil
			}
			if err := checkWritten(r, name, seed, plain); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "%-12s %s, %d cases, %s\n", name, strings.Join(r.References, ", "), r.Cases, time.Since(start).Round(time.Second))
		if r.Missing != "" {
			fmt.Fprintf(out, "  missing on this machine: %s\n", r.Missing)
		}
		for _, m := range r.sorted() {
			fmt.Fprintf(out, "  %-28s %s; written out %s, itself %s\n", m, r.Metrics[m], r.Written[m], r.Verified[m])
		}
		for _, f := range r.Failures {
			fmt.Fprintln(out, "  DIFFERS", f)
		}
		bad += r.Failed
		if err := save(); err != nil {
			return err
		}
	}
	if docs != "" {
		if err := writeDocs(docs, kept); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d values differ from their reference", bad)
	}
	return nil
}

// ask compares the metrics with the reference on cases that it answers now, or
// has answered: those after the ones that r has.
func ask(r *Report, python, script, name string, cases int, seed, answers string, save func() error) error {
	if answers != "" {
		if f, err := os.Open(filepath.Join(answers, name+".jsonl")); err == nil {
			defer f.Close()
			return r.check(f, save)
		}
	}
	if out, err := exec.Command(python, script, "--list").Output(); err == nil && !slices.Contains(strings.Fields(string(out)), name) {
		return nil // written out alone
	}
	cmd := exec.Command(python, script, name, fmt.Sprint(cases), seed, fmt.Sprint(r.Cases))
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	return errors.Join(r.check(out, save), cmd.Wait())
}

// keep writes cases to a file of testdata, each time the same bytes.
func keep(python, script, name string, cases int, path string) error {
	out, err := exec.Command(python, script, name, fmt.Sprint(cases), "golden").Output()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(out)
	}
	return errors.Join(err, z.Close(), f.Close())
}

// Report is what a family's cases came to.
type Report struct {
	References []string
	Missing    string // why the reference could not run
	Cases      int
	Metrics    map[string]*Deviation // from the reference
	Failed     int
	Failures   []string // the first few

	WrittenCases int
	Written      map[string]*Deviation // from what is written out, on cases of its own
	Verified     map[string]*Deviation // of what is written out from the reference, on the reference's cases
}

// Deviation is of one metric over all cases.
type Deviation struct {
	Values int     // compared, undefined ones too
	Worst  float64 // |ours - reference| over the larger of |reference| and 1
}

func (d *Deviation) String() string {
	if d == nil {
		return "-"
	}
	return fmt.Sprintf("%d values, largest deviation %.1e", d.Values, d.Worst)
}

func (r *Report) sorted() []string {
	all := maps.Clone(r.Metrics)
	maps.Copy(all, r.Written)
	return slices.Sorted(maps.Keys(all))
}

// tolerance is the largest deviation that rounding explains. The references'
// own sums round at every step.
var tolerance = map[string]float64{
	"ami@1":                5e-9, // scikit-learn's expected value goes through lgamma
	"tweedie_deviance@1":   1e-11,
	"explained_variance@1": 1e-9, // the reference's denominator may be tiny
	"kendall@1":            1e-12,
	"icc@1":                1e-6, // pingouin rounds
	"parity_ratio@1":       1e-12,
	"spearman@1":           1e-11,
	"pearson@1":            1e-11,
}

// Check reads generated cases, computes the metrics and compares.
func Check(in io.Reader) (*Report, error) {
	r := &Report{Metrics: map[string]*Deviation{}}
	return r, r.check(in, func() error { return nil })
}

// check adds the cases that it reads to r, and has r saved now and then: the
// slowest reference takes an hour for all of its cases.
func (r *Report) check(in io.Reader, save func() error) error {
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	var family string
	for n := 0; sc.Scan(); n++ {
		if n == 0 {
			var head struct {
				Family     string
				References []string
				Missing    string
			}
			if err := json.Unmarshal(sc.Bytes(), &head); err != nil {
				return err
			}
			family, r.References, r.Missing = head.Family, head.References, head.Missing
			continue
		}
		var c struct {
			In   json.RawMessage
			Want map[string]any
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			return err
		}
		compute, ok := families[family]
		if !ok {
			return fmt.Errorf("unknown family %q", family)
		}
		got, err := compute(c.In)
		if err != nil {
			return fmt.Errorf("case %d: %w", r.Cases, err)
		}
		r.Cases++
		for key, want := range c.Want {
			results, err := got(key)
			if err != nil {
				return fmt.Errorf("case %d, %s: %w", r.Cases, key, err)
			}
			list, many := want.([]any)
			if !many {
				list = []any{want}
			}
			if len(list) != len(results) {
				return fmt.Errorf("case %d, %s: %d values, want %d", r.Cases, key, len(results), len(list))
			}
			for i := range list {
				r.compare(r.Metrics, key, results[i], list[i], c.In)
			}
		}
		if err := r.verify(family, c.In, c.Want); err != nil {
			return fmt.Errorf("case %d: %w", r.Cases, err)
		}
		if r.Cases%5_000 == 0 {
			if err := save(); err != nil {
				return err
			}
		}
	}
	return sc.Err()
}

// compare notes in to how far got is from want, a float64 or nothing.
func (r *Report) compare(to map[string]*Deviation, key string, got metric.Result, want any, in json.RawMessage) {
	name := title(key)
	d := to[name]
	if d == nil {
		d = &Deviation{}
		to[name] = d
	}
	d.Values++
	w, defined := want.(float64)
	defined = defined && w-w == 0
	undefined := got.Status == aihub.MetricUndefined
	dev := math.Abs(got.Value-w) / max(1, math.Abs(w))
	if defined != undefined && (undefined || dev <= max(1e-12, tolerance[name])) {
		if defined {
			d.Worst = max(d.Worst, dev)
		}
		return
	}
	r.Failed++
	if len(r.Failures) < 5 {
		who := "ours"
		if d == r.Verified[name] {
			who = "what is written out"
		}
		text := string(in)
		if len(text) > 600 {
			text = text[:600] + "…"
		}
		r.Failures = append(r.Failures, fmt.Sprintf("%s, %s: %+v, reference %v, case %s", key, who, got, want, text))
	}
}
