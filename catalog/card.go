package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"aihub"
)

// The two halves of a card begin with these lines.
const (
	cardZH = "<!-- lang: zh -->\n"
	cardEN = "<!-- lang: en -->\n"
)

// CardIn returns the half of a data card that is in lang.
func CardIn(card string, lang aihub.Lang) string {
	zh, en, ok := strings.Cut(strings.TrimPrefix(card, cardZH), cardEN)
	if !ok || lang == aihub.ZH {
		return zh
	}
	return en
}

// card renders the data card (数据卡) of v, Markdown in both languages. It is
// public once v is: nothing here is about the raw table but the number of its
// rows and of values that could not be masked.
func card(m *Manifest, v aihub.DatasetVersion, p Profile) []byte {
	var b bytes.Buffer
	for _, lang := range []aihub.Lang{aihub.ZH, aihub.EN} {
		if lang == aihub.ZH {
			b.WriteString(cardZH)
		} else {
			b.WriteString(cardEN)
		}
		w := &cardWriter{&b, lang}
		w.head(m, v)
		w.parts(m, v, p)
		w.columns(v, p)
		w.privacy(m, p)
		w.utility(p.Utility)
		w.leaks(p)
		w.values(p)
	}
	return b.Bytes()
}

type cardWriter struct {
	b    *bytes.Buffer
	lang aihub.Lang
}

// line writes a formatted line in the card's language.
func (w *cardWriter) line(en, zh string, args ...any) {
	f := en
	if w.lang == aihub.ZH {
		f = zh
	}
	fmt.Fprintf(w.b, f+"\n", args...)
}

func (w *cardWriter) row(cells ...string) {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	fmt.Fprintf(w.b, "| %s |\n", strings.Join(cells, " | "))
}

// cell makes text safe between the bars of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;", "`", "'").Replace(s)
}

func (w *cardWriter) head(m *Manifest, v aihub.DatasetVersion) {
	fmt.Fprintf(w.b, "# %s\n\n%s\n\n", v.Title.In(w.lang), v.Description.In(w.lang))
	if c := m.Card.In(w.lang); strings.TrimSpace(c) != "" {
		fmt.Fprintf(w.b, "%s\n\n", strings.TrimSpace(c))
	}
	w.line("- Licence of the public sample: %s", "- 公开样本许可：%s", v.License)
	w.line("- Each row is named by `%s`, a random-looking key\n", "- 每行由 `%s` 标识，主键为随机形式\n", v.Key)
}

var partNames = map[aihub.Part]aihub.Text{
	aihub.Sample: {EN: "public, with labels", ZH: "公开，含标签"},
	aihub.Train:  {EN: "only inside the sandbox, with labels", ZH: "仅在沙箱内可见，含标签"},
	aihub.Test:   {EN: "hidden; scored in rounds", ZH: "隐藏，用于各轮评测"},
	aihub.Final:  {EN: "hidden; scored once", ZH: "隐藏，仅评测一次"},
}

func (w *cardWriter) parts(m *Manifest, v aihub.DatasetVersion, p Profile) {
	w.line("## Parts\n", "## 数据分区\n")
	w.line("| part | rows | |\n|---|---:|---|", "| 分区 | 行数 | |\n|---|---:|---|")
	for _, f := range v.Parts {
		w.row(string(f.Part), fmt.Sprint(f.Rows), partNames[f.Part].In(w.lang))
	}
	w.b.WriteString("\n")
	if m.Parent.declared() {
		w.line("Every row is in the part of the row of `%s` that `%s` names; %d rows whose row is not there were left out.\n",
			"每行随 `%[2]s` 所指的 `%[1]s` 的行划分；另有 %[3]d 行因所指的行不存在而未收入。\n", m.Parent.Dataset, m.Parent.Column, p.Orphans)
		return
	}
	if p.Split.Column == "" {
		w.line("Rows are dealt at random by a keyed hash.\n", "各行按带密钥散列随机划分。\n")
	} else {
		w.line("Rows are dealt by `%s`, the rest at random by a keyed hash.\n", "按 `%s` 划分，其余按带密钥散列随机划分。\n", p.Split.Column)
	}
}

