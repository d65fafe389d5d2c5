package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/scenarios"
)

// NextScenarioVersion returns the number a new version of name would get.
func (db *DB) NextScenarioVersion(ctx context.Context, name string) (n int, err error) {
	err = db.read(ctx, func(t *tx) error { n, err = t.nextVersion("scenarios", name); return err })
	return n, err
}

// terms is what the store itself must know of a canonical spec.
type terms struct {
	Description aihub.Text `json:"description"`
	Scorer      *struct {
		Image aihub.Digest `json:"image"`
	} `json:"scorer"`
	Sharing struct {
		Score struct {
			Release string             `json:"release"`
			Tick    scenarios.Duration `json:"tick"`
		} `json:"score"`
	} `json:"sharing"`
}

func termsOf(spec []byte) (m terms, err error) {
	if len(spec) > 0 {
		if err := json.Unmarshal(spec, &m); err != nil {
			return m, invalid("the scenario's spec is not canonical JSON", "应用场景说明不是规范的 JSON").Because(err)
		}
	}
	return m, nil
}

// scorerOf returns the image that scores a scenario, "" when the platform does.
func (t *tx) scorerOf(r aihub.Ref) (aihub.Digest, error) {
	sc, err := t.scenario(r)
	if err != nil {
		return "", err
	}
	m, err := termsOf(sc.Spec)
	if err != nil || m.Scorer == nil {
		return "", err
	}
	return m.Scorer.Image, nil
}

// PublishScenario opens sc with its rounds. The dataset must be published, and a
// scorer approved. The
// release mode and the tick of its outcomes are read from its spec.
// ScenarioPublish, ID = name
func (db *DB) PublishScenario(ctx context.Context, p policies.Permit, sc aihub.Scenario, rounds []aihub.Round) error {
	if err := p.Check(policies.ScenarioPublish, sc.Ref.Name); err != nil {
		return err
	}
	if err := own(p, &sc.Author, &sc.Org); err != nil {
		return err
	}
	m, err := termsOf(sc.Spec)
	if err != nil {
		return err
	}
	if d := aihub.DigestOf(sc.Spec); sc.Digest == "" {
		sc.Digest = d
	} else if sc.Digest != d {
		return invalid("the scenario's digest is not that of its spec", "应用场景摘要与其说明不符")
	}
	if m.Sharing.Score.Tick < 0 {
		return invalid("the scenario's tick is negative", "应用场景的公布间隔为负数")
	}
	if err := bounded(1<<20, "spec", string(sc.Spec), "title", sc.Title.ZH+sc.Title.EN, "summary", sc.Summary.ZH+sc.Summary.EN); err != nil {
		return err
	}
	var tested any
	facts := map[string]any{"digest": sc.Digest, "dataset": sc.Dataset}
	if len(sc.SelfTest) > 0 {
		said, err := toJSON(sc.SelfTest)
		if err != nil {
			return err
		}
		tested = said // no digest of it in the public facts: what comes out is few, and of labels
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.checkRef("scenarios", sc.Ref, sc.Org); err != nil {
			return err
		}
		v, err := t.dataset(sc.Dataset)
		if err != nil {
			return err
		}
		if v.State != aihub.DatasetPublished {
			kind, hint := aihub.Conflict, aihub.Text{EN: "pin a version that is in use: aihub dataset list", ZH: "请改用在用的版本：aihub dataset list"}
			if v.State == aihub.DatasetProposed {
				kind, hint = aihub.Pending, aihub.Text{EN: "a second person must approve it first", ZH: "须先由另一人审批"}
			}
			return aihub.Errorf(kind, aihub.Text{
				EN: fmt.Sprintf("dataset %s is %s, not published", sc.Dataset, v.State),
				ZH: fmt.Sprintf("数据集 %s 处于 %s 状态，不是已发布的版本", sc.Dataset, v.State),
			}).WithHint(hint)
		}
		if m.Scorer != nil {
			if err := t.mayScore(sc.Org, m.Scorer.Image); err != nil {
				return err
			}
		}
		id := sc.Ref.String()
		t.touch("scenarios", id)
		if err := t.insert("scenarios", `id, name, version, org, author, state, title_zh, title_en, summary_zh, summary_en, field, area,
			dataset, spec, digest, search, tick, review, published_at, self_test`,
			id, sc.Ref.Name, sc.Ref.Version, sc.Org, sc.Author, aihub.ScenarioOpen, sc.Title.ZH, sc.Title.EN, sc.Summary.ZH,
			sc.Summary.EN, sc.Field, sc.Area, sc.Dataset.String(), string(sc.Spec), sc.Digest, "", // search: what was looked through before there was an index

			time.Duration(m.Sharing.Score.Tick).Microseconds(), bit(m.Sharing.Score.Release == "review"), us(t.now), tested); err != nil {
			return err
		}
		sc.State = aihub.ScenarioOpen
		if err := t.index("scenario", id, scenarioWords(sc, m.Description.ZH, m.Description.EN)); err != nil {
			return err
		}
		for i, r := range rounds {
			if err := t.addRound(id, i, r); err != nil {
				return err
			}
			if err := t.openPart(id, sc.Dataset, r); err != nil {
				return err
			}
		}
		return t.record(acts, string(policies.ScenarioPublish), id, permitted(p), facts)
	})
}

