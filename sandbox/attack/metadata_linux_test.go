package attack

import (
	"net"
	"os"
	"testing"
	"time"
)

// Who has the network of the metadata service reaches it: so that nothing arrives
// from a sandbox says something.
func TestMetadata(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace")
	}
	n, made, err := beside(func() error {
		for _, host := range metadataHosts {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(host, "80"), 10*time.Second)
			if err != nil {
				return err
			}
			b := make([]byte, 64)
			if k, err := c.Read(b); err != nil || k == 0 {
				t.Errorf("%s: %v", host, err)
			}
			c.Close()
		}
		return nil
	})
	if n != 3 || !made || err != nil {
		t.Errorf("%d connections, %v, %v", n, made, err)
	}
	if l, err := net.Listen("tcp", "169.254.169.254:0"); err == nil {
		l.Close()
		t.Error("the machine's own network has the address")
	}
}
