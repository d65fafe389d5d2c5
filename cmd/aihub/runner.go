package main

import (
	"os"
	"path/filepath"
	"runtime"

	"aihub/internal/config"
	"aihub/sandbox"
	"aihub/sandbox/docker"
	"aihub/sandbox/gvisor"
)

// newRunner returns the runner that the settings ask for, with its own files in dir.
func newRunner(dir string, c config.Sandbox) sandbox.Runner {
	if c.Runner == "docker" {
		return docker.New(docker.Options{Dir: filepath.Join(dir, "docker"), Host: c.Host, Runtime: c.Runtime})
	}
	return gvisor.New(dir)
}

// localRunner is a runner outside of a server's data directory: the one that the
// settings ask for, and where gVisor cannot run, the Docker engine of this machine.
func localRunner(getenv func(string) string) (sandbox.Runner, func(), error) {
	cfg, err := config.Load("", getenv)
	if err != nil {
		return nil, nil, err
	}
	if runtime.GOOS != "linux" {
		cfg.Sandbox.Runner = "docker"
	}
	dir, err := os.MkdirTemp("", "aihub-run-*")
	if err != nil {
		return nil, nil, err
	}
	return newRunner(dir, cfg.Sandbox), func() { _ = removeTree(dir) }, nil
}
