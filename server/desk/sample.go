package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/table"
	"aihub/policies"
)

// Sample is the public sample as a file to download. It is removed when closed.
type Sample struct {
	*os.File
	Name, Type string
}

// Close removes the file.
func (s *Sample) Close() error { return errors.Join(s.File.Close(), os.Remove(s.File.Name())) }

// maxSample bounds the rows of a sample, whose labels are held in memory.
const maxSample = 2_000_000

// Sample puts the public sample of a dataset version together, labels included,
// as csv or parquet; files is the archive of its rows' pictures and recordings.
func (d *Desk) Sample(ctx context.Context, a aihub.Actor, ref, format string) (*Sample, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	if v.State == aihub.DatasetWithdrawn {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{
			EN: v.Ref.String() + " was withdrawn: its sample is no longer served", ZH: v.Ref.String() + " 已撤回，不再提供样本",
		}).WithHint(aihub.Text{EN: "look for a newer version: aihub dataset list", ZH: "请查找更新的版本：aihub dataset list"})
	}
	org := v.Org
	if v.State == aihub.DatasetPublished {
		org = "" // public
	}
	if _, err := d.permit(ctx, a, policies.SampleRead, policies.Object{ID: v.Ref.String(), Org: org}); err != nil {
		return nil, err
	}
	part, ok := v.File(aihub.Sample)
	if !ok {
		return nil, NotFound()
	}
	s := &Sample{Name: fmt.Sprintf("%s-%d-sample.%s", v.Ref.Name, v.Ref.Version, format)}
	switch format {
	case "files":
		if part.Files == "" {
			return nil, invalid(v.Ref.String()+" is a table alone: it has no files", v.Ref.String()+" 只有表，没有文件")
		}
		s.Name, s.Type = fmt.Sprintf("%s-%d-sample-files.tar", v.Ref.Name, v.Ref.Version), "application/x-tar"
	case "csv":
		s.Type = "text/csv; charset=utf-8"
	case "parquet":
		s.Type = "application/vnd.apache.parquet"
	default:
		return nil, invalid("format: csv, parquet or files", "format 应为 csv、parquet 或 files")
	}
	if s.File, err = d.temp(); err != nil {
		return nil, err
	}
	if format == "files" {
		err = d.copyBlob(ctx, s.File, part.Files)
	} else {
		err = d.join(ctx, s.File, format, part, v.Key)
	}
	if err == nil {
		_, err = s.File.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// copyBlob writes a stored file, whose digest is checked on the way.
func (d *Desk) copyBlob(ctx context.Context, w io.Writer, digest aihub.Digest) error {
	r, err := d.Blobs.Open(ctx, digest)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}

// join writes the rows of a part with their labels: the columns of the input,
// then those of the truth but its key.
func (d *Desk) join(ctx context.Context, w io.Writer, format string, part aihub.PartFile, key string) error {
	dir, err := os.MkdirTemp(d.Dir, "desk-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	open := func(name string, digest aihub.Digest) (table.Reader, error) {
		path := filepath.Join(dir, name)
		if err := blob.Fetch(ctx, d.Blobs, digest, path); err != nil {
			return nil, err
		}
		return table.OpenParquet(path, nil)
	}
	in, err := open("input", part.Input)
	if err != nil {
		return err
	}
	defer in.Close()
	tr, err := open("truth", part.Truth)
	if err != nil {
		return err
	}
	defer tr.Close()
	truth, err := table.ReadAll(tr, maxSample)
	if err != nil {
		return err
	}
	damaged := fmt.Errorf("sample: input and truth have no common key %q", key)
	keys := truth.Col(key)
	if keys == nil {
		return damaged
	}
	row := make(map[string]int, truth.Rows)
	for i := range truth.Rows {
		k, ok := keys.Text(i)
		if !ok {
			return damaged
		}
		row[k] = i
	}
	schema := in.Schema()
	var labels []int // columns of truth
	for c := range truth.Cols {
		if truth.Cols[c].Name != key {
			labels = append(labels, c)
			schema = append(schema, truth.Cols[c].Field)
		}
	}
	out, err := table.NewWriter(w, format, schema)
	if err != nil {
		return err
	}
	for {
		b, err := in.Next()
		if err == io.EOF {
			return out.Close()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		joined := &table.Batch{Rows: b.Rows}
		joined.Cols = append(joined.Cols, b.Cols...)
		keys := b.Col(key)
		if keys == nil {
			return damaged
		}
		for _, c := range labels {
			col := table.NewColumn(truth.Cols[c].Field, b.Rows)
			for i := range b.Rows {
				k, _ := keys.Text(i)
				j, ok := row[k]
				if !ok {
					return damaged
				}
				col.AppendFrom(&truth.Cols[c], j)
			}
			joined.Cols = append(joined.Cols, col)
		}
		if err := out.Write(joined); err != nil {
			return err
		}
	}
}
