package table

import "slices"

// Missing says which texts of a column stand for no value, as NA and -99 do; those of
// the column "*" hold for the columns that have none of their own. In a text file they
// are compared before types are inferred or checked, in others the value that a text
// is in the column's type.
type Missing map[string][]string

// Of returns the texts of a column.
func (m Missing) Of(column string) []string {
	if texts, ok := m[column]; ok {
		return texts
	}
	return m["*"]
}

// withMissing reads r with the values that stand for none as nulls.
func withMissing(r Reader, m Missing) Reader {
	out := missingReader{Reader: r, gone: make([]Column, len(r.Schema()))}
	for i, f := range r.Schema() {
		c := NewColumn(f, 0)
		for _, text := range m.Of(f.Name) {
			if f.Type == String {
				c.AppendStr(text)
			} else if text != "" {
				c.parse(text) // a text that is no value of the type stands for none of them
			}
		}
		out.gone[i] = c
	}
	return out
}

type missingReader struct {
	Reader
	gone []Column // by column: values that stand for none
}

// Rows implements Counted; 0 is unknown.
func (r missingReader) Rows() int64 {
	if c, ok := r.Reader.(Counted); ok {
		return c.Rows()
	}
	return 0
}

func (r missingReader) Next() (*Batch, error) {
	b, err := r.Reader.Next()
	if err != nil {
		return nil, err
	}
	for i := range b.Cols {
		c, gone := &b.Cols[i], &r.gone[i]
		nullify(c, c.Str, gone.Str)
		nullify(c, c.Int, gone.Int)
		nullify(c, c.Flt, gone.Flt)
		nullify(c, c.Bool, gone.Bool)
	}
	return b, nil
}

// nullify makes nulls of the values of c that are in gone.
func nullify[T comparable](c *Column, values, gone []T) {
	if len(gone) == 0 {
		return
	}
	var none T
	for i, v := range values {
		if slices.Contains(gone, v) && !c.Null(i) {
			c.needValid()
			c.Valid[i], values[i] = false, none
		}
	}
}
