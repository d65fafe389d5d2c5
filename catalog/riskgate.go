package catalog

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog/risk"
	"aihub/catalog/risk/utility"
	"aihub/internal/table"
	"aihub/policies"
)

// gateRisk applies the policy to the masked rows that were counted.
func (m *Manifest) gateRisk(ctx context.Context, in *ingested, report progress) (*risk.Report, error) {
	if in.meter == nil {
		return nil, nil
	}
	r, err := in.meter.Gate(ctx, risk.Told(report))
	if err != nil {
		return nil, err
	}
	in.pairs.published(in.meter, in.schema)
	if r.Linkage, err = in.pairs.linkage(ctx, in.meter, report); err != nil {
		return nil, err
	}
	l := &linter{doc: m.doc}
	l.take("risk", r.Exceeded())
	if l.fs != nil {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{EN: "the risk is above the manifest's limits", ZH: "风险超过数据清单规定的上限"}).
			WithHint(aihub.Text{EN: "mask more in the columns that outsiders may know, or publish fewer rows; nothing was stored", ZH: "请对外部可能知晓的列加强脱敏，或减少行数；未保存任何内容"}).WithFaults(l.fs)
	}
	return &r, nil
}

// countPeople gives a meter room in dir to count people instead of rows. The caller
// closes the file, which nobody finds there.
func (m *Manifest) countPeople(meter *risk.Meter, dir string, key []byte) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".people-*")
	if err != nil {
		return nil, noRoom(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("subjects"))
	meter.Subjects(f, binary.BigEndian.Uint64(h.Sum(nil)))
	return f, nil
}

// cleared is the gate's word for the store. A nil report is that of a manifest
// without limits.
func cleared(content aihub.Digest, rep *risk.Report) (policies.Clearance, error) {
	r := aihub.RiskRecord{Content: content}
	if rep != nil {
		r.Quasi, r.Subject = rep.Policy.Quasi, rep.Policy.Subject
		r.Rows, r.Suppressed, r.Limits = int64(rep.After.Rows), int64(rep.Suppressed), rep.Limits()
	}
	return policies.Clear(r)
}

// pairSample keeps raw and masked values of the same rows, up to pairRows of them,
// chosen by the hash that deals them. What it is for gives out numbers alone.
type pairSample struct {
	raw, masked *table.Batch // columns of one name
	quasi       int          // the first columns are the quasi-identifiers
	order       []uint64
	shift       int
	texts       []int // bytes of a column's texts, raw and masked
	general     []string
	whole       *table.Batch // raw with the rows that are not published
}

const (
	pairRows  = 20_000
	pairTexts = 32 << 20 // a column with more is let go
)

// statistical are the techniques whose results are meant to be computed with;
// what the others leave (a pseudonym, a text without its names) has no
// distribution to compare.
var statistical = []string{"keep", "suppress", "band", "round", "clip", "noise", "shift", "permute", "aggregate", "hierarchy", "date", "address"}

// generalising are the techniques whose results are classes of raw values.
var generalising = []string{"band", "hierarchy", "date", "address"}

// newPairSample returns a sample of the quasi-identifiers and of the columns
// with a statistical technique.
func (m *Manifest) newPairSample(raw, masked []table.Field) *pairSample {
	p := &pairSample{raw: &table.Batch{}, masked: &table.Batch{}}
	take := func(name string) {
		of := func(f table.Field) bool { return f.Name == name }
		i, k := slices.IndexFunc(raw, of), slices.IndexFunc(masked, of)
		if i < 0 || k < 0 || p.raw.Col(name) != nil {
			return
		}
		p.raw.Cols = append(p.raw.Cols, table.NewColumn(raw[i], 0))
		p.masked.Cols = append(p.masked.Cols, table.NewColumn(masked[k], 0))
		p.texts = append(p.texts, 0)
		if r, _ := m.Mask.Of(name); slices.Contains(generalising, r.Use) {
			p.general = append(p.general, name)
		}
	}
	for _, q := range m.Risk.Quasi {
		take(q)
	}
	p.quasi = len(p.raw.Cols)
	for _, f := range masked[1:] {
		if r, _ := m.Mask.Of(f.Name); slices.Contains(statistical, r.Use) {
			take(f.Name)
		}
	}
	return p
}

