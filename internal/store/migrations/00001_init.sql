-- Portable SQL: TEXT, BIGINT and nothing else. Times are Unix microseconds (0:
-- never), amounts of the leak budget are millionths of a bit, lists and texts of
-- variable form are JSON, digests are "sha256:hex". Every table that the ledger
-- covers has a text primary key called id. A column that a later migration adds
-- must be nullable: the ledger's row digests skip NULL.

-- +goose Up

CREATE TABLE orgs (
  id TEXT NOT NULL PRIMARY KEY,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  name TEXT NOT NULL,
  roles TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (id, org)
);

CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL
);

CREATE TABLE datasets (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  org TEXT NOT NULL,
  author TEXT NOT NULL,
  approver TEXT REFERENCES users (id),
  state TEXT NOT NULL CHECK (state IN ('proposed', 'published', 'rejected', 'withdrawn')),
  title_zh TEXT NOT NULL,
  title_en TEXT NOT NULL,
  description_zh TEXT NOT NULL,
  description_en TEXT NOT NULL,
  license TEXT NOT NULL,
  key_column TEXT NOT NULL,
  columns_json TEXT NOT NULL,
  parts_json TEXT NOT NULL,
  content TEXT NOT NULL,
  plan TEXT NOT NULL,
  raw TEXT NOT NULL,
  profile TEXT NOT NULL,
  card TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  UNIQUE (name, version),
  FOREIGN KEY (author, org) REFERENCES users (id, org),
  CHECK (approver IS NULL OR approver <> author),
  CHECK (state NOT IN ('published', 'rejected') OR approver IS NOT NULL)
);

CREATE TABLE scenarios (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  org TEXT NOT NULL,
  author TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'withdrawn')),
  title_zh TEXT NOT NULL,
  title_en TEXT NOT NULL,
  summary_zh TEXT NOT NULL,
  summary_en TEXT NOT NULL,
  field TEXT NOT NULL,
  area TEXT NOT NULL,
  dataset TEXT NOT NULL REFERENCES datasets (id),
  spec TEXT NOT NULL,
  digest TEXT NOT NULL,
  search TEXT NOT NULL,
  tick BIGINT NOT NULL CHECK (tick >= 0),
  review BIGINT NOT NULL CHECK (review IN (0, 1)),
  published_at BIGINT NOT NULL,
  UNIQUE (name, version),
  FOREIGN KEY (author, org) REFERENCES users (id, org)
);
CREATE INDEX scenarios_listed ON scenarios (published_at, id);

CREATE TABLE rounds (
  id TEXT NOT NULL PRIMARY KEY,
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  name TEXT NOT NULL,
  place BIGINT NOT NULL,
  title_zh TEXT NOT NULL,
  title_en TEXT NOT NULL,
  part TEXT NOT NULL CHECK (part IN ('sample', 'train', 'test', 'final')),
  opens_at BIGINT NOT NULL,
  closes_at BIGINT NOT NULL,
  quota BIGINT NOT NULL CHECK (quota >= 0),
  budget BIGINT NOT NULL CHECK (budget >= 0),
  UNIQUE (scenario, name)
);

CREATE TABLE enrolments (
  id TEXT NOT NULL PRIMARY KEY,
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  org TEXT NOT NULL,
  user_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  agreement TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  max_uses BIGINT NOT NULL CHECK (max_uses >= 0),
  state TEXT NOT NULL CHECK (state IN ('requested', 'approved', 'rejected', 'revoked')),
  decided_by TEXT REFERENCES users (id),
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  FOREIGN KEY (user_id, org) REFERENCES users (id, org),
  CHECK (decided_by IS NULL OR decided_by <> user_id),
  CHECK (state = 'requested' OR decided_by IS NOT NULL)
);
CREATE UNIQUE INDEX enrolments_live ON enrolments (scenario, org) WHERE state IN ('requested', 'approved');

