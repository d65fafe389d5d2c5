package store

import (
	"context"
	"fmt"
	"slices"

	"aihub"
	"aihub/policies"
	"aihub/policies/sharing"
)

// release walks states by legal moves and returns the last.
func release(from aihub.ReleaseState, path ...aihub.ReleaseState) (aihub.ReleaseState, error) {
	for _, to := range path {
		if err := from.Next(to); err != nil {
			return from, err
		}
		from = to
	}
	return from, nil
}

const releaseCols = "id, score, submission, scenario, org, content, state, due_at, created_at, decided_at"

func scanRelease(s scanner) (r aihub.Release, err error) {
	err = s.Scan(&r.ID, &r.Score, &r.Submission, ref{&r.Scenario}, &r.Org, &r.Content, &r.State, at{&r.DueAt}, at{&r.CreatedAt}, at{&r.DecidedAt})
	return r, err
}

func noRelease(id aihub.ReleaseID) error { return notFound("release", "出域申请", string(id)) }

func (t *tx) release(id aihub.ReleaseID) (aihub.Release, error) {
	r, ok, err := one(t, scanRelease, "SELECT "+releaseCols+" FROM releases WHERE id = ?", id)
	if err == nil && !ok {
		err = noRelease(id)
	}
	if err == nil {
		r.Votes, err = t.votes(id)
	}
	return r, err
}

func (t *tx) votes(id aihub.ReleaseID) ([]aihub.Vote, error) {
	return all(t, func(s scanner) (v aihub.Vote, err error) {
		err = s.Scan(&v.By, &v.Approve, &v.Reason, at{&v.At})
		return v, err
	}, "SELECT user_id, approve, reason, voted_at FROM votes WHERE release_id = ? ORDER BY place", id)
}

// DueReleases returns the releases that ChargeScore or ReleaseScore would take
// now: submitted, where policy releases by itself, or approved by review, and
// their tick has come; or charged, and not yet shown.
func (db *DB) DueReleases(ctx context.Context) (list []aihub.Release, err error) {
	err = db.read(ctx, func(t *tx) error {
		list, err = all(t, scanRelease, "SELECT "+releaseCols+" FROM releases WHERE state IN (?, ?, ?) AND due_at <= ? ORDER BY due_at, id",
			aihub.ReleaseSubmitted, aihub.ReleaseApproved, aihub.ReleaseReleasing, us(t.now))
		return err
	})
	return list, err
}

// ChargeScore decides what will be shown of a score and charges it to the leak
// budget of the hidden part; nothing is shown yet. asked is how many answers the
// part had given when the question was put: a Conflict means that another one
// came between, and that the question is to be put again. For a scenario with
// review the release must be approved first. Nothing is charged before its tick,
// nor when the sealed values are no longer those that were submitted. An answer
// that was charged stays as it is, whatever happens before it is shown.
// ReleaseScore, ID = release
func (db *DB) ChargeScore(ctx context.Context, p policies.Permit, id aihub.ReleaseID, asked int64, terms sharing.Terms, a sharing.Answer) error {
	if err := p.Check(policies.ReleaseScore, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "note", a.Note); err != nil {
		return err
	}
	if a.Values == nil {
		a.Values = []aihub.MetricValue{}
	}
	text, err := toJSON(a.Values)
	if err != nil {
		return err
	}
	price, err := toMicro(a.Bits)
	if err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		r, err := t.release(id)
		if err != nil {
			return err
		}
		if r.DueAt.After(t.now) {
			return aihub.Errorf(aihub.Pending, aihub.Text{EN: "its time has not come", ZH: "尚未到公布时间"})
		}
		path := []aihub.ReleaseState{aihub.ReleaseReleasing}
		if r.State == aihub.ReleaseSubmitted {
			path = append([]aihub.ReleaseState{aihub.ReleaseScanning, aihub.ReleaseApproved}, path...)
		}
		to, err := release(r.State, path...)
		if err != nil {
			return err
		}
		sc, _, err := one(t, scanScore, scoreSelect+" WHERE c.id = ?", r.Score)
		if err != nil {
			return err
		}
		if aihub.DigestOf([]byte(sc.sealedText)) != r.Content {
			return damaged(fmt.Sprintf("the sealed values of %s are not those that were submitted", r.Submission),
				fmt.Sprintf("%s 的封存成绩与提交出域时不一致", r.Submission))
		}
		for _, v := range a.Values {
			if !slices.ContainsFunc(sc.Sealed, func(m aihub.MetricValue) bool { return m.ID == v.ID }) {
				return fmt.Errorf("store: metric %s was never scored", v.ID)
			}
		}
		s, err := t.submission(r.Submission)
		if err != nil {
			return err
		}
		proof, part, err := t.prove(s, sc.Sealed, terms, asked, price)
		if err != nil {
			return err
		}
		certificate, err := toJSON(proof)
		if err != nil {
			return err
		}
		t.touch("scores", string(r.Score))
		if err := t.swap("UPDATE scores SET bits = ?, proof = ? WHERE id = ?", price, certificate, r.Score); err != nil {
			return err
		}
		t.touch("releases", string(id))
		if err := t.swap("UPDATE releases SET state = ?, shown = ?, note = ?, decided_at = CASE WHEN decided_at = 0 THEN ? ELSE decided_at END WHERE id = ? AND state = ?",
			to, text, a.Note, us(t.now), id, r.State); err != nil {
			return err
		}
		return t.record(acts, "release.charge", string(r.Submission), permitted(p), map[string]any{
			"submission": r.Submission, "part": part, "bits": bits(price), "certificate": proof,
		})
	})
}

