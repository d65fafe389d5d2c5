package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"aihub"
	"aihub/catalog/risk"
	"aihub/internal/table"
	"aihub/policies"
)

// Publish masks and cuts the raw table at rawPath (CSV or Parquet) as the
// manifest (YAML) says, and proposes it as the next version of its name, for a
// second person to approve. Progress is called with the stages ingest (bytes
// read), mask, split and store (rows); it may be nil.
//
// It answers Contract with every fault of the manifest or the file, and Refused
// when what would be published identifies people: a column that is kept and
// holds identifiers, or classes smaller than the manifest's k. Then, and when it
// fails, nothing is stored. The same raw file, manifest and root key give the
// same content digest.
func (c *Catalog) Publish(ctx context.Context, actor aihub.Actor, manifestYAML []byte, rawPath string,
	report func(stage string, done, total int64)) (aihub.DatasetVersion, error) {
	var none aihub.DatasetVersion
	if report == nil {
		report = func(string, int64, int64) {}
	}
	m, err := ParseManifest(manifestYAML)
	if err != nil {
		return none, err
	}
	permit, err := c.Policies.Authorize(ctx, actor, policies.DatasetPropose,
		policies.Object{Kind: "dataset", ID: m.Name, Org: actor.Org, Author: actor.User})
	if err != nil {
		return none, err
	}
	if err := c.namesake(ctx, m.Name, actor.Org); err != nil {
		return none, err
	}
	if m.Mask.Scope == "" {
		m.Mask.Scope = m.Name
	}
	// An organisation's scopes are its own.
	scope := string(actor.Org) + "/" + m.Mask.Scope
	in, err := m.ingest(ctx, rawPath, c.Keys.Derive("mask", scope), report)
	if err != nil {
		return none, err
	}
	d, err := m.prepare(in, c.Keys.Derive("split", scope))
	if err != nil {
		return none, err
	}
	report("split", d.rows(), d.rows())
	v := aihub.DatasetVersion{
		Org: actor.Org, Author: actor.User, State: aihub.DatasetProposed, Title: m.Title, Description: m.Description,
		License: m.License, Key: m.Key, Columns: m.described(in.table), Raw: in.raw, CreatedAt: c.now(),
	}
	plan, err := m.Mask.Canonical(in.columns)
	if err != nil {
		return none, err
	}
	v.Plan = aihub.DigestOf(plan)
	return c.store(ctx, permit, m.Name, v, d, report)
}

// prepared is a dataset ready to be stored.
type prepared struct {
	m       *Manifest
	table   *table.Batch
	cut     cut
	profile Profile
}

func (d *prepared) rows() (n int64) {
	for _, rows := range d.cut {
		n += int64(len(rows))
	}
	return n
}

// prepare runs every gate on the masked table and deals its rows.
func (m *Manifest) prepare(in *ingested, key []byte) (*prepared, error) {
	if err := m.gate(in); err != nil {
		return nil, err
	}
	if err := in.checkKeys(m.Key); err != nil {
		return nil, err
	}
	if in.blank > 0 {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{
			EN: fmt.Sprintf("%d rows have no truth: they can be neither learned from nor scored", in.blank),
			ZH: fmt.Sprintf("%d 行没有真值，既不能用于训练也不能评分", in.blank)}).
			WithHint(aihub.Text{EN: "remove these rows from the file", ZH: "请从文件中删除这些行"})
	}
	d := &prepared{m: m, table: in.table}
	d.profile = Profile{Rows: int64(in.table.Rows), Detected: in.findings, Split: m.Split, Parts: map[string]int64{}, Dropped: []string{}, Leaks: []Leak{}}
	var keep []bool
	if m.Risk.Declared() {
		rep, k, err := risk.Gate(in.table, m.Risk)
		if err != nil {
			return nil, err
		}
		d.profile.Risk, keep = &rep, k
	}
	var err error
	if d.cut, err = m.cut(in, keep, key); err != nil {
		return nil, err
	}
	leaks, err := m.leaks(in.table, d.cut)
	if err != nil {
		return nil, err
	}
	d.profile.Leaks = append(d.profile.Leaks, leaks...)
	d.profile.Columns = m.profile(in, d.cut)
	if d.profile.Examples, err = m.Mask.Preview(in.columns, 2); err != nil {
		return nil, err
	}
	for p, rows := range d.cut {
		d.profile.Parts[string(p)] = int64(len(rows))
	}
	for _, f := range in.columns {
		if in.table.Col(f.Name) == nil {
			d.profile.Dropped = append(d.profile.Dropped, f.Name)
		}
	}
	return d, nil
}

// described returns the columns of the masked table with their notes.
func (m *Manifest) described(b *table.Batch) []aihub.Column {
	var out []aihub.Column
	for i := range b.Cols {
		f := b.Cols[i].Field
		r, _ := m.Mask.Of(f.Name)
		note, did := m.Notes[f.Name], maskNote(r)
		if i == 0 && m.KeyFrom == "rows" {
			did = aihub.Text{EN: "keyed number of the row", ZH: "带密钥的行编号"}
		}
		join := func(a, b, sep string) string {
			if a == "" || b == "" {
				return a + b
			}
			return a + sep + b
		}
		note = aihub.Text{EN: join(note.EN, did.EN, "; "), ZH: join(note.ZH, did.ZH, "；")}
		out = append(out, aihub.Column{Name: f.Name, Type: string(f.Type), Truth: slices.Contains(m.Truth, f.Name), Note: note})
	}
	return out
}

// store puts every blob of the version and then its row. Only one version is
// stored at a time: two of one content share blobs, and the one that fails must
// not take the other's away.
func (c *Catalog) store(ctx context.Context, permit policies.Permit, name string, v aihub.DatasetVersion, d *prepared, report progress) (_ aihub.DatasetVersion, err error) {
	c.storing.Lock()
	defer c.storing.Unlock()
	dir, err := c.temp()
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
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
	input, truth := d.m.columns(d.table)
	done := int64(0)
	for _, p := range aihub.Parts {
		rows := d.cut[p]
		if len(rows) == 0 {
			continue
		}
		f := aihub.PartFile{Part: p, Rows: int64(len(rows))}
		for _, side := range []struct {
			cols   []int
			digest *aihub.Digest
		}{{input, &f.Input}, {truth, &f.Truth}} {
			var n int64
			if *side.digest, n, err = putPart(ctx, bs, filepath.Join(dir, "part"), d.table, side.cols, rows); err != nil {
				return aihub.DatasetVersion{}, err
			}
			f.Bytes += n
		}
		v.Parts = append(v.Parts, f)
		done += f.Rows
		report("store", done, d.rows())
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
	return v, c.DB.ProposeDataset(ctx, permit, v)
}

// putPart writes some columns and rows of b as Parquet and puts the file.
func putPart(ctx context.Context, bs *blobs, path string, b *table.Batch, cols, rows []int) (aihub.Digest, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	view := &table.Batch{Rows: b.Rows} // shares b's values
	for _, i := range cols {
		view.Cols = append(view.Cols, b.Cols[i])
	}
	w, err := table.NewParquetWriter(f, view.Schema())
	if err != nil {
		return "", 0, err
	}
	out := table.NewBatch(view.Schema(), 0)
	for i, r := range rows {
		out.AppendRow(view, r)
		if out.Rows == 4096 || i == len(rows)-1 {
			if err = errors.Join(ctx.Err(), w.Write(out)); err != nil {
				return "", 0, err
			}
			out.Reset()
		}
	}
	if err := w.Close(); err != nil {
		return "", 0, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return "", 0, err
	}
	return bs.put(ctx, f)
}
