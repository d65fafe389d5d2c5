package hostile

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// shell is what somebody finds who sits at a terminal: it reads lines and does
// what they say.
func (p *program) shell() int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGWINCH)
	for fd := range 3 {
		p.say("terminal %d: %v", fd, windowOf(fd) != nil)
	}
	p.say("ready %v", windowOf(0))
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for {
		select {
		case s := <-signals:
			p.say("signal %v, window %v", s, windowOf(0))
		case line, open := <-lines:
			if !open {
				p.say("end of input")
				return 0
			}
			verb, rest, _ := strings.Cut(line, " ")
			switch verb {
			case "say":
				p.say("you said %q", rest)
			case "keep":
				p.tried(os.WriteFile("/output/"+rest, []byte("kept\n"), 0o644), "to keep %s", rest)
			case "dial":
				p.tried(errors.Join(dial("tcp", "1.1.1.1:53"), dial("udp", "8.8.8.8:53"), dial("tcp", "[2606:4700::1111]:443")), "the network")
			case "flood":
				for junk := strings.Repeat("x", 4<<10); ; {
					p.say("%s", junk)
				}
			case "die":
				_ = p.segv()
			case "leave":
				return len(rest)
			}
		}
	}
}

func windowOf(fd int) []uint16 {
	var w [4]uint16
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&w)))
	if e != 0 {
		return nil
	}
	return w[:2] // rows, columns
}

// dial says nil when a packet could be sent.
func dial(network, address string) error {
	c, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("x"))
	return err
}
