package lattice

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdult searches UCI Adult as the ARX tool ships it (adult.csv and its
// hierarchies in the directory AIHUB_ADULT; the data are not part of the project):
// k = 5, 5 % suppression, the loss metric.
func TestAdult(t *testing.T) {
	dir := os.Getenv("AIHUB_ADULT")
	if dir == "" {
		t.Skip("AIHUB_ADULT names no directory")
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(strings.ReplaceAll(string(b), "\r", ""))
	}
	lines := strings.Split(read("adult.csv"), "\n")
	p := Problem{K: 5, MaxSuppression: 0.05}
	var names []string
	for i, name := range strings.Split(lines[0], ";")[:8] {
		h, fs := Parse(name, read("adult_hierarchy_"+name+".csv"))
		if fs != nil {
			t.Fatal(fs)
		}
		var codes []uint32
		for _, line := range lines[1:] {
			c, ok := h.Code(strings.Split(line, ";")[i])
			if !ok {
				t.Fatal(name, line)
			}
			codes = append(codes, c)
		}
		names = append(names, name)
		p.Dims, p.Codes = append(p.Dims, h), append(p.Codes, codes)
	}
	res, err := Search(context.Background(), p)
	if err != nil || len(res.Best) == 0 {
		t.Fatal(res, err)
	}
	best := res.Best[0]
	t.Logf("%v: levels %v, loss %.6f, %d rows suppressed, %d classes of %d to %d rows; %d of %d nodes counted",
		names, best.Levels, best.Loss, best.Suppressed, best.Classes, best.K, best.Largest, res.Checked, res.Nodes)
	if math.Abs(best.Loss-0.251852) > 5e-7 || best.Suppressed != 1458 || best.Classes != 399 || best.K != 5 || best.Largest != 2003 || res.Nodes != 6480 {
		t.Errorf("%+v of %d nodes", best, res.Nodes)
	}
}
