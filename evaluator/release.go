package evaluator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aihub"
	"aihub/evaluator/board"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/scenarios"
)

// Release shows every score whose tick has come (and which reviewers approved,
// where the scenario asks them), with the digits that its sharing terms allow.
// It returns how many. One that cannot be released does not hold up the others.
func (w *Worker) Release(ctx context.Context) (int, error) {
	due, err := w.DB.DueReleases(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	var errs []error
	for _, r := range due {
		err := w.release(ctx, r)
		switch {
		case err == nil:
			n++
		case aihub.KindOf(err) == aihub.Conflict: // another worker was quicker
		default:
			errs = append(errs, fmt.Errorf("release %s of submission %s: %w", r.ID, r.Submission, err))
		}
	}
	return n, errors.Join(errs...)
}

func (w *Worker) release(ctx context.Context, r aihub.Release) error {
	all := policies.ScopeOf(policies.Platform())
	score, err := w.DB.Score(ctx, all, r.Submission)
	if err != nil {
		return err
	}
	scenario, err := w.DB.Scenario(ctx, all, r.Scenario)
	if err != nil {
		return err
	}
	terms, err := sharing.TermsOf(scenario.Spec)
	if err != nil {
		return err
	}
	sub, err := w.DB.Submission(ctx, all, r.Submission)
	if err != nil {
		return err
	}
	best, err := w.shown(ctx, sub, terms)
	if err != nil {
		return err
	}
	values, note, err := sharing.Apply(terms, score.Sealed, best)
	if err != nil {
		return err
	}
	p, err := w.Policies.Authorize(ctx, policies.Platform(), policies.ReleaseScore,
		policies.Object{Kind: "release", ID: string(r.ID), Org: r.Org})
	if err != nil {
		return err
	}
	return w.DB.ReleaseScore(ctx, p, r.ID, values, note)
}

// shown returns the best values shown so far to the submission's organisation
// in its round, or nil. A baseline is entered by the owner of the truth, from
// whom nothing is hidden: each is shown as it is.
func (w *Worker) shown(ctx context.Context, sub aihub.Submission, terms sharing.Terms) ([]aihub.MetricValue, error) {
	if sub.Baseline {
		return nil, nil
	}
	entries, err := w.DB.Board(ctx, sub.Scenario, sub.Round)
	if err != nil {
		return nil, err
	}
	ids, better := make([]string, 1), "max"
	for _, m := range terms.Metrics {
		if m.Primary {
			ids[0] = m.ID
			if m.Min {
				better = "min"
			}
		}
	}
	var own []store.Entry
	for _, e := range entries {
		if e.Org.ID == sub.Org && !e.Baseline {
			own = append(own, e)
		}
	}
	rows := board.Rank(entriesOf(own), ids, better)
	if len(rows) == 0 {
		return nil, nil
	}
	for _, e := range own {
		if e.Score.Submission == rows[0].Submission {
			return e.Score.Released, nil
		}
	}
	return nil, nil
}

// Table is the board of one round.
type Table struct {
	Scenario aihub.Ref
	Title    aihub.Text
	Round    string
	Metrics  []string // ids, primary first
	Primary  string
	Better   string // max, min
	AsOf     time.Time
	Rows     []board.Row
}

// Board ranks what was released of a round, as the public may see it; asOf is
// when it was asked for. A scenario or round that does not exist is NotFound.
func Board(ctx context.Context, db *store.DB, ref aihub.Ref, round string, asOf time.Time) (Table, error) {
	scenario, err := db.Scenario(ctx, policies.Scope{}, ref)
	if err != nil {
		return Table{}, err
	}
	spec, err := scenarios.ParseCanonical(scenario.Spec)
	if err != nil {
		return Table{}, err
	}
	primary, ok := spec.PrimaryMetric()
	if !ok {
		return Table{}, fmt.Errorf("evaluator: scenario %s has no primary metric", ref)
	}
	known := false
	for _, r := range spec.Rounds {
		known = known || r.Name == round
	}
	if !known {
		return Table{}, aihub.Errorf(aihub.NotFound, aihub.Text{
			EN: fmt.Sprintf("scenario %s has no round %q", ref, clip(round)), ZH: fmt.Sprintf("应用场景 %s 没有轮次 %q", ref, clip(round)),
		})
	}
	entries, err := db.Board(ctx, ref, round)
	if err != nil {
		return Table{}, err
	}
	t := Table{
		Scenario: ref, Title: scenario.Title, Round: round, Metrics: []string{primary.ID},
		Primary: primary.ID, Better: primary.Direction, AsOf: asOf,
	}
	for _, m := range spec.Metrics {
		if m.ID != primary.ID {
			t.Metrics = append(t.Metrics, m.ID)
		}
	}
	t.Rows = board.Rank(entriesOf(entries), t.Metrics, t.Better)
	return t, nil
}

func entriesOf(list []store.Entry) []board.Entry {
	var out []board.Entry
	for _, e := range list {
		out = append(out, board.Entry{
			Org: e.Org, Submission: e.Score.Submission, Name: e.Name, Baseline: e.Baseline, At: e.At, Values: e.Score.Released,
		})
	}
	return out
}