CREATE TABLE images (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL REFERENCES orgs (id),
  digest TEXT NOT NULL,
  size BIGINT NOT NULL CHECK (size >= 0),
  created_at BIGINT NOT NULL,
  UNIQUE (org, digest)
);

CREATE TABLE submissions (
  id TEXT NOT NULL PRIMARY KEY,
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  round TEXT NOT NULL,
  org TEXT NOT NULL,
  user_id TEXT NOT NULL,
  enrolment TEXT REFERENCES enrolments (id),
  name TEXT NOT NULL,
  image TEXT NOT NULL,
  smoke BIGINT NOT NULL CHECK (smoke IN (0, 1)),
  baseline BIGINT NOT NULL CHECK (baseline IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('queued', 'scoring', 'scored', 'tried', 'failed', 'cancelled')),
  fault_owner TEXT NOT NULL CHECK (fault_owner IN ('', 'vendor', 'scenario', 'data', 'platform', 'policy')),
  fault_reason TEXT NOT NULL,
  fault_detail TEXT NOT NULL,
  nonce TEXT NOT NULL,
  bits BIGINT NOT NULL CHECK (bits >= 0),
  refund BIGINT NOT NULL CHECK (refund IN (0, 1)),
  settled BIGINT NOT NULL CHECK (settled IN (0, 1)),
  created_at BIGINT NOT NULL,
  visible_at BIGINT NOT NULL,
  UNIQUE (org, nonce),
  FOREIGN KEY (user_id, org) REFERENCES users (id, org),
  FOREIGN KEY (org, image) REFERENCES images (org, digest),
  CHECK ((state IN ('failed', 'cancelled')) = (fault_owner <> '')),
  CHECK (baseline = 1 OR enrolment IS NOT NULL)
);
CREATE INDEX submissions_by_round ON submissions (scenario, round, org, settled, visible_at);
CREATE INDEX submissions_by_org ON submissions (org, created_at);
CREATE INDEX submissions_by_time ON submissions (created_at);
CREATE INDEX submissions_by_enrolment ON submissions (enrolment, smoke);
CREATE INDEX submissions_unsettled ON submissions (settled, visible_at);

CREATE TABLE runs (
  id TEXT NOT NULL PRIMARY KEY,
  submission TEXT NOT NULL REFERENCES submissions (id),
  scenario TEXT NOT NULL,
  org TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('smoke', 'train', 'infer', 'score')),
  part TEXT NOT NULL CHECK (part IN ('sample', 'train', 'test', 'final')),
  attempt BIGINT NOT NULL CHECK (attempt BETWEEN 1 AND 3),
  scores TEXT REFERENCES runs (id),
  state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'succeeded', 'failed', 'cancelled', 'lost')),
  fault_owner TEXT NOT NULL CHECK (fault_owner IN ('', 'vendor', 'scenario', 'data', 'platform', 'policy')),
  fault_reason TEXT NOT NULL,
  fault_detail TEXT NOT NULL,
  worker TEXT NOT NULL,
  fence BIGINT NOT NULL,
  image TEXT NOT NULL,
  row_key TEXT NOT NULL,
  output TEXT NOT NULL,
  log TEXT NOT NULL,
  usage_json TEXT NOT NULL,
  posture TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  queued_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  UNIQUE (submission, kind, attempt),
  CHECK ((state IN ('failed', 'cancelled', 'lost')) = (fault_owner <> '')),
  CHECK ((kind = 'score') = (scores IS NOT NULL))
);
CREATE INDEX runs_queue ON runs (state, kind, queued_at, id);

CREATE TABLE scores (
  id TEXT NOT NULL PRIMARY KEY,
  submission TEXT NOT NULL UNIQUE REFERENCES submissions (id),
  run TEXT NOT NULL UNIQUE REFERENCES runs (id),
  scenario TEXT NOT NULL,
  round TEXT NOT NULL,
  org TEXT NOT NULL REFERENCES orgs (id),
  sealed TEXT NOT NULL,
  bits BIGINT NOT NULL CHECK (bits >= 0),
  scored_at BIGINT NOT NULL
);
CREATE INDEX scores_by_round ON scores (scenario, round, scored_at);

