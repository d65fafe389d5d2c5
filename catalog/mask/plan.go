// Package mask turns columns that say who someone is into columns that do not.
// A Plan names a technique (技术, after GB/T 37964) for every column; compiled
// with a key it is a Masking, which maps batches of raw columns to batches of
// masked ones. The same plan, key and rows give the same result. Everything
// keyed is consistent within a scope (one dataset, or the datasets that share a
// scope) and cannot be linked across scopes.
//
//	keep       the column as it is
//	drop       nothing of it
//	pseudonym  32 hex digits, HMAC-SHA256: no two values share one
//	phone      another mobile number of the same operator prefix (FF1)
//	resident   another resident number with a right check digit (FF1)
//	name       another name of common surname and given name, drawn by frequency
//	band       a number's interval: 20-29
//	hierarchy  a value's ancestor at a level of a table
//	date       the first day of the year, month or five years
//	address    the address down to its district or city
//	redact     the text with typed placeholders for the identifiers in it
package mask

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"aihub"
	"aihub/internal/table"
)

// Plan says what happens to every column of a raw table.
type Plan struct {
	Default string          `json:"default" yaml:"default"` // of columns not named: keep or drop; "" demands that all are named
	Scope   string          `json:"scope" yaml:"scope"`     // default: the dataset's name
	Columns map[string]Rule `json:"columns" yaml:"columns"`
}

// Rule is a technique and its parameters.
type Rule struct {
	Use       string   `json:"use" yaml:"use"`
	Domain    string   `json:"domain,omitempty" yaml:"domain"`       // pseudonym, phone, resident, name: columns of one domain map alike; default: the column's name
	Width     float64  `json:"width,omitempty" yaml:"width"`         // band: of an interval
	Min       *float64 `json:"min,omitempty" yaml:"min"`             // band: everything below is one interval
	Max       *float64 `json:"max,omitempty" yaml:"max"`             // band: everything from here on is one
	Level     int      `json:"level,omitempty" yaml:"level"`         // hierarchy: 1 is the column beside the value
	Hierarchy string   `json:"hierarchy,omitempty" yaml:"hierarchy"` // hierarchy: lines of value;level 1;level 2;…
	To        string   `json:"to,omitempty" yaml:"to"`               // date: year, month, 5years; address: district, city
	Area      string   `json:"area,omitempty" yaml:"area"`           // resident: any, keep, city, province
	OnInvalid string   `json:"on_invalid,omitempty" yaml:"on_invalid"`
	Because   string   `json:"because,omitempty" yaml:"because"` // keep: why a column that looks like an identifier is none
}

// What happens to a value that a technique cannot take (a phone that is none).
const (
	refuse  = "refuse"  // default: the publish ends with the rows
	missing = "missing" // it becomes null, and the profile counts it
)

// Techniques are the values of Rule.Use with the parameters each takes.
var Techniques = map[string][]string{
	"keep":      {"because"},
	"drop":      {},
	"pseudonym": {"domain"},
	"phone":     {"domain", "on_invalid"},
	"resident":  {"domain", "area", "on_invalid"},
	"name":      {"domain"},
	"band":      {"width", "min", "max"},
	"hierarchy": {"level", "hierarchy", "on_invalid"},
	"date":      {"to", "on_invalid"},
	"address":   {"to", "on_invalid"},
	"redact":    {},
}

// Of returns the rule of a column with its defaults filled in; false when the
// plan says nothing about it.
func (p Plan) Of(column string) (Rule, bool) {
	r, ok := p.Columns[column]
	if !ok {
		if p.Default == "" {
			return Rule{}, false
		}
		r = Rule{Use: p.Default}
	}
	takes := func(param string) bool { return slices.Contains(Techniques[r.Use], param) }
	set := func(v *string, param, value string) {
		if *v == "" && takes(param) {
			*v = value
		}
	}
	set(&r.Domain, "domain", column)
	set(&r.OnInvalid, "on_invalid", refuse)
	set(&r.Area, "area", "any")
	if r.Use == "date" {
		set(&r.To, "to", "year")
	}
	if r.Use == "address" {
		set(&r.To, "to", "district")
	}
	return r, true
}

// Canonical is the plan for a schema as JSON: every column with its rule,
// defaults expanded, sorted keys. Its digest is the identity of a mask plan.
func (p Plan) Canonical(schema []table.Field) ([]byte, error) {
	rules := map[string]Rule{}
	for _, f := range schema {
		if r, ok := p.Of(f.Name); ok {
			rules[f.Name] = r
		}
	}
	return json.Marshal(map[string]any{"scope": p.Scope, "columns": rules})
}

