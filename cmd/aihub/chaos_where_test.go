//go:build linux

package main

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub/catalog/source/sourcetest"
	"aihub/internal/config"
	"aihub/sandbox/docker/enginetest"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

const (
	chaosRunner = "AIHUB_CHAOS_RUNNER" // gvisor (default), docker: an engine of the test's own
	chaosStore  = "AIHUB_CHAOS_STORE"  // sqlite (default), postgres: a server of the test's own
)

// footing is what the platform that is killed stands on, and what is never killed.
type footing struct {
	cfg    config.Config
	env    []string
	driver string // of database/sql
	dsn    string
	engine *engine // nil with gVisor
}

// stand starts what the environment asks for.
func stand(t *testing.T, home string) footing {
	t.Helper()
	f := footing{cfg: config.Default(home), driver: "sqlite", dsn: "file:" + filepath.Join(home, "aihub.db") + "?_pragma=busy_timeout(60000)&_pragma=query_only(1)"}
	switch v := os.Getenv(chaosStore); v {
	case "", "sqlite":
	case "postgres":
		_, f.cfg.Database = sourcetest.Postgres(t)
		f.driver, f.dsn = "pgx", f.cfg.Database
	default:
		t.Fatalf("%s=%s is neither sqlite nor postgres", chaosStore, v)
	}
	switch v := os.Getenv(chaosRunner); v {
	case "", "gvisor":
	case "docker":
		f.engine = newEngine(t)
		f.cfg.Sandbox.Runner, f.cfg.Sandbox.Host = "docker", f.engine.Host
	default:
		t.Fatalf("%s=%s is neither gvisor nor docker", chaosRunner, v)
	}
	f.env = []string{"AIHUB_DATABASE=" + f.cfg.Database, "AIHUB_RUNNER=" + f.cfg.Sandbox.Runner, "AIHUB_DOCKER=" + f.cfg.Sandbox.Host}
	return f
}

// query opens the platform's database beside it.
func (f footing) query() (*sql.DB, error) { return sql.Open(f.driver, f.dsn) }

// engine is a Docker engine on which nobody but the platform runs anything.
type engine struct {
	*enginetest.Engine
	api    *client.Client
	dir    string          // all its files and mounts lie below it
	mounts []string        // that it has while nothing runs
	seen   map[string]bool // ids of containers that have run
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	on, err := enginetest.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := on.Stop(); err != nil {
			t.Error(err)
		}
	})
	e := &engine{Engine: on, dir: filepath.Dir(strings.TrimPrefix(on.Host, "unix://")), seen: map[string]bool{}}
	if e.api, err = client.NewClientWithOpts(client.WithHost(on.Host), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.api.Close() })
	if e.mounts, err = mountsBelow(e.dir); err != nil {
		t.Fatal(err)
	}
	return e
}

// sandboxed lists the first processes of the containers that run: children of what
// the engine starts for each of them, whose command line has the container's id.
func (e *engine) sandboxed() (pids []int) {
	shims := map[string]bool{}
	all := processes()
	for pid, cmd := range all {
		f := strings.Fields(cmd)
		if i := slices.Index(f, "-id"); i > 0 && i+1 < len(f) && strings.Contains(f[0], "containerd-shim") && strings.Contains(cmd, e.dir) {
			shims[strconv.Itoa(pid)], e.seen[f[i+1]] = true, true
		}
	}
	for pid := range all {
		if shims[parentOf(pid)] {
			pids = append(pids, pid)
		}
	}
	return pids
}

// clean looks for what is left on an engine on which nothing runs.
func (e *engine) clean(c *chaos) {
	ctx := c.Context()
	containers, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	c.must(err)
	for _, x := range containers {
		c.Errorf("a container is left: %v, %s", x.Names, x.Status)
	}
	volumes, err := e.api.VolumeList(ctx, volume.ListOptions{})
	c.must(err)
	for _, v := range volumes.Volumes {
		c.Errorf("a volume is left: %s", v.Name)
	}
	images, err := e.api.ImageList(ctx, image.ListOptions{All: true})
	c.must(err)
	for _, x := range images {
		for _, ref := range x.RepoTags {
			if strings.HasPrefix(ref, "aihub-run:") {
				c.Errorf("an image is left: %s", ref)
			}
		}
	}
	if pids := e.sandboxed(); len(pids) > 0 {
		c.Errorf("processes of containers are left: %v", pids)
	}
	mounts, err := mountsBelow(e.dir)
	c.must(err)
	for _, m := range mounts {
		if !slices.Contains(e.mounts, m) {
			c.Errorf("a mount is left: %s", m)
		}
	}
	if len(e.seen) == 0 {
		c.Error("no container was seen: this shows little")
	}
	// Of a container whose first process is killed while runc still makes it, runc forgets the
	// cgroup, which is the engine's to remove: it may stay, and nothing may be in it.
	empty := map[string]bool{}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		// "ID", or with systemd "docker-ID.scope".
		id := strings.TrimSuffix(strings.TrimPrefix(d.Name(), "docker-"), ".scope")
		if !e.seen[id] {
			return nil
		}
		if procs, err := os.ReadFile(filepath.Join(path, "cgroup.procs")); err != nil || len(procs) > 0 {
			c.Errorf("a cgroup is left: %s, with %q (%v)", path, procs, err)
		}
		empty[id] = true
		return nil
	})
	c.Logf("%d containers were seen, %d images are kept, the engine left %d empty cgroups", len(e.seen), len(images), len(empty))
	if len(empty) > 1+len(e.seen)/20 {
		c.Error("the engine leaves more than now and then a cgroup")
	}
}

// mountsBelow lists where something is mounted below dir.
func mountsBelow(dir string) (list []string, err error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			list = append(list, f[4])
		}
	}
	return list, err
}

// parentOf is the id of a process's parent, or "".
func parentOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// After the name in parentheses: the state, and the parent.
	if f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])); len(f) > 1 {
		return f[1]
	}
	return ""
}
