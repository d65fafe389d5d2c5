package runsc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"

	"aihub/internal/embedded/patched"
	"aihub/sandbox/gvisor/stage"
)

// bend makes a sandbox that is not as ordered: for tests, which see it refused.
var bend func(*config.Config, *specs.Spec)

// writeSpec writes the OCI spec of o into the bundle.
func writeSpec(o stage.Order, t stage.Tree, conf *config.Config) (*specs.Spec, error) {
	spec := specFor(o, t)
	if bend != nil {
		bend(conf, spec)
	}
	b, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return spec, os.WriteFile(filepath.Join(t.Bundle, "config.json"), b, 0o600)
}

func specFor(o stage.Order, t stage.Tree) *specs.Spec {
	l := o.Limits
	limit := func(kind string, n uint64) specs.POSIXRlimit {
		return specs.POSIXRlimit{Type: kind, Hard: n, Soft: n}
	}
	size := func(bytes int64) string { return "size=" + strconv.FormatInt(bytes, 10) }
	none := []string{}
	spec := &specs.Spec{
		Version:  specs.Version,
		Hostname: stage.Hostname,
		Root:     &specs.Root{Path: t.Root, Readonly: true},
		Process: &specs.Process{
			User:            specs.User{UID: stage.Guest, GID: stage.Guest},
			Args:            append([]string{"probe", o.Program}, o.Args...),
			Env:             o.Env,
			Cwd:             o.Dir,
			NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{
				Bounding: none, Effective: none, Inheritable: none, Permitted: none, Ambient: none,
			},
			Rlimits: []specs.POSIXRlimit{
				limit("RLIMIT_NPROC", uint64(l.Pids)),
				limit("RLIMIT_NOFILE", uint64(l.Files)),
				limit("RLIMIT_FSIZE", uint64(max(l.Output, l.Tmp))),
				limit("RLIMIT_CORE", 0),
			},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"ro", "nosuid", "nodev", "noexec"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755", "size=65536"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "nodev", "noexec", "mode=1777", size(l.Tmp)}},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmp", Options: []string{"nosuid", "nodev", "mode=1777", size(l.Tmp)}},
			{Destination: "/output", Type: "bind", Source: t.Output, Options: []string{"bind", "rw", "nosuid", "nodev", "noexec"}},
		},
		Linux: &specs.Linux{
			// Read again by Main in the sandbox process: what the guest is told about
			// its machine. The limits themselves are kept by the cgroup or the watchdog.
			Resources: &specs.LinuxResources{
				Memory: &specs.LinuxMemory{Limit: &l.Memory},
				CPU:    cpu(l.CPUs),
			},
		},
	}
	if o.Images {
		image := func(dir, source string) specs.Mount {
			return specs.Mount{Destination: dir, Type: "erofs", Source: source, Options: []string{"ro", "nosuid", "nodev", "noexec"}}
		}
		spec.Mounts = append(spec.Mounts, image("/input", o.Input))
		if o.Model != "" {
			spec.Mounts = append(spec.Mounts, image("/model", o.Model))
		}
	}
	if o.Clock != 0 {
		spec.Annotations = map[string]string{patched.ClockAnnotation: strconv.FormatInt(time.Unix(o.Clock, 0).UnixNano(), 10)}
	}
	spec.Process.Terminal = o.Window != nil
	if o.User {
		// An ordinary user may map one id: that of the guest.
		one := []specs.LinuxIDMapping{{ContainerID: stage.Guest, HostID: stage.Guest, Size: 1}}
		spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.UserNamespace}}
		spec.Linux.UIDMappings, spec.Linux.GIDMappings = one, one
	}
	return spec
}

func cpu(cpus float64) *specs.LinuxCPU {
	period := uint64(100_000)
	quota := int64(cpus * float64(period))
	return &specs.LinuxCPU{Quota: &quota, Period: &period}
}
