package sandbox

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// scorerRuns is a runner whose n-th run does what the n-th of it does.
type scorerRuns struct {
	Runner
	runs []func(Job) Result
}

func (s *scorerRuns) Run(_ context.Context, j Job) (Result, error) {
	run := s.runs[0]
	s.runs = s.runs[1:]
	return run(j), nil
}

// writes is a run that leaves scores.json and size bytes of per_unit.csv, of which
// the last one is end.
func writes(scores string, size int64, end string) func(Job) Result {
	return func(j Job) Result {
		f, err := os.Create(filepath.Join(j.Output, scenarios.PerUnitFile))
		if err == nil {
			err = f.Truncate(size) // zeros that take no room
		}
		if err == nil {
			_, err = f.WriteAt([]byte(end), size-int64(len(end)))
		}
		if err = errors.Join(err, f.Close(), os.WriteFile(filepath.Join(j.Output, scenarios.ScoresFile), []byte(scores), 0o600)); err != nil {
			panic(err)
		}
		return Result{Usage: aihub.Usage{CPUMS: 1}}
	}
}

// A scorer runs twice on the same files. What it leaves may be as large as its limit
// and is compared and packed piece by piece; when the two differ, or a run fails, its
// owner is told, and it is nobody else's fault.
func TestJudge(t *testing.T) {
	const large = 48 << 20
	for _, c := range []struct {
		name        string
		one, two    func(Job) Result
		reason      string // "" for none
		detail, not string
	}{
		{"the same", writes("{}", large, "x"), writes("{}", large, "x"), "", "", ""},
		{"another last byte", writes("{}", large, "x"), writes("{}", large, "y"), string(aihub.ReasonScorer), "different per_unit.csv", "scores.json"},
		{"longer", writes("{}", 1<<16, "x"), writes("{}", 1<<16+1, "x\x00"), string(aihub.ReasonScorer), "different per_unit.csv", ""},
		{"shorter", writes("{}", 1<<17, "x"), writes("{}", 1<<16, "x"), string(aihub.ReasonScorer), "different per_unit.csv", ""},
		{"other scores", writes("{}", 5, "x"), writes("{ }", 5, "x"), string(aihub.ReasonScorer), "different scores.json", ""},
		{"fails the second time", writes("{}", 5, "x"), func(Job) Result {
			return Result{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit, Detail: "exit code 3"}}
		}, string(aihub.ReasonScorer), "exit code 3", ""},
	} {
		dir := t.TempDir()
		spec := scenarios.Spec{}
		spec.Input.Key, spec.Truth.Column, spec.Output.Format = "id", "label", "csv"
		spec.Scorer = &scenarios.Scorer{Scores: []scenarios.ScorerValue{{Name: "s"}}, PerUnit: []scenarios.ScorerValue{{Name: "u"}}}
		work := filepath.Join(dir, "work")
		truth, err := os.Create(filepath.Join(dir, "truth"))
		if err != nil {
			t.Fatal(err)
		}
		b := table.NewBatch([]table.Field{{Name: "id", Type: table.String}, {Name: "label", Type: table.String}}, 1)
		b.Cols[0].AppendStr("a")
		b.Cols[1].AppendStr("1")
		b.Rows = 1
		w, err := table.NewWriter(truth, table.FormatParquet, b.Schema())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(b), w.Close(), os.WriteFile(filepath.Join(dir, "predictions"), []byte("id,p\na,1\n"), 0o600), os.Mkdir(work, 0o700)); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Judge(t.Context(), Judging{Runner: &scorerRuns{runs: []func(Job) Result{c.one, c.two}}, ID: "j", Ref: aihub.Ref{Name: "s", Version: 1}, Spec: spec,
			Truth: filepath.Join(dir, "truth"), Predictions: filepath.Join(dir, "predictions"), RowKey: []byte("key"), Work: work})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > large/2 {
			t.Errorf("%s: %d bytes were allocated for a file of %d", c.name, n, large)
		}
		f := got.Result.Failure
		if string(f.Reason) != c.reason || c.reason != "" && f.Owner != aihub.FaultScenario || !strings.Contains(f.Detail, c.detail) || c.not != "" && strings.Contains(f.Detail, c.not) || (got.Packed == "") != (c.reason != "") {
			t.Errorf("%s: %+v, packed %q", c.name, f, got.Packed)
		}
		if got.Packed == "" {
			continue
		}
		file, err := os.Open(got.Packed)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r := tar.NewReader(file)
		for _, name := range spec.Scorer.Files() {
			h, err := r.Next()
			if err != nil || h.Name != name {
				t.Fatalf("%s: %v, %+v", c.name, err, h)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || name == scenarios.PerUnitFile && n != large {
				t.Errorf("%s: %v, %d bytes", c.name, err, n)
			}
		}
	}
}
