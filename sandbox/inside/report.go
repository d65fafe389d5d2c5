package inside

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// magic begins a report.
const magic = "aihub in"

// Seen is what a process in the sandbox was and had, as its kernel told it.
type Seen struct {
	Kernel     string            `json:"kernel"` // name, release, version
	Hostname   string            `json:"hostname"`
	Clock      int64             `json:"clock"` // seconds since 1970, by the wall clock
	PID        int               `json:"pid"`
	UID        []int             `json:"uid"` // real, effective, saved
	GID        []int             `json:"gid"`
	Groups     []int             `json:"groups"`
	Caps       map[string]string `json:"caps"` // CapInh, CapPrm, CapEff, CapBnd, and CapAmb where shown: hexadecimal
	NoNewPrivs bool              `json:"no_new_privs"`
	Seccomp    string            `json:"seccomp"`    // none, strict, filter, unknown
	Namespaces map[string]string `json:"namespaces"` // kind -> what the kernel shows
	Mounts     []Mount           `json:"mounts"`
	Devices    []string          `json:"devices"` // network devices
	Nodes      []string          `json:"nodes"`   // names in /dev
	Files      []int             `json:"files"`   // open descriptors, the probe's own left out
	Limits     map[string]uint64 `json:"limits"`  // hard limits: fsize, core, nproc, nofile
	Memory     uint64            `json:"memory"`  // bytes that the kernel says the machine has
	CPUs       int               `json:"cpus"`
	Rooms      map[string]Room   `json:"rooms"` // file systems of the contract's directories
}

// Mount is one line of the mount table.
type Mount struct {
	Dir     string   `json:"dir"`
	Type    string   `json:"type"`
	Options []string `json:"options"` // of the mount and of its file system, without those that have a value
}

// Room is what a file system holds.
type Room struct {
	Bytes    uint64 `json:"bytes"`
	Inodes   uint64 `json:"inodes"`
	ReadOnly bool   `json:"read_only"`
}

// raw results of a report by name; the pieces of a file one behind the other.
type results map[string]*struct {
	value int64 // the last one
	bytes []byte
}

// read reads exactly one report of p.
func (p *program) read(r io.Reader) (results, error) {
	b := make([]byte, len(magic))
	if n, err := io.ReadFull(r, b); err != nil || string(b) != magic {
		return nil, fmt.Errorf("it does not begin with a report but with %q: %w", b[:n], errors.Join(err, errNoReport))
	}
	all := results{}
	for _, x := range p.items {
		var v [8]byte
		if _, err := io.ReadFull(r, v[:]); err != nil {
			return nil, fmt.Errorf("the report breaks off before %s: %w", x.name, err)
		}
		value, size := int64(binary.LittleEndian.Uint64(v[:])), x.size
		if x.data {
			size = int(max(0, min(value, most+1)))
		}
		if size > most {
			return nil, fmt.Errorf("%s is too long: %d bytes", x.name, value)
		}
		piece := make([]byte, size)
		if _, err := io.ReadFull(r, piece); err != nil {
			return nil, fmt.Errorf("the report breaks off in %s: %w", x.name, err)
		}
		got := all[x.name]
		if got == nil {
			got = &struct {
				value int64
				bytes []byte
			}{}
			all[x.name] = got
		}
		got.value, got.bytes = value, append(got.bytes, piece...)
	}
	return all, nil
}

var errNoReport = errors.New("not a report")

