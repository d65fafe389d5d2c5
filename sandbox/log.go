package sandbox

import (
	"bytes"
	"context"
	"sync"
	"time"
	"unicode/utf8"
)

// excerpt is the most that is appended to the store at once.
const excerpt = 32 << 10

// live passes a log on while it is written: to the store, in excerpts that are
// whole characters. A Write never waits for the store; the runner bounds what
// comes.
type live struct {
	append func(ctx context.Context, text string) error
	every  time.Duration

	mu  sync.Mutex
	all bytes.Buffer // everything, for the log's blob
	new int          // where in all the part begins that was not passed on
}

func (l *live) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// reset forgets everything.
func (l *live) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Reset()
	l.new = 0
}

// bytes returns everything that was written.
func (l *live) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.all.Bytes())
}

// run passes on what comes until ctx ends, and returns the first error, after
// which nothing is passed on any more.
func (l *live) run(ctx context.Context) error {
	t := time.NewTicker(l.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := l.flush(ctx, false); err != nil {
			return err
		}
	}
}

// flush passes on what is new; a character that is cut off at its end waits for
// the rest, unless all is set.
func (l *live) flush(ctx context.Context, all bool) error {
	for {
		text := l.next(all)
		if text == "" {
			return nil
		}
		if err := l.append(ctx, text); err != nil {
			return err
		}
	}
}

func (l *live) next(all bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.all.Bytes()[l.new:]
	n := min(len(b), excerpt)
	if n < len(b) || !all {
		n = whole(b[:n])
	}
	l.new += n
	return string(b[:n])
}

// whole returns how many bytes of b are whole characters: all, unless b ends in
// the first bytes of one. Bytes that are no text count as whole.
func whole(b []byte) int {
	for i := 1; i <= min(len(b), utf8.UTFMax-1); i++ {
		c := b[len(b)-i]
		if !utf8.RuneStart(c) {
			continue
		}
		if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
			return len(b) - i
		}
		break
	}
	return len(b)
}
