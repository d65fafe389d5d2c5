package auth

import (
	"sync"
	"time"
)

// limiter counts failures by key and locks a key that has too many of them
// within a window. It holds a bounded number of keys; when it is full the
// oldest goes. It is in memory: a restart forgets.
type limiter struct {
	failures int           // allowed within window
	window   time.Duration // also how long a lock lasts
	size     int           // keys held
	now      func() time.Time

	mu   sync.Mutex
	keys map[string]*tries
}

type tries struct {
	n     int
	since time.Time // of the first one counted
}

func newLimiter(failures int, window time.Duration, now func() time.Time) *limiter {
	return &limiter{failures: failures, window: window, size: 10_000, now: now, keys: map[string]*tries{}}
}

// take counts one try before its result is known, so that many at once cannot
// slip past the limit. A locked key may not try: take returns for how long.
func (l *limiter) take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.keys[key]
	if t == nil || l.now().Sub(t.since) >= l.window {
		if t == nil && len(l.keys) >= l.size {
			l.evict()
		}
		t = &tries{since: l.now()}
		l.keys[key] = t
	}
	if t.n >= l.failures {
		return l.window - l.now().Sub(t.since)
	}
	t.n++
	return 0
}

// forget takes the tries of key back: it succeeded.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, key)
}

// refund takes one try back.
func (l *limiter) refund(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.keys[key]; t != nil {
		if t.n--; t.n <= 0 {
			delete(l.keys, key)
		}
	}
}

// evict removes what has expired, or else the oldest key.
func (l *limiter) evict() {
	oldest, at := "", time.Time{}
	for k, t := range l.keys {
		if l.now().Sub(t.since) >= l.window {
			delete(l.keys, k)
			continue
		}
		if oldest == "" || t.since.Before(at) {
			oldest, at = k, t.since
		}
	}
	if len(l.keys) >= l.size {
		delete(l.keys, oldest)
	}
}
