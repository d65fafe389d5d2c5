// Command pack compresses a program for package embedded: pack PROGRAM OUT. It
// leaves OUT alone when it holds that very program already, so that nothing is
// built again without need.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"

	"aihub/internal/embedded"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack PROGRAM OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(program, out string) error {
	b, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(out); err == nil {
		if got, err := embedded.Unpack(old); err == nil && sha256.Sum256(got) == sha256.Sum256(b) {
			return nil
		}
	}
	packed, err := embedded.Pack(b)
	if err != nil {
		return err
	}
	tmp := out + ".tmp"
	if err := os.WriteFile(tmp, packed, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, out)
}
