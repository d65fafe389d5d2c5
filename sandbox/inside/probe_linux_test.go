package inside

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The machine itself runs the program that was written by hand: its report says
// what the machine says otherwise, and it becomes another program at the word.
func TestProbe(t *testing.T) {
	emulator := os.Getenv("AIHUB_TEST_QEMU_AARCH64") // runs the other architecture's
	arch := runtime.GOARCH
	if emulator != "" {
		arch = "arm64"
	}
	for _, f := range []Files{{0, 1}, {3, 4}} {
		p, err := For(arch, f)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "probe")
		if err := os.WriteFile(path, p.Program(), 0o755); err != nil {
			t.Fatal(err)
		}
		word := NewWord()
		for _, c := range []struct {
			what, program string
			word          []byte
			says          string
			fails         syscall.Errno
			exit          int
		}{
			{"the word", "/bin/sh", word[:], "said so b\n", 0, 3},
			{"no program", "/no/such", word[:], "", syscall.ENOENT, 127},
			{"not for the guest", "/", word[:], "", syscall.EACCES, 127},
			{"too short a word", "/bin/sh", word[:5], "", 0, 127},
			{"no word", "/bin/sh", nil, "", 0, 127},
		} {
			t.Run(c.what, func(t *testing.T) {
				args := []string{path, c.program, "name", "-c", "echo $1 $A >&2; exit 3", "-", "said so"}
				if emulator != "" {
					args = append([]string{emulator}, args...)
				}
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Env = []string{"A=b"}
				in, out, said := connect(t, cmd, f)
				s, err := p.Read(out)
				if err != nil {
					t.Fatal(err)
				}
				host, _ := os.Hostname()
				mounts, _ := os.ReadFile("/proc/self/mountinfo")
				if s.PID != cmd.Process.Pid && emulator == "" || s.UID[0] != os.Getuid() || s.Hostname != host || len(s.Mounts) != strings.Count(string(mounts), "\n") ||
					s.CPUs != runtime.NumCPU() || s.Caps["CapEff"] == "" || s.Memory == 0 || !s.contains("lo") || s.Limits["nofile"] == 0 {
					t.Errorf("%+v", s)
				}
				_, _ = in.Write(c.word)
				in.Close()
				rest, _ := io.ReadAll(out)
				says, _ := io.ReadAll(said)
				err = cmd.Wait()
				var ended *exec.ExitError
				if !errors.As(err, &ended) || ended.ExitCode() != c.exit || string(says) != c.says {
					t.Errorf("%v, said %q, want exit %d and %q", err, says, c.exit, c.says)
				}
				why, failed := word.Failed(rest)
				if failed != (c.fails != 0) || why != c.fails || !failed && len(rest) > 0 {
					t.Errorf("after the word came %q: %v, want %v", rest, why, c.fails)
				}
			})
		}
	}
}

func (s *Seen) contains(dev string) bool { return strings.Contains(strings.Join(s.Devices, " "), dev) }

// connect starts cmd with pipes at the files of f, and its standard error as one.
func connect(t *testing.T, cmd *exec.Cmd, f Files) (in, out, said *os.File) {
	t.Helper()
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(); w.Close() })
		return r, w
	}
	r, in := pipe()
	out, w := pipe()
	said, e := pipe()
	cmd.Stderr = e
	if f.In == 0 {
		cmd.Stdin, cmd.Stdout = r, w
	} else {
		cmd.ExtraFiles = []*os.File{r, w}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{r, w, e} {
		f.Close()
	}
	deadline := time.Now().Add(time.Minute)
	for _, f := range []*os.File{out, said} {
		if err := f.SetReadDeadline(deadline); err != nil {
			t.Fatal(err)
		}
	}
	return in, out, said
}

// The other program becomes one too, under a filter that answers getuid with an
// error where we may lay one.
func TestFiltered(t *testing.T) {
	if os.Getenv("AIHUB_TEST_QEMU_AARCH64") != "" {
		t.Skip("the emulator knows no filters")
	}
	filter, err := binary.Append(nil, binary.LittleEndian, []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: syscall.SYS_GETUID, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0x50000 | 77}, // SECCOMP_RET_ERRNO
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0x7fff0000},   // SECCOMP_RET_ALLOW
	})
	if err != nil {
		t.Fatal(err)
	}
	program, err := Filtered(runtime.GOARCH, filter)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "filtered")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "/bin/sh", "name", "-c", "echo $0 $1 $A $(id -ru)", "-", "said so")
	cmd.Env = []string{"A=b", "PATH=" + os.Getenv("PATH")}
	want := "- said so b " + strconv.Itoa(os.Getuid()) + "\n"
	if os.Getuid() == 0 {
		want = "- said so b " + strconv.FormatUint(1<<32-77, 10) + "\n"
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v, said %q, want %q", err, out, want)
	}
	if err := exec.Command(path, "/no/such", "name").Run(); err == nil || !strings.Contains(err.Error(), "127") {
		t.Errorf("no program: %v", err)
	}
	if _, err := Filtered("mips", filter); err == nil {
		t.Error("there is a program for mips")
	}
}
