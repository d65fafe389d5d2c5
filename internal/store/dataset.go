package store

import (
	"context"
	"fmt"

	"aihub"
	"aihub/internal/blob"
	"aihub/policies"
)

// NextDatasetVersion returns the number a new version of name would get.
func (db *DB) NextDatasetVersion(ctx context.Context, name string) (n int, err error) {
	err = db.read(ctx, func(t *tx) error { n, err = t.nextVersion("datasets", name); return err })
	return n, err
}

func (t *tx) nextVersion(table, name string) (int, error) {
	n, _, err := one(t, value[int], "SELECT COALESCE(MAX(version), 0) + 1 FROM "+table+" WHERE name = ?", name)
	return n, err
}

// own fills who made a thing and for whom from the permit, and refuses others.
func own(p policies.Permit, user *aihub.UserID, org *aihub.OrgID) error {
	a := p.Actor()
	if *user == "" {
		*user = a.User
	}
	if *org == "" {
		*org = a.Org
	}
	if *user != a.User || *org != a.Org {
		return refused("nobody acts in another person's or organisation's name", "不得以他人或其他机构的名义操作")
	}
	return nil
}

// sameFacts refuses a permit that was given on other facts than the database has:
// whoever asked the engine had them wrong, or they have changed since. Facts that
// the asker left out decided nothing.
func sameFacts(p policies.Permit, truth policies.Object) error {
	o := p.Decision().Object
	if o.Org != "" && truth.Org != "" && o.Org != truth.Org || o.Author != "" && truth.Author != "" && o.Author != truth.Author ||
		o.For != "" && truth.For != "" && o.For != truth.For {
		return refused("this permit was given on other facts than these", "该许可所依据的事实与实际不符")
	}
	return nil
}

// checkRef refuses a version that is not the next one, or whose name another
// organisation has.
func (t *tx) checkRef(table string, r aihub.Ref, org aihub.OrgID) error {
	if err := aihub.CheckSlug(r.Name); err != nil {
		return err
	}
	owner, ok, err := one(t, value[aihub.OrgID], "SELECT org FROM "+table+" WHERE name = ? AND version = 1", r.Name)
	if err != nil {
		return err
	}
	if ok && owner != org {
		return refused(fmt.Sprintf("the name %q belongs to another organisation", r.Name), fmt.Sprintf("名称 %q 属于其他机构", r.Name)).
			WithHint(aihub.Text{EN: "choose another name", ZH: "请另选名称"})
	}
	n, err := t.nextVersion(table, r.Name)
	if err == nil && n != r.Version {
		err = conflict(fmt.Sprintf("the next version is %s@%d, not %s", r.Name, n, r), fmt.Sprintf("下一版本是 %s@%d，不是 %s", r.Name, n, r)).
			WithHint(aihub.Text{EN: "publish again: versions never change once they exist", ZH: "请重新发布：版本一经存在便不再改变"})
	}
	return err
}

