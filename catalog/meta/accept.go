package meta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/yamlx"
)

// Described is what a description in another's words says of one table: Croissant,
// a Frictionless data package, or a data contract (ODCS v3). What they say of
// masking, labels and parts is nothing: that is for a person to decide.
type Described struct {
	Format      string // croissant, datapackage, odcs
	Name        string
	Title       string
	Description string
	License     string
	File        string // of the table, as it is named there
	Delimiter   string // one character, "" when it is not said
	Encoding    string
	Key         string   // a column that names a row
	Keys        []string // columns that name it together: then there is no Key
	Columns     []DescribedColumn
	Logical     map[string]string   // other names of columns, which the data may have instead
	Missing     []string            // texts that stand for a missing value, but the empty one
	MissingOf   map[string][]string // those of columns that have their own
}

// DescribedColumn is a column as it is described there.
type DescribedColumn struct {
	Name        string
	Type        string // of ours; "" when it is not said, or is none of ours
	Description string
	Personal    string // how it is classed there as personal or secret, in its words; "" when it is not
}

// Names reports whether the words say that the column is of people, not only that it is secret.
func (c DescribedColumn) Names() bool {
	return anyIn(c.Personal, "pii", "personal", "个人", "identif")
}

// personal returns what of a column's classification and tags says that it is
// personal or secret.
func personal(c node) string {
	var out []string
	for _, n := range append(append([]node{c.at("classification")}, c.at("tags").list()...), c.at("rdfType")) {
		if t := n.text(); anyIn(t, "pii", "personal", "sensitive", "confidential", "restricted", "secret", "identif", "个人", "敏感", "机密", "秘密") && len(t) <= 100 {
			out = append(out, t)
		}
	}
	return strings.Join(out, ", ")
}

func anyIn(s string, words ...string) bool {
	s = strings.ToLower(s)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
}

// Bounds of a description.
const (
	maxDescription = 8 << 20
	maxText        = 10_000
	maxColumns     = 10_000
)

// Read takes a description in any of the three. The error is Contract and says
// what was missing.
func Read(b []byte) (d Described, err error) {
	if len(b) > maxDescription {
		return d, notDescribed("it is larger than 8 MiB", "超过 8 MiB")
	}
	if trimmed := strings.TrimSpace(string(b)); !strings.HasPrefix(trimmed, "{") {
		return readContract(b)
	}
	var doc any
	if err := json.Unmarshal(b, &doc); err != nil {
		return d, notDescribed("it is no JSON: "+err.Error(), "不是 JSON："+err.Error())
	}
	top := node{doc}
	switch {
	case !top.at("recordSet").none() || strings.Contains(top.at("conformsTo").all(), "croissant"):
		d = readCroissant(top)
	case !top.at("resources").none():
		d = readPackage(top)
	case top.at("kind").text() == "DataContract":
		d = readODCS(top)
	default:
		return d, notDescribed("it is neither Croissant, nor a data package, nor a data contract", "既非 Croissant，也非数据包或数据契约")
	}
	return d.checked()
}

func readContract(b []byte) (Described, error) {
	var doc any
	if faults := yamlx.Decode(b, &doc); faults != nil {
		return Described{}, notDescribed("it is no YAML", "不是 YAML").WithFaults(faults)
	}
	top := node{doc}
	if top.at("kind").text() != "DataContract" {
		return Described{}, notDescribed("it is YAML, and no data contract (kind: DataContract)", "是 YAML，但不是数据契约（kind: DataContract）")
	}
	return readODCS(top).checked()
}

func notDescribed(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the description cannot be taken: " + en, ZH: "无法采用该描述文件：" + zh}).
		WithHint(aihub.Text{EN: "give a Croissant file, a datapackage.json or an ODCS v3 contract that describes one table with its columns", ZH: "请提供描述单个表及其列的 Croissant、datapackage.json 或 ODCS v3 契约"})
}

