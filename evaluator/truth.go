package evaluator

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Truth is the key and label of every row of a part.
type Truth struct {
	Keys  []string      // of the dataset, not the random ids of a run
	Label metric.Column // Class: index in spec.Truth.Classes; Flt: a number; Str: a text
}

// RowIDs returns what the rows are called in the run with this row key; without
// one they are called by their keys.
func (t *Truth) RowIDs(rowKey []byte) []string {
	if rowKey == nil {
		return t.Keys
	}
	ids := make([]string, len(t.Keys))
	for i, key := range t.Keys {
		ids[i] = table.RowID(rowKey, key)
	}
	return ids
}

// maxTruthRows is what the index of IDs can hold.
const maxTruthRows = math.MaxUint32 - 1

// ReadTruth reads the label column that spec declares, by the key column, from
// a Parquet file, or a CSV file as the public sample is given out. An empty
// label, one outside the declared classes, one that is no number, or a text that
// is longer than its metrics can take is a Contract error, which counts rows and never shows a value.
func ReadTruth(ctx context.Context, path, key string, spec scenarios.Spec) (*Truth, error) {
	r, err := openLabelled(path, key, spec, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t := &Truth{}
	err = scanTruth(ctx, r, key, spec, nil, func(k string, v label) error {
		t.Keys = append(t.Keys, k)
		switch {
		case len(spec.Truth.Classes) > 0:
			t.Label.Class = append(t.Label.Class, v.class)
		case ofTexts(spec):
			t.Label.Str = append(t.Label.Str, strings.Clone(v.str))
		default:
			t.Label.Flt = append(t.Label.Flt, v.flt)
		}
		if len(t.Keys) > maxTruthRows {
			return badData(aihub.Fault{Code: "too_many_rows", Message: aihub.Text{EN: "too many rows", ZH: "行数过多"}})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// label is one row's: of its fields, the one of the truth's kind.
type label struct {
	class  metric.Code
	flt    float64
	str    string
	key    string   // the row's, where units stand in that order
	groups []uint16 // of each slice; valid until the next row
}

// scanTruth calls yield for every row of r, and returns the faults of its labels.
// Rows are in groups of g, unless it is nil.
func scanTruth(ctx context.Context, r table.Reader, key string, spec scenarios.Spec, g *grouping, yield func(key string, v label) error) error {
	class := newCoder(spec.Truth.Classes)
	var row int64
	var empty, wrong, long tallyRows
	var what aihub.Text // is expected of a cell
	texts, limit, kind := ofTexts(spec), truthLimit(spec), cellsOf(spec)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		keys, labels := b.Col(key), b.Col(spec.Truth.Column)
		if keys == nil || labels == nil {
			return fmt.Errorf("evaluator: the truth lost a column while it was read")
		}
		for i := range b.Rows {
			row++
			k, _ := keys.Text(i)
			groups, err := g.next(b, i, k)
			if err != nil {
				return err
			}
			// A unit may hold nothing; CSV has no other way to say so.
			ok := kind != nil || texts && spec.Truth.Empty || !labels.Null(i) && !(texts && labels.Type == table.String && slices.Contains(spec.Truth.Golds(labels.Str[i]), ""))
			if !ok {
				empty.add(row)
			}
			if len(class.text) > 0 {
				var c metric.Code
				if labels.Type == table.Int64 && ok {
					c = class.of(labels.Int[i])
				} else {
					text, _ := labels.Text(i)
					c = class.ofText(text)
				}
				known := c >= 0
				c = max(c, 0)
				if ok && !known {
					wrong.add(row)
				}
				if err := yield(k, label{class: c, groups: groups}); err != nil {
					return err
				}
				continue
			}
			if texts {
				v := label{groups: groups}
				switch {
				case !ok:
				case labels.Type != table.String:
					wrong.add(row)
				case tooLong(labels.Str[i], limit):
					long.add(row)
				case kind != nil && kind.Truth(labels.Str[i]) != nil:
					if wrong.add(row); wrong.n == 1 {
						what = *kind.Truth(labels.Str[i])
					}
				default:
					v.str = labels.Str[i]
				}
				if err := yield(k, v); err != nil {
					return err
				}
				continue
			}
			v, number := 0.0, true
			switch labels.Type {
			case table.Int64:
				v = float64(labels.Int[i])
			case table.Float64:
				v = labels.Flt[i]
				number = v-v == 0
			default:
				number = false
			}
			if ok && !number {
				wrong.add(row)
			}
			if err := yield(k, label{flt: v, groups: groups}); err != nil {
				return err
			}
		}
	}
	var faults []aihub.Fault
	if empty.n > 0 {
		faults = append(faults, empty.fault("empty_label", spec.Truth.Column, "the label is empty", "标签为空"))
	}
	if wrong.n > 0 {
		en, zh := "the label is not a finite number", "标签不是有限数值"
		if len(class.text) > 0 {
			en, zh = "the label is none of truth.classes", "标签不在 truth.classes 之中"
		} else if !what.IsZero() {
			en, zh = what.EN, what.ZH
		} else if texts {
			en, zh = "the label is not a text", "标签不是文本"
		}
		faults = append(faults, wrong.fault("bad_label", spec.Truth.Column, en, zh))
	}
	if long.n > 0 {
		faults = append(faults, long.fault("text_too_long", spec.Truth.Column, fmt.Sprintf("the text has more than %d characters", limit), fmt.Sprintf("文本超过 %d 个字符", limit)))
	}
	if len(faults) > 0 {
		return badData(faults...)
	}
	return nil
}

// openLabelled opens the key and label columns of a file, and those of it that
// rows are grouped by.
func openLabelled(path, key string, spec scenarios.Spec, g *grouping) (table.Reader, error) {
	columns, numbers := []string{key, spec.Truth.Column}, ""
	if len(spec.Truth.Classes) == 0 && !ofTexts(spec) {
		numbers = spec.Truth.Column
	}
	if g != nil {
		for _, c := range g.own {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return openColumns(path, columns, numbers)
}

// openColumns opens columns of a Parquet or CSV file, all when nil. Those of a CSV
// file are texts, but numbers.
func openColumns(path string, columns []string, numbers string) (table.Reader, error) {
	parquet, err := table.IsParquet(path)
	if err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	if parquet {
		return table.OpenParquet(path, columns)
	}
	types := map[string]table.Type{}
	for _, c := range columns {
		types[c] = table.String
	}
	if numbers != "" {
		types[numbers] = table.Float64
	}
	return table.Open(path, table.Options{Format: table.FormatCSV, CSVOptions: table.CSVOptions{Types: types, Text: true}})
}

// tallyRows counts rows and keeps the first few.
type tallyRows struct {
	n    int64
	rows []string
}

func (t *tallyRows) add(row int64) {
	if t.n++; len(t.rows) < maxExamples {
		t.rows = append(t.rows, fmt.Sprintf("row %d", row))
	}
}

func (t *tallyRows) fault(code, column, en, zh string) aihub.Fault {
	return aihub.Fault{Code: code, Where: "column " + clip(column), Message: aihub.Text{EN: en, ZH: zh}, Count: t.n, Examples: slices.Clone(t.rows)}
}