// Lint returns every fault of p against the schema of the raw table. Where is a
// path below the plan, as in columns.phone.
func (p Plan) Lint(schema []table.Field) []aihub.Fault {
	var fs []aihub.Fault
	add := func(code, where, en, zh string) {
		fs = append(fs, aihub.Fault{Code: code, Where: where, Message: aihub.Text{EN: en, ZH: zh}})
	}
	if p.Default != "" && p.Default != "keep" && p.Default != "drop" {
		add("default", "default", fmt.Sprintf("%q is not a default: use keep or drop", p.Default), fmt.Sprintf("%q 不是合法默认值：请用 keep 或 drop", p.Default))
	}
	types := map[string]table.Type{}
	for _, f := range schema {
		types[f.Name] = f.Type
		if _, ok := p.Of(f.Name); !ok {
			add("column_not_covered", "columns", fmt.Sprintf("column %q is not in the plan: name it, or write default: keep or default: drop", f.Name),
				fmt.Sprintf("列 %q 不在脱敏方案中：请列出，或写 default: keep 或 default: drop", f.Name))
		}
	}
	names := make([]string, 0, len(p.Columns))
	for name := range p.Columns {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		where := "columns." + name
		t, ok := types[name]
		if !ok {
			add("unknown_column", where, fmt.Sprintf("the data has no column %q", name), fmt.Sprintf("数据中没有列 %q", name))
			continue
		}
		r, _ := p.Of(name)
		for _, f := range r.lint(t) {
			f.Where = where + f.Where
			fs = append(fs, f)
		}
	}
	return fs
}

// lint checks one rule for a column of type t.
func (r Rule) lint(t table.Type) (fs []aihub.Fault) {
	add := func(code, param, en, zh string) {
		fs = append(fs, aihub.Fault{Code: code, Where: param, Message: aihub.Text{EN: en, ZH: zh}})
	}
	takes, ok := Techniques[r.Use]
	if !ok {
		known := make([]string, 0, len(Techniques))
		for k := range Techniques {
			known = append(known, k)
		}
		sort.Strings(known)
		add("technique", ".use", fmt.Sprintf("%q is not a technique; these are: %s", r.Use, strings.Join(known, ", ")), fmt.Sprintf("%q 不是脱敏技术；可用：%s", r.Use, strings.Join(known, "、")))
		return fs
	}
	for param, given := range map[string]bool{"domain": r.Domain != "", "width": r.Width != 0, "min": r.Min != nil, "max": r.Max != nil,
		"level": r.Level != 0, "hierarchy": r.Hierarchy != "", "to": r.To != "", "area": r.Area != "", "on_invalid": r.OnInvalid != "", "because": r.Because != ""} {
		if given && !slices.Contains(takes, param) {
			add("parameter", "."+param, fmt.Sprintf("%s takes no %s", r.Use, param), fmt.Sprintf("%s 没有参数 %s", r.Use, param))
		}
	}
	sort.Slice(fs, func(i, j int) bool { return fs[i].Where < fs[j].Where })
	oneOf := func(param, v string, allowed ...string) {
		if slices.Contains(takes, param) && !slices.Contains(allowed, v) {
			add("parameter", "."+param, fmt.Sprintf("%q is not a value of %s: use %s", v, param, strings.Join(allowed, ", ")), fmt.Sprintf("%q 不是 %s 的合法取值：请用 %s", v, param, strings.Join(allowed, "、")))
		}
	}
	ofType := func(want ...table.Type) {
		if !slices.Contains(want, t) {
			s := make([]string, len(want))
			for i, w := range want {
				s[i] = string(w)
			}
			add("type", ".use", fmt.Sprintf("%s masks columns of type %s, this one is %s; declare its type under types if it was inferred wrong", r.Use, strings.Join(s, ", "), t),
				fmt.Sprintf("%s 适用于 %s 类型的列，本列为 %s；若推断有误请在 types 中声明类型", r.Use, strings.Join(s, "、"), t))
		}
	}
	oneOf("on_invalid", r.OnInvalid, refuse, missing)
	switch r.Use {
	case "phone", "resident":
		ofType(table.String, table.Int64)
		oneOf("area", r.Area, "any", "keep", "city", "province")
	case "name", "redact":
		ofType(table.String)
	case "address":
		ofType(table.String)
		oneOf("to", r.To, "district", "city")
	case "date":
		ofType(table.Date, table.Timestamp)
		oneOf("to", r.To, "year", "month", "5years")
	case "band":
		ofType(table.Int64, table.Float64)
		if !(r.Width > 0) {
			add("parameter", ".width", "band needs a width above 0", "band 需要大于 0 的 width")
		}
		if r.Min != nil && r.Max != nil && *r.Min >= *r.Max {
			add("parameter", ".min", "min is not below max", "min 不小于 max")
		}
	case "hierarchy":
		_, faults := parseHierarchy(r.Hierarchy, r.Level)
		fs = append(fs, faults...)
	}
	return fs
}
