// Package attack carries out the attacks of the threat model that one machine can
// show, on a real Runner, and says for each row of the list what came of it: it
// was stopped, it is open, it is known and measured, or why it cannot be shown. The hostile
// programs are those of package hostile; the hostile images are made here.
//
// A row is open when anything of it succeeds, and also when it could not be
// carried out: what was not seen to be stopped is not stopped.
package attack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

// Status is what came of a row.
type Status string

// The statuses.
const (
	Stopped  Status = "stopped"
	Open     Status = "OPEN"
	NotShown Status = "not shown"
	Residual Status = "residual" // known, and measured
)

// Finding is one row on one runner.
type Finding struct {
	Row      string     `json:"row"` // V1 to V43
	Attack   aihub.Text `json:"attack"`
	Runner   string     `json:"runner"`
	Status   Status     `json:"status"`
	Why      aihub.Text `json:"why"`                // what was seen, or why it cannot be shown
	Evidence []string   `json:"evidence,omitempty"` // of an open row
}

// Suite attacks one runner.
type Suite struct {
	Runner  sandbox.Runner
	Program []byte // static executable for the runner's machine that plays package hostile after the argument "hostile"
	Dir     string // empty; holds images and what runs leave

	// Platform shows, on a platform whose runs are Runner's, the rows that take more
	// than a runner; it is asked once. Those that it does not return are open.
	Platform func(context.Context) (map[string]Shown, error)

	caps   sandbox.Capabilities
	rootfs string
	n      int
	ran    map[string]*ran
	note   aihub.Text // what the row that is shown could not do
}

// Shown is what came of a row on a platform.
type Shown struct {
	Bad   []string   // what succeeded; none: the row is stopped
	Note  aihub.Text // what was seen
	Known bool       // what is told by design, and is bounded: the note has the figure
}

// limits of a hostile run, small so that reaching them is quick.
var limits = scenarios.Limits{
	CPUs: 1, Memory: 256 << 20, Pids: 64, Files: 256, Wall: scenarios.Duration(time.Minute),
	Output: 4 << 20, Inodes: 64, Tmp: 16 << 20, Log: 1 << 20,
}

// ran is one run that has ended.
type ran struct {
	sandbox.Result
	log  string
	out  string // directory
	took time.Duration
}

// Run carries out every row and gives each finding to found as it comes. An
// error means that the attacks could not be carried out at all.
func (s *Suite) Run(ctx context.Context, found func(Finding)) error {
	s.ran = map[string]*ran{}
	s.rootfs = filepath.Join(s.Dir, "rootfs")
	if err := s.image(); err != nil {
		return err
	}
	if s.caps = s.Runner.Probe(ctx); !s.caps.CanRunHidden() {
		return s.caps.Refuse()
	}
	shown, err := s.Platform(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f := Finding{Row: r.id, Attack: r.what, Runner: s.Runner.Name(), Status: NotShown, Why: r.why}
		if p, ok := shown[r.id]; ok {
			f.conclude(p)
		} else if r.show != nil {
			bad, err := r.show(ctx, s)
			if err != nil {
				bad = append(bad, fmt.Sprintf("could not be carried out: %v", err))
			}
			known := r.why != (aihub.Text{})
			if known {
				s.note = aihub.Text{EN: s.note.EN + "; " + r.why.EN, ZH: s.note.ZH + "；" + r.why.ZH}
			}
			f.conclude(Shown{bad, s.note, known})
			s.note = aihub.Text{}
		}
		found(f)
	}
	return nil
}

// conclude makes of what was seen what came of it.
func (f *Finding) conclude(p Shown) {
	f.Status, f.Why, f.Evidence = Stopped, p.Note, p.Bad
	if p.Known {
		f.Status = Residual
	}
	if bad := p.Bad; len(bad) > 0 {
		f.Status = Open
		f.Why = aihub.Text{EN: strings.Join(bad[:min(len(bad), 3)], "; "), ZH: strings.Join(bad[:min(len(bad), 3)], "；")}
	}
}

// hostKernel reports whether the guest meets the machine's own kernel.
func (s *Suite) hostKernel() bool { return s.caps.Platform == "runc" }

