// Command aihub is the whole platform in one binary: the server with its
// embedded sandbox, and the client that stewards, vendors and reviewers use.
// Each verb has a file of its own; app.go wires the rooms together.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	dispatch() // a sandbox or a demo algorithm re-executes this binary
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, process{
		Args: os.Args[1:],
		In:   os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: os.Getenv,
		Now:    time.Now,
		TTY:    term.IsTerminal(int(os.Stdout.Fd())),
	})
	stop()
	os.Exit(code)
}
