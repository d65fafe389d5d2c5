package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"aihub"
	"aihub/catalog/meta"
	"aihub/policies"
)

// Metadata describes a dataset version in one of meta.Formats; base is the
// address by which the reader reaches the platform.
func (d *Desk) Metadata(ctx context.Context, a aihub.Actor, ref, format, base string) (any, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	orgs, err := d.orgNames(ctx)
	if err != nil {
		return nil, err
	}
	e := meta.Entry{DatasetVersion: v, Agency: orgs[v.Org], Base: base}
	if e.Sample, err = d.sampleFile(ctx, a, v); err != nil {
		return nil, err
	}
	return meta.Render(e, format)
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
	return meta.Task(base, sc, s), nil
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
