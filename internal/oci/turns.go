package oci

import (
	"context"
	"slices"
	"sync"
)

// turns has room for the images whose layers are in memory. Whoever has one in there
// waits with the next until it is out, so that others find room; else it is first
// come, first served.
type turns struct {
	mu      sync.Mutex
	room    int
	inside  []string // senders
	waiting []*turn
}

type turn struct {
	sender string
	come   chan struct{} // closed when it is inside
}

// checks is that room.
var checks = &turns{room: maxChecks}

// enter waits until there is room for an image of a sender ("": of nobody, who is
// many), and returns what to call when it is looked at.
func (q *turns) enter(ctx context.Context, sender string) (leave func(), err error) {
	t := &turn{sender, make(chan struct{})}
	q.mu.Lock()
	q.waiting = append(q.waiting, t)
	q.call()
	q.mu.Unlock()
	leave = func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		i := slices.Index(q.inside, sender)
		q.inside = slices.Delete(q.inside, i, i+1)
		q.call()
	}
	select {
	case <-t.come:
		return leave, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.waiting, t)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	q.mu.Unlock()
	if i < 0 { // called just now
		leave()
	}
	return nil, ctx.Err()
}

// call lets in whose turn it is.
func (q *turns) call() {
	for len(q.inside) < q.room {
		i := slices.IndexFunc(q.waiting, func(t *turn) bool { return t.sender == "" || !slices.Contains(q.inside, t.sender) })
		if i < 0 {
			return
		}
		t := q.waiting[i]
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.inside = append(q.inside, t.sender)
		close(t.come)
	}
}
