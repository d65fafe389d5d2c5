package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"aihub"
	"aihub/catalog/mask"
	"aihub/internal/table"
	"aihub/policies"
)

// Check says what Publish would refuse whatever the data are: faults of the manifest,
// a name that another organisation has, another privacy budget than the name's. For
// whoever has much to send.
func (c *Catalog) Check(ctx context.Context, actor aihub.Actor, manifestYAML []byte) error {
	_, _, err := c.asked(ctx, actor, manifestYAML)
	return err
}

func (c *Catalog) asked(ctx context.Context, actor aihub.Actor, manifestYAML []byte) (m Manifest, permit policies.Permit, err error) {
	if m, err = ParseManifest(manifestYAML); err != nil {
		return m, permit, err
	}
	if m.Mask.Order == mask.KeepOrder {
		l := &linter{doc: m.doc}
		l.add("order", "mask.order", "the rows of a published dataset are always put in a keyed order: remove this line", "发布的数据集总按带密钥的次序重排：请删除此行")
		return m, permit, badManifest(l.fs)
	}
	permit, err = c.Policies.Authorize(ctx, actor, policies.DatasetPropose,
		policies.Object{Kind: "dataset", ID: m.Name, Org: actor.Org, Author: actor.User})
	if err != nil {
		return m, permit, err
	}
	if err := c.namesake(ctx, m.Name, actor.Org); err != nil {
		return m, permit, err
	}
	if b := m.Privacy.budget(); b != nil {
		if err := c.DB.SamePrivacy(ctx, m.Name, *b); err != nil {
			return m, permit, err
		}
	}
	return m, permit, nil
}

// Publish masks and cuts the raw table at rawPath (any format of table.Open; with a
// media section a folder, as package archive keeps it) as the
// manifest (YAML) says, and proposes it as the next version of its name, for a
// second person to approve. Progress is called with the stages ingest (bytes
// read), mask (rows), media (files), split and store (rows); it may be nil.
//
// It answers Contract with every fault of the manifest or the file, and Refused
// when what would be published identifies people: a column that is kept and
// holds identifiers, or classes smaller than the manifest's k. Then, and when it
// fails, nothing is stored. The same raw file, manifest and root key give the
// same content digest, on any number of cores.
func (c *Catalog) Publish(ctx context.Context, actor aihub.Actor, manifestYAML []byte, rawPath string,
	report func(stage string, done, total int64)) (v aihub.DatasetVersion, err error) {
	var none aihub.DatasetVersion
	if report == nil {
		report = func(string, int64, int64) {}
	}
	m, permit, err := c.asked(ctx, actor, manifestYAML)
	if err != nil {
		return none, err
	}
	defer thrifty()()
	if m.Mask.Scope == "" {
		m.Mask.Scope = m.Name
	}
	// An organisation's scopes are its own.
	scope := string(actor.Org) + "/" + m.Mask.Scope
	generation, err := c.DB.MaskKey(ctx, scope)
	if err != nil {
		return none, err
	}
	kin, err := c.family(ctx, actor, &m, fmt.Sprintf("%s#%d", scope, generation))
	if err != nil {
		return none, err
	}
	// Rows that were dealt otherwise before are refused when they are stored; whoever
	// publishes them need not wait for that.
	var split aihub.Digest
	dealt := func(in *ingested) (err error) {
		if split, err = m.dealing(scope, in.columns, kin); err != nil {
			return err
		}
		return c.DB.DealtOnce(ctx, aihub.DatasetVersion{Org: actor.Org, Ref: aihub.Ref{Name: m.Name}, Raw: in.raw, Split: split})
	}
	raw, err := digestFile(ctx, rawPath, report)
	if err != nil {
		return none, err
	}
	b, err := c.work(actor.Org, m.Name, scope, generation, raw, aihub.DigestOf(manifestYAML))
	if err != nil {
		return none, err
	}
	defer func() { err = errors.Join(err, b.close(stays(ctx, err))) }()
	in, d, err := b.written(&m, raw)
	if err == nil && d != nil {
		err = dealt(in)
	}
	if err == nil && d == nil {
		in, d, err = m.prepare(ctx, b, raw, cmp.Or(c.held, spillBytes), dealt, func(rm room) (*ingested, error) {
			return m.ingest(ctx, rawPath, raw, kin, rm, c.maskKey(scope, generation), c.Keys.Derive("split", scope), dealt, report)
		}, report)
	}
	if err != nil {
		return none, err
	}
	v = aihub.DatasetVersion{
		Org: actor.Org, Author: actor.User, State: aihub.DatasetProposed, Title: m.Title, Description: m.Description,
		License: m.License, Key: m.Key, Columns: m.described(in.schema), Raw: in.raw, Split: split, CreatedAt: c.now(),
		MaskKey: fmt.Sprintf("%s#%d", scope, generation),
	}
	if m.RetainDays > 0 {
		v.RetainUntil = v.CreatedAt.AddDate(0, 0, m.RetainDays)
	}
	v.LevelFound = m.levelFound(in)
	v.Level = cmp.Or(m.Level, v.LevelFound)
	return c.store(ctx, permit, m.Name, v, d, report)
}