// seen makes sense of a report. A file that was not read to its end, or a call
// that the contract needs and that failed, is an error: what is not known is not
// taken for good.
func (all results) seen() (s Seen, err error) {
	fail := func(name string) {
		if err == nil {
			err = fmt.Errorf("%s cannot be measured: %d", name, all[name].value)
		}
	}
	fixed := func(name string) []byte {
		if all[name].value < 0 {
			fail(name)
		}
		return all[name].bytes
	}
	whole := func(path string) string {
		if all[path].value != 0 { // the last read has to be at the end
			fail(path)
		}
		return string(all[path].bytes)
	}
	numbers := func(b []byte, n int64) []int {
		got := []int{}
		for i := range min(max(n, 0), int64(len(b)/4)) {
			got = append(got, int(binary.LittleEndian.Uint32(b[4*i:])))
		}
		return got
	}
	uname := fixed("uname")
	field := func(i int) string { f, _, _ := bytes.Cut(uname[65*i:65*i+65], []byte{0}); return string(f) }
	s.Kernel, s.Hostname = field(0)+" "+field(2)+" "+field(3), field(1)
	s.Clock = int64(binary.LittleEndian.Uint64(fixed("clock")))
	s.PID = int(all["pid"].value)
	s.UID, s.GID = numbers(fixed("uid"), 3), numbers(fixed("gid"), 3)
	s.Groups = numbers(fixed("groups"), all["groups"].value)
	s.NoNewPrivs = all["no_new_privs"].value == 1
	s.Seccomp = map[int64]string{0: "none", 1: "strict", 2: "filter"}[all["seccomp"].value]
	if s.Seccomp == "" {
		s.Seccomp = "unknown"
	}
	s.Limits = map[string]uint64{}
	for _, l := range rlimits {
		s.Limits[l.name] = binary.LittleEndian.Uint64(fixed(l.name)[8:])
	}
	info := fixed("sysinfo")
	s.Memory = binary.LittleEndian.Uint64(info[32:]) * max(1, uint64(binary.LittleEndian.Uint32(info[104:])))
	for _, b := range fixed("cpus")[:min(max(all["cpus"].value, 0), 128)] {
		s.CPUs += bits.OnesCount8(b)
	}
	s.Rooms = map[string]Room{}
	for _, p := range places {
		if x := all["statfs "+p]; x.value == 0 {
			at := func(i int) uint64 { return binary.LittleEndian.Uint64(x.bytes[i:]) }
			s.Rooms[p] = Room{Bytes: at(8) * at(16), Inodes: at(40), ReadOnly: at(80)&1 != 0}
		}
	}
	s.Namespaces = map[string]string{}
	for _, k := range kinds {
		if x := all["namespace "+k]; x.value > 0 {
			s.Namespaces[k] = string(x.bytes)
		}
	}
	s.Caps = map[string]string{}
	for line := range strings.Lines(whole("/proc/self/status")) {
		if key, v, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(key, "Cap") {
			s.Caps[key] = strings.TrimSpace(v)
		}
	}
	for line := range strings.Lines(whole("/proc/self/mountinfo")) {
		m, bad := parseMount(line)
		if bad != nil && err == nil {
			err = bad
		}
		s.Mounts = append(s.Mounts, m)
	}
	// An engine mounts in no order, and receipts are not to differ for it.
	slices.SortStableFunc(s.Mounts, func(a, b Mount) int { return strings.Compare(a.Dir, b.Dir) })
	s.Devices = []string{}
	for line := range strings.Lines(whole("/proc/net/dev")) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			s.Devices = append(s.Devices, strings.TrimSpace(name))
		}
	}
	s.Nodes = entries([]byte(whole("/dev")))
	s.Files = []int{}
	for _, name := range entries([]byte(whole("/proc/self/fd"))) {
		fd, bad := strconv.Atoi(name)
		if bad == nil && int64(fd) != all["open /proc/self/fd"].value {
			s.Files = append(s.Files, fd)
		}
	}
	slices.Sort(s.Files)
	return s, err
}

// parseMount reads a line of mountinfo: id, parent, device, root, directory,
// options, other fields up to "-", type, source, options of the file system.
func parseMount(line string) (Mount, error) {
	before, after, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 6 || len(g) < 3 {
		return Mount{}, fmt.Errorf("the mount table has the line %q", line)
	}
	options := slices.Concat(strings.Split(f[5], ","), strings.Split(g[2], ","))
	// Values name directories of the host, and say nothing that the contract is about.
	options = slices.DeleteFunc(options, func(o string) bool { return strings.Contains(o, "=") })
	slices.Sort(options)
	return Mount{Dir: f[4], Type: g[0], Options: slices.Compact(options)}, nil
}

// entries are the names in the records that getdents64 gives, sorted, without
// "." and "..".
func entries(b []byte) []string {
	names := []string{}
	for len(b) >= 20 {
		n := int(binary.LittleEndian.Uint16(b[16:]))
		if n < 20 || n > len(b) {
			break
		}
		name, _, _ := bytes.Cut(b[19:n], []byte{0})
		if s := string(name); s != "." && s != ".." {
			names = append(names, s)
		}
		b = b[n:]
	}
	slices.Sort(names)
	return names
}