func (w *cardWriter) columns(v aihub.DatasetVersion, p Profile) {
	w.line("## Columns\n", "## 列\n")
	w.line("| column | type | missing | |\n|---|---|---:|---|", "| 列 | 类型 | 缺失 | |\n|---|---|---:|---|")
	for i, c := range v.Columns {
		note := c.Note.In(w.lang)
		if c.Truth {
			label := aihub.Text{EN: "label", ZH: "标签"}.In(w.lang)
			note = strings.TrimSuffix(label+": "+note, ": ")
		}
		missing := "0"
		if cp := p.Columns[i]; cp.Rows > 0 {
			missing = percent(cp.Nulls, cp.Rows)
		}
		w.row(c.Name, c.Type, missing, note)
	}
	w.b.WriteString("\n")
	if len(p.Dropped) > 0 {
		w.line("Columns of the source of which nothing is published: %s.\n", "源数据中未发布的列：%s。\n", strings.Join(p.Dropped, ", "))
	}
}

func (w *cardWriter) privacy(m *Manifest, p Profile) {
	w.line("## Privacy\n", "## 隐私\n")
	for _, c := range p.Columns {
		if c.Because != "" {
			w.line("- `%s` is kept as it is: %s", "- 保留 `%s` 原值：%s", c.Name, c.Because)
		}
		if c.Nulled > 0 {
			w.line("- %d values of `%s` could not be masked and are missing", "- `%[2]s` 有 %[1]d 个值无法脱敏，按缺失处理", c.Nulled, c.Name)
		}
		if c.Unmet > 0 {
			w.line("- Values of `%[2]s` that were to be suppressed and are in no row: %[1]d", "- `%[2]s` 中有 %[1]d 个待隐藏的取值未在任何行出现", c.Unmet, c.Name)
		}
	}
	w.media(p.Media)
	if p.Risk == nil {
		w.line("- No quasi-identifiers are declared: how well rows hide among each other was not measured\n", "- 未声明准标识符：未测量等价类\n")
		return
	}
	if m.Parent.declared() && m.Risk.Subject == "" {
		w.line("- The figures below count rows, not people: several rows may belong to one row of `%s`, and a class of k rows to fewer than k people",
			"- 以下数值计的是行而非人：`%s` 的一行可对应多行，k 行的等价类可能不足 k 人", m.Parent.Dataset)
	}
	w.risk(p.Risk)
}

// media says what was done to the rows' files.
func (w *cardWriter) media(m *MediaProfile) {
	if m == nil {
		return
	}
	if m.Pictures > 0 {
		w.line("- %d pictures, decoded and encoded again without any metadata; %d boxes in them were made unrecognisable", "- %d 张图片，均已解码并重新编码，不含任何元数据；其中 %d 个框内的内容已不可辨认", m.Pictures, m.Boxes)
	}
	if m.Detector != "" {
		var en, zh []string
		for _, kind := range slices.Sorted(maps.Keys(m.Found)) {
			word := map[string]aihub.Text{"face": {EN: "faces", ZH: "人脸"}, "plate": {EN: "plates", ZH: "车牌"}, "other": {EN: "others", ZH: "其他"}}[kind]
			en = append(en, fmt.Sprintf("%d %s", m.Found[kind], cmp.Or(word.EN, kind)))
			zh = append(zh, fmt.Sprintf("%s %d 处", cmp.Or(word.ZH, kind), m.Found[kind]))
		}
		w.line("- The data's steward states that a program looked at every picture, and what it found is among these boxes: %[1]s found by `%[3]s` (`%[4]s`)",
			"- 据数据管理方声明，检测程序查看了每张图片，检测结果已计入上述框：`%[3]s`（`%[4]s`）检出 %[2]s",
			cmp.Or(strings.Join(en, ", "), "nothing"), cmp.Or(strings.Join(zh, "、"), "0 处"), m.Detector, m.DetectorDigest)
	}
	if m.Recordings > 0 {
		w.line("- %d recordings of %.0f seconds, written again without any tags; %.0f seconds were silenced", "- %d 段录音，共 %.0f 秒，均已重写，不含任何标签；其中 %.0f 秒已静音", m.Recordings, m.Seconds, m.Silenced)
	}
	if m.Because != "" {
		w.line("- Nothing more had to be hidden of the files: %s", "- 文件无需进一步处理：%s", m.Because)
	}
}

