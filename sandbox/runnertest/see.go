package runnertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"aihub"
	"aihub/sandbox"
)

// endCases: how the end of a container is told.
var endCases = []testcase{
	{"hello", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Collect = []string{"predictions.csv"} }, "hello", "wörld").well(t)
		e.says(t, "hello wörld", `/input/data.csv: "id,x\nr1,1\n" <nil>`, `/input/task.json: "{}\n" <nil>`)
		if got := e.file(t, "predictions.csv"); got != "id,label\nr1,x\n" {
			t.Errorf("collected %q", got)
		}
		if u := e.Usage; u.WallMS < 0 || u.PeakBytes < 0 || u.PeakBytes == 0 && !s.Engine || u.PeakBytes > int64(Limits.Memory) || u.CPUMS < 0 || u.CPUMS > 60_000 || u.LogBytes != int64(len(e.Log)) || u.OutBytes != 14 {
			t.Errorf("usage %+v", u)
		}
		if len(e.Posture) < 100 {
			t.Errorf("posture %s", e.Posture)
		}
	}},
	{"exit codes", func(t *testing.T, s *suite) {
		// 137 and its like are what a killed process shows through a shell: a
		// program that returns them by itself was not killed.
		for _, code := range []int{1, 2, 42, 127, 128, 137, 139, 143, 255} {
			reason := aihub.ReasonExit
			if s.Engine && code > 128 && code <= 128+64 {
				reason = aihub.ReasonSignal
			}
			e := s.run(t, nil, "exit", strconv.Itoa(code)).failed(t, reason)
			if e.Exit != code {
				t.Errorf("exit %d, want %d", e.Exit, code)
			}
		}
	}},
	{"signal", func(t *testing.T, s *suite) {
		if e := s.run(t, nil, "segv").failed(t, aihub.ReasonSignal); e.Exit != 128+11 {
			t.Errorf("exit %d, want 139", e.Exit)
		}
	}},
	{"no start", func(t *testing.T, s *suite) {
		for what, change := range map[string]func(*sandbox.Job){
			"missing":        func(j *sandbox.Job) { j.Args = []string{"/nothing"} },
			"not in PATH":    func(j *sandbox.Job) { j.Args = []string{"nothing"} },
			"not executable": func(j *sandbox.Job) { j.Args = []string{"/plain"} },
			"a directory":    func(j *sandbox.Job) { j.Args = []string{"/etc"} },
			"no program":     func(j *sandbox.Job) { j.Args = []string{"/text"} },
			"no interpreter": func(j *sandbox.Job) { j.Args = []string{"/script"} },
			"not allowed":    func(j *sandbox.Job) { j.Args = []string{"/etc/shadow"} },
			"outside":        func(j *sandbox.Job) { j.Args = []string{"/outside/hostname"} },
			"no directory":   func(j *sandbox.Job) { j.Dir = "/nowhere" },
		} {
			t.Run(what, func(t *testing.T) { s.run(t, change).failed(t, aihub.ReasonStart) })
		}
	}},
	{"command in PATH", func(t *testing.T, s *suite) {
		s.run(t, func(j *sandbox.Job) { j.Args = []string{"inpath", "hello", "you"} }).well(t).says(t, "hello you")
	}},
}

