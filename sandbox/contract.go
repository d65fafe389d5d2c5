package sandbox

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"aihub"
	"aihub/sandbox/inside"
)

// What every algorithm finds, whatever carries it out.
const (
	Guest    = inside.Guest    // its user and group id
	Hostname = inside.Hostname // the same in smoke and hidden runs
)

// Taken are the names in the root directory that belong to the contract: what an
// image has under them is not shown.
var Taken = []string{"input", "model", "output", "tmp", "dev", "proc", "sys"}

var jobID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// Check refuses a job that was not prepared properly: the caller's mistake.
func (j Job) Check() error {
	bad := func(format string, args ...any) error {
		s := fmt.Sprintf(format, args...)
		return aihub.Errorf(aihub.Internal, aihub.Text{EN: "bad sandbox job: " + s, ZH: "沙箱任务有误：" + s})
	}
	if !jobID.MatchString(j.ID) {
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
	if j.Whole && len(j.Collect) > 0 {
		return bad("whole, and files %q", j.Collect)
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

// Environment returns the defaults and then given, without the defaults it
// replaces.
func Environment(given []string) []string {
	var all []string
	for _, d := range environment {
		key, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(given, func(s string) bool { return strings.HasPrefix(s, key+"=") }) {
			all = append(all, d)
		}
	}
	return append(all, given...)
}

// Refuse says which promises of the contract are not kept here: the answer to a
// hidden job.
func (c Capabilities) Refuse() error {
	e := aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: "this machine cannot keep what the sandbox promises, so it runs nothing on hidden data",
		ZH: "本机无法兑现沙箱的承诺，因此不会在隐藏数据上运行任何算法",
	}).WithHint(aihub.Text{
		EN: "run aihub doctor to see what would help",
		ZH: "请运行 aihub doctor 查看解决办法",
	})
	for _, x := range c.Checks {
		if !x.Enforced {
			e.Faults = append(e.Faults, aihub.Fault{Code: "not_enforced", Where: x.Name, Message: x.Why})
		}
	}
	return e
}

// MaxDepth is how many names the path of a file of a Whole output may have.
const MaxDepth = 32

// Plain reports whether name can be the name of a file in /output.
func Plain(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) < 256 && !strings.ContainsAny(name, "/\\\x00")
}

// Drifted is the platform's refusal of a run whose isolation is not what the
// contract demands; each fault names one thing that fell short.
func Drifted(faults []aihub.Fault) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: "the isolation of the run was not what the contract demands, so it was stopped",
		ZH: "本次运行的隔离状态不符合约定，已停止",
	}).WithHint(aihub.Text{
		EN: "this is not the algorithm's fault; run aihub doctor", ZH: "这不是算法的问题；请运行 aihub doctor",
	}).WithFaults(faults)
}
