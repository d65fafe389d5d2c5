package catalog

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/meta"
	"aihub/internal/table"
)

// RawProfile is what one reading of a raw table says about it, for the steward
// who is about to write its manifest. Like a Profile it shows no group of fewer
// than minGroup rows.
type RawProfile struct {
	Rows     int64       `json:"rows"`
	Columns  []RawColumn `json:"columns"`
	Manifest string      `json:"manifest"` // a dataset.yaml to start from
}

// RawColumn is one column of a RawProfile; of one that names people no value is
// shown.
type RawColumn struct {
	ColumnProfile
	Class    detect.Class     `json:"class"`
	Level    int              `json:"level"` // GB/T 43697, see detect.Level
	Evidence []detect.Finding `json:"evidence"`
	Unread   bool             `json:"unread,omitempty"` // it is no column of a flat table (a list, bytes): only dropping it is possible
}

// ProfileDescribed is ProfileFile for a table that is described elsewhere: what
// the description says of encoding, delimiter and types is how the file is read,
// and its words, key and licence go into the proposed manifest. The error is
// Contract when the file has not the columns that are described.
func ProfileDescribed(ctx context.Context, path string, d meta.Described, report func(done, total int64)) (RawProfile, error) {
	return profileFile(ctx, path, &d, report)
}

// ProfileFile reads the table in the file at path once. The encoding, delimiter
// and types of a text are found out. Report is called with the rows read and how
// many there are, 0 when that is not known; it may be nil.
func ProfileFile(ctx context.Context, path string, report func(done, total int64)) (RawProfile, error) {
	return profileFile(ctx, path, nil, report)
}

func profileFile(ctx context.Context, path string, d *meta.Described, report func(done, total int64)) (p RawProfile, err error) {
	m := Manifest{}
	m.Mask.Default = "drop" // what cannot be read is null, and dropped
	if d != nil {
		if err := settle(path, d); err != nil {
			return p, err
		}
		if err := m.take(path, d); err != nil {
			return p, err
		}
	}
	o, unread := m.options(), map[string]bool{}
	drops := o.Unread
	o.Unread = func(column string) bool { // of those alone that are no column of a flat table
		unread[column] = drops(column)
		return unread[column]
	}
	r, err := table.Open(path, o)
	if err != nil {
		return p, err
	}
	defer r.Close()
	schema := r.Schema()
	if err := described(schema, d); err != nil {
		return p, err
	}
	stats := make([]*columnStats, len(schema))
	finders := make([]*detect.Column, len(schema))
	for i, f := range schema {
		stats[i], finders[i] = newColumnStats(f), detect.NewColumn(f)
	}
	var total int64
	if c, ok := r.(table.Counted); ok {
		total = c.Rows()
	}
	var all []int
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return p, err
		}
		for len(all) < b.Rows {
			all = append(all, len(all))
		}
		var looking sync.WaitGroup
		looking.Go(func() {
			for i := range b.Cols {
				finders[i].Add(&b.Cols[i])
			}
		})
		for i := range b.Cols {
			stats[i].add(&b.Cols[i], all[:b.Rows])
		}
		looking.Wait()
		if p.Rows += int64(b.Rows); report != nil {
			report(p.Rows, total)
		}
	}
	var findings []detect.Finding
	for i, f := range finders {
		fs := f.Findings()
		if kind := stats[i].tells(); fs[0].Class == detect.None && kind != "" {
			fs[0].Class, fs[0].Kind, fs[0].Matches, fs[0].Share = detect.Quasi, kind, fs[0].Values, 1
		}
		findings = append(findings, classed(fs, d)...)
	}
	proposals := detect.Propose(schema, findings)
	for i, f := range schema {
		if proposals[i].Class == detect.Quasi {
			generalise(stats[i], &proposals[i])
		}
		c := RawColumn{Class: proposals[i].Class, Level: proposals[i].Level, Evidence: proposals[i].Because}
		c.Name, c.Type, c.Use = f.Name, f.Type, proposals[i].Use
		stats[i].profile(&c.ColumnProfile)
		if unread[f.Name] {
			c.Unread, c.Use = true, "drop"
			proposals[i].Use, proposals[i].Rule = "drop", "{use: drop}"
		}
		if c.RawNulls = c.Nulls; c.Class == detect.Direct || c.Evidence[0].Kind == detect.KindUnique {
			c.Min, c.Max, c.Quantiles, c.Top = "", "", nil, nil // each is a person's
		}
		p.Columns = append(p.Columns, c)
	}
	p.Manifest = p.propose(path, proposals, &m, d)
	return p, nil
}

