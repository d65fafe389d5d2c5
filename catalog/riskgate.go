package catalog

import (
	"slices"

	"aihub"
	"aihub/catalog/risk"
	"aihub/internal/table"
)

// gateRisk applies the policy to the masked rows that were counted.
func (m *Manifest) gateRisk(in *ingested) (*risk.Report, error) {
	if in.meter == nil {
		return nil, nil
	}
	r, err := in.meter.Gate()
	if err != nil {
		return nil, err
	}
	r.Linkage = in.link.measure()
	l := &linter{doc: m.doc}
	l.take("risk", r.Exceeded())
	if l.fs != nil {
		return nil, aihub.Errorf(aihub.Refused, aihub.Text{EN: "the risk is above the manifest's limits", ZH: "风险超过数据清单规定的上限"}).
			WithHint(aihub.Text{EN: "mask more in the columns that outsiders may know, or publish fewer rows; nothing was stored", ZH: "请对外部可能知晓的列加强脱敏，或减少行数；未保存任何内容"}).WithFaults(l.fs)
	}
	return &r, nil
}

// linkSample keeps the raw and masked quasi-identifiers of the same rows, up to
// linkRows of them, chosen by the hash that deals them.
type linkSample struct {
	names       []string
	raw, masked *table.Batch
	order       []uint64
	shift       int
}

const linkRows = 20_000

// newLinkSample returns nil when no quasi-identifier is in both tables.
func newLinkSample(raw, masked []table.Field, quasi []string) *linkSample {
	l := &linkSample{raw: &table.Batch{}, masked: &table.Batch{}}
	for _, q := range quasi {
		of := func(f table.Field) bool { return f.Name == q }
		i, k := slices.IndexFunc(raw, of), slices.IndexFunc(masked, of)
		if i < 0 || k < 0 {
			continue
		}
		l.names = append(l.names, q)
		l.raw.Cols = append(l.raw.Cols, table.NewColumn(raw[i], 0))
		l.masked.Cols = append(l.masked.Cols, table.NewColumn(masked[k], 0))
	}
	if l.names == nil {
		return nil
	}
	return l
}

func (l *linkSample) add(raw, masked *table.Batch, order []uint64) {
	if l == nil {
		return
	}
	var rows []int
	for r, o := range order {
		if o<<(64-l.shift) == 0 { // the low bits: the top ones choose buckets
			rows = append(rows, r)
		}
	}
	for i, name := range l.names {
		l.raw.Cols[i].AppendRows(raw.Col(name), rows)
		l.masked.Cols[i].AppendRows(masked.Col(name), rows)
	}
	for _, r := range rows {
		l.order = append(l.order, order[r])
	}
	for len(l.order) > linkRows {
		l.shift++
		var stay []int
		for i, o := range l.order {
			if o<<(64-l.shift) == 0 {
				stay = append(stay, i)
			}
		}
		order := make([]uint64, 0, len(stay))
		for _, i := range stay {
			order = append(order, l.order[i])
		}
		l.order = order
		for _, b := range []*table.Batch{l.raw, l.masked} {
			for i := range b.Cols {
				c := table.NewColumn(b.Cols[i].Field, len(stay))
				c.AppendRows(&b.Cols[i], stay)
				b.Cols[i] = c
			}
		}
	}
}

// measure runs the linkage test.
func (l *linkSample) measure() *risk.Linkage {
	if l == nil || len(l.order) == 0 {
		return nil
	}
	l.raw.Rows, l.masked.Rows = len(l.order), len(l.order)
	link := risk.Link(l.raw, l.masked, l.names)
	return &link
}
