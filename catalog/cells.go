package catalog

import (
	"context"
	"fmt"
	"io"
	"slices"

	"aihub"
	"aihub/internal/table"
)

// CountCells counts the rows of the raw table at path whose value in a column is
// each of the cells, as text, and last of all those whose value is none of them
// or missing. The cells come from the caller: which there are must say nothing.
func CountCells(ctx context.Context, path, column string, cells []string) ([]int64, error) {
	r, err := table.Open(path, table.Options{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	i := slices.IndexFunc(r.Schema(), func(f table.Field) bool { return f.Name == column })
	if i < 0 {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("the data has no column %q", column), ZH: fmt.Sprintf("数据中没有列 %q", column)})
	}
	place := map[string]int{}
	for k, c := range cells {
		if _, twice := place[c]; twice {
			return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("cell %q is named twice", c), ZH: fmt.Sprintf("单元 %q 重复", c)})
		}
		place[c] = k
	}
	counts := make([]int64, len(cells)+1)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return counts, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for row := range b.Rows {
			at := len(cells)
			if v, ok := b.Cols[i].Text(row); ok {
				if k, ok := place[v]; ok {
					at = k
				}
			}
			counts[at]++
		}
	}
}
