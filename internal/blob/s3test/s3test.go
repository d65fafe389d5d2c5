// Package s3test starts a real S3 server for tests: the Versity S3 Gateway over
// a temporary directory. It is built once, by `go install`, into the user's
// cache directory, and runs on a free port of 127.0.0.1 until the test ends.
// With the environment variable CI set a missing server fails the test;
// otherwise the test is skipped and says what it needs.
package s3test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	module  = "github.com/versity/versitygw/cmd/versitygw"
	version = "v1.8.0"
)

// Server is a running S3 server.
type Server struct {
	Endpoint  string // host:port
	AccessKey string
	SecretKey string
	Dir       string // an object lies in Dir/bucket/key
	CA        string // PEM file, when the server speaks TLS
}

// URL returns the address of a bucket, as blob.Open takes it.
func (s *Server) URL(bucket string) string {
	u := fmt.Sprintf("s3://%s:%s@%s/%s", s.AccessKey, s.SecretKey, s.Endpoint, bucket)
	if s.CA == "" {
		return u + "?tls=false"
	}
	return u + "?ca=" + s.CA
}

// Start starts a server without TLS.
func Start(t testing.TB) *Server { return start(t, false) }

// StartTLS starts a server that speaks TLS under a CA of its own.
func StartTLS(t testing.TB) *Server { return start(t, true) }

func start(t testing.TB, withTLS bool) *Server {
	t.Helper()
	bin, err := build()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no S3 server to test against: %v", err)
		}
		t.Skipf("no S3 server to test against; let Go reach its module proxy, or run `go install %s@%s` yourself and put it at %s: %v", module, version, bin, err)
	}
	dir, meta := t.TempDir(), t.TempDir()
	s := &Server{AccessKey: "test-" + rand.Text()[:8], SecretKey: rand.Text(), Dir: dir}
	var args []string
	if withTLS {
		cert, key := certificate(t)
		args, s.CA = []string{"--cert", cert, "--key", key}, cert
	}
	var lastErr error
	for range 5 { // another process may take the free port first
		s.Endpoint = freePort(t)
		all := append(args, "--port", s.Endpoint, "--quiet", "posix", "--sidecar", meta, dir)
		if lastErr = s.run(t, bin, all); lastErr == nil {
			return s
		}
	}
	t.Fatalf("the S3 server does not start: %v", lastErr)
	return nil
}

// run starts the server and returns when it answers.
func (s *Server) run(t testing.TB, bin string, args []string) error {
	var out bytes.Buffer
	cmd := exec.Command(bin, args...)
	cmd.Env = []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey, "HOME=" + s.Dir, "PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = &out, &out
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(30 * time.Second)
	for {
		if c, err := net.Dial("tcp", s.Endpoint); err == nil {
			c.Close()
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-ended
				if t.Failed() && out.Len() > 0 {
					t.Logf("the S3 server said:\n%s", out.Bytes())
				}
			})
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("%v: %s", err, out.Bytes())
		case <-deadline:
			cmd.Process.Kill()
			<-ended
			return fmt.Errorf("no answer on %s: %s", s.Endpoint, out.Bytes())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

var (
	once     sync.Once
	binPath  string
	buildErr error
)

// build returns the server's executable, building it when this user has none.
func build() (string, error) {
	once.Do(func() {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
		}
		dir := filepath.Join(cache, "aihub-test", "versitygw-"+version)
		binPath = filepath.Join(dir, "versitygw")
		buildErr = buildIn(dir)
	})
	return binPath, buildErr
}

func buildIn(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Test binaries run at once: the first builds, the others wait.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	final := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(dir, "build-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", module+"@"+version)
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "GOBIN="+tmp, "GOFLAGS=", "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install %s@%s: %w\n%s", module, version, err, out[max(0, len(out)-2000):])
	}
	return os.Rename(filepath.Join(tmp, "versitygw"), final)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t testing.TB) (cert, key string) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "aihub test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
