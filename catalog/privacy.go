package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"aihub"
	"aihub/catalog/dp"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/internal/table"
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

func (m *Manifest) lintPrivacy(l *linter) {
	p := m.Privacy
	b := p.budget()
	if b == nil {
		if p != (Privacy{}) {
			l.add("missing", "privacy.total", "privacy needs a total: how much may be spent", "privacy 需要 total：可用的隐私预算总量")
		}
		return
	}
	_, fs := reach(m.Risk, m.Mask, m.Parent.declared())
	l.take("", fs)
	if p.PerUnit < 0 || p.PerUnit > 1_000_000 {
		l.add("privacy", "privacy.per_unit", "per_unit is 1 to 1000000 rows", "per_unit 应为 1 至 1000000 行")
	}
	var e *aihub.Error
	if _, err := dp.NewAccountant(dp.Measure(b.Measure), b.Total, nil); errors.As(err, &e) {
		l.add("privacy", "privacy.total", e.Text.EN, e.Text.ZH)
	}
}

// reach returns how many published rows one raw row more or less can change: 1, or k
// where the gate may drop classes below k, for a class of k-1 rows appears whole
// with one more. The faults are what has no such bound, as places of the manifest.
func reach(p risk.Policy, plan mask.Plan, parent bool) (times int64, fs []aihub.Fault) {
	add := func(where, en, zh string) {
		fs = append(fs, aihub.Fault{Code: "privacy", Where: where, Message: aihub.Text{
			EN: "the counts of privacy would not be private: " + en, ZH: "privacy 的统计将不具差分隐私：" + zh}})
	}
	times = 1
	drops := p.K > 0 && p.MaxSuppression > 0 && p.Action != "refuse"
	if drops {
		times = int64(p.K)
		if p.L > 0 {
			add("risk.l", "one person's value can let a class of any size appear or vanish; leave l out, or drop no rows (action: refuse)", "一个人的取值即可使任意大小的等价类出现或消失；请去掉 l，或不舍弃行（action: refuse）")
		}
		if p.T != nil {
			add("risk.t", "one person's value moves the whole table's distribution, and with it which classes are dropped; leave t out, or drop no rows (action: refuse)", "一个人的取值会改变全表分布，从而改变被舍弃的等价类；请去掉 t，或不舍弃行（action: refuse）")
		}
	}
	if drops && p.Subject != "" {
		add("risk.subject", "one person more can make k − 1 others appear, with any number of rows each; drop no rows (action: refuse)", "多一人可使另外 k − 1 人出现，各有任意多行；请不舍弃行（action: refuse）")
	}
	if len(p.Cells) > 0 {
		add("risk.cells", "one person can change which cells of other classes are suppressed; leave cells out", "一个人会改变其他等价类中被隐藏的单元格；请去掉 cells")
	}
	if parent {
		add("parent", "one person can change which rows of the parent are published, and with them whose rows follow", "一个人会改变上级中发布的行，从而改变随之发布的行")
	}
	names := make([]string, 0, len(plan.Columns))
	for name := range plan.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch r := plan.Columns[name]; {
		case r.Use == "aggregate":
			add("mask.columns."+name, "one person's value moves the groups of aggregate, and the values of all rows behind it; use round or band", "一个人的取值会移动 aggregate 的分组，改变其后所有行的值；请改用 round 或 band")
		case r.FewerThan > 0:
			add("mask.columns."+name+".fewer_than", "one person can make a value frequent enough for all rows that have it; use values", "一个人即可使某取值达到频数，从而改变所有含该值的行；请改用 values")
		case r.Use == "permute" && (drops || slices.Contains(p.Quasi, name)):
			add("mask.columns."+name, "one row more deals all values anew, and with them those of the rows that are dropped; drop no rows (action: refuse), and permute no quasi-identifier", "多一行即重新分配全部取值，包括被舍弃行的取值；请不舍弃行（action: refuse），且不置换准标识符")
		}
	}
	return times, fs
}

// reach is that of a published version; the error is Refused when it has no bound.
func (c *Catalog) reach(ctx context.Context, v aihub.DatasetVersion) (int64, error) {
	plan, err := c.plan(ctx, v)
	if err != nil {
		return 0, err
	}
	r, err := c.Blobs.Open(ctx, v.Profile)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var profile Profile
	if err := json.NewDecoder(io.LimitReader(r, 64<<20)).Decode(&profile); err != nil {
		return 0, fmt.Errorf("catalog: the profile of %s: %w", v.Ref, err)
	}
	var p risk.Policy
	if profile.Risk != nil {
		p = profile.Risk.Policy
	}
	times, fs := reach(p, plan, profile.Orphans > 0)
	if fs != nil {
		return 0, aihub.Errorf(aihub.Refused, aihub.Text{EN: v.Ref.String() + " cannot be counted with differential privacy", ZH: v.Ref.String() + " 不能以差分隐私统计"}).
			WithHint(aihub.Text{EN: "publish a version without what is named", ZH: "请发布不含所列规则的版本"}).WithFaults(fs)
	}
	return times, nil
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
	times, err := c.reach(ctx, v)
	if err != nil {
		return a, err
	}
	counts, err := c.countParts(ctx, v, table.Field{Name: column, Type: table.Type(v.Columns[i].Type)}, cells)
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
	out, err := dp.NewRelease(acc).Histogram(v.Ref.String()+": "+column, cost, counts, b.PerUnit*times)
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
func (c *Catalog) countParts(ctx context.Context, v aihub.DatasetVersion, column table.Field, cells []string) ([]int64, error) {
	n, err := newCells(column, cells)
	if err != nil {
		return nil, err
	}
	for _, f := range v.Parts {
		if err := c.readPart(ctx, f.Input, []string{column.Name}, n.add); err != nil {
			return nil, err
		}
	}
	return n.counts, nil
}
