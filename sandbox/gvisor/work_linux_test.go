package gvisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox/runnertest"
	"aihub/scenarios"
)

var tookRE = regexp.MustCompile(`(?m)^took: (\d+)$`)

// BenchmarkWork measures honest work by its own clock: natively, in our sandbox
// with two processors and with the time of one, and in docker run with runc where
// an engine answers. They take turns, and the figures are ratios of medians to the
// native one.
//
//	deploy/with-docker.sh go test -tags embed -run '^$' -bench Work -benchtime 5x ./sandbox/gvisor
func BenchmarkWork(b *testing.B) {
	rootfs := filepath.Join(b.TempDir(), "rootfs")
	runnertest.Rootfs(b, rootfs, runnertest.Guest(b))
	w := newWork(b, rootfs)
	for _, kind := range []string{"read-1m", "read-4k", "read-4k-buffered", "small-files", "cpu", "syscalls", "clock"} {
		w.measure(b, kind, func(input string) *exec.Cmd { return exec.Command(filepath.Join(rootfs, "guest"), "work", kind, input) }, "/guest", "work", kind, "/input")
	}
}

// pythonReads reads a file of 256 MiB in pieces of 4 KiB or, four times into one
// buffer, of 1 MiB.
const pythonReads = `
import os, sys, time
how, name = sys.argv[1:]
began = time.monotonic()
fd = os.open(name, os.O_RDONLY)
if how == "read":
    while os.read(fd, 4096): pass
elif how == "pread":
    at = 0
    while os.pread(fd, 4096, at): at += 4096
elif how == "readinto-1m":
    b = bytearray(1 << 20)
    with open(name, "rb", buffering=0) as f:
        for _ in range(4):
            f.seek(0)
            while f.readinto(b): pass
elif how == "file":
    with open(name, "rb") as f:
        while f.read(4096): pass
print("took:", int((time.monotonic() - began) * 1e6))
`

// BenchmarkPython measures what an interpreter does that is linked with glibc, as
// most of what vendors send, in the same way.
//
//	AIHUB_TEST_PYTHON=$(deploy/python-root.sh) deploy/with-docker.sh go test -tags embed -run '^$' -bench Python -benchtime 5x ./sandbox/gvisor
func BenchmarkPython(b *testing.B) {
	rootfs := os.Getenv(runnertest.PythonVar)
	loader, _ := filepath.Glob(filepath.Join(rootfs, "lib*/ld-linux-*.so.*"))
	if rootfs == "" || len(loader) == 0 {
		b.Skip("needs an image with Python: " + runnertest.PythonVar)
	}
	libraries, _ := filepath.Glob(filepath.Join(rootfs, "usr/lib/*-linux-gnu"))
	w := newWork(b, rootfs)
	for _, how := range []string{"readinto-1m", "read", "pread", "file"} {
		w.measure(b, how, func(input string) *exec.Cmd {
			cmd := exec.Command(loader[0], "--library-path", strings.Join(libraries, ":"), filepath.Join(rootfs, "usr/bin/python3"), "-c", pythonReads, how, input+"/big")
			cmd.Env = []string{"PYTHONHOME=" + filepath.Join(rootfs, "usr")}
			return cmd
		}, "/usr/bin/python3", "-c", pythonReads, how, "/input/big")
	}
}

// work compares ways to do the same.
type work struct {
	dir, rootfs, input, image string
	runner                    *Runner
	n                         int
}

func newWork(b *testing.B, rootfs string) *work {
	dir := b.TempDir()
	w := &work{dir: dir, rootfs: rootfs, input: filepath.Join(dir, "input"), image: dockerImage(b, rootfs), runner: New(filepath.Join(dir, "runner"))}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(w.input, "small"), 0o755))
	must(os.WriteFile(filepath.Join(w.input, "big"), make([]byte, 256<<20), 0o644))
	for i := range 2000 {
		must(os.WriteFile(filepath.Join(w.input, "small", strconv.Itoa(i)), []byte("a small file"), 0o644))
	}
	return w
}

