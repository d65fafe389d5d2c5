package store

import (
	"fmt"

	"aihub"
)

// dealtOnce refuses a version of the same bytes as a published one whose rows were
// dealt to parts by another rule: rows that are hidden in one would be seen in the
// other, with their labels, and a part that was answered about would come back as
// one that was not.
func (t *tx) dealtOnce(v aihub.DatasetVersion) error {
	if v.Raw == "" {
		return nil
	}
	other, ok, err := one(t, value[string], `SELECT id FROM datasets WHERE raw = ? AND org = ? AND split <> ? AND id <> ? AND state IN (?, ?)
		ORDER BY created_at, id LIMIT 1`, v.Raw, v.Org, v.Split, v.Ref.String(), aihub.DatasetPublished, aihub.DatasetWithdrawn)
	if err != nil || !ok {
		return err
	}
	return conflict(fmt.Sprintf("%s was made from the same bytes, and its rows were dealt to the parts by another rule: what is hidden in it would be open here", other),
		fmt.Sprintf("%s 由同一原始文件生成，但划分规则不同：其中的隐藏数据会在此公开", other)).
		WithHint(aihub.Text{
			EN: "write its split, key and mask.scope; or publish other rows",
			ZH: "请使用与其相同的 split、key 与 mask.scope；或发布其他数据",
		})
}

// finalOnce refuses a final round where another round has the same rows: a final
// part is asked once. entered says that only rounds with an entry count; without
// it those that can still get one do, too.
func (t *tx) finalOnce(dataset aihub.Ref, own string, entered bool) error {
	open := ""
	if !entered {
		open = "c.state = 'open' OR "
	}
	other, ok, err := one(t, value[string], `SELECT r.id FROM rounds r JOIN scenarios c ON c.id = r.scenario JOIN datasets d ON d.id = c.dataset
		WHERE r.part = 'final' AND r.id <> ? AND (d.id = ? OR d.raw <> '' AND d.raw = (SELECT raw FROM datasets WHERE id = ?))
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
