package gvisor

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/gvisor/stage"
)

var idRE = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// check refuses a job that was not prepared properly: the caller's mistake.
func check(j sandbox.Job) error {
	bad := func(format string, args ...any) error {
		s := fmt.Sprintf(format, args...)
		return aihub.Errorf(aihub.Internal, aihub.Text{EN: "bad sandbox job: " + s, ZH: "沙箱任务有误：" + s})
	}
	if !idRE.MatchString(j.ID) {
		return bad("id %q", j.ID)
	}
	for name, p := range map[string]string{"rootfs": j.Rootfs, "input": j.Input, "output": j.Output} {
		if !filepath.IsAbs(p) {
			return bad("%s %q is not an absolute path", name, p)
		}
	}
	if j.Model != "" && !filepath.IsAbs(j.Model) {
		return bad("model %q is not an absolute path", j.Model)
	}
	if len(j.Args) == 0 {
		return bad("no command")
	}
	for _, s := range slices.Concat(j.Args, j.Env, []string{j.Dir}) {
		if strings.ContainsRune(s, 0) {
			return bad("a NUL byte in %q", s)
		}
	}
	l := j.Limits
	if l.CPUs <= 0 || l.Memory <= 0 || l.Pids <= 0 || l.Files <= 0 || l.Wall <= 0 || l.Output <= 0 || l.Inodes <= 0 || l.Tmp <= 0 || l.Log < 0 {
		return bad("a limit is not set: %+v", l)
	}
	return nil
}

// environment is what every algorithm has unless its spec says otherwise. HOME
// is a place that can be written to.
var environment = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/tmp",
}

// env returns the defaults and then given, without the defaults it replaces.
func env(given []string) []string {
	var all []string
	for _, d := range environment {
		key, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(given, func(s string) bool { return strings.HasPrefix(s, key+"=") }) {
			all = append(all, d)
		}
	}
	return append(all, given...)
}

// order translates a job. Work and what only the machine knows is added later.
func order(j sandbox.Job) stage.Order {
	dir := j.Dir
	if dir == "" {
		dir = "/"
	}
	return stage.Order{
		ID: j.ID, Rootfs: j.Rootfs, Input: j.Input, Model: j.Model, Output: j.Output,
		Collect: j.Collect, Args: j.Args, Dir: dir, Env: env(j.Env),
		Limits: stage.Limits{
			CPUs: j.Limits.CPUs, Memory: int64(j.Limits.Memory), Pids: j.Limits.Pids, Files: j.Limits.Files,
			Wall: time.Duration(j.Limits.Wall), Output: int64(j.Limits.Output), Inodes: j.Limits.Inodes, Tmp: int64(j.Limits.Tmp),
		},
	}
}

// result classifies a report: whose fault, and which reason. What the container
// did by itself counts only when nothing from outside ended it.
func result(r stage.Report, l stage.Limits) sandbox.Result {
	res := sandbox.Result{Posture: r.Posture, Usage: aihub.Usage{
		WallMS: r.Wall.Milliseconds(), CPUMS: r.CPU.Milliseconds(), PeakBytes: r.Peak, OutBytes: r.OutBytes,
	}}
	vendor := func(reason aihub.Reason, format string, args ...any) {
		res.Failure = aihub.Failure{Owner: aihub.FaultVendor, Reason: reason, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Start != "":
		res.Exit = 127
		vendor(aihub.ReasonStart, "%s", r.Start)
	case r.OOM:
		res.Exit = 137
		vendor(aihub.ReasonMemory, "more than %d bytes of memory", l.Memory)
	case r.TimedOut:
		res.Exit = 137
		vendor(aihub.ReasonTimeout, "longer than %v", l.Wall)
	case r.Signal != 0:
		res.Exit = 128 + r.Signal
		vendor(aihub.ReasonSignal, "signal %d", r.Signal)
	case r.Code != 0:
		res.Exit = r.Code
		vendor(aihub.ReasonExit, "exit code %d", r.Code)
	case r.Output != nil:
		res.Failure = *r.Output
	}
	return res
}
