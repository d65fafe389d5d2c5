package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aihub"
)

// Slice asks for every metric on groups of rows, too: those with the same values
// in some columns of the dataset, whether an algorithm sees these or not. Groups
// are what the hidden part holds, never what was predicted.
type Slice struct {
	By  []string `json:"by" yaml:"by"`   // one to three columns
	Min int      `json:"min" yaml:"min"` // rows of a group that is shown by itself; smaller ones are merged
}

// Bounds of slices. A group has an accumulator of its own for each metric, so
// their number bounds the memory.
const (
	MaxSlices       = 5
	MaxGroups       = 50 // of a slice, in one part
	DefaultGroup    = 100
	leastGroup      = 20
	maxGroup        = 1_000_000
	maxSliceColumns = 3
	maxSliceClasses = 100 // some metrics keep a table of classes by classes
)

// SliceTypes are the types of columns that rows can be grouped by.
var SliceTypes = []string{"bool", "int64", "string"}

// SliceColumns are the columns that rows are grouped by, each once.
func (s Spec) SliceColumns() []string {
	var out []string
	for _, x := range s.Slices {
		for _, c := range x.By {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

func (l *linter) slices(s Spec) {
	if len(s.Slices) == 0 {
		return
	}
	if len(s.Slices) > MaxSlices {
		l.add("too_many", "slices", fmt.Sprintf("at most %d slices", MaxSlices), fmt.Sprintf("最多 %d 个切片", MaxSlices))
		return
	}
	if len(s.Truth.Classes) > maxSliceClasses {
		l.add("too_many", "slices", fmt.Sprintf("slices need at most %d truth.classes", maxSliceClasses), fmt.Sprintf("使用切片时 truth.classes 最多 %d 个", maxSliceClasses))
	}
	if len(s.Metrics) > 0 && !slices.ContainsFunc(s.Metrics, func(m Metric) bool { return KnownMetrics[m.Use].Needs != NeedsScoreKey }) {
		l.add("unused", "slices", "one number of a scorer has no rows to group: add a metric of rows or units", "评分程序给出的单个数值无法分组：请添加按行或按单元的指标")
	}
	for i, x := range s.Slices {
		p := fmt.Sprintf("slices[%d].", i)
		bounded(l, p+"min", x.Min, leastGroup, maxGroup)
		if len(x.By) == 0 {
			l.missing(p+"by", "one to three columns of the dataset", "一至三个数据集列")
		}
		if len(x.By) > maxSliceColumns {
			l.add("too_many", p+"by", fmt.Sprintf("at most %d columns", maxSliceColumns), fmt.Sprintf("最多 %d 列", maxSliceColumns))
			continue
		}
		for j, c := range x.By {
			q := fmt.Sprintf("%sby[%d]", p, j)
			l.column(q, c)
			switch {
			case c == "":
			case c == s.Input.Key:
				l.add("key_in_columns", q, "every row has a key of its own: that is no group", "主键各不相同，不能分组")
			case slices.Index(x.By, c) < j:
				l.add("duplicate", q, fmt.Sprintf("column %q is named twice", clip(c)), fmt.Sprintf("列 %q 重复", clip(c)))
			}
		}
		for j, o := range s.Slices[:i] {
			if len(x.By) > 0 && len(o.By) > 0 && (within(x.By, o.By) || within(o.By, x.By)) {
				l.add("nested_slices", p+"by", fmt.Sprintf("one of this and slices[%d] divides the groups of the other, so that the difference of two groups would show one that is too small: keep one of them", j),
					fmt.Sprintf("本切片与 slices[%d] 中一个是另一个的细分，两组相减即可得出过小的组：请只保留其一", j))
			}
		}
	}
}

// within reports whether all of a are in b.
func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(c string) bool { return !slices.Contains(b, c) })
}

// sliceColumns compares the columns of slices with those of the dataset, and
// their least groups with its parts.
func (l *linter) sliceColumns(s Spec, v aihub.DatasetVersion, columns map[string]aihub.Column) {
	var fit []string
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if name != v.Key && slices.Contains(SliceTypes, columns[name].Type) {
			fit = append(fit, name)
		}
	}
	for i, x := range s.Slices {
		for j, name := range x.By {
			p := fmt.Sprintf("slices[%d].by[%d]", i, j)
			switch c, ok := columns[name]; {
			case !ok:
				l.add("unknown_column", p, fmt.Sprintf("%s has no column %q; these can be grouped by: %s", v.Ref, clip(name), strings.Join(fit, ", ")),
					fmt.Sprintf("%s 没有列 %q；可用于分组的列：%s", v.Ref, clip(name), strings.Join(fit, "、")))
			case name != v.Key && !slices.Contains(SliceTypes, c.Type):
				l.add("wrong_type", p, fmt.Sprintf("column %q of %s is of type %s, which has too many values; these can be grouped by: %s", clip(name), v.Ref, c.Type, strings.Join(fit, ", ")),
					fmt.Sprintf("%[2]s 的列 %[1]q 类型是 %[3]s，取值过多；可用于分组的列：%[4]s", clip(name), v.Ref, c.Type, strings.Join(fit, "、")))
			}
		}
		for _, r := range s.Rounds {
			if f, ok := v.File(aihub.Part(r.Part)); ok && f.Rows > 0 && f.Rows < 2*int64(x.Min) {
				l.add("too_few_rows", fmt.Sprintf("slices[%d].min", i), fmt.Sprintf("the %s part has %d rows: two groups of %d need %d; lower min or leave the slice out", r.Part, f.Rows, x.Min, 2*x.Min),
					fmt.Sprintf("%s 分区共 %d 行：两个 %d 行的组需要 %d 行；请调低 min 或去掉该切片", r.Part, f.Rows, x.Min, 2*x.Min))
			}
		}
	}
}
