package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aihub"
)

// GroupColumns are the columns of the dataset that rows are put together by: those
// of the slices, and the unit's.
func (s Spec) GroupColumns() []string {
	out := s.SliceColumns()
	if s.Unit != "" && !slices.Contains(out, s.Unit) {
		out = append(out, s.Unit)
	}
	return out
}

func (l *linter) unit(s Spec) {
	if s.Unit == "" {
		return
	}
	l.column("unit", s.Unit)
	switch s.Unit {
	case s.Input.Key:
		l.add("key_in_columns", "unit", "every row has a key of its own: leave unit out when rows are independent", "主键各不相同：若各行相互独立，请省略 unit")
	case s.Truth.Column:
		l.add("bad_value", "unit", "rows with the same label do not belong together: name the column of what they come from", "标签相同的行并非同一单元：请填写这些行来源所在的列")
	}
}

// unitColumn compares the unit's column with those of the dataset.
func (l *linter) unitColumn(s Spec, v aihub.DatasetVersion, columns map[string]aihub.Column) {
	c, ok := columns[s.Unit]
	if s.Unit == "" || s.Unit == v.Key || ok && slices.Contains(SliceTypes, c.Type) {
		return
	}
	var fit []string
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if name != v.Key && slices.Contains(SliceTypes, columns[name].Type) {
			fit = append(fit, name)
		}
	}
	if list := strings.Join(fit, ", "); !ok {
		l.add("unknown_column", "unit", fmt.Sprintf("%s has no column %q; one of these can be the unit: %s", v.Ref, clip(s.Unit), list), fmt.Sprintf("%s 没有列 %q；可作单元的列：%s", v.Ref, clip(s.Unit), list))
	} else {
		l.add("wrong_type", "unit", fmt.Sprintf("column %q of %s is of type %s; one of these can be the unit: %s", clip(s.Unit), v.Ref, c.Type, list), fmt.Sprintf("%[2]s 的列 %[1]q 类型是 %[3]s；可作单元的列：%[4]s", clip(s.Unit), v.Ref, c.Type, list))
	}
}

// LintWithUnits is LintWithRows for parts whose rows belong to units: a part is
// worth as many rows as it has of them.
func LintWithUnits(spec Spec, units map[aihub.Part]int64) []aihub.Fault {
	faults := LintWithRows(spec, units)
	for i := range faults {
		faults[i].Message = aihub.Text{
			EN: fmt.Sprintf("by unit %q, whose rows count as one: ", clip(spec.Unit)) + faults[i].Message.EN,
			ZH: fmt.Sprintf("按单元 %q 计（同一单元的行计为一行）：", clip(spec.Unit)) + faults[i].Message.ZH,
		}
	}
	return faults
}
