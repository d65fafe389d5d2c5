package catalog

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"aihub"
	"aihub/catalog/mask"
	"aihub/catalog/risk"
	"aihub/internal/table"
	"aihub/internal/yamlx"
)

// Manifest says how a raw table becomes a dataset version (dataset.yaml).
type Manifest struct {
	Name        string                `yaml:"name"` // slug; the version is given by the platform
	Title       aihub.Text            `yaml:"title"`
	Description aihub.Text            `yaml:"description"`
	License     string                `yaml:"license"`
	Card        aihub.Text            `yaml:"card"`      // Markdown of the steward's own, shown at the top of the data card
	Key         string                `yaml:"key"`       // column that names a row; masked as a pseudonym
	KeyFrom     string                `yaml:"key_from"`  // column (default), or rows: the table has no such column, number its rows
	Format      string                `yaml:"format"`    // csv, jsonl, parquet, arrow; default: found out
	Encoding    string                `yaml:"encoding"`  // of a text: utf-8, gb18030, utf-16le, utf-16be; default: found out
	Delimiter   string                `yaml:"delimiter"` // of a CSV; default: found out
	Types       map[string]table.Type `yaml:"types"`     // of the columns of a CSV or JSON Lines; others are inferred
	Missing     table.Missing         `yaml:"missing"`   // column, or "*" for the others: texts that stand for no value
	Media       Media                 `yaml:"media"`     // the data is a folder: a table, and a file for each row
	Mask        mask.Plan             `yaml:"mask"`
	Truth       []string              `yaml:"truth"` // columns that only the evaluator sees in hidden parts
	Split       Split                 `yaml:"split"`
	Risk        risk.Policy           `yaml:"risk"`
	Notes       map[string]aihub.Text `yaml:"notes"`       // what a column means
	Parent      Parent                `yaml:"parent"`      // whose rows these rows belong to
	Level       int                   `yaml:"level"`       // of general data (GB/T 43697), 1 to 4; default: what the detectors find
	RetainDays  int                   `yaml:"retain_days"` // the version is erased so many days after it was made; default: never
	Privacy     Privacy               `yaml:"privacy"`     // budget of what is published with differential privacy

	doc *yamlx.Doc
}

// Split says which part a row goes to. A row that Ranges or Values name a part
// for goes there; the others are dealt by a keyed hash of their key, each part
// getting its share, more or less.
type Split struct {
	Sample float64                 `yaml:"sample" json:"sample"` // shares of the rows dealt by hash; they add up to 1
	Train  float64                 `yaml:"train" json:"train"`
	Test   float64                 `yaml:"test" json:"test"`
	Final  float64                 `yaml:"final" json:"final"`
	Column string                  `yaml:"column" json:"column,omitempty"` // raw column that Ranges or Values speak of
	Ranges map[aihub.Part]Range    `yaml:"ranges" json:"ranges,omitempty"` // of dates or timestamps
	Values map[aihub.Part][]string `yaml:"values" json:"values,omitempty"` // as text
	Seed   int64                   `yaml:"seed" json:"seed"`               // another seed deals other rows
}

// Range is a stretch of time: From on, and before To. Either may be missing.
type Range struct {
	From string `yaml:"from" json:"from,omitempty"` // YYYY-MM-DD
	To   string `yaml:"to" json:"to,omitempty"`
}

// ParseManifest reads a manifest and checks what can be checked without the
// data. The error is Contract with every fault and its line and column.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	doc, faults := yamlx.Parse(data, yamlx.Default)
	if faults != nil {
		return m, badManifest(faults)
	}
	faults = doc.Decode(&m)
	m.doc = doc
	faults = append(faults, m.lint()...)
	if len(faults) > 0 {
		return m, badManifest(faults)
	}
	return m, nil
}

// maxMissing is how many texts of a column may stand for no value: each is compared
// with every value.
const maxMissing = 100

func badManifest(fs []aihub.Fault) error {
	yamlx.Sort(fs)
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("the manifest is not valid; faults: %d", len(fs)), ZH: fmt.Sprintf("数据清单有 %d 处问题", len(fs)),
	}).WithHint(aihub.Text{EN: "mend them and run the command again; nothing was stored", ZH: "修正后重新执行命令；未保存任何内容"}).WithFaults(fs)
}

