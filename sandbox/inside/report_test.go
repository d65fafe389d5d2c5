package inside

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// written is a report of p in which each data item is what content says.
func written(p *program, content map[string]string) []byte {
	b := []byte(magic)
	for _, x := range p.items {
		v := content[x.name]
		switch {
		case x.data:
			b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
			b = append(b, v...)
			content[x.name] = "" // the next read is at the end
		default:
			b = binary.LittleEndian.AppendUint64(b, 0)
			b = append(b, (v + strings.Repeat("\x00", x.size))[:x.size]...)
		}
	}
	return b
}

func sample() map[string]string {
	return map[string]string{
		"/proc/self/status":    "Name:\tprobe\nCapEff:\t00ff\n",
		"/proc/self/mountinfo": "1 0 0:1 / / ro,nosuid - 9p none rw,trans=fd\n2 1 0:2 / /tmp rw - tmpfs none rw\n",
		"/proc/net/dev":        "Inter-| x\n face | y\n    lo: 0\n  eth0: 1\n",
		"/dev":                 "\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x18\x00\x08null\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x18\x00\x08.\x00\x00\x00\x00",
	}
}

func TestReport(t *testing.T) {
	p, err := For("arm64", Files{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	whole := written(p.program, sample())
	r := bytes.NewReader(append(slices.Clone(whole), "of the guest"...))
	s, err := p.Read(r)
	if err != nil || r.Len() != len("of the guest") {
		t.Fatalf("%v, %d bytes are left", err, r.Len())
	}
	if s.Caps["CapEff"] != "00ff" || len(s.Mounts) != 2 || s.Mounts[0].Dir != "/" || !slices.Equal(s.Mounts[0].Options, []string{"nosuid", "ro", "rw"}) ||
		!slices.Equal(s.Devices, []string{"lo", "eth0"}) || !slices.Equal(s.Nodes, []string{"null"}) {
		t.Errorf("%+v", s)
	}
	for _, n := range []int{0, 3, len(magic), len(magic) + 4, len(whole) / 2, len(whole) - 1} {
		if _, err := p.Read(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("a report of %d of %d bytes was taken", n, len(whole))
		}
	}
	// A file that may go on is not known.
	long := sample()
	long["/proc/net/dev"] = strings.Repeat("x", most)
	if _, err := p.Read(bytes.NewReader(written(&program{items: p.program.items}, long))); err != nil {
		t.Errorf("a file of one whole read: %v", err)
	}
	b := written(p.program, sample())
	if _, err := p.Read(bytes.NewReader(append([]byte("anything"), b[len(magic):]...))); err == nil {
		t.Error("what is no report was taken for one")
	}
	if _, err := For("riscv64", Files{3, 4}); err == nil {
		t.Error("there is a probe for riscv64")
	}
}

// Whatever comes, reading ends, and does not take more than a report may hold.
func FuzzReport(f *testing.F) {
	p, err := For("amd64", Files{0, 1})
	if err != nil {
		f.Fatal(err)
	}
	whole := written(p.program, sample())
	f.Add(whole)
	f.Add(whole[:100])
	f.Add([]byte(magic))
	f.Add(bytes.Replace(whole, []byte(" - "), []byte(" _ "), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := p.Read(bytes.NewReader(b))
		if err == nil && len(contracts["gvisor"].Drift(s)) == 0 && !bytes.Contains(b, []byte("CapBnd")) {
			t.Errorf("%q keeps the contract", b)
		}
	})
}
