package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// recorder writes down a session as an asciicast of version 2: a JSON header,
// then one line [seconds, kind, text] for what was shown ("o", as it was shown),
// typed ("i"), or a new size ("r").
type recorder struct {
	mu    sync.Mutex
	file  *os.File
	begun time.Time
	now   func() time.Time
	left  int64 // bytes
	err   error
}

// castHeader is the first line.
type castHeader struct {
	Version   int    `json:"version"`
	Width     uint16 `json:"width"`
	Height    uint16 `json:"height"`
	Timestamp int64  `json:"timestamp"`
	Title     string `json:"title"`
}

// newRecorder begins a record of at most so many bytes.
func newRecorder(path, title string, most int64, now func() time.Time) (*recorder, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	r := &recorder{file: f, begun: now(), now: now, left: most}
	r.line(castHeader{2, usualCols, usualRows, r.begun.Unix(), title})
	return r, r.err
}

func (r *recorder) write(kind byte, s string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	seconds := r.now().Sub(r.begun).Round(time.Microsecond).Seconds()
	r.line([]any{seconds, string(kind), strings.ToValidUTF8(s, "\ufffd")})
	return r.err
}

func (r *recorder) resize(s Size) error { return r.write('r', fmt.Sprintf("%dx%d", s.Cols, s.Rows)) }

func (r *recorder) line(v any) {
	b, err := json.Marshal(v)
	switch {
	case r.err != nil:
	case err != nil:
		r.err = err
	case int64(len(b)) >= r.left:
		r.err = errFull
	default:
		r.left -= int64(len(b)) + 1
		_, r.err = r.file.Write(append(b, '\n'))
	}
}

var errFull = errors.New("the record of the session is full")
