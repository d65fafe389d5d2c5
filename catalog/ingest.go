package catalog

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/internal/table"
)

// progress reports how far a stage is: ingest (bytes), mask, split and store
// (rows). A total of 0 is unknown.
type progress func(stage string, done, total int64)

// ingested is a raw table after its one reading: masked, with what was found.
type ingested struct {
	raw      aihub.Digest
	columns  []table.Field // of the raw table
	schema   []table.Field // of the masked one; the key column first
	rows     *scratch      // the masked rows
	read     int64         // rows of it that were not dropped
	dropped  int64         // by masking
	orphans  int64         // rows without a parent
	meter    *risk.Meter   // of the masked rows; nil without a risk policy
	subject  string        // the raw column that says whose a row is, where the policy has one
	who      *os.File      // scratch of the meter then; it has no name
	pairs    *pairSample   // of raw and masked rows
	folder   *folder       // of the rows' files; nil for a table alone
	findings []detect.Finding
	nulls    map[string]int64 // of the raw table
	nulled   map[string]int64 // by masking
	unmet    map[string]int   // see mask.Masking.Unmet
	blank    int64            // rows without a truth value
	keyless  int64            // rows without a key; rows behind the first are not kept
	first    int64            // the first of these, from 0
}

// digestFile reads a file to its end.
func digestFile(ctx context.Context, path string, p progress) (aihub.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for done := int64(0); ; {
		n, err := io.CopyN(h, f, 16<<20)
		done += n
		p("ingest", done, st.Size())
		if err == io.EOF {
			return aihub.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", err
		}
	}
}

// openRaw opens a raw table of any format.
func openRaw(path string, m *Manifest) (table.Reader, error) {
	return m.open(context.Background(), path, func(string, int64, int64) {})
}

// open is openRaw with an end and progress: a text is read once to be checked.
func (m *Manifest) open(ctx context.Context, path string, p progress) (table.Reader, error) {
	o := m.options()
	if st, err := os.Stat(path); err == nil {
		o.Watch = func(bytes int64) error {
			p("ingest", bytes, st.Size())
			return ctx.Err()
		}
	}
	r, err := table.Open(path, o)
	if err != nil {
		return nil, err
	}
	if err := m.checkTypes(r.Schema()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// checkTypes compares declared types with those that a binary file has.
func (m *Manifest) checkTypes(schema []table.Field) error {
	l := &linter{doc: m.doc}
	for _, f := range schema {
		if t, ok := m.Types[f.Name]; ok && t != f.Type {
			l.add("type", "types."+f.Name, fmt.Sprintf("column %q of the file is %s, not %s", f.Name, f.Type, t), fmt.Sprintf("文件的列 %q 类型为 %s，不是 %s", f.Name, f.Type, t))
		}
	}
	if l.fs != nil {
		return badManifest(l.fs)
	}
	return nil
}

// ingest reads the raw table once: every value is looked at by the detectors
// and masked, and every row is dealt a part and a place. Of a folder it finds the
// file of each row; they are masked behind the gates. The keys belong to the
// dataset's mask scope. raw is the digest of the file. known is called once its
// columns are known, too, before a row is masked; an error ends the reading. The caller closes in.
func (m *Manifest) ingest(ctx context.Context, path string, raw aihub.Digest, kin *family, rm room, maskKey, splitKey []byte, known func(*ingested) error, p progress) (_ *ingested, err error) {
	in := &ingested{raw: raw, nulls: map[string]int64{}, unmet: map[string]int{}, subject: m.Risk.Subject}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
		}
	}()
	if m.Media.declared() {
		if in.folder, path, err = m.openFolder(path, rm.dir); err != nil {
			return nil, err
		}
	}
	r, err := m.open(ctx, path, p)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	in.columns = r.Schema()
	if fs := m.check(in.columns); len(fs) > 0 {
		return nil, badManifest(fs)
	}
	if err := known(in); err != nil {
		return nil, err
	}
	masking, err := m.Mask.Compile(in.columns, maskKey)
	if err != nil {
		return nil, err
	}
	schema := masking.Schema()
	if m.KeyFrom == "rows" {
		schema = append([]table.Field{{Name: m.Key, Type: table.String}}, schema...)
	}
	perm := keyFirst(schema, m.Key)
	for _, i := range perm {
		in.schema = append(in.schema, schema[i])
	}
	if in.folder != nil {
		in.schema = append(in.schema, table.Field{Name: m.Media.File, Type: table.String})
	}
	if err := m.observe(ctx, path, masking, math.MaxInt64); err != nil {
		return nil, err
	}
	if in.rows, err = newScratch(rm, in.schema); err != nil {
		return nil, err
	}
	if m.Risk.Declared() {
		in.meter = risk.NewMeter(m.Risk, in.schema)
		if m.Risk.Subject != "" {
			if in.who, err = m.countPeople(in.meter, rm.dir, maskKey); err != nil {
				return nil, err
			}
		}
	}
	in.pairs = m.newPairSample(in.columns, in.schema)
	if err := m.pump(ctx, in, r, kin, masking, perm, maskKey, splitKey, p); err != nil {
		return nil, err
	}
	in.nulled, in.dropped = masking.Nulled(), masking.Dropped()
	for column, values := range masking.Unmet() {
		in.unmet[column] = len(values)
	}
	if err := masking.Err(); err != nil {
		return nil, err
	}
	return in, in.folder.check(ctx, rm.dir, p)
}

