package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"aihub"
	"aihub/internal/archive"
	"aihub/internal/table"
)

// partFiles are the two files of a part.
type partFiles struct {
	part         aihub.Part
	rows         int64
	input, truth string // paths
	files        string // path of the archive of the rows' files; "" for a table alone
}

// written is what came of writing the parts.
type written struct {
	parts []partFiles
	rows  map[aihub.Part]int64
	leaks *leaks
	hints *hints
	files fileLeaks
	stats []*columnStats // of the masked columns but the key
}

// write deals the rows to the files of their parts in their final order, and
// looks at them on the way: keys that repeat, leaks between the parts, profiles.
// Rows that the risk gate does not let through go nowhere.
func (m *Manifest) write(ctx context.Context, in *ingested, dir string, report progress) (_ *written, err error) {
	w := &written{rows: map[aihub.Part]int64{}, leaks: m.newLeaks(in.schema), hints: m.newHints(in.schema)}
	for _, f := range in.schema[1:] {
		w.stats = append(w.stats, newColumnStats(f))
	}
	parts := make([]*partWriter, len(aihub.Parts))
	defer func() {
		for _, p := range parts {
			if p != nil {
				err = errors.Join(err, p.close())
			}
		}
	}()
	keys := keyCheck{}
	done := int64(0)
	hands := w.crew(m, in)
	defer hands.rest() // before their parts are closed
	err = in.rows.read(ctx, func(s *shuffled) error {
		keys.look(s)
		d := &dealt{shuffled: s, rows: make([][]int, len(parts))}
		var keep []bool
		if in.meter != nil {
			keep = in.meter.Publish(s.Batch)
		}
		for r := range s.Rows {
			if keep != nil && !keep[r] {
				continue
			}
			d.all = append(d.all, r)
			d.rows[s.part[r]] = append(d.rows[s.part[r]], r)
			if aihub.Parts[s.part[r]] == aihub.Sample {
				d.sample = append(d.sample, r)
			}
		}
		done += int64(s.Rows)
		report("split", done, in.rows.rows)
		if keys.repeated > 0 {
			return nil // the publish ends with their number
		}
		for i, idx := range d.rows {
			if len(idx) == 0 {
				continue
			}
			if parts[i] == nil {
				if parts[i], err = m.newPartWriter(dir, aihub.Parts[i], in); err != nil {
					return err
				}
				parts[i].join(hands, i)
			}
			w.rows[aihub.Parts[i]] += int64(len(idx))
		}
		if !hands.give(d) {
			return errHand
		}
		return nil
	})
	if herr := hands.rest(); err == nil || err == errHand {
		err = herr
	}
	if err != nil {
		return nil, noRoom(err)
	}
	if keys.repeated > 0 {
		return nil, badKeys(m.Key, 0, keys.repeated, keys.first)
	}
	for i, p := range parts {
		if p == nil {
			continue
		}
		if err := p.finish(); err != nil {
			return nil, noRoom(err)
		}
		w.parts = append(w.parts, partFiles{aihub.Parts[i], w.rows[aihub.Parts[i]], p.paths[0], p.paths[1], p.archive})
	}
	return w, m.Split.fill(w.rows)
}

// errHand says that a hand of the crew failed, which knows why.
var errHand = errors.New("catalog: a hand failed")

// crew hires whoever looks at the published rows: leaks, hints, and each column's
// profile.
func (w *written) crew(m *Manifest, in *ingested) *crew {
	c := &crew{encoding: make(chan struct{}, runtime.GOMAXPROCS(0))}
	shown := func(d *dealt) *table.Batch { return in.folder.shown(d.Batch) }
	c.hire(func(d *dealt) error { w.leaks.add(shown(d), d.all, d.part); return nil })
	c.hire(func(d *dealt) error { w.hints.add(shown(d), d.all, d.part, d.row); return nil })
	if in.folder != nil {
		c.hire(func(d *dealt) error {
			for _, r := range d.all {
				w.files.add(in.folder.byKey[d.Cols[0].Str[r]], d.part[r])
			}
			return nil
		})
	}
	groups := min(runtime.GOMAXPROCS(0), len(w.stats)) // how many makes no difference to what they find
	for g := range groups {
		c.hire(func(d *dealt) error {
			for i := g; i < len(w.stats); i += groups {
				if st := w.stats[i]; slices.Contains(m.Truth, st.Name) {
					st.add(&d.Cols[i+1], d.sample) // a hidden label is nobody's to see
				} else {
					st.add(&d.Cols[i+1], d.all)
				}
			}
			return nil
		})
	}
	return c
}

