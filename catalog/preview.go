package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"

	"aihub/catalog/mask"
	"aihub/internal/table"
)

// Preview is what a mask plan does to a table, before anything is published.
type Preview struct {
	Examples []mask.Example `json:"examples"` // before and after, on made-up values
	Columns  []string       `json:"columns"`  // of the masked table
	Rows     [][]string     `json:"rows"`     // the first rows, masked under a key that is thrown away; "" where nothing is left
}

// maxPreview bounds the rows of a preview.
const maxPreview = 100

// PreviewFile masks the first rows of the table at path as the manifest says.
// Raw values are in no part of the result. It sends and keeps nothing. A plan
// that needs the whole column sees those rows alone.
func PreviewFile(ctx context.Context, manifestYAML []byte, path string, rows int) (p Preview, err error) {
	m, err := ParseManifest(manifestYAML)
	if err != nil {
		return p, err
	}
	r, err := m.open(ctx, path, func(string, int64, int64) {})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if fs := m.check(r.Schema()); len(fs) > 0 {
		return p, badManifest(fs)
	}
	if p.Examples, err = m.Mask.Preview(r.Schema(), 2); err != nil {
		return p, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	masking, err := m.Mask.Compile(r.Schema(), key)
	if err != nil {
		return p, err
	}
	b, err := r.Next()
	if err == io.EOF {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	head := table.NewBatch(r.Schema(), rows)
	idx := make([]int, min(rows, maxPreview, b.Rows))
	for i := range idx {
		idx[i] = i
	}
	head.AppendRows(b, idx)
	if masking.NeedsAll() {
		if err := masking.Observe(head); err != nil {
			return p, err
		}
		masking.Seal()
	}
	out := masking.Apply(masking.Records(head))
	if err := masking.Err(); err != nil {
		return p, err
	}
	for _, i := range keyFirst(masking.Schema(), m.Key) {
		p.Columns = append(p.Columns, out.Cols[i].Name)
	}
	for row := range out.Rows {
		var line []string
		for _, c := range p.Columns {
			v, _ := out.Col(c).Text(row)
			line = append(line, v)
		}
		p.Rows = append(p.Rows, line)
	}
	cells, err := m.previewCells(r.Schema(), p.Examples)
	if err != nil {
		return p, err
	}
	p.Examples = append(p.Examples, cells...)
	p.Examples = slices.DeleteFunc(p.Examples, func(e mask.Example) bool { return e.Use == "drop" })
	return p, nil
}

// previewCells shows on a made-up value of each column in risk.cells what local
// suppression does; in which rows it does depends on all of them.
func (m *Manifest) previewCells(schema []table.Field, masked []mask.Example) (out []mask.Example, err error) {
	for _, c := range m.Risk.Cells {
		e := mask.Example{Column: c, Use: "cells"}
		if i := slices.IndexFunc(masked, func(e mask.Example) bool { return e.Column == c }); i >= 0 {
			e.Before = masked[i].After
		} else {
			every := mask.Plan{Default: "drop", Columns: map[string]mask.Rule{c: {Use: "suppress", FewerThan: 2}}}
			made, err := every.Preview(schema, 1)
			if err != nil {
				return nil, err
			}
			e.Before = made[slices.IndexFunc(made, func(e mask.Example) bool { return e.Column == c })].Before
		}
		out = append(out, e)
	}
	return out, nil
}
