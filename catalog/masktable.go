package catalog

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/catalog/risk/utility"
	"aihub/catalog/sketch"
	"aihub/internal/keys"
	"aihub/internal/pages"
	"aihub/internal/table"
)

// MaskRecord says how a masked file was made and what it still tells. As JSON it holds
// no value of the raw file.
type MaskRecord struct {
	Name       string           `json:"name"`
	Raw        aihub.Digest     `json:"raw"`     // of the raw file
	Plan       aihub.Digest     `json:"plan"`    // of the mask plan, with all defaults
	Key        string           `json:"key"`     // names the key, and does not tell it
	Content    aihub.Digest     `json:"content"` // of the masked file
	Bytes      int64            `json:"bytes"`
	Rows       int64            `json:"rows"` // of the masked file
	Suppressed int64            `json:"suppressed"`
	Columns    []MaskedColumn   `json:"columns"`
	Order      *RowOrder        `json:"order,omitempty"`  // nil: rows stand as in the raw file
	Sorted     []string         `json:"sorted,omitempty"` // hidden columns by which the raw file is sorted: see pages.File.Apart
	Detected   []detect.Finding `json:"detected"`         // in the columns that are kept
	Risk       *risk.Report     `json:"risk,omitempty"`
	Utility    *utility.Report  `json:"utility,omitempty"`

	Unmet map[string][]string `json:"-"` // by column: values that its suppress names and no row has, for the steward alone
}

// RowOrder says how far the order of the rows hides that of the raw file. A run is
// whole row groups of it: its rows were put in a keyed order, and the runs were, too,
// but rows of one run stand together still. With one run nothing is left.
type RowOrder struct {
	Runs  int   `json:"runs"`
	Least int64 `json:"least"` // rows of the shortest, before any were left out
}

// MaskedColumn is a column of the raw file and the technique that it met.
type MaskedColumn struct {
	Name  string `json:"name"`
	Use   string `json:"use"`
	Unmet int    `json:"unmet,omitempty"` // values that suppress names and no row has
}

