// Package sourcetest starts the real servers that tables are fetched from in tests:
// on the loopback, below a temporary directory, until the test ends.
package sourcetest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Need returns the program, or ends the test: where CI is set it must be there.
func Need(t testing.TB, pkg string, names ...string) string {
	t.Helper()
	for _, n := range names {
		if m, _ := filepath.Glob(n); len(m) > 0 {
			return m[len(m)-1]
		}
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", pkg)
	}
	t.Skipf("install %s (Debian)", pkg)
	return ""
}

// Home makes a directory for a server that does not run as root.
func Home(t testing.TB) (dir string, as *syscall.SysProcAttr) {
	t.Helper()
	dir, err := os.MkdirTemp("", "aihub-source-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return dir, nil
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return dir, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// Command is a program in dir, as a user, without the environment of the test.
func Command(t testing.TB, dir string, as *syscall.SysProcAttr, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.SysProcAttr = dir, as
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C"}
	return cmd
}

// Run ends the test with what the program says if it fails.
func Run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, out)
	}
}

// Serve starts a server and waits until ready says that it answers.
func Serve(t testing.TB, cmd *exec.Cmd, ready func() error) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGQUIT); cmd.Process.Kill(); <-ended })
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case e := <-ended:
			ended <- e
			t.Fatalf("%s ended: %v\n%s", cmd.Path, e, out.Bytes())
		case <-deadline:
			t.Fatalf("%s does not answer: %v", cmd.Path, err)
		case <-tick.C:
		}
	}
}

// Port returns a free port of the loopback.
func Port(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

// Postgres starts a real PostgreSQL with an owner and a reader.
func Postgres(t testing.TB) (owner *pgx.Conn, address string) {
	t.Helper()
	initdb := Need(t, "postgresql", "/usr/lib/postgresql/*/bin/initdb", "initdb")
	dir, as := Home(t)
	data, p := filepath.Join(dir, "data"), Port(t)
	Run(t, Command(t, dir, as, initdb, "-D", data, "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8"))
	at := "postgres://owner@127.0.0.1:" + p + "/postgres?sslmode=disable"
	Serve(t, Command(t, dir, as, filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", p, "-k", dir, "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"), func() error {
		c, err := pgx.Connect(t.Context(), at)
		if err == nil {
			owner = c
		}
		return err
	})
	t.Cleanup(func() { owner.Close(context.Background()) })
	return owner, strings.Replace(at, "owner@", "owner:p%40ss-w0rd@", 1)
}
