package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"github.com/docker/docker/api/types"

	"aihub/sandbox"
	"aihub/sandbox/inside"
)

// architectures are Go's names of the engine's.
var architectures = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// probe is the program that measures a container from inside.
func (r *Runner) probe() (*inside.Probe, error) {
	p, err := inside.For(architectures[r.info.Architecture], inside.Files{In: 0, Out: 1})
	if err != nil {
		return nil, platform("preparing", fmt.Errorf("%s: %w", r.info.Architecture, err))
	}
	return p, nil
}

// contract is what a container has to be from inside.
func (r *Runner) contract(j sandbox.Job, term *sandbox.Terminal) inside.Contract {
	l := j.Limits
	c := inside.Contract{
		OwnKernel: r.family != runc, Engine: true, Apart: true, Model: j.Model != "", Terminal: term != nil,
		Open: l.Files, Output: int64(l.Output), Inodes: l.Inodes, Tmp: int64(l.Tmp),
	}
	if r.family != runc {
		c.Pids = l.Pids
	}
	return c
}

// gate is our end of the probe, the first process of a container: its report
// comes as the first bytes of the standard output, and it waits for a word.
type gate struct {
	probe  *inside.Probe
	word   inside.Word
	stream types.HijackedResponse
	next   io.Writer // where the guest's output goes

	in  *io.PipeReader // the report
	out *io.PipeWriter

	mu      sync.Mutex
	opened  bool
	through bool          // what comes is the guest's
	held    []byte        // what came first after the word, until it is clear what it is
	why     syscall.Errno // the guest could not be started
}

func (r *Runner) openGate(stream types.HijackedResponse) (*gate, error) {
	p, err := r.probe()
	if err != nil {
		return nil, err
	}
	g := &gate{probe: p, word: inside.NewWord(), stream: stream}
	g.in, g.out = io.Pipe()
	return g, nil
}

// to returns the writer of all that comes out of the container: the guest's goes
// on to next.
func (g *gate) to(next io.Writer) io.Writer {
	g.next = next
	return g
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.opened:
		g.mu.Unlock() // the reader takes its time
		n, err := g.out.Write(p)
		g.mu.Lock()
		return n, err
	case g.through:
		return g.next.Write(p)
	}
	g.held = append(g.held, p...)
	if why, failed := g.word.Failed(g.held); failed {
		g.why = why
		return len(p), nil
	}
	if n := min(len(g.held), inside.WordSize); len(g.held) < inside.FailureSize && bytes.Equal(g.held[:n], g.word[:n]) {
		return len(p), nil
	}
	return len(p), g.release()
}

// release passes on what was held.
func (g *gate) release() error {
	held := g.held
	g.through, g.held = true, nil
	if len(held) == 0 {
		return nil
	}
	_, err := g.next.Write(held)
	return err
}

// flush is called when nothing more comes.
func (g *gate) flush() error {
	g.out.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why != 0 {
		return nil
	}
	return g.release()
}

func (g *gate) close() { g.in.Close() }

// report waits for what the probe has to say.
func (g *gate) report(ctx context.Context) (inside.Seen, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it reports nothing"))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { g.in.CloseWithError(context.Cause(ctx)) })
	defer stop()
	s, err := g.probe.Read(g.in)
	if err != nil {
		return s, platform("measuring from inside", err)
	}
	return s, nil
}

// open lets the guest start; with end its standard input is at its end.
func (g *gate) open(end bool) error {
	g.mu.Lock()
	g.opened = true
	g.mu.Unlock()
	if _, err := g.stream.Conn.Write(g.word[:]); err != nil {
		return err
	}
	if end {
		return g.stream.CloseWrite()
	}
	return nil
}

// failed says why the guest could not be started, if it could not.
func (g *gate) failed() (syscall.Errno, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why, g.why != 0
}

// writer is a function as an io.Writer.
type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