// maskKey is the key of a generation of a mask scope ("org/scope").
func (c *Catalog) maskKey(scope string, generation int) []byte {
	if generation > 1 {
		scope = fmt.Sprintf("%s#%d", scope, generation)
	}
	return c.Keys.Derive("mask", scope)
}

// prepared is a dataset ready to be stored: files that hold its parts.
type prepared struct {
	m       *Manifest
	parts   []partFiles
	profile Profile
	plan    []byte // canonical
	kept    bool   // the files stay until the version is stored
}

// prepare makes the files of the parts below b, from the table that ingest reads and
// every gate has let through, or from one that was noted.
func (m *Manifest) prepare(ctx context.Context, b *bench, raw aihub.Digest, held int, dealt func(*ingested) error,
	ingest func(room) (*ingested, error), report progress) (_ *ingested, _ *prepared, err error) {
	in, p, err := b.gated(m, raw, held)
	if err != nil {
		return nil, nil, err
	}
	if in != nil {
		defer in.close()
		if err := dealt(in); err != nil {
			return nil, nil, err
		}
	} else {
		if in, err = ingest(b.room(held)); err != nil {
			return nil, nil, err
		}
		defer in.close()
		if p, err = m.pass(ctx, in, report); err != nil {
			return nil, nil, err
		}
		if err := b.noteGated(in, p); err != nil {
			return nil, nil, err
		}
	}
	d, err := m.cut(ctx, in, p, b.dir, report)
	if err != nil {
		return nil, nil, err
	}
	return in, d, b.noteWritten(in, d)
}

// pass runs every gate on the masked rows, and begins their profile.
func (m *Manifest) pass(ctx context.Context, in *ingested, report progress) (*Profile, error) {
	if err := m.gate(in); err != nil {
		return nil, err
	}
	if in.keyless > 0 {
		return nil, badKeys(m.Key, in.keyless, 0, in.first)
	}
	if in.blank > 0 {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: fmt.Sprintf("%d rows have no truth: they can be neither learned from nor scored", in.blank),
			ZH: fmt.Sprintf("%d 行没有真值，既不能用于训练也不能评分", in.blank)}).
			WithHint(aihub.Text{EN: "remove these rows from the file", ZH: "请从文件中删除这些行"})
	}
	p := &Profile{Rows: in.read + in.dropped + in.orphans, Orphans: in.orphans, Detected: in.findings, Split: m.Split, Parts: map[string]int64{}, Dropped: []string{}, Leaks: []Leak{}}
	var err error
	if p.Risk, err = m.gateRisk(ctx, in, report); err != nil {
		return nil, err
	}
	p.Utility = in.pairs.utility(m.Truth)
	return p, nil
}

// cut writes the files of the parts into dir, and ends their profile.
func (m *Manifest) cut(ctx context.Context, in *ingested, p *Profile, dir string, report progress) (*prepared, error) {
	d := &prepared{m: m, profile: *p}
	if in.folder != nil {
		if err := in.folder.mask(ctx, dir, report); err != nil {
			return nil, err
		}
		d.profile.Media = &in.folder.profile
	}
	out, err := m.write(ctx, in, dir, report)
	if err != nil {
		return nil, err
	}
	d.parts = out.parts
	leaks, err := out.leaks.report(out.rows)
	if err != nil {
		return nil, err
	}
	d.profile.Leaks = append(append(append(d.profile.Leaks, leaks...), out.files.report()...), out.hints.report(leaks)...)
	d.profile.Columns = m.profile(in, out)
	if d.profile.Examples, err = m.Mask.Preview(in.columns, 2); err != nil {
		return nil, err
	}
	// What suppress names is in the plan for not being told.
	d.profile.Examples = slices.DeleteFunc(d.profile.Examples, func(e mask.Example) bool { return e.Use == "suppress" && m.Mask.Columns[e.Column].Values != nil })
	cells, err := m.previewCells(in.columns, d.profile.Examples)
	if err != nil {
		return nil, err
	}
	d.profile.Examples = append(d.profile.Examples, cells...)
	for p, n := range out.rows {
		d.profile.Parts[string(p)] = n
	}
	for _, f := range in.columns {
		if !slices.ContainsFunc(in.schema, func(o table.Field) bool { return o.Name == f.Name }) {
			d.profile.Dropped = append(d.profile.Dropped, f.Name)
		}
	}
	d.plan, err = m.planOf(in.columns)
	return d, err
}

