package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"aihub"
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
// settings ask for, and on another system than Linux the Docker engine.
func localRunner(getenv func(string) string) (sandbox.Runner, func(), error) {
	cfg, err := config.Load("", getenv)
	if err != nil {
		return nil, nil, err
	}
	if runtime.GOOS != "linux" {
		cfg.Sandbox.Runner = "docker"
	}
	if cfg.Sandbox.Runner == "docker" {
		return lasting(cfg.Sandbox)
	}
	return temporary(cfg.Sandbox)
}

// tryRunner is a runner for a trial here of an image for a machine: where the one that
// the settings ask for cannot run it and an engine is there, the engine, and that is said.
func (p *process) tryRunner(ctx context.Context, machine string) (sandbox.Runner, func(), error) {
	r, done, err := localRunner(p.Getenv)
	if err != nil {
		return nil, nil, err
	}
	if r.Name() == "docker" {
		if r.Probe(ctx).Available { // else the trial says why not
			p.sweep(ctx, r)
		}
		return r, done, nil
	}
	c := r.Probe(ctx)
	if here, err := r.Machine(ctx); err == nil && c.Available && here == machine {
		return r, done, nil
	}
	cfg, err := config.Load("", p.Getenv)
	if err != nil {
		done()
		return nil, nil, err
	}
	cfg.Sandbox.Runner = "docker"
	engine, doneToo, err := lasting(cfg.Sandbox)
	if err != nil {
		done()
		return nil, nil, err
	}
	if !engine.Probe(ctx).Available {
		doneToo()
		return r, done, nil // it says why not
	}
	done()
	why := aihub.Text{EN: "the image is for linux/" + machine, ZH: "镜像面向 linux/" + machine}
	if !c.Available && len(c.Checks) > 0 {
		why = c.Checks[0].Why
	}
	p.note("attack.test.instead", "Why", why.In(p.lang))
	p.sweep(ctx, engine)
	return engine, doneToo, nil
}

// sweep ends what a trial that was killed left running on the engine.
func (p *process) sweep(ctx context.Context, r sandbox.Runner) {
	if err := r.Sweep(ctx); err != nil {
		p.note("attack.test.unswept", "Why", err.Error())
	}
}

// lasting is a runner on an engine, which goes on when we are killed. All of one
// person's have one directory, by which the next one knows what to end.
func lasting(c config.Sandbox) (sandbox.Runner, func(), error) {
	dir, err := trialDir()
	if err != nil {
		return temporary(c) // no home, no memory
	}
	return newRunner(dir, c), func() {}, nil
}

// trialDir makes the directory that the trials of one person share.
func trialDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "aihub", "trials")
	return dir, os.MkdirAll(dir, 0o700)
}

// temporary is a runner whose own files go when it is done: what it runs ends with us.
func temporary(c config.Sandbox) (sandbox.Runner, func(), error) {
	dir, err := os.MkdirTemp("", "aihub-run-*")
	if err != nil {
		return nil, nil, err
	}
	return newRunner(dir, c), func() { _ = removeTree(dir) }, nil
}
