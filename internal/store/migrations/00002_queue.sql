-- The queue: whose turn it is, who works, how long a state may last, what runs
-- cost. A column that is added to a covered table is nullable (see 00001).

-- +goose Up

-- Not before this time: a run that the platform failed is tried again later.
ALTER TABLE runs ADD COLUMN ready_at BIGINT;

-- Which submission was entered again, and what its organisation was told of the
-- queue when it entered (JSON of aihub.Wait): for a hidden one this never changes.
ALTER TABLE submissions ADD COLUMN rerun_of TEXT;
ALTER TABLE submissions ADD COLUMN waits TEXT;

-- Processor time, in milliseconds: held while the submission is open, charged
-- when it is settled.
ALTER TABLE submissions ADD COLUMN cpu BIGINT;

CREATE INDEX submissions_open ON submissions (org, settled, visible_at, created_at);
CREATE INDEX runs_turns ON runs (state, kind, org, scenario, queued_at, id);
CREATE INDEX runs_recent ON runs (scenario, finished_at);

-- Processor time of an organisation in a month; covered by the ledger.
CREATE TABLE hours (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  month TEXT NOT NULL,
  used BIGINT NOT NULL CHECK (used >= 0),
  reserved BIGINT NOT NULL CHECK (reserved >= 0),
  UNIQUE (org, month)
);

-- The ledger does not cover what follows, nor the two columns of leases: they
-- decide the order in which runs begin, and nothing that is charged or shown.

-- Heartbeats extend a lease up to the deadline of its phase and not beyond.
ALTER TABLE leases ADD COLUMN deadline_at BIGINT;

-- Virtual times of the fair queue, in millionths of a turn (turns.go).
CREATE TABLE turns (
  id TEXT NOT NULL PRIMARY KEY,
  tag BIGINT NOT NULL
);

-- Processes that carry out runs, and when they last said so.
CREATE TABLE workers (
  id TEXT NOT NULL PRIMARY KEY,
  slots BIGINT NOT NULL CHECK (slots >= 0),
  seen_at BIGINT NOT NULL
);