// ProposeDataset adds a masked version that waits for a second person. cleared is
// the risk gate's word about its content. seals are those of the files of its
// parts: content that is sealed already keeps its seal. budget may be nil; see
// openPrivacy.
// DatasetPropose, ID = name
func (db *DB) ProposeDataset(ctx context.Context, p policies.Permit, v aihub.DatasetVersion, cleared policies.Clearance, seals []blob.Seal, budget *aihub.PrivacyBudget) error {
	if err := p.Check(policies.DatasetPropose, v.Ref.Name); err != nil {
		return err
	}
	if err := cleared.Check(v.Content); err != nil {
		return err
	}
	v.Risk = cleared.Record()
	if err := own(p, &v.Author, &v.Org); err != nil {
		return err
	}
	if err := bounded(1<<20, "title", v.Title.ZH+v.Title.EN, "description", v.Description.ZH+v.Description.EN,
		"license", v.License, "key", v.Key); err != nil {
		return err
	}
	columns, err := toJSON(v.Columns)
	if err != nil {
		return err
	}
	parts, err := toJSON(v.Parts)
	if err != nil {
		return err
	}
	risk, err := toJSON(v.Risk)
	if err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		if err := t.checkRef("datasets", v.Ref, v.Org); err != nil {
			return err
		}
		if err := t.dealtOnce(v); err != nil {
			return err
		}
		t.touch("datasets", v.Ref.String())
		if err := t.insert("datasets", `id, name, version, org, author, approver, state, title_zh, title_en, description_zh, description_en,
			license, key_column, columns_json, parts_json, content, plan, raw, profile, card, reason, created_at, decided_at,
			mask_key, level, level_found, retain_until, risk_json, split`,
			v.Ref.String(), v.Ref.Name, v.Ref.Version, v.Org, v.Author, nil, aihub.DatasetProposed, v.Title.ZH, v.Title.EN,
			v.Description.ZH, v.Description.EN, v.License, v.Key, columns, parts, v.Content, v.Plan, v.Raw, v.Profile, v.Card,
			"", us(t.now), 0, orNull(v.MaskKey), orNone(v.Level), orNone(v.LevelFound), orNever(v.RetainUntil), risk, v.Split); err != nil {
			return err
		}
		for _, s := range seals {
			if err := t.seals(s); err != nil {
				return err
			}
		}
		if budget != nil {
			if err := t.openPrivacy(v.Ref.Name, v.Org, *budget); err != nil {
				return err
			}
		}
		v.State = aihub.DatasetProposed
		if err := t.index("dataset", v.Ref.String(), datasetWords(v)); err != nil {
			return err
		}
		return t.record(acts, string(policies.DatasetPropose), v.Ref.String(), permitted(p),
			map[string]any{"content": v.Content, "plan": v.Plan, "raw": v.Raw, "split": v.Split, "profile": v.Profile, "mask_key": v.MaskKey, "level": v.Level, "level_found": v.LevelFound, "risk": v.Risk})
	})
}

const datasetCols = `id, org, author, approver, state, title_zh, title_en, description_zh, description_en, license, key_column,
	columns_json, parts_json, content, plan, raw, profile, card, created_at, decided_at, reason,
	mask_key, COALESCE(level, 0), COALESCE(level_found, 0), COALESCE(retain_until, 0), COALESCE(erased_at, 0), erase_reason, COALESCE(risk_json, '{}'), split`

func scanDataset(s scanner) (v aihub.DatasetVersion, err error) {
	err = s.Scan(ref{&v.Ref}, &v.Org, &v.Author, null[aihub.UserID]{&v.Approver}, &v.State, &v.Title.ZH, &v.Title.EN,
		&v.Description.ZH, &v.Description.EN, &v.License, &v.Key, js{&v.Columns}, js{&v.Parts}, &v.Content, &v.Plan, &v.Raw,
		&v.Profile, &v.Card, at{&v.CreatedAt}, at{&v.DecidedAt}, &v.Reason,
		null[string]{&v.MaskKey}, &v.Level, &v.LevelFound, at{&v.RetainUntil}, at{&v.ErasedAt}, null[string]{&v.EraseReason}, js{&v.Risk}, &v.Split)
	return v, err
}

func (t *tx) dataset(r aihub.Ref) (aihub.DatasetVersion, error) {
	v, ok, err := one(t, scanDataset, "SELECT "+datasetCols+" FROM datasets WHERE id = ?", r.String())
	if err == nil && !ok {
		err = notFound("dataset", "数据集", r.String())
	}
	return v, err
}

