package runnertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

// limitCases: each limit of the contract, reached.
var limitCases = []testcase{
	{"memory", func(t *testing.T, s *suite) {
		const limit = 128 << 20
		for _, where := range []string{"private", "shm", "tmp"} {
			t.Run(where, func(t *testing.T) {
				e := s.run(t, func(j *sandbox.Job) { j.Limits.Memory, j.Limits.Tmp = limit, 1<<30 }, "memory", strings.TrimPrefix(where, "private")).failed(t, aihub.ReasonMemory)
				if e.Exit != 137 {
					t.Errorf("exit %d, want 137", e.Exit)
				}
				// Where a kernel holds the limit the bound is close; a watchdog comes as soon
				// as the machine lets it. Without either it would come to 64 GiB.
				most := int64(2 * limit)
				if strings.Contains(string(e.Posture), "watchdog") {
					most = 8 * limit
				}
				// It reports every 64 MiB that it has.
				if strings.Contains(e.Log, fmt.Sprintf("has %d MiB", most>>20)) {
					t.Errorf("it got far beyond its limit:\n%s", clip(e.Log))
				}
				if e.Usage.PeakBytes > most {
					t.Errorf("peak %d bytes with a limit of %d", e.Usage.PeakBytes, limit)
				}
			})
		}
	}},
	{"size of tmp and shm", func(t *testing.T, s *suite) {
		for _, where := range []string{"shm", "tmp"} {
			e := s.run(t, func(j *sandbox.Job) { j.Limits.Output = 64 << 20 }, "memory", where).well(t)
			if !strings.Contains(e.Log, "tried filling memory after 16 MiB: ") {
				t.Errorf("/%s is not 16 MiB large:\n%s", where, clip(e.Log))
			}
		}
	}},
	{"processes", func(t *testing.T, s *suite) {
		e := s.run(t, nil, "fork").well(t)
		var n int
		_, after, _ := strings.Cut(e.Log, "a fork bomb after ")
		if _, err := fmt.Sscan(after, &n); err != nil || n >= Limits.Pids || !strings.Contains(e.Log, "resource temporarily unavailable") {
			t.Errorf("%d children of one process (%v), want less than %d and an error:\n%s", n, err, Limits.Pids, clip(e.Log))
		}
	}},
	{"open files", func(t *testing.T, s *suite) {
		e := s.run(t, nil, "files").well(t)
		var n int
		if _, err := fmt.Sscan(e.values()["files"], &n); err != nil || n > Limits.Files || n < Limits.Files/2 {
			t.Errorf("%s, want a little less than %d", e.Log, Limits.Files)
		}
	}},
	{"output", func(t *testing.T, s *suite) {
		e := s.run(t, nil, "output").well(t)
		for _, want := range []string{"writing one file after 3 MiB: ", "writing one file after 4 MiB: "} {
			if strings.Contains(e.Log, want) {
				e.Log = "full\n" + e.Log
			}
		}
		if !strings.HasPrefix(e.Log, "full\n") || strings.Count(e.Log, "no space left on device") < 2 {
			t.Errorf("/output took more than 4 MiB or 32 files:\n%s", clip(e.Log))
		}
		var n int
		_, after, _ := strings.Cut(e.Log, "creating empty files after ")
		if _, err := fmt.Sscan(after, &n); err != nil || n > Limits.Inodes {
			t.Errorf("%d files, want at most %d", n, Limits.Inodes)
		}
	}},
	{"one huge file", func(t *testing.T, s *suite) {
		for _, f := range []string{"/output/predictions.csv", "/tmp/x"} {
			e := s.run(t, nil, "huge", strconv.FormatInt(1<<40, 10), f).well(t)
			if !strings.Contains(e.Log, "file too large") {
				t.Errorf("a file of 1 TiB in %s: %s", f, e.Log)
			}
		}
	}},
	{"log", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Limits.Log, j.Collect = 10_000, []string{"predictions.csv"} }, "flood", "64").well(t)
		if len(e.Log) != 10_000 || e.Usage.LogBytes < 64<<20 {
			t.Errorf("%d bytes kept, %d counted; want 10000 and all of 64 MiB", len(e.Log), e.Usage.LogBytes)
		}
		e.file(t, "predictions.csv")
		s.run(t, func(j *sandbox.Job) { j.Log = nil }, "hello").well(t)
	}},
	{"wall clock", func(t *testing.T, s *suite) {
		// Its grandchild has to be there in time, and a machine may be slow.
		for wall := time.Second; ; wall *= 4 {
			began := time.Now()
			e := s.run(t, func(j *sandbox.Job) { j.Limits.Wall = scenarios.Duration(wall) }, "stubborn").failed(t, aihub.ReasonTimeout)
			if e.Exit != 137 {
				t.Errorf("exit %d, want 137", e.Exit)
			}
			if took := time.Since(began); took > wall+20*time.Second || e.Usage.WallMS < wall.Milliseconds() || e.Usage.WallMS > (wall+5*time.Second).Milliseconds() {
				t.Errorf("killed after %d ms, gone after %v, the limit was %v", e.Usage.WallMS, took, wall)
			}
			if strings.Contains(e.Log, "stubborn 0") {
				return
			}
			if wall > time.Minute {
				t.Fatalf("its grandchild was not there:\n%s", e.Log)
			}
		}
	}},
	{"processor", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Limits.CPUs, j.Limits.Wall = 1, scenarios.Duration(2*time.Second) }, "spin").failed(t, aihub.ReasonTimeout)
		if u := e.Usage; u.CPUMS > u.WallMS*14/10+300 {
			t.Errorf("%d ms of processor time in %d ms with one core", u.CPUMS, u.WallMS)
		}
	}},
}