func (t *tx) addRound(scenario string, place int, r aihub.Round) error {
	if err := aihub.CheckSlug(r.Name); err != nil {
		return err
	}
	budget, err := toMicro(r.BudgetBits)
	if err != nil {
		return err
	}
	if r.Quota < 0 || (!r.Closes.IsZero() && !r.Closes.After(r.Opens)) {
		return invalid(fmt.Sprintf("round %q has a negative quota or closes before it opens", r.Name), fmt.Sprintf("轮次 %q 的次数为负，或在开始前结束", r.Name))
	}
	share, err := toMicro(r.OrgBits)
	if err != nil {
		return err
	}
	id := scenario + "/" + r.Name
	t.touch("rounds", id)
	return t.insert("rounds", "id, scenario, name, place, title_zh, title_en, part, opens_at, closes_at, quota, budget, share",
		id, scenario, r.Name, place, r.Title.ZH, r.Title.EN, r.Part, us(r.Opens), us(r.Closes), r.Quota, budget, share)
}

// CloseScenario ends an open scenario: nothing new enters, what is under way ends.
// ScenarioClose, ID = name@N
func (db *DB) CloseScenario(ctx context.Context, p policies.Permit, r aihub.Ref) error {
	return db.endScenario(ctx, p, policies.ScenarioClose, r, aihub.ScenarioClosed, "")
}

// WithdrawScenario takes a scenario out of sight: nothing new enters, only
// stewards and reviewers find it, what is under way ends. The reason is a fact of
// the ledger, which anyone with a receipt may read.
// ScenarioWithdraw, ID = name@N
func (db *DB) WithdrawScenario(ctx context.Context, p policies.Permit, r aihub.Ref, reason string) error {
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	return db.endScenario(ctx, p, policies.ScenarioWithdraw, r, aihub.ScenarioWithdrawn, reason)
}

func (db *DB) endScenario(ctx context.Context, p policies.Permit, action policies.Action, r aihub.Ref, to aihub.ScenarioState, reason string) error {
	if err := p.Check(action, r.String()); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		sc, err := t.scenario(r)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: sc.Org}); err != nil {
			return err
		}
		if err := sc.State.Next(to); err != nil {
			return err
		}
		t.touch("scenarios", r.String())
		if err := t.swap("UPDATE scenarios SET state = ?, reason = ?, ended_at = ? WHERE id = ? AND state = ?", to, orNull(reason), us(t.now), r.String(), sc.State); err != nil {
			return err
		}
		if err := t.restate("scenario", r.String(), string(sc.State), string(to)); err != nil {
			return err
		}
		facts := map[string]any{"state": to}
		if reason != "" {
			facts["reason"] = reason
		}
		return t.record(acts, string(action), r.String(), permitted(p), facts)
	})
}

const scenarioCols = `id, org, author, state, title_zh, title_en, summary_zh, summary_en, field, area, dataset, spec, digest, published_at, tick, review,
	reason, COALESCE(ended_at, 0)`

// scenarioRow is a scenario with what the store read from its spec.
type scenarioRow struct {
	aihub.Scenario
	tick   time.Duration
	review bool
}

func scanScenarioRow(s scanner) (sc scenarioRow, err error) {
	var tick int64
	err = s.Scan(ref{&sc.Ref}, &sc.Org, &sc.Author, &sc.State, &sc.Title.ZH, &sc.Title.EN, &sc.Summary.ZH, &sc.Summary.EN,
		&sc.Field, &sc.Area, ref{&sc.Dataset}, &sc.Spec, &sc.Digest, at{&sc.PublishedAt}, &tick, &sc.review, null[string]{&sc.Reason}, at{&sc.EndedAt})
	sc.tick = time.Duration(tick) * time.Microsecond
	return sc, err
}

func scanScenario(s scanner) (aihub.Scenario, error) {
	r, err := scanScenarioRow(s)
	return r.Scenario, err
}

func (t *tx) scenario(r aihub.Ref) (scenarioRow, error) {
	sc, ok, err := one(t, scanScenarioRow, "SELECT "+scenarioCols+" FROM scenarios WHERE id = ?", r.String())
	if err == nil && !ok {
		err = noScenario(r.String())
	}
	return sc, err
}