// linter collects the faults of a manifest with their places.
type linter struct {
	doc *yamlx.Doc
	fs  []aihub.Fault
}

func (l *linter) add(code, path, en, zh string) {
	if !l.doc.Bad(path) { // the reader has spoken of it
		l.fs = append(l.fs, aihub.Fault{Code: code, Where: l.doc.Where(path), Message: aihub.Text{EN: en, ZH: zh}})
	}
}

// take adds the faults of a part of the manifest, whose places are paths below top.
func (l *linter) take(top string, fs []aihub.Fault) {
	for _, f := range fs {
		path := strings.Trim(top+"."+f.Where, ".")
		l.add(f.Code, path, f.Message.EN, f.Message.ZH)
	}
}

// lint checks the manifest by itself.
func (m *Manifest) lint() []aihub.Fault {
	l := &linter{doc: m.doc}
	m.lintMedia(l)
	if err := aihub.CheckSlug(m.Name); err != nil {
		e := err.(*aihub.Error)
		l.add("name", "name", e.Text.EN, e.Text.ZH)
	}
	for path, t := range map[string]aihub.Text{"title": m.Title, "description": m.Description} {
		if strings.TrimSpace(t.ZH) == "" || strings.TrimSpace(t.EN) == "" {
			l.add("missing", path, path+" is needed in both languages: zh and en", path+" 需要 zh 与 en 两种语言")
		}
	}
	if strings.TrimSpace(m.License) == "" {
		l.add("missing", "license", "license is missing: say under which terms the public sample may be used", "缺少 license：请说明公开样本的使用许可")
	}
	if m.Key == "" {
		l.add("missing", "key", "key is missing: name the column that names a row (or a new one, with key_from: rows)", "缺少 key：请指明标识行的列（或新列名并写 key_from: rows）")
	}
	if m.KeyFrom != "" && m.KeyFrom != "column" && m.KeyFrom != "rows" {
		l.add("key_from", "key_from", "key_from is column or rows", "key_from 应为 column 或 rows")
	}
	if m.Format != "" && !slices.Contains(table.Formats, m.Format) {
		l.add("format", "format", "format is one of "+strings.Join(table.Formats, ", "), "format 应为 "+strings.Join(table.Formats, "、"))
	}
	if m.Encoding != "" && !slices.Contains(table.Encodings, m.Encoding) {
		l.add("encoding", "encoding", "encoding is one of "+strings.Join(table.Encodings, ", "), "encoding 应为 "+strings.Join(table.Encodings, "、"))
	}
	for n, texts := range m.Missing {
		if len(texts) > maxMissing {
			l.add("missing", "missing."+n, fmt.Sprintf("at most %d texts stand for a missing value", maxMissing), fmt.Sprintf("表示缺失的写法至多 %d 个", maxMissing))
		}
	}
	switch m.Delimiter {
	case "", ",", ";", "\t", "|", "tab":
	default:
		l.add("delimiter", "delimiter", `delimiter is one of "," ";" "|" tab`, `delimiter 应为 ","、";"、"|" 或 tab`)
	}
	if len(m.Truth) == 0 {
		l.add("missing", "truth", "truth is missing: list the columns that an algorithm must predict", "缺少 truth：请列出需要预测的列")
	}
	for i, t := range m.Truth {
		path := fmt.Sprintf("truth[%d]", i)
		if t == m.Key {
			l.add("truth", path, "the key cannot be a truth column", "主键不能是真值列")
		}
		if slices.Contains(m.Truth[:i], t) {
			l.add("truth", path, fmt.Sprintf("%q is named twice", t), fmt.Sprintf("%q 重复", t))
		}
		if r, ok := m.Mask.Of(t); ok && r.Use == "drop" {
			l.add("truth", path, fmt.Sprintf("truth column %q is dropped by the mask plan: write use: keep", t), fmt.Sprintf("真值列 %q 被脱敏方案删除：请写 use: keep", t))
		}
	}
	if d := m.Mask.Default; d != "" && d != "keep" && d != "drop" {
		l.add("default", "mask.default", fmt.Sprintf("%q is not a default: use keep or drop", d), fmt.Sprintf("%q 不是合法默认值：请用 keep 或 drop", d))
	} else if m.KeyFrom != "rows" && m.Key != "" {
		if r, ok := m.Mask.Of(m.Key); ok && r.Use != "pseudonym" {
			l.add("key", "mask.columns."+m.Key, fmt.Sprintf("the key must be random-looking: write %s: {use: pseudonym}", m.Key), fmt.Sprintf("主键不得携带信息：请写 %s: {use: pseudonym}", m.Key))
		}
	}
	if m.Mask.Scope != "" {
		if err := aihub.CheckSlug(m.Mask.Scope); err != nil {
			e := err.(*aihub.Error)
			l.add("scope", "mask.scope", e.Text.EN, e.Text.ZH)
		}
	}
	if m.Level < 0 || m.Level > 4 {
		l.add("level", "level", "level is 1 to 4: grades of general data after GB/T 43697; important and core data have no place here", "level 应为 1 至 4（GB/T 43697 一般数据分级）；重要数据与核心数据不得在此发布")
	}
	if m.RetainDays < 0 || m.RetainDays > 36_500 {
		l.add("retain_days", "retain_days", "retain_days is 1 to 36500", "retain_days 应为 1 至 36500")
	}
	for i, c := range m.Risk.Cells {
		if slices.Contains(m.Truth, c) {
			l.add("risk", fmt.Sprintf("risk.cells[%d]", i), fmt.Sprintf("%q is a label: a row without it can be neither learned from nor scored", c), fmt.Sprintf("%q 是标签：缺少标签的行既不能用于训练也不能评分", c))
		}
	}
	m.lintPrivacy(l)
	m.lintParent(l)
	return l.fs
}