CREATE TABLE releases (
  id TEXT NOT NULL PRIMARY KEY,
  score TEXT NOT NULL UNIQUE REFERENCES scores (id),
  submission TEXT NOT NULL UNIQUE REFERENCES submissions (id),
  scenario TEXT NOT NULL,
  org TEXT NOT NULL REFERENCES orgs (id),
  content TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('draft', 'submitted', 'scanning', 'blocked', 'review_1', 'review_2', 'approved', 'rejected',
    'returned', 'conflicted', 'releasing', 'released', 'revoked', 'withdrawn', 'expired', 'failed')),
  due_at BIGINT NOT NULL,
  shown TEXT NOT NULL,
  note TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  released_at BIGINT NOT NULL,
  UNIQUE (id, org),
  CHECK (released_at = 0 OR released_at >= due_at)
);
CREATE INDEX releases_by_state ON releases (state, due_at);

CREATE TABLE votes (
  id TEXT NOT NULL PRIMARY KEY,
  release_id TEXT NOT NULL,
  release_org TEXT NOT NULL,
  user_id TEXT NOT NULL,
  user_org TEXT NOT NULL,
  approve BIGINT NOT NULL CHECK (approve IN (0, 1)),
  reason TEXT NOT NULL,
  place BIGINT NOT NULL CHECK (place BETWEEN 1 AND 3),
  voted_at BIGINT NOT NULL,
  UNIQUE (release_id, user_id),
  UNIQUE (release_id, place),
  FOREIGN KEY (release_id, release_org) REFERENCES releases (id, org),
  FOREIGN KEY (user_id, user_org) REFERENCES users (id, org),
  CHECK (user_org <> release_org)
);

CREATE TABLE budgets (
  id TEXT NOT NULL PRIMARY KEY,
  scenario TEXT NOT NULL REFERENCES scenarios (id),
  round TEXT NOT NULL,
  org TEXT NOT NULL REFERENCES orgs (id),
  attempts BIGINT NOT NULL CHECK (attempts >= 0),
  spent BIGINT NOT NULL CHECK (spent >= 0),
  reserved BIGINT NOT NULL CHECK (reserved >= 0),
  UNIQUE (scenario, round, org),
  FOREIGN KEY (scenario, round) REFERENCES rounds (scenario, name)
);

-- The ledger does not cover what follows: leases, events and sessions change
-- with every heartbeat, and ledger and heads are what verification recomputes.

CREATE TABLE leases (
  run TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
  worker TEXT NOT NULL,
  fence BIGINT NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('leased', 'preparing', 'running', 'collecting')),
  expires_at BIGINT NOT NULL
);
CREATE INDEX leases_expiry ON leases (expires_at);

CREATE TABLE events (
  submission TEXT NOT NULL REFERENCES submissions (id),
  seq BIGINT NOT NULL,
  run TEXT NOT NULL,
  type TEXT NOT NULL,
  state TEXT NOT NULL,
  excerpt TEXT NOT NULL,
  happened_at BIGINT NOT NULL,
  show_at BIGINT NOT NULL,
  PRIMARY KEY (submission, seq)
);

CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,
  data TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE ledger (
  log TEXT NOT NULL,
  seq BIGINT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  salt TEXT NOT NULL,
  nodes TEXT NOT NULL,
  PRIMARY KEY (log, seq)
);
CREATE INDEX ledger_by_subject ON ledger (subject, log, seq);

CREATE TABLE heads (
  log TEXT NOT NULL PRIMARY KEY,
  size BIGINT NOT NULL,
  root TEXT NOT NULL,
  signed_at BIGINT NOT NULL,
  note TEXT NOT NULL
);
