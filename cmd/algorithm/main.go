// Command algorithm is what the demo's vendors submit: one static program whose
// arguments choose the behaviour, "baseline event-dispatch", "weak school-places"
// or "hostile network".
package main

import (
	"os"

	"aihub/sandbox/runnertest/hostile"
	"aihub/scenarios/packs/algorithms"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "hostile" {
		os.Exit(hostile.Main(args[1:]))
	}
	os.Exit(algorithms.Main(args))
}