func noScenario(id string) error { return notFound("scenario", "应用场景", id) }

// seesScenario: what is withdrawn is only for those who run the platform's
// affairs, and for the organisations that entered something in it.
func (t *tx) seesScenario(s policies.Scope, sc aihub.Scenario) (bool, error) {
	if sc.State != aihub.ScenarioWithdrawn || s.All() {
		return true, nil
	}
	n, _, err := one(t, value[int64], "SELECT count(*) FROM submissions WHERE scenario = ? AND org = ?", sc.Ref.String(), s.Actor().Org)
	return n > 0, err
}

// Scenario returns one version.
func (db *DB) Scenario(ctx context.Context, s policies.Scope, r aihub.Ref) (aihub.Scenario, error) {
	var sc aihub.Scenario
	err := db.read(ctx, func(t *tx) error {
		row, err := t.scenario(r)
		if err != nil {
			return err
		}
		seen, err := t.seesScenario(s, row.Scenario)
		if err == nil && !seen {
			err = noScenario(r.String())
		}
		if err == nil {
			sc = row.Scenario
		}
		return err
	})
	return sc, err
}

// SelfTest is what the self-test of a scenario came to before its rounds opened. It
// tells of the labels: only a steward of its own organisation finds it.
func (db *DB) SelfTest(ctx context.Context, s policies.Scope, r aihub.Ref) (list []aihub.SelfTest, err error) {
	err = db.read(ctx, func(t *tx) error {
		sc, err := t.scenario(r)
		if err != nil {
			return err
		}
		if a := s.Actor(); !a.Has(aihub.Steward) || a.Org != sc.Org {
			return notFound("self-test", "自检", r.String())
		}
		said, ok, err := one(t, value[string], "SELECT COALESCE(self_test, '') FROM scenarios WHERE id = ?", r.String())
		if err == nil && ok && said != "" {
			err = json.Unmarshal([]byte(said), &list)
		}
		return err
	})
	return list, err
}

// LatestScenario resolves a bare name to its newest open version.
func (db *DB) LatestScenario(ctx context.Context, s policies.Scope, name string) (sc aihub.Scenario, err error) {
	err = db.read(ctx, func(t *tx) error {
		var ok bool
		sc, ok, err = one(t, scanScenario, "SELECT "+scenarioCols+" FROM scenarios WHERE name = ? AND state = ? ORDER BY version DESC LIMIT 1",
			name, aihub.ScenarioOpen)
		if err == nil && !ok {
			err = noScenario(name)
		}
		return err
	})
	return sc, err
}

// ScenarioFilter narrows a listing; zero fields do not.
type ScenarioFilter struct {
	Query string // words looked for in name, title, summary and description, both languages
	Field string
	Area  string
	State aihub.ScenarioState
	Org   aihub.OrgID

	Offset, Limit int // Limit 0: all
}

// Scenarios lists the scenarios that match, in the order of Search.
func (db *DB) Scenarios(ctx context.Context, s policies.Scope, f ScenarioFilter) ([]aihub.Scenario, error) {
	list := []aihub.Scenario{}
	err := db.read(ctx, func(t *tx) error {
		_, numbers, err := t.matching(s, CatalogueQuery{Words: f.Query, Kind: "scenario", Org: f.Org, Field: f.Field, Area: f.Area, State: string(f.State),
			Offset: f.Offset, Limit: f.Limit})
		if err != nil {
			return err
		}
		for _, n := range numbers {
			sc, ok, err := one(t, scanScenario, "SELECT "+scenarioCols+" FROM scenarios WHERE id = (SELECT subject FROM entries WHERE number = ?)", n)
			if err != nil {
				return err
			}
			if ok {
				list = append(list, sc)
			}
		}
		return nil
	})
	return list, err
}

const roundCols = "scenario, name, title_zh, title_en, part, opens_at, closes_at, quota, budget, COALESCE(share, 0)"

func scanRound(s scanner) (r aihub.Round, err error) {
	err = s.Scan(ref{&r.Scenario}, &r.Name, &r.Title.ZH, &r.Title.EN, &r.Part, at{&r.Opens}, at{&r.Closes}, &r.Quota, micro{&r.BudgetBits}, micro{&r.OrgBits})
	return r, err
}

func (t *tx) rounds(r aihub.Ref) ([]aihub.Round, error) {
	return all(t, scanRound, "SELECT "+roundCols+" FROM rounds WHERE scenario = ? ORDER BY place", r.String())
}

// Rounds lists the rounds of a scenario in the order of its spec.
func (db *DB) Rounds(ctx context.Context, r aihub.Ref) (list []aihub.Round, err error) {
	err = db.read(ctx, func(t *tx) error {
		if _, err = t.scenario(r); err == nil {
			list, err = t.rounds(r)
		}
		return err
	})
	return list, err
}
