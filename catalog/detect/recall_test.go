package detect

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"aihub/internal/table"
)

// widen writes ASCII as full-width characters.
func widen(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r - '!' + '！'
		}
		return r
	}, s)
}

// Of 5,000 valid identifiers of every kind, made here, each is found whole in
// every text around it: recall is 100 %.
func TestRecall(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 11))
	pick := func(from string, n int) (s string) {
		r := []rune(from)
		for range n {
			s += string(r[rng.IntN(len(r))])
		}
		return s
	}
	const digits = "0123456789"
	const serial = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	area := func() string {
		return Provinces[rng.IntN(len(Provinces))] + fmt.Sprintf("%02d%02d", rng.IntN(71), rng.IntN(100))
	}
	birth := func() string { return fmt.Sprintf("%04d%02d%02d", 1900+rng.IntN(200), 1+rng.IntN(12), 1+rng.IntN(28)) }
	resident := func() string {
		b := area() + birth() + pick(digits, 3)
		return b + string(ResidentCheck(b))
	}
	coordinate := func(n int) string { return fmt.Sprintf("%.*f", 4+rng.IntN(4), float64(rng.IntN(2*n*1e6)-n*1e6)/1e6) }
	plateCity := func() string { return pick(PlateProvinces, 1) + pick("ABCDEFGHJKLMNPQRSTUVWXYZ", 1) }
	for name, c := range map[string]struct {
		kind Kind
		wide bool // found in full-width characters as well
		make func() string
	}{
		"resident":   {KindResident, true, resident},
		"resident x": {KindResident, false, func() string { return strings.ToLower(resident()) }},
		"resident 15": {KindResident15, true, func() string {
			for {
				if s := area() + birth()[2:] + pick(digits, 3); !BankCard(s) {
					return s
				}
			}
		}},
		"uscc": {KindUSCC, true, func() string {
			b := pick("159A", 1) + pick("123", 1) + Provinces[rng.IntN(len(Provinces))] + pick(digits, 4) + pick(USCCAlphabet, 9)
			check, _ := USCCCheck(b)
			if s := b + string(check); !Resident(s) {
				return s
			}
			return "91350100M000100Y43"
		}},
		"mobile": {KindMobile, true, func() string { return "1" + pick("3456789", 1) + pick(digits, 9) }},
		"mobile 3-4": {KindMobile, false, func() string {
			return "1" + pick("3456789", 1) + pick(digits, 1) + "-" + pick(digits, 4) + "-" + pick(digits, 4)
		}},
		"mobile in groups": {KindMobile, true, func() string {
			cuts := [][]int{{3, 4, 4}, {4, 3, 4}, {4, 4, 3}, {3, 3, 5}, {3, 5, 3}, {5, 3, 3}, {5, 6}, {6, 5}, {4, 7}, {7, 4}, {3, 8}, {8, 3}, {11}}
			number := "1" + pick("3456789", 1) + pick(digits, 9)
			sep := []string{"-", " ", " - ", "–", "·", "_", "/", ".", "\u3000", "\u00a0", "  "}[rng.IntN(11)]
			cut := cuts[rng.IntN(len(cuts))]
			if sep == "." && len(cut) == 2 { // a decimal number
				cut = cuts[0]
			}
			var groups []string
			for _, n := range cut {
				groups, number = append(groups, number[:n]), number[n:]
			}
			s := strings.Join(groups, sep)
			if before := []string{"", "", "86", "0086"}[rng.IntN(4)]; before != "" {
				s = before + []string{sep, "-", " "}[rng.IntN(3)] + s
				if sep == "." {
					s = before + "." + strings.Join(groups, sep)
				}
			}
			return s
		}},
		"landline": {KindLandline, true, func() string {
			return "0" + pick("3456789", 1) + pick(digits, 2) + "-" + pick("2345678", 1) + pick(digits, 7)
		}},
		"landline2": {KindLandline, false, func() string { return "(02" + pick("0123456789", 1) + ")" + pick("2345678", 1) + pick(digits, 7) }},
		"card": {KindCard, true, func() string {
			b := pick("6", 1) + "2" + pick(digits, 13+rng.IntN(4))
			if s := b + string(LuhnDigit(b)); !Resident(s) && !(len(s) == 18 && USCC(s)) {
				return s
			}
			return "6222021234567890128"
		}},
		"card 4": {KindCard, false, func() string {
			b := "62" + pick(digits, 13)
			b += string(LuhnDigit(b))
			return b[:4] + " " + b[4:8] + " " + b[8:12] + " " + b[12:]
		}},
		"plate":       {KindPlate, false, func() string { return plateCity() + pick(digits, 3) + pick(serial, 2) }},
		"plate dot":   {KindPlate, false, func() string { return plateCity() + "·" + pick(serial, 1) + pick(digits, 4) }},
		"plate new":   {KindPlate, false, func() string { return plateCity() + pick(EnergyLetters, 1) + pick(serial, 1) + pick(digits, 4) }},
		"plate truck": {KindPlate, false, func() string { return plateCity() + pick(digits, 5) + pick(EnergyLetters, 1) }},
		"plate use":   {KindPlate, false, func() string { return plateCity() + pick(digits, 4) + pick("学警挂港澳领超试", 1) }},
		"passport":    {KindPassport, true, func() string { return "E" + pick("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 1) + pick(digits, 7) }},
		"passport g":  {KindPassport, false, func() string { return pick("GDSPK", 1) + pick(digits, 8) }},
		"email":       {KindEmail, false, func() string { return pick("abcxyz", 4) + "." + pick(digits, 2) + "@" + pick("mnop", 5) + ".com.cn" }},
		"ipv4": {KindIP, false, func() string {
			return fmt.Sprintf("%d.%d.%d.%d", 1+rng.IntN(255), rng.IntN(256), rng.IntN(256), rng.IntN(256))
		}},
		"ipv6": {KindIP, false, func() string {
			return fmt.Sprintf("%x:%x:%x:%x:%x:%x:%x:1%x", 1+rng.IntN(65535), rng.IntN(65536), rng.IntN(65536), rng.IntN(65536), rng.IntN(65536), rng.IntN(65536), rng.IntN(65536), rng.IntN(4096))
		}},
		"ipv6 short":  {KindIP, false, func() string { return fmt.Sprintf("fe80::%x:1%x", 1+rng.IntN(65535), rng.IntN(4096)) }},
		"coordinates": {KindPlace, false, func() string { return coordinate(89) + pick(",，、", 1) + coordinate(179) }},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5000 {
				v := c.make()
				forms := []string{v}
				if c.wide {
					forms = append(forms, widen(v))
				}
				for _, v := range forms {
					for _, around := range []string{"%s", "号码为%s，请核对", "a %s b", "（%s）", "\n%s\n", "已登记：%s。", "%sQQ1", "%sabc"} {
						glued := strings.HasPrefix(around, "%s") && around != "%s"
						if glued && strings.HasPrefix(name, "ipv6") {
							continue // letters go on with the address
						}
						text := fmt.Sprintf(around, v)
						at, ok := strings.Index(text, v), false
						for _, m := range Scan(text) {
							ok = ok || (m.Kind == c.kind || glued) && m.Start <= at+1 && m.End >= at+len(v) && m.Start >= at
						}
						if !ok {
							t.Fatalf("%q: %+v", text, Scan(text))
						}
					}
				}
			}
		})
	}
}

