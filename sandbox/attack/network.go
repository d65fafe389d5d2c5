package attack

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
)

// network is V1. What is sent to this machine would be counted here.
func network(ctx context.Context, s *Suite) ([]string, error) {
	var arrived atomic.Int64
	var listening []string
	hosts := []string{"127.0.0.1"}
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			hosts = append(hosts, ip.IP.String())
		}
	}
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				arrived.Add(1)
				c.Close()
			}
		}()
		listening = append(listening, l.Addr().String())
	}
	r, seen, err := s.captured(ctx, append([]string{"network"}, listening...)...)
	if err != nil {
		return nil, err
	}
	s.ran["network"] = r
	bad := append(seen, r.succeeded(2*(10+len(listening)), func(string) bool { return true })...)
	bad = append(bad, r.lines(func(l string) bool { return strings.HasPrefix(l, "interface ") && l != "interface lo" })...)
	if n := arrived.Load(); n > 0 {
		bad = append(bad, fmt.Sprintf("%d connections arrived", n))
	}
	o, err := s.once(ctx, "sockets")
	if err != nil {
		return bad, err
	}
	if !strings.Contains(o.log, "sockets: tried") {
		bad = append(bad, "not every family was tried")
	}
	return append(bad, o.lines(func(l string) bool { return strings.HasSuffix(l, ": ok") })...), nil
}

// captured runs a mode while every packet of this machine is searched for what
// the mode sends.
func (s *Suite) captured(ctx context.Context, args ...string) (*ran, []string, error) {
	c, err := startCapture("smuggled", "secret-0123456789")
	if err != nil {
		return nil, nil, err
	}
	if c == nil {
		s.note = text("without a packet capture, which needs root on Linux", "未抓包：需要 Linux 的 root 权限")
	}
	r, err := s.run(ctx, nil, args...)
	seen, failed := c.end()
	if err == nil {
		err = failed
	}
	return r, seen, err
}

func dns(ctx context.Context, s *Suite) ([]string, error) {
	r, seen, err := s.captured(ctx, "dns")
	if err != nil {
		return nil, err
	}
	bad := append(seen, r.succeeded(4, func(string) bool { return true })...)
	if !strings.Contains(r.log, "resolv.conf has 0 bytes") {
		bad = append(bad, "there is a resolver")
	}
	return bad, nil
}

// addresses looks at some of what network dialled.
func addresses(hosts ...string) func(context.Context, *Suite) ([]string, error) {
	return func(ctx context.Context, s *Suite) ([]string, error) {
		r, err := s.once(ctx, "network")
		if err != nil {
			return nil, err
		}
		return r.succeeded(2*len(hosts), func(l string) bool {
			return slices.ContainsFunc(hosts, func(h string) bool { return strings.Contains(l, h) })
		}), nil
	}
}

// clouds is V3. Where the runner starts its sandbox from this process, the program
// runs beside a metadata service in what it would have for the host's network; the
// network of an engine is another's, and there it dials alone.
func clouds(ctx context.Context, s *Suite) ([]string, error) {
	var r *ran
	n, made, err := beside(func() (err error) {
		r, err = s.run(ctx, nil, "network")
		return err
	})
	if !made {
		s.note = text("without a metadata service beside it, which needs root on Linux", "旁边没有元数据服务：需要 Linux 的 root 权限")
		r, err = s.once(ctx, "network")
	}
	if err != nil {
		return nil, err
	}
	if s.Runner.Name() != "gvisor" {
		s.note = text("dialled alone: the engine has a network of its own", "仅拨号：引擎使用自己的网络")
	}
	bad := r.succeeded(2*len(metadataHosts), func(l string) bool {
		return slices.ContainsFunc(metadataHosts, func(h string) bool { return strings.Contains(l, h) })
	})
	if n > 0 {
		bad = append(bad, fmt.Sprintf("%d connections arrived at the metadata service", n))
	}
	return bad, nil
}
