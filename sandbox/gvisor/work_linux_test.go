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

// BenchmarkWork measures honest work by its own clock: natively, in our sandbox,
// and in docker run with runc where an engine answers. They take turns, and the
// figures are ratios of medians to the native one.
//
//	deploy/with-docker.sh go test -tags embed -run '^$' -bench Work -benchtime 5x ./sandbox/gvisor
func BenchmarkWork(b *testing.B) {
	dir := b.TempDir()
	rootfs, input := filepath.Join(dir, "rootfs"), filepath.Join(dir, "input")
	runnertest.Rootfs(b, rootfs, runnertest.Guest(b))
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(input, "small"), 0o755))
	must(os.WriteFile(filepath.Join(input, "big"), make([]byte, 256<<20), 0o644))
	for i := range 2000 {
		must(os.WriteFile(filepath.Join(input, "small", strconv.Itoa(i)), []byte("a small file"), 0o644))
	}
	image := dockerImage(b, rootfs)
	r := New(filepath.Join(dir, "runner"))
	n := 0
	whole := map[string][]float64{} // start to finish, with the packing of the input
	measured := func(out string, err error) float64 {
		m := tookRE.FindStringSubmatch(out)
		if err != nil || m == nil {
			b.Fatalf("%v\n%s", err, out)
		}
		us, _ := strconv.ParseFloat(m[1], 64)
		return us
	}
	ways := map[string]func(kind string) float64{
		"native": func(kind string) float64 {
			out, err := exec.Command(filepath.Join(rootfs, "guest"), "work", kind, input).CombinedOutput()
			return measured(string(out), err)
		},
		"gvisor": func(kind string) float64 {
			n++
			j, _ := sleeper(b, filepath.Join(dir, fmt.Sprint(n)), rootfs, strings.ToLower(aihub.NewID("work")))
			var log strings.Builder
			j.Args, j.Input, j.Log = []string{"/guest", "work", kind, "/input"}, input, &log
			j.Limits.Memory, j.Limits.Wall = 1<<30, scenarios.Duration(5*time.Minute)
			began := time.Now()
			_, err := r.Run(context.Background(), j)
			whole[kind] = append(whole[kind], float64(time.Since(began).Microseconds()))
			return measured(log.String(), err)
		},
	}
	if image != "" {
		ways["runc"] = func(kind string) float64 {
			out, err := exec.Command("docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65532:65532",
				"--memory", "1g", "--pids-limit", "64", "--volume", input+":/input:ro", image, "/guest", "work", kind, "/input").CombinedOutput()
			return measured(string(out), err)
		}
	}
	for _, kind := range []string{"read-1m", "read-4k", "read-4k-buffered", "small-files", "cpu", "syscalls"} {
		b.Run(kind, func(b *testing.B) {
			took := map[string][]float64{}
			for b.Loop() {
				for name, work := range ways {
					took[name] = append(took[name], work(kind))
				}
			}
			median := func(name string) float64 {
				sort.Float64s(took[name])
				return took[name][len(took[name])/2]
			}
			native := median("native")
			sort.Float64s(whole[kind])
			b.ReportMetric(whole[kind][len(whole[kind])/2]/1000, "gvisor-run-ms")
			b.ReportMetric(native/1000, "native-ms")
			for name := range took {
				if name != "native" {
					b.ReportMetric(median(name)/native, name+"-x")
				}
			}
		})
	}
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
