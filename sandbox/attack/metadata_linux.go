package attack

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// cloud is a cloud's metadata service, made up: it answers on the addresses
// that clouds use, in a network namespace that takes the place of the host's.
type cloud struct {
	arrived   atomic.Int64
	listeners []net.Listener
}

// metadataHosts are the addresses of metadata services.
var metadataHosts = []string{"169.254.169.254", "fd00:ec2::254", "100.100.100.200"}

// beside calls run on a thread whose network is one of its own with a metadata
// service in it, so that a launcher which it starts has that network for the
// host's, and returns how many connections arrived. It is false where that is
// not permitted.
func beside(run func() error) (arrived int64, made bool, err error) {
	type answer struct {
		n    int64
		made bool
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		// Never unlocked: the thread ends with this function, and its network too.
		runtime.LockOSThread()
		if unix.Unshare(unix.CLONE_NEWNET) != nil {
			done <- answer{}
			return
		}
		m, err := newMetadata()
		if err == nil {
			err = run()
		}
		n := m.close()
		done <- answer{n, true, err}
	}()
	a := <-done
	return a.n, a.made, a.err
}

func newMetadata() (*cloud, error) {
	m := &cloud{}
	var hosts []string
	for _, host := range metadataHosts {
		a := netip.MustParseAddr(host)
		switch err := address(a); {
		case err != nil && a.Is6(): // the kernel has no version 6: nothing listens there anywhere
			continue
		case err != nil:
			return m, fmt.Errorf("giving the loopback device %s: %w", host, err)
		}
		hosts = append(hosts, host)
		l, err := net.Listen("tcp", net.JoinHostPort(host, "80"))
		if err != nil {
			return m, err
		}
		m.listeners = append(m.listeners, l)
		go m.serve(l)
	}
	// It is there: otherwise that nothing arrives says nothing. An address of
	// version 6 takes a moment.
	deadline := time.Now().Add(10 * time.Second)
	for _, host := range hosts {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(host, "80"), 10*time.Second)
		for ; err != nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			c, err = net.DialTimeout("tcp", net.JoinHostPort(host, "80"), 10*time.Second)
		}
		if err != nil {
			return m, fmt.Errorf("asking the metadata service of our own: %w", err)
		}
		c.Close()
	}
	for ; m.arrived.Load() < int64(len(hosts)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return m, fmt.Errorf("the metadata service of our own counted %d of %d connections", m.arrived.Load(), len(hosts))
		}
	}
	m.arrived.Store(0)
	return m, nil
}

func (m *cloud) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		m.arrived.Add(1)
		_, _ = c.Write([]byte("HTTP/1.0 200 OK\r\n\r\nsecret-of-the-metadata"))
		c.Close()
	}
}

func (m *cloud) close() int64 {
	for _, l := range m.listeners {
		l.Close()
	}
	return m.arrived.Load()
}

// address gives the loopback device of this thread's network an address, and
// switches it on: rtnetlink's RTM_NEWADDR and RTM_NEWLINK.
func address(a netip.Addr) error {
	const lo = 1 // the first device of every network namespace
	family, local := unix.AF_INET, a.AsSlice()
	if a.Is6() {
		family = unix.AF_INET6
	}
	b := []byte{byte(family), byte(8 * len(local)), unix.IFA_F_NODAD, 0}
	b = binary.NativeEndian.AppendUint32(b, lo)
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(local)))
	b = binary.NativeEndian.AppendUint16(b, unix.IFA_LOCAL)
	b = append(b, local...)
	link := []byte{unix.AF_UNSPEC, 0, 0, 0}
	for _, v := range []uint32{lo, unix.IFF_UP, unix.IFF_UP} {
		link = binary.NativeEndian.AppendUint32(link, v)
	}
	if err := netlink(unix.RTM_NEWLINK, link); err != nil {
		return err
	}
	return netlink(unix.RTM_NEWADDR, b)
}

// netlink sends one request and reads its answer.
func netlink(kind uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE)
	b = append(b, make([]byte, 8)...) // sequence and sender
	if err := unix.Sendto(fd, append(b, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < 20 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("netlink answers %q", answer[:n])
	}
	if code := int32(binary.NativeEndian.Uint32(answer[16:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
