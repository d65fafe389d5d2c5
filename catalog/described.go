package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/meta"
	"aihub/internal/table"
)

// take says how the file at path is to be read, as it is described elsewhere.
func (m *Manifest) take(path string, d *meta.Described) error {
	format, err := table.FormatOf(path)
	if err != nil {
		return err
	}
	if format == table.FormatCSV || format == table.FormatJSONL {
		m.Types = map[string]table.Type{}
		for _, c := range d.Columns {
			if c.Type != "" {
				m.Types[c.Name] = table.Type(c.Type)
			}
		}
	}
	m.Missing = table.Missing{}
	maps.Copy(m.Missing, d.MissingOf)
	if len(d.Missing) > 0 {
		m.Missing["*"] = d.Missing
	}
	if format == table.FormatCSV && slices.Contains([]string{",", ";", "|", "\t"}, d.Delimiter) {
		m.Delimiter = d.Delimiter
	}
	if e := strings.ToLower(d.Encoding); slices.Contains(table.Encodings, e) && format == table.FormatCSV {
		m.Encoding = e
	}
	return nil
}

// settle gives the described columns the names that the table at path has of them:
// a contract names a column twice, and data have either.
func settle(path string, d *meta.Described) error {
	if len(d.Logical) == 0 {
		return nil
	}
	m := Manifest{}
	m.Mask.Default = "drop"
	if err := m.take(path, d); err != nil {
		return err
	}
	m.Types, m.Missing = nil, nil // of columns that it may not have
	r, err := table.Open(path, m.options())
	if err != nil {
		return err
	}
	defer r.Close()
	for column, logical := range d.Logical {
		if !has(r.Schema(), column) && has(r.Schema(), logical) {
			d.Rename(column, logical)
		}
	}
	return nil
}

func has(schema []table.Field, column string) bool {
	return slices.ContainsFunc(schema, func(f table.Field) bool { return f.Name == column })
}

// described refuses a file that has not the columns that are described.
func described(schema []table.Field, d *meta.Described) error {
	if d == nil {
		return nil
	}
	var fs []aihub.Fault
	for _, c := range d.Columns {
		if !has(schema, c.Name) {
			fs = append(fs, aihub.Fault{Code: "unknown_column", Where: "column " + c.Name, Message: aihub.Text{
				EN: "it is described, and the data has no such column", ZH: "描述文件中有此列，而数据中没有"}})
		}
	}
	if fs == nil {
		return nil
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the description is of another table", ZH: "描述文件与数据不符"}).WithFaults(fs)
}

// classed adds what a description says of a column's secrecy where its values say
// nothing.
func classed(fs []detect.Finding, d *meta.Described) []detect.Finding {
	if d == nil || fs[0].Class != detect.None {
		return fs
	}
	i := slices.IndexFunc(d.Columns, func(c meta.DescribedColumn) bool { return c.Name == fs[0].Column })
	if i < 0 || d.Columns[i].Personal == "" {
		return fs
	}
	fs[0].Class, fs[0].Kind = detect.Sensitive, detect.KindDescribed
	if d.Columns[i].Names() {
		fs[0].Class, fs[0].Share = detect.Direct, 1
	}
	return fs
}

// reading writes how the file is read and what its columns mean.
func (p *RawProfile) reading(b *strings.Builder, m *Manifest, d *meta.Described) {
	if d == nil {
		return
	}
	if m.Delimiter == "\t" {
		b.WriteString("delimiter: tab\n")
	} else if m.Delimiter != "" {
		fmt.Fprintf(b, "delimiter: %s\n", yamlText(m.Delimiter))
	}
	if m.Encoding != "" {
		fmt.Fprintf(b, "encoding: %s\n", m.Encoding)
	}
	if len(m.Missing) > 0 {
		b.WriteString("missing: # what the description counts as missing values\n")
		for _, n := range slices.Sorted(maps.Keys(m.Missing)) {
			texts := make([]string, 0, len(m.Missing[n]))
			for _, t := range m.Missing[n] {
				texts = append(texts, yamlText(t))
			}
			fmt.Fprintf(b, "  %s: [%s]\n", yamlText(n), strings.Join(texts, ", "))
		}
	}
	section := func(name string, line func(c meta.DescribedColumn) string) {
		first := true
		for _, c := range d.Columns {
			if l := line(c); l != "" {
				if first {
					fmt.Fprintf(b, "%s:\n", name)
					first = false
				}
				fmt.Fprintf(b, "  %s: %s\n", yamlText(c.Name), l)
			}
		}
	}
	section("types", func(c meta.DescribedColumn) string { return string(m.Types[c.Name]) })
	section("notes", func(c meta.DescribedColumn) string {
		if t := oneLine(c.Description, 1000); t != "" {
			return fmt.Sprintf("{zh: %s, en: %s}", yamlText(t), yamlText(t))
		}
		return ""
	})
}

// oneLine is at most n characters of a text, without line ends and what cannot be
// seen.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if r := []rune(s); len(r) > n {
		s = string(r[:n])
	}
	return s
}
