package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"aihub"
)

// LintAgainst returns every fault of spec that only shows against the dataset
// version it pins: key, columns, types, truth, parts, and LintWithRows. Where is
// the path of the field; see Locate.
func LintAgainst(spec Spec, v aihub.DatasetVersion) []aihub.Fault {
	l := linter{where: func(path string) string { return path }, bad: func(string) bool { return false }}
	if spec.Dataset != v.Ref.String() {
		l.add("wrong_dataset", "dataset", fmt.Sprintf("%s was compared with %s", spec.Dataset, v.Ref), fmt.Sprintf("%s 与 %s 不一致", spec.Dataset, v.Ref))
		return l.faults
	}
	columns, public := map[string]aihub.Column{}, []string{}
	var truths []string
	for _, c := range v.Columns {
		columns[c.Name] = c
		switch {
		case c.Truth:
			truths = append(truths, c.Name)
		case c.Name != v.Key:
			public = append(public, c.Name)
		}
	}
	if spec.Input.Key != v.Key {
		l.add("wrong_key", "input.key", fmt.Sprintf("the key of %s is %q", v.Ref, v.Key), fmt.Sprintf("%s 的主键是 %q", v.Ref, v.Key))
	}
	for i, name := range spec.Input.Columns {
		p := fmt.Sprintf("input.columns[%d]", i)
		switch c, ok := columns[name]; {
		case !ok:
			l.add("unknown_column", p, fmt.Sprintf("%s has no column %q; it has: %s", v.Ref, clip(name), strings.Join(public, ", ")),
				fmt.Sprintf("%s 没有列 %q；可用：%s", v.Ref, clip(name), strings.Join(public, "、")))
		case c.Truth:
			l.add("truth_in_input", p, fmt.Sprintf("%q is a truth column: an algorithm must never see it; remove it", clip(name)),
				fmt.Sprintf("%q 是真值列，算法不得看到：请删除", clip(name)))
		}
	}
	if i := slices.IndexFunc(v.Columns, func(c aihub.Column) bool { return c.File && slices.Contains(spec.Input.Columns, c.Name) }); i >= 0 && spec.Input.File == "files" {
		l.add("bad_value", "input.file", "the rows' pictures and recordings lie in the folder files: choose another name", "各行的图片与录音位于 files 文件夹：请换一个名称")
	}
	switch c, ok := columns[spec.Truth.Column]; {
	case !ok || !c.Truth:
		l.add("unknown_column", "truth.column", fmt.Sprintf("%q is not a truth column of %s; these are: %s", clip(spec.Truth.Column), v.Ref, strings.Join(truths, ", ")),
			fmt.Sprintf("%q 不是 %s 的真值列；真值列为：%s", clip(spec.Truth.Column), v.Ref, strings.Join(truths, "、")))
	case c.Type != spec.Truth.Type:
		l.add("wrong_type", "truth.type", fmt.Sprintf("column %q of %s is of type %s", clip(c.Name), v.Ref, c.Type), fmt.Sprintf("%[2]s 的列 %[1]q 类型是 %[3]s", clip(c.Name), v.Ref, c.Type))
	}
	l.sliceColumns(spec, v, columns)
	l.unitColumn(spec, v, columns)
	l.mediaColumn(spec, v, columns)
	rows := map[aihub.Part]int64{}
	for _, f := range v.Parts {
		rows[f.Part] = f.Rows
	}
	needs := append([]string{string(aihub.Sample)}, roundParts(spec)...)
	if spec.Train != nil {
		needs = append(needs, string(aihub.Train))
	}
	for _, need := range needs {
		path := "dataset"
		if need == string(aihub.Train) {
			path = "train"
		}
		if i := slices.IndexFunc(spec.Rounds, func(r Round) bool { return r.Part == need }); i >= 0 {
			path = fmt.Sprintf("rounds[%d].part", i)
		}
		if rows[aihub.Part(need)] == 0 {
			l.add("no_part", path, fmt.Sprintf("%s has no rows in its %s part", v.Ref, need), fmt.Sprintf("%s 的 %s 分区没有数据", v.Ref, need))
		}
	}
	return append(l.faults, LintWithRows(spec, rows)...)
}

func roundParts(spec Spec) []string {
	var out []string
	for _, r := range spec.Rounds {
		if !slices.Contains(out, r.Part) {
			out = append(out, r.Part)
		}
	}
	return out
}
