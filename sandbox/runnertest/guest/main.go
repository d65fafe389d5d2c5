// Command guest is the program that the conformance suite runs inside its
// containers: package hostile and nothing else.
package main

import (
	"os"

	"aihub/sandbox/runnertest/hostile"
)

func main() { os.Exit(hostile.Main(os.Args[1:])) }
