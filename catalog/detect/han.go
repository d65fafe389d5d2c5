package detect

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// namedBefore stand before a personal name in running text, titledAfter behind one.
var (
	namedBefore = cues("姓名", "联系人", "申请人", "投诉人", "报案人", "报警人", "举报人", "来电人", "反映人", "当事人", "负责人", "经办人",
		"被害人", "受害人", "被告人", "代理人", "监护人", "户主", "业主", "房东", "租户", "居民", "市民", "村民", "群众", "患者", "病人",
		"学生", "家长", "老人", "司机", "员工", "职工", "我叫", "名叫", "我是", "本人",
		"法定代表人", "法人代表", "法人", "原告", "被告", "嫌疑人", "嫌犯", "证人", "死者", "伤者", "逝者", "车主", "机主", "货主", "驾驶员", "乘客", "旅客",
		"收件人", "寄件人", "发件人", "收货人", "持卡人", "开户人", "户名", "家属", "承办人", "签收人", "填表人", "受理人", "经手人", "委托人", "受托人",
		"承租人", "出租人", "借款人", "担保人", "继承人", "纳税人", "参保人", "信访人", "来访人", "求助人", "住户", "教师", "医师", "护士", "孕妇", "产妇",
		"儿子", "女儿", "妻子", "丈夫", "父亲", "母亲", "配偶", "女童", "男童", "申报人", "请求人", "诉求人", "值班人")
	titledAfter = cues("先生", "女士", "小姐", "同志", "老师", "医生", "阿姨", "大爷", "大妈", "师傅", "太太", "奶奶", "爷爷", "同学", "警官", "主任")
	// describedAfter stand behind a whole name and a comma or a bracket, as in
	// 张伟，男，45岁.
	describedAfter = cues("男，", "女，", "男性", "女性", "男）", "女）", "汉族", "身份证")
)

// cues lists words by their first rune.
func cues(words ...string) map[rune][]string {
	m := map[rune][]string{}
	for _, w := range words {
		r, _ := utf8.DecodeRuneInString(w)
		m[r] = append(m[r], w)
	}
	return m
}

// cueAt returns the length in bytes of the cue that s begins with, or 0.
func cueAt(words []string, s string) int {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return len(w)
		}
	}
	return 0
}

// mark is what a character of three bytes may begin or end.
type mark struct {
	named  []string // cues before a name that begin with it
	titled []string // titles behind a name
	after  []string // what describes somebody, behind a name and a sign
	unit   bool     // it may end an address
	plate  bool     // it may be the province of a plate
}

// marks number the mark of every rune below 0x10000 in marked; most have none (0),
// so that most of a text costs one look a character. markWide is that of
// full-width letters and digits, markAt that of a full-width @.
var marks, marked = func() (*[1 << 16]uint8, []mark) {
	var at [1 << 16]uint8
	list := make([]mark, markAt+1, 128)
	of := func(r rune) *mark {
		if at[r] == 0 {
			at[r] = uint8(len(list))
			list = append(list, mark{})
		}
		return &list[at[r]]
	}
	for r, words := range namedBefore {
		of(r).named = words
	}
	for r, words := range titledAfter {
		of(r).titled = words
	}
	for r, words := range describedAfter {
		of(r).after = words
	}
	for _, r := range addressUnitChars {
		of(r).unit = true
	}
	for _, r := range PlateProvinces {
		of(r).plate = true
	}
	for r := '０'; r <= 'ｚ'; r++ {
		if r <= '９' || r >= 'Ａ' && r <= 'Ｚ' || r >= 'ａ' {
			at[r] = markWide
		}
	}
	at['＠'] = markAt
	return &at, list
}()

const (
	markWide = 1
	markAt   = 2
)

// wordlike are surnames that are more often something else; before a title
// alone they are no name.
var wordlike = runeSet("和于时同全从向对由万单明位阿能都计平支及与把被让叫请找跟给那")

// counted are surnames behind which a numeral is a grade, a day or a place in a
// row, as in 高三 and 周五.
var counted = runeSet("高初周于双单万连全支司")

// linkRunes may stand between a cue and the name.
var linkRunes = runeSet(":： 为是“\"（(")

// reach is how many runes around a mark are looked at.
const reach = 48

// rune3 decodes the first rune of s; that of three bytes without a call.
func rune3(s string) (rune, int) {
	if len(s) >= 3 && s[0]&0xf0 == 0xe0 && s[1]&0xc0 == 0x80 && s[2]&0xc0 == 0x80 {
		if r := rune(s[0]&15)<<12 | rune(s[1]&63)<<6 | rune(s[2]&63); r >= 0x800 && r>>11 != 0xd800>>11 {
			return r, 3
		}
	}
	return utf8.DecodeRuneInString(s)
}

// lastRune decodes the last rune of s.
func lastRune(s string) (rune, int) {
	if n := len(s); n >= 3 && s[n-3]&0xf0 == 0xe0 {
		if r, w := rune3(s[n-3:]); w == 3 {
			return r, 3
		}
	}
	return utf8.DecodeLastRuneInString(s)
}