// close lets go of the masked rows and of the raw folder. It may be called again.
func (in *ingested) close() (err error) {
	if in.rows != nil {
		err = in.rows.close()
	}
	if in.who != nil {
		err = errors.Join(err, in.who.Close())
	}
	return errors.Join(err, in.folder.close())
}

// work is a batch on its way: read, then looked at and masked, then stored.
type work struct {
	raw, masked *table.Batch
	rule        []int8 // part that a row's split column names, as an index of aihub.Parts; -1 for none
	err         error
}

// pump moves the rows of r into in. Reading, masking and storing go on side by
// side, each batch in its turn: the result does not depend on their pace.
func (m *Manifest) pump(ctx context.Context, in *ingested, r table.Reader, kin *family, masking *mask.Masking, perm []int, maskKey, splitKey []byte, p progress) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait() // r and in.rows are the caller's again
	defer stop()
	total := int64(0)
	if c, ok := r.(table.Counted); ok {
		total = c.Rows()
	}
	read, masked := make(chan work), make(chan work)
	send := func(ch chan work, w work) bool {
		select {
		case ch <- w:
			return w.err == nil
		case <-ctx.Done():
			return false
		}
	}
	running.Go(func() {
		defer close(read)
		for {
			b, err := r.Next()
			if err == io.EOF || !send(read, work{raw: b, err: err}) {
				return
			}
		}
	})
	detectors := make([]*detect.Column, len(in.columns))
	for i, f := range in.columns {
		detectors[i] = detect.NewColumn(f)
	}
	running.Go(func() {
		defer close(masked)
		for w := range read {
			if w.err == nil {
				var looking sync.WaitGroup
				looking.Go(func() {
					for i := range w.raw.Cols {
						detectors[i].Add(&w.raw.Cols[i])
						in.countNulls(&w.raw.Cols[i])
					}
				})
				if in.folder != nil {
					in.folder.see(w.raw)
				}
				kept := masking.Records(w.raw)
				w.rule = m.Split.named(kept)
				in.blank += m.blank(kept)
				w.masked = masking.Apply(kept)
				looking.Wait()
				w.raw = kept
			}
			if !send(masked, w) {
				return
			}
		}
	})
	numbered := hmac.New(sha256.New, maskKey)
	dealer := newDealer(m.Split, splitKey)
	for w := range masked {
		if w.err != nil {
			return w.err
		}
		if m.KeyFrom == "rows" {
			w.masked.Cols = append([]table.Column{rowKeys(numbered, m.Key, in.raw, in.read+in.orphans, w.masked.Rows)}, w.masked.Cols...)
		}
		b := &table.Batch{Rows: w.masked.Rows}
		for _, i := range perm {
			b.Cols = append(b.Cols, w.masked.Cols[i])
		}
		if kin != nil {
			keep, part := kin.follow(b.Col(m.Parent.Column))
			in.orphans, w.rule = kin.orphans, part
			if len(keep) < b.Rows {
				raw, masked := table.NewBatch(w.raw.Schema(), len(keep)), table.NewBatch(b.Schema(), len(keep))
				raw.AppendRows(w.raw, keep)
				masked.AppendRows(b, keep)
				w.raw, b = raw, masked
			}
		}
		if in.folder != nil {
			b.Cols = append(b.Cols, in.folder.add(w.raw, &b.Cols[0]))
		}
		keys := w.raw.Col(m.Key)
		if m.KeyFrom == "rows" {
			keys = nil
		}
		if err := in.store(w.raw, b, keys, dealer, w.rule); err != nil {
			return err
		}
		p("mask", in.read, total)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, d := range detectors {
		in.findings = append(in.findings, d.Findings()...)
	}
	return nil
}

