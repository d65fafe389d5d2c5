package detect

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"aihub/internal/table"
)

// golden yields the identifiers that testdata/reference.py computed.
func golden(t *testing.T, f func(kind Kind, v string)) {
	t.Helper()
	file, err := os.Open("testdata/identifiers.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for sc := bufio.NewScanner(file); sc.Scan(); n++ {
		k, v, _ := strings.Cut(sc.Text(), "\t")
		f(Kind(k), v)
	}
	if n != 600 {
		t.Fatalf("%d lines", n)
	}
}

// around are texts that an identifier may stand in.
var around = []string{"%s", "联系电话%s请回复", "编号:%s,", "%s。", "tel%s", "（%s）", "a b %s c", "其身份证号为%s，家住", "\t%s\n"}

// What the reference computed is found, alone and in text, and nothing is once
// its check digit is changed.
func TestScanGolden(t *testing.T) {
	t.Parallel()
	golden(t, func(kind Kind, v string) {
		for _, a := range around {
			if kind == KindUSCC && strings.HasPrefix(a, "tel") {
				continue // letters may be part of a code
			}
			wantOnly(t, fmt.Sprintf(a, v), kind, v)
		}
		for c := byte('0'); c <= '9'; c++ {
			if c == v[len(v)-1] {
				continue
			}
			for _, m := range Scan(v[:len(v)-1] + string(c)) {
				if m.Kind == kind {
					t.Fatalf("%s found in %s with check digit %c", kind, v, c)
				}
			}
		}
	})
}

func wantOnly(t interface{ Fatalf(string, ...any) }, text string, kind Kind, v string) {
	ms := Scan(text)
	if len(ms) != 1 || ms[0].Kind != kind || text[ms[0].Start:ms[0].End] != v {
		t.Fatalf("%s %q in %q: %+v", kind, v, text, ms)
	}
}

func TestResidentForms(t *testing.T) {
	t.Parallel()
	// The worked example of GB 11643-1999, and its number with a lower-case x.
	for v, want := range map[string]bool{
		"11010519491231002X": true, "11010519491231002x": true, "440524188001010014": false, // born 1880
		"110105194913310027": false, "990105194912310020": false, "11010519491231002": false, "110105202302290025": false, "": false,
	} {
		if Resident(v) != want {
			t.Errorf("Resident(%s) = %v", v, !want)
		}
	}
}

// Every generated mobile, landline and e-mail is found in every text.
func TestScanRecall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := func(n int) string { return rapid.StringMatching(fmt.Sprintf("[0-9]{%d}", n)).Draw(t, "digits") }
		a := rapid.SampledFrom(around).Draw(t, "around")
		m := "1" + rapid.SampledFrom([]string{"3", "4", "5", "6", "7", "8", "9"}).Draw(t, "second") + d(9)
		wantOnly(t, fmt.Sprintf(a, m), KindMobile, m)
		for _, cut := range []string{"-", " "} {
			g := m[:3] + cut + m[3:7] + cut + m[7:]
			wantOnly(t, fmt.Sprintf(a, g), KindMobile, g)
		}
		wantOnly(t, fmt.Sprintf(a, "+86"+m), KindMobile, m)
		l := rapid.SampledFrom([]string{"0755", "0571", "0898"}).Draw(t, "area") + "-" + rapid.SampledFrom([]string{"2", "8"}).Draw(t, "first") + d(7)
		wantOnly(t, fmt.Sprintf(a, l), KindLandline, l)
		inner := l + rapid.SampledFrom([]string{"转", "-", " ext. ", "，分机：", "（转"}).Draw(t, "inner") + d(3)
		wantOnly(t, fmt.Sprintf(a, inner), KindLandline, inner)
		l = rapid.SampledFrom([]string{"010", "021"}).Draw(t, "area") + rapid.SampledFrom([]string{"2", "8"}).Draw(t, "first") + d(7)
		wantOnly(t, fmt.Sprintf(a, l), KindLandline, l)
		if !strings.HasPrefix(a, "tel") {
			e := rapid.StringMatching(`[a-z][a-z0-9_]{2,10}@[a-z]{2,8}\.(com|gov\.cn|cn)`).Draw(t, "mail")
			wantOnly(t, fmt.Sprintf(a, e), KindEmail, e)
		}
	})
}

