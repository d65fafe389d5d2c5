package packs

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed event-dispatch/scenes.txt
var scenesText string

// scene is one kind of report.
type scene struct {
	weight      float64
	departments []string
	shares      []float64
	months      []int // nil: all year
	category    string
	text        string
}

// readScenes parses scenes.txt, which is ours: a mistake in it is a panic that
// every test would meet.
func readScenes(src string) []scene {
	var out []scene
	for i, line := range strings.Split(src, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.SplitN(line, " | ", 5)
		if len(f) != 5 {
			panic(fmt.Sprintf("scenes.txt line %d: %d fields", i+1, len(f)))
		}
		s := scene{category: f[3], text: f[4]}
		s.weight, _ = strconv.ParseFloat(f[0], 64)
		for _, d := range strings.Fields(f[1]) {
			name, share, ok := strings.Cut(d, ":")
			n := 1.0
			if ok {
				n, _ = strconv.ParseFloat(share, 64)
			}
			s.departments, s.shares = append(s.departments, name), append(s.shares, n)
		}
		for _, m := range strings.Fields(strings.Trim(f[2], "-")) {
			n, err := strconv.Atoi(m)
			if err != nil || n < 1 || n > 12 {
				panic(fmt.Sprintf("scenes.txt line %d: month %q", i+1, m))
			}
			s.months = append(s.months, n)
		}
		if s.weight <= 0 || len(s.departments) == 0 || s.category == "" {
			panic(fmt.Sprintf("scenes.txt line %d", i+1))
		}
		out = append(out, s)
	}
	return out
}

// eventColumns are the columns of the raw file.
var eventColumns = []string{
	"event_id", "reporter_name", "resident_number", "phone", "address", "street",
	"reported_at", "channel", "category", "text", "department",
}

const (
	secondTopic = 0.35 // share of reports that touch on something else, too
	wrongDesk   = 0.06 // share that was dispatched to a department by mistake
	wrongHint   = 0.15 // share whose category the caller picked wrongly
	namesItself = 0.10 // share whose text holds the reporter's own name or number
)

var (
	channels       = []string{"12345热线", "微信小程序", "网格员上报", "i深圳APP", "数字城管"}
	channelWeights = []float64{40, 25, 15, 12, 8}
	hours          = []float64{2, 1, 1, 1, 1, 2, 4, 7, 10, 11, 10, 8, 6, 7, 9, 9, 8, 7, 7, 8, 8, 7, 5, 3}
	openings       = []string{"", "", "", "", "你好，", "您好，", "投诉：", "反映一下，", "请问一下，", "又来反映了，", "麻烦问下，"}
	closings       = []string{"", "", "", "", "。", "。谢谢", "，谢谢！", "，在线等", "！！！", "，急", "，唔该晒", "，望回复", "，之前投诉过没下文", "。都投诉好几次了", "，能不能管管"}
	times          = []string{"早上", "中午", "晚上", "半夜", "凌晨", "下班时间", "周末", "昨晚", "每天晚上"}
	durations      = []string{"三天", "一个星期", "半个月", "一个多月", "好几个月", "大半年", "两天", "好久"}
	links          = []string{"。另外", "，还有", "。顺便反映一下，", "，对了", "。再说一个，"}
	detours        = []string{"上次说的", "之前反映", "不是说", "先不说"}
	returns        = []string{"，已经好了，这次是", "那个先不管，主要是", "，今天要说的是"}
	// What hurried typing makes of common words.
	typos = strings.NewReplacer("的", "得", "在", "再", "已经", "以经", "账", "帐", "处理", "处里", "影响", "应响", "请", "清")
)