// store deals the rows of b, masked ones of raw whose raw keys are keys (nil:
// their numbers), and keeps them.
func (in *ingested) store(raw, b *table.Batch, keys *table.Column, d *dealer, rule []int8) error {
	order, part := d.deal(keys, in.read+in.orphans, rule)
	whole := true
	for r := range b.Rows {
		if b.Cols[0].Null(r) { // the publish will end with their number
			if in.keyless++; in.keyless == 1 {
				in.first = in.read + int64(r)
			}
			whole = false
		}
	}
	first := in.read
	if in.read += int64(b.Rows); !whole || in.keyless > 0 {
		return nil
	}
	if in.meter != nil {
		if err := in.meter.Add(b, nil, part, raw.Col(in.subject)); err != nil {
			return err
		}
	}
	in.pairs.add(raw, b, order)
	return in.rows.add(b, order, part, first)
}

// observe reads the table once before it is masked, where a technique must know
// the whole column first: all of its batches, or those that begin before a row.
func (m *Manifest) observe(ctx context.Context, path string, masking *mask.Masking, before int64) error {
	if !masking.NeedsAll() {
		return nil
	}
	r, err := openRaw(path, m)
	if err != nil {
		return err
	}
	defer r.Close()
	for row := int64(0); row < before; {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			row += int64(b.Rows)
			err = cmp.Or(ctx.Err(), masking.Observe(b))
		}
		if err != nil {
			return err
		}
	}
	masking.Seal()
	return nil
}

func (in *ingested) countNulls(c *table.Column) {
	if c.Valid == nil {
		return
	}
	for _, ok := range c.Valid {
		if !ok {
			in.nulls[c.Name]++
		}
	}
}

// keyFirst returns the order of the columns with the key at the front.
func keyFirst(schema []table.Field, key string) []int {
	perm := make([]int, 0, len(schema))
	for i, f := range schema {
		if f.Name == key {
			perm = slices.Insert(perm, 0, i)
		} else {
			perm = append(perm, i)
		}
	}
	return perm
}

// rowKeys names n rows from number first on by the raw file and their place in it.
func rowKeys(h interface {
	io.Writer
	Sum([]byte) []byte
	Reset()
}, name string, raw aihub.Digest, first int64, n int) table.Column {
	c := table.NewColumn(table.Field{Name: name, Type: table.String}, n)
	for i := range n {
		h.Reset()
		fmt.Fprintf(h, "row %s %d", raw, first+int64(i))
		c.AppendStr(hex.EncodeToString(h.Sum(nil)[:16]))
	}
	return c
}

// blank counts the rows of b whose truth is missing.
func (m *Manifest) blank(b *table.Batch) (n int64) {
	for r := range b.Rows {
		for _, t := range m.Truth {
			c := b.Col(t)
			if c.Null(r) || c.Type == table.Float64 && (math.IsNaN(c.Flt[r]) || math.IsInf(c.Flt[r], 0)) {
				n++
				break
			}
		}
	}
	return n
}

// named returns the part that ranges or values name for each row of b.
func (s Split) named(b *table.Batch) []int8 {
	out := make([]int8, b.Rows)
	for r := range out {
		out[r] = -1
	}
	if s.Column == "" {
		return out
	}
	c := b.Col(s.Column)
	spans := make([]span, len(aihub.Parts))
	values := map[string]int8{}
	for i, p := range aihub.Parts {
		spans[i], _ = s.Ranges[p].days()
		for _, v := range s.Values[p] {
			values[v] = int8(i)
		}
	}
	for r := range out {
		if c.Null(r) {
			continue
		}
		if len(s.Values) > 0 {
			v, _ := c.Text(r)
			if i, ok := values[v]; ok {
				out[r] = i
			}
			continue
		}
		day := c.Int[r]
		if c.Type == table.Timestamp {
			day = floorDiv(day, 86400*1e6)
		}
		for i, p := range aihub.Parts {
			if _, ok := s.Ranges[p]; ok && day >= spans[i].from && day < spans[i].to {
				out[r] = int8(i)
			}
		}
	}
	return out
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
