package sandbox

import (
	"errors"
	"os"
	"path/filepath"

	"aihub"
)

// scratch is one worker's directory below the shared one. It is locked as long
// as the worker lives, so that the next one can tell what is abandoned.
type scratch struct {
	path string
	lock *os.File
	dead []aihub.WorkerID // whose directories the first sweep removed: they will write nothing more
}

// newScratch removes what killed workers left in parent, and makes a directory
// of our own there.
func newScratch(parent string, worker aihub.WorkerID) (*scratch, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	// Nobody sweeps between the two steps.
	all, err := flock(filepath.Join(parent, "lock"), true)
	if err != nil {
		return nil, err
	}
	s := &scratch{}
	s.path, err = os.MkdirTemp(parent, "worker-")
	if err == nil {
		s.lock, err = flock(filepath.Join(s.path, "lock"), false)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(s.path, "worker"), []byte(worker), 0o600)
	}
	all.Close()
	if err != nil {
		return nil, err
	}
	return s, s.sweep()
}

// sweep removes the directories beside ours whose worker is dead.
func (s *scratch) sweep() error {
	parent := filepath.Dir(s.path)
	all, err := flock(filepath.Join(parent, "lock"), true)
	if err != nil {
		return err
	}
	defer all.Close()
	dirs, err := filepath.Glob(filepath.Join(parent, "worker-*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		lock, err := flock(filepath.Join(dir, "lock"), false)
		switch {
		case errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist): // alive, or just removed
		case err != nil:
			errs = append(errs, err)
		default:
			if b, err := os.ReadFile(filepath.Join(dir, "worker")); err == nil {
				s.dead = append(s.dead, aihub.WorkerID(b))
			}
			errs = append(errs, os.RemoveAll(dir))
			lock.Close()
		}
	}
	return errors.Join(errs...)
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
