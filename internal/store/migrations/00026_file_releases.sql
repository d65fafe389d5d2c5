-- Releases of files of a workspace, and the files that workspaces left. Of the
-- latter the ledger covers nothing: what leaves is covered with its digests.
-- Models that their organisation deleted. Columns added to covered tables are
-- nullable (see 00001).

-- +goose Up

CREATE TABLE left_files (
  digest TEXT NOT NULL PRIMARY KEY,
  submission TEXT NOT NULL UNIQUE REFERENCES submissions (id),
  run TEXT NOT NULL REFERENCES runs (id),
  created_at BIGINT NOT NULL
);
CREATE INDEX left_files_by_time ON left_files (created_at);

-- content is the digest of files_json.
CREATE TABLE file_releases (
  id TEXT NOT NULL PRIMARY KEY,
  submission TEXT NOT NULL REFERENCES submissions (id),
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  org TEXT NOT NULL,
  author TEXT NOT NULL,
  purpose TEXT NOT NULL,
  content TEXT NOT NULL,
  files_json TEXT NOT NULL,
  found_json TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('review_1', 'review_2', 'conflicted', 'rejected', 'released')),
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  fetched BIGINT NOT NULL CHECK (fetched >= 0),
  UNIQUE (id, org),
  CHECK (fetched = 0 OR state = 'released'),
  FOREIGN KEY (author, org) REFERENCES users (id, org)
);
CREATE INDEX file_releases_by_submission ON file_releases (submission);

CREATE TABLE file_votes (
  id TEXT NOT NULL PRIMARY KEY,
  release_id TEXT NOT NULL,
  release_org TEXT NOT NULL,
  user_id TEXT NOT NULL,
  user_org TEXT NOT NULL,
  approve BIGINT NOT NULL CHECK (approve IN (0, 1)),
  reason TEXT NOT NULL,
  place BIGINT NOT NULL CHECK (place BETWEEN 1 AND 3),
  voted_at BIGINT NOT NULL,
  UNIQUE (release_id, user_id),
  UNIQUE (release_id, place),
  FOREIGN KEY (release_id, release_org) REFERENCES file_releases (id, org),
  FOREIGN KEY (user_id, user_org) REFERENCES users (id, org),
  CHECK (user_org <> release_org)
);

ALTER TABLE models ADD COLUMN deleted_at BIGINT;
CREATE INDEX submissions_by_model ON submissions (model);
