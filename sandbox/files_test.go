package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/archive"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Files lie where the table says, under ids of the run; those of other rows, and a
// part whose table and archive do not fit, are not handed out.
func TestLayFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	part, tar := filepath.Join(dir, "part"), filepath.Join(dir, "files.tar")
	schema := []table.Field{{Name: "id", Type: table.String}, {Name: "file", Type: table.String}}
	b := table.NewBatch(schema, 0)
	for i := range 5 {
		key := fmt.Sprintf("%032x", i)
		b.Cols[0].AppendStr(key)
		b.Cols[1].AppendStr(table.RowPath(key, ".png"))
	}
	b.Rows = 5
	f, err := os.Create(part)
	if err != nil {
		t.Fatal(err)
	}
	w, err := table.NewParquetWriter(f, schema)
	if err == nil {
		err = errors.Join(w.Write(b), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	pack := func(names ...string) {
		f, err := os.Create(tar)
		if err != nil {
			t.Fatal(err)
		}
		w := archive.NewWriter(f)
		for _, n := range names {
			err = errors.Join(err, w.Add(n, int64(len(n)), strings.NewReader(n)))
		}
		if err = errors.Join(err, w.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	name := func(i int) string { return fmt.Sprintf("%032x.png", i) }
	spec := scenarios.Spec{Input: scenarios.Input{File: "t.csv", Format: "csv", Key: "id", Columns: []string{"file"}}, Output: scenarios.Output{File: "p.csv", Format: "csv"}}
	in := inputs{ref: aihub.Ref{Name: "x", Version: 1}, spec: spec, part: part, files: tar, rowKey: []byte("a run's key"),
		columns: []aihub.Column{{Name: "id", Type: "string"}, {Name: "file", Type: "string", File: true}}}

	pack(name(0), name(1), name(2), name(3), name(4), name(9))
	at := filepath.Join(dir, "run")
	if err := errors.Join(os.Mkdir(at, 0o700), prepare(context.Background(), at, in)); err != nil {
		t.Fatal(err)
	}
	csv, err := os.ReadFile(filepath.Join(at, "input", "t.csv"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(at, "input", "files"))
	if err != nil || len(entries) != 5 {
		t.Fatal(entries, err)
	}
	for i := range 5 {
		path := table.RowPath(table.RowID(in.rowKey, fmt.Sprintf("%032x", i)), ".png")
		got, err := os.ReadFile(filepath.Join(at, "input", filepath.FromSlash(path)))
		if err != nil || string(got) != name(i) || !strings.Contains(string(csv), path) {
			t.Errorf("row %d: %q, %v\n%s", i, got, err, csv)
		}
		if strings.Contains(string(csv), fmt.Sprintf("%032x", i)) {
			t.Error("the table tells a key")
		}
	}
	task, err := os.ReadFile(filepath.Join(at, "input", "task.json"))
	if err != nil || !strings.Contains(string(task), `"file": true`) {
		t.Errorf("%s %v", task, err)
	}

	for what, names := range map[string][]string{
		"a file is missing":        {name(0), name(1), name(2), name(3)},
		"a file of another kind":   {name(0), name(1), name(2), name(3), strings.Replace(name(4), "png", "wav", 1)},
		"an archive that is empty": nil,
	} {
		pack(names...)
		at := filepath.Join(dir, what)
		err := errors.Join(os.Mkdir(at, 0o700), prepare(context.Background(), at, in))
		if f := new(failure); !errors.As(err, &f) || f.Owner != aihub.FaultData {
			t.Errorf("%s: %v", what, err)
		}
	}
	in.files = ""
	at = filepath.Join(dir, "no archive")
	err = errors.Join(os.Mkdir(at, 0o700), prepare(context.Background(), at, in))
	if f := new(failure); !errors.As(err, &f) || f.Owner != aihub.FaultData {
		t.Errorf("no archive: %v", err)
	}
	in.spec.Input.Columns = []string{}
	in.columns = in.columns[:1]
	at = filepath.Join(dir, "table alone")
	if err := errors.Join(os.Mkdir(at, 0o700), prepare(context.Background(), at, in)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(at, "input", "files")); !os.IsNotExist(err) {
		t.Errorf("files of a table alone: %v", err)
	}
}
