package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"aihub"
	"aihub/internal/table"
)

// Masker is one technique at work on one column.
type Masker interface {
	// Type is the type of the masked column.
	Type() table.Type

	// Mask returns the masked values of c, as many and in the same order; a null
	// stays null. bad are the values that the technique cannot take: they are
	// null in out. raw is the batch that c is a column of.
	Mask(c *table.Column, raw *table.Batch) (out table.Column, bad []int)
}

// Masking is a Plan compiled for a schema and a key.
type Masking struct {
	cols    []masked
	rows    int64 // seen so far
	refused []aihub.Fault
}

type masked struct {
	in     int // index in the raw schema
	name   string
	rule   Rule
	masker Masker
	count  int64
}

// Compile returns the Masking of p for raw columns of the schema. The key must
// belong to the plan's scope alone (keys.Ring derives it). Faults are those of
// Lint.
func (p Plan) Compile(schema []table.Field, key []byte) (*Masking, error) {
	if fs := p.Lint(schema); fs != nil {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{EN: "the mask plan does not fit the data", ZH: "脱敏方案与数据不符"}).WithFaults(fs)
	}
	m := &Masking{}
	identifying := p.identifying(schema)
	for i, f := range schema {
		r, _ := p.Of(f.Name)
		if r.Use == "drop" {
			continue
		}
		k, err := r.masker(f.Type, subkey(key, r.Use, r.Domain), identifying)
		if err != nil {
			return nil, fmt.Errorf("mask: column %s: %w", f.Name, err)
		}
		m.cols = append(m.cols, masked{in: i, name: f.Name, rule: r, masker: k})
	}
	return m, nil
}

// subkey returns the key of one technique in one domain.
func subkey(key []byte, technique, domain string) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%d:%s%s", len(technique), technique, domain)
	return h.Sum(nil)
}

// identifying are the columns whose values name a person or thing: redact looks
// for a row's own values of them in its texts.
func (p Plan) identifying(schema []table.Field) map[int]string {
	out := map[int]string{}
	for i, f := range schema {
		r, _ := p.Of(f.Name)
		if label, ok := placeholders[r.Use]; ok {
			out[i] = label
		}
	}
	return out
}

func (r Rule) masker(t table.Type, key []byte, identifying map[int]string) (Masker, error) {
	switch r.Use {
	case "keep":
		return keep{t}, nil
	case "pseudonym":
		return pseudonym{key}, nil
	case "phone":
		return newPhone(key)
	case "resident":
		return newResident(key, r.Area)
	case "name":
		return names{key}, nil
	case "band":
		return band{r.Width, r.Min, r.Max, t == table.Int64}, nil
	case "hierarchy":
		h, _ := parseHierarchy(r.Hierarchy, r.Level)
		return h, nil
	case "date":
		return date{r.To, t == table.Timestamp}, nil
	case "address":
		return address{r.To == "city"}, nil
	case "redact":
		return redact{identifying}, nil
	}
	return nil, fmt.Errorf("no technique %q", r.Use)
}

// Schema returns the columns of the masked table.
func (m *Masking) Schema() []table.Field {
	fs := make([]table.Field, len(m.cols))
	for i, c := range m.cols {
		fs[i] = table.Field{Name: c.name, Type: c.masker.Type()}
	}
	return fs
}

// Apply masks the next batch of raw rows. Values that a technique cannot take
// are null in the result; Err tells whether that may be.
func (m *Masking) Apply(raw *table.Batch) *table.Batch {
	out := &table.Batch{Rows: raw.Rows}
	for i := range m.cols {
		c := &m.cols[i]
		col, bad := c.masker.Mask(&raw.Cols[c.in], raw)
		col.Field = table.Field{Name: c.name, Type: c.masker.Type()}
		out.Cols = append(out.Cols, col)
		for _, b := range bad {
			if c.count++; c.rule.OnInvalid == refuse && c.count <= 20 {
				v, _ := raw.Cols[c.in].Text(b)
				m.refused = append(m.refused, aihub.Fault{
					Code: "invalid_value", Where: fmt.Sprintf("row %d, column %s", m.rows+int64(b)+1, c.name),
					Message: aihub.Text{
						EN: fmt.Sprintf("%s cannot mask text that looks like %q", c.rule.Use, table.Shape(v)),
						ZH: fmt.Sprintf("%s 无法处理形如 %q 的内容", c.rule.Use, table.Shape(v))},
				})
			}
		}
	}
	m.rows += int64(raw.Rows)
	return out
}

// Nulled returns how many values of each column became null because its
// technique could not take them.
func (m *Masking) Nulled() map[string]int64 {
	out := map[string]int64{}
	for _, c := range m.cols {
		if c.count > 0 {
			out[c.name] = c.count
		}
	}
	return out
}

// Err returns a Contract error with the first places when a column that does
// not say on_invalid: missing had values its technique could not take.
func (m *Masking) Err() error {
	if m.refused == nil {
		return nil
	}
	fs := m.refused
	for _, c := range m.cols {
		if c.rule.OnInvalid == refuse && c.count > 20 {
			fs = append(fs, aihub.Fault{Code: "invalid_value", Where: "column " + c.name, Count: c.count, Message: aihub.Text{
				EN: fmt.Sprintf("%d values in all; the first 20 are shown", c.count), ZH: fmt.Sprintf("共 %d 个值；以上为前 20 个", c.count)}})
		}
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "some values cannot be masked", ZH: "部分值无法脱敏"}).
		WithHint(aihub.Text{EN: "mend the values, or write on_invalid: missing beside use: in the manifest to publish them as missing",
			ZH: "请修正这些值，或在清单的 use: 旁写 on_invalid: missing，使其以缺失值发布"}).WithFaults(fs)
}

// mapText masks a column value by value through its text.
func mapText(c *table.Column, f func(string) (string, bool)) (out table.Column, bad []int) {
	n := c.Len()
	out = table.NewColumn(table.Field{Type: table.String}, n)
	for i := range n {
		v, ok := c.Text(i)
		if !ok {
			out.AppendNull()
			continue
		}
		if v, ok = f(v); !ok {
			bad = append(bad, i)
			out.AppendNull()
			continue
		}
		out.AppendStr(v)
	}
	return out, bad
}

// keep leaves a column as it is.
type keep struct{ t table.Type }

func (k keep) Type() table.Type { return k.t }

func (keep) Mask(c *table.Column, _ *table.Batch) (table.Column, []int) {
	out := table.NewColumn(c.Field, c.Len())
	for i := range c.Len() {
		out.AppendFrom(c, i)
	}
	return out, nil
}
