package detect

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/*/formats.md anew")

// lookAlikes makes values of each kind that are none, and n of them the way the
// tests say.
func lookAlikes(rng *rand.Rand) []struct {
	kind Kind
	what string // as the docs' table names it
	sure bool   // never reported as the kind: there is a check, a range or a form that it breaks
	make func() string
} {
	pick := func(from string, n int) (s string) {
		r := []rune(from)
		for range n {
			s += string(r[rng.IntN(len(r))])
		}
		return s
	}
	one := func(words string) func() string {
		list := strings.Split(words, "|")
		return func() string { return list[rng.IntN(len(list))] }
	}
	const d = "0123456789"
	other := func(c byte, from string) string { // a character of from that is not c
		for {
			if s := pick(from, 1); s[0] != c {
				return s
			}
		}
	}
	area := func() string { return Provinces[rng.IntN(len(Provinces))] + pick(d, 4) }
	day := func() string { return fmt.Sprintf("%02d%02d", 1+rng.IntN(12), 1+rng.IntN(28)) }
	year := func() string { return fmt.Sprint(1930 + rng.IntN(90)) }
	return []struct {
		kind Kind
		what string
		sure bool
		make func() string
	}{
		{KindResident, "check", true, func() string {
			b := area() + year() + day() + pick(d, 3)
			return b + other(ResidentCheck(b), "0123456789X")
		}},
		{KindResident, "month", true, func() string {
			b := area() + year() + fmt.Sprint(13+rng.IntN(80)) + "01" + pick(d, 3)
			return b + string(ResidentCheck(b))
		}},
		{KindResident, "province", true, func() string {
			b := pick("09", 1) + "0" + pick(d, 4) + year() + day() + pick(d, 3)
			return b + string(ResidentCheck(b))
		}},
		{KindResident, "digits", false, func() string { return pick("123456789", 1) + pick(d, 17) }},
		{KindResident15, "month", true, func() string { return area() + pick(d, 2) + fmt.Sprint(13+rng.IntN(80)) + "01" + pick(d, 3) }},
		{KindUSCC, "check", true, func() string {
			b := pick("159A", 1) + pick("123", 1) + Provinces[rng.IntN(len(Provinces))] + pick(d, 4) + pick(USCCAlphabet, 9)
			check, _ := USCCCheck(b)
			return b + other(check, USCCAlphabet)
		}},
		{KindUSCC, "serial", false, func() string { return "SN" + pick(USCCAlphabet, 16) }},
		{KindMobile, "range", true, func() string { return "1" + pick("012", 1) + pick(d, 9) }},
		{KindMobile, "length", true, func() string { return "1" + pick("3456789", 1) + pick(d, 8) }},
		{KindMobile, "longer", true, func() string { return "1" + pick("3456789", 1) + pick(d, 10) }},
		{KindMobile, "order", false, func() string { return "1" + pick(d, 10) }},
		{KindLandline, "local", true, func() string { return pick("2345678", 1) + pick(d, 7) }},
		{KindLandline, "area", true, func() string { return "000-" + pick("2345678", 1) + pick(d, 7) }},
		{KindCard, "check", true, func() string {
			b := "62" + pick(d, 14)
			return b + other(LuhnDigit(b), d)
		}},
		{KindCard, "digits", false, func() string { return pick("123456789", 1) + pick(d, 15) }},
		{KindPlate, "province", true, func() string { return pick("中国东西南北上下", 1) + pick("ABCDEF", 1) + pick(d, 5) }},
		{KindPlate, "length", true, func() string { return pick(PlateProvinces, 1) + pick("ABCDEF", 1) + pick(d, 3) }},
		{KindPassport, "length", true, func() string { return "E" + pick(d, 7) }},
		{KindPassport, "letter", true, func() string { return pick("FHIJLQRTUVWXYZ", 1) + pick(d, 8) }},
		{KindPassport, "serial", false, func() string { return pick("ABCDEFGHJKLMNPQRSTUVWXYZ", 1) + pick(d, 8) }},
		{KindEmail, "domain", true, func() string { return pick("abcxyz", 5) + "@" + pick("mnop", 5) }},
		{KindEmail, "mention", true, func() string { return "@" + pick("abcxyz", 5) + " " + pick("mnop", 4) }},
		{KindIP, "range", true, func() string {
			return fmt.Sprintf("%d.%d.%d.%d", 256+rng.IntN(700), rng.IntN(256), rng.IntN(256), rng.IntN(256))
		}},
		{KindIP, "version", true, func() string { return fmt.Sprintf("v%d.%d.%d", rng.IntN(20), rng.IntN(20), rng.IntN(20)) }},
		{KindIP, "clock", true, func() string { return fmt.Sprintf("%02d:%02d:%02d", rng.IntN(24), rng.IntN(60), rng.IntN(60)) }},
		{KindPlace, "amounts", true, func() string { return fmt.Sprintf("%.2f, %.2f", rng.Float64()*90, rng.Float64()*180) }},
		{KindPlace, "range", true, func() string { return fmt.Sprintf("%.5f, %.5f", 91+rng.Float64()*80, 91+rng.Float64()*80) }},
		{KindName, "words", false, one("路灯|噪音|占道|施工|水管|高空|公园|马路|白色|金属|黄色|方便|时间|安全|车辆|程序|常见|石油|江河|温度|高级|毛巾|路面|水电|周期|田地|万元|任务|成本|平方|严重|安装|管道|项目")},
		{KindName, "issues", false, one("噪音扰民|占道经营|道路破损|路灯故障|垃圾堆放|违章建筑|井盖缺失|绿化损坏|消防通道|油烟污染|停车难|积水严重|安全隐患|高空抛物")},
		{KindName, "places", false, one("福田区|南山区|罗湖区|宝安区|龙岗区|北京市|广东省|江苏省|高新区|云南省|常州市|黄山市|温州市|安阳市")},
		{KindName, "titles", false, one("Street Noise|Water Pipe|Main Road|New York|North Gate|Green Park|Red Light|Open Window")},
		{KindAddress, "district", true, one("福田区|深圳市南山区|广东省深圳市罗湖区|莲花街道|中心公园")},
		{KindAddress, "count", true, func() string { return fmt.Sprintf("共有%d户居民反映路灯问题", 1+rng.IntN(90)) }},
	}
}

const lookAlikeRows = 2000

// Look-alikes alone and in text: what breaks a check digit, a range or a form is
// never reported as that kind. What does reach people (a number of the same form
// and no check digit cannot be told apart) is counted, and stands in the docs.
func TestLookAlikes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(20, 26))
	var lines []string
	for _, c := range lookAlikes(rng) {
		same, other := 0, 0
		for range lookAlikeRows {
			v := c.make()
			for i, a := range []string{"%s", "编号%s，已登记", "see %s now"} {
				text := fmt.Sprintf(a, v)
				kinds := map[Kind]bool{}
				for _, m := range Scan(text) {
					kinds[m.Kind] = true
				}
				if i == 0 && c.kind == KindName && (ChineseName(v) || LatinName(v)) {
					kinds[KindName] = true
				}
				if c.sure && kinds[c.kind] {
					t.Fatalf("%s/%s: %q is reported", c.kind, c.what, text)
				}
				if i > 0 {
					continue
				}
				if kinds[c.kind] {
					same++
				} else if len(kinds) > 0 {
					other++
				}
			}
		}
		lines = append(lines, fmt.Sprintf("| `%s` | `%s` | %.1f %% | %.1f %% |", c.kind, c.what, 100*float64(same)/lookAlikeRows, 100*float64(other)/lookAlikeRows))
	}
	for _, lang := range []string{"en", "zh-CN"} {
		path := "../../docs/" + lang + "/formats.md"
		doc, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		const from, to = "<!-- look-alikes -->\n", "<!-- /look-alikes -->"
		head, rest, ok1 := strings.Cut(string(doc), from)
		table, tail, ok2 := strings.Cut(rest, to)
		if !ok1 || !ok2 {
			t.Fatalf("%s has no table of look-alikes", path)
		}
		title, _, _ := strings.Cut(table, "| `")
		want := title + strings.Join(lines, "\n") + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(head+from+want+to+tail), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if table != want {
			t.Errorf("%s: the table of look-alikes is not what was counted; go test ./catalog/detect -run TestLookAlikes -update\n%s", path, want)
		}
	}
}

// Names and addresses have no check digit: of those that are made of what names
// and addresses are made of, all are found, names in a column of their own and
// behind or before what introduces one in text.
func TestRecallOfNamesAndAddresses(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	pick := func(list []rune) string {
		for {
			if r := list[rng.IntN(len(list))]; !notGiven.has(r) { // 王镇 is a place
				return string(r)
			}
		}
	}
	latin := func(list string) string {
		words := strings.Fields(list)
		return words[rng.IntN(len(words))]
	}
	holds := func(kind Kind, text, v string) {
		t.Helper()
		at := strings.Index(text, v)
		for _, m := range Scan(text) {
			if m.Kind == kind && m.Start <= at && m.End >= at+len(v) {
				return
			}
		}
		t.Fatalf("%s %q in %q: %+v", kind, v, text, Scan(text))
	}
	for range 3000 {
		name := pick(surnameList) + pick(givenList)
		if rng.IntN(3) > 0 {
			name += pick(givenList)
		}
		if !ChineseName(name) {
			t.Fatalf("%q is a name", name)
		}
		for _, a := range []string{"姓名：%s，男", "联系人：%s", "投诉人:%s "} {
			holds(KindName, fmt.Sprintf(a, name), name)
		}
		given := latin("James Mary Robert Linda Michael Susan David Karen Thomas Sarah Anna Peter")
		family := latin("Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Moore Martin")
		if full := given + " " + family; !LatinName(full) {
			t.Fatalf("%q is a name", full)
		}
		for _, a := range []string{"Dear Mr. %s,", "Name: " + given + " %s, age 40", "please ask Mrs %s today"} {
			holds(KindName, fmt.Sprintf(a, family), family)
		}
		address := latin("福田区 南山区 海淀区 浦东新区 ") + latin("莲花路 深南大道 中山路 建设街 幸福巷") + fmt.Sprint(1+rng.IntN(999)) + latin("号 号楼 栋")
		for _, a := range []string{"%s", "家住%s。", "市民反映%s路灯不亮", "广东省深圳市%s，请尽快处理"} {
			holds(KindAddress, fmt.Sprintf(a, address), strings.TrimSuffix(address, "楼"))
		}
	}
}
