package packs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// dice makes everything that is random in a pack. It draws only 64-bit words
// from PCG, whose sequence is fixed, and derives the rest itself, so that a
// seed gives the same bytes with every Go release.
type dice struct{ src *rand.PCG }

func newDice(seed uint64, stream string) *dice {
	// FNV-1a of the stream's name keeps generators with one seed independent.
	h := uint64(14695981039346656037)
	for _, b := range []byte(stream) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return &dice{rand.NewPCG(seed, h)}
}

// float is uniform in [0, 1).
func (d *dice) float() float64 { return float64(d.src.Uint64()>>11) / (1 << 53) }

// n is uniform in [0, k). The bias of the multiplication is below 2^-40 for the
// small k used here.
func (d *dice) n(k int) int { return int(d.float() * float64(k)) }

func (d *dice) chance(p float64) bool { return d.float() < p }

// normal is standard normal (Box and Muller).
func (d *dice) normal() float64 {
	u := 1 - d.float() // never 0
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*d.float())
}

// weighted picks an index with probability proportional to its weight.
func (d *dice) weighted(weights []float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	x := d.float() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](d *dice, list []T) T { return list[d.n(len(list))] }

var (
	// Family names by rough frequency; two-character ones are rare.
	families = strings.Fields("王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 罗 高 郑 梁 谢 宋 唐 许 韩 冯 邓 曹 彭 曾 肖 田 董 袁 潘 于 蒋 蔡 余 杜 叶 程 苏 魏 吕 丁 任 沈 姚 卢 姜 崔 钟 谭 陆 汪 范 金 石 廖 贾 夏 韦 付 方 白 邹 孟 熊 秦 邱 江 尹 薛 闫 段 雷 侯 龙 史 陶 黎 贺 顾 毛 郝 龚 邵 万 钱 严 欧阳 司徒 上官")
	given    = []rune("伟芳娜秀敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰建国文辉红志梅晓燕海峰云飞玲雪婷宇浩欣怡子轩梓涵雨泽佳琪俊思远嘉慧颖诗博睿晨阳翔鹏凯斌波宁立新春生德全振东家豪锦绣美珍淑贤永康少芬惠仪")
	// Mobile prefixes in use.
	mobiles = strings.Fields("130 131 132 133 134 135 136 137 138 139 147 150 151 152 153 155 156 157 158 159 166 170 176 177 178 180 181 182 183 184 185 186 187 188 189 191 198 199")
	// Places of birth as the first six digits of a resident number: Shenzhen
	// first, then where many of its people come from.
	areas = strings.Fields("440303 440304 440305 440306 440307 440304 440304 440106 440514 440605 440703 440811 440902 441202 441302 441402 441502 441602 441702 441802 445102 445202 420106 421002 421125 430104 430302 430406 430602 431002 360102 360702 362202 450102 450302 510104 511302 500103 410102 411502 340102 341202 350102 350502 330106 320102 370102 610102 520102 530102")
)

// person is somebody who does not exist.
type person struct {
	name, phone, id string
	birth           time.Time
}

func (d *dice) person(born, until int) person {
	birth := time.Date(born+d.n(until-born+1), time.January, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d.n(365))
	return person{name: d.name(), phone: d.phone(), id: d.residentNumber(birth), birth: birth}
}

// name favours the frequent families and two-character given names.
func (d *dice) name() string {
	f := families[int(d.float()*d.float()*float64(len(families)))]
	g := string(pick(d, given))
	if d.chance(0.8) {
		g += string(pick(d, given))
	}
	return f + g
}

func (d *dice) phone() string { return pick(d, mobiles) + fmt.Sprintf("%08d", d.n(100_000_000)) }

// residentNumber makes a resident number of GB 11643-1999: six digits of area,
// the birth date, a sequence number and the check digit.
func (d *dice) residentNumber(birth time.Time) string {
	s := pick(d, areas) + birth.Format("20060102") + fmt.Sprintf("%03d", 1+d.n(999))
	return s + string(checkDigit(s))
}

// checkDigit is that of GB 11643-1999 (ISO 7064, MOD 11-2) for 17 digits.
func checkDigit(s string) byte {
	sum := 0
	for i := range 17 {
		sum += int(s[i]-'0') * ((1 << (17 - i)) % 11)
	}
	return "10X98765432"[sum%11]
}

// street is a sub-district (街道) with its communities and some of its roads.
type street struct {
	name        string
	communities []string
	roads       []string
}

// futian are the ten sub-districts of Futian.
var futian = []street{
	{"园岭街道", strings.Fields("华林 红荔 鹏盛 长城 南天 上林"), strings.Fields("百花二路 园岭八街 红荔路 上步中路")},
	{"南园街道", strings.Fields("滨江 巴登 赤尾 沙埔头 园西 玉田"), strings.Fields("南园路 深南中路 滨河大道 东园路")},
	{"福田街道", strings.Fields("福田 岗厦 福安 皇岗 水围 渔农"), strings.Fields("福华路 福民路 金田路 彩田路")},
	{"沙头街道", strings.Fields("下沙 上沙 沙尾 沙嘴 新洲 天安"), strings.Fields("福强路 新洲南路 沙嘴路 泰然六路")},
	{"香蜜湖街道", strings.Fields("香蜜 香岭 香安 竹林 竹园 农园"), strings.Fields("香蜜湖路 侨香路 农林路 紫竹六道")},
	{"梅林街道", strings.Fields("梅亭 龙尾 梅河 下梅 上梅 孖岭"), strings.Fields("梅林路 中康路 梅华路 凯丰路")},
	{"莲花街道", strings.Fields("紫荆 彩田 福中 狮岭 景田 景华"), strings.Fields("莲花路 景田北街 红荔西路 新洲路")},
	{"华富街道", strings.Fields("黄木岗 新田 田面 莲花一村 华山"), strings.Fields("笋岗西路 华富路 深南大道 振华西路")},
	{"福保街道", strings.Fields("明月 益田 石厦 新港 福保"), strings.Fields("益田路 石厦北二街 福荣路 桂花路")},
	{"华强北街道", strings.Fields("荔村 福强 华航 通新岭"), strings.Fields("华强北路 振华路 燕南路 深南中路")},
}

// address is a full one, as people write it on a form.
func (d *dice) address(s street, community string) string {
	return fmt.Sprintf("深圳市福田区%s%s社区%s%d号%d栋%d%02d", s.name, community, pick(d, s.roads), 1+d.n(200), 1+d.n(12), 1+d.n(30), 1+d.n(8))
}
