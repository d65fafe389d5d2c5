package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aihub"
	"aihub/policies"
)

// modelRow is a model with when its organisation may know of it.
type modelRow struct {
	aihub.Model
	visible time.Time
}

const (
	modelCols = "m.id, m.org, m.scenario, m.submission, s.name, m.part, m.size, m.files, m.created_at, s.visible_at, COALESCE(m.deleted_at, 0)"
	modelFrom = " FROM models m JOIN submissions s ON s.id = m.submission"
)

func scanModel(s scanner) (m modelRow, err error) {
	err = s.Scan(&m.Digest, &m.Org, ref{&m.Scenario}, &m.Submission, &m.Name, &m.Part, &m.Bytes, &m.Files, at{&m.CreatedAt}, at{&m.visible}, at{&m.DeletedAt})
	return m, err
}

// redactModel returns what the scope may see of a model, and whether it may know
// that there is one: its organisation from its tick on, without its size unless
// it was learned from what is public.
func redactModel(s policies.Scope, m modelRow, now time.Time) (aihub.Model, bool) {
	v := m.Model
	if whole(s, v.Org) {
		return v, true
	}
	if !sees(s, v.Org) || m.visible.IsZero() || m.visible.After(now) {
		return aihub.Model{}, false
	}
	if v.Part != aihub.Sample {
		v.Bytes, v.Files, v.CreatedAt = 0, 0, m.visible
	}
	return v, true
}

// ModelFilter narrows a listing; zero fields do not.
type ModelFilter struct {
	Scenario   aihub.Ref
	Submission aihub.SubmissionID
}

// Models lists those in scope, newest first, at most 1000.
func (db *DB) Models(ctx context.Context, s policies.Scope, f ModelFilter) ([]aihub.Model, error) {
	list := []aihub.Model{}
	if !s.All() && !s.Actor().Has(aihub.Vendor) {
		return list, nil
	}
	q, args := "SELECT "+modelCols+modelFrom+" WHERE 1 = 1", []any{}
	if !s.All() {
		q, args = q+" AND m.org = ?", append(args, s.Actor().Org)
	}
	if !f.Scenario.IsZero() {
		q, args = q+" AND m.scenario = ?", append(args, f.Scenario.String())
	}
	if f.Submission != "" {
		q, args = q+" AND m.submission = ?", append(args, f.Submission)
	}
	err := db.read(ctx, func(t *tx) error {
		// In an order that is the vendor's to know.
		rows, err := all(t, scanModel, q+" ORDER BY s.created_at DESC, s.id DESC LIMIT 1000", args...)
		for _, r := range rows {
			if v, ok := redactModel(s, r, t.now); ok {
				list = append(list, v)
			}
		}
		return err
	})
	return list, err
}

// mount checks that sub may use the model it names, by digest or by the training
// that made it, and puts the digest in its place: a model of the same
// organisation and scenario. What has seen the train part is used in hidden runs
// alone, because the log of a trial is open.
func (t *tx) mount(sub *aihub.Submission) error {
	if sub.Model == "" {
		return nil
	}
	none := aihub.Errorf(aihub.NotFound, aihub.Text{
		EN: fmt.Sprintf("your organisation has no model %q for this scenario", sub.Model), ZH: fmt.Sprintf("贵机构没有用于本场景的模型 %q", sub.Model),
	}).WithHint(aihub.Text{EN: "list them: aihub model list", ZH: "查看列表：aihub model list"})
	where := "m.id = ?"
	if strings.HasPrefix(string(sub.Model), "sub_") {
		where = "m.submission = ?"
		switch s, ok, err := one(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE id = ?", sub.Model); {
		case err != nil:
			return err
		case !ok || s.Org != sub.Org || s.Scenario != sub.Scenario || !s.Train:
			return none
		case !s.shown(t.now):
			return aihub.Errorf(aihub.Pending, aihub.Text{
				EN: "training " + string(s.ID) + " has no outcome yet", ZH: "训练 " + string(s.ID) + " 尚无结果",
			}).WithHint(aihub.Text{EN: "wait for it: aihub runs watch " + string(s.ID), ZH: "请等待结果：aihub runs watch " + string(s.ID)})
		}
	}
	m, ok, err := one(t, scanModel, "SELECT "+modelCols+modelFrom+" WHERE "+where+" AND m.org = ? AND m.scenario = ?", sub.Model, sub.Org, sub.Scenario.String())
	if err != nil {
		return err
	}
	if !ok || m.visible.IsZero() || m.visible.After(t.now) {
		return none
	}
	if !m.DeletedAt.IsZero() {
		return refused("your organisation deleted this model", "贵机构已删除该模型").
			WithHint(aihub.Text{EN: "train again, or take another: aihub model list", ZH: "请重新训练或选用其他模型：aihub model list"})
	}
	if sub.Smoke && m.Part != aihub.Sample {
		return refused("this model has seen the train part, and the log of a trial is open: only hidden runs may use it",
			"该模型接触过训练分区，而试运行的日志是公开的：只有隐藏运行可以使用").
			WithHint(aihub.Text{EN: "try with a model trained on the sample: aihub train --smoke", ZH: "请用样本训练的模型试运行：aihub train --smoke"})
	}
	sub.Model = m.Digest
	return nil
}