// image lays out the vendor's image: the program, once set-user-id, a resolver,
// and links and directories that lead elsewhere.
func (s *Suite) image() error {
	for _, d := range []string{"suid", "etc", "tmp", "proc"} {
		if err := os.MkdirAll(filepath.Join(s.rootfs, d), 0o755); err != nil {
			return err
		}
	}
	for name, b := range map[string][]byte{
		"algorithm": s.Program, "suid/algorithm": s.Program, "etc/resolv.conf": []byte("nameserver 8.8.8.8\nnameserver 127.0.0.11\n"), "etc/passwd": []byte("root:x:0:0::/:/bin/sh\n"),
	} {
		if err := os.WriteFile(filepath.Join(s.rootfs, name), b, 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink("/../../../etc", filepath.Join(s.rootfs, "outside")); err != nil {
		return err
	}
	return os.Chmod(filepath.Join(s.rootfs, "suid/algorithm"), 0o755|os.ModeSetuid|os.ModeSetgid)
}

// job prepares a run of a mode of package hostile.
func (s *Suite) job(args ...string) (sandbox.Job, error) {
	s.n++
	dir := filepath.Join(s.Dir, fmt.Sprintf("run%d", s.n))
	j := sandbox.Job{
		ID: strings.ToLower(strings.ReplaceAll(aihub.NewID("attack"), "_", "-")), Rootfs: s.rootfs, Image: aihub.DigestOf(s.Program),
		Input: filepath.Join(dir, "input"), Output: filepath.Join(dir, "output"),
		Args: append([]string{"/algorithm", "hostile"}, args...), Limits: limits, Collect: []string{"predictions.csv"}, Hidden: true,
	}
	for _, d := range []string{j.Input, j.Output} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return j, err
		}
	}
	for name, content := range map[string]string{
		"task.json": `{"input":{"file":"data.csv","format":"csv","key":"id"},"output":{"file":"predictions.csv","format":"csv","columns":[{"name":"label","type":"string","classes":["x"]}]}}` + "\n",
		"data.csv":  "id,x\nr1,1\n",
	} {
		if err := os.WriteFile(filepath.Join(j.Input, name), []byte(content), 0o644); err != nil {
			return j, err
		}
	}
	return j, nil
}

// run runs a mode and checks that nothing of it is left on this machine.
func (s *Suite) run(ctx context.Context, change func(*sandbox.Job), args ...string) (*ran, error) {
	j, err := s.job(args...)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&j)
	}
	var log lockedBuffer
	j.Log = &log
	began := time.Now()
	res, err := s.Runner.Run(ctx, j)
	if err != nil {
		return nil, err
	}
	r := &ran{Result: res, log: log.String(), out: j.Output, took: time.Since(began)}
	if left := traces(j.ID); len(left) > 0 {
		return r, fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	return r, nil
}

// once runs a mode the first time it is asked for; rows share what it reports.
func (s *Suite) once(ctx context.Context, args ...string) (*ran, error) {
	key := strings.Join(args, " ")
	if r := s.ran[key]; r != nil {
		return r, nil
	}
	r, err := s.run(ctx, nil, args...)
	if err == nil {
		s.ran[key] = r
	}
	return r, err
}

// lines returns the lines of the log for which keep holds.
func (r *ran) lines(keep func(string) bool) []string {
	var all []string
	for line := range strings.Lines(r.log) {
		if line = strings.TrimSpace(line); keep(line) {
			all = append(all, line)
		}
	}
	return all
}

// succeeded are the attempts about what that did not fail; at least n must have
// been made.
func (r *ran) succeeded(n int, what func(string) bool) []string {
	tries := 0
	bad := r.lines(func(l string) bool {
		if !strings.HasPrefix(l, "tried ") || !what(l) {
			return false
		}
		tries++
		return strings.HasSuffix(l, ": ok")
	})
	if tries < n {
		bad = append(bad, fmt.Sprintf("only %d of %d attempts were made", tries, n))
	}
	return bad
}

// value returns what follows "key: " in the log.
func (r *ran) value(key string) string {
	for line := range strings.Lines(r.log) {
		if v, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// ended says what is wrong when the run did not end for one of reasons; "" is a
// good end.
func (r *ran) ended(reasons ...aihub.Reason) []string {
	if slices.Contains(reasons, r.Failure.Reason) {
		return nil
	}
	return []string{fmt.Sprintf("it ended with %q (exit %d), not %q", r.Failure.Reason, r.Exit, reasons)}
}

// files lists what was collected.
func (r *ran) files() []string {
	entries, _ := os.ReadDir(r.out)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// traces finds processes, mounts and cgroups of this machine that bear id.
func traces(id string) []string {
	var left []string
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range cmdlines {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte(id)) {
			left = append(left, "process "+f)
		}
	}
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, id) {
			left = append(left, "mount "+strings.TrimSpace(line))
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*", "/sys/fs/cgroup/*/*", "/sys/fs/cgroup/*/*/*"} {
		dirs, _ := filepath.Glob(pattern + id + "*")
		for _, d := range dirs {
			left = append(left, "cgroup "+d)
		}
	}
	return left
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
