package sandbox

import (
	"errors"
	"os"
	"path/filepath"
)

// scratch is one worker's directory below the shared one. It is locked as long
// as the worker lives, so that the next one can tell what is abandoned.
type scratch struct {
	path string
	lock *os.File
}

// newScratch removes what killed workers left in parent, and makes a directory
// of our own there.
func newScratch(parent string) (*scratch, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	// Nobody makes or removes a directory while another one looks.
	all, err := flock(filepath.Join(parent, "lock"), true)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	old, err := filepath.Glob(filepath.Join(parent, "worker-*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range old {
		lock, err := flock(filepath.Join(dir, "lock"), false)
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = os.RemoveAll(dir)
		lock.Close()
		if err != nil {
			return nil, err
		}
	}
	s := &scratch{}
	if s.path, err = os.MkdirTemp(parent, "worker-"); err != nil {
		return nil, err
	}
	if s.path, err = filepath.Abs(s.path); err == nil {
		s.lock, err = flock(filepath.Join(s.path, "lock"), false)
	}
	return s, err
}

// dir makes the directory of one run, for its owner alone.
func (s *scratch) dir(run string) (string, error) {
	return os.MkdirTemp(s.path, run+"-")
}

func (s *scratch) remove() {
	_ = os.RemoveAll(s.path) // else the next worker does
	s.lock.Close()
}

var errLocked = errors.New("locked by another process")
