package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/archive"
	"aihub/internal/table"
	"aihub/scenarios"
)

// fileColumn is the column of the input that names the rows' files; "" where an
// algorithm is given none.
func fileColumn(spec scenarios.Spec, columns []aihub.Column) string {
	for _, c := range columns {
		if c.File && slices.Contains(spec.Input.Columns, c.Name) {
			return c.Name
		}
	}
	return ""
}

// layFiles lays the files that the rows of the part name out below dir, under this
// run's row ids: nothing says which row of another run is which of this.
func (in inputs) layFiles(ctx context.Context, dir string) error {
	column := fileColumn(in.spec, in.columns)
	if column == "" {
		return nil
	}
	unfit := func(format string, args ...any) error {
		return fail(aihub.FaultData, aihub.ReasonData, fmt.Errorf("the table and the files of the part do not fit: "+format, args...))
	}
	if in.files == "" {
		return unfit("there are no files")
	}
	want, err := in.paths(ctx, in.spec.Input.Key, column)
	if err != nil {
		return unreadable(err)
	}
	src, err := os.Open(in.files)
	if err != nil {
		return err
	}
	defer src.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	err = archive.Each(src, func(name string, _ int64, r io.Reader) error {
		key := strings.TrimSuffix(name, path.Ext(name))
		at, ok := want[key]
		if !ok {
			return ctx.Err() // of a row that this run does not get
		}
		if path.Ext(at) != path.Ext(name) {
			return unfit("%q", name)
		}
		delete(want, key)
		return errors.Join(lay(root, at, r), ctx.Err())
	})
	if err != nil {
		return unreadable(err)
	}
	if len(want) > 0 {
		return unfit("%d rows have no file", len(want))
	}
	return nil
}

// paths are the paths of the rows' files in this run, by the keys of the rows.
func (in inputs) paths(ctx context.Context, key, column string) (map[string]string, error) {
	r, err := table.OpenParquet(in.part, []string{key, column})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := map[string]string{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Rows {
			k, _ := b.Col(key).Text(i)
			at, _ := b.Col(column).Text(i)
			out[k] = table.RowPath(table.RowID(in.rowKey, k), path.Ext(at))
		}
	}
}
