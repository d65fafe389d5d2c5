package stage

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// statFields returns the fields of /proc/PID/stat from the third on: state,
// parent, … The second, the command name, may hold anything, so the others are
// counted from its closing parenthesis.
func statFields(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 {
		return nil
	}
	return f
}

// PidOf names the running process pid, or reports false when there is none, or
// only its zombie.
func PidOf(pid int) (Pid, bool) {
	f := statFields(pid)
	if f == nil || f[0] == "Z" || f[0] == "X" {
		return Pid{}, false
	}
	start, err := strconv.ParseUint(f[19], 10, 64)
	return Pid{Pid: pid, Start: start}, err == nil
}

// Alive reports whether the very process p still runs.
func (p Pid) Alive() bool {
	q, ok := PidOf(p.Pid)
	return ok && q == p
}

// Kill kills the very process p. The process is pinned before it is compared,
// so that no other one can be hit.
func (p Pid) Kill() {
	fd, err := unix.PidfdOpen(p.Pid, 0)
	if err != nil {
		if p.Alive() { // a kernel before 5.3
			_ = unix.Kill(p.Pid, unix.SIGKILL)
		}
		return
	}
	defer unix.Close(fd)
	if p.Alive() {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// Descendants returns the running processes below pid, at most max.
func Descendants(pid, max int) []Pid {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]Pid{}
	for _, d := range dirs {
		n, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		f := statFields(n)
		if f == nil || f[0] == "Z" || f[0] == "X" {
			continue
		}
		parent, _ := strconv.Atoi(f[1])
		start, _ := strconv.ParseUint(f[19], 10, 64)
		children[parent] = append(children[parent], Pid{Pid: n, Start: start})
	}
	var all []Pid
	for todo := []int{pid}; len(todo) > 0 && len(all) < max; todo = todo[1:] {
		for _, c := range children[todo[0]] {
			all = append(all, c)
			todo = append(todo, c.Pid)
		}
	}
	return all
}

// CPUTime returns the processor time of a running process and of the children
// that it has waited for.
func CPUTime(pid int) time.Duration {
	const perTick = time.Second / 100 // USER_HZ, the same on every architecture of ours
	var t time.Duration
	if f := statFields(pid); f != nil {
		for _, v := range f[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(v, 10, 64)
			t += time.Duration(n) * perTick
		}
	}
	return t
}

// readInt reads a file that holds one number; "max" is no limit and gives -1.
func readInt(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	s := strings.TrimSpace(string(b))
	if s == "max" {
		return -1, nil
	}
	return strconv.ParseInt(s, 10, 64)
}

// readKey returns the number after key in a file of "key value" lines.
func readKey(path, key string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, &os.PathError{Op: "find " + key + " in", Path: path, Err: os.ErrNotExist}
}

func write(dir, name, value string) error {
	// Not os.WriteFile: it would create what a controller does not have.
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return cmpErr(err, f.Close())
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