// runesAfter decodes up to n runes of s; at[i] is where rune i begins.
func runesAfter(s string, r *[reach]rune, at *[reach + 1]int, n int) int {
	k, p := 0, 0
	for k < n && p < len(s) {
		c, w := rune3(s[p:])
		r[k], at[k] = c, p
		k++
		p += w
	}
	at[k] = p
	return k
}

// runesBefore decodes the last runes of s, up to n; at[i] is where rune i of the
// result begins in s, and the result ends with s.
func runesBefore(s string, r *[reach]rune, at *[reach + 1]int, n int) ([]rune, []int) {
	k, p := reach, len(s)
	at[k] = p
	for k > reach-n && p > 0 {
		c, w := lastRune(s[:p])
		k--
		p -= w
		r[k], at[k] = c, p
	}
	return r[k:], at[k:]
}

// scanMark looks for a name, an address or a plate at the marked character s[i:i+3].
func scanMark(s string, i int, m *mark, ms []Match) []Match {
	if m.named != nil {
		if n := cueAt(m.named, s[i:]); n > 0 {
			ms = scanNamed(s, i+n, ms)
		}
	}
	if m.titled != nil && cueAt(m.titled, s[i:]) > 0 {
		ms = scanTitled(s, i, ms, false)
	}
	if m.after != nil && i > 3 && s[i-3] == 0xef && cueAt(m.after, s[i:]) > 0 && (s[i-3:i] == "，" || s[i-3:i] == "（") {
		ms = scanTitled(s, i-3, ms, true)
	}
	if m.unit && !isLine(s[i:]) && numberedPlace(s[:i]) {
		ms = scanAddress(s, i, ms)
	}
	if m.plate && i+8 < len(s) && (isAlpha(s[i+3]) || s[i+3] == 0xef) {
		if n := plateAt(s[i:]); n > 0 {
			ms = append(ms, Match{KindPlate, i, i + n})
		}
	}
	if m.plate {
		if from, to := officialPlate(s, i); to > from {
			ms = append(ms, Match{KindPlate, from, to})
		}
	}
	return ms
}

func scanNamed(s string, i int, ms []Match) []Match {
	var buf [reach]rune
	var at [reach + 1]int
	k := runesAfter(s[i:], &buf, &at, 7)
	if from, to := nameAfter(buf[:k], 0); to > from {
		ms = append(ms, Match{KindName, i + at[from], i + at[to]})
	}
	return ms
}

// scanTitled looks for a name that ends at s[i]; whole ones are more than a surname.
func scanTitled(s string, i int, ms []Match, whole bool) []Match {
	var buf [reach]rune
	var at [reach + 1]int
	r, where := runesBefore(s[:i], &buf, &at, 5)
	find := nameBefore
	if whole {
		find = wholeNameBefore
	}
	if from := find(r, len(r)); from < len(r) {
		ms = append(ms, Match{KindName, where[from], i})
	}
	return ms
}

func scanAddress(s string, i int, ms []Match) []Match {
	var buf [reach]rune
	var at [reach + 1]int
	r, where := runesBefore(s[:i], &buf, &at, reach)
	if from := addressBefore(r); from < len(r) {
		ms = append(ms, Match{KindAddress, where[from], addressEnd(s, i+3)})
	}
	return ms
}

// addressEnd returns where the address ends that goes on behind a unit at s[i]: the
// numbers of houses, entrances, floors and rooms, each with what it is of.
func addressEnd(s string, i int) int {
	if w := unitAt(s[i:], joined); w > 0 && i+w < len(s) && (isDigit(s[i+w]) || s[i+w]|0x20 >= 'a' && s[i+w]|0x20 <= 'z') { // 3号院2
		i += w
	}
	for {
		to := i
		for to < len(s) && (isDigit(s[to]) || s[to] == '-' && to+1 < len(s) && isDigit(s[to+1]) || to == i && s[to] >= 'A' && s[to] <= 'Z') {
			to++
		}
		if to == i {
			return i
		}
		w := unitAt(s[to:], parts)
		if w == 0 && isDigit(s[to-1]) {
			return to
		} else if w == 0 {
			return i
		}
		i = to + w
	}
}

// estates end the name of a place whose houses and rooms stand behind it without a word.
var estates = []string{"小区", "花园", "家园", "新村", "新苑", "苑"}

// estateRooms finds the address of a room that is only numbers behind the name of an
// estate: 翠竹苑3-302 or 万科城小区3-2-1201, of which s[i:j] is the first. Two numbers may
// be a range, so that no Han character may follow them.
func estateRooms(s string, i, j int) (none Match) {
	if j-i > 3 || !slices.ContainsFunc(estates, func(e string) bool { return strings.HasSuffix(s[:i], e) }) {
		return none
	}
	groups, last, to := 1, 0, j
	for to < len(s) && s[to] == '-' && digitsFrom(s, to+1) > to+1 && groups < 4 {
		last = digitsFrom(s, to+1) - to - 1
		to += 1 + last
		groups++
	}
	if groups < 2 || groups > 3 || last < 3 || last > 4 || groups == 3 && digitsFrom(s, j+1)-j-1 > 2 {
		return none
	}
	if to < len(s) {
		if next, _ := utf8.DecodeRuneInString(s[to:]); isAlpha(s[to]) || s[to] == '-' || s[to] == '.' || groups == 2 && isHan(next) {
			return none
		}
	}
	var buf [reach]rune
	var at [reach + 1]int
	r, where := runesBefore(s[:j], &buf, &at, reach)
	from := addressBefore(r)
	if from == len(r) {
		return none
	}
	return Match{KindAddress, where[from], to}
}

