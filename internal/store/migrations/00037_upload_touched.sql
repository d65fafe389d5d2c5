-- An upload that its client left ends a day after its last byte, not after its first.

-- +goose Up
ALTER TABLE pushed_uploads RENAME COLUMN created_at TO touched_at;