var (
	surnameList = []rune(surnames)
	givenList   = []rune(givenChars)
)

func drawName(t *rapid.T) string {
	s := ""
	if rapid.IntRange(0, 9).Draw(t, "compound") == 0 {
		s = rapid.SampledFrom(compoundSurnames).Draw(t, "surname")
	} else {
		s = string(rapid.SampledFrom(surnameList).Draw(t, "surname"))
	}
	for range rapid.IntRange(1, 2).Draw(t, "given") {
		s += string(rapid.SampledFrom(givenList).Draw(t, "given"))
	}
	return s
}

// A name beside a cue is covered, whatever follows.
func TestScanNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := drawName(t)
		for _, a := range []string{"姓名：%s，", "市民%s反映噪音扰民", "联系人:%s 电话", "%s先生来电", "业主%s称漏水", "据悉%s女士"} {
			text := fmt.Sprintf(a, name)
			at := strings.Index(text, name)
			covered := false
			for _, m := range Scan(text) {
				covered = covered || m.Start <= at && m.End >= at+len(name)
			}
			if !covered {
				t.Fatalf("%q not covered in %q: %+v", name, text, Scan(text))
			}
		}
	})
}

func TestScanAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"我住在福田区莲花路12号":                  "福田区莲花路12号",
		"位于深圳市福田区福强路1001号景田花园3栋502室的住户": "深圳市福田区福强路1001号景田花园3栋502室",
		"地址：莲花二村8栋301，请来人":              "莲花二村8栋301",
		"景田路8-2号门前积水":                   "景田路8-2号",
	} {
		ms := Scan(text)
		if len(ms) != 1 || ms[0].Kind != KindAddress || text[ms[0].Start:ms[0].End] != want {
			got := ""
			for _, m := range ms {
				got += fmt.Sprintf(" %s %q", m.Kind, text[m.Start:m.End])
			}
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, text := range []string{"12月3号下午", "第5号台风", "公交3号线", "共享单车乱停放", "5号"} {
		if ms := Scan(text); len(ms) != 0 {
			t.Errorf("%s: %+v", text, ms)
		}
	}
}

func TestNotIdentifiers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "2024-01-01 08:00:00", "12345678901", "订单1234567890123456", "3.14159265358979", "0123456789",
		"a1b2c3d4e5f60718293a4b5c6d7e8f90", "ver@2.0", "@所有人", "高度重视此事", "市民高度关注", "13812345678901"} {
		if ms := Scan(text); len(ms) != 0 {
			t.Errorf("%q: %+v", text, ms)
		}
	}
}

func TestWholeNames(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{"张伟": true, "欧阳修远": true, "阿卜杜·热合曼": true, "王小二": true, "福田区": false, "噪音扰民": false, "张": false, "高新区": false, "李 明": false} {
		if ChineseName(v) != want {
			t.Errorf("ChineseName(%s) = %v", v, !want)
		}
	}
	for v, want := range map[string]bool{"John Smith": true, "Mary J. Watson": true, "Smith, Anna": true, "Adm Clerical": false, "john smith": false, "United States": false, "John": false} {
		if LatinName(v) != want {
			t.Errorf("LatinName(%s) = %v", v, !want)
		}
	}
}

// Scan never leaves its text, and its matches are apart and in order.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"市民张伟13812345678", "0755-83212345", "(010) 8321 2345", "+86（0755） 13812345678", "0－13812345678", "6222 0212 3456 7890 123", "11010519491231002X", "a@b.cn@c.com", "福田路12号3栋", "\xff138\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, m := range Scan(s) {
			if m.Start < last || m.End <= m.Start || m.End > len(s) || m.Kind == "" {
				t.Fatalf("%+v in %q", Scan(s), s)
			}
			if utf8.ValidString(s) && !utf8.ValidString(s[m.Start:m.End]) {
				t.Fatalf("%+v cuts a rune of %q", m, s)
			}
			if from := AreaCode(s, m.Start); from < 0 || from > m.Start || utf8.ValidString(s) && !utf8.ValidString(s[from:]) {
				t.Fatalf("the area code of %+v in %q begins at %d", m, s, from)
			}
			last = m.End
		}
		ChineseName(s)
		LatinName(s)
		District(s)
	})
}

