//go:build linux

// Package enginetest starts a Docker engine of its own for tests: Debian's
// dockerd with its own data, state and socket in a temporary directory, without
// networks, ended by its process id. It needs root.
package enginetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that there is nothing to start an engine with here.
var ErrMissing = errors.New("no Docker engine can be started here: it needs root, and dockerd of Debian's package docker.io (make deps)")

// Engine is a running engine.
type Engine struct {
	Host string // unix:///…
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Runtime is one that an engine has beside its own.
type Runtime struct {
	Path string   `json:"path"`
	Args []string `json:"runtimeArgs,omitempty"`
}

// Start starts an engine. runtimes are further ones, by name.
func Start(runtimes map[string]Runtime) (*Engine, error) {
	program, err := exec.LookPath("dockerd")
	if err != nil {
		program = "/usr/sbin/dockerd"
	}
	if _, err := os.Stat(program); err != nil || os.Geteuid() != 0 {
		return nil, ErrMissing
	}
	// Short: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "aihub-dk-")
	if err != nil {
		return nil, err
	}
	e := &Engine{Host: "unix://" + dir + "/s", dir: dir, done: make(chan struct{})}
	args := []string{
		"--data-root=" + dir + "/data", "--exec-root=" + dir + "/exec", "--pidfile=" + dir + "/pid", "--host=" + e.Host,
		"--config-file=" + dir + "/daemon.json", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false",
	}
	config, err := json.Marshal(map[string]any{"runtimes": runtimes})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	log, err := os.Create(dir + "/log")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer log.Close()
	if err := os.WriteFile(dir+"/daemon.json", config, 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	e.cmd = exec.Command(program, args...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.Env = append(os.Environ(), "DOCKER_TMPDIR=", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := e.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() { _ = e.cmd.Wait(); close(e.done) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("unix", dir+"/s"); err == nil {
			c.Close()
			return e, nil
		}
		select {
		case <-e.done:
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		b, _ := os.ReadFile(dir + "/log")
		return nil, errors.Join(fmt.Errorf("dockerd does not start:\n%s", tail(string(b))), e.Stop())
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// Stop ends the engine, and with it what it runs, and removes its files.
func (e *Engine) Stop() error {
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.done:
	case <-time.After(30 * time.Second):
		_ = e.cmd.Process.Kill()
		<-e.done
	}
	// What it mounted, deepest first.
	b, _ := os.ReadFile("/proc/self/mountinfo")
	var dirs []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], e.dir+"/") {
			dirs = append([]string{f[4]}, dirs...)
		}
	}
	for _, d := range dirs {
		_ = syscall.Unmount(d, syscall.MNT_DETACH)
	}
	var err error
	for range 50 {
		if err = os.RemoveAll(e.dir); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// Log returns the last lines of what the engine wrote.
func (e *Engine) Log() string {
	b, _ := os.ReadFile(filepath.Join(e.dir, "log"))
	return tail(string(b))
}
