package mask

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode"
)

// names replaces a name by one that is drawn, by a hash of it, from lists in
// order of frequency: the same name always by the same one, a Han name of two
// or three characters by one of as many, a Latin one by a Latin one. Two names
// may get the same replacement, as two people may share a name.
type names struct{ prf *prf }

func (n names) run(out *texts, src [][]byte) {
	var sums [lanes * 16]byte
	var trimmed [lanes][]byte
	for len(src) > 0 {
		k := min(lanes, len(src))
		for i, v := range src[:k] {
			trimmed[i] = view(trim(text(v)))
		}
		n.prf.sum(&sums, trimmed[:k])
		data := slices.Grow(out.data, k*mostName)
		at, ends := len(data), slices.Grow(out.ends, k)
		data = data[:cap(data)]
		for i, v := range trimmed[:k] {
			if len(v) > 0 {
				d := drawName(text(v), binary.BigEndian.Uint64(sums[i*16:]), binary.BigEndian.Uint64(sums[i*16+8:]))
				at += d.put((*[mostName]byte)(data[at:]))
			}
			ends = append(ends, uint32(at))
		}
		out.data, out.ends = data[:at], ends
		src = src[k:]
	}
}

// trim is strings.TrimSpace, without a look at the tables of Unicode where the
// text begins and ends with a Han character: all space lies before U+4000.
func trim(v string) string {
	if n := len(v); n >= 3 && v[0] >= 0xe4 && v[n-3] >= 0xe4 {
		return v
	}
	return strings.TrimSpace(v)
}

// drawn is a name: words of two lists.
type drawn struct {
	first, second *word
	blank         bool   // between them
	code          uint32 // below nameCodes: which of all names
}

// drawName draws a name of the same kind as v.
func drawName(v string, a, b uint64) drawn {
	runes := hanRunes(v)
	latin := runes == 0
	if latin {
		for _, r := range v {
			latin = latin && (r < 0x250 || (r < 0x4e00 || r > 0x9fff) && !unicode.IsLetter(r))
			runes++
		}
	}
	if latin {
		i, k := latinSurnames.draw(a), latinGiven.draw(b)
		return drawn{&latinGiven.words[k], &latinSurnames.words[i], true, nameCode(2, i, k)}
	}
	given, kind := &hanGiven2, 1
	if runes <= 2 {
		given, kind = &hanGiven1, 0
	}
	i, k := hanSurnames.draw(a), given.draw(b)
	return drawn{&hanSurnames.words[i], &given.words[k], false, nameCode(kind, i, k)}
}

// nameCode numbers names by their lists and the places in them.
func nameCode(kind, surname, given int) uint32 {
	return uint32(kind<<(surnameBits+givenBits) | surname<<givenBits | given)
}

const (
	surnameBits, givenBits = 7, 8
	nameCodes              = 3 << (surnameBits + givenBits)
)

// put writes the name and returns its length. Behind it out is overwritten.
func (d *drawn) put(out *[mostName]byte) int {
	n := d.first.put(out, 0)
	if d.blank {
		out[n] = ' '
		n++
	}
	return d.second.put(out, n)
}

// word is a text of up to 15 bytes.
type word struct {
	text [15]byte
	n    uint8
}

func (w *word) String() string { return string(w.text[:w.n]) }

const mostName = 32 // a word, a blank and a word, and what put writes behind them

// put writes the word at a place and returns where it ends. It writes 15 bytes
// at once, however many the word has.
func (w *word) put(out *[mostName]byte, at int) int {
	*(*[15]byte)(out[at:]) = w.text
	return at + int(w.n)
}

// hanRunes is how many characters v has when all of them are of U+4E00 to U+9FFF;
// else 0.
func hanRunes(v string) int {
	if len(v)%3 != 0 {
		return 0
	}
	for i := 0; i+2 < len(v); i += 3 {
		if c := uint(v[i])<<8 | uint(v[i+1]); c < 0xe4b8 || c > 0xe9bf || v[i+1]>>6 != 2 || v[i+2]>>6 != 2 {
			return 0
		}
	}
	return len(v) / 3
}

