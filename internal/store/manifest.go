package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"aihub"
	"aihub/policies"
)

// missingPart says what a manifest names and its repository does not have.
func missingPart(digest string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: digest + " is not in this repository", ZH: "该镜像仓库中没有 " + digest,
	}).WithHint(aihub.Text{EN: "push what the manifest names first", ZH: "请先推送清单所引用的内容"})
}

// PutManifest keeps a manifest and points tags at it. All that it names must be
// in the repository, with the size it says, or the error is of kind Contract.
// The manifest that it is about need not be.
// ImagePush, ID = org
func (db *DB) PutManifest(ctx context.Context, p policies.Permit, r Repo, m PushedManifest, tags []string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.hasParts(r, m); err != nil {
			return err
		}
		n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_manifests WHERE repo = ? AND digest = ?", r, m.Digest)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := t.addManifest(r, m); err != nil {
				return err
			}
		}
		for _, tag := range tags {
			if err := t.exec(`INSERT INTO pushed_tags (repo, tag, digest) VALUES (?, ?, ?)
				ON CONFLICT (repo, tag) DO UPDATE SET digest = excluded.digest`, r, tag, m.Digest); err != nil {
				return err
			}
		}
		if n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_tags WHERE repo = ?", r); err != nil || n > maxTags {
			if err == nil {
				err = tooMany(maxTags, "tags", "标签")
			}
			return err
		}
		return t.record(acts, string(policies.ImagePush), string(r), permitted(p), map[string]any{"digest": m.Digest, "tags": tags})
	})
}

func tooMany(n int, en, zh string) error {
	return aihub.Errorf(aihub.Quota, aihub.Text{
		EN: fmt.Sprintf("there are %d %s already, which is the most", n, en), ZH: fmt.Sprintf("已有 %d 个%s，达到上限", n, zh),
	}).WithHint(aihub.Text{EN: "delete what is no longer needed", ZH: "请删除不再需要的内容"})
}

func (t *tx) hasParts(r Repo, m PushedManifest) error {
	for _, b := range m.Blobs {
		size, ok, err := one(t, value[int64],
			"SELECT b.size FROM pushed_links l JOIN pushed_blobs b ON b.org = l.org AND b.digest = l.digest WHERE l.repo = ? AND l.digest = ?", r, b.Digest)
		switch {
		case err != nil:
			return err
		case !ok:
			return missingPart(b.Digest)
		case size != b.Size:
			return invalid(fmt.Sprintf("%s has %d bytes where the manifest says %d", b.Digest, size, b.Size),
				fmt.Sprintf("%s 为 %d 字节，而清单写为 %d 字节", b.Digest, size, b.Size))
		}
	}
	for _, d := range m.Manifests {
		n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_manifests WHERE repo = ? AND digest = ?", r, d)
		if err != nil {
			return err
		}
		if n == 0 {
			return missingPart(d)
		}
	}
	return nil
}

func (t *tx) addManifest(r Repo, m PushedManifest) error {
	n, _, err := one(t, value[int64], "SELECT count(*) FROM pushed_manifests WHERE org = ?", r.Org())
	if err != nil {
		return err
	}
	if n >= maxManifests {
		return tooMany(maxManifests, "manifests", "清单")
	}
	if err := t.insert("pushed_manifests", "repo, digest, org, media_type, artifact_type, subject, descriptor, content, size",
		r, m.Digest, r.Org(), m.MediaType, m.ArtifactType, m.Subject, m.Descriptor, string(m.Content), len(m.Content)); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, b := range m.Blobs {
		if seen[b.Digest] {
			continue
		}
		seen[b.Digest] = true
		if err := t.insert("pushed_refs", "repo, manifest, digest", r, m.Digest, b.Digest); err != nil {
			return err
		}
	}
	return nil
}

// Manifest returns the manifest that a digest or (without a colon) a tag names,
// or NotFound.
func (db *DB) Manifest(ctx context.Context, s policies.Scope, r Repo, ref string) (m PushedManifest, err error) {
	if err := mine(s, r); err != nil {
		return m, err
	}
	q := "SELECT digest, media_type, content FROM pushed_manifests WHERE repo = ? AND digest = ?"
	if !strings.Contains(ref, ":") {
		q = "SELECT m.digest, m.media_type, m.content FROM pushed_tags t JOIN pushed_manifests m ON m.repo = t.repo AND m.digest = t.digest WHERE t.repo = ? AND t.tag = ?"
	}
	err = db.read(ctx, func(t *tx) error {
		var ok bool
		m, ok, err = one(t, func(s scanner) (m PushedManifest, err error) {
			err = s.Scan(&m.Digest, &m.MediaType, &m.Content)
			return m, err
		}, q, r, ref)
		if err == nil && !ok {
			err = notFound("manifest", "清单", ref)
		}
		return err
	})
	return m, err
}

// DeleteManifest deletes a manifest with its tags, or (without a colon) one
// tag, or returns NotFound.
// ImagePush, ID = org
func (db *DB) DeleteManifest(ctx context.Context, p policies.Permit, r Repo, ref string) error {
	if err := mayPush(p, r); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		kind, what := "digest", []string{"pushed_tags WHERE repo = ? AND digest = ?", "pushed_refs WHERE repo = ? AND manifest = ?", "pushed_manifests WHERE repo = ? AND digest = ?"}
		if !strings.Contains(ref, ":") {
			kind, what = "tag", []string{"pushed_tags WHERE repo = ? AND tag = ?"}
		}
		n, _, err := one(t, value[int64], "SELECT count(*) FROM "+what[len(what)-1], r, ref)
		if err == nil && n == 0 {
			err = notFound("manifest", "清单", ref)
		}
		if err != nil {
			return err
		}
		for _, w := range what {
			if err := t.exec("DELETE FROM "+w, r, ref); err != nil {
				return err
			}
		}
		return t.record(acts, "image.delete", string(r), permitted(p), map[string]any{kind: ref})
	})
}

// Tags lists the tags of a repository in the order of their bytes. A repository
// without any is not there as far as anybody can tell: the list is empty.
func (db *DB) Tags(ctx context.Context, s policies.Scope, r Repo) (list []string, err error) {
	if err := mine(s, r); err != nil {
		return nil, err
	}
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, value[string], "SELECT tag FROM pushed_tags WHERE repo = ?", r)
		return err
	})
	slices.Sort(list) // databases order text in their own ways
	return list, err
}

// Referrer is a manifest about another one.
type Referrer struct {
	Digest, ArtifactType string
	Descriptor           string // JSON
}

// Referrers lists the manifests about a digest, by digest, after the one called
// last; kind ("" for any) is their artifact type. There are at most 1000.
func (db *DB) Referrers(ctx context.Context, s policies.Scope, r Repo, digest, kind, last string) (list []Referrer, err error) {
	if err := mine(s, r); err != nil {
		return nil, err
	}
	q, args := "SELECT digest, artifact_type, descriptor FROM pushed_manifests WHERE repo = ? AND subject = ? AND digest > ?", []any{r, digest, last}
	if kind != "" {
		q, args = q+" AND artifact_type = ?", append(args, kind)
	}
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, func(s scanner) (f Referrer, err error) {
			err = s.Scan(&f.Digest, &f.ArtifactType, &f.Descriptor)
			return f, err
		}, q+" ORDER BY digest LIMIT 1000", args...)
		return err
	})
	return list, err
}
