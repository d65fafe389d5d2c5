package store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"time"

	"aihub"
	"aihub/policies"
)

const scoreSelect = `SELECT c.id, c.submission, c.run, c.scenario, c.round, c.org, c.sealed, c.bits, c.scored_at,
	r.state, r.due_at, r.shown, r.note, r.released_at, COALESCE(c.proof, '') FROM scores c JOIN releases r ON r.score = c.id`

// scoreRow is a score with where its release stands.
type scoreRow struct {
	aihub.Score
	sealedText string
	release    aihub.ReleaseState
	due        time.Time
}

func scanScore(s scanner) (r scoreRow, err error) {
	var values, proof string
	err = s.Scan(&r.ID, &r.Submission, &r.Run, ref{&r.Scenario}, &r.Round, &r.Org, &r.sealedText, micro{&r.Bits}, at{&r.ScoredAt},
		&r.release, at{&r.due}, &values, &r.Note, at{&r.ReleasedAt}, &proof)
	if err == nil {
		err = json.Unmarshal([]byte(r.sealedText), &r.Sealed)
	}
	if err == nil && proof != "" {
		err = json.Unmarshal([]byte(proof), &r.Proof)
	}
	if err == nil && values != "" {
		err = json.Unmarshal([]byte(values), &r.Released)
	}
	return r, err
}

// Score returns the score of a submission: its released part in a vendor's
// scope and the public's, sealed values too for a reviewer of another
// organisation, all for the platform.
func (db *DB) Score(ctx context.Context, s policies.Scope, sub aihub.SubmissionID) (score aihub.Score, err error) {
	err = db.read(ctx, func(t *tx) error {
		row, ok, err := one(t, scanScore, scoreSelect+" WHERE c.submission = ?", sub)
		if err != nil {
			return err
		}
		if ok {
			score, ok = redactScore(s, row, t.now)
		}
		if !ok {
			return notFound("score of submission", "成绩，提交", string(sub))
		}
		return nil
	})
	return score, err
}

// Scores lists the scores of a round the same way, by tick. Within a tick the
// order is that of random ids: when a run ended is not to be read from it.
func (db *DB) Scores(ctx context.Context, s policies.Scope, sc aihub.Ref, round string) ([]aihub.Score, error) {
	list := []aihub.Score{}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanScore, scoreSelect+" WHERE c.scenario = ? AND c.round = ? ORDER BY r.due_at, c.id", sc.String(), round)
		for _, r := range rows {
			if v, ok := redactScore(s, r, t.now); ok {
				list = append(list, v)
			}
		}
		return err
	})
	return list, err
}

// Entry is one released score with what a board shows of its submission.
type Entry struct {
	Score    aihub.Score
	Org      aihub.Org
	Name     string
	Baseline bool
	At       time.Time // submitted
}

// Board returns the released scores of a round; public.
func (db *DB) Board(ctx context.Context, sc aihub.Ref, round string) ([]Entry, error) {
	list := []Entry{}
	err := db.read(ctx, func(t *tx) error {
		rows, err := all(t, scanScore, scoreSelect+" WHERE c.scenario = ? AND c.round = ? AND r.state = ? ORDER BY r.due_at, c.submission",
			sc.String(), round, aihub.ReleaseReleased)
		if err != nil {
			return err
		}
		for _, r := range rows {
			e, _, err := one(t, func(s scanner) (e Entry, err error) {
				err = s.Scan(&e.Name, &e.Baseline, at{&e.At}, &e.Org.ID, &e.Org.Name.ZH, &e.Org.Name.EN, at{&e.Org.CreatedAt})
				return e, err
			}, "SELECT submissions.name, submissions.baseline, submissions.created_at, "+orgCols+
				" FROM submissions JOIN orgs ON orgs.id = submissions.org WHERE submissions.id = ?", r.Submission)
			if err != nil {
				return err
			}
			e.Score, _ = redactScore(policies.Scope{}, r, t.now)
			list = append(list, e)
		}
		return nil
	})
	return list, err
}

