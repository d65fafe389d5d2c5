// Command algorithm is what the demo's vendors submit: one static program whose
// arguments choose the behaviour, "baseline event-dispatch" for example.
package main

import (
	"os"

	"aihub/scenarios/packs/algorithms"
)

func main() { os.Exit(algorithms.Main(os.Args[1:])) }
