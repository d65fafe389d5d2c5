package scenarios

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aihub"
)

// Lint returns every fault of meaning of a complete Spec. A fault's Where is
// the path of the field, e.g. "rounds[0].quota"; Parse and Locate turn it into
// line and column.
func Lint(spec Spec) []aihub.Fault {
	l := linter{where: func(path string) string { return path }, bad: func(string) bool { return false }}
	l.lint(spec)
	return l.faults
}

// linter gathers faults. bad tells it which fields could not be read, so that
// it does not complain about their emptiness.
type linter struct {
	where  func(path string) string
	bad    func(path string) bool
	faults []aihub.Fault
}

// add records a fault of the field at path, whose message starts with the path.
func (l *linter) add(code, path, en, zh string) {
	if l.bad(path) {
		return
	}
	l.faults = append(l.faults, aihub.Fault{Code: code, Where: l.where(path), Message: aihub.Text{
		EN: path + ": " + en, ZH: path + "：" + zh,
	}})
}

// Platform bounds of what a spec may ask for; both ends are allowed.
var (
	minLimits = Limits{CPUs: 0.1, Memory: 16 * MiB, Pids: 1, Files: 16, Wall: Duration(time.Second), Output: 4 * KiB, Inodes: 1, Tmp: MiB, Log: KiB}
	maxLimits = Limits{CPUs: 64, Memory: 256 * GiB, Pids: 4096, Files: 65536, Wall: Duration(24 * time.Hour), Output: 64 * GiB, Inodes: 1_000_000, Tmp: 16 * GiB, Log: 64 * MiB}
)

const (
	maxTitle   = 200     // runes of a title, summary or agency
	maxProse   = 100_000 // runes of a description or agreement
	maxColumns = 1000
	maxClasses = 1000
	maxMetrics = 20
	maxEnv     = 32
	maxTick    = Duration(24 * time.Hour)
	maxQuota   = 100
	maxBits    = 4096
)

var (
	fileRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)
	envRE  = regexp.MustCompile(`^AIHUB_[A-Z0-9][A-Z0-9_]{0,57}$`)
	idRE   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

	inputFormats  = []string{"csv", "jsonl", "parquet"}
	outputFormats = []string{"arrow", FormatCOCO, "csv", FormatCTM, "jsonl", FormatMasks, "parquet", FormatPictures, FormatRTTM, FormatTREC}
	valueTypes    = []string{"float64", "int64", "string"}
)

func (l *linter) lint(s Spec) {
	l.oneOf("apiVersion", s.APIVersion, []string{APIVersion})
	l.oneOf("kind", s.Kind, []string{"Scenario"})
	l.slug("name", s.Name)
	l.text("title", s.Title, maxTitle)
	l.text("summary", s.Summary, maxTitle)
	l.text("description", s.Description, maxProse)
	l.vocabulary("field", s.Field, Fields)
	l.vocabulary("area", s.Area, Areas)
	l.text("agency", s.Agency, maxTitle)
	if utf8.RuneCountInString(s.Contact) > maxTitle {
		l.add("too_long", "contact", fmt.Sprintf("at most %d characters", maxTitle), fmt.Sprintf("最多 %d 个字符", maxTitle))
	}
	if s.Dataset == "" {
		l.missing("dataset", "the dataset version, e.g. events@1", "数据集版本，例如 events@1")
	} else if _, err := aihub.ParseRef(s.Dataset); err != nil {
		l.error("dataset", err)
	}
	l.text("agreement", s.Agreement, maxProse)

	l.input(s)
	l.output(s)
	l.truth(s)
	l.limits("limits.", s.Limits)
	l.train(s)
	l.workspace(s)
	l.scorer(s)
	l.environment(s.Environment)
	l.metrics(s)
	l.slices(s)
	l.unit(s)
	l.unitFormat(s)
	l.shapes(s)
	l.sharing(s)
	l.rounds(s)
}

