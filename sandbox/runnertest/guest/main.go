// Command guest is the program that the conformance suite runs inside its
// containers: package hostile and nothing else.
package main

import (
	"os"
	"path/filepath"

	"aihub/sandbox/runnertest/hostile"
)

func main() {
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == "sh" { // in the place of an image's shell
		args = []string{"shell"}
	}
	os.Exit(hostile.Main(args))
}
