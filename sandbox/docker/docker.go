// Package docker runs containers through the API of a Docker engine, which may
// be another machine: nothing is handed over by host path. The image goes in as
// a tar stream, inputs are copied into volumes, /output is a volume in memory of
// fixed size, and its declared files are copied out when the container is dead.
//
// A run is two containers. The carrier holds the volumes: files are copied in
// and out through it, and because it runs (a program of a few bytes that waits)
// /output stays mounted after the guest's end. The guest is the vendor's. Both
// bear labels with the home of the Runner and the id of the run, by which Sweep
// finds what a killed process left.
//
// Which kernel the guest meets is the runtime's: runc shares the machine's own,
// behind the filter of package seccomp.go; runsc (gVisor) and Kata bring one.
//
// Three things an engine does not tell. A signal and an exit code above 128 look
// alike: both are reported as the signal. Memory and processor time are samples,
// none of a run of milliseconds. And a hard link inside /output is a file like
// any other; the volume holds nothing but the run's own.
package docker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"aihub"
	"aihub/sandbox"
)

// Runner runs containers on a Docker engine. Make one with New; any number of
// processes may share its directory.
type Runner struct {
	opt Options

	connecting sync.Mutex
	connected  bool // the rest of this group is there, and stays as it is
	api        *client.Client
	info       system.Info
	family     family
	home       string // names opt.Dir on the engine

	probing sync.Mutex
	probed  *sandbox.Capabilities

	images images

	// Tests make containers that are not as ordered, and see what is found from
	// inside alone.
	bend  func(*container.Config, *container.HostConfig)
	blind bool
}

// Options say which engine and how.
type Options struct {
	Dir     string // the runner's own files: its name on the engine, and one lock a run
	Host    string // unix:///…, tcp://…; "" as the docker command finds it: DOCKER_HOST, else the usual socket
	Runtime string // as the engine knows it: runc, runsc, kata-runtime; "" is the engine's default
}

// New returns a runner. It touches nothing yet.
func New(o Options) *Runner { return &Runner{opt: o} }

var _ sandbox.Interactive = (*Runner)(nil)

// Name returns "docker".
func (*Runner) Name() string { return "docker" }

// Machine implements sandbox.Runner: the engine may be of another architecture
// than this program, and may have ended since it was last asked.
func (r *Runner) Machine(ctx context.Context) (string, error) {
	if err := r.connect(ctx); err != nil {
		return "", err
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := r.api.Ping(short); err != nil {
		return "", ended(ctx, unreachable(r.api.DaemonHost(), err))
	}
	if m, ok := architectures[r.info.Architecture]; ok {
		return m, nil
	}
	return "", platform("being asked for its architecture", fmt.Errorf("%s is not one that the platform knows", r.info.Architecture))
}

// family is what matters of a runtime.
type family string

const (
	runc  family = "runc"  // shares the machine's kernel
	runsc family = "runsc" // gVisor
	kata  family = "kata"  // a virtual machine
)

// familyOf guesses by the name, which is all that the API tells.
func familyOf(name string) family {
	low := strings.ToLower(name)
	switch {
	case strings.Contains(low, "runsc") || strings.Contains(low, "gvisor"):
		return runsc
	case strings.Contains(low, "kata"):
		return kata
	}
	return runc
}

// connect finds the engine. What it found is kept; a failure is not, so that runs
// go on when an engine that was down is up again.
func (r *Runner) connect(ctx context.Context) error {
	r.connecting.Lock()
	defer r.connecting.Unlock()
	if r.connected {
		return nil
	}
	home, err := homeName(r.opt.Dir)
	if err != nil {
		return err
	}
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if r.opt.Host != "" {
		opts = append(opts, client.WithHost(r.opt.Host))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return unreachable(r.opt.Host, err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	info, err := api.Info(short)
	if err != nil {
		api.Close()
		return ended(ctx, unreachable(api.DaemonHost(), err))
	}
	name := cmp.Or(r.opt.Runtime, info.DefaultRuntime, "runc")
	if _, ok := info.Runtimes[name]; !ok && len(info.Runtimes) > 0 && !strings.HasPrefix(name, "io.containerd.") {
		api.Close()
		return aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: fmt.Sprintf("the Docker engine has no runtime %q", name), ZH: fmt.Sprintf("Docker 引擎没有名为 %q 的运行时", name),
		}).WithHint(aihub.Text{
			EN: "name one of those in docker info under sandbox.runtime, or add it to the engine's daemon.json",
			ZH: "请在 sandbox.runtime 中填写 docker info 列出的运行时，或将其加入引擎的 daemon.json",
		})
	}
	r.api, r.info, r.family, r.home, r.connected = api, info, familyOf(name), home, true
	return nil
}

// homeName returns the name under which the things of dir are known on the
// engine; it is made up once and kept in dir.
func homeName(dir string) (string, error) {
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "engine-home")
	for range 2 {
		b, err := os.ReadFile(file)
		if err == nil && len(b) == 32 {
			return string(b), nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		name := make([]byte, 16)
		_, _ = rand.Read(name) // never fails
		tmp, err := os.CreateTemp(dir, ".home-")
		if err != nil {
			return "", err
		}
		_, err = tmp.WriteString(hex.EncodeToString(name))
		if err = errors.Join(err, tmp.Close()); err == nil {
			err = os.Link(tmp.Name(), file) // of two at once the first wins
			if errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		os.Remove(tmp.Name())
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s is damaged: remove it", file)
}

// Run implements sandbox.Runner. A job that is marked Hidden is refused where
// the engine does not keep every promise of the contract. When ctx ends, the
// container is killed and the error is ctx's.
func (r *Runner) Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error) {
	return r.start(ctx, j, nil)
}

// Interact implements sandbox.Interactive.
func (r *Runner) Interact(ctx context.Context, j sandbox.Job, t sandbox.Terminal) (sandbox.Result, error) {
	defer t.Keys.Close()
	return r.start(ctx, j, &t)
}

func (r *Runner) start(ctx context.Context, j sandbox.Job, t *sandbox.Terminal) (sandbox.Result, error) {
	if err := j.Check(); err != nil {
		return sandbox.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return sandbox.Result{}, err
	}
	if err := r.connect(ctx); err != nil {
		return sandbox.Result{}, err
	}
	if j.Hidden {
		if c := r.Probe(ctx); !c.CanRunHidden() {
			if err := ctx.Err(); err != nil {
				return sandbox.Result{}, err
			}
			return sandbox.Result{}, c.Refuse()
		}
	}
	return r.run(ctx, j, t)
}

func unreachable(host string, err error) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("no Docker engine answers at %s: %v", cmp.Or(host, "the usual place"), err),
		ZH: fmt.Sprintf("无法连接 Docker 引擎（%s）：%v", cmp.Or(host, "默认地址"), err),
	}).WithHint(aihub.Text{
		EN: "start it, and check DOCKER_HOST or sandbox.host", ZH: "请启动引擎，并检查 DOCKER_HOST 或 sandbox.host",
	}).Because(err)
}

func platform(doing string, err error) error {
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the Docker engine failed while %s: %v", doing, err),
		ZH: fmt.Sprintf("Docker 引擎故障（%s）：%v", doing, err),
	}).WithHint(aihub.Text{
		EN: "this is not the algorithm's fault; run aihub doctor",
		ZH: "这不是算法的问题；请运行 aihub doctor",
	}).Because(err)
}
