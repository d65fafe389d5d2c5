-- What the risk gate measured of a dataset version and against which limits.
-- Columns added to covered tables are nullable (see 00001): a version proposed
-- before this one has no record and is never published.

-- +goose Up

ALTER TABLE datasets ADD COLUMN risk_json TEXT;
