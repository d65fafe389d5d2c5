-- Everything that a run stores is noted before it lies in the blob store, its output and
-- log too, so that what no ended run came to name is found and deleted. Two runs may
-- leave the same bytes. going: they are being deleted, and nobody may store them just now.

-- +goose Up
ALTER TABLE sealing RENAME TO sealing_before;
CREATE TABLE sealing (
  run TEXT NOT NULL REFERENCES runs (id),
  digest TEXT NOT NULL,
  going BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (run, digest)
);
INSERT INTO sealing (run, digest) SELECT run, digest FROM sealing_before;
DROP TABLE sealing_before;
CREATE INDEX sealing_by_digest ON sealing (digest);
