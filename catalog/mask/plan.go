// Package mask turns columns that say who someone is into columns that do not.
// A Plan names a technique (技术, after GB/T 37964) for every column; compiled
// with a key it is a Masking, which maps batches of raw columns to batches of
// masked ones. The same plan, key and rows give the same result. Everything
// keyed is consistent within a scope (one dataset, or the datasets that share a
// scope) and cannot be linked across scopes.
//
//	keep       the column as it is
//	drop       nothing of it
//	suppress   null for values of a list, beyond an end, or too rare; or no record
//	pseudonym  32 hex digits, CMAC: no two values share one
//	phone      another mobile number of the same operator prefix (FF1)
//	resident   another resident number with a right check digit (FF1)
//	card       another bank card number of the same issuer, Luhn digit right (FF1)
//	uscc       another unified social credit code, check characters right (FF1)
//	plate      another vehicle plate of the same city and kind (FF1)
//	name       another name of common surname and given name, drawn by frequency
//	band       a number's interval: 20-29
//	round      the nearest multiple of a width
//	clip       top and bottom coding: an end for what lies beyond it
//	noise      a number and a keyed, repeatable error
//	shift      a date moved by as many days as its subject's other dates
//	permute    the column's values, dealt to other rows
//	aggregate  the mean of a group of k or more neighbouring values
//	hierarchy  a value's ancestor at a level of a table
//	date       the first day of the year, month or five years
//	address    the address down to its district or city
//	redact     the text with typed placeholders for the identifiers in it
//
// A plan's crypto names the algorithms below all of that: aes (AES-256 and
// SHA-256) or sm (SM4 and SM3, GB/T 32907 and 32905).
package mask

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
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
	Crypto  string          `json:"crypto" yaml:"crypto"`   // aes (default) or sm
	Order   string          `json:"order" yaml:"order"`     // of the rows: keyed (default), a keyed permutation; keep (aihub mask table alone)
	Columns map[string]Rule `json:"columns" yaml:"columns"`
}

// KeepOrder is the Order of rows that stay where they are.
const KeepOrder = "keep"

// Rule is a technique and its parameters.
type Rule struct {
	Use       string   `json:"use" yaml:"use"`
	Domain    string   `json:"domain,omitempty" yaml:"domain"`         // keyed techniques: columns of one domain map alike; default: the column's name
	Width     float64  `json:"width,omitempty" yaml:"width"`           // band: of an interval; round: what results are multiples of
	Min       *float64 `json:"min,omitempty" yaml:"min"`               // band: everything below is one interval; clip, suppress: what is below
	Max       *float64 `json:"max,omitempty" yaml:"max"`               // band: everything from here on is one; clip, suppress: what is above
	By        string   `json:"by,omitempty" yaml:"by"`                 // shift, noise: raw column that names the subject (shift) or the row (noise)
	Days      int      `json:"days,omitempty" yaml:"days"`             // shift: at most so many
	Scale     float64  `json:"scale,omitempty" yaml:"scale"`           // noise: standard deviation
	K         int      `json:"k,omitempty" yaml:"k"`                   // aggregate: rows of a group, at least
	Values    []string `json:"values,omitempty" yaml:"values"`         // suppress: these, as text
	FewerThan int      `json:"fewer_than,omitempty" yaml:"fewer_than"` // suppress: values in fewer rows of the table
	Record    bool     `json:"record,omitempty" yaml:"record"`         // suppress: the whole row
	Level     int      `json:"level,omitempty" yaml:"level"`           // hierarchy: 1 is the column beside the value
	Hierarchy string   `json:"hierarchy,omitempty" yaml:"hierarchy"`   // hierarchy: lines of value;level 1;level 2;…
	To        string   `json:"to,omitempty" yaml:"to"`                 // date: year, quarter, month, 5years; address: district, city
	Area      string   `json:"area,omitempty" yaml:"area"`             // resident: any, keep, city, province
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
	"suppress":  {"values", "min", "max", "fewer_than", "record"},
	"pseudonym": {"domain"},
	"phone":     {"domain", "on_invalid"},
	"resident":  {"domain", "area", "on_invalid"},
	"card":      {"domain", "on_invalid"},
	"uscc":      {"domain", "on_invalid"},
	"plate":     {"domain", "on_invalid"},
	"name":      {"domain"},
	"band":      {"width", "min", "max"},
	"round":     {"width", "on_invalid"},
	"clip":      {"min", "max"},
	"noise":     {"domain", "by", "scale", "on_invalid"},
	"shift":     {"domain", "by", "days", "on_invalid"},
	"permute":   {"domain"},
	"aggregate": {"k"},
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
	all := map[string]any{"scope": p.Scope, "crypto": p.crypto(), "columns": rules}
	if p.Order == KeepOrder {
		all["order"] = p.Order
	}
	return json.Marshal(all)
}