// checked bounds what was read.
func (d Described) checked() (Described, error) {
	if len(d.Columns) == 0 {
		return d, notDescribed("it names no column", "没有任何列")
	}
	if len(d.Columns) > maxColumns {
		return d, notDescribed(fmt.Sprintf("it names more than %d columns", maxColumns), fmt.Sprintf("列数超过 %d", maxColumns))
	}
	seen := map[string]bool{}
	for _, c := range d.Columns {
		if c.Name == "" || len(c.Name) > 128 || seen[c.Name] {
			return d, notDescribed(fmt.Sprintf("column %.40q has no name of its own", c.Name), fmt.Sprintf("列 %.40q 无名称或重复", c.Name))
		}
		seen[c.Name] = true
	}
	if !seen[d.Key] {
		d.Key = ""
	}
	return d, nil
}

// readCroissant takes the first record set whose fields come from a file.
func readCroissant(top node) Described {
	d := Described{Format: "croissant", Name: top.at("alternateName").text(), Title: top.at("name").text(), Description: top.at("description").text(), License: top.at("license").text()}
	if d.Name == "" {
		d.Name = d.Title
	}
	for _, set := range top.at("recordSet").list() {
		for _, f := range set.at("field").list() {
			column := f.at("source").at("extract").at("column").text()
			if column == "" {
				continue
			}
			id := f.at("@id").text()
			if k := set.at("key"); id != "" && (k.at("@id").text() == id || k.text() == id) {
				d.Key = column
			}
			if file := f.at("source").at("fileObject").at("@id").text(); d.File == "" {
				d.File = file
			}
			d.Columns = append(d.Columns, DescribedColumn{column, schemaOrg[lastWord(f.at("dataType").first())], f.at("description").text(), personal(f)})
		}
		if len(d.Columns) > 0 {
			break
		}
	}
	for _, o := range top.at("distribution").list() {
		if u := o.at("contentUrl").text(); u != "" && (o.at("@id").text() == d.File || d.File == "") {
			d.File = u
		}
	}
	return d
}

var schemaOrg = map[string]string{
	"Text": "string", "Integer": "int64", "Float": "float64", "Number": "float64", "Boolean": "bool", "Date": "date", "DateTime": "timestamp", "URL": "string",
	"Int8": "int64", "Int16": "int64", "Int32": "int64", "Int64": "int64", "UInt8": "int64", "UInt16": "int64", "UInt32": "int64", "Float32": "float64", "Float64": "float64",
}

// readPackage takes the first resource that has a schema.
func readPackage(top node) Described {
	d := Described{Format: "datapackage", Name: top.at("name").text(), Title: top.at("title").text(), Description: top.at("description").text()}
	for _, l := range top.at("licenses").list() {
		if d.License == "" {
			d.License = or(l.at("title").text(), l.at("name").text(), l.at("path").text())
		}
	}
	for _, r := range top.at("resources").list() {
		fields := r.at("schema").at("fields").list()
		if len(fields) == 0 {
			continue
		}
		d.File, d.Encoding = r.at("path").first(), r.at("encoding").text()
		if d.Delimiter = r.at("dialect").at("delimiter").text(); d.Delimiter == "" && r.at("format").text() == "tsv" {
			d.Delimiter = "\t"
		}
		d.key(r.at("schema").at("primaryKey").list())
		d.Missing = missing(r.at("schema"))
		for _, f := range fields {
			if own := missing(f); own != nil {
				if d.MissingOf == nil {
					d.MissingOf = map[string][]string{}
				}
				d.MissingOf[f.at("name").text()] = own
			}
			d.Columns = append(d.Columns, DescribedColumn{f.at("name").text(), frictionless[f.at("type").text()], or(f.at("description").text(), f.at("title").text()), personal(f)})
		}
		break
	}
	return d
}

// missing returns the texts that stand for a missing value in a schema's columns, or in
// a field; of version 2 also those with a label.
func missing(n node) (texts []string) {
	for _, v := range n.at("missingValues").list() {
		if t := or(v.text(), v.at("value").text()); t != "" && len(texts) < 100 {
			texts = append(texts, t)
		}
	}
	return texts
}

