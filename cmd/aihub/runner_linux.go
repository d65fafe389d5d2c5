package main

import (
	"os"
	"path/filepath"

	"aihub/sandbox"
	"aihub/sandbox/gvisor"
	"aihub/sandbox/runnertest/hostile"
	"aihub/scenarios/packs/algorithms"
)

// dispatch turns this process into the sandbox, or into a demo algorithm, when
// it was started as one: a build without the embedded programs plays both.
func dispatch() {
	gvisor.Dispatch()
	if filepath.Base(os.Args[0]) == "algorithm" {
		if len(os.Args) > 1 && os.Args[1] == "hostile" {
			os.Exit(hostile.Main(os.Args[2:]))
		}
		os.Exit(algorithms.Main(os.Args[1:]))
	}
}

func newRunner(dir string) sandbox.Runner { return gvisor.New(dir) }

// localRunner is a runner outside of a server's data directory.
func localRunner() (sandbox.Runner, func(), error) {
	dir, err := os.MkdirTemp("", "aihub-run-*")
	if err != nil {
		return nil, nil, err
	}
	return gvisor.New(dir), func() { _ = removeTree(dir) }, nil
}