// propose writes a manifest to start from: one that publishes, with a comment
// where a person must choose.
func (p *RawProfile) propose(path string, proposals []detect.Proposal, m *Manifest, d *meta.Described) string {
	key, truth := p.keyColumn(), p.truthColumn()
	if d != nil && (d.Key != "" || len(d.Keys) > 0) {
		key = d.Key
	}
	var quasi []string
	for i := range proposals {
		c := &proposals[i]
		switch {
		case c.Column == key:
			c.Use, c.Rule = "pseudonym", "{use: pseudonym}"
		case c.Column == truth:
			c.Use, c.Rule = "keep", "{use: keep}"
		case c.Class == detect.Quasi && c.Use != "drop" && c.Use != "pseudonym":
			quasi = append(quasi, yamlText(c.Column))
		}
	}
	var b strings.Builder
	name := slug(path)
	fmt.Fprintf(&b, "# Proposed from %d rows. Read every line: a machine sees values, not what they mean.\n", p.Rows)
	title, text, license := name, name, "CC-BY-4.0"
	if d != nil {
		fmt.Fprintf(&b, "# Words, types and key are from a description (%s).\n", d.Format)
		if s := slug(d.Name); s != "dataset" {
			name = s
		}
		title, text, license = cmp.Or(oneLine(d.Title, 200), title), cmp.Or(oneLine(d.Description, 4000), text), cmp.Or(oneLine(d.License, 200), license)
	}
	fmt.Fprintf(&b, "name: %s\ntitle: {zh: %s, en: %s} # what people will read\ndescription: {zh: %s, en: %s}\n", name, yamlText(title), yamlText(title), yamlText(text), yamlText(text))
	fmt.Fprintf(&b, "license: %s # terms of the public sample: choose\n", yamlText(license))
	p.reading(&b, m, d)
	if d != nil && len(d.Keys) > 0 {
		fmt.Fprintf(&b, "# The description names %s as the key together: a manifest has one column.\n", oneLine(strings.Join(d.Keys, ", "), 200))
	}
	if key == "" {
		row := "row_id"
		for p.column(row) != nil {
			row += "_"
		}
		fmt.Fprintf(&b, "key: %s\nkey_from: rows # no column names each row\n", row)
	} else {
		fmt.Fprintf(&b, "key: %s\n", yamlText(key))
	}
	fmt.Fprintf(&b, "truth: [%s] # what an algorithm must predict: choose\n", yamlText(truth))
	b.WriteString(detect.PlanYAML(proposals))
	b.WriteString("split: {sample: 0.1, train: 0.5, test: 0.25, final: 0.15}\n")
	if len(quasi) > 0 {
		fmt.Fprintf(&b, "risk: # aihub dataset search finds how far to generalise these columns, and writes it\n  quasi: [%s]\n  k: 5\n  max_suppression: 0.05\n", strings.Join(quasi, ", "))
	}
	return b.String()
}

// tells says what a column tells of people by its values together, when no value
// does by itself: codes of one length of which hardly one comes twice (an account, a
// badge, a telephone without its area), or days that span lives; "" is neither.
func (s *columnStats) tells() detect.Kind {
	const enough = 100 // rows
	n := s.rows - s.nulls
	if n < enough {
		return ""
	}
	switch s.Type {
	case table.Int64:
		q := s.intRanks.At(0.01, 0.99)
		if q[0] >= 100_000 && len(fmt.Sprint(q[0])) == len(fmt.Sprint(q[1])) && s.nearlyUnique(n) {
			return detect.KindUnique
		}
	case table.String:
		if q := s.lengths.At(0.01, 0.99); q[0] == q[1] && q[0] >= 5 && q[0] <= 40 && s.nearlyUnique(n) {
			return detect.KindUnique
		}
	case table.Date, table.Timestamp:
		day := int64(1)
		if s.Type == table.Timestamp {
			day = 86_400_000_000
		}
		if q := s.intRanks.At(0.05, 0.95); (q[1]-q[0])/day >= 30*365 {
			return detect.KindLives
		}
	}
	return ""
}

func (s *columnStats) nearlyUnique(n int64) bool {
	return float64(s.distinct.Count()) >= 0.95*float64(n)
}

func (p *RawProfile) column(name string) *RawColumn {
	i := slices.IndexFunc(p.Columns, func(c RawColumn) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Columns[i]
}

// keyColumn returns the first column of which no value is missing and, as far as
// counting tells, none comes twice; "" when there is none.
func (p *RawProfile) keyColumn() string {
	for _, c := range p.Columns {
		near := c.Distinct == p.Rows || p.Rows > keptValues && float64(c.Distinct) > 0.97*float64(p.Rows)
		if c.Nulls == 0 && near && (c.Type == table.String || c.Type == table.Int64) && !slices.ContainsFunc(c.Evidence, func(f detect.Finding) bool { return f.Inside }) {
			return c.Name
		}
	}
	return ""
}

// truthColumn returns the column that is most like a label: the last one of no
// class, without missing values, of few values; else the last without missing ones,
// the last with a value, the last of all.
func (p *RawProfile) truthColumn() string {
	best := ""
	for _, c := range p.Columns {
		if c.Nulls == 0 && c.Class == detect.None && c.Distinct >= 2 && c.Distinct <= 100 {
			best = c.Name
		}
	}
	key := p.keyColumn()
	for _, some := range []func(c RawColumn) bool{
		func(c RawColumn) bool { return c.Nulls == 0 && c.Name != key },
		func(c RawColumn) bool { return c.Nulls < c.Rows && c.Name != key },
		func(c RawColumn) bool { return !c.Unread },
	} {
		for _, c := range slices.Backward(p.Columns) {
			if best == "" && some(c) {
				best = c.Name
			}
		}
	}
	return best
}

// slug makes a dataset's name of a file's.
func slug(path string) string {
	base, _, _ := strings.Cut(filepath.Base(path), ".")
	var b strings.Builder
	for _, r := range strings.ToLower(base) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if aihub.CheckSlug(name) != nil {
		return "dataset"
	}
	return name
}

// yamlText quotes a column's name where YAML needs it: a JSON string is a YAML one.
func yamlText(s string) string { return fmt.Sprintf("%q", s) }