// MaskTable masks a Parquet file of any number of rows into another by the plan
// and under the risk policy of a manifest, page by page: values are masked where
// they stand, a dictionary's once each. It works in memory that depends on the
// row groups and the classes, not on the rows.
//
// The gates are those of Publish: a kept column that identifies people, classes
// below k and limits exceeded end it with Refused, and nothing is written.
// Progress has the stages ingest (bytes), risk (rows), linkage and mask (rows) and
// store (bytes).
//
// The file appears whole beside its record (out and out.json) or not at all. A
// call that was cancelled or killed leaves out.part and out.journal, and the same
// call then goes on behind what is finished; one at a time, for the part is locked.
// The same file, manifest and key give
// the same bytes on any number of cores.
func MaskTable(ctx context.Context, manifestYAML []byte, in, out string, ring *keys.Ring, report func(stage string, done, total int64)) (rec MaskRecord, err error) {
	m, err := ParseManifest(manifestYAML)
	if err != nil {
		return rec, err
	}
	if m.Media.declared() {
		l := &linter{doc: m.doc}
		l.add("page_media", "media", "files of a folder are masked when the folder is published, not with one table: publish it with aihub dataset publish, or take media: out to mask the table alone",
			"文件夹中的文件在发布时处理，不随单个表脱敏：请用 aihub dataset publish 发布该文件夹；仅需对表脱敏时请删除 media:")
		return rec, badManifest(l.fs)
	}
	part, err := claim(out)
	if err != nil {
		return rec, err
	}
	defer func() {
		if lerr := part.leave(); err == nil && !errors.Is(lerr, os.ErrClosed) {
			err = lerr
		}
	}()
	if m.Mask.Scope == "" {
		m.Mask.Scope = m.Name
	}
	m.Risk.MaxPresence = nil // it is about a public sample, and this file is cut into no parts
	src, err := os.Open(in)
	if err != nil {
		return rec, err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return rec, err
	}
	f, err := pages.Open(src, st.Size())
	if err != nil {
		return rec, notPages(err)
	}
	rec = MaskRecord{Name: m.Name, Detected: []detect.Finding{}}
	k, gate, err := m.lookAt(f, ring.Derive("mask", m.Mask.Scope), filepath.Dir(out))
	if err != nil {
		return rec, err
	}
	defer func() { err = errors.Join(err, gate.close()) }()
	if rec.Raw, err = digestFile(ctx, in, report); err != nil {
		return rec, err
	}
	plan, err := m.Mask.Canonical(gate.columns)
	if err != nil {
		return rec, err
	}
	rec.Plan = aihub.DigestOf(plan)
	rec.Key = hex.EncodeToString(ring.Derive("mask-key-id", m.Mask.Scope)[:8])
	if err := k.run(ctx, report); err != nil {
		return rec, notPages(err)
	}
	for i := range k.kept {
		found := k.kept[i].d.Findings()
		if cols := k.cols[k.kept[i].at]; cols.opaque {
			for j := range found {
				found[j].Use = "drop" // no technique takes it
			}
		}
		gate.findings = append(gate.findings, found...)
	}
	if rec.Detected = append(rec.Detected, gate.findings...); gate.meter != nil || len(gate.pairs.raw.Cols) > 0 {
		if err := k.samples(ctx, gate.pairs); err != nil {
			return rec, notPages(err)
		}
	}
	if err := m.gate(gate); err != nil {
		return rec, err
	}
	if rec.Risk, err = m.gateRisk(ctx, gate, report); err != nil {
		return rec, err
	}
	if rec.Risk != nil {
		gate.meter.Alone(rec.Risk)
		rec.Suppressed = int64(rec.Risk.Suppressed)
	}
	rec.Utility = gate.pairs.utility(m.Truth)
	rec.Rows = f.Rows() - rec.Suppressed
	if m.Mask.Order != mask.KeepOrder {
		rec.Order = &RowOrder{}
		rec.Order.Runs, rec.Order.Least = f.Runs()
	}
	rec.Unmet = k.masking.Unmet()
	for i := range k.cols {
		name := k.cols[i].field.Name
		rec.Columns = append(rec.Columns, MaskedColumn{name, k.cols[i].rule.Use, len(rec.Unmet[name])})
		if c := &k.cols[i]; !c.kept && m.Mask.Order != mask.KeepOrder && f.Apart(c.leaf) {
			rec.Sorted = append(rec.Sorted, c.field.Name)
		}
	}
	return rec, k.write(ctx, m, &rec, part, ring, report)
}

// partFile is a file in the making: NAME.part, with NAME.journal beside it. One
// process at a time has it.
type partFile struct {
	*os.File
	out  string
	gone bool // removed, or out
}

