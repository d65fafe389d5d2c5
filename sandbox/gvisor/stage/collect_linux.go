package stage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	from, err := os.OpenRoot(output)
	if err != nil {
		return 0, nil, err
	}
	defer from.Close()
	to, err := os.OpenRoot(dst)
	if err != nil {
		return 0, nil, err
	}
	defer to.Close()
	var done []string
	defer func() {
		if failure != nil || err != nil {
			for _, name := range done {
				_ = to.Remove(name)
			}
		}
	}()
	for _, name := range names {
		if !plain(name) {
			return 0, nil, fmt.Errorf("%q is not a plain file name", name)
		}
		done = append(done, name)
		n, why, err := collect(from, to, name, limit-total)
		if err != nil || why != nil {
			return 0, why, err
		}
		total += n
	}
	return total, nil, nil
}

func plain(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) < 256 && !strings.ContainsAny(name, "/\x00")
}

func collect(from, to *os.Root, name string, limit int64) (int64, *aihub.Failure, error) {
	bad := func(format string, args ...any) *aihub.Failure {
		return &aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonOutput, Detail: "/output/" + name + " " + fmt.Sprintf(format, args...)}
	}
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
