package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Trial is one local run of an image on a scenario's public sample: what
// `aihub test` does before anything is submitted.
type Trial struct {
	Runner Runner
	Spec   scenarios.Spec
	Ref    aihub.Ref
	Sample string // CSV or Parquet file with the key, the inputs and the labels
	Rootfs string // unpacked image
	Args   []string
	Dir    string   // working directory in the image
	Env    []string // of the image; the spec's are added
	Work   string   // existing private directory for inputs and outputs
	Log    io.Writer
}

// Tried is what a trial left.
type Tried struct {
	Result Result
	Output string // the collected prediction file, "" when there is none
	RowKey []byte // made the row ids, as in a real run
}

// Try prepares the sample as the platform prepares hidden data (labels out, row
// ids random, order shuffled) and runs the image under the same contract.
func Try(ctx context.Context, t Trial) (Tried, error) {
	part := filepath.Join(t.Work, "sample.parquet")
	columns, err := samplePart(t.Sample, part, t.Spec)
	if err != nil {
		return Tried{}, err
	}
	task, err := scenarios.NewTask(t.Ref, t.Spec, columns)
	if err != nil {
		return Tried{}, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: "the sample does not fit the scenario: " + err.Error(), ZH: "样例与场景不符：" + err.Error(),
		}).WithHint(aihub.Text{EN: "write the starter kit again: aihub init", ZH: "请重新生成入门套件：aihub init"})
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return Tried{}, err
	}
	j, err := prepare(ctx, t.Work, part, t.Spec, task, key)
	if err != nil {
		return Tried{}, err
	}
	j.ID, j.Rootfs, j.Args, j.Dir, j.Log = "try-"+aihub.NewID("t")[2:], t.Rootfs, t.Args, t.Dir, t.Log
	j.Env = declared(t.Spec, t.Env)
	res, err := t.Runner.Run(ctx, j)
	if err != nil {
		return Tried{}, err
	}
	out := Tried{Result: res, RowKey: key}
	if res.Failure == (aihub.Failure{}) {
		out.Output = filepath.Join(j.Output, t.Spec.Output.File)
	}
	return out, nil
}

// samplePart rewrites a sample file as the Parquet part that a run starts from,
// and returns its columns.
func samplePart(name, part string, spec scenarios.Spec) ([]aihub.Column, error) {
	r, err := openSample(name, spec)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f, err := os.Create(part)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := table.NewParquetWriter(f, r.Schema())
	if err != nil {
		return nil, err
	}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := w.Write(b); err != nil {
			return nil, err
		}
	}
	var columns []aihub.Column
	for _, c := range r.Schema() {
		columns = append(columns, aihub.Column{Name: c.Name, Type: string(c.Type), Truth: c.Name == spec.Truth.Column})
	}
	return columns, w.Close()
}

func openSample(name string, spec scenarios.Spec) (table.Reader, error) {
	parquet, err := table.IsParquet(name)
	if err != nil {
		return nil, err
	}
	if parquet {
		return table.OpenParquet(name, nil)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := table.OpenCSV(f, table.CSVOptions{})
	if err != nil {
		f.Close()
		return nil, err
	}
	return closing{r, f}, nil
}

// closing closes the file under a reader as well.
type closing struct {
	table.Reader
	f *os.File
}

func (c closing) Close() error { return errors.Join(c.Reader.Close(), c.f.Close()) }