// generateEvents writes rows event reports as CSV.
func generateEvents(w io.Writer, seed uint64, rows int) error {
	d := newDice(seed, "event-dispatch")
	scenes := readScenes(scenesText)
	var departments []string
	for _, s := range scenes {
		for _, name := range s.departments {
			if !slices.Contains(departments, name) {
				departments = append(departments, name)
			}
		}
	}
	out := csv.NewWriter(w)
	if err := out.Write(eventColumns); err != nil {
		return err
	}
	first := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		day := d.n(731) // 2024 and 2025
		at := first.AddDate(0, 0, day).Add(time.Duration(d.weighted(hours))*time.Hour + time.Duration(d.n(3600))*time.Second)
		p := d.person(1948, 2005)
		st := pick(d, futian)
		community := pick(d, st.communities)
		sc := d.scene(scenes, int(at.Month()))
		department := sc.departments[d.weighted(sc.shares)]
		if d.chance(wrongDesk) {
			department = pick(d, departments)
		}
		category := sc.category
		if d.chance(wrongHint) {
			category = pick(d, scenes).category
		}
		text := d.report(scenes, sc, int(at.Month()), st, community, p)
		if err := out.Write([]string{
			fmt.Sprintf("FT%d%07d", at.Year(), i+1), p.name, p.id, p.phone, d.address(st, community), st.name,
			at.Format("2006-01-02 15:04:05"), channels[d.weighted(channelWeights)], category, text, department,
		}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// scene picks one that happens in the month.
func (d *dice) scene(scenes []scene, month int) scene {
	weights := make([]float64, len(scenes))
	for i, s := range scenes {
		weights[i] = s.weight
		if s.months != nil {
			weights[i] = 0
			if slices.Contains(s.months, month) {
				weights[i] = 2.5 * s.weight
			}
		}
	}
	return scenes[d.weighted(weights)]
}

// report writes the text: a greeting, the matter, sometimes a second matter,
// sometimes who is calling, and typing errors.
func (d *dice) report(scenes []scene, sc scene, month int, st street, community string, p person) string {
	place := func(s string) string {
		return strings.NewReplacer("{r}", pick(d, st.roads), "{c}", community, "{t}", pick(d, times), "{d}", pick(d, durations)).Replace(s)
	}
	matter := place(d.choose(sc.text))
	if d.chance(0.15) { // in a hurry: half of it is left out
		matter, _, _ = strings.Cut(matter, "，")
	}
	if d.chance(secondTopic) {
		// Only its beginning: nobody tells the second story in full.
		other, _, _ := strings.Cut(place(d.choose(d.scene(scenes, month).text)), "，")
		if d.chance(0.35) {
			matter = pick(d, detours) + other + pick(d, returns) + matter
		} else {
			matter += pick(d, links) + other
		}
	}
	text := pick(d, openings) + matter + pick(d, closings)
	if d.chance(namesItself) {
		switch d.n(5) {
		case 0:
			text += fmt.Sprintf("。我姓%s，电话%s", firstRune(p.name), p.phone)
		case 1:
			text += fmt.Sprintf("，联系人%s %s", p.name, p.phone)
		case 2:
			text = fmt.Sprintf("我是%s社区的%s，", community, p.name) + text
		case 3:
			text += "，请回电" + p.phone[:3] + "-" + p.phone[3:7] + "-" + p.phone[7:]
		case 4:
			text += fmt.Sprintf("，身份证号%s", p.id)
		}
	}
	if d.chance(0.02) { // pasted from a chat: several lines, and a quotation
		text = strings.Replace(text, "，", "，\n", 1) + "\n物业只回了一句\"知道了\""
	}
	if d.chance(0.12) {
		text = typos.Replace(text)
	}
	if d.chance(0.08) { // a character is lost
		r := []rune(text)
		k := d.n(len(r))
		text = string(slices.Delete(r, k, k+1))
	}
	return text
}

// choose resolves every (a|b|c) of s. Choices do not nest.
func (d *dice) choose(s string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(s, '(')
		if open < 0 {
			b.WriteString(s)
			return b.String()
		}
		end := open + strings.IndexByte(s[open:], ')')
		b.WriteString(s[:open])
		b.WriteString(pick(d, strings.Split(s[open+1:end], "|")))
		s = s[end+1:]
	}
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
