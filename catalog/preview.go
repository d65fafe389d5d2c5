package catalog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/internal/table"
)

// Preview is what a mask plan does to a table, before anything is published.
type Preview struct {
	Examples []mask.Example `json:"examples"` // before and after, on made-up values
	Columns  []string       `json:"columns"`  // of the masked table
	Rows     [][]string     `json:"rows"`     // the first rows, masked under a key that is thrown away; "" where nothing is left

	Looked  int64               `json:"looked"`            // rows that were looked at, from the first on
	All     bool                `json:"all"`               // they are all
	Refused []aihub.Fault       `json:"refused,omitempty"` // for which publishing them would be refused
	Unmet   map[string][]string `json:"unmet,omitempty"`   // column: values that its suppress names and no row has
}

// Bounds of a preview: the rows that are shown, and those that are looked at.
const (
	maxPreview = 100
	maxLooked  = 1 << 18
)

// PreviewFile masks the first rows of the table at path as the manifest says, and
// looks at up to maxLooked of them for what publishing would refuse: values that
// cannot be masked are an error, as they are there. Raw values are in no part of the
// result. It sends and keeps nothing. A plan that needs the whole column sees those
// rows alone.
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
	if err := m.observe(ctx, path, masking, maxLooked); err != nil {
		return p, err
	}
	if err := m.look(ctx, r, masking, &p, min(rows, maxPreview)); err != nil {
		return p, err
	}
	cells, err := m.previewCells(r.Schema(), p.Examples)
	if err != nil {
		return p, err
	}
	p.Examples = append(p.Examples, cells...)
	p.Examples = slices.DeleteFunc(p.Examples, func(e mask.Example) bool { return e.Use == "drop" })
	return p, nil
}

// look masks the rows of r, as many as observe saw, and keeps the first ones.
func (m *Manifest) look(ctx context.Context, r table.Reader, masking *mask.Masking, p *Preview, shown int) error {
	detectors := make([]*detect.Column, len(r.Schema()))
	for i, f := range r.Schema() {
		detectors[i] = detect.NewColumn(f)
	}
	for _, i := range keyFirst(masking.Schema(), m.Key) {
		p.Columns = append(p.Columns, masking.Schema()[i].Name)
	}
	for p.Looked < maxLooked {
		b, err := r.Next()
		if p.All = err == io.EOF; p.All {
			break
		}
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		p.Looked += int64(b.Rows)
		for i := range b.Cols {
			detectors[i].Add(&b.Cols[i])
		}
		out := masking.Apply(masking.Records(b))
		for row := range min(out.Rows, shown-len(p.Rows)) {
			var line []string
			for _, c := range p.Columns {
				v, _ := out.Col(c).Text(row)
				line = append(line, v)
			}
			p.Rows = append(p.Rows, line)
		}
	}
	var found []detect.Finding
	for _, d := range detectors {
		found = append(found, d.Findings()...)
	}
	p.Refused, p.Unmet = m.identifying(found), masking.Unmet()
	return masking.Err()
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
