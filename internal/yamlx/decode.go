package yamlx

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"aihub"
)

// Decode reads the document into a pointer to a struct, map or slice, and
// returns every fault, in the order of the document.
//
// Keys are matched with the yaml tag of a field, else its json tag, else its
// lower-case name. A type with UnmarshalText reads any scalar as it is written.
// Numbers read into an any become float64, as in encoding/json. A key without
// a value leaves a map, slice or pointer nil and is a fault for anything else.
func (d *Doc) Decode(into any) []aihub.Fault {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic("yamlx: Decode needs a pointer")
	}
	d.set(d.root, v.Elem())
	return d.report()
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

func (d *Doc) set(n *node, v reflect.Value) {
	if n.kind == odd {
		return // reported when the tree was built
	}
	t := v.Type()
	switch {
	case t == timeType:
		d.setTime(n, v)
		return
	case t == durationType:
		d.setDuration(n, v)
		return
	case reflect.PointerTo(t).Implements(textType):
		d.setText(n, v)
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		if n.kind == null {
			return
		}
		p := reflect.New(t.Elem())
		d.set(n, p.Elem())
		v.Set(p)
	case reflect.Interface:
		if t.NumMethod() != 0 {
			panic("yamlx: cannot decode into " + t.String())
		}
		if x := d.value(n); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case reflect.Struct:
		if d.want(n, mapping) {
			d.setStruct(n, v)
		}
	case reflect.Map:
		if n.kind != null && d.want(n, mapping) {
			m := reflect.MakeMapWithSize(t, len(n.entries))
			for _, e := range n.entries {
				x := reflect.New(t.Elem()).Elem()
				d.set(e.value, x)
				m.SetMapIndex(reflect.ValueOf(e.key).Convert(t.Key()), x)
			}
			v.Set(m)
		}
	case reflect.Slice:
		if n.kind != null && d.want(n, sequence) {
			s := reflect.MakeSlice(t, len(n.items), len(n.items))
			for i, it := range n.items {
				d.set(it, s.Index(i))
			}
			v.Set(s)
		}
	case reflect.String:
		if d.want(n, text) {
			v.SetString(n.raw)
		}
	case reflect.Bool:
		if d.want(n, boolean) {
			v.SetBool(strings.EqualFold(n.raw, "true"))
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if d.want(n, integer) {
			x, err := strconv.ParseInt(digits(n.raw), 10, t.Bits())
			if err != nil {
				d.tooLarge(n)
			}
			v.SetInt(x)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if d.want(n, integer) {
			x, err := strconv.ParseUint(digits(n.raw), 10, t.Bits())
			if err != nil {
				d.tooLarge(n)
			}
			v.SetUint(x)
		}
	case reflect.Float32, reflect.Float64:
		if d.want(n, float) {
			v.SetFloat(d.number(n))
		}
	default:
		panic("yamlx: cannot decode into " + t.String())
	}
}

// want reports whether n is of kind k (an integer is a number, too), and
// records a fault when it is not.
func (d *Doc) want(n *node, k kind) bool {
	if n.kind == k || k == float && n.kind == integer {
		return true
	}
	if n.kind == null {
		d.fault("empty_value", n.path, n.at, aihub.Text{
			EN: fmt.Sprintf("%shas no value: write %s, or remove the key", label(n.path, "en"), kindTexts[k].EN),
			ZH: fmt.Sprintf("%s没有值：请填写%s，或删除该键", label(n.path, "zh"), kindTexts[k].ZH),
		})
		return false
	}
	t := aihub.Text{
		EN: fmt.Sprintf("%sexpected %s, found %s", label(n.path, "en"), kindTexts[k].EN, d.shown(n, aihub.EN)),
		ZH: fmt.Sprintf("%s应为%s，实为%s", label(n.path, "zh"), kindTexts[k].ZH, d.shown(n, aihub.ZH)),
	}
	if k == text && n.kind != mapping && n.kind != sequence {
		t.EN += fmt.Sprintf("; if it is text, put it in quotes: %q", clip(n.raw))
		t.ZH += fmt.Sprintf("；若是文字请加引号：%q", clip(n.raw))
	}
	d.fault("wrong_type", n.path, n.at, t)
	return false
}

var kindTexts = map[kind]aihub.Text{
	mapping:  {EN: "keys and values", ZH: "键值对"},
	sequence: {EN: "a list", ZH: "列表"},
	text:     {EN: "text", ZH: "文字"},
	integer:  {EN: "a whole number", ZH: "整数"},
	float:    {EN: "a number", ZH: "数字"},
	boolean:  {EN: "true or false", ZH: " true 或 false"},
}

func (d *Doc) shown(n *node, lang aihub.Lang) string {
	switch n.kind {
	case mapping, sequence:
		return kindTexts[n.kind].In(lang)
	}
	return strconv.Quote(clip(n.raw))
}

func (d *Doc) tooLarge(n *node) {
	d.fault("wrong_type", n.path, n.at, aihub.Text{
		EN: fmt.Sprintf("%s%s is out of range", label(n.path, "en"), clip(n.raw)),
		ZH: fmt.Sprintf("%s%s 超出范围", label(n.path, "zh"), clip(n.raw)),
	})
}

func (d *Doc) number(n *node) float64 {
	x, err := strconv.ParseFloat(digits(n.raw), 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		d.tooLarge(n)
		return 0
	}
	return x
}

// digits removes the underscores that YAML allows inside a number.
func digits(s string) string { return strings.ReplaceAll(s, "_", "") }

// value reads n into plain Go values: map[string]any, []any, string, float64,
// bool or nil.
func (d *Doc) value(n *node) any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = d.value(e.value)
		}
		return m
	case sequence:
		s := make([]any, len(n.items))
		for i, it := range n.items {
			s[i] = d.value(it)
		}
		return s
	case text:
		return n.raw
	case integer, float:
		x := d.number(n)
		if n.kind == integer && math.Abs(x) > 1<<53 {
			d.tooLarge(n)
		}
		return x
	case boolean:
		return strings.EqualFold(n.raw, "true")
	}
	return nil
}

