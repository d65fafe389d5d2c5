package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"aihub"
	"aihub/catalog/mask"
	"aihub/internal/blob"
	"aihub/internal/table"
)

// cellCounts counts the rows whose value in a column is each of the cells, and last
// of all those whose value is none of them or missing.
type cellCounts struct {
	column string
	place  map[string]int
	counts []int64
}

// newCells reads the cells in the column's type, so that 1.0 is 1.
func newCells(column table.Field, cells []string) (*cellCounts, error) {
	n := &cellCounts{column: column.Name, place: map[string]int{}, counts: make([]int64, len(cells)+1)}
	for k, c := range cells {
		v, ok := mask.ValueOf(column.Type, c)
		if !ok {
			return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("cell %q is no %s, as the values of column %q are: no row would be counted in it", c, column.Type, column.Name),
				ZH: fmt.Sprintf("单元 %q 不是列 %q 的类型 %s，不会计入任何行", c, column.Name, column.Type)})
		}
		if _, twice := n.place[v]; twice {
			return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("cell %q is named twice", c), ZH: fmt.Sprintf("单元 %q 重复", c)})
		}
		n.place[v] = k
	}
	return n, nil
}

func (n *cellCounts) add(b *table.Batch) error {
	c := b.Col(n.column)
	for row := range b.Rows {
		at := len(n.counts) - 1
		if v, ok := c.Text(row); ok {
			if k, ok := n.place[v]; ok {
				at = k
			}
		}
		n.counts[at]++
	}
	return nil
}

// CountCells counts the cells of a column in the raw table at path; see
// cellCounts. The cells come from the caller: which there are must say nothing.
func CountCells(ctx context.Context, path, column string, cells []string) ([]int64, error) {
	r, err := table.Open(path, table.Options{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	at := slices.IndexFunc(r.Schema(), func(f table.Field) bool { return f.Name == column })
	if at < 0 {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("the data has no column %q", column), ZH: fmt.Sprintf("数据中没有列 %q", column)})
	}
	n, err := newCells(r.Schema()[at], cells)
	if err != nil {
		return nil, err
	}
	return n.counts, eachBatch(ctx, r, n.add)
}

// eachBatch gives every batch of r to f.
func eachBatch(ctx context.Context, r table.Reader, f func(*table.Batch) error) error {
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f(b)
		}
		if err != nil {
			return err
		}
	}
}

// readPart gives every batch of a stored file to f, with the named columns.
func (c *Catalog) readPart(ctx context.Context, d aihub.Digest, columns []string, f func(*table.Batch) error) (err error) {
	dir, err := c.temp()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "part")
	if err := blob.Fetch(ctx, c.Blobs, d, path); err != nil {
		return err
	}
	r, err := table.OpenParquet(path, columns)
	if err != nil {
		return err
	}
	defer r.Close()
	return eachBatch(ctx, r, f)
}
