-- What becomes of a dataset version after it was published: the key it was masked
-- with, its level, how long it is kept, what was told of it. Columns added to
-- covered tables are nullable (see 00001).

-- +goose Up

-- "org/scope#generation"; levels are those of general data in GB/T 43697, 1 to 4.
ALTER TABLE datasets ADD COLUMN mask_key TEXT;
ALTER TABLE datasets ADD COLUMN level BIGINT;
ALTER TABLE datasets ADD COLUMN level_found BIGINT;
ALTER TABLE datasets ADD COLUMN retain_until BIGINT;
ALTER TABLE datasets ADD COLUMN erased_at BIGINT;

-- The files of the parts lie encrypted in the blob store: id is the digest of the
-- content, stored that of what lies there, wrapped the key under one of the root
-- key's. Erasing empties wrapped.
CREATE TABLE seals (
  id TEXT NOT NULL PRIMARY KEY,
  stored TEXT NOT NULL,
  wrapped TEXT NOT NULL,
  size BIGINT NOT NULL CHECK (size >= 0),
  erased_at BIGINT NOT NULL,
  CHECK ((wrapped = '') = (erased_at > 0))
);

-- Keys of mask scopes that were rotated; one that never was has generation 1.
CREATE TABLE mask_keys (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  generation BIGINT NOT NULL CHECK (generation > 1),
  reason TEXT NOT NULL,
  rotated_by TEXT NOT NULL REFERENCES users (id),
  rotated_at BIGINT NOT NULL
);

-- Requests to learn the raw values behind masked ones. The answer is never kept.
CREATE TABLE reidentifications (
  id TEXT NOT NULL PRIMARY KEY,
  dataset TEXT NOT NULL REFERENCES datasets (id),
  org TEXT NOT NULL,
  column_name TEXT NOT NULL,
  masked_json TEXT NOT NULL,
  purpose TEXT NOT NULL,
  author TEXT NOT NULL,
  approver TEXT REFERENCES users (id),
  state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'rejected')),
  reason TEXT NOT NULL,
  reads BIGINT NOT NULL CHECK (reads >= 0),
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  FOREIGN KEY (author, org) REFERENCES users (id, org),
  CHECK (approver IS NULL OR approver <> author),
  CHECK ((state = 'requested') = (approver IS NULL)),
  CHECK (reads = 0 OR state = 'approved')
);

-- One privacy budget for all versions of a dataset's name, and what was published
-- against it.
CREATE TABLE privacy (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  measure TEXT NOT NULL CHECK (measure IN ('pure', 'zcdp')),
  total TEXT NOT NULL,
  per_unit BIGINT NOT NULL CHECK (per_unit > 0),
  releases BIGINT NOT NULL CHECK (releases >= 0)
);
CREATE TABLE aggregates (
  id TEXT NOT NULL PRIMARY KEY,
  dataset TEXT NOT NULL REFERENCES datasets (id),
  name TEXT NOT NULL REFERENCES privacy (id),
  place BIGINT NOT NULL CHECK (place > 0),
  column_name TEXT NOT NULL,
  cost TEXT NOT NULL,
  cells_json TEXT NOT NULL,
  author TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  UNIQUE (name, place)
);
