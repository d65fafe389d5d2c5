package desk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/policies"
	"aihub/server/wire"
)

// CanPush reports whether the actor may upload an image at all, before its
// bytes are sent.
func (d *Desk) CanPush(ctx context.Context, a aihub.Actor) error {
	_, err := d.mayPush(ctx, a)
	return err
}

func (d *Desk) mayPush(ctx context.Context, a aihub.Actor) (policies.Permit, error) {
	return d.permit(ctx, a, policies.ImagePush, policies.Object{ID: string(a.Org), Org: a.Org, Author: a.User})
}

// ImportImage checks an image archive, keeps it, and links it to the actor's
// organisation.
func (d *Desk) ImportImage(ctx context.Context, a aihub.Actor, archive io.Reader) (wire.Image, error) {
	return d.takeIn(ctx, a, func(blobs blob.Store, lim oci.Limits) (oci.Image, error) {
		return oci.Import(ctx, blobs, archive, lim)
	})
}

// TakePushed checks an image that lies in the registry, exactly as one that is
// uploaded, and links it to the actor's organisation. The tag counts now: where
// it moves later changes nothing.
func (d *Desk) TakePushed(ctx context.Context, a aihub.Actor, in wire.PushedImage) (wire.Image, error) {
	return d.takeIn(ctx, a, func(blobs blob.Store, lim oci.Limits) (oci.Image, error) {
		return d.Registry.Image(ctx, a, in.Image, blobs, lim)
	})
}

// takeIn has an image checked and kept, and links it to the actor's organisation.
// Only what that organisation has is not written again: a blob that others have takes
// as long as a new one. What is written for nothing is deleted.
func (d *Desk) takeIn(ctx context.Context, a aihub.Actor, check func(blob.Store, oci.Limits) (oci.Image, error)) (wire.Image, error) {
	p, err := d.mayPush(ctx, a)
	if err != nil {
		return wire.Image{}, err
	}
	lim := d.Images
	if lim.Machine = d.Machine(); lim.Machine == "" {
		return wire.Image{}, aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "the platform's sandbox has not answered since its start, so it is not known yet for which architecture images must be built",
			ZH: "平台的沙箱自启动以来尚未应答，因此还不知道镜像应面向哪种架构",
		}).WithHint(aihub.Text{
			EN: "send the image again later; the operators find the cause with aihub doctor", ZH: "请稍后重新发送镜像；运营方可用 aihub doctor 查明原因",
		})
	}
	leave, err := d.sends(a.Org)
	if err != nil {
		return wire.Image{}, err
	}
	defer leave()
	d.Registry.Tidy(ctx)
	lim.Sender = string(a.Org)
	lim.Kept = func(ctx context.Context, b aihub.Digest) (bool, error) {
		return d.DB.HasImageBlob(ctx, policies.ScopeOf(a), b)
	}
	in := &intake{Vault: d.Catalog.Blobs, d: d, p: p}
	img, err := check(in, lim)
	if err == nil {
		err = d.DB.RegisterImage(ctx, p, a.Org, img.Digest, img.Size, in.parts(img)...)
	}
	if err != nil {
		return wire.Image{}, errors.Join(err, in.forsake(ctx))
	}
	return wire.Image{Digest: img.Digest, Bytes: img.Size}, nil
}

// maxSent is how many images an organisation may be sending at once: each lies in a
// file of its own, which no bound counts, until it is checked.
const maxSent = 4

// sends counts one more image on its way in; call leave when it has come.
func (d *Desk) sends(org aihub.OrgID) (leave func(), err error) {
	d.sending.Lock()
	defer d.sending.Unlock()
	if d.sent[org] >= maxSent {
		return nil, aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("your organisation is sending %d images, the most at once", maxSent), ZH: fmt.Sprintf("贵机构正在发送 %d 个镜像，达到同时发送的上限", maxSent),
		}).WithHint(aihub.Text{EN: "wait until one has come", ZH: "请等其中一个完成"})
	}
	if d.sent == nil {
		d.sent = map[aihub.OrgID]int{}
	}
	d.sent[org]++
	return func() {
		d.sending.Lock()
		defer d.sending.Unlock()
		if d.sent[org]--; d.sent[org] == 0 {
			delete(d.sent, org)
		}
	}, nil
}

// intake keeps the blobs of one image, each sealed, and named in the database before
// it lies in the blob store.
type intake struct {
	*blob.Vault
	d   *Desk
	p   policies.Permit
	put []blob.Seal
}

// Put implements blob.Store.
func (in *intake) Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error) {
	s, err := in.PutSealed(ctx, r, func(s blob.Seal) error {
		_, most := in.d.Registry.Most()
		if err := in.d.DB.PendImage(ctx, in.p, s, most); err != nil {
			return err
		}
		in.put = append(in.put, s)
		return nil
	})
	return s.Content, s.Size, err
}

// parts is what an image is made of: what was put, and by their content alone the
// blobs that were there.
func (in *intake) parts(img oci.Image) []blob.Seal {
	list, have := in.put, map[aihub.Digest]bool{}
	for _, s := range list {
		have[s.Content] = true
	}
	for _, b := range img.Blobs() {
		if !have[b] {
			list = append(list, blob.Seal{Content: b})
		}
	}
	return list
}

// forsake deletes what was put for an image that is not kept.
func (in *intake) forsake(ctx context.Context) error {
	if len(in.put) == 0 {
		return nil
	}
	var stored []aihub.Digest
	for _, s := range in.put {
		stored = append(stored, s.Stored)
	}
	return in.d.Registry.Forsake(ctx, stored...)
}

// Kept lists the images that the actor's organisation keeps, and how much of what it
// may keep that is.
func (d *Desk) Kept(ctx context.Context, a aihub.Actor) (wire.Images, error) {
	if err := signedIn(a); err != nil {
		return wire.Images{}, err
	}
	scope := policies.ScopeOf(a)
	list, err := d.DB.Images(ctx, scope)
	if err != nil {
		return wire.Images{}, err
	}
	kept, err := d.DB.CountImages(ctx, scope)
	if err != nil {
		return wire.Images{}, err
	}
	used, _, err := d.DB.PushedBytes(ctx, scope)
	if err != nil {
		return wire.Images{}, err
	}
	_, most := d.Registry.Most()
	return wire.Images{Images: append([]aihub.KeptImage{}, list...), Kept: kept, Bytes: used, Most: most}, nil
}

// DeleteImage deletes an image of the actor's organisation.
func (d *Desk) DeleteImage(ctx context.Context, a aihub.Actor, id string) error {
	if err := signedIn(a); err != nil {
		return err
	}
	digest, err := aihub.ParseDigest(id)
	if err != nil {
		return err
	}
	switch ok, err := d.DB.HasImage(ctx, policies.ScopeOf(a), digest); {
	case err != nil:
		return err
	case !ok:
		return NotFound()
	}
	p, err := d.permit(ctx, a, policies.ImageDelete, policies.Object{ID: string(a.Org) + "/" + string(digest), Org: a.Org})
	if err != nil {
		return err
	}
	if err := d.DB.DeleteImage(ctx, p, a.Org, digest); err != nil {
		return err
	}
	return d.Registry.Collect(ctx)
}