// claim makes the part of out, or takes over the one that a call before left. It
// fails where out is there already and where another process makes it.
func claim(out string) (*partFile, error) {
	there := func() error {
		if _, err := os.Lstat(out); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: out + " is there already", ZH: out + " 已存在"}).
			WithHint(aihub.Text{EN: "name a file that is not there yet", ZH: "请指定一个尚不存在的文件"})
	}
	if err := there(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(out+".part", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, noRoom(err)
	}
	mine, err := alone(f)
	if err == nil && mine {
		// Who had it before may have ended, and the file be out by now, or gone.
		var now, at fs.FileInfo
		if now, err = f.Stat(); err == nil {
			at, err = os.Lstat(out + ".part")
			mine = err == nil && os.SameFile(now, at)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
	}
	if err == nil && !mine {
		if err = there(); err == nil {
			err = aihub.Errorf(aihub.Conflict, aihub.Text{EN: "another process is making " + out, ZH: "另一个进程正在生成 " + out}).
				WithHint(aihub.Text{EN: "wait until it has ended, or name another file", ZH: "请等待其结束，或指定其他文件"})
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &partFile{File: f, out: out}, nil
}

// leave ends the claim. A part that holds nothing is removed.
func (p *partFile) leave() error {
	var err error
	if st, serr := p.Stat(); !p.gone && serr == nil && st.Size() == 0 {
		err = os.Remove(p.Name())
	}
	return errors.Join(err, p.Close())
}

// remove removes the part and its journal.
func (p *partFile) remove() error {
	p.gone = true
	return errors.Join(os.Remove(p.Name()), removeIf(p.out+".journal"))
}

// publish gives the part its name. Until it has it the lock is held, so that
// nobody takes the finished file over as a part.
func (p *partFile) publish() error {
	p.gone = true
	if runtime.GOOS == "windows" { // renames no open file, and has no lock here
		if err := p.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(p.Name(), filepath.Clean(p.out)); err != nil {
		return err
	}
	return removeIf(p.out + ".journal")
}

// notPages says what to do with a file that the page engine does not take.
func notPages(err error) error {
	if !errors.Is(err, pages.ErrUnsupported) {
		return err
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "this Parquet file cannot be masked page by page: " + err.Error(), ZH: "该 Parquet 文件无法按页脱敏：" + err.Error()}).
		WithHint(aihub.Text{EN: "publish it with aihub dataset publish, or write it anew with another tool", ZH: "请用 aihub dataset publish 直接发布，或用其他工具重新写出"})
}

// lookAt checks the manifest against the file and prepares the look at it; dir is
// for what does not fit the memory. The caller closes what is looked at.
func (m *Manifest) lookAt(f *pages.File, key []byte, dir string) (*pageLook, *ingested, error) {
	cols, schema := pageFields(f)
	if faults := m.check(schema); len(faults) > 0 {
		return nil, nil, badManifest(faults)
	}
	masking, err := m.Mask.Compile(schema, key)
	if err != nil {
		return nil, nil, err
	}
	faults := m.lintPages(cols, masking)
	gate := &ingested{columns: schema}
	out := masking.Schema()
	if m.KeyFrom == "rows" {
		out = append([]table.Field{{Name: m.Key, Type: table.String}}, out...)
	}
	for _, i := range keyFirst(out, m.Key) {
		gate.schema = append(gate.schema, out[i])
	}
	find := func(name string) int {
		return slices.IndexFunc(cols, func(c pageColumn) bool { return c.field.Name == name })
	}
	k := &pageLook{f: f, cols: cols, masking: masking}
	l := &linter{doc: m.doc}
	if m.Risk.Declared() {
		where := map[string]string{}
		for i, name := range m.Risk.Quasi {
			where[fmt.Sprintf("risk.quasi[%d]", i)] = name
		}
		for i, name := range m.Risk.Sensitive {
			where[fmt.Sprintf("risk.sensitive[%d]", i)] = name
		}
		if k.subject = m.Risk.Subject != ""; k.subject {
			where["risk.subject"] = m.Risk.Subject
		}
		for path, name := range where {
			if cols[find(name)].opaque {
				l.add("page_column", path, fmt.Sprintf("column %q is nested or of a type that cannot be counted", name), fmt.Sprintf("列 %q 为嵌套列或类型无法计数", name))
			}
		}
	}
	if faults = append(faults, l.fs...); len(faults) > 0 {
		return nil, nil, badManifest(faults)
	}
	if m.Risk.Declared() {
		gate.meter = risk.NewMeter(m.Risk, gate.schema)
		for _, name := range append(slices.Clone(m.Risk.Quasi), m.Risk.Sensitive...) {
			k.classed = append(k.classed, find(name))
		}
		if k.subject {
			k.classed = append(k.classed, find(m.Risk.Subject))
			if gate.who, err = m.countPeople(gate.meter, dir, key); err != nil {
				return nil, nil, err
			}
		}
	}
	k.meter = gate.meter
	for i := range cols {
		if cols[i].rule.Use == "suppress" && cols[i].rule.Values != nil && !slices.Contains(k.classed, i) {
			k.named = append(k.named, i)
		}
	}
	gate.pairs = m.newPairSample(plain(cols, schema), gate.schema)
	for i := range cols {
		if c := &cols[i]; c.kept {
			if as, ok := c.looked(&f.Leaves()[i]); ok {
				of := as.field
				if f.Leaves()[i].Annotation == "decimal" {
					of.Type = table.Float64 // however it is shown
				}
				k.kept = append(k.kept, keptColumn{at: i, as: as, d: detect.NewColumn(of)})
			}
		}
	}
	return k, gate, nil
}

// plain are the columns that techniques and measures take.
func plain(cols []pageColumn, schema []table.Field) (out []table.Field) {
	for i := range cols {
		if !cols[i].opaque {
			out = append(out, schema[i])
		}
	}
	return out
}

// sampled takes every n-th row of the runs, which begin at a row of row group g.
func (p *pairSample) sampled(cols []*pageColumn, runs []pages.Run, g int, row, every int64) error {
	raw, masked := &table.Batch{}, &table.Batch{}
	var order []uint64
	for i, c := range cols {
		run := &runs[i]
		v, first := 0, (every-row%every)%every
		var at []uint32 // of the values taken
		var has []bool
		for r := range run.N {
			valid := run.Valid == nil || run.Valid[r] == 1
			if int64(r)%every == first {
				if has = append(has, valid); valid {
					at = append(at, uint32(v))
				}
				if i == 0 {
					order = append(order, sketch.Mix(uint64(g)<<40+uint64(row)+uint64(r)))
				}
			}
			if valid {
				v++
			}
		}
		picked := run.Values.Pick(at)
		values, out := c.column(&picked), table.NewColumn(c.field, len(has))
		v = 0
		for _, valid := range has {
			if !valid {
				out.AppendNull()
				continue
			}
			out.AppendFrom(&values, v)
			v++
		}
		m, err := c.masked(&out)
		if err != nil {
			return err
		}
		raw.Cols, masked.Cols = append(raw.Cols, out), append(masked.Cols, m)
	}
	raw.Rows, masked.Rows = len(order), len(order)
	p.add(raw, masked, order)
	return nil
}

// write makes the masked file and its record.
func (k *pageLook) write(ctx context.Context, m Manifest, rec *MaskRecord, part *partFile, ring *keys.Ring, report progress) error {
	var first refused
	plan := pages.Plan{Journal: part.out + ".journal", Progress: func(done, total int64) { report("mask", done, total) }}
	for i := range k.cols {
		plan.Columns = append(plan.Columns, k.cols[i].plan(&k.f.Leaves()[k.cols[i].leaf], &first))
	}
	if k.meter != nil && !k.meter.Full() {
		plan.Deal = k.deal(ctx)
	}
	// The number is that of what the engine makes of one plan: what a release that
	// ordered rows or wrote pages otherwise left half done is begun anew.
	id, err := json.Marshal([]any{2, rec.Raw, rec.Plan, rec.Key, m.Risk})
	if err != nil {
		return err
	}
	plan.ID = string(aihub.DigestOf(id))
	if m.Mask.Order != mask.KeepOrder {
		// An order of its own for each plan: rows of two outputs of one file do not
		// stand in the same places.
		plan.Shuffle = ring.Derive("mask-order", plan.ID+"\x00"+m.Mask.Scope)
	}
	err = pages.Transcode(ctx, k.f, plan, pages.Output{File: part.File})
	if err == nil {
		err = part.Sync()
	}
	if err != nil {
		if first.err != nil {
			err = first.err
		}
		if ctx.Err() == nil {
			err = errors.Join(err, part.remove())
		}
		return notPages(noRoom(err))
	}
	if rec.Content, err = digestFile(ctx, part.Name(), func(_ string, done, total int64) {
		report("store", done, total)
		rec.Bytes = total
	}); err != nil {
		return err
	}
	b, err := json.MarshalIndent(rec, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(part.out+".json", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return part.publish()
}

func removeIf(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