// DecideDataset publishes or rejects a proposed version. The approver is never
// its author: the engine refuses the permit, sameFacts a permit that was got with
// another author, and the database the row. A version whose declared level is
// below what was found is published only when lowered says that the approver
// signs for that too; one whose stored risk record does not clear its content
// never is.
// DatasetApprove, ID = name@N
func (db *DB) DecideDataset(ctx context.Context, p policies.Permit, r aihub.Ref, approve, lowered bool, reason string) error {
	if err := p.Check(policies.DatasetApprove, r.String()); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	to := aihub.DatasetRejected
	if approve {
		to = aihub.DatasetPublished
	}
	return db.write(ctx, func(t *tx) error {
		v, err := t.dataset(r)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: v.Org, Author: v.Author}); err != nil {
			return err
		}
		if err := v.State.Next(to); err != nil {
			return err
		}
		facts := map[string]any{"state": to}
		if approve {
			if err := t.dealtOnce(v); err != nil {
				return err
			}
			cleared, err := policies.Clear(v.Risk)
			if err == nil {
				err = cleared.Check(v.Content)
			}
			if err != nil {
				return err
			}
		}
		if approve && v.Lowered() {
			if !lowered {
				return refused(fmt.Sprintf("%s is declared at level %d, and the evidence says level %d at least", r, v.Level, v.LevelFound),
					fmt.Sprintf("%s 申报为 %d 级，但检测结果不低于 %d 级", r, v.Level, v.LevelFound)).
					WithHint(aihub.Text{EN: "reject it, or sign for the lower level as well: --lower-level", ZH: "请驳回；如确认可以降级，请一并签署：--lower-level"})
			}
			facts["lowered"] = map[string]int{"from": v.LevelFound, "to": v.Level}
		}
		t.touch("datasets", r.String())
		if err := t.swap("UPDATE datasets SET state = ?, approver = ?, reason = ?, decided_at = ? WHERE id = ? AND state = ?",
			to, p.Actor().User, reason, us(t.now), r.String(), v.State); err != nil {
			return err
		}
		if err := t.restate("dataset", r.String(), string(v.State), string(to)); err != nil {
			return err
		}
		return t.record(acts, string(policies.DatasetApprove), r.String(), permitted(p), facts)
	})
}

// WithdrawDataset takes a version out of use: nothing new may pin or run on it.
// DatasetWithdraw, ID = name@N
func (db *DB) WithdrawDataset(ctx context.Context, p policies.Permit, r aihub.Ref, reason string) error {
	if err := p.Check(policies.DatasetWithdraw, r.String()); err != nil {
		return err
	}
	if err := bounded(4000, "reason", reason); err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		v, err := t.dataset(r)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: v.Org}); err != nil {
			return err
		}
		if err := v.State.Next(aihub.DatasetWithdrawn); err != nil {
			return err
		}
		t.touch("datasets", r.String())
		if err := t.swap("UPDATE datasets SET state = ?, reason = ?, decided_at = ? WHERE id = ? AND state = ?",
			aihub.DatasetWithdrawn, reason, us(t.now), r.String(), v.State); err != nil {
			return err
		}
		if err := t.restate("dataset", r.String(), string(v.State), string(aihub.DatasetWithdrawn)); err != nil {
			return err
		}
		return t.record(acts, string(policies.DatasetWithdraw), r.String(), permitted(p), map[string]any{"state": aihub.DatasetWithdrawn})
	})
}

// Dataset returns a version: published ones to anyone, others to stewards and
// reviewers only. See redactDataset for what else is kept back.
func (db *DB) Dataset(ctx context.Context, s policies.Scope, r aihub.Ref) (v aihub.DatasetVersion, err error) {
	err = db.read(ctx, func(t *tx) error {
		if v, err = t.dataset(r); err == nil && !seesDataset(s, v) {
			err = notFound("dataset", "数据集", r.String())
		}
		return err
	})
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	return redactDataset(s, v), nil
}

// Datasets lists the versions in scope, newest first.
func (db *DB) Datasets(ctx context.Context, s policies.Scope) ([]aihub.DatasetVersion, error) {
	list := []aihub.DatasetVersion{}
	err := db.read(ctx, func(t *tx) error {
		vs, err := all(t, scanDataset, "SELECT "+datasetCols+" FROM datasets ORDER BY created_at DESC, id DESC")
		for _, v := range vs {
			if seesDataset(s, v) {
				list = append(list, redactDataset(s, v))
			}
		}
		return err
	})
	return list, err
}
