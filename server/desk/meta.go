package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"

	"aihub"
	"aihub/catalog/meta"
	"aihub/policies"
)

// Metadata describes a dataset version in one of meta.Formats; base is the
// address by which the reader reaches the platform.
func (d *Desk) Metadata(ctx context.Context, a aihub.Actor, ref, format, base string) (any, error) {
	e, err := d.entry(ctx, a, ref, base)
	if err != nil {
		return nil, err
	}
	return meta.Render(e, format)
}

// entry is a dataset version with what its description needs beside.
func (d *Desk) entry(ctx context.Context, a aihub.Actor, ref, base string) (e meta.Entry, err error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return e, err
	}
	orgs, err := d.orgNames(ctx)
	if err != nil {
		return e, err
	}
	e = meta.Entry{DatasetVersion: v, Agency: orgs[v.Org], Base: base}
	if v.State == aihub.DatasetWithdrawn { // of no file
		return e, nil
	}
	if e.Sample, err = d.sampleFile(ctx, a, v); err != nil {
		return e, err
	}
	if f, ok := v.File(aihub.Sample); ok && f.Files != "" {
		e.Files = meta.File{SHA256: f.Files.Hex(), Rows: f.Rows}
		e.Files.Bytes, err = d.Blobs.Stat(ctx, f.Files)
	}
	return e, err
}

// DataCatalog describes every published dataset version as one DCAT catalogue.
func (d *Desk) DataCatalog(ctx context.Context, base string) (any, error) {
	list, err := d.DB.Datasets(ctx, policies.ScopeOf(aihub.Actor{}))
	if err != nil {
		return nil, err
	}
	orgs, err := d.orgNames(ctx)
	if err != nil {
		return nil, err
	}
	var entries []meta.Entry
	for _, v := range list {
		if v.State == aihub.DatasetPublished {
			entries = append(entries, meta.Entry{DatasetVersion: v, Agency: orgs[v.Org], Base: base})
		}
	}
	return meta.Catalog(base, aihub.Text{ZH: "aihub 数据目录", EN: "aihub data catalogue"}, entries), nil
}

// ScenarioTask describes a scenario as a task.
func (d *Desk) ScenarioTask(ctx context.Context, a aihub.Actor, ref, base string) (any, error) {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	s, err := spec(sc)
	if err != nil {
		return nil, err
	}
	e, err := d.entry(ctx, a, sc.Dataset.String(), base)
	switch {
	case aihub.KindOf(err) == aihub.NotFound || err == nil && e.State == aihub.DatasetWithdrawn:
		return meta.Task(base, nil, sc, s), nil
	case err != nil:
		return nil, err
	}
	return meta.Task(base, &e, sc, s), nil
}

// BoardResults describes the ranking of a round, chosen as by Board, as solutions
// of the scenario with their evaluations.
func (d *Desk) BoardResults(ctx context.Context, a aihub.Actor, ref, round, base string) (any, error) {
	sc, err := d.scenario(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	b, err := d.Board(ctx, a, ref, round, time.Time{})
	if err != nil {
		return nil, err
	}
	var rows []meta.Result
	for _, r := range b.Rows {
		rows = append(rows, meta.Result{ID: r.Submission, Name: r.Name, Org: r.Org.Name, Round: b.Round, Rank: r.Rank, Baseline: r.Baseline, At: r.At, Values: r.Values, Proof: r.Proof})
	}
	return meta.Board(base, sc, b.Round, b.AsOf, rows), nil
}

// SubmissionResult describes a submission as a solution of its scenario, with what
// of its score was released to the reader.
func (d *Desk) SubmissionResult(ctx context.Context, a aihub.Actor, id aihub.SubmissionID, base string) (any, error) {
	v, err := d.Submission(ctx, a, id)
	if err != nil {
		return nil, err
	}
	sc, err := d.scenario(ctx, a, v.Scenario.String())
	if err != nil {
		return nil, err
	}
	orgs, err := d.orgNames(ctx)
	if err != nil {
		return nil, err
	}
	r := meta.Result{ID: v.ID, Name: v.Name, Org: orgs[v.Org], Image: v.Image, Round: v.Round, Baseline: v.Baseline, At: v.CreatedAt}
	if v.Score != nil {
		r.Values, r.Note, r.Proof, r.Shown = v.Score.Released, v.Score.Note, v.Score.Proof, v.Score.ReleasedAt
	}
	return meta.Solution(base, sc.Ref, sc.Dataset, r), nil
}

func (d *Desk) orgNames(ctx context.Context) (map[aihub.OrgID]aihub.Text, error) {
	orgs, err := d.DB.Orgs(ctx)
	if err != nil {
		return nil, err
	}
	names := map[aihub.OrgID]aihub.Text{}
	for _, o := range orgs {
		names[o.ID] = o.Name
	}
	return names, nil
}

// sampleFile measures the public sample as it is downloaded. A version never
// changes, so it is measured once.
func (d *Desk) sampleFile(ctx context.Context, a aihub.Actor, v aihub.DatasetVersion) (meta.File, error) {
	if f, ok := d.samples.Load(v.Content); ok {
		return f.(meta.File), nil
	}
	s, err := d.Sample(ctx, a, v.Ref.String(), "csv")
	if err != nil {
		return meta.File{}, err
	}
	defer s.Close()
	h := sha256.New()
	n, err := io.Copy(h, s)
	if err != nil {
		return meta.File{}, err
	}
	part, _ := v.File(aihub.Sample)
	f := meta.File{SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n, Rows: part.Rows}
	d.samples.Store(v.Content, f)
	return f, nil
}
