package store

import (
	"context"
	"fmt"

	"aihub"
)

// DealtOnce is the answer that ProposeDataset would give now to a version of which only
// Org, Ref, Raw and Split are known, before its rows are masked.
func (db *DB) DealtOnce(ctx context.Context, v aihub.DatasetVersion) error {
	return db.read(ctx, func(t *tx) error { return t.dealtOnce(v) })
}

// dealtOnce refuses a version whose rows were dealt to parts by another rule than
// those of a published one that was made from the same bytes, or that has the same
// name and an open scenario: rows that are hidden there would be seen here, with
// their labels, and a part that was answered about would come back as one that was
// not.
func (t *tx) dealtOnce(v aihub.DatasetVersion) error {
	if v.Split == "" {
		return nil
	}
	other, ok, err := one(t, func(s scanner) (d [2]string, err error) { return d, s.Scan(&d[0], &d[1]) }, `SELECT d.id, d.split FROM datasets d
		WHERE d.org = ? AND d.split <> ? AND d.id <> ? AND d.state IN (?, ?) AND (d.raw = ? AND d.raw <> '' OR d.name = ? AND
		EXISTS (SELECT 1 FROM scenarios c WHERE c.dataset = d.id AND c.state = 'open')) ORDER BY d.created_at, d.id LIMIT 1`,
		v.Org, v.Split, v.Ref.String(), aihub.DatasetPublished, aihub.DatasetWithdrawn, v.Raw, v.Ref.Name)
	if err != nil || !ok {
		return err
	}
	hint := aihub.Text{
		EN: "write its split, key and mask.scope; or publish other rows under another name, or close the scenarios that are open on it",
		ZH: "请使用与其相同的 split、key 与 mask.scope；或以其他名称发布其他数据，或关闭正在使用它的场景",
	}
	if other[1] == "" {
		hint = aihub.Text{
			EN: "an earlier release dealt its rows, by a rule that is not recorded: publish other rows, under another name or when the scenarios that are open on it are closed",
			ZH: "其划分由早期版本完成且未记录规则：请以其他名称发布其他数据，或在使用它的场景关闭后发布",
		}
	}
	return conflict(fmt.Sprintf("the rows of %s were dealt to the parts by another rule: what is hidden in it could be open here", other[0]),
		fmt.Sprintf("%s 的划分规则不同：其中的隐藏数据可能在此公开", other[0])).WithHint(hint)
}

// finalOnce refuses a final round where another round has the same rows: a final
// part is asked once. entered says that only rounds with an entry count, and none
// where own has one itself (earlier releases let two have a part); without it those
// that can still get one do, too.
func (t *tx) finalOnce(dataset aihub.Ref, own string, entered bool) error {
	open := "c.state = 'open' OR "
	if entered {
		open = ""
		n, _, err := one(t, value[int], `SELECT count(*) FROM rounds r JOIN submissions s ON s.scenario = r.scenario AND s.round = r.name
			WHERE r.id = ? AND s.smoke = 0`, own)
		if err != nil || n > 0 {
			return err
		}
	}
	other, ok, err := one(t, value[string], `SELECT r.id FROM rounds r JOIN scenarios c ON c.id = r.scenario JOIN datasets d ON d.id = c.dataset
		WHERE r.part = 'final' AND r.id <> ? AND (d.id = ? OR d.raw <> '' AND EXISTS (SELECT 1 FROM datasets o WHERE o.id = ? AND o.raw = d.raw AND o.org = d.org))
		AND (`+open+`EXISTS (SELECT 1 FROM submissions s WHERE s.scenario = r.scenario AND s.round = r.name AND s.smoke = 0))
		ORDER BY r.id LIMIT 1`, own, dataset.String(), dataset.String())
	if err != nil || !ok {
		return err
	}
	return conflict(fmt.Sprintf("the final part of %s is asked once, and it is in round %s", dataset, other),
		fmt.Sprintf("%s 的 final 分区只能使用一次，已用于轮次 %s", dataset, other)).
		WithHint(aihub.Text{
			EN: "publish a dataset version with new rows, or leave the final round out; a round that nobody entered makes room when its scenario is closed",
			ZH: "请发布含新数据的数据集版本，或去掉 final 轮次；若该轮次尚无提交，关闭其场景后即可使用",
		})
}
