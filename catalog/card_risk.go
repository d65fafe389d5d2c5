package catalog

import (
	"fmt"
	"math"
	"strings"

	"aihub"
	"aihub/catalog/risk"
	"aihub/catalog/risk/utility"
)

// risk writes how well rows hide among each other. Every figure is about the
// whole dataset and rounded: none is about a class that a reader could name.
func (w *cardWriter) risk(r *risk.Report) {
	quasi := strings.Join(r.Policy.Quasi, ", ")
	if who := r.Policy.Subject; who != "" {
		w.line("- These figures count people, different values of `%s`, each once in a class of rows of the same values: not rows", "- 以下数值计的是人（`%s` 的不同取值），每人在取值相同的一类行中计一次，而非行数", cell(who))
		w.line("- Over %s, everybody shares their values with at least %d others (k = %d); the largest class has %d people",
			"- 按 %s，每人至少与另外 %d 人取值相同（k = %d）；最大等价类 %d 人", quasi, r.After.K-1, r.After.K, r.After.Largest)
		w.line("- %d of %d rows were dropped for this (%s); those left are of %d people, counted once in each class that they are in", "- 为此舍弃 %d / %d 行（%s）；其余各行属于 %d 人（在多个等价类中则各计一次）",
			r.Suppressed, r.Before.Rows, percent(int64(r.Suppressed), int64(r.Before.Rows)), r.After.People)
		if n := r.Before.Unique; n > 0 {
			w.line("- Before that %d people were alone in a class (sample uniques); of what is published %d are", "- 此前有 %d 人在其等价类中唯一（样本唯一者）；发布的数据中有 %d 人", n, r.After.Unique)
		}
		w.line("- The chance to name somebody rightly is at most %s, on average %s; whoever can put together several rows of one person may know more than one class tells",
			"- 正确指认一人的概率最高 %s，平均 %s；若能将同一人的多行关联起来，所知可能超出单个等价类", chance(r.After.Risk), chance(r.After.Average))
	} else {
		w.line("- Over %s, every row shares its values with at least %d others (k = %d); the largest class has %d rows",
			"- 按 %s，每行至少与另外 %d 行取值相同（k = %d）；最大等价类 %d 行", quasi, r.After.K-1, r.After.K, r.After.Largest)
		w.line("- %d of %d rows were dropped for this (%s)", "- 为此舍弃 %d / %d 行（%s）", r.Suppressed, r.Before.Rows, percent(int64(r.Suppressed), int64(r.Before.Rows)))
		if n := r.Before.Unique; n > 0 {
			w.line("- Before that %d rows (%s) were alone in their class (sample uniques); of what is published %d are", "- 此前有 %d 行（%s）在其等价类中唯一（样本唯一者）；发布的行中有 %d 行",
				n, percent(int64(n), int64(r.Before.Rows)), r.After.Unique)
		}
	}
	for _, c := range r.Cells {
		if c.Rows == 0 {
			continue
		}
		w.line("- `%s` was suppressed in %d rows (%s), which would have been alone with few others", "- `%s` 在 %d 行（%s）中被隐藏：否则这些行所在等价类过小", cell(c.Column), c.Rows, percent(c.Rows, int64(r.After.Rows)))
	}
	if r.Policy.Subject == "" {
		w.line("- The chance to name a row rightly is at most %s, on average %s", "- 正确指认一行的概率最高 %s，平均 %s", chance(r.After.Risk), chance(r.After.Average))
	}
	for _, d := range r.Sensitive {
		w.line("- `%s`: at least %d values in every class (entropy %s); no class is further than %s from the whole (ordered: %s)",
			"- `%s`：每个等价类至少 %d 个取值（熵指数 %s）；与全表分布的距离不超过 %s（按次序：%s）",
			d.Column, d.Distinct, short(d.Entropy), short(d.Equal), short(d.Ordered))
	}
	if u := r.Uniques; u != nil {
		w.line("- Of a population of %d, an estimated %s would be alone in their class (%s)", "- 在 %d 人的总体中，估计 %s 的人在其等价类中唯一（%s）",
			u.Population, chance(u.Share), map[string]string{"pitman": "Pitman", "zayatz": "Zayatz"}[u.Model])
	}
	if a := r.Attack; a != nil && a.Rows > 0 && r.Policy.Subject != "" {
		w.line("- Public sample (%d of %d people): a prosecutor names somebody with a chance of at most %s, a journalist %s; a marketer names %s of them; that somebody is in the sample is known with a certainty of %s to %s",
			"- 公开样本（%d / %d 人）：检察官指认一人的概率最高 %s，记者 %s；营销者可指认 %s 的人；判定某人在样本中的把握为 %s 至 %s",
			a.Rows, a.Population, chance(a.Prosecutor), chance(a.Journalist), chance(a.Marketer), chance(a.PresenceLeast), chance(a.PresenceMost))
	} else if a != nil && a.Rows > 0 {
		w.line("- Public sample (%d of %d rows): a prosecutor names a row with a chance of at most %s, a journalist %s; a marketer names %s of the rows; membership in the sample is known with a certainty of %s to %s",
			"- 公开样本（%d / %d 行）：检察官指认一行的概率最高 %s，记者 %s；营销者可指认 %s 的行；判定某行在样本中的把握为 %s 至 %s",
			a.Rows, a.Population, chance(a.Prosecutor), chance(a.Journalist), chance(a.Marketer), chance(a.PresenceLeast), chance(a.PresenceMost))
	}
	if s := r.InTrain; s != nil && r.Policy.Subject == "" {
		w.line("- %s of the sample's rows have their class in the train part too; of %d rows that are alone in it in both, whoever knows the one knows the other",
			"- 公开样本中 %s 的行在 train 分区也有相同等价类；其中 %d 行在两者中均唯一，知其一即知其二", percent(s.Rows, s.Of), s.Certain)
	}
	if l := r.Linkage; l != nil {
		w.line("- Linkage test: of %d raw rows, %s are nearest to their own masked row among %d (by pure chance %s)",
			"- 链接测试：%d 条原始行中，%s 与自己的脱敏行最近（共 %d 条；纯随机为 %s）", l.Rows, chance(l.Linked), l.Among, chance(l.Baseline))
	}
	w.b.WriteString("\n")
	w.limits(r.Limits())
	w.sizes(r.Sizes, r.Policy.Subject != "")
}

