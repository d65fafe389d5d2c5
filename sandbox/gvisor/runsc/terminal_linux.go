package runsc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/container"
)

// withTerminal makes a container whose standard files are a terminal, and sends
// the terminal's other end through to. gVisor makes the pair and passes the
// master through a socket that is known by path.
func (r *run) withTerminal(args container.Args, to *os.File) (c *container.Container, err error) {
	// The path of a socket is at most 108 bytes long, that of our directory any.
	dir, err := os.Open(r.tree.State)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	args.ConsoleSocket = filepath.Join(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), "terminal")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: args.ConsoleSocket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("waiting for the terminal: %w", err)
	}
	defer l.Close()
	// It waits in the queue of l when New returns.
	if c, err = container.New(r.conf, args); err != nil {
		return nil, err
	}
	if err = r.passTerminal(l, to); err != nil {
		return nil, errors.Join(fmt.Errorf("passing on the terminal: %w", err), c.Destroy())
	}
	return c, nil
}

func (r *run) passTerminal(l *net.UnixListener, to *os.File) error {
	if err := l.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		return err
	}
	defer conn.Close()
	b, oob := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(b, oob)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("%d messages: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return fmt.Errorf("%d files: %w", len(fds), err)
	}
	defer unix.Close(fds[0])
	w := r.order.Window
	if err := unix.IoctlSetWinsize(fds[0], unix.TIOCSWINSZ, &unix.Winsize{Row: w.Rows, Col: w.Cols}); err != nil {
		return err
	}
	return unix.Sendmsg(int(to.Fd()), []byte{0}, unix.UnixRights(fds[0]), nil, 0)
}