// fresh writes the large input anew: how fast a file is read depends on how it
// came into the page cache, and each sandbox reads a copy that was just written.
func (w *work) fresh(b *testing.B) {
	name := filepath.Join(w.input, "big")
	if err := os.WriteFile(name+".new", make([]byte, 256<<20), 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		b.Fatal(err)
	}
}

// measure runs native, given the directory of the input, and args in sandboxes,
// which say how many microseconds they took.
func (w *work) measure(b *testing.B, kind string, native func(input string) *exec.Cmd, args ...string) {
	var whole []float64 // start to finish, with the packing of the input
	gvisor := func(cpus float64) (string, error) {
		w.n++
		j, _ := sleeper(b, filepath.Join(w.dir, fmt.Sprint(w.n)), w.rootfs, strings.ToLower(aihub.NewID("work")))
		var log strings.Builder
		j.Args, j.Input, j.Log = args, w.input, &log
		j.Limits.Memory, j.Limits.Wall, j.Limits.CPUs = 1<<30, scenarios.Duration(5*time.Minute), cpus
		began := time.Now()
		_, err := w.runner.Run(context.Background(), j)
		if cpus > 1 {
			whole = append(whole, float64(time.Since(began).Microseconds()))
		}
		return log.String(), err
	}
	ways := map[string]func() (string, error){
		"native": func() (string, error) {
			out, err := native(w.input).CombinedOutput()
			return string(out), err
		},
		"gvisor":      func() (string, error) { return gvisor(2) },
		"gvisor-1cpu": func() (string, error) { return gvisor(1) },
	}
	if w.image != "" {
		ways["runc"] = func() (string, error) {
			out, err := exec.Command("docker", append([]string{"run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65532:65532",
				"--memory", "1g", "--pids-limit", "64", "--volume", w.input + ":/input:ro", w.image}, args...)...).CombinedOutput()
			return string(out), err
		}
	}
	b.Run(kind, func(b *testing.B) {
		took := map[string][]float64{}
		for b.Loop() {
			for name, do := range ways {
				w.fresh(b)
				out, err := do()
				m := tookRE.FindStringSubmatch(out)
				if err != nil || m == nil {
					b.Fatalf("%s: %v\n%s", name, err, out)
				}
				us, _ := strconv.ParseFloat(m[1], 64)
				took[name] = append(took[name], us)
			}
		}
		median := func(of []float64) float64 {
			sort.Float64s(of)
			return of[len(of)/2]
		}
		n := median(took["native"])
		b.ReportMetric(median(whole)/1000, "gvisor-run-ms")
		b.ReportMetric(n/1000, "native-ms")
		for name, of := range took {
			if name != "native" {
				b.ReportMetric(median(of)/n, name+"-x")
			}
		}
	})
}

// BenchmarkHundred runs 100 sandboxes at once, each until all are there.
func BenchmarkHundred(b *testing.B) {
	dir := b.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(b, rootfs, runnertest.Guest(b))
	r := New(filepath.Join(dir, "runner"))
	n := 0
	for b.Loop() {
		began := time.Now()
		ctx, cancel := context.WithCancel(context.Background())
		var here, ended sync.WaitGroup
		for range 100 {
			n++
			j, c := sleeper(b, filepath.Join(dir, fmt.Sprint(n)), rootfs, strings.ToLower(aihub.NewID("many")))
			j.Limits.CPUs, j.Limits.Wall = 1, scenarios.Duration(10*time.Minute)
			here.Add(1)
			ended.Go(func() {
				if _, err := r.Run(ctx, j); !errors.Is(err, context.Canceled) {
					b.Error(err)
				}
			})
			go func() { defer here.Done(); <-c }()
		}
		here.Wait()
		b.ReportMetric(time.Since(began).Seconds(), "s-until-all-run")
		var mem float64
		if m, err := os.ReadFile("/proc/meminfo"); err == nil {
			for line := range strings.Lines(string(m)) {
				if f := strings.Fields(line); len(f) > 1 && f[0] == "MemAvailable:" {
					kb, _ := strconv.ParseFloat(f[1], 64)
					mem = kb / 1024
				}
			}
		}
		b.ReportMetric(mem, "MiB-available")
		cancel()
		ended.Wait()
	}
}
