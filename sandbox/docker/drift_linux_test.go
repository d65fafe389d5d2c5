package docker

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-units"

	"aihub"
	"aihub/sandbox/runnertest"
)

// A container that is not what the contract demands is refused with what it is,
// before the guest has run: by what the engine says, and where that is not asked,
// by what the container is from inside.
func TestDrifted(t *testing.T) {
	rootfs := filepath.Join(t.TempDir(), "rootfs")
	runnertest.Rootfs(t, rootfs, runnertest.Guest(t))
	for what, c := range map[string]struct {
		bend            func(*container.Config, *container.HostConfig)
		outside, inside string
	}{
		"as ordered": {func(*container.Config, *container.HostConfig) {}, "", ""},
		"a mount":    {func(_ *container.Config, h *container.HostConfig) { h.Tmpfs["/extra"] = "rw" }, "inside_mounts", "inside_mounts"},
		"the host's network": {func(c *container.Config, h *container.HostConfig) {
			c.NetworkDisabled, c.Hostname, h.NetworkMode = false, "", "host"
		}, "posture_network", "inside_network"},
		"a capability": {func(_ *container.Config, h *container.HostConfig) { h.CapAdd = []string{"NET_RAW"} }, "posture_capabilities", "inside_capabilities"},
		"root":         {func(c *container.Config, _ *container.HostConfig) { c.User = "0:0" }, "posture_user", "inside_user"},
		"a group":      {func(_ *container.Config, h *container.HostConfig) { h.GroupAdd = []string{"0"} }, "inside_group", "inside_group"},
		"a device": {func(_ *container.Config, h *container.HostConfig) {
			h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/extra", CgroupPermissions: "r"}}
		}, "posture_devices", "inside_devices"},
		"a root to write to": {func(_ *container.Config, h *container.HostConfig) { h.ReadonlyRootfs = false }, "posture_root", "inside_mounts"},
		"no filter": {func(_ *container.Config, h *container.HostConfig) {
			h.SecurityOpt = []string{"no-new-privileges", "seccomp=unconfined"}
		}, "posture_seccomp", "inside_seccomp"},
		"new privileges":              {func(_ *container.Config, h *container.HostConfig) { h.SecurityOpt = h.SecurityOpt[1:] }, "posture_new_privileges", "inside_new_privileges"},
		"new privileges, spelled out": {func(_ *container.Config, h *container.HostConfig) { h.SecurityOpt[0] = "no-new-privileges=false" }, "posture_new_privileges", "inside_new_privileges"},
		// From inside no rule of a device shows that is not there: only the engine tells.
		"a rule for devices": {func(_ *container.Config, h *container.HostConfig) { h.DeviceCgroupRules = []string{"c 1:3 r"} }, "posture_devices", "posture_devices"},
		"more files": {func(_ *container.Config, h *container.HostConfig) {
			h.Ulimits[0] = &units.Ulimit{Name: "nofile", Soft: 9999, Hard: 9999}
		}, "posture_files", "inside_limits"},
		"a larger /dev/shm":       {func(_ *container.Config, h *container.HostConfig) { h.ShmSize *= 2 }, "inside_room", "inside_room"},
		"the machine's processes": {func(_ *container.Config, h *container.HostConfig) { h.PidMode = "host" }, "posture_namespace", "inside_pid"},
	} {
		for blind, code := range map[bool]string{false: c.outside, true: c.inside} {
			if blind && c.outside == c.inside && code != "" {
				continue // what the engine says has not told it
			}
			t.Run(what+map[bool]string{true: ", blind"}[blind], func(t *testing.T) {
				r := newRunner(t)
				r.bend, r.blind = c.bend, blind
				j, _ := sleeper(t, t.TempDir(), rootfs, strings.ToLower(aihub.NewID("drift")))
				var log bytes.Buffer
				j.Args, j.Log = []string{"/guest", "hello", "you"}, &log
				res, err := r.Run(t.Context(), j)
				if ran := strings.Contains(log.String(), "hello you"); ran != (code == "") {
					t.Errorf("the guest ran: %v\n%s", ran, &log)
				}
				if code == "" {
					if err != nil || res.Failure.Reason != "" || !bytes.Contains(res.Posture, []byte(`"inside":{"kernel":"Linux `)) {
						t.Errorf("%v %+v %s", err, res.Failure, res.Posture)
					}
					return
				}
				var e *aihub.Error
				if !errors.As(err, &e) || e.Kind != aihub.Unavailable || len(e.Faults) == 0 {
					t.Fatalf("%v, want the platform's refusal", err)
				}
				for _, f := range e.Faults {
					if f.Code == code {
						return
					}
				}
				t.Errorf("%v, want %s", e.Faults, code)
			})
		}
	}
}