func (l *linter) input(s Spec) {
	l.file("input.file", s.Input.File)
	if s.Input.File == "task.json" {
		l.add("bad_value", "input.file", "task.json is the platform's own file: choose another name", "task.json 是平台自己的文件：请换一个名称")
	}
	l.oneOf("input.format", s.Input.Format, inputFormats)
	l.column("input.key", s.Input.Key)
	if len(s.Input.Columns) == 0 {
		l.missing("input.columns", "at least one column of the dataset", "至少一个数据集列")
	}
	if len(s.Input.Columns) > maxColumns {
		l.add("too_many", "input.columns", fmt.Sprintf("at most %d columns", maxColumns), fmt.Sprintf("最多 %d 列", maxColumns))
		return
	}
	for i, c := range s.Input.Columns {
		p := fmt.Sprintf("input.columns[%d]", i)
		l.column(p, c)
		switch {
		case c == "":
		case c == s.Input.Key:
			l.add("key_in_columns", p, "the key is always the first column: remove it here", "主键总是第一列：请在此删除")
		case c == s.Truth.Column:
			l.add("truth_in_input", p, "the truth column is never an input: remove it here", "真值列不能作为输入：请在此删除")
		case slices.Index(s.Input.Columns, c) < i:
			l.add("duplicate", p, fmt.Sprintf("column %q is named twice", clip(c)), fmt.Sprintf("列 %q 重复", clip(c)))
		}
	}
}

func (l *linter) output(s Spec) {
	l.file("output.file", s.Output.File)
	l.oneOf("output.format", s.Output.Format, outputFormats)
	cols := s.Output.Columns
	if len(cols) == 0 {
		l.missing("output.columns", "what an algorithm must predict", "算法需要预测的列")
	}
	if len(cols) > maxColumns {
		l.add("too_many", "output.columns", fmt.Sprintf("at most %d columns", maxColumns), fmt.Sprintf("最多 %d 列", maxColumns))
		return
	}
	names := map[string]OutputColumn{}
	for i, c := range cols {
		p := fmt.Sprintf("output.columns[%d]", i)
		l.column(p+".name", c.Name)
		if c.Name == s.Input.Key && c.Name != "" {
			l.add("key_in_columns", p+".name", "the key column is implied and always first: remove it here", "主键列已隐含且总是第一列：请在此删除")
		}
		if _, dup := names[c.Name]; dup && c.Name != "" {
			l.add("duplicate", p+".name", fmt.Sprintf("column %q is declared twice", clip(c.Name)), fmt.Sprintf("列 %q 重复声明", clip(c.Name)))
		}
		names[c.Name] = c
		l.oneOf(p+".type", c.Type, valueTypes)
		if len(c.Classes) > 0 {
			if c.Type != "string" {
				l.add("bad_value", p+".classes", "only a string column has classes", "只有 string 列可以有 classes")
			}
			if !slices.Equal(c.Classes, s.Truth.Classes) { // those are checked below
				l.classes(p+".classes", c.Classes)
			}
		}
		if c.Range != nil {
			if c.Type == "string" {
				l.add("bad_value", p+".range", "only a numeric column has a range", "只有数值列可以有 range")
			}
			l.interval(p+".range", c.Range)
		}
	}
	for i, c := range cols {
		for j, name := range c.SumsToOne {
			p := fmt.Sprintf("output.columns[%d].sums_to_one[%d]", i, j)
			o, ok := names[name]
			switch {
			case !ok:
				l.add("unknown_column", p, fmt.Sprintf("there is no output column %q", clip(name)), fmt.Sprintf("没有输出列 %q", clip(name)))
			case name == c.Name || slices.Index(c.SumsToOne, name) < j:
				l.add("duplicate", p, "list each of the other columns once", "其他各列每列只列一次")
			case o.Type != "float64" || c.Type != "float64":
				l.add("bad_value", p, "columns that sum to one are of type float64", "和为一的各列类型须为 float64")
			}
		}
	}
}

