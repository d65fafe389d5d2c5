//go:build !linux

package main

import (
	"aihub"
	"aihub/sandbox"
	"aihub/sandbox/gvisor"
)

func dispatch() {}

func newRunner(dir string) sandbox.Runner { return gvisor.New(dir) }

func localRunner() (sandbox.Runner, func(), error) {
	return nil, nil, aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: "the sandbox runs on Linux only", ZH: "沙箱只能在 Linux 上运行",
	}).WithHint(aihub.Text{EN: "try the image on the platform: aihub submit --smoke", ZH: "请在平台上试运行：aihub submit --smoke"})
}