func (d *Doc) setText(n *node, v reflect.Value) {
	if n.kind == mapping || n.kind == sequence || n.kind == null {
		d.want(n, text)
		return
	}
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.raw))
	if err == nil {
		return
	}
	t := aihub.Text{EN: err.Error(), ZH: err.Error()}
	var e *aihub.Error
	if errors.As(err, &e) {
		t = e.Text
		if !e.Hint.IsZero() {
			t.EN += "; " + e.Hint.EN
			t.ZH += "；" + e.Hint.ZH
		}
	}
	d.fault("bad_value", n.path, n.at, aihub.Text{EN: label(n.path, "en") + t.EN, ZH: label(n.path, "zh") + t.ZH})
}

func (d *Doc) setTime(n *node, v reflect.Value) {
	if !d.want(n, text) {
		return
	}
	x, err := time.Parse(time.RFC3339, n.raw)
	if err != nil || x.Year() < 1970 || x.Year() > 9999 {
		d.fault("bad_value", n.path, n.at, aihub.Text{
			EN: fmt.Sprintf("%s%q is not a time: write 2026-01-31T09:00:00+08:00", label(n.path, "en"), clip(n.raw)),
			ZH: fmt.Sprintf("%s%q 不是时间：请写成 2026-01-31T09:00:00+08:00", label(n.path, "zh"), clip(n.raw)),
		})
		return
	}
	v.Set(reflect.ValueOf(x.UTC()))
}

func (d *Doc) setDuration(n *node, v reflect.Value) {
	if n.kind == mapping || n.kind == sequence || n.kind == null {
		d.want(n, text)
		return
	}
	x, err := time.ParseDuration(n.raw)
	if err != nil {
		d.fault("bad_value", n.path, n.at, aihub.Text{
			EN: fmt.Sprintf("%s%q is not a duration: write 90s, 5m or 24h", label(n.path, "en"), clip(n.raw)),
			ZH: fmt.Sprintf("%s%q 不是时长：请写 90s、5m 或 24h", label(n.path, "zh"), clip(n.raw)),
		})
		return
	}
	v.SetInt(int64(x))
}

func (d *Doc) setStruct(n *node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for _, e := range n.entries {
		f, ok := fields[e.key]
		if !ok {
			d.unknown(n, e, fields)
			continue
		}
		d.set(e.value, v.FieldByIndex(f))
	}
}

func (d *Doc) unknown(n *node, e entry, fields map[string][]int) {
	names := make([]string, 0, len(fields))
	for k := range fields {
		names = append(names, k)
	}
	slices.Sort(names)
	t := aihub.Text{
		EN: fmt.Sprintf("%sunknown key %q", label(n.path, "en"), clip(e.key)),
		ZH: fmt.Sprintf("%s未知的键 %q", label(n.path, "zh"), clip(e.key)),
	}
	if near := Nearest(e.key, names); near != "" {
		t.EN += fmt.Sprintf("; did you mean %q?", near)
		t.ZH += fmt.Sprintf("，是否想写 %q？", near)
	} else {
		t.EN += "; known here: " + strings.Join(names, ", ")
		t.ZH += "；此处可用：" + strings.Join(names, "、")
	}
	d.fault("unknown_key", join(n.path, e.key), e.at, t)
}

// fieldsOf maps the keys of struct type t to field indices, embedded structs
// included.
func fieldsOf(t reflect.Type) map[string][]int {
	out := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if name, ok := Key(f); ok {
			out[name] = f.Index
		}
	}
	return out
}

// Key returns the YAML key of a struct field; false when it has none.
func Key(f reflect.StructField) (string, bool) {
	if !f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
		return "", false
	}
	tag, ok := f.Tag.Lookup("yaml")
	if !ok {
		tag = f.Tag.Get("json")
	}
	name, _, _ := strings.Cut(tag, ",")
	switch name {
	case "-":
		return "", false
	case "":
		return strings.ToLower(f.Name), true
	}
	return name, true
}

// label introduces a message with the path of the value it is about.
func label(path string, lang aihub.Lang) string {
	if path == "" {
		return ""
	}
	if lang == aihub.ZH {
		return clip(path) + "："
	}
	return clip(path) + ": "
}

// Nearest returns the candidate within two edits of s (one when s is short),
// or "".
func Nearest(s string, candidates []string) string {
	if len(s) > 64 {
		return ""
	}
	best, limit := "", 2
	if len(s) <= 4 {
		limit = 1
	}
	for _, c := range candidates {
		if n := distance(strings.ToLower(s), strings.ToLower(c)); n <= limit {
			best, limit = c, n-1
		}
	}
	return best
}

// distance is Levenshtein's, in runes.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		prev := row[0]
		row[0] = i + 1
		for j := range y {
			cost := prev
			if x[i] != y[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, prev+1)
		}
	}
	return row[len(y)]
}