// prove charges an answer and returns the certificate that goes with it: of as many
// rows as the part has, or of what its units are worth. A final part has no account:
// its answers are all given at once.
func (t *tx) prove(s submissionRow, sealed []aihub.MetricValue, terms sharing.Terms, asked, price int64) (c aihub.Certificate, part string, err error) {
	sc, err := t.scenario(s.Scenario)
	if err != nil {
		return c, "", err
	}
	round, err := t.round(s.Scenario, s.Round)
	if err != nil {
		return c, "", err
	}
	v, err := t.dataset(sc.Dataset)
	if err != nil {
		return c, "", err
	}
	f, _ := v.File(round.Part)
	for _, m := range sealed {
		if m.Units > 0 {
			f.Rows = min(f.Rows, m.Units)
		}
	}
	if round.Part == aihub.Final {
		n, _, err := one(t, value[int64], `SELECT count(*) FROM submissions WHERE scenario = ? AND round = ? AND smoke = 0`, s.Scenario.String(), s.Round)
		return sharing.FinalCertificate(terms, n, f.Rows), sc.Dataset.String() + "/" + string(round.Part), err
	}
	before, err := t.partOf(sc.Dataset, round.Part)
	if err != nil {
		return c, "", err
	}
	if before.Answers != asked {
		return c, "", conflict("another answer about this part came between", "在此期间该分区已给出另一答复")
	}
	after, err := t.charge(s, round.Part, price)
	return after.Certificate(terms, f.Rows), after.id, err
}

// ReleaseScore shows what was charged: the release goes to released in one
// transaction with its leaf. The charge is in the checkpoint file by then, so
// that no copy of the database that forgets it can be put back.
// ReleaseScore, ID = release
func (db *DB) ReleaseScore(ctx context.Context, p policies.Permit, id aihub.ReleaseID) error {
	if err := p.Check(policies.ReleaseScore, string(id)); err != nil {
		return err
	}
	if db.keep != nil {
		if err := db.keep.sync(); err != nil {
			return err
		}
	}
	return db.write(ctx, func(t *tx) error {
		r, err := t.release(id)
		if err != nil {
			return err
		}
		to, err := release(r.State, aihub.ReleaseReleased)
		if err != nil {
			return err
		}
		t.touch("releases", string(id))
		if err := t.swap("UPDATE releases SET state = ?, released_at = ? WHERE id = ? AND state = ?", to, us(t.now), id, r.State); err != nil {
			return err
		}
		if err := t.event(r.Submission, "", "released", string(to), "", t.now); err != nil {
			return err
		}
		sc, _, err := one(t, scanScore, scoreSelect+" WHERE c.id = ?", r.Score)
		if err != nil {
			return err
		}
		if err := t.record(acts, string(policies.ReleaseScore), string(r.Submission), permitted(p),
			map[string]any{"submission": r.Submission, "values": sc.Released, "note": sc.Note, "certificate": sc.Proof}); err != nil {
			return err
		}
		return t.settleDue(r.Submission)
	})
}

