package mask

import (
	"strings"
	"unicode/utf8"
)

// bareName reports whether place is the names of places and nothing else, as far
// as their lengths and the best known names tell: "联系人张三北京市海淀区" holds a
// person. A province has 2 or 3 characters before its mark, a city 2 to 4, a
// district up to 4; what has a people (族) or a zone's work in its name may have
// more.
func bareName(place string) bool {
	for place != "" {
		name, mark, rest := unit(place)
		n := utf8.RuneCountInString(name)
		switch mark {
		case "省", "市":
			if n < 2 || n > 4 || mark == "省" && n > 3 || !known(name) {
				return false
			}
		case "自治区", "特别行政区":
			if !strings.Contains(" 内蒙古 广西壮族 西藏 宁夏回族 新疆维吾尔 香港 澳门 ", " "+name+" ") {
				return false
			}
		case "区", "县", "旗", "州", "盟", "地区":
			long := strings.Contains(name, "族") || strings.HasSuffix(name, "自治") || strings.HasSuffix(name, "开发") || strings.HasSuffix(name, "园")
			if n == 0 || n > 4 && !long || n > 16 || !known(name) {
				return false
			}
		default: // a name without a mark, at the end
			return false
		}
		place = rest
	}
	return true
}

// marks end a unit; longer ones stand before those that they end with.
var marks = []string{"特别行政区", "自治区", "地区", "省", "市", "区", "县", "旗", "州", "盟"}

// unit cuts the first unit off place, at the mark that comes first. The first
// character of a name is no mark (市中区), nor is one before another (苏州市, 通州区,
// 沙市区, 红旗区).
func unit(place string) (name, mark, rest string) {
	for i, r := range place {
		if i == 0 {
			continue
		}
		for _, m := range marks {
			if !strings.HasPrefix(place[i:], m) {
				continue
			}
			after := place[i+len(m):]
			next, _ := utf8.DecodeRuneInString(after)
			if r == '州' && (next == '市' || next == '区' || next == '县') || r == '市' && strings.HasPrefix(after, "区") || r == '区' && next == '县' || r == '旗' && next == '区' {
				continue
			}
			return place[:i], m, after
		}
	}
	return place, "", ""
}

// wellKnown are provinces and the cities that addresses most often begin with.
var wellKnown = strings.Fields(`北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州 云南 陕西 甘肃 青海 台湾
石家庄 太原 沈阳 大连 长春 哈尔滨 南京 苏州 无锡 常州 南通 徐州 杭州 宁波 温州 合肥 福州 厦门 泉州 南昌 济南 青岛 烟台 郑州 洛阳 武汉 长沙 广州 深圳 珠海
佛山 东莞 中山 惠州 汕头 南宁 海口 三亚 成都 贵阳 昆明 拉萨 西安 兰州 西宁 银川 乌鲁木齐 呼和浩特`)

// known is false for a name that ends with a well-known one and is longer: what
// stands before that is no part of it.
func known(name string) bool {
	for _, w := range wellKnown {
		if len(name) > len(w) && strings.HasSuffix(name, w) {
			return false
		}
	}
	return true
}
