package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"path/filepath"

	"aihub"
	"aihub/catalog"
	"aihub/internal/i18n"
	"aihub/policies"
	"aihub/server/wire"
)

// Datasets lists the dataset versions in scope.
func (d *Desk) Datasets(ctx context.Context, a aihub.Actor) ([]aihub.DatasetVersion, error) {
	return d.DB.Datasets(ctx, policies.ScopeOf(a))
}

// Dataset returns one version, "name@N".
func (d *Desk) Dataset(ctx context.Context, a aihub.Actor, ref string) (aihub.DatasetVersion, error) {
	r, err := aihub.ParseRef(ref)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	return d.DB.Dataset(ctx, policies.ScopeOf(a), r)
}

// DecideDataset publishes or rejects a proposed version.
func (d *Desk) DecideDataset(ctx context.Context, a aihub.Actor, ref string, in wire.Decide) error {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return err
	}
	p, err := d.permit(ctx, a, policies.DatasetApprove, policies.Object{ID: v.Ref.String(), Org: v.Org, Author: v.Author})
	if err != nil {
		return err
	}
	return d.DB.DecideDataset(ctx, p, v.Ref, in.Approve, in.LowerLevel, in.Reason)
}

// CanPropose reports whether the actor may propose a dataset of their own
// organisation at all, before its bytes are sent.
func (d *Desk) CanPropose(ctx context.Context, a aihub.Actor) error {
	_, err := d.permit(ctx, a, policies.DatasetPropose, policies.Object{ID: "-", Org: a.Org, Author: a.User})
	return err
}

// CheckManifest says what Propose would refuse whatever the table is, before its bytes
// are sent.
func (d *Desk) CheckManifest(ctx context.Context, a aihub.Actor, manifest []byte) error {
	if err := d.CanPropose(ctx, a); err != nil {
		return err
	}
	return d.Catalog.Check(ctx, a, manifest)
}

// Propose masks and cuts the table in the file and proposes it as a new version.
func (d *Desk) Propose(ctx context.Context, a aihub.Actor, manifest []byte, file string, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	return d.Catalog.Publish(ctx, a, manifest, file, func(stage string, done, total int64) {
		progress(wire.Progress{Stage: stage, Done: done, Total: total})
	})
}

// maxManifest bounds a manifest.
const maxManifest = 1 << 20

// Temp is a file that its user removes.
type Temp struct{ Path string }

// Remove deletes the file.
func (t Temp) Remove() error { return os.Remove(t.Path) }

// Prepare makes the directory for files under way, and removes what an earlier
// process left there.
func (d *Desk) Prepare() error {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, ours := range []string{"desk-*", "catalog-*"} { // the second: a publish that was killed and cannot be taken up
		left, err := filepath.Glob(filepath.Join(d.Dir, ours))
		errs = append(errs, err)
		for _, f := range left {
			errs = append(errs, os.RemoveAll(f))
		}
	}
	return errors.Join(errs...)
}

// temp makes an empty file below d.Dir.
func (d *Desk) temp() (*os.File, error) { return os.CreateTemp(d.Dir, "desk-*") }

// Manifest reads a manifest to its end, and refuses one that is too large with an
// error of kind Quota.
func (d *Desk) Manifest(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err == nil && len(b) > maxManifest {
		err = tooLarge("manifest", maxManifest)
	}
	return b, err
}

// Spool reads a form with a manifest and, after it, a data file, which it keeps
// in a temporary file.
func (d *Desk) Spool(body io.Reader, contentType string) (manifest []byte, data Temp, err error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, Temp{}, badForm(nil)
	}
	form := multipart.NewReader(body, params["boundary"])
	part, err := form.NextPart()
	if err != nil || part.FormName() != "manifest" {
		return nil, Temp{}, badForm(err)
	}
	if manifest, err = d.Manifest(part); aihub.KindOf(err) == aihub.Quota {
		return nil, Temp{}, err
	} else if err != nil {
		return nil, Temp{}, badForm(err)
	}
	if part, err = form.NextPart(); err != nil || part.FormName() != "data" {
		return nil, Temp{}, badForm(err)
	}
	f, err := d.temp()
	if err != nil {
		return nil, Temp{}, err
	}
	spooled := Temp{f.Name()}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			err = errors.Join(err, spooled.Remove())
		}
	}()
	n, err := io.Copy(f, io.LimitReader(part, d.Data+1))
	if err != nil {
		return nil, Temp{}, badForm(err)
	}
	if n > d.Data {
		return nil, Temp{}, tooLarge("data", d.Data)
	}
	if _, err := form.NextPart(); err != io.EOF {
		return nil, Temp{}, badForm(err)
	}
	return manifest, spooled, nil
}

func badForm(err error) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: "expected a multipart form with two parts: manifest (YAML), then data (CSV or Parquet)",
		ZH: "应为包含两部分的 multipart 表单：先 manifest (YAML)，后 data (CSV 或 Parquet)",
	}).WithHint(aihub.Text{
		EN: "use aihub dataset publish, or send the parts in this order and whole",
		ZH: "请使用 aihub dataset publish，或按此顺序完整发送",
	}).Because(err)
}

func tooLarge(what string, limit int64) error {
	return aihub.Errorf(aihub.Quota, aihub.Text{
		EN: fmt.Sprintf("%s is larger than %s", what, i18n.Bytes(limit)), ZH: fmt.Sprintf("%s 超过 %s", what, i18n.Bytes(limit)),
	}).WithHint(aihub.Text{EN: "send less, or ask the operator to raise the limit", ZH: "请减小文件，或请运维人员调高上限"})
}

// Card returns the data card, Markdown, in lang.
func (d *Desk) Card(ctx context.Context, a aihub.Actor, ref string, lang aihub.Lang) (string, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return "", err
	}
	b, err := d.small(ctx, v.Card)
	if err != nil {
		return "", err
	}
	return catalog.CardIn(string(b), lang), nil
}

// Plots returns what the data card draws: counts of masked values, for whoever may
// see the card.
func (d *Desk) Plots(ctx context.Context, a aihub.Actor, ref string) (catalog.Plots, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return catalog.Plots{}, err
	}
	b, err := d.small(ctx, v.Profile)
	if err != nil {
		return catalog.Plots{}, err
	}
	var p catalog.Profile
	if err := json.Unmarshal(b, &p); err != nil {
		return catalog.Plots{}, fmt.Errorf("profile of %s: %w", ref, err)
	}
	return p.Plots(), nil
}

// Profile returns the profile with detector evidence and risk numbers, JSON. It
// speaks of raw data: for those only who decide about it.
func (d *Desk) Profile(ctx context.Context, a aihub.Actor, ref string) ([]byte, error) {
	v, err := d.Dataset(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	if !policies.ScopeOf(a).All() {
		return nil, NotFound()
	}
	return d.small(ctx, v.Profile)
}

// small reads a blob that is known to be a document.
func (d *Desk) small(ctx context.Context, digest aihub.Digest) ([]byte, error) {
	r, err := d.Blobs.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 16<<20))
}