// Vote records a reviewer's decision and moves the release: two that agree
// decide it (approved, rejected), two that differ leave it conflicted for a
// third. Compare-and-swap on its state. Nobody votes on work of her own organisation:
// the engine refuses the permit, sameFacts one that was got with another
// organisation, and the database the row.
// ReleaseVote, ID = release
func (db *DB) Vote(ctx context.Context, p policies.Permit, id aihub.ReleaseID, approve bool, reason string) error {
	if err := p.Check(policies.ReleaseVote, string(id)); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	a := p.Actor()
	return db.write(ctx, func(t *tx) error {
		r, err := t.release(id)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: r.Org}); err != nil {
			return err
		}
		if slices.ContainsFunc(r.Votes, func(v aihub.Vote) bool { return v.By == a.User }) {
			return conflict("you have voted on this release already", "您已对该出域申请投票")
		}
		to, err := tally(r.State, r.Votes, approve)
		if err != nil {
			return err
		}
		var decided int64
		if to == aihub.ReleaseApproved || to == aihub.ReleaseRejected {
			decided = us(t.now)
		}
		vote := string(id) + "/" + string(a.User)
		t.touch("votes", vote)
		if err := t.insert("votes", "id, release_id, release_org, user_id, user_org, approve, reason, place, voted_at",
			vote, id, r.Org, a.User, a.Org, bit(approve), reason, len(r.Votes)+1, us(t.now)); err != nil {
			return err
		}
		t.touch("releases", string(id))
		if err := t.swap("UPDATE releases SET state = ?, decided_at = ? WHERE id = ? AND state = ?", to, decided, id, r.State); err != nil {
			return err
		}
		if to == aihub.ReleaseRejected {
			if err := t.chargeRefusal(r); err != nil {
				return err
			}
		}
		return t.record(acts, string(policies.ReleaseVote), string(r.Submission), permitted(p), nil)
	})
}

// chargeRefusal charges what reviewers of the sealed values say by refusing them.
func (t *tx) chargeRefusal(r aihub.Release) error {
	s, err := t.submission(r.Submission)
	if err != nil {
		return err
	}
	round, err := t.round(s.Scenario, s.Round)
	if err != nil || round.Part == aihub.Final {
		return err
	}
	if _, err := t.charge(s, round.Part, s.bits); err != nil {
		return err
	}
	t.touch("scores", string(r.Score))
	return t.swap("UPDATE scores SET bits = ? WHERE id = ?", s.bits, r.Score)
}

// tally returns where a vote takes a release that has had so many.
func tally(from aihub.ReleaseState, votes []aihub.Vote, approve bool) (aihub.ReleaseState, error) {
	verdict := map[bool]aihub.ReleaseState{true: aihub.ReleaseApproved, false: aihub.ReleaseRejected}
	to := verdict[approve]
	switch from {
	case aihub.ReleaseReview1:
		to = aihub.ReleaseReview2
	case aihub.ReleaseReview2:
		if len(votes) != 1 || votes[0].Approve != approve {
			to = aihub.ReleaseConflicted
		}
	case aihub.ReleaseConflicted:
	default:
		return from, conflict(fmt.Sprintf("a release that is %q takes no votes", from), fmt.Sprintf("出域申请处于 %q 状态，不能投票", from))
	}
	return to, from.Next(to)
}

// Release returns one in scope, as the scope may see it.
func (db *DB) Release(ctx context.Context, s policies.Scope, id aihub.ReleaseID) (rel aihub.Release, err error) {
	err = db.read(ctx, func(t *tx) error {
		r, err := t.release(id)
		if err != nil {
			return err
		}
		v, ok := redactRelease(s, r, t.now)
		if !ok {
			return noRelease(id)
		}
		rel = v
		return nil
	})
	return rel, err
}

// Releases lists those in scope in a state ("" for any), by tick.
func (db *DB) Releases(ctx context.Context, s policies.Scope, state aihub.ReleaseState) ([]aihub.Release, error) {
	q, args := "SELECT "+releaseCols+" FROM releases WHERE 1 = 1", []any{}
	if state != "" {
		q, args = q+" AND state = ?", append(args, state)
	}
	if !s.All() {
		q, args = q+" AND org = ?", append(args, s.Actor().Org)
	}
	list := []aihub.Release{}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanRelease, q+" ORDER BY due_at, id", args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Votes, err = t.votes(r.ID); err != nil {
				return err
			}
			if v, ok := redactRelease(s, r, t.now); ok {
				list = append(list, v)
			}
		}
		return nil
	})
	return list, err
}
