package evaluator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/scenarios"
)

// end counts the ids that had no row, unless there was no key column to find
// them in. In a format that lists what was found, nothing was found there.
func (c *check) end() {
	if c.key == "" {
		return
	}
	for i, ok := range c.seen {
		if ok {
			continue
		}
		if scenarios.UnitFormats[c.spec.Output.Format].Missing {
			for _, k := range c.columns {
				if k.str != nil && k.cells != nil {
					k.str[i] = k.cells.Empty
				} else if k.str != nil {
					k.str[i] = ""
				}
			}
			continue
		}
		if c.lost++; len(c.examples) < maxExamples {
			c.examples = append(c.examples, quote(c.ids.list[i]))
		}
	}
}

func (c *check) keyFault(code string, near bool, id, en, zh string) {
	c.add(faultKey{-1, code, near, ""}, c.spec.Input.Key, id, func() aihub.Text { return aihub.Text{EN: en, ZH: zh} })
}

// add counts a fault of a value in the current row. Rows may come in any order;
// those of the examples are the first of the file.
func (c *check) add(at faultKey, column, value string, message func() aihub.Text) {
	f := c.faults[at]
	if f == nil {
		f = &tallied{Fault: aihub.Fault{Code: at.code, Message: message()}, column: clip(column)}
		c.faults[at] = f
	}
	f.Count++
	n := len(f.rows)
	if n == maxExamples && f.rows[n-1] < c.row {
		return
	}
	x := fmt.Sprintf("%s %d", c.noun, c.row)
	if value != "" {
		x += " " + quote(value)
	}
	i, _ := slices.BinarySearch(f.rows, c.row+1)
	f.rows = slices.Insert(f.rows, i, c.row)
	f.Examples = slices.Insert(f.Examples, i, x)
	if n == maxExamples {
		f.rows, f.Examples = f.rows[:n], f.Examples[:n]
	}
}

// report returns every fault: of columns, of rows that are none and missing ids first, then of values
// in the order of the schema.
func (c *check) report() []aihub.Fault {
	faults := slices.Concat(c.columnFaults, c.broken)
	if c.lost > 0 {
		message := aihub.Text{EN: fmt.Sprintf("%d of %d ids have no row", c.lost, c.want), ZH: fmt.Sprintf("%d 个行标识（共 %d 个）没有对应的行", c.lost, c.want)}
		if len(c.broken) > 0 {
			message.EN, message.ZH = message.EN+", or only one that could not be read", message.ZH+"，或其所在行无法读取"
		}
		faults = append(faults, aihub.Fault{Code: "missing_ids", Where: "column " + clip(c.spec.Input.Key), Count: c.lost, Examples: c.examples, Message: message})
	}
	keys := slices.SortedFunc(maps.Keys(c.faults), func(a, b faultKey) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.code, b.code), cmp.Compare(b2i(a.near), b2i(b.near)), strings.Compare(a.what, b.what))
	})
	for _, k := range keys {
		f := c.faults[k]
		f.Where = fmt.Sprintf("%s %d, column %s", c.noun, f.rows[0], f.column)
		faults = append(faults, f.Fault)
	}
	return faults
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// quote renders a foreign value on one line.
func quote(s string) string { return strconv.Quote(clip(s)) }
