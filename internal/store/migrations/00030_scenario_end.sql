-- When a scenario was closed or withdrawn, and why it was withdrawn. Null in what
-- ended before: its reason is in the ledger alone.

-- +goose Up
ALTER TABLE scenarios ADD COLUMN reason TEXT;
ALTER TABLE scenarios ADD COLUMN ended_at BIGINT;
