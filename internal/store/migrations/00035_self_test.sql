-- What the self-test of a scenario's scoring came to before its rounds opened, as
-- JSON. Null in what was published before.

-- +goose Up
ALTER TABLE scenarios ADD COLUMN self_test TEXT;
