-- Workspaces: a person at a shell beside the train part. Columns added to covered
-- tables are nullable (see 00001).

-- +goose Up

-- 1: a workspace. Its submission is no attempt (smoke = 1), and its run's kind,
-- which a check of 00001 bounds, is kept as train.
ALTER TABLE submissions ADD COLUMN workspace BIGINT;
ALTER TABLE runs ADD COLUMN workspace BIGINT;

CREATE INDEX submissions_workspaces ON submissions (workspace, state, org);
