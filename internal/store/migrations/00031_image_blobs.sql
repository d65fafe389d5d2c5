-- Of which blobs the images of an organisation are made: what it has need not be
-- written again when it sends it again; what only others have is. Nothing is known of
-- images from before: they are written once more.

-- +goose Up
CREATE TABLE image_blobs (
  org TEXT NOT NULL REFERENCES orgs (id),
  digest TEXT NOT NULL,
  PRIMARY KEY (org, digest)
);
