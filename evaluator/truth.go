package evaluator

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Truth is the key and label of every row of a part.
type Truth struct {
	Keys  []string      // of the dataset, not the random ids of a run
	Label metric.Column // Class: index in spec.Truth.Classes; Flt: a number
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
// label, one outside the declared classes or one that is no number is a
// Contract error, which counts rows and never shows a value.
func ReadTruth(ctx context.Context, path, key string, spec scenarios.Spec) (*Truth, error) {
	r, err := openLabelled(path, key, spec)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t := &Truth{}
	err = scanTruth(ctx, r, key, spec, func(k string, class int32, flt float64) error {
		t.Keys = append(t.Keys, k)
		if len(spec.Truth.Classes) > 0 {
			t.Label.Class = append(t.Label.Class, class)
		} else {
			t.Label.Flt = append(t.Label.Flt, flt)
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

// scanTruth calls yield for every row of r, and returns the faults of its labels.
func scanTruth(ctx context.Context, r table.Reader, key string, spec scenarios.Spec, yield func(key string, class int32, flt float64) error) error {
	class := map[string]int32{}
	for i, c := range spec.Truth.Classes {
		class[c] = int32(i)
	}
	var row int64
	var empty, wrong tallyRows
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
		keys, label := b.Col(key), b.Col(spec.Truth.Column)
		if keys == nil || label == nil {
			return fmt.Errorf("evaluator: the truth lost a column while it was read")
		}
		for i := range b.Rows {
			row++
			k, _ := keys.Text(i)
			ok := !label.Null(i)
			if !ok {
				empty.add(row)
			}
			if len(class) > 0 {
				text, _ := label.Text(i)
				c, known := class[text]
				if ok && !known {
					wrong.add(row)
				}
				if err := yield(k, c, 0); err != nil {
					return err
				}
				continue
			}
			v, number := 0.0, true
			switch label.Type {
			case table.Int64:
				v = float64(label.Int[i])
			case table.Float64:
				v = label.Flt[i]
				number = v-v == 0
			default:
				number = false
			}
			if ok && !number {
				wrong.add(row)
			}
			if err := yield(k, 0, v); err != nil {
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
		if len(class) > 0 {
			en, zh = "the label is none of truth.classes", "标签不在 truth.classes 之中"
		}
		faults = append(faults, wrong.fault("bad_label", spec.Truth.Column, en, zh))
	}
	if len(faults) > 0 {
		return badData(faults...)
	}
	return nil
}

// openLabelled opens the key and label columns of a file.
func openLabelled(path, key string, spec scenarios.Spec) (table.Reader, error) {
	parquet, err := table.IsParquet(path)
	if err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	if parquet {
		return table.OpenParquet(path, []string{key, spec.Truth.Column})
	}
	types := map[string]table.Type{key: table.String, spec.Truth.Column: table.String}
	if len(spec.Truth.Classes) == 0 {
		types[spec.Truth.Column] = table.Float64
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
