package sandbox

import (
	"context"
	"io"
)

// Interactive is a Runner that can put a person in front of a run. Package
// runnertest holds both implementations to the same cases.
type Interactive interface {
	Runner

	// Interact is Run with a terminal as the standard input, output and error of
	// j's command, which leads a session of its own with that terminal: Ctrl-C is
	// an interrupt, a new size a signal. The contract is the same in all else.
	//
	// Leaving is not failing: an exit code, a signal of its own making and a
	// hang-up give a Result without a Failure. j.Log and j.Limits.Log are not used: who
	// shows the screen bounds it. What is in /output is collected however the
	// guest ended.
	Interact(ctx context.Context, j Job, t Terminal) (Result, error)
}

// Terminal is a person's side of a run.
type Terminal struct {
	Keys   io.ReadCloser // what is typed; its end hangs up, which kills the guest. The runner closes it at the end
	Screen io.Writer     // what is shown; a slow Write makes the guest wait, a failed one hangs up
	Size   Size          // of the window when the guest starts
	Sizes  <-chan Size   // and later; may be nil
}

// Size is that of a window, in characters.
type Size struct{ Cols, Rows uint16 }

// Bounds of a window.
const (
	minSide, maxSide = 2, 1000
	usualCols        = 80
	usualRows        = 24
)

// Bounded returns s within what a terminal can have; an unknown side is the usual one.
func (s Size) Bounded() Size {
	side := func(n, usual uint16) uint16 {
		if n == 0 {
			n = usual
		}
		return min(max(n, minSide), maxSide)
	}
	return Size{side(s.Cols, usualCols), side(s.Rows, usualRows)}
}