func strCol(name string, vals ...string) (*Column, *table.Column) {
	c := table.NewColumn(table.Field{Name: name, Type: table.String}, len(vals))
	for _, v := range vals {
		c.AppendStr(v)
	}
	d := NewColumn(c.Field)
	d.Add(&c)
	return d, &c
}

func TestColumnFindings(t *testing.T) {
	t.Parallel()
	many := func(f func(i int) string) (out []string) {
		for i := range 200 {
			out = append(out, f(i))
		}
		return out
	}
	resident := func(i int) string {
		b := fmt.Sprintf("44030419%02d0101%03d", 50+i%40, i)
		return b + string(ResidentCheck(b))
	}
	cat := []string{"高空抛物", "占道经营", "安全", "万家"}
	for name, c := range map[string]struct {
		vals   []string
		class  Class
		kind   Kind
		inside bool
	}{
		"id":   {many(resident), Direct, KindResident, false},
		"tel":  {many(func(i int) string { return fmt.Sprintf("138%08d", i) }), Direct, KindMobile, false},
		"who":  {many(func(i int) string { return "张" + string(givenList[i]) + string(givenList[i/7]) }), Direct, KindName, false},
		"姓名":   {[]string{"张伟", "李娜", "王芳"}, Direct, KindName, false},
		"type": {many(func(i int) string { return cat[i%4] }), None, "", false},
		"note": {append(many(func(i int) string { return "路灯不亮" }), "请打13812345678找我"), Direct, KindMobile, true},
		"one":  {append(many(func(i int) string { return "无" }), resident(1)), Direct, KindResident, false},
		"code": {many(func(i int) string { return fmt.Sprintf("E%06d", i) }), None, "", false},
		"area": {many(func(i int) string { return "广东省深圳市福田区" }), Quasi, KindDistrict, false},
		"addr": {many(func(i int) string { return fmt.Sprintf("深圳市福田区莲花路%d号", i) }), Direct, KindAddress, false},
		"年龄":   {many(func(i int) string { return "35" }), Quasi, KindNamed, false},
		"诊断":   {many(func(i int) string { return "感冒" }), Sensitive, KindNamed, false},
	} {
		d, _ := strCol(name, c.vals...)
		f := d.Findings()[0]
		if f.Class != c.class || f.Kind != c.kind || f.Inside != c.inside {
			t.Errorf("%s: %+v", name, f)
		}
		for _, v := range c.vals {
			if f.Shape == v && strings.ContainsAny(v, "123456789") {
				t.Errorf("%s: the evidence shows a value", name)
			}
		}
	}
}

func TestIntegerColumn(t *testing.T) {
	t.Parallel()
	c := table.NewColumn(table.Field{Name: "n", Type: table.Int64}, 100)
	for i := range int64(100) {
		c.AppendInt(13_800_000_000 + i)
	}
	d := NewColumn(c.Field)
	d.Add(&c)
	if f := d.Findings()[0]; f.Kind != KindMobile || f.Share != 1 {
		t.Errorf("%+v", f)
	}
	c.Reset()
	for i := range int64(1000) { // amounts: few look like a phone
		c.AppendInt(i * i * 40_000_000)
	}
	d = NewColumn(c.Field)
	d.Add(&c)
	if f := d.Findings()[0]; f.Class == Direct {
		t.Errorf("%+v", f)
	}
}

// A float keeps 53 bits: of a resident number the check digit is lost, not the form.
func TestFloatColumn(t *testing.T) {
	t.Parallel()
	c := table.NewColumn(table.Field{Name: "n", Type: table.Float64}, 200)
	for i := range 200 {
		v, err := strconv.ParseFloat(fmt.Sprintf("44030419%02d0101%03d0", 50+i%40, 100+i), 64)
		if err != nil {
			t.Fatal(err)
		}
		c.AppendFlt(v)
	}
	d := NewColumn(c.Field)
	d.Add(&c)
	if f := d.Findings()[0]; f.Kind != KindResident || f.Share < 0.99 || f.Use != "drop" || strings.Trim(f.Shape, "9") != "" {
		t.Errorf("%+v", f)
	}
	c.Reset()
	c.AppendFlt(440304195001012000)
	for i := range 199 { // codes of 18 digits, of which one has the form
		c.AppendFlt(9e17 + 1e6*float64(i))
	}
	d = NewColumn(c.Field)
	d.Add(&c)
	if f := d.Findings()[0]; d.rounded != 1 || f.Kind == KindResident {
		t.Errorf("%d: %+v", d.rounded, f)
	}
}

