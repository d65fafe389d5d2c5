package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Place is where cgroups can be made on this machine.
type Place struct {
	Version int
	Parents map[string]string // controller -> directory in which to make a group
	Leave   []string
}

// wanted are the controllers that bound a container. Accounting of cpu time is
// not a bound: cpuacct may be missing.
var wanted = []string{"memory", "pids", "cpu"}

// group is the prefix of our directories' names.
const group = "aihub-"

// FindPlace looks for a place where cgroups with the controllers memory, pids
// and cpu can be made: version 2 first, then version 1. The error says what is
// in the way, for doctor.
func FindPlace() (Place, error) {
	own, err := ownCgroups()
	if err != nil {
		return Place{}, err
	}
	mounts, err := cgroupMounts()
	if err != nil {
		return Place{}, err
	}
	p2, err2 := place2(mounts, own)
	if err2 == nil {
		return p2, nil
	}
	p1, err1 := place1(mounts, own)
	if err1 == nil {
		return p1, nil
	}
	if len(mounts.v1) > 0 {
		return Place{}, err1
	}
	return Place{}, err2
}

// place2 tries, from the most fitting on: below our own cgroup (a service with
// Delegate=yes and a subgroup of its own), beside it (a user session, a
// service), below the mount's root.
func place2(m mounts, own map[string]string) (Place, error) {
	if m.v2 == "" {
		return Place{}, errors.New("no cgroup version 2 is mounted")
	}
	self := filepath.Join(m.v2, own[""])
	var last error
	for _, dir := range slices.Compact([]string{self, filepath.Dir(self), m.v2}) {
		if !strings.HasPrefix(dir, m.v2) {
			continue
		}
		p := Place{Version: 2, Parents: map[string]string{}, Leave: []string{filepath.Join(self, "cgroup.procs")}}
		for _, c := range wanted {
			p.Parents[c] = dir
		}
		if last = p.try(); last == nil {
			return p, nil
		}
	}
	return Place{}, last
}

func place1(m mounts, own map[string]string) (Place, error) {
	p := Place{Version: 1, Parents: map[string]string{}}
	for _, c := range append([]string{"cpuacct"}, wanted...) {
		mnt, ok := m.v1[c]
		if !ok {
			if c == "cpuacct" {
				continue
			}
			return Place{}, fmt.Errorf("the %s controller of cgroup version 1 is not mounted", c)
		}
		// In a container the path in /proc/self/cgroup may be the host's, and
		// only the mount's root is ours.
		dir := filepath.Join(mnt, own[c])
		if _, err := os.Stat(dir); err != nil {
			dir = mnt
		}
		p.Parents[c] = dir
		if leave := filepath.Join(dir, "cgroup.procs"); !slices.Contains(p.Leave, leave) {
			p.Leave = append(p.Leave, leave)
		}
	}
	return p, p.try()
}

// try makes a group with limits, reads them back and removes it: the only way
// to know.
func (p Place) try() error {
	l := Limits{CPUs: 1, Memory: 64 << 20, Pids: 16}
	g, err := p.New(fmt.Sprintf("try-%d-%d", os.Getpid(), time.Now().UnixNano()), l)
	if err != nil {
		return err
	}
	err = g.Check(l)
	return cmpErr(err, g.Remove(time.Second))
}

// New makes the group of container id with its limits.
func (p Place) New(id string, l Limits) (*Cgroup, error) {
	g := &Cgroup{Version: p.Version, Dirs: map[string]string{}, Leave: p.Leave}
	for _, c := range slices.Sorted(maps.Keys(p.Parents)) {
		parent := p.Parents[c]
		if p.Version == 2 {
			// Refused where processes live in parent, or where it is not ours: then
			// it works only if the controllers are passed down already.
			_ = write(parent, "cgroup.subtree_control", "+"+c)
		}
		dir := filepath.Join(parent, group+id)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, cmpErr(fmt.Errorf("making a cgroup: %w", err), g.Remove(0))
		}
		g.Dirs[c] = dir
	}
	if err := g.set(l); err != nil {
		_ = g.Remove(0)
		return nil, fmt.Errorf("setting cgroup limits: %w", err)
	}
	return g, nil
}

