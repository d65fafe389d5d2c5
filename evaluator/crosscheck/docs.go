package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
)

const (
	begin, end         = "<!-- crosscheck: begin -->", "<!-- crosscheck: end -->"
	listBegin, listEnd = "<!-- metrics: begin -->", "<!-- metrics: end -->"
)

// list is the table of all metrics, marks included.
func list(lang string) []byte {
	var b bytes.Buffer
	head := "| metric | | reads | better, range | parameters |"
	if lang == "zh-CN" {
		head = "| 指标 | | 读取 | 优劣方向、取值 | 参数 |"
	}
	fmt.Fprintf(&b, "%s\n%s\n|---|---|---|---|---|\n", listBegin, head)
	for _, d := range append(metric.All(), metric.AllUnits()...) {
		var params []string
		for _, p := range d.Params {
			switch {
			case p.Required || p.Default == nil:
				params = append(params, "`"+p.Name+"`")
			default:
				params = append(params, fmt.Sprintf("`%s=%v`", p.Name, p.Default))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s, [%s, %s] | %s |\n", d.Use, d.Title.In(aihub.Lang(lang[:2])), d.Needs, d.Direction, limit(d.Range[0]), limit(d.Range[1]), strings.Join(params, " "))
	}
	b.WriteString(listEnd)
	return b.Bytes()
}

func limit(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "∞"
	case math.IsInf(x, -1):
		return "-∞"
	}
	return metric.Number(x)
}

// replace puts text in the place of what is between two marks of a file.
func replace(path, from, to string, text []byte) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	i, j := bytes.Index(old, []byte(from)), bytes.Index(old, []byte(to))
	if i < 0 || j < i {
		return fmt.Errorf("%s has no place for a table", path)
	}
	return os.WriteFile(path, slices.Concat(old[:i], text, old[j+len(to):]), 0o644)
}

// writeDocs puts the measured deviations in the pages about metrics, in both
// languages, between two marks.
func writeDocs(dir string, kept map[string]*Report) error {
	for _, lang := range []string{"en", "zh-CN"} {
		if err := replace(filepath.Join(dir, lang, "metrics.md"), listBegin, listEnd, list(lang)); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		return nil
	}
	var families []string
	for name := range kept {
		families = append(families, name)
	}
	slices.Sort(families)
	for lang, head := range map[string][7]string{
		"en":    {"metric", "reference", "its values", "largest deviation", "written out: values", "largest deviation", "itself from the reference"},
		"zh-CN": {"指标", "参考实现", "比较数", "最大偏差", "另写定义：比较数", "最大偏差", "其与参考实现之差"},
	} {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s\n| %s |\n|---|---|---|---|---|---|---|\n", begin, strings.Join(head[:], " | "))
		for _, f := range families {
			r := kept[f]
			if r.Missing != "" {
				fmt.Fprintf(&b, "| %s | %s | 0 | | | | |\n", f, r.Missing)
			}
			for _, m := range r.sorted() {
				if strings.HasPrefix(m, "#") {
					continue
				}
				reference := "—"
				if name, _, _ := strings.Cut(m, "@"); r.Metrics[m] != nil && slices.Contains(ofScript, name) {
					reference = script[lang]
				} else if r.Metrics[m] != nil {
					reference = strings.Join(r.References, ", ")
				}
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m, reference, cells(r.Metrics[m]), cells(r.Written[m]), itself(r.Verified[m]))
			}
		}
		b.WriteString(end)
		if err := replace(filepath.Join(dir, lang, "metrics.md"), begin, end, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// script is what stands in the place of a reference where ofScript has the metric.
var script = map[string]string{"en": "none: the script, with NumPy or fractions", "zh-CN": "无：脚本以 NumPy 或分数计算"}

// ofScript are metrics that no library of their family has, or whose sums lose
// digits there: reference/*.py computes them itself, a few lines each.
var ofScript = []string{
	"cost", "sensitivity", "specificity", "fpr", "fnr", "positive_precision", "positive_f1", "precision_at", "recall_at", "lift",
	"ece", "ece_mass", "ece_classwise", "mce", "top_k", "smape", "wape", "r2", "explained_variance", "pearson",
	"err", "rbp", "b_cubed_f1", "ceaf_e_f1", "muc_f1", "conll_f1", "er_pairwise_precision", "er_pairwise_recall", "er_pairwise_f1",
	"multilabel_jaccard", "miou", "fw_iou", "dice_per_case", "act_dcf", "cllr", "jer", "mcnemar_mid", "nemenyi", "kendall_w",
}

// cells are how many values were compared, and the largest deviation.
func cells(d *Deviation) string {
	if d == nil {
		return " | "
	}
	return fmt.Sprintf("%d | %.1e", d.Values, d.Worst)
}

func itself(d *Deviation) string {
	if d == nil {
		return ""
	}
	return fmt.Sprintf("%.1e (%d)", d.Worst, d.Values)
}