// share returns the share of a part.
func (s Split) share(p aihub.Part) float64 {
	switch p {
	case aihub.Sample:
		return s.Sample
	case aihub.Train:
		return s.Train
	case aihub.Test:
		return s.Test
	}
	return s.Final
}

func (s Split) lint(l *linter) {
	sum := 0.0
	for _, p := range aihub.Parts {
		v := s.share(p)
		if v < 0 || v > 1 {
			l.add("split", "split."+string(p), "a share is 0 to 1", "占比应为 0 至 1")
		}
		sum += v
		_, inRange := s.Ranges[p]
		if v == 0 && !inRange && len(s.Values[p]) == 0 && (p == aihub.Sample || p == aihub.Test) {
			l.add("split", "split", fmt.Sprintf("the %s part gets no rows: give it a share, a range or values", p), fmt.Sprintf("%s 分区没有数据：请给出占比、时间范围或取值", p))
		}
	}
	if math.Abs(sum-1) > 1e-9 {
		l.add("split", "split", fmt.Sprintf("the shares of sample, train, test and final add up to %g, not 1", sum), fmt.Sprintf("sample、train、test、final 的占比之和为 %g，应为 1", sum))
	}
	if len(s.Ranges) > 0 && len(s.Values) > 0 {
		l.add("split", "split.values", "give ranges or values, not both", "ranges 与 values 只能给出一种")
	}
	if (len(s.Ranges) > 0 || len(s.Values) > 0) != (s.Column != "") {
		l.add("split", "split.column", "column goes with ranges or values: neither works alone", "column 须与 ranges 或 values 一同给出")
	}
	seen := map[string]aihub.Part{}
	for _, p := range parts(s.Values) {
		for i, v := range s.Values[p] {
			if q, twice := seen[v]; twice {
				l.add("split", fmt.Sprintf("split.values.%s[%d]", p, i), fmt.Sprintf("%q goes to %s already", v, q), fmt.Sprintf("%q 已归入 %s", v, q))
			}
			seen[v] = p
		}
	}
	for _, p := range append(parts(s.Values), parts(s.Ranges)...) {
		if !slices.Contains(aihub.Parts, p) {
			l.add("split", "split", fmt.Sprintf("%q is not a part: use sample, train, test, final", p), fmt.Sprintf("%q 不是分区：请用 sample、train、test、final", p))
		}
	}
	var spans []span
	for _, p := range parts(s.Ranges) {
		sp, ok := s.Ranges[p].days()
		if !ok {
			l.add("split", "split.ranges."+string(p), "from and to are days YYYY-MM-DD, from before to", "from 与 to 应为 YYYY-MM-DD，且 from 早于 to")
		}
		for _, o := range spans {
			if ok && sp.from < o.to && o.from < sp.to {
				l.add("split", "split.ranges."+string(p), "this range overlaps that of another part", "该范围与其他分区的范围重叠")
			}
		}
		spans = append(spans, sp)
	}
}