// list is a list of words with the sums of their weights.
type list struct {
	words []word
	sums  []uint64
	whole modulus
	part  uint64       // 2^64 / a part of the whole
	first [parts]uint8 // by the parts of the whole: a word not behind the one drawn
}

const parts = 4096

// ranked weighs the i-th of the words (from 0) by 1/(i+3): how often the names
// of a people occur falls about so with their rank.
func ranked(words string) list {
	l := list{}
	total := uint64(0)
	for i, w := range strings.Fields(words) {
		l.words = append(l.words, word{n: uint8(len(w))})
		if copy(l.words[i].text[:], w) < len(w) {
			panic("mask: a name of more than 15 bytes: " + w)
		}
		total += 1_000_000 / uint64(i+3)
		l.sums = append(l.sums, total)
	}
	l.whole, l.part = newModulus(total), math.MaxUint64/total*parts
	i := 0
	for k := range l.first {
		for l.sums[i] <= uint64(k)*total/parts {
			i++
		}
		l.first[k] = uint8(i)
	}
	return l
}

// draw returns the place of a word.
func (l *list) draw(x uint64) int {
	x = l.whole.of(x)
	k, _ := bits.Mul64(x, l.part) // x*parts/total, or one less
	i := int(l.first[k])
	for l.sums[i] <= x {
		i++
	}
	return i
}

// The most common surnames first (公安部 name reports), then given names in
// common use.
var (
	hanSurnames = ranked(`王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 罗 高 郑 梁 谢 宋 唐 许 韩 邓 冯 曹 彭 曾 肖 田 董 潘 袁 蔡 蒋 余
		于 杜 叶 程 魏 苏 吕 丁 任 卢 姚 沈 钟 姜 崔 谭 陆 范 汪 廖 石 金 韦 贾 夏 付 方 邹 熊 白 孟 秦 邱 侯 江 尹 薛 闫 段 雷 龙 黎 史 陶 贺 毛
		郝 顾 龚 邵 万 覃 武 钱 戴 严 莫 孔 向 常`)
	hanGiven1 = ranked(`伟 芳 敏 静 磊 丽 强 洋 杰 勇 艳 军 娟 涛 超 明 霞 平 刚 英 辉 玲 华 鹏 飞 红 波 斌 宇 浩 凯 健 俊 帆 雪 婷 慧 倩 颖 琳 瑶
		璐 晨 欣 佳 悦 琪 楠 琴 兰 梅 燕 峰 龙 亮 建 成 林 旭 彬 鑫 博 阳 晶 萍 蓉 莉 洁 丹 月 云 青`)
	hanGiven2 = ranked(`建国 桂英 秀英 秀兰 玉兰 建华 志强 秀珍 建军 海燕 志明 丽华 国强 晓东 文华 秀芳 玉梅 晓明 海涛 春梅 建平 丽娟 小红 婷婷
		志伟 俊杰 国华 晓燕 建明 玉珍 文杰 志刚 永强 丽丽 雪梅 浩然 子涵 雨桐 欣怡 梓涵 宇轩 一诺 诗涵 浩宇 子轩 思远 梓萱 佳怡 雨欣 嘉怡 宇航
		子豪 思琪 梦瑶 天宇 佳琪 雅婷 晓丽 红梅 永刚 伟明 国庆 小平 春华 秋菊 爱华 金凤 少华 大伟 立新 新华 晓峰 海波 庆华 文静 志勇 丽萍 艳红
		小龙 小军 建新 振华 学军 明辉 家豪 伟强 美玲 淑芬 淑珍 惠珍 慧敏 晓晨 若曦 思雨 俊豪 文博 逸飞 泽宇 明轩 可欣 静怡`)
	latinSurnames = ranked(`Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson
		Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright
		Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts`)
	latinGiven = ranked(`James Mary Michael Patricia Robert Jennifer John Linda David Elizabeth William Barbara Richard Susan Joseph Jessica Thomas
		Karen Christopher Sarah Charles Lisa Daniel Nancy Matthew Sandra Anthony Ashley Mark Emily Steven Kimberly Donald Betty Andrew Margaret
		Joshua Donna Paul Michelle Kenneth Carol Kevin Amanda Brian Melissa Timothy Deborah Ronald Stephanie`)
)
