package runsc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"gvisor.dev/gvisor/runsc/container"

	"aihub/sandbox/gvisor/stage"
	"aihub/sandbox/inside"
)

// patience is how long the sandbox may take to report what it is like inside.
const patience = time.Minute

// gate is our end of the probe, the first process in the sandbox: it reports and
// waits there.
type gate struct {
	probe   *inside.Probe
	program *os.File
	word    inside.Word

	toProbe, fromProbe *os.File // ours
	theirs             []*os.File
}

// openGate makes the probe and the pipes to it.
func openGate(t stage.Tree) (g *gate, err error) {
	g = &gate{word: inside.NewWord()}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if g.probe, err = inside.For(runtime.GOARCH, inside.Files{In: stage.ProbeIn, Out: stage.ProbeOut}); err != nil {
		return nil, err
	}
	path := filepath.Join(t.Bundle, "probe")
	if err := os.WriteFile(path, g.probe.Program(), 0o755); err != nil {
		return nil, err
	}
	if g.program, err = os.Open(path); err != nil {
		return nil, err
	}
	in, toProbe, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	g.toProbe, g.theirs = toProbe, append(g.theirs, in)
	fromProbe, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	g.fromProbe, g.theirs = fromProbe, append(g.theirs, out)
	return g, nil
}

// hand adds the probe and its files to a container's.
func (g *gate) hand(args *container.Args) {
	args.ExecFile = g.program
	args.PassFiles = map[int]*os.File{stage.ProbeIn: g.theirs[0], stage.ProbeOut: g.theirs[1]}
}

// handed closes what only the sandbox uses, so that its end is an end here.
func (g *gate) handed() {
	for _, f := range append(g.theirs, g.program) {
		if f != nil {
			f.Close()
		}
	}
	g.theirs, g.program = nil, nil
}

func (g *gate) close() {
	g.handed()
	for _, f := range []*os.File{g.toProbe, g.fromProbe} {
		if f != nil {
			f.Close()
		}
	}
}

// errGone is a sandbox that ended before its guest began.
var errGone = errors.New("the sandbox ended before it had reported")

// report waits for what the probe has to say.
func (g *gate) report() (inside.Seen, error) {
	if err := g.fromProbe.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return inside.Seen{}, err
	}
	s, err := g.probe.Read(g.fromProbe)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.Join(errGone, err)
	}
	if err != nil {
		return s, fmt.Errorf("measuring the sandbox from inside: %w", err)
	}
	return s, nil
}

// open lets the guest start, and returns why it could not be started, 0 when it
// was.
func (g *gate) open() (syscall.Errno, error) {
	if _, err := g.toProbe.Write(g.word[:]); err != nil {
		return 0, fmt.Errorf("starting the guest: %w", err)
	}
	b := make([]byte, inside.FailureSize)
	n, err := io.ReadFull(g.fromProbe, b)
	if err == io.EOF {
		return 0, nil // closed by execve, or by the guest's end
	}
	if why, failed := g.word.Failed(b[:n]); failed {
		return why, nil
	}
	return 0, fmt.Errorf("starting the guest: the probe says %q: %w", b[:n], err)
}
