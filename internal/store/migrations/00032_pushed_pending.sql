-- Content of the registry that is being stored: named before it lies in the blob
-- store, so that whatever ends its upload in between, a row says that it is to be
-- deleted; and counted, so that uploads that end together keep the bound together.

-- +goose Up
CREATE TABLE pushed_pending (
  stored TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  upload TEXT NOT NULL,
  size BIGINT NOT NULL CHECK (size >= 0),
  created_at BIGINT NOT NULL
);
CREATE INDEX pushed_pending_by_org ON pushed_pending (org);
