-- Why a version was erased, beside why it was withdrawn or rejected: one word wrote
-- over the other. Null in what was erased before, whose reason holds the later one.

-- +goose Up
ALTER TABLE datasets ADD COLUMN erase_reason TEXT;