func (g *Cgroup) set(l Limits) error {
	mem, pids, cpu := g.Dirs["memory"], g.Dirs["pids"], g.Dirs["cpu"]
	const period = 100_000 // microseconds
	quota := max(1000, int64(math.Round(l.CPUs*period)))
	if err := write(pids, "pids.max", strconv.Itoa(hostPids(l.Pids))); err != nil {
		return err
	}
	bytes := strconv.FormatInt(l.Memory, 10)
	if g.Version == 2 {
		if err := cmpErr(
			write(mem, "memory.max", bytes),
			write(mem, "memory.oom.group", "1"),
			write(cpu, "cpu.max", fmt.Sprintf("%d %d", quota, period))); err != nil {
			return err
		}
		return optional(write(mem, "memory.swap.max", "0"))
	}
	if err := cmpErr(
		write(mem, "memory.limit_in_bytes", bytes),
		write(cpu, "cpu.cfs_period_us", strconv.Itoa(period)),
		write(cpu, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10))); err != nil {
		return err
	}
	// Only kernels that account swap have this file; swappiness 0 keeps the
	// others from swapping a group out.
	if err := optional(write(mem, "memory.memsw.limit_in_bytes", bytes)); err != nil {
		return err
	}
	return optional(write(mem, "memory.swappiness", "0"))
}

// hostPids is the limit of host tasks for n guest tasks: the guest's own kernel
// counts its tasks exactly; this is a backstop against gVisor itself, which
// needs some twenty and three to four for each guest process.
func hostPids(n int) int { return 128 + 6*n }