func (l *linter) truth(s Spec) {
	l.column("truth.column", s.Truth.Column)
	if s.Truth.Column == s.Input.Key && s.Input.Key != "" {
		l.add("bad_value", "truth.column", "the key cannot be the truth", "主键不能作为真值")
	}
	l.oneOf("truth.type", s.Truth.Type, valueTypes)
	if len(s.Truth.Classes) > 0 {
		if s.Truth.Type != "string" {
			l.add("bad_value", "truth.classes", "only a string column has classes", "只有 string 列可以有 classes")
		}
		l.classes("truth.classes", s.Truth.Classes)
	}
	l.texts(s)
}

// maxSeparator bounds the characters of truth.separator.
const maxSeparator = 8

// texts checks what is said of true texts that are several, or empty.
func (l *linter) texts(s Spec) {
	for _, x := range []struct {
		given     bool
		path      string
		needs     []Needs
		what, zhs string
	}{
		{s.Truth.Separator != "", "truth.separator", []Needs{NeedsPassages, NeedsAnswers, NeedsGenerated}, "several true texts", "多个真值文本"},
		{s.Truth.Empty, "truth.empty", []Needs{NeedsUtterances, NeedsPassages, NeedsAnswers, NeedsGenerated}, "an empty true text", "空的真值文本"},
	} {
		if !x.given {
			continue
		}
		if s.Truth.Type != "string" || len(s.Truth.Classes) > 0 {
			l.add("bad_value", x.path, "is of texts: truth.type is string, without truth.classes", "只用于文本：truth.type 为 string，且不含 truth.classes")
			continue
		}
		for i, m := range s.Metrics {
			if n := KnownMetrics[m.Use].Needs; n.Texts() && !slices.Contains(x.needs, n) {
				l.add("metric_misfit", fmt.Sprintf("metrics[%d].use", i), fmt.Sprintf("%s does not take %s: leave %s out", m.Use, x.what, x.path),
					fmt.Sprintf("%s 不支持%s：请省略 %s", m.Use, x.zhs, x.path))
			}
		}
	}
	if utf8.RuneCountInString(s.Truth.Separator) > maxSeparator {
		l.add("bad_value", "truth.separator", fmt.Sprintf("at most %d characters", maxSeparator), fmt.Sprintf("最多 %d 个字符", maxSeparator))
	}
}

func (l *linter) limits(p string, v Limits) {
	lo, hi := minLimits, maxLimits
	bounded(l, p+"cpus", v.CPUs, lo.CPUs, hi.CPUs)
	bounded(l, p+"memory", v.Memory, lo.Memory, hi.Memory)
	bounded(l, p+"pids", v.Pids, lo.Pids, hi.Pids)
	bounded(l, p+"files", v.Files, lo.Files, hi.Files)
	bounded(l, p+"wall", v.Wall, lo.Wall, hi.Wall)
	bounded(l, p+"output", v.Output, lo.Output, hi.Output)
	bounded(l, p+"inodes", v.Inodes, lo.Inodes, hi.Inodes)
	bounded(l, p+"tmp", v.Tmp, lo.Tmp, hi.Tmp)
	bounded(l, p+"log", v.Log, lo.Log, hi.Log)
}

func (l *linter) environment(env map[string]string) {
	if len(env) > maxEnv {
		l.add("too_many", "environment", fmt.Sprintf("at most %d keys", maxEnv), fmt.Sprintf("最多 %d 个键", maxEnv))
	}
	for _, k := range slices.Sorted(maps.Keys(env)) {
		p := "environment." + clip(k)
		if !envRE.MatchString(k) {
			l.add("bad_environment", p, "only keys AIHUB_A_Z_0_9 of at most 64 characters reach an algorithm", "只有 AIHUB_ 开头、由大写字母、数字和下划线组成且不超过 64 个字符的键才会传给算法")
		}
		if v := env[k]; len(v) > 1024 || strings.ContainsFunc(v, unicode.IsControl) {
			l.add("bad_environment", p, "the value must be one line of at most 1024 bytes", "值须为不超过 1024 字节的单行文字")
		}
	}
}

