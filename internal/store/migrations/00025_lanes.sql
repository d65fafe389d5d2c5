-- The queue by what claims a run (turns.go: lane), so that whoever looks for one
-- kind steps over none of another, and whoever counts reads the index alone.

-- +goose Up

DROP INDEX runs_turns;
CREATE INDEX runs_turns ON runs (state, (CASE WHEN workspace = 1 THEN 'workspace' WHEN stage = 'scorer' THEN 'scorer' ELSE kind END),
  org, scenario, queued_at, id);
