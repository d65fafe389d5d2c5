package detect

import (
	"slices"
	"unicode"
)

// namedBefore stand before a personal name in running text, titledAfter behind one.
var (
	namedBefore = cues("姓名", "联系人", "申请人", "投诉人", "报案人", "报警人", "举报人", "来电人", "反映人", "当事人", "负责人", "经办人",
		"被害人", "受害人", "被告人", "代理人", "监护人", "户主", "业主", "房东", "租户", "居民", "市民", "村民", "群众", "患者", "病人",
		"学生", "家长", "老人", "司机", "员工", "职工", "我叫", "名叫", "我是", "本人")
	titledAfter = cues("先生", "女士", "小姐", "同志", "老师", "医生", "阿姨", "大爷", "大妈", "师傅", "太太", "奶奶", "爷爷", "同学", "警官", "主任")
)

// cues lists words by their first rune, so that most runes of a text cost one look.
func cues(words ...string) cueList {
	m := cueList{words: map[rune][][]rune{}}
	heads := ""
	for _, w := range words {
		r := []rune(w)
		m.words[r[0]] = append(m.words[r[0]], r)
		heads += string(r[0])
	}
	m.heads = runeSet(heads)
	return m
}

type cueList struct {
	heads *set // first runes
	words map[rune][][]rune
}

// at returns the length of the cue that r begins with, or 0.
func (m cueList) at(r []rune) int {
	if !m.heads.has(r[0]) {
		return 0
	}
	for _, w := range m.words[r[0]] {
		if len(r) >= len(w) && slices.Equal(r[:len(w)], w) {
			return len(w)
		}
	}
	return 0
}

// wordlike are surnames that are more often something else; before a title
// alone they are no name.
var wordlike = runeSet("和于时同全从向对由万单明位阿能都计平支及与把被让叫请找跟给那")

// linkRunes may stand between a cue and the name.
var linkRunes = runeSet(":： 为是“\"（(")

// scanHan finds names beside cues, and addresses.
func scanHan(s string, ms []Match) []Match {
	r := make([]rune, 0, len(s))
	at := make([]int, 0, len(s)+1)
	for i, c := range s {
		r, at = append(r, c), append(at, i)
	}
	at = append(at, len(s))
	for i := range r {
		if n := namedBefore.at(r[i:]); n > 0 {
			if from, to := nameAfter(r, i+n); to > from {
				ms = append(ms, Match{KindName, at[from], at[to]})
			}
		}
		if titledAfter.at(r[i:]) > 0 {
			if from := nameBefore(r, i); from < i {
				ms = append(ms, Match{KindName, at[from], at[i]})
			}
		}
		if addressUnits.has(r[i]) {
			if from, to := addressAt(r, i); to > from {
				ms = append(ms, Match{KindAddress, at[from], at[to]})
			}
		}
	}
	return ms
}

// nameAfter returns the name that stands at r[p:] behind a cue. Behind a colon
// any Han characters may be the given name, else only likely ones.
func nameAfter(r []rune, p int) (from, to int) {
	labelled := false
	for range 2 {
		if p < len(r) && linkRunes.has(r[p]) {
			labelled = labelled || r[p] == ':' || r[p] == '：'
			p++
		}
	}
	if p >= len(r) {
		return 0, 0
	}
	n := surnameLen(r[p:])
	if n == 0 {
		return 0, 0
	}
	end := p + n
	for end < len(r) && end < p+n+2 && isHan(r[end]) && (isGiven.has(r[end]) || labelled && !notGiven.has(r[end])) {
		end++
	}
	if end == p+n {
		return 0, 0
	}
	return p, end
}

// nameBefore returns where the name begins that ends at r[:q], before a title.
func nameBefore(r []rune, q int) int {
	for _, given := range []int{2, 1} {
		p := q - given - 1
		if p >= 1 && surnameLen(r[p-1:p+1]) == 2 && allGiven(r[p+1:q]) {
			return p - 1
		}
		if p >= 0 && isSurname.has(r[p]) && allGiven(r[p+1:q]) {
			return p
		}
	}
	if q >= 2 && surnameLen(r[q-2:q]) == 2 {
		return q - 2
	}
	if q >= 1 && isSurname.has(r[q-1]) && !wordlike.has(r[q-1]) {
		return q - 1
	}
	return q
}

func allGiven(r []rune) bool {
	for _, c := range r {
		if !isGiven.has(c) {
			return false
		}
	}
	return true
}

var (
	// addressUnits end a numbered place; addressPlaces are what the number is of.
	addressUnits  = runeSet("号栋幢室座楼房弄")
	addressPlaces = runeSet("路街道巷里村弄园苑城庭区厦场胡同屯组社镇乡湾坊阁轩居府邸墅号栋幢座楼层元院")
	// addressStops are words around an address, no part of one.
	addressStops = runeSet("在于至从到往住址是为和与及叫说称的")
	addressVerbs = []string{"反映", "投诉", "举报", "咨询", "来电", "建议", "希望", "请求", "发现", "看到", "路过", "报警", "报称", "门牌"}
)

// addressAt returns the address that ends with the unit at r[i], as in
// 福田区莲花路12号, or nothing when no numbered place stands before it.
func addressAt(r []rune, i int) (from, to int) {
	n := i
	for n > 0 && (isNumber(r[n-1]) || n < i && r[n-1] == '-') {
		n--
	}
	if n == i || n == 0 || !addressPlaces.has(r[n-1]) || n == 1 {
		return 0, 0
	}
	from = n
	for from > 0 && n-from < 30 && !addressStops.has(r[from-1]) && !endsInVerb(r[:from]) && (isHan(r[from-1]) || isNumber(r[from-1]) || unicode.IsLetter(r[from-1]) || r[from-1] == '-') {
		from--
	}
	if n-from < 2 {
		return 0, 0
	}
	to = i + 1
	for to < len(r) && (r[to] >= '0' && r[to] <= '9' || r[to] == '-') {
		to++
	}
	return from, to
}

// endsInVerb reports whether a word that introduces an address ends r.
func endsInVerb(r []rune) bool {
	return len(r) >= 2 && slices.Contains(addressVerbs, string(r[len(r)-2:]))
}

var hanDigits = runeSet("一二三四五六七八九十百零")

func isNumber(c rune) bool {
	return c >= '0' && c <= '9' || hanDigits.has(c)
}

// District reports whether s names a place down to a district and no further
// identifies a house: a province or city, then a district or county.
func District(s string) bool {
	r := []rune(s)
	if len(r) < 3 || len(r) > 60 {
		return false
	}
	upper := false
	for i, c := range r {
		switch {
		case i >= 2 && (c == '省' || c == '市'):
			upper = true
		case upper && i >= 4 && (c == '区' || c == '县'):
			return true
		}
	}
	return false
}
