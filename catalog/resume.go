package catalog

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aihub"
	"aihub/catalog/risk"
	"aihub/internal/table"
)

// bench is the directory a publish works in. What it has come to behind the gates,
// and again when the parts are written, is noted there, so that the same publish
// goes on from it after the process was killed or the request given up: no row is
// read, looked at and masked twice. Only masked rows and what the version says of
// them are kept, no longer than benchStays, and no longer than until the same name is
// published otherwise: who does that has given the former publish up.
//
// Where another process works on the same publish, or the table is small or has a
// folder, the directory has any name and nothing is noted.
type bench struct {
	dir   string
	lock  *os.File // nil: nothing is noted
	noted bool
}

const (
	benchStays = 72 * time.Hour // as long as its upload
	benchForm  = "aihub publish 1"

	gatedNote, writtenNote, keptRows = "gated", "written", "rows"
)

// work opens the directory of a publish of an organisation's dataset that all of what
// says, which must be everything that its result depends on.
func (c *Catalog) work(org aihub.OrgID, name string, what ...any) (*bench, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := c.Forget(); err != nil {
		return nil, err
	}
	program := "" // another one may mask otherwise
	if exe, err := os.Executable(); err == nil {
		if st, err := os.Stat(exe); err == nil {
			program = fmt.Sprint(st.Size(), st.ModTime().UnixNano())
		}
	}
	id, err := json.Marshal(append([]any{benchForm, program, org, name}, what...))
	if err != nil {
		return nil, err
	}
	ofName := "publish-" + aihub.DigestOf(fmt.Appendf(nil, "%s/%s", org, name)).Hex()[:16] + "-"
	b := &bench{}
	if !locks { // two could work in one directory
		b.dir, err = c.temp()
		return b, err
	}
	b.dir = filepath.Join(c.Dir, ofName+aihub.DigestOf(id).Hex()[:32])
	if err := os.Mkdir(b.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	if b.lock, err = held(filepath.Join(b.dir, "lock"), os.O_CREATE); err != nil {
		return nil, err
	}
	if b.lock == nil {
		b.dir, err = c.temp()
		return b, err
	}
	now := time.Now()
	return b, errors.Join(os.Chtimes(b.lock.Name(), now, now), c.forget(ofName, func(dir string, _ os.FileInfo) bool { return dir != b.dir }))
}

// held opens and locks the file of a bench; nil when another process has it, or had
// it and removed it meanwhile.
func held(path string, create int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|create, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := alone(f)
	if ok && err == nil {
		var st, now os.FileInfo
		if st, err = f.Stat(); err == nil {
			if now, err = os.Stat(path); err == nil && os.SameFile(st, now) {
				return f, nil
			}
		}
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	return nil, errors.Join(err, f.Close())
}

// Forget removes what publishes left that cannot be taken up, or that nobody took up.
func (c *Catalog) Forget() error {
	return c.forget("publish-", func(dir string, lock os.FileInfo) bool {
		return !noted(dir) || time.Since(lock.ModTime()) >= benchStays
	})
}

// forget removes the directories whose names begin so, in which nobody works and that
// may go.
func (c *Catalog) forget(prefix string, mayGo func(dir string, lock os.FileInfo) bool) error {
	left, err := filepath.Glob(filepath.Join(c.Dir, prefix+"*"))
	errs := []error{err}
	for _, dir := range left {
		path := filepath.Join(dir, "lock")
		st, err := os.Stat(path)
		if err != nil || !mayGo(dir, st) {
			continue
		}
		f, err := held(path, 0)
		if f != nil {
			err = errors.Join(os.RemoveAll(dir), f.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func noted(dir string) bool {
	for _, name := range []string{gatedNote, writtenNote} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// close ends the work. With stay, what was noted remains for the next one.
func (b *bench) close(stay bool) (err error) {
	if !stay || !b.noted {
		err = os.RemoveAll(b.dir)
	}
	if b.lock != nil {
		err = errors.Join(err, b.lock.Close())
	}
	return err
}

// note writes a file that is there whole or not at all.
func (b *bench) note(name string, write func(*gob.Encoder) error) error {
	path := filepath.Join(b.dir, name)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = write(gob.NewEncoder(w))
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return noRoom(err)
	}
	b.noted = true
	return os.Rename(path+".new", path)
}

// read calls read with a note; false when there is none.
func (b *bench) read(name string, read func(*gob.Decoder) error) (bool, error) {
	if b.lock == nil {
		return false, nil
	}
	f, err := os.Open(filepath.Join(b.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	b.noted = true
	return true, read(gob.NewDecoder(bufio.NewReader(f)))
}

// tidy removes what is not of the notes: parts that were being written.
func (b *bench) tidy(keep ...string) error {
	all, err := os.ReadDir(b.dir)
	errs := []error{err}
next:
	for _, e := range all {
		for _, k := range append(keep, "lock") {
			if e.Name() == k {
				continue next
			}
		}
		errs = append(errs, os.RemoveAll(filepath.Join(b.dir, e.Name())))
	}
	return errors.Join(errs...)
}

// gatedHead is what a note says of a table behind its gates, before its rows.
type gatedHead struct {
	Columns, Schema []table.Field
	Nulls, Nulled   map[string]int64
	Unmet           map[string]int
	Profile         []byte // as far as it is known
	Meter           bool
}

// noteGated notes a table behind its gates whose rows stand on disk.
func (b *bench) noteGated(in *ingested, p *Profile) error {
	if b.lock == nil || in.folder != nil || in.rows.size == 0 {
		return nil
	}
	profile, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return b.note(gatedNote, func(e *gob.Encoder) error {
		err := e.Encode(gatedHead{in.columns, in.schema, in.nulls, in.nulled, in.unmet, profile, in.meter != nil})
		if err == nil && in.meter != nil {
			err = in.meter.Save(e)
		}
		if err != nil {
			return err
		}
		return in.rows.save(e)
	})
}

// gated returns the table that was noted, to be written; nil when none was.
func (b *bench) gated(m *Manifest, raw aihub.Digest, held int) (*ingested, *Profile, error) {
	in, p := &ingested{raw: raw}, &Profile{}
	ok, err := b.read(gatedNote, func(d *gob.Decoder) error {
		var h gatedHead
		if err := d.Decode(&h); err != nil {
			return err
		}
		in.columns, in.schema, in.nulls, in.nulled, in.unmet = h.Columns, h.Schema, h.Nulls, h.Nulled, h.Unmet
		if err := json.Unmarshal(h.Profile, p); err != nil {
			return err
		}
		in.findings = p.Detected
		if h.Meter {
			in.meter = risk.NewMeter(m.Risk, in.schema)
			if err := in.meter.Restore(d); err != nil {
				return err
			}
		}
		var err error
		in.rows, err = restoreScratch(b.room(held), in.schema, d)
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("catalog: what a publish left in %s: %w", b.dir, err), in.close())
	}
	if !ok {
		return nil, nil, b.tidy()
	}
	return in, p, b.tidy(gatedNote, keptRows)
}

// room is where a table's scratch goes.
func (b *bench) room(bytes int) room { return room{dir: b.dir, held: bytes, kept: b.lock != nil} }

// writtenHead is what a note says of parts that are written.
type writtenHead struct {
	Columns, Schema []table.Field
	Parts           []writtenPart
	Profile, Plan   []byte
}

type writtenPart struct {
	Part         aihub.Part
	Rows         int64
	Input, Truth string // names in the directory
}

// noteWritten notes the parts, where their table was, and gives the table's scratch
// up.
func (b *bench) noteWritten(in *ingested, d *prepared) error {
	if !b.noted {
		return nil
	}
	profile, err := json.Marshal(d.profile)
	if err != nil {
		return err
	}
	h := writtenHead{Columns: in.columns, Schema: in.schema, Profile: profile, Plan: d.plan}
	names := []string{writtenNote}
	for _, p := range d.parts {
		w := writtenPart{p.part, p.rows, filepath.Base(p.input), filepath.Base(p.truth)}
		h.Parts = append(h.Parts, w)
		names = append(names, w.Input, w.Truth)
		for _, path := range []string{p.input, p.truth} {
			if err := synced(path); err != nil {
				return err
			}
		}
	}
	if err := b.note(writtenNote, func(e *gob.Encoder) error { return e.Encode(h) }); err != nil {
		return err
	}
	d.kept = true
	return errors.Join(in.close(), b.tidy(names...))
}

// synced waits until a file is on the disk.
func synced(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return noRoom(errors.Join(f.Sync(), f.Close()))
}

// written returns the parts that were noted, and what is known of their table; nil
// when none were.
func (b *bench) written(m *Manifest, raw aihub.Digest) (*ingested, *prepared, error) {
	var h writtenHead
	d := &prepared{m: m, kept: true}
	ok, err := b.read(writtenNote, func(dec *gob.Decoder) error {
		if err := dec.Decode(&h); err != nil {
			return err
		}
		return json.Unmarshal(h.Profile, &d.profile)
	})
	if err != nil || !ok {
		return nil, nil, err
	}
	d.plan = h.Plan
	for _, p := range h.Parts {
		d.parts = append(d.parts, partFiles{part: p.Part, rows: p.Rows, input: filepath.Join(b.dir, p.Input), truth: filepath.Join(b.dir, p.Truth)})
	}
	return &ingested{raw: raw, columns: h.Columns, schema: h.Schema, findings: d.profile.Detected}, d, nil
}

// scratchHead is what a note says of scratch before where its stretches lie.
type scratchHead struct {
	Size, Rows  int64
	BucketRows  []int
	BucketBytes []int64
	Flushes     int
}

// save writes where the rows stand, all of which go to the disk for it.
func (s *scratch) save(e *gob.Encoder) error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.f.Sync(); err != nil {
		return noRoom(err)
	}
	h := scratchHead{Size: s.size, Rows: s.rows, Flushes: len(s.flushes)}
	for i := range s.buckets {
		h.BucketRows, h.BucketBytes = append(h.BucketRows, s.buckets[i].rows), append(h.BucketBytes, s.buckets[i].bytes)
	}
	if err := e.Encode(h); err != nil {
		return err
	}
	for i := range s.flushes {
		if err := errors.Join(e.Encode(s.flushes[i].at), e.Encode(s.flushes[i].ends[:])); err != nil {
			return err
		}
	}
	return nil
}

// restoreScratch opens kept scratch again, to be read.
func restoreScratch(rm room, fields []table.Field, d *gob.Decoder) (s *scratch, err error) {
	var h scratchHead
	if err := d.Decode(&h); err != nil {
		return nil, err
	}
	s = &scratch{fields: fields, size: h.Size, rows: h.Rows, buckets: make([]bucket, 1<<bucketBits), spill: rm.held, most: sortBytes}
	if len(h.BucketRows) != len(s.buckets) || len(h.BucketBytes) != len(s.buckets) {
		return nil, errScratch
	}
	for i := range s.buckets {
		s.buckets[i].rows, s.buckets[i].bytes = h.BucketRows[i], h.BucketBytes[i]
	}
	for range h.Flushes {
		to := flushed{ends: new([1 << bucketBits]uint32)}
		ends := to.ends[:]
		if err := errors.Join(d.Decode(&to.at), d.Decode(&ends)); err != nil {
			return nil, err
		}
		if len(ends) != len(to.ends) {
			return nil, errScratch
		}
		copy(to.ends[:], ends)
		s.flushes = append(s.flushes, to)
	}
	if s.f, err = os.OpenFile(filepath.Join(rm.dir, keptRows), os.O_RDWR, 0); err != nil {
		return nil, err
	}
	if end, err := s.f.Seek(0, io.SeekEnd); err != nil || end < s.size {
		return nil, errors.Join(errScratch, err, s.f.Close())
	}
	return s, nil
}

// stays says whether what a publish that ended with err has come to is worth
// keeping: it was given up, and not because of what it was asked.
func stays(ctx context.Context, err error) bool { return err != nil && ctx.Err() != nil }
