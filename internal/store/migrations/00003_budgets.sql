-- One leak budget for each hidden part. Columns added to covered tables are
-- nullable (see 00001).

-- +goose Up

-- Amounts are millionths of a bit. Rows are made when a round first uses a part.
CREATE TABLE parts (
  id TEXT NOT NULL PRIMARY KEY,
  dataset TEXT NOT NULL REFERENCES datasets (id),
  part TEXT NOT NULL CHECK (part IN ('train', 'test', 'final')),
  total BIGINT NOT NULL CHECK (total >= 0),
  spent BIGINT NOT NULL CHECK (spent >= 0),
  reserved BIGINT NOT NULL CHECK (reserved >= 0),
  answers BIGINT NOT NULL CHECK (answers >= 0),
  CHECK (spent + reserved <= total)
);

-- What one organisation may spend of it.
ALTER TABLE rounds ADD COLUMN share BIGINT;

-- The primary metric under the round's bootstrap draws (base64 of float64, little
-- endian), and the certificate that was given with the release (JSON).
ALTER TABLE scores ADD COLUMN sample TEXT;
ALTER TABLE scores ADD COLUMN proof TEXT;