// Bank cards of 17 digits and more are told by issuer and length where a float has
// lost the check digit; numbers of that size that are none are left alone.
func TestFloatCards(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(17, 19))
	card := func(prefix string, n int) float64 {
		body := prefix
		for len(body) < n-1 {
			body += string(rune('0' + rng.IntN(10)))
		}
		v, err := strconv.ParseFloat(body+string(LuhnDigit(body)), 64)
		if err != nil || !BankCard(body+string(LuhnDigit(body))) {
			t.Fatal(body, err)
		}
		return v
	}
	of := func(f func(i int) float64) Finding {
		c := table.NewColumn(table.Field{Name: "n", Type: table.Float64}, 2000)
		for i := range 2000 {
			c.AppendFlt(f(i))
		}
		d := NewColumn(c.Field)
		d.Add(&c)
		return d.Findings()[0]
	}
	for name, f := range map[string]func(i int) float64{
		"19 digits":          func(int) float64 { return card("622202", 19) },
		"17 digits":          func(int) float64 { return card("621226", 17) },
		"18 digits":          func(int) float64 { return card("601382", 18) },
		"beside those of 16": func(i int) float64 { return card([]string{"622588", "621700"}[i%2], []int{16, 19}[i%2]) },
		"a third of amounts": func(i int) float64 {
			if i%3 == 0 {
				return card("622848", 19)
			}
			return 1e16 * (1 + rng.Float64())
		},
	} {
		if got := of(f); got.Kind != KindCard || got.Class != Direct || got.Use != "drop" || strings.Trim(got.Shape, "9") != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, f := range map[string]func(i int) float64{
		"of any digits":      func(int) float64 { return math.Trunc(1e16 + rng.Float64()*9e18) },
		"of any size":        func(int) float64 { return math.Trunc(math.Pow(10, 16+rng.Float64()*2.9)) },
		"nanoseconds":        func(i int) float64 { return 1.7e18 + float64(i)*6e13 },
		"snowflakes":         func(i int) float64 { return math.Trunc(1.2e18 + rng.Float64()*3e17) },
		"normal":             func(int) float64 { return math.Trunc(5e17 + math.Abs(rng.NormFloat64())*2e17) },
		"cells in fractions": func(int) float64 { return rng.Float64() * 1e5 },
	} {
		if got := of(f); got.Kind == KindCard {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Free text with an identifier or two every few sentences, and a regular
// expression for mobile numbers alone as the baseline.
func BenchmarkScan(b *testing.B) {
	text := strings.Repeat("2024年3月5日，市民张伟来电反映福田区莲花路12号门前路灯不亮，电话13812345678，请尽快处理。"+
		"经现场核查，该路段因道路施工导致供电线路中断，已协调供电部门抢修，预计三日内恢复照明，并向来电人说明情况，其表示理解和认可。"+
		"工作人员将继续跟进，确保周边居民夜间出行安全，同时加强日常巡查，发现问题及时上报处理。", 20)
	latin := strings.Repeat("The street light in front of the gate has been out for three days and nobody came to mend it. "+
		"Please call John Smith at 13812345678 or write to someone@example.com when it works again, thank you very much. ", 20)
	var found []Match // as a column keeps them
	mobile := regexp.MustCompile(`(?:^|[^0-9])1[3-9][0-9]{9}(?:$|[^0-9])`)
	for _, c := range []struct {
		name, text string
		f          func(string)
	}{
		{"han", text, func(s string) { found = AppendScan(found, s) }}, {"latin", latin, func(s string) { found = AppendScan(found, s) }},
		{"one regexp, han", text, func(s string) { mobile.FindAllStringIndex(s, -1) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			start := cpuTime(b)
			for b.Loop() {
				c.f(c.text)
			}
			b.ReportMetric(float64(len(c.text)*b.N)/(cpuTime(b)-start)*1000, "MB/cpu-s")
		})
	}
}

// cpuTime is the processor time that this process took so far, in ns.
func cpuTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}