// parts are what numbers of an address are of; joined stand behind 号.
var (
	parts  = []string{"单元", "号楼", "号院", "号", "栋", "幢", "座", "楼", "层", "室", "房", "户", "门"}
	joined = []string{"院", "楼"}
)

// unitAt returns the length of the word of units that s begins with, or 0.
func unitAt(s string, units []string) int { return cueAt(units, s) }

// isLine reports whether s, which begins with a unit, makes the number before it that
// of a line of a metro or a grid, as in 莲花路3号线, and of no house.
func isLine(s string) bool {
	after, ok := strings.CutPrefix(s, "号线")
	return ok && cueAt(lineThings, after) == 0
}

// lineThings begin with 线 and stand at houses.
var lineThings = []string{"缆", "杆", "路"}

// numberedPlace reports whether s ends in the number of a place, as in 莲花路12.
func numberedPlace(s string) bool {
	for first := true; s != ""; first = false {
		r, w := lastRune(s)
		if !isNumber(r) && (first || r != '-') {
			return !first && addressPlaces.has(r)
		}
		s = s[:len(s)-w]
	}
	return false
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
	numeral := n == 1 && !counted.has(r[p])
	for end < len(r) && end < p+n+2 && isHan(r[end]) && (isGiven.has(r[end]) || labelled && !notGiven.has(r[end]) || numeral && hanDigits.has(r[end])) {
		end++
	}
	if end == p+n {
		return 0, 0
	}
	return p, end
}

// nameBefore returns where the name begins that ends at r[:q], before a title.
func nameBefore(r []rune, q int) int {
	if p := wholeNameBefore(r, q); p < q {
		return p
	}
	if q >= 2 && surnameLen(r[q-2:q]) == 2 {
		return q - 2
	}
	if q >= 1 && isSurname.has(r[q-1]) && !wordlike.has(r[q-1]) {
		return q - 1
	}
	return q
}

// wholeNameBefore is nameBefore of a surname and a given name.
func wholeNameBefore(r []rune, q int) int {
	for _, given := range []int{2, 1} {
		p := q - given - 1
		if p >= 1 && surnameLen(r[p-1:p+1]) == 2 && allGiven(r[p+1:q]) {
			return p - 1
		}
		if p >= 0 && isSurname.has(r[p]) && allGiven(r[p+1:q]) {
			return p
		}
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
	addressUnitChars = "号栋幢室座楼房弄"
	addressPlaces    = runeSet("路街道巷里村弄园苑城庭区厦场胡同屯组社镇乡湾坊阁轩居府邸墅号栋幢座楼层元院")
	// addressStops are words around an address, no part of one.
	addressStops    = runeSet("在于至从到往住址是为和与及叫说称的")
	addressVerbs    = []string{"反映", "投诉", "举报", "咨询", "来电", "建议", "希望", "请求", "发现", "看到", "路过", "报警", "报称", "门牌"}
	addressVerbEnds = func() *set {
		ends := ""
		for _, v := range addressVerbs {
			ends += v[len(v)-3:]
		}
		return runeSet(ends)
	}()
)

// addressBefore returns where the address begins that ends with r and a unit
// behind it, as in 福田区莲花路12号, or len(r) when no numbered place stands before it.
func addressBefore(r []rune) (from int) {
	i := len(r)
	n := i
	for n > 0 && (isNumber(r[n-1]) || n < i && r[n-1] == '-') {
		n--
	}
	if n == i || n == 0 || !addressPlaces.has(r[n-1]) || n == 1 {
		return i
	}
	from = n
	for from > 0 && n-from < 30 && !stopsAddress(r, from-1) && !endsInVerb(r[:from]) && (isHan(r[from-1]) || isNumber(r[from-1]) || unicode.IsLetter(r[from-1]) || r[from-1] == '-') {
		from--
	}
	if n-from < 2 {
		return i
	}
	return from
}

// stopsAddress reports whether r[i] is a word around an address; of 呼和浩特, 和平,
// 和田 and the like it is not.
func stopsAddress(r []rune, i int) bool {
	return addressStops.has(r[i]) && !(r[i] == '和' && i+1 < len(r) && placesOfHe.has(r[i+1]))
}

var placesOfHe = runeSet("浩平田龙静林硕布顺政县合")

// endsInVerb reports whether a word that introduces an address ends r.
func endsInVerb(r []rune) bool {
	n := len(r)
	return n >= 2 && addressVerbEnds.has(r[n-1]) && slices.Contains(addressVerbs, string(r[n-2:]))
}

var hanDigits = runeSet("一二三四五六七八九十百零")

// isNumber reports whether c may be of the number of a house; buildings have
// letters too.
func isNumber(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || hanDigits.has(c)
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