// Identifiers with a word, another number or a separator of some kind beside them.
func TestRunTogether(t *testing.T) {
	t.Parallel()
	id, card := "11010119900307461", "622202123456789012"
	id, card = id+string(ResidentCheck(id)), card+string(LuhnDigit(card))
	x := "11010519491231002X"
	for text, want := range map[string][]string{
		"手机13800138000QQ12345678":                      {"13800138000"},
		"微信13800138000a":                               {"13800138000"},
		"tel13800138000wechat同号":                       {"13800138000"},
		"证件" + id + "phone13800138000":                 {id, "13800138000"},
		"证件" + x + "phone13800138000":                  {x, "13800138000"},
		"卡号" + card + "CMB":                            {card},
		"证件110101 19900307 461" + id[17:]:              {"110101 19900307 461" + id[17:]},
		"证件110101-19900307-461" + id[17:]:              {"110101-19900307-461" + id[17:]},
		"证件110105 1949 1231 002X，男":                    {"110105 1949 1231 002X"},
		"证件110105 19491231 002xQQ":                     {"110105 19491231 002x"},
		"1380013 8000":                                 {"1380013 8000"},
		"138\u00a00013\u00a08000":                      {"138\u00a00013\u00a08000"},
		"138\u200b0013\u200b8000":                      {"138\u200b0013\u200b8000"},
		"138.0013.8000":                                {"138.0013.8000"},
		"0086 138 0013 8000":                           {"0086 138 0013 8000"},
		"138-0013-8000QQ1":                             {"138-0013-8000"},
		"0755-83212345abc":                             {"0755-83212345"},
		"邮箱zhang_san＠qq.com":                           {"zhang_san＠qq.com"},
		"邮箱ｚｈａｎｇ＿ｓａｎ＠ｑｑ．ｃｏｍ，":                          {"ｚｈａｎｇ＿ｓａｎ＠ｑｑ．ｃｏｍ"},
		"邮箱zhangsan@ｑｑ．com":                            {"zhangsan@ｑｑ．com"},
		"护照E12345678abc":                               {"E12345678"},
		"税号91350100M000100Y43abc":                      {"91350100M000100Y43"},
		"车牌京A12345车主13800138000":                       {"京A12345", "13800138000"},
		"京A12345QQ":                                    {"京A12345"},
		"10.0.0.1abc":                                  {"10.0.0.1"},
		"1380 013 8000":                                {"1380 013 8000"},
		"+86 (138) 0013-8000":                          {"86 (138) 0013-8000"},
		"+86-138-0013-8000":                            {"86-138-0013-8000"},
		"+86.138.0013.8000":                            {"86.138.0013.8000"},
		"0086.13800138000":                             {"0086.13800138000"},
		"00 86 138 0013 8000":                          {"00 86 138 0013 8000"},
		"（０７５５）８３２１２３４５":                               {"０７５５）８３２１２３４５"},
		"１３８　００１３　８０００":                                {"１３８　００１３　８０００"},
		"＋８６－１３８－００１３－８０００":                            {"８６－１３８－００１３－８０００"},
		"１３８－0013—８０００":                                {"１３８－0013—８０００"},
		"13812345678.0":                                {"13812345678"}, // as a table with gaps is written
		"电话13812345678.谢谢":                             {"13812345678"},
		"住13812345678.2号楼":                             {"13812345678"},
		"护照E12345678X":                                 {"E12345678"},
		"电话83881234":                                   {"83881234"},
		"座机：8388-1234，":                                {"8388-1234"},
		"Tel: 8388 1234":                               {"8388 1234"},
		"+86 755 8388 1234":                            {"86 755 8388 1234"},
		"+86(0755)83881234":                            {"86(0755)83881234"},
		"0086-10-83881234":                             {"0086-10-83881234"},
		"+8675583881234":                               {"8675583881234"},
		"车牌粤b12345，":                                   {"粤b12345"},
		"粤Ｂ·D１２３４５":                                    {"粤Ｂ·D１２３４５"},
		"护照号码E20240101":                                {"E20240101"},
		`{"lat":22.543096,"lng":114.0578}`:             {`22.543096,"lng":114.0578`},
		"经度114.057865 纬度22.543096":                     {"114.057865 纬度22.543096"},
		"我叫王五，住在":                                      {"王五"},
		"法定代表人：李小明":                                    {"李小明"},
		"张伟，男，45岁":                                     {"张伟"},
		"建国路88号现代城A座1205室的住户":                          {"建国路88号现代城A座1205室"},
		"莲花路3号院2-3-501":                                {"莲花路3号院2-3-501"},
		"西乡花园3栋2单元1201":                                {"西乡花园3栋2单元1201"},
		"呼和浩特市大学西街235号":                                {"呼和浩特市大学西街235号"},
		"电话８３８８１２３４，":                                  {"８３８８１２３４"},
		"座机：８３８８－１２３４":                                 {"８３８８－１２３４"},
		"护照Ｅ２０２４０１０１":                                  {"Ｅ２０２４０１０１"},
		"港澳居民来往内地通行证H12345678，":                        {"H12345678"},
		"回乡证号：m1234567801":                             {"m1234567801"},
		"回乡证Ｈ１２３４５６７８":                                 {"Ｈ１２３４５６７８"},
		"台胞证号码12345678。":                               {"12345678"},
		"台湾居民来往大陆通行证（12345678）":                        {"12345678"},
		"位于北纬22度32分35秒，东经114度3分28秒。":                   {"22度32分35秒，东经114度3分28秒"},
		"22°32′35″N, 114°3′28″E":                       {"22°32′35″N, 114°3′28″"},
		"22° 32' 35.2\" N 114° 03' 28.1\" E":           {"22° 32' 35.2\" N 114° 03' 28.1\""},
		"N22°32.585′ E114°03.467′":                     {"22°32.585′ E114°03.467′"},
		"车牌使012345，":                                   {"使012345"},
		"使224578":                                      {"使224578"},
		"224578使":                                      {"224578使"},
		"武警WJ粤1234X车":                                  {"WJ粤1234X"},
		"家住万科城小区3-2-1201的":                             {"万科城小区3-2-1201"},
		"福田区翠竹苑3-302，":                                 {"福田区翠竹苑3-302"},
		"卡6222.0212.3456.7890.128":                     {"6222.0212.3456.7890.128"},
		"莲花路3号线缆脱落":                                    {"莲花路3号"},
		"电\u200b话13\u200b8\u200d1234\u20605678\u200b。": {"13\u200b8\u200d1234\u20605678"},
		"\u200b1\u200b1010519491231002X\u200b":         {"1\u200b1010519491231002X"},
	} {
		var got []string
		for _, m := range Scan(text) {
			got = append(got, text[m.Start:m.End])
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{
		"da39a3ee5e6b4b0d3255bfef95601890afd80709", strings.Repeat("0", 20) + "a13800138000b" + strings.Repeat("f", 7), // hashes
		"20240115T103000Z", "2024-01-15T10:30:00Z", "550e8400-e29b-41d4-a716-446655440000", "SN20240115A7", "A4纸", "京A123456789", "京A1234",
		"110101 19900307 4611x", "1280013 8000", "1380013 80001", "200 0013 8000", "123.4567.8901", "kg12345678901kg", "19900307 110101 4610", "a＠b", "＠所有人",
		"金额13812345678.50元", "金额13812345678.5元", "￥13812345678.5", "13812345678.5", "13812345678.25", "USD 13812345678.00", "合计13812345678.00 元", "余额13812345678.75，",
		"5f13812345678b2e4b0a1c2d", "a1b2c3d13812345678e9f0a1", "5E12345678", "1.5E12345678", "138 00 13 80 00", "1998-12-31 123", "1380 01 38000",
		"17966282-552f-40e1-8f06-04b90c7b4db3", "b0295950-130f-4903-810c-188fd018919d", "56be98b4-fee1-4263-a131-77104283d330", "abcdefab-0772-4339-9226-567885e7c3e9", // UUIDs
		"1998-2001-123", "0755-2024-2025年度", "v1.2.3.4", "订单 E12345678", "型号：G20230101", "Order No. K12345678", "均值22.543096，方差114.057865", "83881234",
		"小区10-100元", "翠竹苑3-30", "花园1-2-3", "小区2024-1-1201",
		"即使100000人", "促使123456家", "100000使用", "XWJ粤1234X", "WJ粤12345X", "气温22°，湿度32′", "转动22°32′35″即可", "22度32分", "22°32′, 114°03′", "版本6222.0212.3456.7890.129",
		"\u200b\u200b", "138\u200b1234", "“138—1234”", "莲花路3号线停运", "８３８８１２３４", "订单Ｅ１２３４５６７８", "产品H12345678", "M1234567801", "车辆通行证20240101", "台胞证有效期20240101", "台胞证123456789", "回乡证A12345678", "新a1b2c3d", "我是周三去的", "父亲和母亲来了",
	} {
		if ms := Scan(text); len(ms) != 0 {
			t.Errorf("%q: %+v", text, ms)
		}
	}
}

func TestNotIdentifiersNew(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"std::vector<int>::iterator", "08:00:00", "12:30:45:10", "1.2.3", "v1.2.3.4.5", "256.1.1.1", "3.1415926", "1234.5678,99.1234", "粤港澳大湾区",
		"新ABC", "京A的", "E1234567", "A12345678", "２０２４年", "::", "a::b", "Street Light", "John went home", "比例为1.2345，其余"} {
		if ms := Scan(text); len(ms) != 0 {
			t.Errorf("%q: %+v", text, ms)
		}
	}
}

func TestLatinNamesInText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"please ask Mr. Zubrowka today": "Zubrowka", "Name: Anna K Jansson, age": "Anna K Jansson", "call John Smith at": "John Smith",
		"by Mary J. Watson of": "", "Dear Sandra, hello": "Sandra", "to Robert J. Miller now": "Robert J. Miller",
	} {
		ms := Scan(text)
		got := ""
		if len(ms) > 0 {
			got = text[ms[0].Start:ms[0].End]
		}
		if want == "" && !strings.HasPrefix(got, "Mary") || want != "" && got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// What is proposed says its class and level and is of the column's type.
func TestPropose(t *testing.T) {
	t.Parallel()
	rows := func(name string, f func(i int) string) (*Column, table.Field) {
		vals := make([]string, 50)
		for i := range vals {
			vals[i] = f(i)
		}
		d, c := strCol(name, vals...)
		return d, c.Field
	}
	var fields []table.Field
	var findings []Finding
	add := func(d *Column, f table.Field) {
		fields = append(fields, f)
		findings = append(findings, d.Findings()...)
	}
	add(rows("证件", func(i int) string {
		b := fmt.Sprintf("4403041980010%d0%02d", 1+i%9, i)
		b = (b + "000")[:17]
		return b + string(ResidentCheck(b))
	}))
	add(rows("车", func(i int) string { return fmt.Sprintf("粤B%05d", 10000+i) }))
	add(rows("诊断", func(i int) string { return "感冒" }))
	add(rows("note", func(i int) string { return fmt.Sprintf("路灯第%d天不亮，请打13812345%03d找我", i, i) }))
	add(rows("性别", func(i int) string { return "男" }))
	add(rows("a \"b\" # c", func(i int) string { return "x" }))
	ps := Propose(fields, findings)
	want := `[["证件","direct",4,"resident"],["车","direct",3,"plate"],["诊断","sensitive",4,"keep"],["note","direct",3,"redact"],["性别","quasi",2,"keep"],["a \"b\" # c","none",1,"keep"]]`
	var got [][]any
	for _, p := range ps {
		got = append(got, []any{p.Column, p.Class, p.Level, p.Use})
	}
	if b, _ := json.Marshal(got); string(b) != want {
		t.Errorf("%s\nwant %s", b, want)
	}
	y := PlanYAML(ps)
	if !strings.Contains(y, `"a \"b\" # c": {use: keep} # none, level 1`) || strings.Contains(y, "13812345") {
		t.Error(y)
	}
}

// A whole column's evidence: short values cost more a byte than texts.
func BenchmarkColumn(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	for name, f := range map[string]func() string{
		"texts": func() string {
			return fmt.Sprintf("市民来电反映福田区莲花路%d号门前路灯不亮，已协调供电部门抢修，预计三日内恢复照明，并向来电人说明情况。", rng.IntN(300))
		},
		"phones": func() string { return fmt.Sprintf("138%08d", rng.IntN(1e8)) },
		"categories": func() string {
			return []string{"噪音扰民", "占道经营", "道路破损", "路灯故障"}[rng.IntN(4)]
		},
		"names": func() string { return string(surnameList[rng.IntN(300)]) + string(givenList[rng.IntN(300)]) },
		"codes": func() string { return fmt.Sprintf("E%06d", rng.IntN(1e6)) },
	} {
		b.Run(name, func(b *testing.B) {
			c := table.NewColumn(table.Field{Name: "c", Type: table.String}, 0)
			size := 0
			for range 20_000 {
				c.AppendStr(f())
				size += len(c.Str[len(c.Str)-1])
			}
			d := NewColumn(c.Field)
			start := cpuTime(b)
			for b.Loop() {
				d.Add(&c)
			}
			cpu := cpuTime(b) - start
			b.ReportMetric(float64(size*b.N)/cpu*1000, "MB/cpu-s")
			b.ReportMetric(cpu/float64(b.N)/20_000, "cpu-ns/value")
		})
	}
}