func (p Plan) crypto() string { return cmp.Or(p.Crypto, "aes") }

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
	if _, ok := suites[p.crypto()]; !ok {
		add("crypto", "crypto", fmt.Sprintf("%q is no set of algorithms: use aes (AES, SHA-256) or sm (SM4, SM3)", p.Crypto), fmt.Sprintf("%q 不是合法的算法套件：请用 aes（AES、SHA-256）或 sm（SM4、SM3）", p.Crypto))
	}
	if p.Order != "" && p.Order != "keyed" && p.Order != KeepOrder {
		add("order", "order", fmt.Sprintf("%q is no order of rows: use keyed or keep", p.Order), fmt.Sprintf("%q 不是合法的行序：请用 keyed 或 keep", p.Order))
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
	fs = append(fs, p.lintCounts(names)...)
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
		if _, ok := types[r.By]; !ok && r.By != "" {
			add("unknown_column", where+".by", fmt.Sprintf("the data has no column %q", r.By), fmt.Sprintf("数据中没有列 %q", r.By))
		}
		if r.By == name {
			add("parameter", where+".by", "by names the column itself: every value would always become the same other one; name the column that says whose it is (shift) or which row it is (noise)",
				"by 指向本列：同一取值将总是变为同一结果；请指明标识主体（shift）或行（noise）的列")
		}
	}
	return fs
}