// Sample returns the primary metric of a sealed score under the bootstrap draws of
// its round, nil when it has none. Only the platform itself may ask.
func (db *DB) Sample(ctx context.Context, s policies.Scope, sub aihub.SubmissionID) (sample []float64, err error) {
	err = db.read(ctx, func(t *tx) error {
		text, ok, err := one(t, value[string], "SELECT COALESCE(sample, '') FROM scores WHERE submission = ?", sub)
		if err == nil && (!ok || !isPlatform(s)) {
			err = notFound("score of submission", "成绩，提交", string(sub))
		}
		if err == nil {
			sample, err = unpacked(text)
		}
		return err
	})
	return sample, err
}

// Measured is what was measured of one released submission beside its values.
type Measured struct {
	Submission aihub.SubmissionID
	Sample     []float64 // see Sample
	Usage      aihub.Usage
}

// Measured returns what was measured of the released submissions of a final
// round, which is asked once: of no other round may that be known. Only the
// platform itself may ask.
func (db *DB) Measured(ctx context.Context, s policies.Scope, sc aihub.Ref, round string) ([]Measured, error) {
	list := []Measured{}
	err := db.read(ctx, func(t *tx) error {
		r, err := t.round(sc, round)
		if err != nil {
			return err
		}
		if !isPlatform(s) || r.Part != aihub.Final {
			return notFound("final round", "final 轮次", sc.String()+"/"+round)
		}
		type row struct {
			Measured
			sample string
		}
		rows, err := all(t, func(s scanner) (m row, err error) {
			err = s.Scan(&m.Submission, &m.sample, js{&m.Usage})
			return m, err
		}, `SELECT c.submission, COALESCE(c.sample, ''), i.usage_json FROM scores c JOIN releases r ON r.score = c.id
			JOIN runs k ON k.id = c.run JOIN runs i ON i.id = k.scores
			WHERE c.scenario = ? AND c.round = ? AND r.state = ? ORDER BY c.submission`, sc.String(), round, aihub.ReleaseReleased)
		for _, m := range rows {
			if m.Measured.Sample, err = unpacked(m.sample); err != nil {
				return err
			}
			list = append(list, m.Measured)
		}
		return err
	})
	return list, err
}

// MaxProbes is how many of the newest scores of a round are compared with one another.
const MaxProbes = 500

// Probes returns the newest scored submissions of a round with their draws, in the
// order in which they were entered. It tells who asks nearly the same again, which
// reviewers and the scenario's stewards may know who enter nothing themselves: for
// everyone else there is no such thing.
func (db *DB) Probes(ctx context.Context, s policies.Scope, sc aihub.Ref, round string) (list []aihub.Probe, err error) {
	err = db.read(ctx, func(t *tx) error {
		row, err := t.scenario(sc)
		if err != nil {
			return err
		}
		if _, err := t.round(sc, round); err != nil {
			return err
		}
		if a := s.Actor(); a.Has(aihub.Vendor) || !a.Has(aihub.Reviewer) && !(a.Has(aihub.Steward) && a.Org == row.Org) {
			return notFound("report of probing", "近似提交报告", sc.String()+"/"+round)
		}
		rows, err := all(t, func(s scanner) (p struct {
			aihub.Probe
			sample string
		}, err error) {
			err = s.Scan(&p.Submission, &p.Org, &p.sample)
			return p, err
		}, `SELECT c.submission, c.org, COALESCE(c.sample, '') FROM scores c JOIN submissions u ON u.id = c.submission
			WHERE c.scenario = ? AND c.round = ? ORDER BY u.created_at DESC, u.id DESC LIMIT ?`, sc.String(), round, MaxProbes)
		for _, p := range slices.Backward(rows) {
			if p.Probe.Sample, err = unpacked(p.sample); err != nil {
				return err
			}
			list = append(list, p.Probe)
		}
		return err
	})
	return list, err
}

// packed writes numbers as base64 of their bits, little endian.
func packed(list []float64) string {
	if len(list) == 0 {
		return ""
	}
	b := make([]byte, 0, 8*len(list))
	for _, x := range list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func unpacked(text string) ([]float64, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b)%8 != 0 {
		return nil, damaged("the sample of a score is not what was stored", "成绩的自助样本与存储内容不符")
	}
	var list []float64
	for ; len(b) > 0; b = b[8:] {
		list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return list, nil
}
