package table

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"aihub"
)

// What a child that reads hostile files may use, and how long it may be silent.
const (
	childData    = 3 << 30 // bytes of its data segment
	childSilence = time.Minute
	childFiles   = 2500
)

// TestFuzzData reads mutated files of every format in child processes of bounded
// memory: none dies, none hangs, and every error is one a person can act on.
// AIHUB_FUZZ_DATA is how many, or which of them (FROM:TO); make fuzz-data reads
// 100,000.
func TestFuzzData(t *testing.T) {
	first, n := 0, 2000
	if v := os.Getenv("AIHUB_FUZZ_DATA"); v != "" {
		var err error
		a, b, stretch := strings.Cut(v, ":")
		if stretch {
			if first, err = strconv.Atoi(a); err != nil {
				t.Fatal(err)
			}
			a = b
		}
		if n, err = strconv.Atoi(a); err != nil {
			t.Fatal(err)
		}
	}
	total, peak, dead, hung := map[string]int{}, 0, 0, 0
	start := time.Now()
	for from := first; from < n; {
		out, next, err := runChild(t, from, min(n, from+childFiles))
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			switch {
			case len(f) == 3 && f[0] == "count":
				k, _ := strconv.Atoi(f[2])
				total[f[1]] += k
			case len(f) == 2 && f[0] == "peak":
				k, _ := strconv.Atoi(f[1])
				peak = max(peak, k)
			case len(f) > 1 && f[0] == "bad":
				t.Error(strings.TrimSpace(line))
			}
		}
		if err != nil {
			if errors.Is(err, errHung) {
				hung++
			} else {
				dead++
			}
			name, data := mutant(t, next)
			kept := filepath.Join(os.TempDir(), fmt.Sprintf("aihub-mutant-%d", next))
			t.Errorf("mutant %d of %s: %v; kept as %s", next, name, err, errors.Join(os.WriteFile(kept, data, 0o600), errors.New(kept)))
			next++ // goes on behind it
		}
		from = next
	}
	kinds := make([]string, 0, len(total))
	for k := range total {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	t.Logf("%d mutated files in %s: %d process deaths, %d hangs, peak memory of a child %d MiB", n-first, time.Since(start).Round(time.Second), dead, hung, peak>>20)
	for _, k := range kinds {
		t.Logf("  %-22s %6d", k, total[k])
	}
}

var errHung = errors.New("hung")

// runChild reads mutants from to to in a child. With an error, next is the one it
// was at.
func runChild(t *testing.T, from, to int) (out string, next int, err error) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFuzzChild$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("AIHUB_FUZZ_CHILD=%d:%d", from, to))
	var tail bytes.Buffer
	cmd.Stderr = &tail
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := false
	watch := time.AfterFunc(childSilence, func() { hung = true; cmd.Process.Kill() })
	next = from
	var all strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		watch.Reset(childSilence)
		if at, ok := strings.CutPrefix(lines.Text(), "at "); ok {
			next, _ = strconv.Atoi(at)
			continue
		}
		fmt.Fprintln(&all, lines.Text())
	}
	err = cmd.Wait()
	watch.Stop()
	if hung {
		err = errHung
	}
	if err == nil {
		return all.String(), to, nil
	}
	b := tail.Bytes()
	return all.String(), next, fmt.Errorf("%w: %s", err, b[:min(len(b), 2000)])
}

// TestFuzzChild is what a child runs.
func TestFuzzChild(t *testing.T) {
	var from, to int
	if _, err := fmt.Sscanf(os.Getenv("AIHUB_FUZZ_CHILD"), "%d:%d", &from, &to); err != nil {
		t.Skip("a child of TestFuzzData")
	}
	debug.SetMemoryLimit(childData / 2)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: childData, Max: childData}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m")
	count := map[string]int{}
	for i := from; i < to; i++ {
		fmt.Println("at", i)
		name, data := mutant(t, i)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		what, err := readAny(path)
		count[strings.SplitN(name, ".", 2)[1]+":"+what]++
		if err != nil {
			fmt.Println("bad", i, name, err)
		}
	}
	for k, n := range count {
		fmt.Println("count", k, n)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		kb, _ := strconv.Atoi(strings.Fields(rest)[0])
		fmt.Println("peak", kb<<10)
	}
}

