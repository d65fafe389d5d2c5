package detect

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Surnames (百家姓 in use), single and compound. A column of names is known by
// them; in running text they count only beside a cue (see cues).
const surnames = `王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳欧管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门云容敬来扈晁芮都普阙浦戈伏鹿薄邸雍辜羊阿乌母裘亓修邰赫杭况那宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元束檀衣信展阴昝智幸奉植衡富尧闭由`

var compoundSurnames = []string{"欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "司空", "夏侯", "端木", "长孙", "宇文", "轩辕", "独孤", "南宫", "西门", "百里", "呼延", "澹台", "公冶", "宗政", "濮阳", "淳于", "单于", "太叔", "申屠", "仲孙", "钟离", "闻人", "赫连", "完颜", "拓跋"}

// givenChars are characters that given names are made of.
const givenChars = `伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲建国华红梅建志海波春燕俊峰玉婷雪晶晨宇欣怡浩博轩子涵梓睿思佳嘉琪雨萱诗一诺可馨梦瑶倩颖琳琴云莲真环雅芝萍珍贞莉凤洁素爱妹香月莺媛瑞凡菊叶璧璐娅琦妍茜秋珊莎锦黛青倩婉娴瑾露蓓纨仪荷丹蓉眉君蕊薇菁岚苑婕馨瑗琰韵融园艺咏卿聪澜纯毓悦昭冰爽琬茗羽希宁飘育滢馥筠柔竹霭凝晓欢霄枫芸菲寒伊亚宜可姬舒影荔枝丽阳妮宝贝初程梵罡恒鸿桦骅剑娇纪宽苛灵玛媚琪晴容睿烁堂唯威韦雯苇萱阅彦宇雨洋忠宗曼紫逸贤蝶菡绿蓝儿翠烟毅良山仁博宏贵福生龙元全胜学祥才发武新利清飞彬富顺信子杰涛昌成康星光天达安岩中茂进林有坚和彪诚先敬震振壮会思群豪心邦承乐绍功松善厚庆民友裕河哲江浩亮政谦亨奇固之轮翰朗伯言若鸣朋斌梁栋维启克伦翔旭鹏泽晨辰士以建家致树炎德行时泰盛雄琛钧冠策腾楠榕风航弘义兴长春金银水火土木根柱桃枣花草小大芬芹慧惠敬淑岭银娥秋菊凤仙彩霞景桥东南西北方正道理智礼权衡世永远昊然苒沐熙瑜铭楷煜皓轩曦彤蕾蔚萌淼鑫森磊焱垚晗昕昱晟煊炜烨焕琳璇瑛璟珂珊珏玥瑄璐瑶甜田甲乙贺勤俭廉洪伦仲叔季孟奕佑俐俪健兆凯勋卓嫣宪尧屹岳峻崇巍帆庭延廷彰循恩恺悠惟慕懿拓捷振敦斐斯旻昀晋晔曙朔杉枢柏栩梧棠楚樱欧正殿毓沁沛泓泳洲浚涌淇淳渊湘源溪滔漫澄濡瀚炳烽煌照煦熠爵牧玄玮珩理琅琨瑚瑰璞甫畅皎盈睦瞳碧磬祎祖禄禹禾秉科程穆竞笑笛筱简粲纬纶绮缘绪绣缨罗羿翊翎耀聿肃胤航芃芊芙芮苏茵茹莘菀菱萧蒙蓁蓓蕙藜虹衍裴襄许诚诗谊豫贝赫赞超越跃辉迅迎远逊通遥邈郁郡配采野钊钰铃锋锐锡镇长闻阔际陶隽雁霁霏韬音项颂颜飒骁骏魁鸥麒麟黎齐`

var (
	compoundHeads = func() *set {
		heads := ""
		for _, c := range compoundSurnames {
			heads += c[:3]
		}
		return runeSet(heads)
	}()
	isSurname = runeSet(surnames)
	isGiven   = runeSet(givenChars)
)

// set holds runes below 0x10000, one bit each: a text is asked about rune by rune.
type set [1 << 10]uint64

func runeSet(s string) *set {
	var m set
	for _, r := range s {
		m[r>>6] |= 1 << (r & 63)
	}
	return &m
}

func (m *set) has(r rune) bool { return r>>16 == 0 && m[r>>6]>>(r&63)&1 == 1 }

func isHan(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x2e80 && unicode.Is(unicode.Han, r)
}

// notGiven end or stand in words that begin like a name but name a place, an
// office or a thing.
var notGiven = runeSet("省市区县镇乡村路街巷号局所处科部厅委办院校站店厂司场馆园房楼层室的了是在不有人这个上们来到说要就出会也得里后去能下过年多没为又可自己")

// surnameLen returns how many runes of s a surname at its beginning has, or 0.
func surnameLen(s []rune) int {
	if len(s) >= 2 && compoundHeads.has(s[0]) && slices.Contains(compoundSurnames, string(s[:2])) {
		return 2
	}
	if len(s) >= 1 && isSurname.has(s[0]) {
		return 1
	}
	return 0
}

// ChineseName reports whether s as a whole has the form of a personal name: a
// known surname and one or two Han characters that do not end a place name.
// A middle dot as in 阿卜杜·热合曼 joins parts of any Han characters.
func ChineseName(s string) bool {
	if len(s) > 60 {
		return false
	}
	if a, b, ok := strings.Cut(s, "·"); ok {
		r := []rune(s)
		return hanOnly([]rune(a)) && hanOnly([]rune(strings.ReplaceAll(b, "·", ""))) && len(r) <= 15
	}
	if len(s) > 16 { // four characters
		return false
	}
	var buf [16]rune
	r := buf[:0]
	for _, c := range s {
		r = append(r, c)
	}
	n := surnameLen(r)
	if n == 0 || len(r) < n+1 || len(r) > n+2 || !hanOnly(r) {
		return false
	}
	for _, g := range r[n:] {
		if notGiven.has(g) {
			return false
		}
	}
	return true
}

func hanOnly(r []rune) bool {
	for _, c := range r {
		if !isHan(c) {
			return false
		}
	}
	return len(r) > 0
}

// latinNames are common given names and surnames, lower-case.
var latinNames = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony
		mark donald steven paul andrew joshua kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas eric jonathan
		stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick jack dennis jerry tyler aaron jose adam nathan
		henry peter zachary kyle mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty margaret sandra ashley
		kimberly emily donna michelle carol amanda dorothy melissa deborah stephanie rebecca sharon laura cynthia kathleen amy angela shirley anna
		brenda pamela emma nicole helen samantha katherine christine debra rachel carolyn janet maria heather diane julie joyce victoria ruth
		smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson taylor moore jackson
		martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker young allen king wright torres nguyen hill flores green
		adams nelson baker hall rivera campbell mitchell carter roberts wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin
		gao luo zheng liang xie song tang deng feng han cao zeng peng xiao cai pan tian dong yuan yu ye jiang du su wei cheng lu ding shen ren yao`) {
		m[n] = true
	}
	return m
}()

// latinCues stand before a name in Latin letters.
var latinCues = map[string]bool{"mr": true, "mrs": true, "ms": true, "dr": true, "miss": true, "name": true, "dear": true, "contact": true, "patient": true, "applicant": true}

// latinWords says of the first two letters of a word, and its length, whether a
// cue or a name may be meant: nearly no other word is looked up.
var latinWords = func() (t [32 * 32]uint16) {
	for _, m := range []map[string]bool{latinNames, latinCues} {
		for w := range m {
			t[latinStart(w[0], w[1])] |= 1 << len(w)
		}
	}
	return t
}()

// latinStart is the place of two letters, of either case, in latinWords.
func latinStart(a, b byte) uint { return uint(a)&31<<5 | uint(b)&31 }

// scanLatin looks for a name at the word s[i:j], which begins with a capital:
// behind a cue as in Mr. Smith, or a common given name and a common surname.
func scanLatin(s string, i, j int, ms []Match) []Match {
	if j-i < 2 || j-i > 14 || j+2 >= len(s) || latinWords[latinStart(s[i], s[i+1])]>>(j-i)&1 == 0 {
		return ms
	}
	var low [16]byte
	for k := i; k < j; k++ {
		low[k-i] = s[k] | 0x20
	}
	word := low[:j-i]
	if latinCues[string(word)] {
		from := j
		for from < len(s) && from < j+3 && strings.IndexByte(".: ", s[from]) >= 0 {
			from++
		}
		if from == j {
			return ms
		}
		to, next := from, from
		for words := 0; words < 3; words++ {
			end := wordAt(s, next)
			if end == 0 {
				break
			}
			if to = end; to < len(s) && s[to] == '.' {
				end++
			}
			if end >= len(s) || s[end] != ' ' {
				break
			}
			next = end + 1
		}
		if to > from {
			ms = append(ms, Match{KindName, from, to})
		}
		return ms
	}
	if s[j] != ' ' || !latinNames[string(word)] {
		return ms
	}
	end := wordAt(s, j+1)
	if end == j+2 && end+2 < len(s) && s[end] == '.' && s[end+1] == ' ' { // an initial
		if e := wordAt(s, end+2); e > 0 {
			return append(ms, Match{KindName, i, e})
		}
	}
	if end == 0 || end-j-1 > len(low) {
		return ms
	}
	n := 0
	for k := j + 1; k < end; k++ {
		low[n] = s[k] | 0x20
		n++
	}
	if latinNames[string(low[:n])] {
		ms = append(ms, Match{KindName, i, end})
	}
	return ms
}

// wordAt returns the end of the capitalised word at s[i], or 0.
func wordAt(s string, i int) int {
	if i >= len(s) || s[i] < 'A' || s[i] > 'Z' {
		return 0
	}
	for i++; i < len(s) && isAlpha(s[i]); i++ {
	}
	return i
}

// LatinName reports whether s as a whole looks like a personal name in Latin
// letters: two to four capitalised words, the first or last of them a common
// given name or surname.
func LatinName(s string) bool {
	if len(s) > 60 || !strings.ContainsAny(s, " ,") || !utf8.ValidString(s) {
		return false
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
	if len(words) < 2 || len(words) > 4 {
		return false
	}
	for _, w := range words {
		w = strings.TrimSuffix(w, ".")
		if w == "" || !unicode.IsUpper(rune(w[0])) {
			return false
		}
		for _, r := range w {
			if !unicode.IsLetter(r) && r != '-' && r != '\'' || isHan(r) {
				return false
			}
		}
	}
	return latinNames[strings.ToLower(words[0])] || latinNames[strings.ToLower(words[len(words)-1])]
}
