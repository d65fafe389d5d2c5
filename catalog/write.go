package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

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
	rows := make([][]int, len(parts))
	var all, sample []int
	err = in.rows.read(ctx, func(s *shuffled) error {
		keys.look(s)
		all, sample = all[:0], sample[:0]
		for i := range rows {
			rows[i] = rows[i][:0]
		}
		var keep []bool
		if in.meter != nil {
			keep = in.meter.Publish(s.Batch)
		}
		for r := range s.Rows {
			if keep != nil && !keep[r] {
				continue
			}
			all = append(all, r)
			rows[s.part[r]] = append(rows[s.part[r]], r)
			if aihub.Parts[s.part[r]] == aihub.Sample {
				sample = append(sample, r)
			}
		}
		done += int64(s.Rows)
		report("split", done, in.rows.rows)
		if keys.repeated > 0 {
			return nil // the publish ends with their number
		}
		var looking sync.WaitGroup
		looking.Go(func() {
			shown := in.folder.shown(s.Batch)
			w.leaks.add(shown, all, s.part)
			w.hints.add(shown, all, s.part, s.row)
			if in.folder != nil {
				for _, r := range all {
					w.files.add(in.folder.byKey[s.Cols[0].Str[r]], s.part[r])
				}
			}
			for i, st := range w.stats {
				if slices.Contains(m.Truth, st.Name) {
					st.add(&s.Cols[i+1], sample) // a hidden label is nobody's to see
				} else {
					st.add(&s.Cols[i+1], all)
				}
			}
		})
		defer looking.Wait()
		for i, idx := range rows {
			if len(idx) == 0 {
				continue
			}
			if parts[i] == nil {
				if parts[i], err = m.newPartWriter(dir, aihub.Parts[i], in); err != nil {
					return err
				}
			}
			if err := parts[i].write(s.Batch, idx); err != nil {
				return err
			}
			w.rows[aihub.Parts[i]] += int64(len(idx))
		}
		return nil
	})
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

func (p *partWriter) write(b *table.Batch, rows []int) error {
	for i, w := range p.w {
		view := &table.Batch{Rows: b.Rows} // shares b's values
		for _, c := range p.cols[i] {
			view.Cols = append(view.Cols, b.Cols[c])
		}
		if err := w.WriteRows(view, rows); err != nil {
			return err
		}
	}
	if p.folder != nil {
		for _, r := range rows {
			if err := p.folder.addTo(p.out, b.Cols[0].Str[r]); err != nil {
				return err
			}
		}
	}
	return nil
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
		cp := ColumnProfile{Name: f.Name, Type: f.Type, Use: rule.Use, Because: rule.Because, RawNulls: in.nulls[f.Name], Nulled: in.nulled[f.Name]}
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
