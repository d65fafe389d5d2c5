-- Images can be deleted. Each blob of an organisation's images lies in the blob store
-- sealed, under a name that nothing else there has (stored; wrapped is its key), so it
-- can go when no image is made of it; image_parts says which is. What was taken in
-- before lies there as it is (stored is NULL), may be another's too, and stays.
-- The row of a deleted image stays: submissions and the ledger name it.

-- +goose Up
ALTER TABLE image_blobs ADD COLUMN stored TEXT;
ALTER TABLE image_blobs ADD COLUMN wrapped TEXT;
ALTER TABLE image_blobs ADD COLUMN size BIGINT;
CREATE INDEX image_blobs_by_digest ON image_blobs (digest);
CREATE TABLE image_parts (
  org TEXT NOT NULL,
  image TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (org, image, digest),
  FOREIGN KEY (org, image) REFERENCES images (org, digest),
  FOREIGN KEY (org, digest) REFERENCES image_blobs (org, digest)
);
CREATE INDEX image_parts_by_blob ON image_parts (org, digest);
ALTER TABLE images ADD COLUMN deleted_at BIGINT;
CREATE INDEX submissions_by_image ON submissions (org, image);
