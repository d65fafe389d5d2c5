package catalog

import (
	"fmt"
	"slices"

	"aihub"
)

// Change is one difference between two versions of a dataset. Before is empty
// for what is new, After for what is gone.
type Change struct {
	What   string `json:"what"` // column, type, truth, masking, rows, key, license, plan, raw, risk
	Name   string `json:"name,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Short is x for people: Before and After with digests cut to their first digits.
func (x Change) Short() Change {
	for _, s := range []*string{&x.Before, &x.After} {
		if d, err := aihub.ParseDigest(*s); err == nil {
			*s = d.Short()
		}
	}
	return x
}

// Diff lists what differs between two versions: columns, types and which are
// truth, the rows of the parts, key, licence and digests; and when the profiles
// of both are at hand (nil: not), how columns are masked and what risk remains.
func Diff(a, b aihub.DatasetVersion, before, after *Profile) []Change {
	out := []Change{}
	add := func(what, name, x, y string) {
		if x != y {
			out = append(out, Change{what, name, x, y})
		}
	}
	column := func(v aihub.DatasetVersion, name string) (aihub.Column, bool) {
		i := slices.IndexFunc(v.Columns, func(c aihub.Column) bool { return c.Name == name })
		if i < 0 {
			return aihub.Column{}, false
		}
		return v.Columns[i], true
	}
	for _, c := range a.Columns {
		d, ok := column(b, c.Name)
		add("column", c.Name, c.Type, d.Type)
		if !ok {
			out[len(out)-1].After = ""
			continue
		}
		if n := len(out); n > 0 && out[n-1].What == "column" && out[n-1].Name == c.Name {
			out[n-1].What = "type"
		}
		add("truth", c.Name, fmt.Sprint(c.Truth), fmt.Sprint(d.Truth))
	}
	for _, d := range b.Columns {
		if _, ok := column(a, d.Name); !ok {
			add("column", d.Name, "", d.Type)
		}
	}
	for _, p := range aihub.Parts {
		x, _ := a.File(p)
		y, _ := b.File(p)
		add("rows", string(p), fmt.Sprint(x.Rows), fmt.Sprint(y.Rows))
	}
	add("key", "", a.Key, b.Key)
	add("license", "", a.License, b.License)
	add("plan", "", string(a.Plan), string(b.Plan))
	add("raw", "", string(a.Raw), string(b.Raw))
	add("split", "", string(a.Split), string(b.Split))
	if before == nil || after == nil {
		return out
	}
	for _, c := range before.Columns {
		for _, d := range after.Columns {
			if c.Name == d.Name {
				add("masking", c.Name, c.Use, d.Use)
			}
		}
	}
	add("risk", "", riskWords(before), riskWords(after))
	return out
}

func riskWords(p *Profile) string {
	if p.Risk == nil {
		return "-"
	}
	if who := p.Risk.Policy.Subject; who != "" {
		return fmt.Sprintf("k=%d (%s), dropped %d", p.Risk.After.K, who, p.Risk.Suppressed)
	}
	return fmt.Sprintf("k=%d, dropped %d", p.Risk.After.K, p.Risk.Suppressed)
}
