package store

import (
	"context"
	"fmt"

	"aihub"
	"aihub/policies"
)

// openPrivacy begins the privacy budget of a dataset's name, for all its versions.
// One that is there already must be the same: a budget is never raised.
func (t *tx) openPrivacy(name string, org aihub.OrgID, b aihub.PrivacyBudget) error {
	begun, err := t.samePrivacy(name, b)
	if err != nil || begun {
		return err
	}
	t.touch("privacy", name)
	return t.insert("privacy", "id, org, measure, total, per_unit, releases", name, org, b.Measure, b.Total, b.PerUnit, 0)
}

// samePrivacy reports whether a name has a budget; the error is Conflict when it is
// another one than b.
func (t *tx) samePrivacy(name string, b aihub.PrivacyBudget) (begun bool, err error) {
	old, err := t.privacy(name)
	switch {
	case err == nil && old.Measure == b.Measure && old.Total == b.Total && old.PerUnit == b.PerUnit:
		return true, nil
	case err == nil:
		return true, conflict(fmt.Sprintf("the privacy budget of %s is %s %s with %d rows a person", name, old.Measure, old.Total, old.PerUnit),
			fmt.Sprintf("%s 的隐私预算为 %s %s，每人至多 %d 行", name, old.Measure, old.Total, old.PerUnit)).
			WithHint(aihub.Text{EN: "write the same in the manifest: a budget is of all versions together and never changes", ZH: "请在清单中写入相同的值：预算由所有版本共用，且不可更改"})
	case aihub.KindOf(err) == aihub.NotFound:
		return false, nil
	}
	return false, err
}

// SamePrivacy is a Conflict when the name has another privacy budget than b: what
// ProposeDataset would say, before the work.
func (db *DB) SamePrivacy(ctx context.Context, name string, b aihub.PrivacyBudget) error {
	return db.read(ctx, func(t *tx) error { _, err := t.samePrivacy(name, b); return err })
}

func (t *tx) privacy(name string) (b aihub.PrivacyBudget, err error) {
	b, ok, err := one(t, func(s scanner) (b aihub.PrivacyBudget, err error) {
		err = s.Scan(&b.Dataset, &b.Measure, &b.Total, &b.PerUnit)
		return b, err
	}, "SELECT id, measure, total, per_unit FROM privacy WHERE id = ?", name)
	if err == nil && !ok {
		err = notFound("privacy budget", "隐私预算", name)
	}
	if err != nil {
		return b, err
	}
	b.Spent, err = all(t, func(s scanner) (a aihub.Aggregate, err error) {
		err = s.Scan(&a.ID, ref{&a.Dataset}, &a.Column, &a.Cost, js{&a.Cells}, &a.Author, at{&a.At})
		return a, err
	}, "SELECT id, dataset, column_name, cost, cells_json, author, created_at FROM aggregates WHERE name = ? ORDER BY place", name)
	return b, err
}

// Privacy returns the privacy budget of a dataset's name with what was published
// against it; NotFound when it has none.
func (db *DB) Privacy(ctx context.Context, name string) (b aihub.PrivacyBudget, err error) {
	err = db.read(ctx, func(t *tx) error { b, err = t.privacy(name); return err })
	return b, err
}

// PublishAggregate charges and publishes an aggregate of a published version in
// one transaction. asked is how many had been published when its noise was drawn
// within the budget: a Conflict means that another came between, and that it must
// be drawn again. Nobody may have seen it before this returns nil.
// AggregatePublish, ID = name@N
func (db *DB) PublishAggregate(ctx context.Context, p policies.Permit, asked int, a aihub.Aggregate) error {
	if err := p.Check(policies.AggregatePublish, a.Dataset.String()); err != nil {
		return err
	}
	if err := bounded(4000, "column", a.Column, "cost", a.Cost); err != nil {
		return err
	}
	cells, err := toJSON(a.Cells)
	if err != nil {
		return err
	}
	return db.write(ctx, func(t *tx) error {
		v, err := t.dataset(a.Dataset)
		if err != nil {
			return err
		}
		if err := sameFacts(p, policies.Object{Org: v.Org}); err != nil {
			return err
		}
		if v.State != aihub.DatasetPublished {
			return conflict(fmt.Sprintf("%s is %s: counts are of a published version", a.Dataset, v.State), fmt.Sprintf("%s 处于 %s 状态：只能统计已发布的版本", a.Dataset, v.State))
		}
		name := a.Dataset.Name
		t.touch("privacy", name)
		if err := t.swap("UPDATE privacy SET releases = releases + 1 WHERE id = ? AND releases = ?", name, asked); err != nil {
			return err
		}
		id := fmt.Sprintf("%s/%d", name, asked+1)
		t.touch("aggregates", id)
		if err := t.insert("aggregates", "id, dataset, name, place, column_name, cost, cells_json, author, created_at",
			id, a.Dataset.String(), name, asked+1, a.Column, a.Cost, cells, p.Actor().User, us(t.now)); err != nil {
			return err
		}
		return t.record(acts, string(policies.AggregatePublish), a.Dataset.String(), permitted(p),
			map[string]any{"aggregate": id, "column": a.Column, "cost": a.Cost})
	})
}