// span is a range in days since 1970-01-01, To excluded.
type span struct{ from, to int64 }

func (r Range) days() (span, bool) {
	s := span{math.MinInt64, math.MaxInt64}
	ok := r != Range{}
	for v, at := range map[string]*int64{r.From: &s.from, r.To: &s.to} {
		if v != "" {
			d, valid := table.ParseDate(v)
			*at, ok = d, ok && valid
		}
	}
	return s, ok && s.from < s.to
}

func parts[V any](m map[aihub.Part]V) (ps []aihub.Part) {
	for p := range m {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}

// options are the options to read the raw file with.
func (m *Manifest) options() table.Options {
	o := table.Options{Format: m.Format, Unread: func(column string) bool {
		r, ok := m.Mask.Of(column)
		return ok && r.Use == "drop" && column != m.Risk.Subject
	}}
	o.Types, o.Encoding, o.Missing = m.Types, m.Encoding, m.Missing
	if m.Media.declared() { // paths and lists, whatever they look like
		o.Types = maps.Clone(m.Types)
		for _, c := range m.Media.columns() {
			if o.Types == nil {
				o.Types = map[string]table.Type{}
			}
			o.Types[c] = table.String
		}
	}
	if o.Encoding == "" {
		o.Encoding = table.Auto
	}
	if m.Delimiter == "tab" {
		o.Delimiter = '\t'
	} else if m.Delimiter != "" {
		o.Delimiter = m.Delimiter[0]
	}
	return o
}

// check returns every fault of the manifest against the raw table's columns.
func (m *Manifest) check(schema []table.Field) []aihub.Fault {
	l := &linter{doc: m.doc}
	types := map[string]table.Type{}
	for _, f := range schema {
		types[f.Name] = f.Type
	}
	has := func(path, name string) bool {
		_, ok := types[name]
		if !ok {
			l.add("unknown_column", path, fmt.Sprintf("the data has no column %q", name), fmt.Sprintf("数据中没有列 %q", name))
		}
		return ok
	}
	if m.KeyFrom == "rows" {
		if _, ok := types[m.Key]; ok {
			l.add("key_from", "key_from", fmt.Sprintf("the data has a column %q already: leave key_from out to use it, or choose another key", m.Key), fmt.Sprintf("数据中已有列 %q：去掉 key_from 以使用它，或另选主键名", m.Key))
		}
	} else {
		has("key", m.Key)
	}
	for i, t := range m.Truth {
		has(fmt.Sprintf("truth[%d]", i), t)
	}
	for path, c := range map[string]string{"media.file": m.Media.File, "media.boxes": m.Media.Boxes, "media.spans": m.Media.Spans} {
		if c != "" {
			has(path, c)
		}
	}
	noted := make([]string, 0, len(m.Notes))
	for n := range m.Notes {
		noted = append(noted, n)
	}
	sort.Strings(noted)
	for _, n := range noted {
		if n != m.Key {
			has("notes."+n, n)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(m.Missing)) {
		if n != "*" {
			has("missing."+n, n)
		}
	}
	if m.Risk.Subject != "" {
		has("risk.subject", m.Risk.Subject)
	}
	if s := m.Split; s.Column != "" && has("split.column", s.Column) {
		t := types[s.Column]
		if len(s.Ranges) > 0 && t != table.Date && t != table.Timestamp {
			l.add("split", "split.column", fmt.Sprintf("ranges need a column of dates or timestamps; %q is %s", s.Column, t), fmt.Sprintf("ranges 需要日期或时间戳列；%q 为 %s", s.Column, t))
		}
	}
	l.take("mask", m.Mask.Lint(schema))
	var kept []string
	for _, f := range schema {
		if r, ok := m.Mask.Of(f.Name); ok && r.Use != "drop" {
			kept = append(kept, f.Name)
		}
	}
	l.take("risk", m.Risk.Lint(kept))
	return l.fs
}
