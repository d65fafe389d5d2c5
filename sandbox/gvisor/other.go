//go:build !linux

package gvisor

import (
	"context"
	"runtime"

	"aihub"
	"aihub/sandbox"
)

type state struct{}

var onlyLinux = aihub.Text{
	EN: "gVisor runs on Linux only, this is " + runtime.GOOS,
	ZH: "gVisor 仅能在 Linux 上运行，当前系统为 " + runtime.GOOS,
}

func (*Runner) probe(context.Context) sandbox.Capabilities {
	return sandbox.Capabilities{Checks: []sandbox.Capability{{Name: "start", By: aihub.Text{EN: "gVisor", ZH: "gVisor"}, Why: onlyLinux}}}
}

func (*Runner) setup() error {
	return aihub.Errorf(aihub.Unavailable, onlyLinux).WithHint(aihub.Text{
		EN: "submit from here, and try the image on a Linux machine", ZH: "可在本机提交，并在 Linux 机器上试运行镜像",
	})
}

func (r *Runner) run(context.Context, sandbox.Job, *sandbox.Terminal) (sandbox.Result, error) {
	return sandbox.Result{}, r.setup()
}

func (*Runner) sweep(context.Context) error { return nil }