// described returns the columns of the masked table with their notes.
func (m *Manifest) described(schema []table.Field) []aihub.Column {
	var out []aihub.Column
	for i, f := range schema {
		r, _ := m.Mask.Of(f.Name)
		note, did := m.Notes[f.Name], maskNote(r)
		if i == 0 && m.KeyFrom == "rows" {
			did = aihub.Text{EN: "keyed number of the row", ZH: "带密钥的行编号"}
		}
		if f.Name == m.Media.File {
			did = aihub.Text{EN: "path of the masked picture or recording", ZH: "脱敏后的图片或录音的路径"}
		}
		join := func(a, b, sep string) string {
			if a == "" || b == "" {
				return a + b
			}
			return a + sep + b
		}
		note = aihub.Text{EN: join(note.EN, did.EN, "; "), ZH: join(note.ZH, did.ZH, "；")}
		out = append(out, aihub.Column{Name: f.Name, Type: string(f.Type), Truth: slices.Contains(m.Truth, f.Name), Note: note, File: m.Media.File == f.Name})
	}
	return out
}

// store puts every blob of the version and then its row. Only one version is
// stored at a time: two of one content share blobs, and the one that fails must
// not take the other's away.
func (c *Catalog) store(ctx context.Context, permit policies.Permit, name string, v aihub.DatasetVersion, d *prepared, report progress) (_ aihub.DatasetVersion, err error) {
	c.storing.Lock()
	defer c.storing.Unlock()
	bs := &blobs{store: c.Blobs}
	defer func() {
		// After a conflict another server may have published the same content:
		// then blobs may be its, and are left.
		if err != nil && aihub.KindOf(err) != aihub.Conflict {
			if uerr := bs.undo(ctx); uerr != nil {
				err = errors.Join(err, fmt.Errorf("catalog: blobs of a failed publish remain: %w", uerr))
			}
		}
	}()
	done, total := int64(0), int64(0)
	for _, p := range d.parts {
		total += p.rows
	}
	for _, p := range d.parts {
		f := aihub.PartFile{Part: p.part, Rows: p.rows}
		for _, side := range []struct {
			path   string
			digest *aihub.Digest
		}{{p.input, &f.Input}, {p.truth, &f.Truth}, {p.files, &f.Files}} {
			if side.path == "" {
				continue
			}
			var n int64
			if *side.digest, n, err = sealFile(ctx, bs, side.path, d.kept); err != nil {
				return aihub.DatasetVersion{}, err
			}
			f.Bytes += n
		}
		v.Parts = append(v.Parts, f)
		done += f.Rows
		report("store", done, total)
	}
	content, err := json.Marshal(struct {
		Key     string           `json:"key"`
		Columns []aihub.Column   `json:"columns"`
		Parts   []aihub.PartFile `json:"parts"`
	}{v.Key, v.Columns, v.Parts})
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	v.Content = aihub.DigestOf(content)
	word, err := cleared(v.Content, d.profile.Risk)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	v.Risk = word.Record()
	if v.Plan, _, err = bs.put(ctx, bytes.NewReader(d.plan)); err != nil {
		return aihub.DatasetVersion{}, err
	}
	profile, err := json.MarshalIndent(d.profile, "", " ")
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	if v.Profile, _, err = bs.put(ctx, bytes.NewReader(profile)); err != nil {
		return aihub.DatasetVersion{}, err
	}
	if v.Card, _, err = bs.put(ctx, bytes.NewReader(card(d.m, v, d.profile))); err != nil {
		return aihub.DatasetVersion{}, err
	}
	n, err := c.DB.NextDatasetVersion(ctx, name)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	v.Ref = aihub.Ref{Name: name, Version: n}
	return v, c.DB.ProposeDataset(ctx, permit, v, word, bs.seals, d.m.Privacy.budget())
}

// sealFile puts a file sealed and, unless it is kept, removes it.
func sealFile(ctx context.Context, bs *blobs, path string, kept bool) (aihub.Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	d, n, err := bs.seal(ctx, f)
	if err = noRoom(err); !kept {
		err = errors.Join(err, os.Remove(path))
	}
	return d, n, err
}