// collectCases: what is taken of /output.
var collectCases = []testcase{
	{"what is no plain file", func(t *testing.T, s *suite) {
		secret := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"symlink", "symlink-out", "chain", "parent", "hardlink", "fifo", "socket", "directory"} {
			t.Run(kind, func(t *testing.T) {
				e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "make", kind, secret)
				if strings.HasPrefix(e.Log, "make: ") && !strings.Contains(e.Log, "<nil>") && e.Failure.Reason == aihub.ReasonExit {
					t.Logf("the guest cannot even make it: %s", e.Log)
					return
				}
				if kind == "hardlink" && s.Engine {
					if got := e.well(t).file(t, "predictions.csv"); got != "x" {
						t.Errorf("collected %q", got)
					}
					return
				}
				// What a kernel of its own keeps to itself is missing on the host.
				if reason := e.Failure.Reason; reason != aihub.ReasonNoOutput || kind != "fifo" && kind != "socket" {
					e.failed(t, aihub.ReasonOutput)
				}
				if got := e.files(t); len(got) > 0 {
					t.Errorf("collected %v", got)
				}
			})
		}
	}},
	{"device", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "make", "device")
		e.failed(t, aihub.ReasonNoOutput)
	}},
	{"nothing", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "make", "nothing").failed(t, aihub.ReasonNoOutput)
		if !strings.Contains(e.Failure.Detail, "predictions.csv") {
			t.Errorf("detail %q", e.Failure.Detail)
		}
	}},
	{"one of two", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv", "other.csv"} }, "hello").failed(t, aihub.ReasonNoOutput)
		if got := e.files(t); len(got) > 0 {
			t.Errorf("%v is left of an output that was refused", got)
		}
	}},
	{"modes do not matter", func(t *testing.T, s *suite) {
		for _, kind := range []string{"unreadable", "setuid"} {
			e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "make", kind).well(t)
			fi, err := os.Stat(filepath.Join(e.Output, "predictions.csv"))
			if err != nil || fi.Mode() != 0o600 {
				t.Errorf("%s: mode %v, %v; want 0600", kind, fi, err)
			}
		}
	}},
	{"extra files are ignored", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "make", "extra").well(t)
		if got := e.files(t); !slices.Equal(got, []string{"predictions.csv"}) {
			t.Errorf("collected %q", got)
		}
	}},
	{"too large", func(t *testing.T, s *suite) {
		// A sparse file may be larger than the space there is.
		e := s.run(t, func(j *sandbox.Job) { j.Collect, j.Limits.Tmp = []string{"predictions.csv"}, 1<<30 }, "huge", strconv.Itoa(int(Limits.Output)+1), "/output/predictions.csv")
		e.failed(t, aihub.ReasonOutput)
		e = s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "huge", strconv.Itoa(int(Limits.Output)), "/output/predictions.csv").well(t)
		if e.Usage.OutBytes != int64(Limits.Output) {
			t.Errorf("%d bytes collected", e.Usage.OutBytes)
		}
	}},
	{"whole", func(t *testing.T, s *suite) {
		e := s.run(t, whole, "plant").well(t)
		for name, want := range map[string]string{"weights": "42", "a/b/c": "deep", "a/empty": "", strings.Repeat("d/", 30) + "e": "deepest"} {
			if got := e.file(t, name); got != want {
				t.Errorf("%s holds %q, want %q", name, got, want)
			}
		}
		if e.Usage.OutBytes != int64(len("42deepdeepest")) {
			t.Errorf("%d bytes collected", e.Usage.OutBytes)
		}
		if e := s.run(t, whole, "exit", "0").well(t); len(e.files(t)) > 0 {
			t.Errorf("nothing became %v", e.files(t))
		}
	}},
	{"whole, and what is no plain file", func(t *testing.T, s *suite) {
		for _, kind := range []string{"symlink", "out", "hardlink", "deep"} {
			t.Run(kind, func(t *testing.T) {
				e := s.run(t, whole, "plant", kind)
				if !strings.Contains(e.Log, "plant "+kind+": <nil>") {
					t.Logf("the guest cannot even make it: %s", e.Log)
					return
				}
				e.failed(t, aihub.ReasonOutput)
				if got := e.files(t); len(got) > 0 {
					t.Errorf("collected %v", got)
				}
			})
		}
		e := s.run(t, func(j *sandbox.Job) { j.Whole, j.Limits.Tmp = true, 1<<30 }, "huge", strconv.Itoa(int(Limits.Output)+1), "/output/weights").failed(t, aihub.ReasonOutput)
		if got := e.files(t); len(got) > 0 {
			t.Errorf("collected %v", got)
		}
	}},
	{"after failure", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "exit", "3").failed(t, aihub.ReasonExit)
		if got := e.files(t); len(got) > 0 {
			t.Errorf("collected %v", got)
		}
	}},
	{"mapped writes", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "touch").well(t)
		if !strings.HasPrefix(e.file(t, "predictions.csv"), "mapped\x00") {
			t.Errorf("collected %q", e.file(t, "predictions.csv")[:16])
		}
	}},
}

