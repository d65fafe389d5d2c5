package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aihub"
	"aihub/catalog/dp"
	"aihub/policies"
)

// Privacy is how much of a manifest's dataset may be told by aggregates with
// differential privacy, over all its versions.
type Privacy struct {
	Measure string `yaml:"measure"`  // zcdp (default), pure
	Total   string `yaml:"total"`    // ρ or ε
	PerUnit int64  `yaml:"per_unit"` // rows that one person has at most; default 1
}

// budget is nil when there is none.
func (p Privacy) budget() *aihub.PrivacyBudget {
	if p.Total == "" {
		return nil
	}
	b := &aihub.PrivacyBudget{Measure: p.Measure, Total: p.Total, PerUnit: max(1, p.PerUnit)}
	if b.Measure == "" {
		b.Measure = string(dp.ZCDP)
	}
	return b
}

func (p Privacy) lint(l *linter) {
	b := p.budget()
	if b == nil {
		if p != (Privacy{}) {
			l.add("missing", "privacy.total", "privacy needs a total: how much may be spent", "privacy 需要 total：可用的隐私预算总量")
		}
		return
	}
	if p.PerUnit < 0 || p.PerUnit > 1_000_000 {
		l.add("privacy", "privacy.per_unit", "per_unit is 1 to 1000000 rows", "per_unit 应为 1 至 1000000 行")
	}
	var e *aihub.Error
	if _, err := dp.NewAccountant(dp.Measure(b.Measure), b.Total, nil); errors.As(err, &e) {
		l.add("privacy", "privacy.total", e.Text.EN, e.Text.ZH)
	}
}

// Aggregate publishes how many rows of a version have each of the cells in a
// column, with noise, charged to the budget of its name before anything is shown.
// All parts are counted together; a label is never. Cells are named beforehand,
// and every other value and what is missing are "*".
func (c *Catalog) Aggregate(ctx context.Context, actor aihub.Actor, v aihub.DatasetVersion, column string, cells []string, cost string) (a aihub.Aggregate, err error) {
	permit, err := c.Policies.Authorize(ctx, actor, policies.AggregatePublish,
		policies.Object{Kind: "aggregate", ID: v.Ref.String(), Org: v.Org, Author: v.Author})
	if err != nil {
		return a, err
	}
	i := slices.IndexFunc(v.Columns, func(col aihub.Column) bool { return col.Name == column })
	if i < 0 || v.Columns[i].Truth || column == v.Key {
		return a, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%q is no column to count: it must be an input column of %s", column, v.Ref), ZH: fmt.Sprintf("%q 不可统计：须为 %s 的输入列", column, v.Ref)})
	}
	b, err := c.DB.Privacy(ctx, v.Ref.Name)
	if err != nil {
		if aihub.KindOf(err) == aihub.NotFound {
			err = aihub.Errorf(aihub.Refused, aihub.Text{EN: v.Ref.Name + " has no privacy budget", ZH: v.Ref.Name + " 没有隐私预算"}).
				WithHint(aihub.Text{EN: "give it one when the next version is published: privacy: {total: \"1\"}", ZH: "请在发布下一版本时声明：privacy: {total: \"1\"}"})
		}
		return a, err
	}
	counts, err := c.countParts(ctx, v, column, cells)
	if err != nil {
		return a, err
	}
	var past []dp.Spending
	for _, s := range b.Spent {
		past = append(past, dp.Spending{What: s.Dataset.String() + ": " + s.Column, Cost: s.Cost})
	}
	acc, err := dp.NewAccountant(dp.Measure(b.Measure), b.Total, past)
	if err != nil {
		return a, err
	}
	out, err := dp.NewRelease(acc).Histogram(v.Ref.String()+": "+column, cost, counts, b.PerUnit)
	if err != nil {
		return a, err
	}
	spent := acc.Spendings()
	a = aihub.Aggregate{ID: fmt.Sprintf("%s/%d", v.Ref.Name, len(b.Spent)+1), Dataset: v.Ref, Column: column, Cost: spent[len(spent)-1].Cost, Author: actor.User, At: c.now()}
	for k, o := range out {
		name := "*"
		if k < len(cells) {
			name = cells[k]
		}
		a.Cells = append(a.Cells, aihub.AggregateCell{Cell: name, Rows: o.Value, Margin: o.Margin})
	}
	if err := c.DB.PublishAggregate(ctx, permit, len(b.Spent), a); err != nil {
		return aihub.Aggregate{}, err // the noise was seen by nobody
	}
	return a, nil
}

// countParts counts the cells of a column over every part.
func (c *Catalog) countParts(ctx context.Context, v aihub.DatasetVersion, column string, cells []string) ([]int64, error) {
	n, err := newCells(column, cells)
	if err != nil {
		return nil, err
	}
	for _, f := range v.Parts {
		if err := c.readPart(ctx, f.Input, []string{column}, n.add); err != nil {
			return nil, err
		}
	}
	return n.counts, nil
}