// lintCounts refuses two rules that would have to wait for one another: which
// records a fewer_than drops is known when all rows are counted, and what is
// counted over the table must count no dropped record.
func (p Plan) lintCounts(names []string) (fs []aihub.Fault) {
	for _, name := range names {
		if r := p.Columns[name]; !r.Record || r.FewerThan == 0 {
			continue
		}
		for _, other := range names {
			if o := p.Columns[other]; other != name && (o.Use == "permute" || o.Use == "aggregate" || o.FewerThan > 0) {
				fs = append(fs, aihub.Fault{Code: "parameter", Where: "columns." + name + ".record", Message: aihub.Text{
					EN: fmt.Sprintf("record with fewer_than drops rows that %s of column %q has counted already: use fewer_than without record, or values, min and max", o.Use, other),
					ZH: fmt.Sprintf("record 与 fewer_than 同用会舍弃列 %[2]q 的 %[1]s 已计入的行：请去掉 record，或改用 values、min、max", o.Use, other)}})
			}
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
		"level": r.Level != 0, "hierarchy": r.Hierarchy != "", "to": r.To != "", "area": r.Area != "", "on_invalid": r.OnInvalid != "", "because": r.Because != "",
		"by": r.By != "", "days": r.Days != 0, "scale": r.Scale != 0, "k": r.K != 0, "values": r.Values != nil, "fewer_than": r.FewerThan != 0, "record": r.Record} {
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
	case "phone", "resident", "card":
		ofType(table.String, table.Int64)
		oneOf("area", r.Area, "any", "keep", "city", "province")
	case "name", "redact", "uscc", "plate":
		ofType(table.String)
	case "address":
		ofType(table.String)
		oneOf("to", r.To, "district", "city")
	case "date":
		ofType(table.Date, table.Timestamp)
		oneOf("to", r.To, "year", "quarter", "month", "5years")
	case "band":
		ofType(table.Int64, table.Float64)
		if !(r.Width > 0) {
			add("parameter", ".width", "band needs a width above 0", "band 需要大于 0 的 width")
		}
		fs = append(fs, r.lintEnds()...)
	case "round":
		ofType(table.Int64, table.Float64)
		if !(r.Width > 0) || t == table.Int64 && (r.Width != math.Trunc(r.Width) || r.Width > 1e15) {
			add("parameter", ".width", "round needs a width above 0, for integers a whole one", "round 需要大于 0 的 width，整数列须为整数")
		}
	case "clip":
		ofType(table.Int64, table.Float64)
		fs = append(fs, r.lintEnds()...)
		for _, end := range []*float64{r.Min, r.Max} {
			if end != nil && t == table.Int64 && (*end != math.Trunc(*end) || math.Abs(*end) > 1e15) {
				add("parameter", ".min", "the ends of an integer column are whole numbers", "整数列的 min 与 max 须为整数")
			}
		}
		if r.Min == nil && r.Max == nil {
			add("parameter", ".min", "clip needs min, max or both", "clip 需要 min、max 或两者")
		}
	case "noise":
		ofType(table.Int64, table.Float64)
		if !(r.Scale > 0) || r.Scale > 1e15 {
			add("parameter", ".scale", "noise needs a scale above 0: its standard deviation", "noise 需要大于 0 的 scale，即标准差")
		}
		fs = append(fs, r.lintBy()...)
	case "shift":
		ofType(table.Date, table.Timestamp)
		if r.Days < 1 || r.Days > 3660 {
			add("parameter", ".days", "shift needs days from 1 to 3660", "shift 需要 1 至 3660 的 days")
		}
		fs = append(fs, r.lintBy()...)
	case "aggregate":
		ofType(table.Int64, table.Float64, table.Date, table.Timestamp)
		if r.K < 2 || r.K > 1_000_000 {
			add("parameter", ".k", "aggregate needs k from 2 to 1000000", "aggregate 需要 2 至 1000000 的 k")
		}
	case "suppress":
		if r.Min != nil || r.Max != nil {
			ofType(table.Int64, table.Float64)
		}
		fs = append(fs, r.lintEnds()...)
		if r.FewerThan < 0 || r.FewerThan > 1_000_000_000 {
			add("parameter", ".fewer_than", "fewer_than is a number of rows", "fewer_than 为行数")
		}
		if r.Values == nil && r.Min == nil && r.Max == nil && r.FewerThan == 0 {
			add("parameter", ".values", "suppress needs values, min, max or fewer_than", "suppress 需要 values、min、max 或 fewer_than")
		}
		for i, v := range r.Values {
			if _, ok := ValueOf(t, v); !ok {
				add("parameter", fmt.Sprintf(".values[%d]", i), fmt.Sprintf("%q is no %s, as the column's values are: it would suppress nothing", v, t), fmt.Sprintf("%q 不是该列的类型 %s：不会抑制任何值", v, t))
			}
		}
	case "hierarchy":
		_, faults := parseHierarchy(r.Hierarchy, r.Level)
		fs = append(fs, faults...)
	}
	return fs
}

func (r Rule) lintEnds() []aihub.Fault {
	if r.Min == nil || r.Max == nil || *r.Min < *r.Max {
		return nil
	}
	return []aihub.Fault{{Code: "parameter", Where: ".min", Message: aihub.Text{EN: "min is not below max", ZH: "min 不小于 max"}}}
}

func (r Rule) lintBy() []aihub.Fault {
	if r.By != "" {
		return nil
	}
	return []aihub.Fault{{Code: "parameter", Where: ".by", Message: aihub.Text{
		EN: r.Use + " needs by: the raw column that names the subject (shift) or the row (noise)",
		ZH: r.Use + " 需要 by：标识主体（shift）或行（noise）的原始列"}}}
}
