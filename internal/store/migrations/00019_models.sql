-- Training runs and the models that they leave. Columns added to covered tables
-- are nullable (see 00001).

-- +goose Up

-- 1: a training. model is what its runs find in /model.
ALTER TABLE submissions ADD COLUMN train BIGINT;
ALTER TABLE submissions ADD COLUMN model TEXT;

-- A sealed model; id is the digest of its archive. part is what it was learned
-- from: what was trained on the public sample alone may be used in the open.
CREATE TABLE models (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  submission TEXT NOT NULL UNIQUE REFERENCES submissions (id),
  run TEXT NOT NULL UNIQUE REFERENCES runs (id),
  part TEXT NOT NULL CHECK (part IN ('sample', 'train')),
  size BIGINT NOT NULL CHECK (size >= 0),
  files BIGINT NOT NULL CHECK (files > 0),
  created_at BIGINT NOT NULL
);
CREATE INDEX models_by_org ON models (org, scenario, created_at);

-- Archives that are being stored for a run. The ledger does not cover it: it only
-- says what to delete when the run ends without a model.
CREATE TABLE sealing (
  digest TEXT NOT NULL PRIMARY KEY,
  run TEXT NOT NULL REFERENCES runs (id)
);