func (l *linter) rounds(s Spec) {
	if len(s.Rounds) == 0 {
		l.missing("rounds", "at least one round", "至少一个评测轮次")
	}
	parts, names := map[string]string{}, map[string]bool{}
	for i, r := range s.Rounds {
		p := fmt.Sprintf("rounds[%d].", i)
		l.slug(p+"name", r.Name)
		if names[r.Name] && r.Name != "" {
			l.add("duplicate", p+"name", fmt.Sprintf("round %q is declared twice", clip(r.Name)), fmt.Sprintf("轮次 %q 重复声明", clip(r.Name)))
		}
		names[r.Name] = true
		l.text(p+"title", r.Title, maxTitle)
		if r.Entry != "" {
			l.oneOf(p+"entry", r.Entry, []string{"best", "last"})
		}
		l.oneOf(p+"part", r.Part, []string{string(aihub.Final), string(aihub.Test)})
		if other, used := parts[r.Part]; used {
			l.add("shared_part", p+"part",
				fmt.Sprintf("round %q already uses this part; each round needs a hidden part of its own, or its leak budget would be given twice", clip(other)),
				fmt.Sprintf("轮次 %q 已使用该分区；每个轮次须有自己的隐藏分区，否则泄露预算会重复发放", clip(other)))
		}
		parts[r.Part] = r.Name
		if !r.Opens.IsZero() && !r.Closes.IsZero() && !r.Opens.Before(r.Closes) {
			l.add("bad_value", p+"closes", "must be after opens", "须晚于 opens")
		}
		if r.Part == string(aihub.Final) && r.Quota != 1 {
			l.add("out_of_range", p+"quota", "the final part is scored once: quota must be 1", "final 分区只评一次：quota 必须为 1")
		} else {
			bounded(l, p+"quota", r.Quota, 1, maxQuota)
		}
		l.roundBudget(s, p, r)
	}
}

// --- small checks

func (l *linter) missing(path, en, zh string) {
	l.add("missing", path, "missing: write "+en, "缺失：请填写"+zh)
}

// error records the message of an aihub.Error.
func (l *linter) error(path string, err error) {
	e, ok := err.(*aihub.Error)
	if !ok {
		e = aihub.Errorf(aihub.Invalid, aihub.Text{EN: err.Error(), ZH: err.Error()})
	}
	l.add("bad_value", path, e.Text.EN, e.Text.ZH)
}

func (l *linter) slug(path, s string) {
	if s == "" {
		l.missing(path, "a name of lower-case letters, digits and hyphens", "由小写字母、数字和连字符组成的名称")
	} else if err := aihub.CheckSlug(s); err != nil {
		l.error(path, err)
	}
}

func (l *linter) text(path string, t aihub.Text, limit int) {
	for _, x := range []struct{ lang, s, en, zh string }{{"zh", t.ZH, "the Chinese text", "中文内容"}, {"en", t.EN, "the English text", "英文内容"}} {
		p := path + "." + x.lang
		if strings.TrimSpace(x.s) == "" {
			l.missing(p, x.en, x.zh)
		} else if n := utf8.RuneCountInString(x.s); n > limit {
			l.add("too_long", p, fmt.Sprintf("%d characters; at most %d", n, limit), fmt.Sprintf("共 %d 个字符，最多 %d 个", n, limit))
		}
	}
}

