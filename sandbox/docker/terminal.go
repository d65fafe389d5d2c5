package docker

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"aihub"
	"aihub/sandbox"
)

// errLeft ends the wait for a guest whose person has left the terminal.
var errLeft = errors.New("nobody is at the terminal")

// left are the ends that are no failures when somebody was at the terminal.
var left = []aihub.Reason{aihub.ReasonExit, aihub.ReasonSignal}

// talk passes on what is typed and shown. A nil talk does nothing.
type talk struct {
	term   *sandbox.Terminal
	stream types.HijackedResponse
	log    *logger // counts
	gone   chan struct{}
	hang   func()

	passing sync.WaitGroup
	stop    context.CancelFunc
}

func newTalk(term *sandbox.Terminal, stream types.HijackedResponse, log *logger) *talk {
	if term == nil {
		return nil
	}
	t := &talk{term: term, stream: stream, log: log, gone: make(chan struct{})}
	log.to = nil // what is shown is not the run's log
	t.hang = sync.OnceFunc(func() { close(t.gone) })
	return t
}

// left is closed when the person has left, until something else has ended the run.
func (t *talk) left(cause error) <-chan struct{} {
	if t == nil || cause != nil {
		return nil
	}
	return t.gone
}

// show passes on what the guest writes, to its end.
func (t *talk) show(g *gate) error {
	screen := g.to(writer(t.shown))
	buf := make([]byte, 32<<10)
	for broken := false; ; {
		n, err := t.stream.Reader.Read(buf)
		if n > 0 && !broken {
			if _, failed := screen.Write(buf[:n]); failed != nil {
				broken = true
				t.hang()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// shown passes on what the guest has written.
func (t *talk) shown(p []byte) (int, error) {
	_, _ = t.log.Write(p) // never fails: it has nowhere to write to
	return t.term.Screen.Write(p)
}

// begin passes on keys and sizes until end is called.
func (t *talk) begin(ctx context.Context, resize func(sandbox.Size)) {
	ctx, t.stop = context.WithCancel(ctx)
	t.passing.Go(func() {
		buf := make([]byte, 4<<10)
		for {
			n, err := t.term.Keys.Read(buf)
			if _, failed := t.stream.Conn.Write(buf[:n]); err != nil || failed != nil {
				t.hang()
				return
			}
		}
	})
	t.passing.Go(func() {
		resize(t.term.Size.Bounded()) // not every engine heeds the first one
		for {
			select {
			case <-ctx.Done():
				return
			case s, open := <-t.term.Sizes:
				if !open {
					return
				}
				resize(s.Bounded())
			}
		}
	})
}

func (t *talk) end() {
	t.stop()
	t.term.Keys.Close()
	t.stream.Close() // ends a write to a guest that does not read
	t.passing.Wait()
}

func (r *Runner) resize(ctx context.Context, name string, s sandbox.Size) {
	// It may have ended.
	_ = r.api.ContainerResize(ctx, name, container.ResizeOptions{Height: uint(s.Rows), Width: uint(s.Cols)})
}
