package store

import (
	"context"

	"aihub"
	"aihub/policies"
)

// ScenarioCount is what a list shows of the interest in a scenario.
type ScenarioCount struct {
	Enrolled    int // approved enrolments
	Submissions int // entered in a round, whatever became of them: smoke runs do not count
}

// ScenarioCounts returns the counts of every scenario that has any; public.
// Submissions are counted when they are entered, so that no count tells when a
// run ends.
func (db *DB) ScenarioCounts(ctx context.Context) (map[aihub.Ref]ScenarioCount, error) {
	type row struct {
		ref aihub.Ref
		n   int
	}
	scan := func(s scanner) (r row, err error) { err = s.Scan(ref{&r.ref}, &r.n); return r, err }
	counts := map[aihub.Ref]ScenarioCount{}
	err := db.read(ctx, func(t *tx) error {
		enrolled, err := all(t, scan, "SELECT scenario, count(*) FROM enrolments WHERE state = 'approved' GROUP BY scenario")
		if err != nil {
			return err
		}
		entered, err := all(t, scan, "SELECT scenario, count(*) FROM submissions WHERE smoke = 0 AND COALESCE(train, 0) = 0 GROUP BY scenario")
		for _, r := range enrolled {
			counts[r.ref] = ScenarioCount{Enrolled: r.n}
		}
		for _, r := range entered {
			c := counts[r.ref]
			c.Submissions = r.n
			counts[r.ref] = c
		}
		return err
	})
	return counts, err
}

// RecordLogRead puts on the ledger that the holder of the permit reads the log
// of a run.
// LogRead, ID = run
func (db *DB) RecordLogRead(ctx context.Context, p policies.Permit, id aihub.RunID) error {
	if err := p.Check(policies.LogRead, string(id)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		r, err := t.run(id)
		if err != nil {
			return err
		}
		sc, err := t.scenario(r.Scenario)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: sc.Org}); err != nil {
			return err
		}
		return t.record(acts, string(policies.LogRead), string(id), permitted(p), nil)
	})
}
