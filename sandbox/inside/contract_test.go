package inside

import (
	"slices"
	"testing"
)

var contracts = map[string]Contract{
	"gvisor": {OwnKernel: true, Files: []int{3, 4}, Memory: 64 << 20, CPUs: 1.5, Pids: 16, Open: 64, Output: 1 << 20, Inodes: 8, Tmp: 1 << 20},
	"docker": {Engine: true, Apart: true, Model: true, Terminal: true, Open: 64, Output: 1 << 20, Inodes: 8, Tmp: 1 << 20},
}

func (s *Seen) mount(dir string) *Mount {
	return &s.Mounts[slices.IndexFunc(s.Mounts, func(m Mount) bool { return m.Dir == dir })]
}

// What an engine with a kernel of its own cannot show is not asked for, of no other.
func TestMoot(t *testing.T) {
	for name, c := range map[string]Contract{"runsc": {OwnKernel: true, Engine: true}, "gvisor": contracts["gvisor"], "docker": contracts["docker"]} {
		c.Open, c.Output, c.Inodes, c.Tmp = 64, 1<<20, 8, 1<<20
		for what, spoil := range map[string]func(*Seen){
			"/output may be executed": func(s *Seen) { s.mount("/output").Options = nil },
			"cgroups":                 func(s *Seen) { s.Mounts = append(s.Mounts, Mount{"/sys/fs/cgroup/cpu", "cgroup", []string{"rw"}}) },
		} {
			s := Kept(c)
			spoil(&s)
			ok := name == "runsc" || name == "gvisor" && what == "cgroups"
			if d := c.Drift(s); ok != (len(d) == 0) {
				t.Errorf("%s, %s: %v", name, what, d)
			}
		}
	}
}

// Each thing that a sandbox can have too much of is found, and by itself.
func TestDrift(t *testing.T) {
	for name, c := range contracts {
		if d := c.Drift(Kept(c)); len(d) > 0 {
			t.Errorf("%s: %v", name, d)
		}
		if d := c.Drift(Seen{}); len(d) < 10 {
			t.Errorf("%s: of nothing only %v is missed", name, d)
		}
		for code, spoil := range map[string][]func(*Seen){
			"user":           {func(s *Seen) { s.UID[0] = 0 }, func(s *Seen) { s.UID[2] = 0 }, func(s *Seen) { s.UID = nil }},
			"group":          {func(s *Seen) { s.GID[1] = 0 }, func(s *Seen) { s.Groups = []int{Guest, 0} }},
			"pid":            {func(s *Seen) { s.PID = 7 }},
			"hostname":       {func(s *Seen) { s.Hostname = "host" }},
			"capabilities":   {func(s *Seen) { s.Caps["CapBnd"] = "0000000000002000" }, func(s *Seen) { delete(s.Caps, "CapEff") }, func(s *Seen) { s.Caps["CapAmb"] = "1" }},
			"new_privileges": {func(s *Seen) { s.NoNewPrivs = false }},
			"network":        {func(s *Seen) { s.Devices = append(s.Devices, "eth0") }},
			"devices":        {func(s *Seen) { s.Nodes = append(s.Nodes, "kvm") }},
			"files":          {func(s *Seen) { s.Files = append(s.Files, 9) }},
			"mounts": {
				func(s *Seen) { s.Mounts = append(s.Mounts, Mount{"/host", "ext4", []string{"ro"}}) },
				func(s *Seen) { s.Mounts = append(s.Mounts, Mount{"/host", "tmpfs", []string{"ro"}}) },
				func(s *Seen) { s.Mounts = append(s.Mounts, *s.mount("/tmp")) },
				func(s *Seen) { s.Mounts = append(s.Mounts, Mount{"/proc/sys", "proc", []string{"rw"}}) },
				func(s *Seen) { s.mount("/").Options = []string{"rw"} },
				func(s *Seen) { s.mount("/output").Options = []string{"nosuid", "nodev"} },
				func(s *Seen) { s.mount("/tmp").Dir = "/sys/x" },
				func(s *Seen) { r := s.Rooms["/input"]; r.ReadOnly = false; s.Rooms["/input"] = r },
				func(s *Seen) { delete(s.Rooms, "/input") },
			},
			"limits": {func(s *Seen) { s.Limits["nofile"]++ }, func(s *Seen) { s.Limits["core"] = 1 }, func(s *Seen) { s.Limits["fsize"] = 1 << 40 }},
			"room": {
				func(s *Seen) { s.Rooms["/output"] = Room{Bytes: 1 << 30, Inodes: 9} },
				func(s *Seen) { s.Rooms["/output"] = Room{Bytes: 1 << 20} },
				func(s *Seen) { s.Rooms["/output"] = Room{Bytes: 1 << 20, Inodes: 1 << 20} },
				func(s *Seen) { s.Rooms["/tmp"] = Room{Bytes: 1 << 30} },
				func(s *Seen) { delete(s.Rooms, "/dev/shm") },
			},
		} {
			for i, f := range spoil {
				s := Kept(c)
				f(&s)
				if d := c.Drift(s); len(d) != 1 || d[0].Code != "inside_"+code || d[0].Message.ZH == "" {
					t.Errorf("%s, %s %d: drift %v, want one inside_%s", name, code, i, d, code)
				}
			}
		}
	}
	own, shared := contracts["gvisor"], contracts["docker"]
	timed := own
	timed.Clock = 946684800
	for what, c := range map[string]struct {
		c     Contract
		spoil func(*Seen)
		code  string
	}{
		"the machine's clock": {timed, func(s *Seen) { s.Clock = 1790000000 }, "inside_clock"},
		"a clock before it":   {timed, func(s *Seen) { s.Clock-- }, "inside_clock"},
		"no filter":           {shared, func(s *Seen) { s.Seccomp = "none" }, "inside_seccomp"},
		"too many tasks":      {own, func(s *Seen) { s.Limits["nproc"] = 1000 }, "inside_limits"},
		"much memory":         {own, func(s *Seen) { s.Memory = 1 << 40 }, "inside_memory"},
		"many processors":     {own, func(s *Seen) { s.CPUs = 3 }, "inside_cpu"},
		"a model":             {own, func(s *Seen) { s.Mounts = append(s.Mounts, Mount{"/model", "ext4", []string{"ro"}}) }, "inside_mounts"},
		"a model to write to": {shared, func(s *Seen) { s.Rooms["/model"] = Room{} }, "inside_mounts"},
		"an input":            {own, func(s *Seen) { s.Mounts = append(s.Mounts, Mount{"/input", "ext4", []string{"ro"}}) }, "inside_mounts"},
	} {
		s := Kept(c.c)
		c.spoil(&s)
		if d := c.c.Drift(s); len(d) != 1 || d[0].Code != c.code {
			t.Errorf("%s: %v, want %s", what, d, c.code)
		}
	}
}
