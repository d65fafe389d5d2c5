package sandbox

import (
	"bytes"
	"sync"
	"time"
)

// excerpt bounds one piece of a live log.
const excerpt = 32 << 10

// runLog keeps the output of a run, which the runner has already bounded, and
// hands it on in pieces while the run is under way when live is set. A reader
// who is slow or gone costs the algorithm nothing: what live refuses is only in
// the kept log.
type runLog struct {
	limit int64
	live  func(string) error

	mu   sync.Mutex
	all  bytes.Buffer
	sent int // bytes of all handed on
}

// Write never fails and never blocks on a reader.
func (l *runLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := l.limit - int64(l.all.Len()); room > 0 {
		l.all.Write(p[:min(int64(len(p)), room)])
	}
	return len(p), nil
}

func (l *runLog) kept() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Bytes()
}

// flush hands on what came since the last time.
func (l *runLog) flush() {
	for {
		l.mu.Lock()
		next := l.all.Bytes()[l.sent:]
		next = bytes.Clone(next[:min(len(next), excerpt)])
		l.sent += len(next)
		l.mu.Unlock()
		if len(next) == 0 || l.live(string(next)) != nil {
			return
		}
	}
}

// flushEvery hands on pieces until the returned function is called, which hands
// on the rest. It does nothing for a hidden run.
func (l *runLog) flushEvery() (stop func()) {
	if l.live == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				l.flush()
			case <-end:
				l.flush()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}
