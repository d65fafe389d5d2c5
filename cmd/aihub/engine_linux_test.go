package main

import (
	"errors"
	"os"
	"strings"

	"aihub/sandbox/docker/enginetest"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func init() { commands["engine"], commands["noexec"] = cmdEngine, cmdNoExec }

// engine: starts a Docker engine, which DOCKER_HOST names; where there can be none,
// the script is skipped, except in CI. engine link NAME: it answers at NAME, too.
func cmdEngine(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 2 && args[0] == "link" {
		ts.Check(os.Symlink(strings.TrimPrefix(ts.Getenv("ENGINE"), "unix://"), ts.MkAbs(args[1])))
		return
	}
	e, err := enginetest.Start(nil)
	if errors.Is(err, enginetest.ErrMissing) && os.Getenv("CI") == "" {
		ts.Setenv("DOCKER_HOST", "")
		return
	}
	ts.Check(err)
	ts.Defer(func() { ts.Check(e.Stop()) })
	ts.Setenv("DOCKER_HOST", e.Host)
	ts.Setenv("ENGINE", e.Host)
}

// noexec DIR: makes a directory from which no program can be started.
func cmdNoExec(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o755))
	ts.Check(unix.Mount("aihub", dir, "tmpfs", unix.MS_NOEXEC, "size=256m"))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
}

// hasEngine is the condition [engine]: this machine can have one.
func hasEngine() bool { return os.Geteuid() == 0 && (os.Getenv("CI") != "" || dockerd()) }

func dockerd() bool {
	for _, dir := range append(strings.Split(os.Getenv("PATH"), ":"), "/usr/sbin") {
		if _, err := os.Stat(dir + "/dockerd"); err == nil {
			return true
		}
	}
	return false
}
