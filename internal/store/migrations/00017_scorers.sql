-- Scoring programs: what a second person approved, and how far a run has come that
-- one of them scores (NULL: no scorer). Columns added to covered tables are
-- nullable (see 00001).

-- +goose Up

CREATE TABLE scorers (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  image TEXT NOT NULL,
  name TEXT NOT NULL,
  author TEXT NOT NULL,
  approver TEXT REFERENCES users (id),
  state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  UNIQUE (org, image),
  FOREIGN KEY (author, org) REFERENCES users (id, org),
  FOREIGN KEY (org, image) REFERENCES images (org, digest),
  CHECK (approver IS NULL OR approver <> author),
  CHECK (state = 'proposed' OR approver IS NOT NULL)
);

ALTER TABLE runs ADD COLUMN stage TEXT;
