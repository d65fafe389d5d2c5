-- Scores that were computed again. They are added to the first, which stays.

-- +goose Up

CREATE TABLE rescores (
  id TEXT NOT NULL PRIMARY KEY,
  score TEXT NOT NULL REFERENCES scores (id),
  submission TEXT NOT NULL REFERENCES submissions (id),
  org TEXT NOT NULL,
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  by_user TEXT NOT NULL REFERENCES users (id),
  reason TEXT NOT NULL,
  sealed TEXT NOT NULL,
  same BIGINT NOT NULL CHECK (same IN (0, 1)),
  scored_at BIGINT NOT NULL
);
CREATE INDEX rescores_by_submission ON rescores (submission, scored_at);
