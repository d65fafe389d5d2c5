package catalog

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
)

const resumedManifest = peopleManifest + "risk: {quasi: [sex, born, income], k: 50, cells: [income], max_cells: 0.5, max_suppression: 0.5}\n"

// TestPublishKilled: a publish goes on where a killed one was, and comes to the same
// version: its rows are not masked again behind the gates, nor written behind the parts.
func TestPublishKilled(t *testing.T) {
	if dir := os.Getenv("AIHUB_TEST_PUBLISH"); dir != "" {
		_, _ = publishIn(t, dir, os.Getenv("AIHUB_TEST_PUBLISH_UNTIL"))
		t.Fatal("nobody killed this process")
	}
	t.Parallel()
	raw := people(6000, 11).csv
	whole := t.TempDir()
	write(t, whole, raw)
	want, stages := publishIn(t, whole, "")
	if d := cmp.Diff([]string{"ingest", "mask", "linkage", "split", "store"}, stages); d != "" {
		t.Fatal(d)
	}
	if r := openWorld(t, "TestPublishKilled", whole).profile(want).Risk; len(r.Cells) == 0 || r.Cells[0].Rows == 0 || r.Suppressed == 0 {
		t.Fatalf("the gate suppresses nothing: %+v", r)
	}
	for until, left := range map[string][]string{
		"ingest": stages, "mask": stages, "split": {"ingest", "split", "store"}, "store": {"ingest", "store"},
	} {
		dir := t.TempDir()
		write(t, dir, raw)
		c := exec.Command(os.Args[0], "-test.run=^TestPublishKilled$")
		c.Env = append(os.Environ(), "AIHUB_TEST_PUBLISH="+dir, "AIHUB_TEST_PUBLISH_UNTIL="+until, "TMPDIR="+dir, "TMP="+dir, "TEMP="+dir)
		if out, err := c.CombinedOutput(); err == nil || strings.Contains(string(out), "FAIL") {
			t.Fatalf("%s: %v\n%s", until, err, out)
		}
		got, stages := publishIn(t, dir, "")
		if d := cmp.Diff(left, stages); d != "" {
			t.Errorf("after %s: %s", until, d)
		}
		if got.Content != want.Content || got.Profile != want.Profile || got.Card != want.Card || got.Plan != want.Plan || got.Level != want.Level {
			t.Errorf("after %s: content %s, profile %s, not %s, %s", until, got.Content, got.Profile, want.Content, want.Profile)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "tmp", "*")); err != nil || len(left) > 0 {
			t.Errorf("after %s: %v is left, %v", until, left, err)
		}
	}
}

func write(t *testing.T, dir, raw string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "raw"), []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
}

// publishIn publishes what write wrote, in the world of a directory, and kills this
// process when a stage begins. It returns the stages.
func publishIn(t *testing.T, dir, until string) (aihub.DatasetVersion, []string) {
	t.Helper()
	w := openWorld(t, "TestPublishKilled", dir)
	w.held = 1 << 12
	var stages []string
	v, err := w.Publish(w.ctx, w.steward, []byte(resumedManifest), filepath.Join(dir, "raw"), func(stage string, done, total int64) {
		if stage != "cells" && !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
		if stage == until {
			p, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = p.Kill()
			}
			fmt.Println("FAIL", err)
			time.Sleep(time.Minute) // until it is
		}
	})
	w.must(err)
	return v, stages
}

// Another manifest, another file or another key is another publish: nothing of one
// that was given up goes into it.
func TestResumeIsOfTheSame(t *testing.T) {
	t.Parallel()
	c := &Catalog{Dir: t.TempDir()}
	note := func(what ...any) *bench {
		b, err := c.work("org", "cases", what...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a := note("scope", 1)
	if again := note("scope", 1); again.lock != nil || again.dir == a.dir {
		t.Error("two publishes work in one directory")
	} else if err := again.close(true); err != nil {
		t.Error(err)
	}
	other := note("scope", 2)
	if other.dir == a.dir {
		t.Error("another generation of the key has the same directory")
	}
	for _, b := range []*bench{a, other} {
		if err := os.WriteFile(filepath.Join(b.dir, gatedNote), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		b.noted = true
		if err := b.close(true); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-benchStays - time.Hour)
	if err := os.Chtimes(filepath.Join(a.dir, "lock"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := c.Forget(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, "*"))
	if d := cmp.Diff([]string{other.dir}, left); d != "" || err != nil {
		t.Error(d, err)
	}
}

// What a publish of a name left is gone when the name is published otherwise, unless
// somebody works on it, and what those of other names left stays.
func TestResumeGivenUpForAnother(t *testing.T) {
	t.Parallel()
	c := &Catalog{Dir: t.TempDir()}
	begin := func(org aihub.OrgID, name, what string) *bench {
		b, err := c.work(org, name, what)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.dir, gatedNote), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		b.noted = true
		return b
	}
	busy := begin("bureau", "cases", "busy")
	var given []*bench
	for _, b := range []*bench{begin("bureau", "cases", "slip"), begin("bureau", "visits", "slip"), begin("police", "cases", "slip")} {
		given = append(given, b)
		if err := b.close(true); err != nil {
			t.Fatal(err)
		}
	}
	last := begin("bureau", "cases", "mended")
	for dir, want := range map[string]bool{busy.dir: true, last.dir: true, given[0].dir: false, given[1].dir: true, given[2].dir: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: there %t, want %t", filepath.Base(dir), err == nil, want)
		}
	}
	if err := errors.Join(busy.close(false), last.close(false)); err != nil {
		t.Error(err)
	}
}
