-- By what rule a version's rows were dealt to its parts: versions made from the
-- same bytes have one. Empty in what was published before.

-- +goose Up
ALTER TABLE datasets ADD COLUMN split TEXT NOT NULL DEFAULT '';