// readAny reads a file to its end as a publish would; err is what must not be.
func readAny(path string) (what string, err error) {
	r, err := Open(path, Options{CSVOptions: CSVOptions{Encoding: Auto}})
	if err != nil {
		return verdict(err)
	}
	defer r.Close()
	for rows := 0; rows < 1<<20; {
		b, err := r.Next()
		if err == io.EOF {
			return "read", nil
		}
		if err != nil {
			return verdict(err)
		}
		if err := checkBatch(r.Schema(), b); err != nil {
			return "wrong", err
		}
		rows += b.Rows
	}
	return "read", nil
}

func verdict(err error) (string, error) {
	if k := aihub.KindOf(err); k != aihub.Contract {
		return "unknown", fmt.Errorf("an error of kind %s: %w", k, err)
	}
	return "refused", nil
}

// hostileSeeds are real files of every format, read once.
var hostileSeeds [][2]string

// mutant returns the i-th mutated file, the same in every process.
func mutant(t *testing.T, i int) (name string, data []byte) {
	if hostileSeeds == nil {
		files, err := filepath.Glob("testdata/formats/*")
		if err != nil || len(files) == 0 {
			t.Fatal(len(files), err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			hostileSeeds = append(hostileSeeds, [2]string{filepath.Base(f), string(b)})
		}
		csv, jsonl := textSeeds()
		gb, err := simplifiedchinese.GB18030.NewEncoder().String(csv)
		if err != nil {
			t.Fatal(err)
		}
		for range 6 { // as many as there are of Parquet, more or less
			hostileSeeds = append(hostileSeeds, [2]string{"utf8.csv", csv}, [2]string{"gb18030.csv", gb}, [2]string{"rows.jsonl", jsonl})
		}
	}
	rng := rand.New(rand.NewPCG(20261122, uint64(i)))
	seed := hostileSeeds[i%len(hostileSeeds)]
	d := mutate(rng, []byte(seed[1]))
	if strings.HasSuffix(seed[0], ".csv") || strings.HasSuffix(seed[0], ".jsonl") {
		d = mutateText(rng, d)
	}
	return seed[0], d
}

// textSeeds returns the logical table as CSV and as JSON Lines.
func textSeeds() (csv, jsonl string) {
	var c, j strings.Builder
	var names []string
	for f := range strings.SplitSeq(logicalSchema, ",") {
		names = append(names, strings.Fields(f)[0])
	}
	c.WriteString(strings.Join(names, ",") + "\n")
	for _, row := range logical()[:60] {
		for i, v := range row {
			if v == "∅" {
				v = ""
			}
			if i > 0 {
				c.WriteByte(',')
			}
			fmt.Fprintf(&c, "%q", v)
			fmt.Fprintf(&j, "%s%q:%q", cmp.Or(map[int]string{0: "{"}[i], ","), names[i], v)
		}
		c.WriteByte('\n')
		j.WriteString("}\n")
	}
	return c.String(), j.String()
}

// mutateText does what breaks readers of text: quotes, line ends, NULs, bytes of
// other encodings, brackets, and long runs.
func mutateText(rng *rand.Rand, d []byte) []byte {
	for range rng.IntN(4) {
		i := rng.IntN(len(d) + 1)
		bit := []string{"\"", "\"\"", "\n", "\r", "\x00", "\xff\xfe", "\xef\xbb\xbf", "\xd6\xd0", "\x81\x30\x81\x30", "[", "{", "}", "\\u", "\\ud83d", ",", "\t", "1e999", "-"}[rng.IntN(18)]
		if rng.IntN(8) == 0 {
			bit = strings.Repeat(bit, 1<<rng.IntN(17))
		}
		d = slices.Concat(d[:i], []byte(bit), d[i:])
	}
	return d
}