// limits lists what was declared beside what was measured.
func (w *cardWriter) limits(ls []aihub.RiskLimit) {
	w.line("| limit | declared | measured |\n|---|---:|---:|", "| 限制 | 规定 | 实测 |\n|---|---:|---:|")
	for _, l := range ls {
		w.row(l.Key, strings.NewReplacer(">=", "≥", "<=", "≤").Replace(l.Rule)+" "+short(l.Limit), short(l.Measured))
	}
	w.b.WriteString("\n")
}

// sizes plots how many rows, or people, are in classes of each size.
func (w *cardWriter) sizes(bands []risk.Band, people bool) {
	most, all := int64(0), int64(0)
	for _, b := range bands {
		most, all = max(most, b.Rows), all+b.Rows
	}
	if most == 0 {
		return
	}
	unit := aihub.Text{EN: "rows", ZH: "行"}
	if people {
		unit = aihub.Text{EN: "people", ZH: "人"}
	}
	w.line("| size of class | classes | %s | |\n|---:|---:|---:|---|", "| 等价类大小 | 等价类 | %s | |\n|---:|---:|---:|---|", unit.In(w.lang))
	for _, b := range bands {
		size := fmt.Sprintf("%d–%d", b.From, b.To)
		if b.From == b.To {
			size = fmt.Sprint(b.From)
		}
		w.row(size, fmt.Sprint(b.Classes), percent(b.Rows, all), bar(float64(b.Rows)/float64(most), 24))
	}
	w.b.WriteString("\n")
}

// bar draws a share, 0 to 1, width characters wide, in eighths.
func bar(share float64, width int) string {
	n := max(1, int(math.Round(share*float64(width)*8)))
	return strings.Repeat("█", n/8) + strings.TrimSpace(string([]rune(" ▏▎▍▌▋▊▉")[n%8]))
}

// chance renders a share with two significant digits.
func chance(x float64) string {
	if x <= 0 {
		return "0%"
	}
	if x < 0.0001 {
		return "<0.01%"
	}
	v := 100 * x
	digits := max(0, 1-int(math.Floor(math.Log10(v))))
	return fmt.Sprintf("%.*f%%", digits, v)
}

func short(x float64) string { return fmt.Sprintf("%.3g", x) }

// utility writes what masking left of the rows' use.
func (w *cardWriter) utility(u *utility.Report) {
	if u == nil {
		return
	}
	w.line("## Usefulness\n\nMasked values beside the raw ones, on %d rows.\n", "## 可用性\n\n脱敏值与原值的比较，基于 %d 行。\n", u.Rows)
	w.line("| column | information kept | change of the distribution | |\n|---|---:|---:|---|", "| 列 | 保留信息 | 分布变化 | |\n|---|---:|---:|---|")
	for _, c := range u.Columns {
		change := "–"
		if c.Same || c.Spread {
			change = fmt.Sprintf("%.2f", c.TV)
			if c.Wasserstein > 0 {
				change += fmt.Sprintf(" (W₁ %.2f σ)", c.Wasserstein)
			}
		}
		w.row(c.Name, fmt.Sprintf("%.0f%%", 100*c.Kept), change, bar(c.Kept, 12))
	}
	w.b.WriteString("\n")
	w.line("The change of a distribution is the total variation between raw and published values, 0 to 1 (W₁: earth mover's distance in standard deviations); a generalised value counts as spread evenly over the raw values of its class.\n",
		"分布变化为原值与发布值之间的全变差，0 至 1（W₁：以标准差为单位的推土机距离）；泛化后的取值视为在其所含原值上均匀分布。\n")
	if r := u.Relation; r != nil {
		w.line("- Dependence between columns (Cramér's V of %d pairs) changed by %.2f on average, most between `%s` and `%s`: %.2f",
			"- 列间相关性（%d 对的 Cramér's V）平均变化 %.2f，变化最大的是 `%s` 与 `%s`：%.2f", r.Pairs, r.Change, cell(r.A), cell(r.B), r.Largest)
	}
	for _, b := range u.Baseline {
		w.line("- A naive Bayes baseline for `%s` is right in %.0f%% of the rows with masked inputs, %.0f%% with raw ones, %.0f%% by always naming the commonest label (%d folds)",
			"- 以朴素贝叶斯预测 `%s`：脱敏输入正确率 %.0f%%，原始输入 %.0f%%，恒取最常见标签 %.0f%%（%d 折）", cell(b.Truth), 100*b.After, 100*b.Before, 100*b.Majority, b.Folds)
	}
	w.b.WriteString("\n")
}
