package stage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"aihub"
)

// Collect copies the declared files from the dead container's /output to dst
// and returns how many bytes they have. Nobody else can touch /output any more,
// and yet nothing in it is trusted: only regular files with one name are taken,
// through descriptors that are checked after they are opened, and never more
// than limit bytes. What is not declared is not even looked at, so that its
// name, size or kind tells nothing. On a failure nothing is left in dst.
func Collect(output, dst string, names []string, limit int64) (total int64, failure *aihub.Failure, err error) {
	return taking(output, dst, limit, func(c *collection) (*aihub.Failure, error) {
		for _, name := range names {
			if !plain(name) {
				return nil, fmt.Errorf("%q is not a plain file name", name)
			}
			if why, err := c.file(name); err != nil || why != nil {
				return why, err
			}
		}
		return nil, nil
	})
}

// CollectWhole does the same with everything in /output: directories and regular
// files, under at most depth names. Anything else is the vendor's failure.
func CollectWhole(output, dst string, depth int, limit int64) (total int64, failure *aihub.Failure, err error) {
	return taking(output, dst, limit, func(c *collection) (*aihub.Failure, error) { return c.directory(".", depth) })
}

// collection is one way of files from a dead container.
type collection struct {
	from, to     *os.Root
	total, limit int64    // bytes
	done         []string // in to, parents first
}

func taking(output, dst string, limit int64, take func(*collection) (*aihub.Failure, error)) (total int64, failure *aihub.Failure, err error) {
	c := collection{limit: limit}
	if c.from, err = os.OpenRoot(output); err != nil {
		return 0, nil, err
	}
	defer c.from.Close()
	if c.to, err = os.OpenRoot(dst); err != nil {
		return 0, nil, err
	}
	defer c.to.Close()
	failure, err = take(&c)
	if failure == nil && err == nil {
		return c.total, nil, nil
	}
	for _, name := range slices.Backward(c.done) {
		_ = c.to.Remove(name)
	}
	return 0, failure, err
}

// directory takes all that is in one; links are not followed.
func (c *collection) directory(dir string, depth int) (*aihub.Failure, error) {
	d, err := c.from.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := d.ReadDir(-1) // no more than the inodes of /output
	if err = cmpErr(err, d.Close()); err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if depth < 1 {
			return refuse(name, "lies deeper than its limit"), nil
		}
		if !e.IsDir() {
			if why, err := c.file(name); err != nil || why != nil {
				return why, err
			}
			continue
		}
		if err := c.to.Mkdir(name, 0o700); err != nil {
			return nil, err
		}
		c.done = append(c.done, name)
		if why, err := c.directory(name, depth-1); err != nil || why != nil {
			return why, err
		}
	}
	return nil, nil
}

func (c *collection) file(name string) (*aihub.Failure, error) {
	c.done = append(c.done, name)
	n, why, err := collect(c.from, c.to, name, c.limit-c.total)
	c.total += n
	return why, err
}

func refuse(name, format string, args ...any) *aihub.Failure {
	return &aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonOutput, Detail: fmt.Sprintf("/output/%s %s", name, fmt.Sprintf(format, args...))}
}

func plain(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) < 256 && !strings.ContainsAny(name, "/\x00")
}

func collect(from, to *os.Root, name string, limit int64) (int64, *aihub.Failure, error) {
	bad := func(format string, args ...any) *aihub.Failure { return refuse(name, format, args...) }
	// Look before opening: opening a FIFO or a device can block or act.
	fi, err := from.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, &aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonNoOutput, Detail: "/output/" + name + " is missing"}, nil
	case err != nil:
		return 0, nil, err
	case !fi.Mode().IsRegular():
		return 0, bad("is %s, not a regular file", kind(fi.Mode())), nil
	}
	src, err := from.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, nil, err
	}
	defer src.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return 0, nil, err
	}
	switch {
	case !same(fi, st):
		return 0, nil, fmt.Errorf("%s changed while it was collected", name)
	case st.Nlink != 1:
		return 0, bad("has %d names: hard links are not collected", st.Nlink), nil
	case st.Size > limit:
		return 0, bad("has %d bytes, %d are allowed", st.Size, limit), nil
	}
	dst, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, nil, err
	}
	n, err := io.Copy(dst, io.LimitReader(src, limit+1))
	if err = cmpErr(err, dst.Close()); err != nil {
		return 0, nil, fmt.Errorf("collecting %s: %w", name, err)
	}
	if n > limit {
		return 0, bad("has more than %d bytes", limit), nil
	}
	return n, nil, nil
}

func same(fi fs.FileInfo, st unix.Stat_t) bool {
	was, ok := fi.Sys().(*syscall.Stat_t)
	return ok && was.Dev == uint64(st.Dev) && was.Ino == st.Ino
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