// DeleteModel deletes a model: its content is gone soon after, what used it stays
// as it is. It is refused while something that is not over may still need it, as
// far as its organisation may know: that a hidden run is over is not to be learnt
// by trying to delete.
// ModelDelete, ID = model
func (db *DB) DeleteModel(ctx context.Context, p policies.Permit, d aihub.Digest) error {
	if err := p.Check(policies.ModelDelete, string(d)); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		m, ok, err := one(t, scanModel, "SELECT "+modelCols+modelFrom+" WHERE m.id = ?", d)
		if err != nil {
			return err
		}
		if !ok || m.visible.IsZero() || m.visible.After(t.now) {
			return notFound("model", "模型", string(d))
		}
		if err := sameFacts(p, policies.Object{Org: m.Org}); err != nil {
			return err
		}
		if !m.DeletedAt.IsZero() {
			return conflict("this model was deleted already", "该模型已被删除")
		}
		users, err := all(t, scanSubmission, "SELECT "+submissionCols+" FROM submissions WHERE model = ? ORDER BY created_at, id", d)
		if err != nil {
			return err
		}
		for _, s := range users {
			if over := s.State.Terminal() && (s.Smoke || s.shown(t.now)); !over {
				return aihub.Errorf(aihub.Conflict, aihub.Text{
					EN: "submission " + string(s.ID) + " needs this model", ZH: "提交 " + string(s.ID) + " 仍需要该模型",
				}).WithHint(aihub.Text{EN: "wait for its outcome, or cancel it: aihub runs cancel " + string(s.ID), ZH: "请等待其结果，或取消：aihub runs cancel " + string(s.ID)})
			}
		}
		t.touch("models", string(d))
		if err := t.swap("UPDATE models SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL", us(t.now), d); err != nil {
			return err
		}
		run, _, err := one(t, value[aihub.RunID], "SELECT run FROM models WHERE id = ?", d)
		if err != nil {
			return err
		}
		if err := t.insert("sealing", "digest, run", d, run); err != nil { // a worker deletes the archive
			return err
		}
		return t.record(acts, string(policies.ModelDelete), string(m.Submission), permitted(p), map[string]any{"model": d})
	})
}

// Model returns one in scope.
func (db *DB) Model(ctx context.Context, s policies.Scope, d aihub.Digest) (v aihub.Model, err error) {
	err = db.read(ctx, func(t *tx) error {
		m, ok, err := one(t, scanModel, "SELECT "+modelCols+modelFrom+" WHERE m.id = ?", d)
		if err != nil {
			return err
		}
		if ok {
			v, ok = redactModel(s, m, t.now)
		}
		if !ok {
			return notFound("model", "模型", string(d))
		}
		return nil
	})
	return v, err
}

// mayTrain checks that the scenario offers training and that the organisation
// has a training left; those on the sample do not count.
func (t *tx) mayTrain(sc scenarioRow, sub aihub.Submission) error {
	l, err := limitsOf(sc)
	if err != nil {
		return err
	}
	if l.Train == nil {
		return refused("scenario "+sub.Scenario.String()+" offers no training", "应用场景 "+sub.Scenario.String()+" 不提供训练").
			WithHint(aihub.Text{EN: "its owner opens it with the key train of the spec", ZH: "场景方可在规范中用 train 键开放"})
	}
	if sub.Smoke {
		return nil
	}
	used, _, err := one(t, value[int], `SELECT count(*) FROM submissions WHERE scenario = ? AND org = ? AND train = 1 AND smoke = 0
		AND NOT (refund = 1 AND settled = 1)`, sub.Scenario.String(), sub.Org)
	if err == nil && used >= l.Train.Quota {
		err = aihub.Errorf(aihub.Quota, aihub.Text{
			EN: fmt.Sprintf("all %d training runs of your organisation in scenario %s are used or under way: 0 left", l.Train.Quota, sub.Scenario),
			ZH: fmt.Sprintf("贵机构在应用场景 %s 的 %d 次训练已用完或正在进行：剩余 0 次", sub.Scenario, l.Train.Quota),
		}).WithHint(aihub.Text{
			EN: "a run comes back only when the fault was not yours. Training on the sample does not count: add --smoke",
			ZH: "仅当并非贵方过错时次数才会退还。在样本上训练不计次数：请加 --smoke",
		})
	}
	return err
}

// Sealed is the model that a training left: the digest and size of its archive,
// and how many files it holds.
type Sealed struct {
	Digest aihub.Digest
	Bytes  int64
	Files  int64
}

// keepModel makes the archive of a training that ended well a model.
func (t *tx) keepModel(s submissionRow, run aihub.Run, m Sealed) error {
	if err := t.swap("DELETE FROM sealing WHERE digest = ? AND run = ?", m.Digest, run.ID); err != nil {
		return err
	}
	t.touch("models", string(m.Digest))
	return t.insert("models", "id, org, scenario, submission, run, part, size, files, created_at",
		m.Digest, s.Org, s.Scenario.String(), s.ID, run.ID, run.Part, m.Bytes, m.Files, us(t.now))
}
