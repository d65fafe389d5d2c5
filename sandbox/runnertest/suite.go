// Package runnertest is the contract of sandbox.Runner as a test suite: what an
// algorithm sees, what it cannot do, how its end is told, and that nothing of it
// is left. Every runner passes it, as root and as an ordinary user.
//
// The containers hold one static program, the guest (package hostile), which
// reports facts about its surroundings and attacks them.
package runnertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

// GuestVar names the environment variable that may say where the guest program
// is, for tests that run as a user who cannot build it.
const GuestVar = "AIHUB_TEST_GUEST"

// Guest builds the guest program, or returns the one that GuestVar names.
func Guest(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(GuestVar); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "guest")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "aihub/sandbox/runnertest/guest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v\n%s", err, out)
	}
	return path
}

// Rootfs lays out an image as a vendor could make it, around the guest program,
// in dir, which it creates.
func Rootfs(t testing.TB, dir, guest string) {
	t.Helper()
	program, err := os.ReadFile(guest)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"etc", "usr/bin", "opt/open", "tmp/from-image", "input/from-image", "proc/from-image"} {
		must(os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(os.Chmod(filepath.Join(dir, "opt/open"), 0o777))
	for name, content := range map[string][]byte{
		"guest":           program,
		"suid":            program,
		"usr/bin/inpath":  program,
		"etc/passwd":      []byte("root:x:0:0::/:/bin/sh\n"),
		"etc/resolv.conf": []byte("nameserver 8.8.8.8\n"),
		"etc/shadow":      []byte("root:secret\n"),
		"script":          []byte("#!/no/such/interpreter\n"),
		"text":            []byte("not a program\n"),
		"plain":           program,
	} {
		must(os.WriteFile(filepath.Join(dir, name), content, 0o755))
	}
	must(os.Chmod(filepath.Join(dir, "plain"), 0o644))
	must(os.Chmod(filepath.Join(dir, "etc/shadow"), 0o600))
	must(os.Chmod(filepath.Join(dir, "suid"), 0o755|os.ModeSetuid|os.ModeSetgid))
	must(os.Symlink("usr/bin", filepath.Join(dir, "bin")))
	must(os.Symlink("/../../../etc", filepath.Join(dir, "outside")))
}

// Limits are those of the suite's jobs unless a case says otherwise.
var Limits = scenarios.Limits{
	CPUs: 2, Memory: 256 << 20, Pids: 64, Files: 256, Wall: scenarios.Duration(time.Minute),
	Output: 4 << 20, Inodes: 32, Tmp: 16 << 20, Log: 256 << 10,
}

// Traits are what a runner cannot do by its nature, each with what takes its
// place in the contract. The zero value is the whole contract.
type Traits struct {
	// Engine: an engine stands between us and the kernel. It reports a signal as
	// exit code 128+n, samples what a run uses, and does not count a file's names.
	Engine bool
	// HostKernel: the guest meets the machine's kernel. /proc/meminfo is the
	// machine's, and processes are counted by a cgroup instead of RLIMIT_NPROC,
	// which on one kernel would be a count over all containers.
	HostKernel bool
}

// suite is what the cases share.
type suite struct {
	Traits
	runner sandbox.Runner
	rootfs string
	image  aihub.Digest // names rootfs
}

// Run runs the whole suite on the runner that make returns.
func Run(t *testing.T, make func(t *testing.T) sandbox.Runner) { RunWith(t, Traits{}, make) }

// RunWith runs the suite on a runner with traits.
func RunWith(t *testing.T, traits Traits, make func(t *testing.T) sandbox.Runner) {
	s := &suite{Traits: traits, runner: make(t), rootfs: filepath.Join(t.TempDir(), "rootfs")}
	Rootfs(t, s.rootfs, Guest(t))
	before := tree(t, s.rootfs)
	s.image = aihub.Digest("sha256:" + before)
	caps := s.runner.Probe(t.Context())
	if !caps.CanRunHidden() {
		t.Fatalf("this machine cannot keep the contract: %+v", caps)
	}
	for _, c := range slices.Concat(endCases, seeCases, limitCases, collectCases, lifeCases, terminalCases) {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
	if after := tree(t, s.rootfs); after != before {
		t.Error("the image was changed by the runs")
	}
}

type testcase struct {
	name string
	run  func(*testing.T, *suite)
}

// ended is a run that has ended.
type ended struct {
	sandbox.Result
	Log    string
	Output string // directory
}

// job prepares a job that runs the guest with args.
func (s *suite) job(t *testing.T, args ...string) (sandbox.Job, *record) {
	t.Helper()
	dir := t.TempDir()
	log := &record{changed: make(chan struct{})}
	j := sandbox.Job{
		ID: strings.ToLower(aihub.NewID("suite")), Rootfs: s.rootfs, Image: s.image, Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		Args: append([]string{"/guest"}, args...), Limits: Limits, Log: log,
	}
	for _, d := range []string{j.Input, j.Output} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"task.json": "{}\n", "data.csv": "id,x\nr1,1\n"} {
		if err := os.WriteFile(filepath.Join(j.Input, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return j, log
}

// run runs the guest with args and checks that nothing of it is left.
func (s *suite) run(t *testing.T, change func(*sandbox.Job), args ...string) ended {
	t.Helper()
	j, log := s.job(t, args...)
	if change != nil {
		change(&j)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	res, err := s.runner.Run(ctx, j)
	if err != nil {
		t.Fatalf("%v: %v (%v)\n%s", args, err, errors.Unwrap(err), log)
	}
	nothingLeft(t, j.ID)
	return ended{res, log.String(), j.Output}
}

// well fails unless the run ended well.
func (e ended) well(t *testing.T) ended {
	t.Helper()
	if e.Failure.Reason != "" || e.Exit != 0 {
		t.Fatalf("exit %d, failure %+v, want a good end\n%s", e.Exit, e.Failure, e.Log)
	}
	return e
}

// failed fails unless the run failed by the vendor's fault for reason.
func (e ended) failed(t *testing.T, reason aihub.Reason) ended {
	t.Helper()
	if e.Failure.Owner != aihub.FaultVendor || e.Failure.Reason != reason {
		t.Fatalf("exit %d, failure %+v, want the vendor's with reason %s\n%s", e.Exit, e.Failure, reason, clip(e.Log))
	}
	return e
}

// says fails unless each of lines is a line of the log.
func (e ended) says(t *testing.T, lines ...string) {
	t.Helper()
	have := strings.Split(e.Log, "\n")
	for _, l := range lines {
		if !slices.Contains(have, l) {
			t.Errorf("the log has no line %q:\n%s", l, clip(e.Log))
		}
	}
}

// values returns the "key: value" lines of the log.
func (e ended) values() map[string]string {
	v := map[string]string{}
	for line := range strings.Lines(e.Log) {
		if key, val, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			v[key] = val
		}
	}
	return v
}

// whole has all of /output collected, and leaves room for the guest's plant.
func whole(j *sandbox.Job) { j.Whole, j.Limits.Inodes = true, 128 }

// open makes what was collected readable for everybody, as a model is.
func open(t *testing.T, dir string) string {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = os.Chmod(p, map[bool]os.FileMode{true: 0o755, false: 0o644}[d.IsDir()])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// file returns a collected file.
func (e ended) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(e.Output, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files lists what was collected.
func (e ended) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(e.Output)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, d := range entries {
		names = append(names, d.Name())
	}
	return names
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:4000] + "…"
	}
	return s
}

// record is a log that can be waited on.
type record struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// wait waits until the log holds s, or ctx ends.
func (r *record) wait(ctx context.Context, s string) error {
	for {
		r.mu.Lock()
		found, changed := strings.Contains(r.b.String(), s), r.changed
		r.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tree is a digest of all names, modes, links and contents below dir.
func tree(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %v %d\n", path, fi.Mode(), fi.ModTime().UnixNano())
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			fmt.Fprintln(h, to)
			return err
		case fi.Mode().IsRegular():
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(h, f)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// nothingLeft fails when a process, mount or cgroup is left that bears id.
func nothingLeft(t *testing.T, id string) {
	t.Helper()
	for _, left := range traces(id) {
		t.Errorf("left behind: %s", left)
	}
}

func traces(id string) []string {
	var left []string
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range cmdlines {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte(id)) {
			left = append(left, fmt.Sprintf("process %s: %q", f, bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
		}
	}
	for _, f := range []string{"/proc/self/mountinfo", "/proc/1/mountinfo"} {
		b, _ := os.ReadFile(f)
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, id) {
				left = append(left, "mount "+line)
			}
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), id) {
			left = append(left, "cgroup "+path)
		}
		return nil
	})
	return left
}
