package evaluator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"aihub"
	"aihub/evaluator/board"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
)

// Release shows every score whose tick has come (and which reviewers approved,
// where the scenario asks them), with the digits that its sharing terms allow.
// It returns how many. One that cannot be released does not hold up the others.
//
// Within a tick, releases go in the order of submission, because what is shown
// of one depends on what was shown before. What was shown is read before it is
// added to, so only one worker of a platform may release at a time.
func (w *Worker) Release(ctx context.Context) (int, error) {
	due, err := w.DB.DueReleases(ctx)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	subs := map[aihub.SubmissionID]aihub.Submission{}
	for _, r := range due {
		if subs[r.Submission], err = w.DB.Submission(ctx, policies.ScopeOf(policies.Platform()), r.Submission); err != nil {
			return 0, fmt.Errorf("release %s of submission %s: %w", r.ID, r.Submission, err)
		}
	}
	slices.SortFunc(due, func(a, b aihub.Release) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), subs[a.Submission].CreatedAt.Compare(subs[b.Submission].CreatedAt),
			cmp.Compare(a.Submission, b.Submission))
	})
	n := 0
	var errs []error
	for _, r := range due {
		err := w.release(ctx, r, subs[r.Submission])
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

func (w *Worker) release(ctx context.Context, r aihub.Release, sub aihub.Submission) error {
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
	rows := board.Rank(Entries(own), ids, better)
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

// Entries turns what was released of a round into what board.Rank ranks. A
// score that did not improve has none: what was shown of it belongs to an
// earlier one of its organisation.
func Entries(list []store.Entry) []board.Entry {
	var out []board.Entry
	for _, e := range list {
		if e.Score.Note == sharing.NoImprovement {
			continue
		}
		out = append(out, board.Entry{
			Org: e.Org, Submission: e.Score.Submission, Name: e.Name, Baseline: e.Baseline, At: e.At, Values: e.Score.Released,
		})
	}
	return out
}