func optional(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Check reads the limits back.
func (g *Cgroup) Check(l Limits) error {
	v := g.Values()
	if got := v["memory"]; got <= 0 || got > l.Memory {
		return fmt.Errorf("the memory limit of %d bytes was set, %d was read back", l.Memory, got)
	}
	if got := v["pids"]; got <= 0 || got > int64(hostPids(l.Pids)) {
		return fmt.Errorf("the pids limit was not kept: %d", got)
	}
	if got := v["cpu_quota_us"]; got <= 0 {
		return fmt.Errorf("the cpu limit was not kept: %d", got)
	}
	return nil
}

// Values reads the limits in force. -1 is no limit.
func (g *Cgroup) Values() map[string]int64 {
	v := map[string]int64{}
	put := func(key string, n int64, err error) {
		if err == nil {
			v[key] = n
		}
	}
	mem, pids, cpu := g.Dirs["memory"], g.Dirs["pids"], g.Dirs["cpu"]
	n, err := readInt(filepath.Join(pids, "pids.max"))
	put("pids", n, err)
	if g.Version == 2 {
		n, err = readInt(filepath.Join(mem, "memory.max"))
		put("memory", n, err)
		n, err = readInt(filepath.Join(mem, "memory.swap.max"))
		put("swap", n, err)
		if b, err := os.ReadFile(filepath.Join(cpu, "cpu.max")); err == nil {
			quota, period, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
			if quota == "max" {
				quota = "-1"
			}
			n, err = strconv.ParseInt(quota, 10, 64)
			put("cpu_quota_us", n, err)
			n, err = strconv.ParseInt(period, 10, 64)
			put("cpu_period_us", n, err)
		}
		return v
	}
	n, err = readInt(filepath.Join(mem, "memory.limit_in_bytes"))
	put("memory", n, err)
	n, err = readInt(filepath.Join(mem, "memory.memsw.limit_in_bytes"))
	put("memory_and_swap", n, err)
	n, err = readInt(filepath.Join(cpu, "cpu.cfs_quota_us"))
	put("cpu_quota_us", n, err)
	n, err = readInt(filepath.Join(cpu, "cpu.cfs_period_us"))
	put("cpu_period_us", n, err)
	return v
}

// dirs lists the distinct directories of g.
func (g *Cgroup) dirs() []string {
	var all []string
	for _, d := range g.Dirs {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}

// Take moves process pid, and with it what it starts from now on, into g. The
// kernel waits for an RCU grace period, some 10 ms, and so with Back.
func (g *Cgroup) Take(pid int) error {
	for _, d := range g.dirs() {
		if err := write(d, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("entering the cgroup: %w", err)
		}
	}
	return nil
}

// Back moves the calling process out again; its children stay.
func (g *Cgroup) Back() error {
	for _, f := range g.Leave {
		if err := write(filepath.Dir(f), filepath.Base(f), "0"); err != nil {
			return fmt.Errorf("leaving the cgroup: %w", err)
		}
	}
	return nil
}

// OOMKills returns how many processes were killed for memory.
func (g *Cgroup) OOMKills() (int64, error) {
	if g.Version == 2 {
		return readKey(filepath.Join(g.Dirs["memory"], "memory.events"), "oom_kill")
	}
	return readKey(filepath.Join(g.Dirs["memory"], "memory.oom_control"), "oom_kill")
}

// Peak returns the most memory in use so far, or 0 where the kernel cannot tell.
func (g *Cgroup) Peak() int64 {
	name := "memory.max_usage_in_bytes"
	if g.Version == 2 {
		name = "memory.peak"
	}
	n, _ := readInt(filepath.Join(g.Dirs["memory"], name))
	return n
}

// CPU returns the time used so far, or 0 where the kernel cannot tell.
func (g *Cgroup) CPU() time.Duration {
	if g.Version == 2 {
		n, _ := readKey(filepath.Join(g.Dirs["cpu"], "cpu.stat"), "usage_usec")
		return time.Duration(n) * time.Microsecond
	}
	n, _ := readInt(filepath.Join(g.Dirs["cpuacct"], "cpuacct.usage"))
	return time.Duration(n)
}

// Kill kills every process in g.
func (g *Cgroup) Kill() {
	for _, d := range g.dirs() {
		if g.Version == 2 && write(d, "cgroup.kill", "1") == nil {
			continue
		}
		for _, pid := range procs(d) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// Pids returns the processes in g.
func (g *Cgroup) Pids() []int { return procs(g.Dirs["cpu"]) }

func procs(dir string) (pids []int) {
	b, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for line := range strings.Lines(string(b)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Remove removes g. A process that is just dying keeps it busy, so it tries for
// patience, killing what is inside.
func (g *Cgroup) Remove(patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		var busy error
		for _, d := range g.dirs() {
			if err := unix.Rmdir(d); err != nil && !errors.Is(err, unix.ENOENT) {
				busy = fmt.Errorf("removing cgroup %s: %w", d, err)
			}
		}
		if busy == nil || time.Now().After(deadline) {
			return busy
		}
		g.Kill()
		time.Sleep(2 * time.Millisecond)
	}
}

// Group returns the handle of the group of container id, which may not exist.
func (p Place) Group(id string) *Cgroup {
	g := &Cgroup{Version: p.Version, Dirs: map[string]string{}, Leave: p.Leave}
	for c, parent := range p.Parents {
		g.Dirs[c] = filepath.Join(parent, group+id)
	}
	return g
}

// Sweep removes the groups of any runner in which no process is and that are
// older than age: those whose run's own record is gone. The kernel refuses to
// remove a group that is in use.
func (p Place) Sweep(age time.Duration) error {
	var errs []error
	for _, parent := range p.Parents {
		dirs, err := filepath.Glob(filepath.Join(parent, group+"*"))
		if err != nil {
			return err
		}
		for _, d := range dirs {
			fi, err := os.Stat(d)
			if err != nil || !fi.IsDir() || time.Since(fi.ModTime()) < age {
				continue
			}
			if err := unix.Rmdir(d); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EBUSY) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// ownCgroups reads /proc/self/cgroup: controller -> path; "" is version 2.
func ownCgroups() (map[string]string, error) {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	own := map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		// 4:memory:/user.slice
		p := strings.SplitN(sc.Text(), ":", 3)
		if len(p) != 3 {
			continue
		}
		for c := range strings.SplitSeq(p[1], ",") {
			own[c] = p[2]
		}
	}
	return own, nil
}

type mounts struct {
	v1 map[string]string // controller -> mount point
	v2 string
}

func cgroupMounts() (mounts, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return mounts{}, err
	}
	defer f.Close()
	return parseCgroupMounts(f)
}

func parseCgroupMounts(r io.Reader) (mounts, error) {
	m := mounts{v1: map[string]string{}}
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		// 39 32 0:34 / /sys/fs/cgroup/memory rw … - cgroup cgroup rw,memory
		left, right, ok := strings.Cut(sc.Text(), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 3 {
			continue
		}
		switch r[0] {
		case "cgroup2":
			m.v2 = l[4]
		case "cgroup":
			for opt := range strings.SplitSeq(r[2], ",") {
				m.v1[opt] = l[4]
			}
		}
	}
	return m, sc.Err()
}
