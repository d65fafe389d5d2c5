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
	"aihub/scenarios"
)

// Release answers every submission whose tick has come (and which reviewers
// approved, where the scenario asks them): the answer that the scenario's terms
// allow is charged to the leak budget of the hidden part, and then shown. It
// returns how many. One that cannot be released does not hold up the others.
//
// Within a tick, releases go in the order of submission, because an answer
// depends on the answers before it. The store refuses a charge when another
// answer about the part has come between; the question is put again.
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
	p, err := w.Policies.Authorize(ctx, policies.Platform(), policies.ReleaseScore,
		policies.Object{Kind: "release", ID: string(r.ID), Org: r.Org})
	if err != nil {
		return err
	}
	if r.State != aihub.ReleaseReleasing {
		if err := w.charge(ctx, p, r, sub); err != nil {
			return err
		}
	}
	return w.DB.ReleaseScore(ctx, p, r.ID)
}

// charge decides what is shown of a score.
func (w *Worker) charge(ctx context.Context, p policies.Permit, r aihub.Release, sub aihub.Submission) error {
	all := policies.ScopeOf(policies.Platform())
	part, err := w.DB.PartBudget(ctx, sub.Scenario, sub.Round)
	if err != nil {
		return err
	}
	score, err := w.DB.Score(ctx, all, r.Submission)
	if err != nil {
		return err
	}
	scenario, err := w.DB.Scenario(ctx, all, r.Scenario)
	if err != nil {
		return err
	}
	terms, err := termsOf(scenario.Spec)
	if err != nil {
		return err
	}
	round, err := w.round(ctx, sub)
	if err != nil {
		return err
	}
	var a sharing.Answer
	if round.Part == aihub.Final {
		a, err = terms.Final(score.Sealed)
	} else {
		// A baseline is entered by the owner of the truth, from whom nothing is hidden.
		// Where the last entry counts, each is shown, at the price of that.
		q := sharing.Question{Sealed: score.Sealed, Every: sub.Baseline || countsLast(scenario, sub.Round)}
		if err := w.against(ctx, sub, scenario.Spec, terms, &q); err != nil {
			return err
		}
		a, err = terms.Answer(q)
	}
	if err != nil {
		return err
	}
	if score.Bits > 0 { // an earlier version of the platform charged when it scored
		a.Bits = 0
	}
	return w.DB.ChargeScore(ctx, p, r.ID, part.Answers, terms, a)
}

// termsOf reads a scenario's terms, with what is known of its metrics' losses.
func termsOf(canonical []byte) (sharing.Terms, error) {
	terms, err := sharing.TermsOf(canonical)
	if err != nil {
		return terms, err
	}
	spec, err := scenarios.ParseCanonical(canonical)
	if err != nil {
		return terms, err
	}
	for i, m := range spec.Metrics { // in the same order
		terms.Metrics[i].Loss = spec.LossWidth(m)
	}
	return terms, nil
}

func (w *Worker) round(ctx context.Context, sub aihub.Submission) (aihub.Round, error) {
	rounds, err := w.DB.Rounds(ctx, sub.Scenario)
	for _, r := range rounds {
		if r.Name == sub.Round {
			return r, err
		}
	}
	return aihub.Round{}, cmp.Or(err, fmt.Errorf("evaluator: %s has no round %q", sub.Scenario, sub.Round))
}

// countsLast reports whether a round's board has the last entry of an organisation.
func countsLast(sc aihub.Scenario, round string) bool {
	spec, err := scenarios.ParseCanonical(sc.Spec)
	return err == nil && slices.ContainsFunc(spec.Rounds, func(r scenarios.Round) bool { return r.Name == round && r.Entry == "last" })
}

// against fills in what was shown so far to the submission's organisation in its
// round, and how the sealed primary values compare; nothing where each is shown. A
// number that stands for no value gains nothing: no draws say that it is better.
func (w *Worker) against(ctx context.Context, sub aihub.Submission, canonical []byte, terms sharing.Terms, q *sharing.Question) error {
	if q.Every {
		return nil
	}
	entries, err := w.DB.Board(ctx, sub.Scenario, sub.Round)
	if err != nil {
		return err
	}
	primary := terms.Primary()
	better := map[bool]string{true: "min", false: "max"}[primary.Min]
	var own []store.Entry
	for _, e := range entries {
		if e.Org.ID == sub.Org && !e.Baseline {
			own = append(own, e)
		}
	}
	rows := board.Rank(Entries(own), []string{primary.ID}, better)
	if len(rows) == 0 {
		return nil
	}
	i := slices.IndexFunc(own, func(e store.Entry) bool { return e.Score.Submission == rows[0].Submission })
	q.Best = own[i].Score.Released

	all := policies.ScopeOf(policies.Platform())
	leader, err := w.DB.Score(ctx, all, rows[0].Submission)
	if err != nil {
		return err
	}
	draws := [2][]float64{}
	for i, id := range []aihub.SubmissionID{sub.ID, leader.Submission} {
		if draws[i], err = w.DB.Sample(ctx, all, id); err != nil {
			return err
		}
	}
	mine, theirs := valueOf(q.Sealed, primary.ID), valueOf(leader.Sealed, primary.ID)
	if mine.Status == aihub.MetricUndefined || theirs.Status == aihub.MetricUndefined {
		return nil
	}
	spec, err := scenarios.ParseCanonical(canonical)
	if err != nil {
		return err
	}
	if m, ok := spec.PrimaryMetric(); ok && stoodIn(m, mine) && len(draws[0]) == 0 {
		q.Leader = &sharing.Paired{}
		return nil
	}
	gain := mine.Value - theirs.Value
	if primary.Min {
		gain = -gain
	}
	if se, ok := board.PairedSE(mine, theirs, draws[0], draws[1]); ok {
		q.Leader = &sharing.Paired{Gain: gain, SE: se}
	}
	return nil
}

func valueOf(list []aihub.MetricValue, id string) aihub.MetricValue {
	for _, v := range list {
		if v.ID == id {
			return v
		}
	}
	return aihub.MetricValue{Status: aihub.MetricUndefined}
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
			Org: e.Org, Submission: e.Score.Submission, Name: e.Name, Baseline: e.Baseline, At: e.At, Values: e.Score.Released, Proof: e.Score.Proof,
		})
	}
	return out
}