// seeCases: what a container sees and reaches.
var seeCases = []testcase{
	{"environment", func(t *testing.T, s *suite) {
		t.Setenv("AIHUB_HOST_SECRET", "of the host")
		e := s.run(t, func(j *sandbox.Job) { j.Env = []string{"AIHUB_B=2", "AIHUB_A=1 = one"} }, "env").well(t)
		want := "AIHUB_A=1 = one\nAIHUB_B=2\nHOME=/tmp\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
		if e.Log != want {
			t.Errorf("environment:\n%swant:\n%s", e.Log, want)
		}
	}},
	{"identity and limits", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Limits.CPUs, j.Dir = 1, "/opt" }, "id").well(t)
		none := "0000000000000000"
		for key, want := range map[string]string{
			"uid": "65532 65532", "gid": "65532 65532", "groups": "[]", "hostname": "sandbox", "dir": "/opt", "pid": "1",
			"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none, "no_new_privs": "1",
			"nofile": "256 256", "core": "0 0", "nproc": "64 64", "fsize": "16777216 16777216",
			"suid": "65532 <nil>", "cpus": "1",
		} {
			v := e.values()
			if key == "CapAmb" && v[key] == "" {
				continue // not every kernel shows it
			}
			if key == "nproc" && s.HostKernel {
				continue
			}
			if v[key] != want && !(key == "groups" && v[key] == "[65532]") {
				t.Errorf("%s: %q, want %q", key, v[key], want)
			}
		}
		var kb int64
		if s.HostKernel {
			return
		}
		if _, err := fmt.Sscanf(strings.Join(strings.Fields(e.values()["MemTotal"]), " "), "%d kB", &kb); err != nil || kb<<10 > int64(Limits.Memory) {
			t.Errorf("the guest is told of %d kB of memory (%v), it has %d", kb, err, Limits.Memory>>10)
		}
	}},
	{"read-only places", func(t *testing.T, s *suite) {
		e := s.run(t, func(j *sandbox.Job) { j.Model = j.Input }, "places").well(t)
		for _, dir := range []string{"/", "/etc", "/input", "/model", "/opt", "/usr", "/proc", "/sys"} {
			if v := e.values()[dir]; v == "" || v == "writable" {
				t.Errorf("%s: %q, want an error", dir, v)
			}
		}
		e.says(t, "/tmp: writable", "/dev/shm: writable", "/output: writable")
	}},
	{"model", func(t *testing.T, s *suite) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "weights"), []byte("42"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.run(t, func(j *sandbox.Job) { j.Model = dir }, "model").well(t).says(t, "/model/weights: 42", "model: 1 <nil>")
		s.run(t, nil, "model").well(t).says(t, "model: none")
	}},
	{"model from a run", func(t *testing.T, s *suite) {
		// What one run left whole is what the next one finds, and cannot change.
		trained := s.run(t, whole, "plant").well(t)
		model := open(t, trained.Output)
		before := tree(t, model)
		e := s.run(t, func(j *sandbox.Job) { j.Model = model }, "recall").well(t)
		e.says(t, "42", "deep", "deepest", "searched 4 files below /model")
		for line := range strings.Lines(e.Log) {
			if (strings.HasPrefix(line, "tried writing ") || strings.HasPrefix(line, "tried removing ")) && strings.HasSuffix(line, ": ok\n") {
				t.Error(line)
			}
		}
		if after := tree(t, model); after != before {
			t.Error("the run changed its model")
		}
	}},
	{"standard streams", func(t *testing.T, s *suite) {
		e := s.run(t, nil, "stdout").well(t)
		e.says(t, "through /dev/stdout", "through /dev/stderr", "through /proc/self/fd/1", "stdin: 0 bytes, <nil>")
	}},
	{"network", network},
	{"names", func(t *testing.T, s *suite) {
		e := s.run(t, nil, "dns").well(t)
		e.says(t, "resolv.conf has 0 bytes")
		refused(t, e, 4)
	}},
	{"writing", func(t *testing.T, s *suite) {
		e := s.run(t, nil, "write").well(t)
		var places []string
		for line := range strings.Lines(e.Log) {
			if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "wrote below "); ok {
				places = append(places, dir)
			}
		}
		for _, p := range places {
			if !slices.Contains([]string{"/tmp", "/dev/shm", "/output"}, p) {
				t.Errorf("wrote below %s", p)
			}
		}
		// It may signal its own processes, of which it is the only one.
		e.Log = strings.ReplaceAll(e.Log, "tried signalling every process: ok\n", "")
		e.Log = strings.ReplaceAll(e.Log, "tried writing /proc/self/oom_score_adj: ok\n", "") // of its own kernel
		refused(t, e, 13)
	}},
	{"secrets of the host", func(t *testing.T, s *suite) {
		secrets := []string{aihub.NewID("canaryenv"), aihub.NewID("canaryfile"), aihub.NewID("canaryoutput")}
		t.Setenv("AIHUB_CANARY", secrets[0])
		e := s.run(t, func(j *sandbox.Job) {
			for i, p := range []string{filepath.Join(filepath.Dir(j.Input), "truth.csv"), filepath.Join(filepath.Dir(j.Output), "other.csv")} {
				if err := os.WriteFile(p, []byte(secrets[i+1]), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}, append([]string{"read"}, secrets...)...).well(t)
		for line := range strings.Lines(e.Log) {
			for _, bad := range []string{"FOUND", "suspicious name", "open directory"} {
				if strings.Contains(line, bad) {
					t.Error(line)
				}
			}
		}
		if files := e.files(t); len(files) > 0 {
			t.Errorf("smuggled files were collected: %q", files)
		}
		if !strings.Contains(e.Log, "found 0 secrets") {
			t.Errorf("the search did not end:\n%s", clip(e.Log))
		}
	}},
	{"hidden is like smoke", func(t *testing.T, s *suite) {
		for _, mode := range []string{"env", "id", "places", "model"} {
			open := s.run(t, nil, mode).well(t)
			hidden := s.run(t, func(j *sandbox.Job) { j.Hidden = true }, mode).well(t)
			if sorted(open.Log) != sorted(hidden.Log) {
				t.Errorf("%s tells a hidden run from another:\n%s\n%s", mode, open.Log, hidden.Log)
			}
		}
	}},
	{"nothing is shared", func(t *testing.T, s *suite) {
		for _, together := range []bool{false, true} {
			var logs [2]string
			t.Run(fmt.Sprintf("together=%v", together), func(t *testing.T) {
				for i := range logs {
					t.Run(strconv.Itoa(i), func(t *testing.T) {
						args := []string{"traces"}
						if together {
							t.Parallel()
							args = append(args, "stay")
						}
						logs[i] = s.run(t, nil, args...).well(t).Log
					})
				}
			})
			for _, log := range logs {
				if strings.Contains(log, "seen: true") || !strings.Contains(log, "/tmp/trace seen: false") || !strings.Contains(log, "processes: 1\n") {
					t.Errorf("together=%v:\n%s", together, log)
				}
			}
		}
	}},
}

func sorted(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// refused fails when one of at least n attempts succeeded.
func refused(t *testing.T, e ended, n int) {
	t.Helper()
	tries := 0
	for line := range strings.Lines(e.Log) {
		if strings.HasPrefix(line, "tried ") {
			tries++
			if strings.HasSuffix(line, ": ok\n") {
				t.Error(line)
			}
		}
	}
	if tries < n {
		t.Errorf("only %d attempts, want %d:\n%s", tries, n, clip(e.Log))
	}
}

// network dials out, and listens on the host for what may arrive.
func network(t *testing.T, s *suite) {
	var arrived atomic.Int64
	var addrs []string
	for _, host := range hostAddresses() {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				arrived.Add(1)
				c.Close()
			}
		}()
		addrs = append(addrs, l.Addr().String())
		u, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			continue
		}
		defer u.Close()
		go func() {
			for b := make([]byte, 64); ; {
				_, from, err := u.ReadFrom(b)
				if err != nil {
					return
				}
				arrived.Add(1)
				_, _ = u.WriteTo([]byte("x"), from)
			}
		}()
	}
	if len(addrs) == 0 {
		t.Fatal("nothing to listen on")
	}
	// The listeners work: what is sent from the host arrives.
	c, err := net.Dial("tcp", addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Read(make([]byte, 1)) // until the other side has counted and closed
	c.Close()
	if arrived.Swap(0) != 1 {
		t.Fatal("the listener does not count")
	}
	e := s.run(t, nil, append([]string{"network"}, addrs...)...).well(t)
	refused(t, e, 2*(len(addrs)+10))
	if n := arrived.Load(); n > 0 {
		t.Errorf("%d connections or datagrams arrived at the host", n)
	}
	for line := range strings.Lines(e.Log) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "interface "); ok && name != "lo" {
			t.Errorf("network device %s", name)
		}
	}
	// Its loopback is its own: the host's port is free there.
	_, port, _ := net.SplitHostPort(addrs[0])
	s.run(t, nil, "listen", port).well(t).says(t, "listen: ok")
}

func hostAddresses() []string {
	all := []string{"127.0.0.1", "::1"}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			all = append(all, ip.IP.String())
		}
	}
	return all
}
