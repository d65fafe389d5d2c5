package gvisor

import (
	"fmt"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/gvisor/stage"
)

// order translates a job. Work and what only the machine knows is added later.
func order(j sandbox.Job) stage.Order {
	dir := j.Dir
	if dir == "" {
		dir = "/"
	}
	var clock int64
	if !j.Clock.IsZero() {
		clock = j.Clock.Unix()
	}
	return stage.Order{
		ID: j.ID, Rootfs: j.Rootfs, Input: j.Input, Model: j.Model, Output: j.Output,
		Collect: j.Collect, Whole: j.Whole, Depth: sandbox.MaxDepth, Args: j.Args, Dir: dir, Env: sandbox.Environment(j.Env), Clock: clock,
		Limits: stage.Limits{
			CPUs: j.Limits.CPUs, Memory: int64(j.Limits.Memory), Pids: j.Limits.Pids, Files: j.Limits.Files,
			Wall: time.Duration(j.Limits.Wall), Output: int64(j.Limits.Output), Inodes: j.Limits.Inodes, Tmp: int64(j.Limits.Tmp),
		},
	}
}

// result classifies a report: whose fault, and which reason. What the container
// did by itself counts only when nothing from outside ended it.
func result(r stage.Report, l stage.Limits, interactive bool) sandbox.Result {
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
		if interactive {
			break
		}
		vendor(aihub.ReasonSignal, "signal %d", r.Signal)
	case r.Code != 0:
		res.Exit = r.Code
		if interactive {
			break
		}
		vendor(aihub.ReasonExit, "exit code %d", r.Code)
	case r.Output != nil:
		res.Failure = *r.Output
	}
	return res
}
