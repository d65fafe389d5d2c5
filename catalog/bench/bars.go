package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

var parts = flag.Bool("parts", true, "measure the parts too: FF1, class counting, the lattice, the PII scan")

// bar is a limit for one figure of a benchmark.
type bar struct {
	what, dir    string // dir: from this module's, where the package is
	bench, line  string // the benchmark to run, and the beginning of its line
	unit         string
	limit, scale float64 // the figure times scale is compared with the limit
	least        bool    // the limit is the least that is met
	show         string
}

// arx says where the lattice's limit comes from. ARX is not published as a package,
// so it does not run beside; a plain writing does.
const arx = "The last bar is a tenth of 26.6 s of processor time, which ARX took for a table of this shape (10^6 rows, 288 nodes,\n" +
	"k = 5, 5 % suppression) when it was measured apart, on another day: a stored figure. ARX does not run beside, for it is\n" +
	"in no package repository (four Maven coordinates were tried); the line above compares with a plain writing, in this run."

var bars = []bar{
	{"FF1 of eight digits, values together", "../mask", "FF1/together$", "BenchmarkFF1/together", "cpu-ns/value", 150, 1, false, "ns a value"},
	{"PII scan of Chinese text", "../detect", "Scan/han$", "BenchmarkScan/han", "MB/cpu-s", 400, 1, true, "MB/s a core"},
	{"PII scan of Latin text", "../detect", "Scan/latin$", "BenchmarkScan/latin", "MB/cpu-s", 400, 1, true, "MB/s a core"},
	{"classes against GROUP BY, 5.5e6 codes", ".", "Classes/5.5e6$", "BenchmarkClasses/5.5e6", "times", 10, 1, true, "x DuckDB"},
	{"classes against GROUP BY, 2^28 codes", ".", "Classes/2.28$", "BenchmarkClasses/2^28", "times", 10, 1, true, "x DuckDB"},
	{"classes against GROUP BY, 2e9 codes", ".", "Classes/2e9$", "BenchmarkClasses/2e9", "times", 4, 1, true, "x DuckDB"},
	{"classes of 10^9 rows, four columns, two cores", "../risk/classes", "Billion/dense$", "BenchmarkBillion/dense", "ns/row", 60, 1, false, "s"},
	{"lattice of 288 nodes against a plain writing", "../risk/lattice", "AgainstPlain$", "BenchmarkAgainstPlain", "times", 10, 1, true, "x less"},
	{"lattice of 288 nodes, against a stored figure", "../risk/lattice", "Million/best10$", "BenchmarkMillion/best10", "cpu-ns/op", 2.66, 1e-9, false, "s of processor time"},
}

// measureParts runs the benchmarks of the parts and compares them with their bars.
func measureParts() error {
	fmt.Printf("%-48s %14s %-22s %s\n", "part", "figure", "", "bar")
	for _, b := range bars {
		benchtime := "2s"
		if b.unit == "times" || b.unit == "ns/row" { // one round takes seconds
			benchtime = "2x"
		}
		c := exec.Command("go", "test", "-run=^$", "-bench="+b.bench, "-benchtime="+benchtime, "-timeout=30m", ".")
		c.Dir, c.Stderr = b.dir, os.Stderr
		out, err := c.Output()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", b.what, err, out)
		}
		v, ok := figure(out, b.line, b.unit)
		if !ok {
			return fmt.Errorf("%s: no figure in\n%s", b.what, out)
		}
		v *= b.scale
		met, sign := v <= b.limit, "<="
		if b.least {
			met, sign = v >= b.limit, ">="
		}
		fmt.Printf("%-48s %14.2f %-22s %s %g: %s\n", b.what, v, b.show, sign, b.limit, verdict(met))
	}
	fmt.Println("\n" + arx)
	return nil
}

// figure finds the figure of a unit in the output of go test -bench.
func figure(out []byte, line, unit string) (float64, bool) {
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) == 0 || !strings.HasPrefix(fields[0], line) {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if fields[i+1] == unit {
				v, err := strconv.ParseFloat(fields[i], 64)
				return v, err == nil
			}
		}
	}
	return 0, false
}
