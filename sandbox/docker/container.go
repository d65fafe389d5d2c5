package docker

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-units"

	"aihub/sandbox"
)

// The labels by which our things are found again.
const (
	labelHome = "aihub.home" // of the Runner's directory
	labelRun  = "aihub.run"  // the id of the run
)

// names of the things of one run on the engine.
type names struct{ guest, carrier, input, model, output string }

func namesOf(id string) names {
	n := "aihub-" + id
	return names{n, n + ".carrier", n + ".input", n + ".model", n + ".output"}
}

func (r *Runner) labels(id string) map[string]string {
	return map[string]string{labelHome: r.home, labelRun: id}
}

// volumes are what the engine has to make for j. Only /output has a size: it
// lies in memory, its inodes count one more for its own directory.
func (r *Runner) volumes(j sandbox.Job) []volume.CreateOptions {
	n := namesOf(j.ID)
	all := []volume.CreateOptions{
		{Name: n.input, Driver: "local", Labels: r.labels(j.ID)},
		{Name: n.output, Driver: "local", Labels: r.labels(j.ID), DriverOpts: map[string]string{
			"type": "tmpfs", "device": "tmpfs",
			"o": fmt.Sprintf("nosuid,nodev,noexec,mode=0700,uid=%d,gid=%d,size=%d,nr_inodes=%d", sandbox.Guest, sandbox.Guest, j.Limits.Output, j.Limits.Inodes+1),
		}},
	}
	if j.Model != "" {
		all = append(all, volume.CreateOptions{Name: n.model, Driver: "local", Labels: r.labels(j.ID)})
	}
	return all
}

// mounts lists the volumes of j, read-only but for /output when guest is set.
func mounts(j sandbox.Job, guest bool) []mount.Mount {
	n := namesOf(j.ID)
	vol := func(name, dir string, readOnly bool) mount.Mount {
		return mount.Mount{Type: mount.TypeVolume, Source: name, Target: dir, ReadOnly: readOnly, VolumeOptions: &mount.VolumeOptions{NoCopy: true}}
	}
	all := []mount.Mount{vol(n.input, "/input", guest), vol(n.output, "/output", false)}
	if j.Model != "" {
		all = append(all, vol(n.model, "/model", guest))
	}
	return all
}

// carrierOf is the container that holds the volumes. Its program is one thread
// and no memory; the limits have room for what comes before it in the same
// cgroup, the runtime's own program with up to ten threads.
func (r *Runner) carrierOf(j sandbox.Job, image string) (*container.Config, *container.HostConfig) {
	pids := int64(32)
	c := &container.Config{
		Image: image, Entrypoint: []string{"/wait"}, User: "65534:65534", NetworkDisabled: true, Labels: r.labels(j.ID),
	}
	h := &container.HostConfig{
		NetworkMode: "none", ReadonlyRootfs: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges", "seccomp=" + profile()},
		LogConfig: container.LogConfig{Type: "none"}, Mounts: mounts(j, false), IpcMode: "private",
		Resources: container.Resources{Memory: 64 << 20, MemorySwap: 64 << 20, PidsLimit: &pids},
	}
	return c, h
}

// guestOf is the vendor's container. Every bound is spelled out, whatever the
// engine's defaults are: what is read back is compared with it (see posture.go).
func (r *Runner) guestOf(j sandbox.Job, image, program string, term *sandbox.Terminal) (*container.Config, *container.HostConfig) {
	l := j.Limits
	dir := j.Dir
	if dir == "" {
		dir = "/"
	}
	size := func(mode string, n int64) string {
		return fmt.Sprintf("rw,nosuid,nodev,%s,size=%d,mode=1777", mode, n)
	}
	pids := r.pids(l.Pids)
	c := &container.Config{
		Image: image, Entrypoint: append([]string{"/" + probeName, program}, j.Args...), WorkingDir: dir,
		// A name without a value takes away what the engine adds by itself.
		Env:      append([]string{"HOSTNAME"}, sandbox.Environment(j.Env)...),
		User:     fmt.Sprintf("%d:%d", sandbox.Guest, sandbox.Guest),
		Hostname: sandbox.Hostname,
		// The probe waits there for its word; then it is at its end.
		AttachStdin: true, OpenStdin: true, StdinOnce: true,
		AttachStdout: true, AttachStderr: true,
		// Not even the engine's empty network: with it comes the host's resolver.
		NetworkDisabled: true,
		Labels:          r.labels(j.ID),
		Healthcheck:     &container.HealthConfig{Test: []string{"NONE"}},
	}
	h := &container.HostConfig{
		Runtime:        r.opt.Runtime,
		NetworkMode:    "none",
		IpcMode:        "private",
		CgroupnsMode:   "private",
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges", "seccomp=" + profile()},
		LogConfig:      container.LogConfig{Type: "none"}, // the log is the stream that we are attached to
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		Mounts:         mounts(j, true),
		ShmSize:        int64(l.Tmp),
		Tmpfs:          map[string]string{"/tmp": size("exec", int64(l.Tmp))},
		Resources: container.Resources{
			NanoCPUs: int64(math.Round(l.CPUs * 1e9)), CpusetCpus: r.cores(l.CPUs),
			Memory: int64(l.Memory), MemorySwap: int64(l.Memory),
			PidsLimit: &pids,
			Ulimits: []*units.Ulimit{
				{Name: "nofile", Soft: int64(l.Files), Hard: int64(l.Files)},
				{Name: "fsize", Soft: int64(max(l.Output, l.Tmp)), Hard: int64(max(l.Output, l.Tmp))},
				{Name: "core"},
			},
		},
	}
	if term != nil {
		s := term.Size.Bounded()
		c.Tty = true
		h.ConsoleSize = [2]uint{uint(s.Rows), uint(s.Cols)}
	}
	if r.family == runc {
		// Of the machine's kernel as little as can be: no message queues that
		// everybody may write to, no list of its devices.
		h.Tmpfs["/dev/mqueue"] = "ro,nosuid,nodev,noexec,size=4096,mode=0555"
		h.Tmpfs["/sys"] = "ro,nosuid,nodev,noexec,size=65536,mode=0555"
	} else {
		// A kernel of its own counts the processes of its user. On the machine's
		// kernel that count would be one over all containers.
		h.Ulimits = append(h.Ulimits, &units.Ulimit{Name: "nproc", Soft: int64(l.Pids), Hard: int64(l.Pids)})
	}
	return c, h
}

// pids is the limit of tasks on the machine for n of the guest's. gVisor needs
// some twenty and up to four for each of the guest's, which it counts by itself.
func (r *Runner) pids(n int) int64 {
	if r.family == runsc {
		return int64(128 + 6*n)
	}
	return int64(n)
}

var turn atomic.Int64

// cores picks as many of the engine's cores as cpus asks for, rounded up, other
// ones each time; "" when that is all there are.
func (r *Runner) cores(cpus float64) string {
	n, have := int(math.Ceil(cpus)), r.info.NCPU
	if n >= have {
		return ""
	}
	start := int(turn.Add(int64(n)) % int64(have))
	var set []string
	for i := range n {
		set = append(set, strconv.Itoa((start+i)%have))
	}
	slices.Sort(set)
	return strings.Join(set, ",")
}
