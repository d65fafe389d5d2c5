//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/embedded"
	"aihub/policies"
)

// TestMeasureSealed measures what a trivial algorithm takes from its submission to
// its sealed score, with the real queue, sandbox and scorer, beside plain docker run
// of the same program with runc where an engine answers; they take turns. A small part
// is predicted at once; of a larger one a slice is tried first, in a sandbox of its
// own. It is part of make bench-sandbox.
func TestMeasureSealed(t *testing.T) {
	if os.Getenv("AIHUB_MEASURE") == "" {
		t.Skip("a measurement: make bench-sandbox")
	}
	t.Run("whole", func(t *testing.T) { measureSealed(t, 20) })
	t.Run("slice first", func(t *testing.T) { measureSealed(t, 2000) })
}

// measureSealed measures with a hidden part of so many rows.
func measureSealed(t *testing.T, rows int) {
	c := newChaos(t, 1, rows)
	ctx, stop := context.WithCancel(t.Context())
	worked := make(chan error, 1)
	go func() { worked <- c.app.work(ctx) }()
	defer func() { stop(); c.must(<-worked) }()
	image := engineImage(t)
	var sealed, twice []float64
	for range 11 {
		began := time.Now()
		c.submit(c.images[0], aHidden)
		id := c.entered[len(c.entered)-1]
		for {
			s, err := c.app.DB.Submission(ctx, policies.ScopeOf(policies.Platform()), id)
			c.must(err)
			if s.State == aihub.SubmissionScored {
				break
			}
			if time.Since(began) > time.Minute {
				t.Fatal("no score after a minute")
			}
			time.Sleep(2 * time.Millisecond)
		}
		sealed = append(sealed, float64(time.Since(began).Milliseconds()))
		if image == "" {
			continue
		}
		began = time.Now()
		for range 2 {
			if out, err := exec.Command("docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65532:65532", "--memory", "128m",
				"--pids-limit", "64", "--tmpfs", "/output:size=1m,mode=1777", image, "/algorithm", "hostile", "exit", "0").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		twice = append(twice, float64(time.Since(began).Milliseconds()))
	}
	median := func(ms []float64) float64 { slices.Sort(ms); return ms[len(ms)/2] }
	t.Logf("from submission to sealed score: %.0f ms (median of %d)", median(sealed), len(sealed))
	if image != "" {
		t.Logf("two docker runs with runc: %.0f ms; ratio %.2f", median(twice), median(sealed)/median(twice))
	}
}

// engineImage gives the program of the algorithms to the Docker engine, or returns "".
func engineImage(t *testing.T) string {
	if exec.Command("docker", "version").Run() != nil {
		return ""
	}
	program, err := embedded.Algorithm()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "algorithm", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))}) // into memory
	_, _ = w.Write(program)
	_ = w.Close()
	name := "aihub-sealed:" + strings.ToLower(strings.TrimPrefix(aihub.NewID("x"), "x_"))
	cmd := exec.Command("docker", "import", "-", name)
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", name).Run() })
	return name
}
