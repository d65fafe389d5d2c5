-- The search index of the catalogue (search.go). It is derived from scenarios and
-- datasets, filled in the transaction that publishes them and made anew at the
-- start when entries are missing: the ledger does not cover it, and nothing is
-- decided by it.

-- +goose Up

CREATE TABLE entries (
  number BIGINT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('dataset', 'scenario')),
  subject TEXT NOT NULL,
  UNIQUE (kind, subject)
);

-- Which of the 4096 entries of a block have a word; marks is explained in search.go.
CREATE TABLE words (
  word TEXT NOT NULL,
  block BIGINT NOT NULL,
  marks TEXT NOT NULL,
  PRIMARY KEY (word, block)
);
