-- What organisations have pushed to the registry (package server/registry). The
-- ledger does not cover these tables: a tag may move and an image may be deleted
-- at any time, and neither changes what was submitted, which is pinned by digest
-- in images and submissions. It does keep a leaf for each manifest put or deleted.
-- Digests here are sha256 or sha512 of what was pushed.

-- +goose Up

-- Content of an organisation: stored is the blob that holds it encrypted.
CREATE TABLE pushed_blobs (
  org TEXT NOT NULL REFERENCES orgs (id),
  digest TEXT NOT NULL,
  stored TEXT NOT NULL UNIQUE,
  size BIGINT NOT NULL CHECK (size >= 0),
  PRIMARY KEY (org, digest)
);

-- Which of it a repository (organisation/name) has.
CREATE TABLE pushed_links (
  repo TEXT NOT NULL,
  digest TEXT NOT NULL,
  org TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (repo, digest),
  FOREIGN KEY (org, digest) REFERENCES pushed_blobs (org, digest)
);
CREATE INDEX pushed_links_by_blob ON pushed_links (org, digest);

-- Manifests, as they were pushed; descriptor is how a list of referrers names it.
CREATE TABLE pushed_manifests (
  repo TEXT NOT NULL,
  digest TEXT NOT NULL,
  org TEXT NOT NULL REFERENCES orgs (id),
  media_type TEXT NOT NULL,
  artifact_type TEXT NOT NULL,
  subject TEXT NOT NULL,
  descriptor TEXT NOT NULL,
  content TEXT NOT NULL,
  size BIGINT NOT NULL CHECK (size >= 0),
  PRIMARY KEY (repo, digest)
);
CREATE INDEX pushed_manifests_by_subject ON pushed_manifests (repo, subject, digest);
CREATE INDEX pushed_manifests_by_org ON pushed_manifests (org);

-- The content that a manifest names.
CREATE TABLE pushed_refs (
  repo TEXT NOT NULL,
  manifest TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (repo, manifest, digest),
  FOREIGN KEY (repo, manifest) REFERENCES pushed_manifests (repo, digest)
);
CREATE INDEX pushed_refs_by_digest ON pushed_refs (repo, digest);

CREATE TABLE pushed_tags (
  repo TEXT NOT NULL,
  tag TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (repo, tag),
  FOREIGN KEY (repo, digest) REFERENCES pushed_manifests (repo, digest)
);
CREATE INDEX pushed_tags_by_digest ON pushed_tags (repo, digest);

-- Uploads under way; each belongs to one person.
CREATE TABLE pushed_uploads (
  id TEXT NOT NULL PRIMARY KEY,
  repo TEXT NOT NULL,
  org TEXT NOT NULL REFERENCES orgs (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL
);
CREATE INDEX pushed_uploads_by_org ON pushed_uploads (org);

-- Blobs that nothing names any more and that wait to be deleted.
CREATE TABLE pushed_garbage (
  stored TEXT NOT NULL PRIMARY KEY
);