// add looks at rows and their masked form.
func (p *pairSample) add(raw, masked *table.Batch, order []uint64) {
	var rows []int
	for r, o := range order {
		if o<<(64-p.shift) == 0 { // the low bits: the top ones choose buckets
			rows = append(rows, r)
			p.order = append(p.order, o)
		}
	}
	for i := range p.raw.Cols {
		x, y := raw.Col(p.raw.Cols[i].Name), masked.Col(p.raw.Cols[i].Name)
		p.raw.Cols[i].AppendRows(x, rows)
		p.masked.Cols[i].AppendRows(y, rows)
		for _, c := range []*table.Column{&p.raw.Cols[i], &p.masked.Cols[i]} {
			if c.Type != table.String {
				continue
			}
			for k := len(c.Str) - len(rows); k < len(c.Str); k++ {
				c.Str[k] = strings.Clone(c.Str[k]) // a batch's texts share memory that would stay
				p.texts[i] += len(c.Str[k])
			}
		}
	}
	for len(p.order) > pairRows {
		p.shift++
		p.stay(func(i int) bool { return p.order[i]<<(64-p.shift) == 0 })
	}
	for i := len(p.texts) - 1; i >= p.quasi; i-- {
		if p.texts[i] > pairTexts {
			p.raw.Cols, p.masked.Cols = slices.Delete(p.raw.Cols, i, i+1), slices.Delete(p.masked.Cols, i, i+1)
			p.texts = slices.Delete(p.texts, i, i+1)
		}
	}
}

// stay drops the other rows.
func (p *pairSample) stay(keep func(i int) bool) {
	var rows []int
	var order []uint64
	for i, o := range p.order {
		if keep(i) {
			rows, order = append(rows, i), append(order, o)
		}
	}
	p.order = order
	for _, b := range []*table.Batch{p.raw, p.masked} {
		for i := range b.Cols {
			c := table.NewColumn(b.Cols[i].Field, len(rows))
			c.AppendRows(&b.Cols[i], rows)
			b.Cols[i] = c
		}
		b.Rows = len(rows)
	}
}

// published drops the rows that the gate does not let through, and the cells.
func (p *pairSample) published(meter *risk.Meter, schema []table.Field) {
	view := &table.Batch{Rows: len(p.order), Cols: make([]table.Column, len(schema))}
	for i, f := range schema {
		if c := p.masked.Col(f.Name); c != nil {
			view.Cols[i] = *c
		}
	}
	p.whole = &table.Batch{Rows: len(p.order), Cols: slices.Clone(p.raw.Cols)}
	keep := meter.Publish(view)
	for i, f := range schema {
		if c := p.masked.Col(f.Name); c != nil {
			*c = view.Cols[i]
		}
	}
	p.stay(func(i int) bool { return keep[i] })
}

// linkage runs the linkage test among all rows that the meter lets through; nil
// when no quasi-identifier is in both tables.
func (p *pairSample) linkage(ctx context.Context, meter *risk.Meter, report progress) (*risk.Linkage, error) {
	if p.quasi == 0 || len(p.order) == 0 {
		return nil, nil
	}
	p.raw.Rows, p.masked.Rows = len(p.order), len(p.order)
	l, err := meter.Link(ctx, p.raw, p.masked, risk.Told(report))
	return &l, err
}

// utility measures what masking left of the use of the rows.
func (p *pairSample) utility(truth []string) *utility.Report {
	p.raw.Rows, p.masked.Rows = len(p.order), len(p.order)
	if len(p.order) == 0 || len(p.raw.Cols) == 0 {
		return nil
	}
	seed := uint64(0) // of the folds: the hashes of the rows' keys know a secret
	for _, o := range p.order {
		seed = seed*31 + o
	}
	u := utility.Measure(p.raw, p.masked, utility.Options{Truth: truth, Seed: seed, General: p.general, Whole: p.whole})
	return &u
}