// lifeCases: runs that are interrupted, are many, or are asked for wrongly.
var lifeCases = []testcase{
	{"children that stay", func(t *testing.T, s *suite) {
		s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "leave").well(t)
	}},
	{"cancel", func(t *testing.T, s *suite) {
		j, log := s.job(t, "stubborn")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			_ = log.wait(ctx, "stubborn 0")
			cancel()
		}()
		if _, err := s.runner.Run(ctx, j); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		if !strings.Contains(log.String(), "stubborn 0") {
			t.Fatalf("it never ran:\n%s", log)
		}
		nothingLeft(t, j.ID)
	}},
	{"cancelled before", func(t *testing.T, s *suite) {
		j, _ := s.job(t, "sleeper")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.runner.Run(ctx, j); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		nothingLeft(t, j.ID)
	}},
	{"sweep spares the living", func(t *testing.T, s *suite) {
		j, log := s.job(t, "sleeper")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { _, err := s.runner.Run(ctx, j); done <- err }()
		if err := log.wait(ctx, "here"); err != nil {
			t.Fatal(err)
		}
		if err := s.runner.Sweep(ctx); err != nil {
			t.Error(err)
		}
		if len(traces(j.ID)) == 0 {
			t.Error("sweeping ended a run that is under way")
		}
		if _, err := s.runner.Run(ctx, j); aihub.KindOf(err) != aihub.Conflict {
			t.Errorf("a second run with the same id: %v, want a conflict", err)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		nothingLeft(t, j.ID)
	}},
	{"many at once", func(t *testing.T, s *suite) {
		var wg sync.WaitGroup
		for i := range 6 {
			j, log := s.job(t, "hello", strconv.Itoa(i))
			j.Collect = []string{"predictions.csv"}
			wg.Go(func() {
				res, err := s.runner.Run(t.Context(), j)
				if err != nil || res.Failure.Reason != "" || !strings.Contains(log.String(), fmt.Sprintf("hello %d\n", i)) {
					t.Errorf("run %d: %v %+v %s", i, err, res.Failure, log)
				}
			})
		}
		wg.Wait()
	}},
	{"bad jobs", func(t *testing.T, s *suite) {
		for what, change := range map[string]func(*sandbox.Job){
			"no id":         func(j *sandbox.Job) { j.ID = "" },
			"id with path":  func(j *sandbox.Job) { j.ID = "../x" },
			"no command":    func(j *sandbox.Job) { j.Args = nil },
			"no limit":      func(j *sandbox.Job) { j.Limits.Memory = 0 },
			"relative path": func(j *sandbox.Job) { j.Input = "input" },
			"no rootfs":     func(j *sandbox.Job) { j.Rootfs = "/no/such/directory" },
			"bad name":      func(j *sandbox.Job) { j.Collect = []string{"../predictions.csv"} },
		} {
			j, _ := s.job(t, "hello")
			change(&j)
			if _, err := s.runner.Run(t.Context(), j); err == nil {
				t.Errorf("%s: no error", what)
			}
		}
	}},
}
