package attack

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// capture looks at every packet on every interface of this machine, that of a
// Docker engine on another machine not.
type capture struct {
	fd   int
	mark []byte // what we send ourselves at the end, to know that we see
	stop net.Conn
	done chan result
}

type result struct {
	found []string
	err   error
}

// startCapture begins to search for marks. It returns nil where that is not
// permitted.
func startCapture(marks ...string) (*capture, error) {
	all := uint16(unix.ETH_P_ALL)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all>>8|all<<8))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("capturing packets: %w", err)
	}
	// So that whoever waits looks up now and then.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20) // or less, and then more may be missed
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	c := &capture{fd: fd, mark: []byte("aihub-capture-" + rand.Text()), stop: conn, done: make(chan result, 1)}
	go func() { c.done <- c.search(marks) }()
	return c, nil
}

// search reads until our own mark comes by.
func (c *capture) search(marks []string) (r result) {
	defer unix.Close(c.fd)
	buf := make([]byte, 64<<10)
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENOBUFS) {
			continue
		}
		if err != nil {
			r.err = err
			return r
		}
		if bytes.Contains(buf[:n], c.mark) {
			return r
		}
		for _, m := range marks {
			if bytes.Contains(buf[:n], []byte(m)) {
				r.found = append(r.found, fmt.Sprintf("a packet with %q left the sandbox", m))
			}
		}
	}
	r.err = errors.New("a packet capture did not see what this machine sent itself")
	return r
}

// end ends the search and returns what was found.
func (c *capture) end() ([]string, error) {
	if c == nil {
		return nil, nil
	}
	defer c.stop.Close()
	for wait := time.After(30 * time.Second); ; {
		_, _ = c.stop.Write(c.mark) // nobody listens there: an error is the answer of the machine
		select {
		case r := <-c.done:
			return r.found, r.err
		case <-wait:
			return nil, errors.New("a packet capture did not see what this machine sent itself")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
