package evaluator

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
)

// value reads the i-th cell of k into newCls or newFlt, and reports whether it
// is allowed.
func (c *check) value(k *checked, i int) bool {
	// CSV has no other way to say that a text is empty.
	if k.in.Null(i) && !(k.text > 0 && c.spec.Output.Format == table.FormatCSV) {
		c.add(faultKey{k.order, "empty_value", false, ""}, k.Name, "", func() aihub.Text { return aihub.Text{EN: "the value is empty", ZH: "值为空"} })
		return false
	}
	if k.Type == "string" {
		v := k.in.Str[i]
		if k.codes == nil {
			k.newStr = v
			if k.text > 0 && tooLong(v, k.text) {
				c.add(faultKey{k.order, "text_too_long", false, ""}, k.Name, v, func() aihub.Text {
					return aihub.Text{
						EN: fmt.Sprintf("the text has more than %d characters", k.text),
						ZH: fmt.Sprintf("文本超过 %d 个字符", k.text),
					}
				})
				return false
			}
			if k.cells != nil {
				bad := k.cells.Faults(v)
				for _, x := range bad {
					c.add(faultKey{k.order, "bad_cell", false, x.EN}, k.Name, v, func() aihub.Text { return *x })
				}
				return len(bad) == 0
			}
			return true
		}
		cls, known := metric.Code(-1), false
		if len(v) == 1 {
			cls = k.short[v[0]]
			known = cls >= 0
		} else {
			cls, known = k.codes[v]
		}
		if !known {
			_, near := k.codes[strings.TrimSpace(v)]
			c.add(faultKey{k.order, "unknown_class", near, ""}, k.Name, v, func() aihub.Text {
				if near {
					return aihub.Text{EN: "the value is a class but for blanks around it", ZH: "去掉首尾空格后才是合法类别"}
				}
				list := clip(strings.Join(k.Classes, ", "))
				return aihub.Text{EN: "the value is none of the classes: " + list, ZH: "值不在类别之中：" + list}
			})
			return false
		}
		k.newCls = cls
		return true
	}
	text := ""
	switch k.in.Type {
	case table.Int64:
		k.newFlt = float64(k.in.Int[i])
	case table.Float64:
		k.newFlt = k.in.Flt[i]
	default:
		text = k.in.Str[i]
		v, ok := parseNumber(text, k.Type == "int64")
		if !ok {
			c.add(faultKey{k.order, "bad_type", false, ""}, k.Name, text, func() aihub.Text {
				return aihub.Text{EN: "expected a number of type " + k.Type, ZH: "应为 " + k.Type + " 类型的数"}
			})
			return false
		}
		k.newFlt = v
	}
	finite := k.newFlt-k.newFlt == 0
	inRange := finite && (len(k.Range) != 2 || k.newFlt >= k.Range[0] && k.newFlt <= k.Range[1])
	if inRange && k.newFlt >= k.least {
		return true
	}
	if text == "" {
		text = table.FormatFloat(k.newFlt)
	}
	if !finite {
		c.add(faultKey{k.order, "not_finite", false, ""}, k.Name, text, func() aihub.Text {
			return aihub.Text{EN: "the value is not a finite number", ZH: "值不是有限数"}
		})
		return false
	}
	if inRange {
		c.add(faultKey{k.order, metric.OutOfDomain, false, ""}, k.Name, text, func() aihub.Text {
			if k.least > 0 {
				return aihub.Text{EN: k.use + " takes only values above 0", ZH: k.use + " 只接受大于 0 的值"}
			}
			return aihub.Text{EN: k.use + " takes no values below 0", ZH: k.use + " 不接受小于 0 的值"}
		})
		return false
	}
	c.add(faultKey{k.order, "out_of_range", false, ""}, k.Name, text, func() aihub.Text {
		return aihub.Text{
			EN: fmt.Sprintf("the value is outside [%v, %v]", k.Range[0], k.Range[1]),
			ZH: fmt.Sprintf("值超出 [%v, %v]", k.Range[0], k.Range[1]),
		}
	})
	return false
}

// parseNumber reads a decimal number; NaN and infinities are numbers that are
// not finite.
func parseNumber(s string, whole bool) (float64, bool) {
	if whole {
		v, err := strconv.ParseInt(s, 10, 64)
		return float64(v), err == nil
	}
	for i := range len(s) {
		switch s[i] {
		case 'x', 'X', '_', 'p', 'P': // strconv reads hexadecimal
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil || errors.Is(err, strconv.ErrRange)
}

// sumTolerance is how far probabilities may sum from 1.
const sumTolerance = 1e-6

func (c *check) sum(group []*checked) {
	total := 0.0
	for _, k := range group {
		if !k.ok {
			return
		}
		total += k.newFlt
	}
	if math.Abs(total-1) > sumTolerance {
		c.add(faultKey{group[0].order, "sums_to_one", false, ""}, group[0].Name, table.FormatFloat(total), func() aihub.Text {
			var names []string
			for _, k := range group {
				names = append(names, k.Name)
			}
			list := clip(strings.Join(names, ", "))
			return aihub.Text{EN: "these columns must sum to 1 ± 1e-6: " + list, ZH: "以下各列之和必须为 1 ± 1e-6：" + list}
		})
	}
}

// interval checks the bounds that two columns give.
func (c *check) interval(lower, upper *checked) {
	if lower.ok && upper.ok && lower.newFlt > upper.newFlt {
		both := table.FormatFloat(lower.newFlt) + " > " + table.FormatFloat(upper.newFlt)
		c.add(faultKey{lower.order, metric.Crossed, false, upper.Name}, lower.Name, both, func() aihub.Text {
			name := clip(upper.Name)
			return aihub.Text{EN: "the lower bound is above the upper one, of column " + name, ZH: "下界大于上界（列 " + name + "）"}
		})
	}
}

// place stores the current row under its id.
func (c *check) place(id string) {
	at, ok := c.ids.index(id)
	if !ok {
		if c.ids.near(id) {
			c.keyFault("extra_ids", true, id, "the id is one of the input but for blanks or case: copy it as it is", "仅空格或大小写与输入的行标识不同：请原样复制")
		} else {
			c.keyFault("extra_ids", false, id, "the input has no such id; read and write the key column as text", "输入中没有该行标识；请将键列按文本读写")
		}
		return
	}
	if c.seen[at] {
		if c.same(at) {
			c.keyFault("duplicate_ids", false, id, "the id has more than one row, with equal values: write each once", "同一行标识出现多行（值相同）：每个只写一行")
		} else {
			c.keyFault("conflicting_ids", false, id, "the id has more than one row, with different values", "同一行标识出现多行且值不同")
		}
		return
	}
	c.seen[at] = true
	for _, k := range c.columns {
		if k.class != nil {
			k.class[at] = -1
			if k.ok {
				k.class[at] = k.newCls
			}
		} else if k.str != nil {
			k.str[at] = ""
			if k.ok {
				k.str[at] = strings.Clone(k.newStr) // of a batch that is used again
			}
		} else if k.flt != nil {
			k.flt[at] = math.NaN()
			if k.ok {
				k.flt[at] = k.newFlt
			}
		}
	}
}

// same reports whether the current row says what the first row of its id said.
func (c *check) same(at int) bool {
	for _, k := range c.columns {
		if k.class != nil && k.ok && k.class[at] != k.newCls || k.flt != nil && k.ok && k.flt[at] != k.newFlt || k.str != nil && k.ok && k.str[at] != k.newStr {
			return false
		}
	}
	return true
}
