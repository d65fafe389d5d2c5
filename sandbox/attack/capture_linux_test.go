package attack

import (
	"net"
	"testing"
)

// What is sent is seen, and what is not sent is not.
func TestCapture(t *testing.T) {
	for _, send := range []string{"", "smuggled-by-the-test"} {
		c, err := startCapture("smuggled-by-the-test")
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			t.Skip("packet sockets need root")
		}
		if send != "" {
			conn, err := net.Dial("udp", "127.0.0.1:9")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Write([]byte(send))
			conn.Close()
		}
		found, err := c.end()
		if err != nil || (len(found) > 0) != (send != "") {
			t.Errorf("%q: %v %v", send, found, err)
		}
	}
}