func (l *linter) oneOf(path, s string, choices []string) {
	if slices.Contains(choices, s) {
		return
	}
	en, zh := strings.Join(choices, ", "), strings.Join(choices, "、")
	if s == "" {
		l.missing(path, en, zh)
		return
	}
	l.add("bad_value", path, fmt.Sprintf("%q is not one of: %s", clip(s), en), fmt.Sprintf("%q 不在可选值之内：%s", clip(s), zh))
}

func (l *linter) vocabulary(path, s string, words map[string]aihub.Text) {
	if _, ok := words[s]; ok {
		return
	}
	var en, zh []string
	for _, k := range slices.Sorted(maps.Keys(words)) {
		en = append(en, fmt.Sprintf("%s (%s)", k, words[k].EN))
		zh = append(zh, fmt.Sprintf("%s（%s）", k, words[k].ZH))
	}
	if s == "" {
		l.missing(path, "one of: "+strings.Join(en, ", "), "以下之一："+strings.Join(zh, "、"))
		return
	}
	l.add("bad_value", path, fmt.Sprintf("%q is not one of: %s", clip(s), strings.Join(en, ", ")), fmt.Sprintf("%q 不在可选值之内：%s", clip(s), strings.Join(zh, "、")))
}

func (l *linter) file(path, s string) {
	if s == "" {
		l.missing(path, "a file name", "文件名")
	} else if len(s) > 64 || !fileRE.MatchString(s) {
		l.add("bad_value", path,
			fmt.Sprintf("%q is not a plain file name: use letters, digits, '.', '_' and '-', at most 64", clip(s)),
			fmt.Sprintf("%q 不是普通文件名：请用字母、数字、“.”、“_”、“-”，最多 64 个字符", clip(s)))
	}
}

// column checks a column name: one that survives every format.
func (l *linter) column(path, s string) {
	if s == "" {
		l.missing(path, "a column name", "列名")
	} else if len(s) > 128 || s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune("\",\ufeff", r) }) {
		l.add("bad_value", path,
			fmt.Sprintf("%q is not a column name: at most 128 bytes, without commas, quotes, control characters and outer spaces", clip(s)),
			fmt.Sprintf("%q 不是合法列名：最多 128 字节，不含逗号、引号、控制字符和首尾空格", clip(s)))
	}
}

func (l *linter) classes(path string, classes []string) {
	if len(classes) < 2 || len(classes) > maxClasses {
		l.add("out_of_range", path, fmt.Sprintf("%d classes; from 2 to %d are needed", len(classes), maxClasses), fmt.Sprintf("共 %d 个类别；应为 2 至 %d 个", len(classes), maxClasses))
	}
	seen := map[string]bool{}
	for i, c := range classes {
		p := fmt.Sprintf("%s[%d]", path, i)
		if c == "" || len(c) > 200 || c != strings.TrimSpace(c) || strings.ContainsFunc(c, unicode.IsControl) {
			l.add("bad_value", p, "a class is 1 to 200 bytes of text without outer spaces", "类别须为 1 至 200 字节的文字，无首尾空格")
		} else if seen[c] {
			l.add("duplicate", p, fmt.Sprintf("class %q is listed twice", clip(c)), fmt.Sprintf("类别 %q 重复", clip(c)))
		}
		seen[c] = true
	}
}

// interval reports whether r is [lo, hi] with lo < hi.
func (l *linter) interval(path string, r []float64) bool {
	if len(r) == 2 && r[0] < r[1] {
		return true
	}
	l.add("bad_value", path, "write two numbers, the smaller first: [0, 1]", "请写两个数，小的在前：[0, 1]")
	return false
}

// bounded reports whether v is in [lo, hi], and records a fault when it is not.
func bounded[T cmp.Ordered](l *linter, path string, v, lo, hi T) bool {
	if v >= lo && v <= hi {
		return true
	}
	l.add("out_of_range", path, fmt.Sprintf("%v is outside %v to %v", v, lo, hi), fmt.Sprintf("%v 超出 %v 至 %v", v, lo, hi))
	return false
}