func (w *cardWriter) leaks(p Profile) {
	w.line("## Between the parts\n", "## 分区之间\n")
	for _, l := range p.Leaks {
		switch l.Check {
		case "duplicate_rows":
			w.line("- %s of the rows of %s have the same inputs as a row of %s", "- %[2]s 中有 %[1]s 的行与 %[3]s 中某行输入相同", percent(l.Rows, l.Of), string(l.To), string(l.From))
		case "near_duplicate_rows":
			w.line("- In a sample of the rows, %s of those of %s are nearly the same as a row of %s", "- 抽样中 %[2]s 有 %[1]s 的行与 %[3]s 中某行几乎相同", percent(l.Rows, l.Of), string(l.To), string(l.From))
		case "duplicate_files":
			w.line("- %s of the files of %s are also in %s", "- %[2]s 中有 %[1]s 的文件也在 %[3]s 中", percent(l.Rows, l.Of), string(l.To), string(l.From))
		case "near_duplicate_files":
			w.line("- %s of the files of %s look or sound nearly the same as one of %s", "- %[2]s 中有 %[1]s 的文件与 %[3]s 中某文件看起来或听起来几乎相同", percent(l.Rows, l.Of), string(l.To), string(l.From))
		case "single_feature":
			w.line("- `%s` alone gives `%s` in %s of a sample of the rows: an algorithm needs little else", "- 抽样中仅凭 `%s` 就能得出 %[3]s 的行的 `%[2]s`：算法几乎不需要其他信息", l.Column, l.Truth, percent(l.Rows, l.Of))
		case "label_in_text":
			w.line("- The text of `%s` holds `%s` in %s of a sample of the rows: an algorithm need only copy it", "- 抽样中 %[3]s 的行的 `%[1]s` 文本含有 `%[2]s`：算法只需照抄", l.Column, l.Truth, percent(l.Rows, l.Of))
		case "raw_order":
			w.line("- The order of the source file gives `%s` in %s of a sample of the rows: a column that counts rows or time may tell it", "- 源文件的行序能得出抽样中 %[2]s 的行的 `%[1]s`：随行序或时间递增的列可能泄露标签", l.Truth, percent(l.Rows, l.Of))
		case "determined_label":
			w.line("- `%s` determines `%s` in every row: an algorithm needs little else", "- `%s` 在每一行都决定 `%s`：算法几乎不需要其他信息", l.Column, l.Truth)
		}
	}
	w.b.WriteString("\n")
}

func (w *cardWriter) values(p Profile) {
	w.line("## Values\n\nGroups of fewer than %d rows are not shown; those of a label are of the sample.\n", "## 取值\n\n少于 %d 行的分组不显示；标签的取值仅统计公开样本。\n", minGroup)
	for i, c := range p.Columns {
		if i == 0 || len(c.Top) == 0 && len(c.Quantiles) == 0 {
			continue
		}
		var parts []string
		if len(c.Quantiles) > 0 {
			for _, q := range c.Quantiles {
				parts = append(parts, fmt.Sprintf("p%02.0f = %s", 100*q.P, q.Value))
			}
		} else {
			for _, g := range c.Top[:min(10, len(c.Top))] {
				parts = append(parts, fmt.Sprintf("%s (%s)", g.Value, percent(g.Rows, c.Rows)))
			}
		}
		fmt.Fprintf(w.b, "- `%s`: %s\n", cell(c.Name), cell(strings.Join(parts, ", ")))
	}
	w.b.WriteString("\n")
}

// percent renders a share with one decimal place, and never 0 % or 100 % for
// what is not.
func percent(n, of int64) string {
	if of == 0 || n == 0 {
		return "0%"
	}
	if n == of {
		return "100%"
	}
	return fmt.Sprintf("%.1f%%", min(99.9, math.Max(0.1, 100*float64(n)/float64(of))))
}
