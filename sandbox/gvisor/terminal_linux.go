package gvisor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"aihub/sandbox"
)

func ptr[T any](v T) *T { return &v }

// socketPair returns two ends of a socket; ours can be given a deadline.
func socketPair() (ours, theirs *os.File, err error) {
	fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fd[0], true); err != nil {
		return nil, nil, errors.Join(err, unix.Close(fd[0]), unix.Close(fd[1]))
	}
	return os.NewFile(uintptr(fd[0]), "terminal"), os.NewFile(uintptr(fd[1]), "terminal"), nil
}

// receive waits for the terminal's master that the launcher sends once there is
// one; nil when it ends before.
func receive(s *os.File) (*os.File, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	var n, on int
	var failed error
	if err := raw.Read(func(fd uintptr) bool {
		n, on, _, _, failed = unix.Recvmsg(int(fd), b, oob, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(failed, unix.EAGAIN)
	}); err != nil || failed != nil || n == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
		return nil, errors.Join(err, failed)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:on])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("receiving the terminal: %d messages, %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("receiving the terminal: %d files, %w", len(fds), err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, errors.Join(err, unix.Close(fds[0]))
	}
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

// converse passes on what is typed and shown until the guest has ended.
func (l *launch) converse(socket *os.File, ended <-chan struct{}) error {
	master, err := receive(socket)
	if err != nil || master == nil {
		return err
	}
	var passing sync.WaitGroup
	defer passing.Wait()
	defer master.Close() // ends a write to a guest that does not read
	defer l.term.Keys.Close()
	hang := sync.OnceFunc(func() { close(l.hung) })
	passing.Go(func() {
		buf := make([]byte, 4<<10)
		for {
			n, err := l.term.Keys.Read(buf)
			if _, failed := master.Write(buf[:n]); err != nil || failed != nil {
				hang()
				return
			}
		}
	})
	passing.Go(func() {
		for {
			select {
			case <-ended:
				return
			case s, open := <-l.term.Sizes:
				if !open {
					return
				}
				s = s.Bounded()
				_ = resize(master, s) // it may have ended
			}
		}
	})
	// Whatever holds the other end when the launcher is gone is dying.
	passing.Go(func() {
		<-ended
		_ = master.SetReadDeadline(time.Now().Add(10 * time.Second))
	})
	buf := make([]byte, 32<<10)
	for broken := false; ; {
		n, err := master.Read(buf)
		l.logged += int64(n)
		if n > 0 && !broken {
			if _, failed := l.term.Screen.Write(buf[:n]); failed != nil {
				broken = true
				hang()
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, unix.EIO), errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded):
			<-ended // EIO is also what a guest leaves that has closed its terminal
			return nil
		default:
			return err
		}
	}
}

func resize(master *os.File, s sandbox.Size) error {
	raw, err := master.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: s.Rows, Col: s.Cols})
	})
	return errors.Join(err, failed)
}