// keyCheck finds keys that repeat: equal keys have equal places, and so stand
// one behind the other.
type keyCheck struct {
	last            string
	order           uint64
	some            bool
	repeated, first int64
}

func (k *keyCheck) look(s *shuffled) {
	for r, key := range s.Cols[0].Str {
		if k.some && s.order[r] == k.order && key == k.last {
			if k.repeated == 0 || s.row[r] < k.first {
				k.first = s.row[r]
			}
			k.repeated++
		}
		k.last, k.order, k.some = key, s.order[r], true
	}
}

// partWriter writes the two files of a part, and the archive of its rows' files.
type partWriter struct {
	cols  [2][]int
	paths [2]string
	files [2]*os.File
	w     [2]table.RowsWriter

	folder  *folder // nil: no archive
	archive string  // its path
	tar     *os.File
	out     *archive.Writer
}

func (m *Manifest) newPartWriter(dir string, part aihub.Part, in *ingested) (p *partWriter, err error) {
	schema := in.schema
	p = &partWriter{folder: in.folder}
	if p.folder != nil {
		p.archive = filepath.Join(dir, string(part)+".tar")
		if p.tar, err = os.OpenFile(p.archive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, err
		}
		p.out = archive.NewWriter(p.tar)
	}
	p.cols[0], p.cols[1] = m.sides(schema)
	for i, name := range []string{"input", "truth"} {
		p.paths[i] = filepath.Join(dir, string(part)+"."+name)
		if p.files[i], err = os.OpenFile(p.paths[i], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, errors.Join(err, p.close())
		}
		var fields []table.Field
		for _, c := range p.cols[i] {
			fields = append(fields, schema[c])
		}
		if p.w[i], err = table.NewParquetWriter(p.files[i], fields); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

// join hires hands that write what goes to a part: its files side by side, but no
// more at a time than there are processors, for each that encodes a row group takes
// some 30 MB meanwhile.
func (p *partWriter) join(c *crew, part int) {
	for side, w := range p.w {
		c.hire(func(d *dealt) error {
			idx := d.rows[part]
			if len(idx) == 0 {
				return nil
			}
			view := &table.Batch{Rows: d.Rows} // shares the stretch's values
			for _, col := range p.cols[side] {
				view.Cols = append(view.Cols, d.Cols[col])
			}
			c.encoding <- struct{}{}
			defer func() { <-c.encoding }()
			return w.WriteRows(view, idx)
		})
	}
	if p.folder != nil {
		c.hire(func(d *dealt) error {
			for _, r := range d.rows[part] {
				if err := p.folder.addTo(p.out, d.Cols[0].Str[r]); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// finish completes the files.
func (p *partWriter) finish() error {
	err := errors.Join(p.w[0].Close(), p.w[1].Close())
	if p.out != nil {
		err = errors.Join(err, p.out.Close())
	}
	return errors.Join(err, p.close())
}

// close closes the files, complete or not.
func (p *partWriter) close() (err error) {
	for i, f := range p.files {
		if f != nil {
			err = errors.Join(err, f.Close())
			p.files[i] = nil
		}
	}
	if p.tar != nil {
		err = errors.Join(err, p.tar.Close())
		p.tar = nil
	}
	return err
}

// profile describes the masked table that is published.
func (m *Manifest) profile(in *ingested, w *written) []ColumnProfile {
	var total int64
	for _, n := range w.rows {
		total += n
	}
	var out []ColumnProfile
	for i, f := range in.schema {
		rule, _ := m.Mask.Of(f.Name)
		cp := ColumnProfile{Name: f.Name, Type: f.Type, Use: rule.Use, Because: rule.Because, RawNulls: in.nulls[f.Name], Nulled: in.nulled[f.Name], Unmet: in.unmet[f.Name]}
		cp.Truth = slices.Contains(m.Truth, f.Name)
		if i == 0 {
			cp.Rows, cp.Distinct = total, total // keys are unique and say nothing
			if m.KeyFrom == "rows" {
				cp.Use = "numbered"
			}
		} else if f.Name == m.Media.File {
			cp.Use = "media"
			w.stats[i-1].profile(&cp)
		} else {
			w.stats[i-1].profile(&cp)
		}
		out = append(out, cp)
	}
	return out
}
