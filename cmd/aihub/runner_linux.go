package main

import (
	"os"
	"path/filepath"

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
