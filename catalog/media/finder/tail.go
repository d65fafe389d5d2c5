package finder

import (
	"bytes"
	"sync"
	"unicode"
)

// tail keeps the last bytes that were written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[max(0, len(p)-tailBytes):]...)
	t.b = append(t.b[:0], t.b[max(0, len(t.b)-tailBytes):]...)
	return len(p), nil
}

// last returns them without what a screen would obey.
func (t *tail) last() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Map(func(r rune) rune {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) { // controls, and turns of direction
			return ' '
		}
		return r
	}, t.b)
}