var frictionless = map[string]string{"string": "string", "integer": "int64", "number": "float64", "boolean": "bool", "date": "date", "datetime": "timestamp", "year": "int64"}

// readODCS takes the first table of a data contract of version 3.
func readODCS(top node) Described {
	d := Described{Format: "odcs", Name: or(top.at("name").text(), top.at("id").text()), Title: top.at("name").text(),
		Description: or(top.at("description").at("purpose").text(), top.at("description").text())}
	for _, t := range top.at("schema").list() {
		d.File = or(t.at("physicalName").text(), t.at("name").text())
		if d.Description == "" {
			d.Description = t.at("description").text()
		}
		var keys []node
		unique := ""
		for _, c := range t.at("properties").list() {
			logical := c.at("name").text()
			name := or(c.at("physicalName").text(), logical)
			if logical != "" && logical != name {
				if d.Logical == nil {
					d.Logical = map[string]string{}
				}
				d.Logical[name] = logical
			}
			if c.at("primaryKey").yes() {
				keys = append(keys, node{name})
			} else if unique == "" && c.at("unique").yes() && c.at("required").yes() {
				unique = name
			}
			d.Columns = append(d.Columns, DescribedColumn{name, odcs[c.at("logicalType").text()], c.at("description").text(), personal(c)})
		}
		if d.key(keys); len(keys) == 0 {
			d.Key = unique
		}
		break
	}
	return d
}

// key takes the column that names a row, or those that do together.
func (d *Described) key(names []node) {
	for _, n := range names {
		d.Keys = append(d.Keys, n.text())
	}
	if len(d.Keys) < 2 {
		d.Key, d.Keys = or(d.Keys...), nil
	}
}

// Rename takes the name that the data have of a column.
func (d *Described) Rename(column, name string) {
	for i := range d.Columns {
		if d.Columns[i].Name == column {
			d.Columns[i].Name = name
		}
	}
	for i := range d.Keys {
		if d.Keys[i] == column {
			d.Keys[i] = name
		}
	}
	if own, ok := d.MissingOf[column]; ok {
		delete(d.MissingOf, column)
		d.MissingOf[name] = own
	}
	if d.Key == column {
		d.Key = name
	}
}

var odcs = map[string]string{"string": "string", "integer": "int64", "number": "float64", "boolean": "bool", "date": "date", "timestamp": "timestamp"}

// node is a place in a document of any shape: what is not there is none.
type node struct{ v any }

func (n node) none() bool { return n.v == nil }

func (n node) at(key string) node {
	if m, ok := n.v.(map[string]any); ok {
		return node{m[key]}
	}
	return node{}
}

// list is the members of a list; anything else is a list of itself.
func (n node) list() (out []node) {
	if l, ok := n.v.([]any); ok {
		for _, v := range l {
			out = append(out, node{v})
		}
		return out
	}
	if n.none() {
		return nil
	}
	return []node{n}
}

// text is a text, one of a language map (English first), or a name by its @id.
func (n node) text() string {
	switch v := n.v.(type) {
	case string:
		if len(v) > maxText {
			v = strings.ToValidUTF8(v[:maxText], "")
		}
		return strings.TrimSpace(v)
	case map[string]any:
		for _, k := range []string{"en", "zh", "zh-CN", "@value", "name", "@id"} {
			if s, ok := v[k].(string); ok {
				return node{s}.text()
			}
		}
	}
	return ""
}

func (n node) first() string {
	for _, v := range n.list() {
		return v.text()
	}
	return ""
}

// all is every text of a list together.
func (n node) all() string {
	var out []string
	for _, v := range n.list() {
		out = append(out, v.text())
	}
	return strings.Join(out, " ")
}

func (n node) yes() bool { b, _ := n.v.(bool); return b }

func or(texts ...string) string {
	if i := slices.IndexFunc(texts, func(s string) bool { return s != "" }); i >= 0 {
		return texts[i]
	}
	return ""
}

// lastWord is what stands behind the last of : / # in a name.
func lastWord(s string) string { return s[strings.LastIndexAny(s, ":/#")+1:] }
