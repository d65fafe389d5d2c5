package mask

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"aihub"
	"aihub/catalog/detect"
	"aihub/catalog/mask/block"
	"aihub/internal/table"
)

var testKey = func() (k []byte) {
	for i := range byte(32) {
		k = append(k, i)
	}
	return k
}()

// col makes a column of type t from texts; ∅ is null.
func col(name string, t table.Type, vals ...string) table.Column {
	var csv strings.Builder
	csv.WriteString(name + "\n")
	for _, v := range vals {
		if v == "∅" {
			v = ""
		}
		csv.WriteString(`"` + strings.ReplaceAll(v, `"`, `""`) + "\"\n")
	}
	r, err := table.OpenCSV(strings.NewReader(csv.String()), table.CSVOptions{Delimiter: ',', Types: map[string]table.Type{name: t}})
	if err != nil {
		panic(err)
	}
	b, err := table.ReadAll(r, 1<<20)
	if err != nil {
		panic(err)
	}
	return b.Cols[0]
}

func batch(cols ...table.Column) *table.Batch {
	return &table.Batch{Cols: cols, Rows: cols[0].Len()}
}

// apply masks one batch under a plan.
func apply(t interface {
	Helper()
	Fatal(...any)
}, p Plan, b *table.Batch) (*table.Batch, *Masking) {
	t.Helper()
	m, err := p.Compile(b.Schema(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Observe(b); err != nil {
		t.Fatal(err)
	}
	m.Seal()
	return m.Apply(m.Records(b)), m
}

func rendered(c *table.Column) (out []string) {
	for i := range c.Len() {
		v, ok := c.Text(i)
		if !ok {
			v = "∅"
		}
		out = append(out, v)
	}
	return out
}

func mask1(t interface {
	Helper()
	Fatal(...any)
}, r Rule, c table.Column) ([]string, *Masking) {
	t.Helper()
	out, m := apply(t, Plan{Columns: map[string]Rule{c.Name: r}}, batch(c))
	return rendered(&out.Cols[0]), m
}

func f(v float64) *float64 { return &v }

func TestTechniques(t *testing.T) {
	t.Parallel()
	age := "1;0-4;0-9;*\n2;0-4;0-9;*\n7;5-9;0-9;*"
	for name, c := range map[string]struct {
		r    Rule
		in   table.Column
		want []string
		typ  table.Type
	}{
		"keep":           {Rule{Use: "keep"}, col("c", table.Int64, "1", "∅"), []string{"1", "∅"}, table.Int64},
		"band":           {Rule{Use: "band", Width: 10}, col("c", table.Int64, "0", "9", "10", "-1", "∅"), []string{"0-9", "0-9", "10-19", "-10--1", "∅"}, table.String},
		"band ends":      {Rule{Use: "band", Width: 10, Min: f(20), Max: f(85)}, col("c", table.Int64, "19", "20", "84", "85"), []string{"<20", "20-29", "80-84", ">=85"}, table.String},
		"band whole":     {Rule{Use: "band", Width: 10}, col("c", table.Int64, "9223372036854775807", "-9223372036854775808", "9007199254740993", "-9007199254740993"), []string{"9223372036854775800-9223372036854775807", "-9223372036854775808--9223372036854775801", "9007199254740990-9007199254740999", "-9007199254741000--9007199254740991"}, table.String},
		"band of one":    {Rule{Use: "band", Width: 1, Max: f(3)}, col("c", table.Int64, "-2", "2", "3"), []string{"-2", "2", ">=3"}, table.String},
		"band millions":  {Rule{Use: "band", Width: 1e6, Max: f(5e6)}, col("c", table.Float64, "1500000", "7000000", "1e22"), []string{"[1000000,2000000)", ">=5000000", ">=5000000"}, table.String},
		"band decimals":  {Rule{Use: "band", Width: 0.1}, col("c", table.Float64, "0.2", "0.3", "0.69", "0.7", "-0.1"), []string{"[0.2,0.3)", "[0.3,0.4)", "[0.6,0.7)", "[0.7,0.8)", "[-0.1,0)"}, table.String},
		"band origin":    {Rule{Use: "band", Width: 0.25, Min: f(0.1)}, col("c", table.Float64, "0.1", "0.35", "0.599"), []string{"[0.1,0.35)", "[0.35,0.6)", "[0.35,0.6)"}, table.String},
		"band float":     {Rule{Use: "band", Width: 0.5}, col("c", table.Float64, "0.25", "1"), []string{"[0,0.5)", "[1,1.5)"}, table.String},
		"hierarchy 1":    {Rule{Use: "hierarchy", Level: 1, Hierarchy: age}, col("c", table.Int64, "2", "7", "∅"), []string{"0-4", "5-9", "∅"}, table.String},
		"hierarchy 3":    {Rule{Use: "hierarchy", Level: 3, Hierarchy: age}, col("c", table.String, "2"), []string{"*"}, table.String},
		"year":           {Rule{Use: "date"}, col("c", table.Date, "1987-06-05", "∅"), []string{"1987-01-01", "∅"}, table.Date},
		"month":          {Rule{Use: "date", To: "month"}, col("c", table.Date, "1967-06-05"), []string{"1967-06-01"}, table.Date},
		"quarter":        {Rule{Use: "date", To: "quarter"}, col("c", table.Date, "1967-06-05", "1967-12-31"), []string{"1967-04-01", "1967-10-01"}, table.Date},
		"5years":         {Rule{Use: "date", To: "5years"}, col("c", table.Date, "1987-06-05", "1985-01-01", "1984-12-31"), []string{"1985-01-01", "1985-01-01", "1980-01-01"}, table.Date},
		"timestamp":      {Rule{Use: "date", To: "month"}, col("c", table.Timestamp, "1969-12-31T23:59:59Z"), []string{"1969-12-01"}, table.Date},
		"district":       {Rule{Use: "address"}, col("c", table.String, "广东省深圳市福田区莲花路12号", "深圳市南山区科技园", "福田区景田路8号", "苏州市昆山市人民路1号", "安徽省肥西县上派镇", "厦门市软件园"), []string{"广东省深圳市福田区", "深圳市南山区", "福田区", "苏州市昆山市", "安徽省肥西县", "厦门市"}, table.String},
		"no address":     {Rule{Use: "address", OnInvalid: "missing"}, col("c", table.String, "无", "Tel 88 福田区", "张三, 福田区"), []string{"∅", "∅", "∅"}, table.String},
		"city":           {Rule{Use: "address", To: "city"}, col("c", table.String, "广东省深圳市福田区莲花路12号", "北京市朝阳区"), []string{"广东省深圳市", "北京市"}, table.String},
		"redact":         {Rule{Use: "redact"}, col("c", table.String, "市民张伟来电13812345678，反映福田区莲花路12号漏水", "无"), []string{"市民〔姓名〕来电〔电话〕，反映〔地址〕漏水", "无"}, table.String},
		"redact several": {Rule{Use: "redact"}, col("c", table.String, "卡6222021234567890128，身份证11010519491231002X，a@b.cn"), []string{"卡〔银行卡〕，身份证〔证件号〕，〔邮箱〕"}, table.String},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.Name == "" {
				t.Fatal("no column")
			}
			got, m := mask1(t, c.r, c.in)
			if err := m.Err(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" || m.Schema()[0].Type != c.typ {
				t.Errorf("%s %s", m.Schema()[0].Type, d)
			}
		})
	}
}

// Pseudonyms are what OpenSSL makes of the same key, domain and value, in both
// suites.
func TestPseudonymGolden(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/pseudonym.golden")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		cell := strings.Split(line, "\t")
		c := table.NewColumn(table.Field{Name: "c", Type: table.String}, 1)
		c.AppendStr(cell[2])
		m, err := Plan{Crypto: cell[0], Columns: map[string]Rule{"c": {Use: "pseudonym", Domain: cell[1]}}}.Compile([]table.Field{c.Field}, testKey)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Apply(batch(c)).Cols[0].Str[0]; got != cell[3] {
			t.Errorf("%q in domain %q under %s: %s, want %s", cell[2], cell[1], cell[0], got, cell[3])
		}
		n++
	}
	if n != 42 {
		t.Fatalf("%d lines", n)
	}
}

// The vectors of RFC 4493, section 4, each among others of other lengths.
func TestCMAC(t *testing.T) {
	t.Parallel()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c, _ := block.NewAES(unhex("2b7e151628aed2a6abf7158809cf4f3c"))
	m := unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	var src [][]byte
	var want []string
	for range 9 {
		src = append(src, m[:0], m[:16], m[:40], m[:64])
		want = append(want, "bb1d6929e95937287fa37d129b756746", "070a16b46b4d4144f79bdd9dd04a287c", "dfa66747de9ae63030ca32611497c827", "51f0bebf7e3b9d92fc49741779363cfe")
	}
	var sums [lanes * 16]byte
	newPRF(c).sum(&sums, src)
	for i, w := range want {
		if got := hex.EncodeToString(sums[i*16 : i*16+16]); got != w {
			t.Errorf("%d bytes: %s, want %s", len(src[i]), got, w)
		}
	}
}

// Texts of as many blocks each, whatever their lengths, have the results that they
// have among others.
func TestSums(t *testing.T) {
	t.Parallel()
	b, _ := block.NewAES(make([]byte, 32))
	p := newPRF(b)
	rng := rand.New(rand.NewPCG(5, 5))
	all := make([]byte, 100)
	for i := range all {
		all[i] = byte(rng.Uint32())
	}
	for n := range 70 {
		var src [][]byte
		for i := range lanes {
			src = append(src, all[i%7:][:max(n-i%2, 0)])
		}
		for _, src := range [][][]byte{src, src[:1], src[:33], {src[0], src[2]}} {
			var got, want, buf [lanes * 16]byte
			p.sum(&got, src)
			p.sumAny(&want, &buf, src)
			if got != want {
				t.Fatalf("%d texts of about %d bytes: %x, want %x", len(src), n, got, want)
			}
		}
	}
}

// A block is padded as NIST SP 800-38B says at every length, whatever lies behind it.
func TestPadded(t *testing.T) {
	t.Parallel()
	all := []byte("\xf0\x81\xffdefghijklmnopq")
	for n := range 16 {
		x, y := padded(all[:n])
		got := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, x), y)
		want := append(append(append([]byte(nil), all[:n]...), 0x80), make([]byte, 15-n)...)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

// Texts of up to 15 bytes are one padded block: the padding can be undone, so
// the pseudonym is a permutation of them, and no two share one.
func TestPseudonymInjective(t *testing.T) {
	t.Parallel()
	var vals []string
	for i := range 30_000 {
		vals = append(vals, fmt.Sprint(i), fmt.Sprintf("%05d", i), fmt.Sprintf("E%014d", i), fmt.Sprintf("440304199001%06d", i))
	}
	vals = append(vals, "", "\x80", "\x80\x00", "\x00", "a", "a\x80", "0123456789abcdef", "0123456789abcdef\x80")
	slices.Sort(vals)
	vals = slices.Compact(vals)
	c := table.NewColumn(table.Field{Name: "c", Type: table.String}, len(vals))
	for _, v := range vals {
		c.AppendStr(v)
	}
	got, _ := mask1(t, Rule{Use: "pseudonym"}, c)
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != len(vals) {
		t.Errorf("%d values have %d pseudonyms", len(vals), n)
	}
}

// Consistent within a domain and key; unlinkable across.
func TestScopes(t *testing.T) {
	t.Parallel()
	b := batch(col("a", table.String, "x", "y"), col("b", table.String, "x", "z"))
	rule := func(d string) Rule { return Rule{Use: "pseudonym", Domain: d} }
	same, _ := apply(t, Plan{Columns: map[string]Rule{"a": rule("d"), "b": rule("d")}}, b)
	if same.Cols[0].Str[0] != same.Cols[1].Str[0] || same.Cols[0].Str[1] == same.Cols[1].Str[1] {
		t.Error("one domain maps a value in two ways")
	}
	apart, _ := apply(t, Plan{Columns: map[string]Rule{"a": rule(""), "b": rule("")}}, b)
	if apart.Cols[0].Str[0] == apart.Cols[1].Str[0] {
		t.Error("two columns can be joined without a common domain")
	}
	m, err := Plan{Columns: map[string]Rule{"a": rule("d"), "b": rule("d")}}.Compile(b.Schema(), []byte("another scope's key"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Apply(b).Cols[0].Str[0] == same.Cols[0].Str[0] {
		t.Error("two scopes share a pseudonym")
	}
}

func drawResident(t *rapid.T) string {
	areas := []string{"110101", "440304", "659001", "830000", "310115", "460400"}
	b := rapid.SampledFrom(areas).Draw(t, "area") + fmt.Sprintf("%04d%02d%02d%03d", rapid.IntRange(1900, 2099).Draw(t, "y"),
		rapid.IntRange(1, 12).Draw(t, "m"), rapid.IntRange(1, 28).Draw(t, "d"), rapid.IntRange(0, 999).Draw(t, "seq"))
	return b + string(detect.ResidentCheck(b))
}

// Masked resident numbers and phones are valid, differ from the raw ones (but
// for a fixed point of the permutation, which none of these is), and injective.
func TestFormatPreserving(t *testing.T) {
	t.Parallel()
	for _, area := range []string{"any", "keep", "city", "province"} {
		t.Run(area, func(t *testing.T) {
			t.Parallel()
			back := map[string]string{}
			rapid.Check(t, func(t *rapid.T) {
				id := drawResident(t)
				res, m := mask1(t, Rule{Use: "resident", Area: area}, col("c", table.String, id))
				got := res[0]
				if m.Err() != nil || !detect.Resident(got) || got == id {
					t.Fatalf("%s became %q", id, got)
				}
				keeps := map[string]int{"any": 0, "keep": 6, "city": 4, "province": 2}[area]
				if got[:keeps] != id[:keeps] || area == "city" && got[4:6] != "00" || area == "province" && got[2:6] != "0000" {
					t.Fatalf("%s became %s under area: %s", id, got, area)
				}
				if was, ok := back[got]; ok && was != id && (area == "any" || area == "keep") {
					t.Fatalf("%s and %s share %s", was, id, got)
				}
				back[got] = id
			})
		})
	}
	t.Run("phone", func(t *testing.T) {
		t.Parallel()
		back := map[string]string{}
		rapid.Check(t, func(t *rapid.T) {
			v := rapid.StringMatching(`1[3-9][0-9]{9}`).Draw(t, "phone")
			res, m := mask1(t, Rule{Use: "phone"}, col("c", table.String, v, "+86 "+v[:3]+"-"+v[3:7]+"-"+v[7:]))
			got := res[0]
			if m.Err() != nil || !detect.Mobile(got) || got[:3] != v[:3] || res[1] != got {
				t.Fatalf("%s became %v", v, res)
			}
			if was, ok := back[got]; ok && was != v {
				t.Fatalf("%s and %s share %s", was, v, got)
			}
			back[got] = v
		})
	})
}

// Each area code of the form has its own number, and the numbers are dense.
func TestAreaIndex(t *testing.T) {
	t.Parallel()
	n := uint64(0)
	for a := range 1_000_000 {
		s := fmt.Sprintf("%06d", a)
		if !detect.AreaForm(s) {
			continue
		}
		if i := areaIndex(s); i != n || areaAt(i) != s {
			t.Fatalf("%s is %d, want %d; back %s", s, i, n, areaAt(i))
		}
		n++
	}
	if n != areas {
		t.Fatalf("%d areas, want %d", n, areas)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	in := []string{"张伟", "欧阳修远", "王小二", "John Smith", "张伟", "∅"}
	got, _ := mask1(t, Rule{Use: "name"}, col("c", table.String, in...))
	if got[0] != got[4] {
		t.Error("one name got two replacements")
	}
	if len([]rune(got[0])) != 2 || len([]rune(got[1])) != 3 || !detect.ChineseName(got[2]) || !detect.LatinName(got[3]) || got[5] != "∅" {
		t.Error(got)
	}
	// By rank: 王 comes about twice as often as the sixth, 杨, and all come.
	many := make([]string, 20_000)
	for i := range many {
		many[i] = fmt.Sprintf("甲%d某", i)
	}
	got, _ = mask1(t, Rule{Use: "name"}, col("c", table.String, many...))
	count := map[string]int{}
	for _, v := range got {
		count[string([]rune(v)[:1])]++
	}
	if len(count) != len(hanSurnames.words) || count["王"] < 2*count["杨"] || count["王"] > 4*count["杨"] {
		t.Errorf("%d surnames, 王 %d, 杨 %d", len(count), count["王"], count["杨"])
	}
}

// A row's own name, phone and the like go from its texts, cue or no cue.
func TestRedactOwnValues(t *testing.T) {
	t.Parallel()
	b := batch(col("who", table.String, "诸葛甄", "李娜"), col("id", table.Int64, "12", "34"), col("where", table.String, "莲花路甲楼三层东", "∅"),
		col("note", table.String, "诸葛甄说莲花路甲楼三层东漏水，第12天", "给诸葛甄打电话"))
	out, _ := apply(t, Plan{Columns: map[string]Rule{"who": {Use: "name"}, "id": {Use: "pseudonym"}, "where": {Use: "address", OnInvalid: "missing"}, "note": {Use: "redact"}}}, b)
	want := []string{"〔姓名〕说〔地址〕漏水，第12天", "给诸葛甄打电话"}
	if d := cmp.Diff(want, out.Col("note").Str); d != "" {
		t.Error(d)
	}
}

// An extension goes with its number, whether the row has it or the text alone.
func TestRedactExtensions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"请拨0755-81234567转801": "请拨〔电话〕", "0755-81234567-8801，找王工": "〔电话〕，找王工", "82345678 转 801号": "〔电话〕号", "13812345678-2024-01-01": "〔电话〕-2024-01-01",
		"82345678（分机：12）": "〔电话〕）", "打82345678, 801室": "打〔电话〕, 801室",
	} {
		b := batch(col("tel", table.String, "82345678"), col("note", table.String, text))
		out, _ := apply(t, Plan{Columns: map[string]Rule{"tel": {Use: "phone", OnInvalid: "missing"}, "note": {Use: "redact"}}}, b)
		if got := out.Col("note").Str[0]; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// An area code, and the country's before it, goes with a number that has none of its
// own: left before the placeholder, it would tell where somebody lives.
func TestRedactAreaCodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"打0755-82345678": "打〔电话〕", "请拨(0755)82345678转801": "请拨〔电话〕", "打（010） 82345678。": "打〔电话〕。", "075582345678": "〔电话〕",
		"+86 755 82345678": "+〔电话〕", "86-0755-82345678": "〔电话〕", "+86(755)82345678": "+〔电话〕", "+86755－82345678": "+〔电话〕", "０７５５—82345678": "〔电话〕", "0755.82345678": "〔电话〕",
		"0755-82345678/82345678": "〔电话〕/〔电话〕", "0755-13800138000": "〔电话〕",
		"2024-82345678": "2024-〔电话〕", "共10755 82345678": "共10755 〔电话〕", "（见82345678）": "（见〔电话〕）", "85-755-82345678": "85-755-〔电话〕", "012-82345678": "012-〔电话〕",
	} {
		b := batch(col("tel", table.String, "82345678"), col("note", table.String, text))
		out, _ := apply(t, Plan{Columns: map[string]Rule{"tel": {Use: "phone", OnInvalid: "missing"}, "note": {Use: "redact"}}}, b)
		if got := out.Col("note").Str[0]; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A short value of the row stands alone in a text; a word or a number that it is
// part of is another.
func TestRedactShortOwnValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"员工W1023投诉餐厅": "员工〔编号〕投诉餐厅", "W1023": "〔编号〕", "员工W10234": "员工W10234", "员工AW1023": "员工AW1023",
		"W1023、W1023a": "〔编号〕、〔编号〕a", "小花说": "小花说",
	} {
		b := batch(col("id", table.String, "W1023"), col("note", table.String, text))
		out, _ := apply(t, Plan{Columns: map[string]Rule{"id": {Use: "pseudonym"}, "note": {Use: "redact"}}}, b)
		if got := out.Col("note").Str[0]; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	b := batch(col("id", table.Int64, "1023"), col("note", table.String, "工号1023，第10235次"))
	out, _ := apply(t, Plan{Columns: map[string]Rule{"id": {Use: "pseudonym"}, "note": {Use: "redact"}}}, b)
	if got := out.Col("note").Str[0]; got != "工号〔编号〕，第10235次" {
		t.Error(got)
	}
}

// What stands beside other letters and digits is still an identifier.
func TestRedactRunTogether(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"手机13800138000QQ12345678": "手机〔电话〕QQ12345678", "证件110101199003074610phone13800138000": "证件〔证件号〕phone〔电话〕",
		"卡号6222021234567890128CMB": "卡号〔银行卡〕CMB", "证件110101 19900307 4610": "证件〔证件号〕", "1380013 8000": "〔电话〕", "zhang_san＠qq.com": "〔邮箱〕",
	} {
		if got := redactText(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestInvalidValues(t *testing.T) {
	t.Parallel()
	vals := []string{"13812345678"}
	for range 30 {
		vals = append(vals, "0755-8321")
	}
	_, m := mask1(t, Rule{Use: "phone"}, col("tel", table.String, vals...))
	var e *aihub.Error
	if err := m.Err(); !errors.As(err, &e) || e.Kind != aihub.Contract || len(e.Faults) != 21 {
		t.Fatalf("%v", err)
	}
	if e.Faults[0].Where != "row 2, column tel" || strings.Contains(e.Error(), "8321") || e.Faults[20].Count != 30 {
		t.Errorf("%v", e)
	}
	got, m := mask1(t, Rule{Use: "phone", OnInvalid: "missing"}, col("tel", table.String, vals...))
	if m.Err() != nil || got[1] != "∅" || got[0] == "∅" || m.Nulled()["tel"] != 30 {
		t.Errorf("%v %v", m.Err(), m.Nulled())
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "id", Type: table.String}, {Name: "age", Type: table.Int64}, {Name: "born", Type: table.String}, {Name: "city", Type: table.String}}
	faults := Plan{Columns: map[string]Rule{
		"id": {Use: "encrypt"}, "age": {Use: "band", Area: "keep"}, "born": {Use: "date", To: "day"}, "gone": {Use: "drop"},
	}}.Lint(schema)
	var got []string
	for _, f := range faults {
		got = append(got, f.Where+" "+f.Code)
	}
	want := []string{"columns column_not_covered", "columns.age.area parameter", "columns.age.width parameter", "columns.born.use type", "columns.born.to parameter", "columns.gone unknown_column", "columns.id.use technique"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if fs := (Plan{Default: "drop"}).Lint(schema); fs != nil {
		t.Error(fs)
	}
	if fs := (Plan{Default: "hide"}).Lint(schema); len(fs) == 0 || fs[0].Code != "default" {
		t.Error(fs)
	}
}

func TestHierarchyLint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		level int
		want  string
	}{
		"empty":        {"", 1, "lines"},
		"ragged":       {"a;b;c\nd;e", 1, "line 2"},
		"repeated":     {"a;b\na;c", 1, "line 2"},
		"level":        {"a;b", 2, "level 2"},
		"level 0":      {"a;b", 0, "level 0"},
		"inconsistent": {"a;x;p\nb;x;q", 1, "line 2"},
	} {
		_, fs := parseHierarchy(c.text, c.level)
		if !slices.ContainsFunc(fs, func(f aihub.Fault) bool { return strings.Contains(f.Message.EN, c.want) }) {
			t.Errorf("%s: %v", name, fs)
		}
	}
	h, fs := parseHierarchy("Bachelors;Undergraduate;Higher education;*\r\n11th;High School;Secondary education;*\r\n", 2)
	if fs != nil || h["11th"] != "Secondary education" {
		t.Errorf("%v %v", h, fs)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "a", Type: table.String}, {Name: "b", Type: table.String}}
	short, _ := Plan{Default: "keep", Columns: map[string]Rule{"b": {Use: "phone"}}}.Canonical(schema)
	long, _ := Plan{Columns: map[string]Rule{"a": {Use: "keep"}, "b": {Use: "phone", Domain: "b", OnInvalid: "refuse"}}}.Canonical(schema)
	if string(short) != string(long) {
		t.Errorf("one plan written in two ways:\n%s\n%s", short, long)
	}
}

// A preview of every technique, on made-up values only.
func TestPreview(t *testing.T) {
	t.Parallel()
	var schema []table.Field
	plan := Plan{Columns: map[string]Rule{}}
	for use := range Techniques {
		typ := table.String
		r := Rule{Use: use}
		switch use {
		case "band":
			typ, r.Width = table.Int64, 10
		case "round":
			typ, r.Width = table.Int64, 1000
		case "clip":
			typ, r.Min, r.Max = table.Float64, f(90), f(91)
		case "noise":
			typ, r.Scale, r.By = table.Float64, 3, "keep"
		case "shift":
			typ, r.Days, r.By = table.Date, 100, "keep"
		case "aggregate":
			typ, r.K = table.Float64, 2
		case "suppress":
			typ, r.FewerThan = table.String, 2
		case "date":
			typ = table.Date
		case "hierarchy":
			r.Level, r.Hierarchy = 1, "甲;一\n乙;二"
		}
		schema = append(schema, table.Field{Name: use, Type: typ})
		plan.Columns[use] = r
	}
	ex, err := plan.Preview(schema, 3)
	if err != nil || len(ex) != 3*(len(Techniques)-1) {
		t.Fatal(len(ex), err)
	}
	for _, e := range ex {
		if e.Use == "suppress" {
			if e.After != "" {
				t.Errorf("%+v", e)
			}
			continue
		}
		// A name may be drawn for itself, and a number lie between the ends already.
		same := e.After == e.Before && e.Use != "name" && e.Use != "clip"
		if e.Use != "drop" && e.Use != "permute" && (e.After == "" || same) {
			t.Errorf("%+v", e)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	for _, c := range []struct {
		r Rule
		v string
	}{{Rule{Use: "pseudonym"}, "E0001234"}, {Rule{Use: "phone"}, "13812345678"}, {Rule{Use: "resident"}, "11010519491231002X"}, {Rule{Use: "card"}, "6222021234567890128"}, {Rule{Use: "uscc"}, "91350100M000100Y43"}, {Rule{Use: "plate"}, "粤B12345"}, {Rule{Use: "name"}, "张伟"}} {
		b.Run(c.r.Use, func(b *testing.B) {
			vals := make([]string, 1000)
			for i := range vals {
				vals[i] = c.v
			}
			in := batch(col("c", table.String, vals...))
			m, err := Plan{Columns: map[string]Rule{"c": c.r}}.Compile(in.Schema(), testKey)
			if err != nil {
				b.Fatal(err)
			}
			start := cpuTime(b)
			for b.Loop() {
				m.Apply(in)
			}
			if err := m.Err(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpuTime(b)-start)/float64(b.N)/1000, "cpu-ns/value")
		})
	}
}

func FuzzHierarchy(f *testing.F) {
	f.Add("a;b;c\nd;b;c", 1)
	f.Add("\r\n;;\n", 2)
	f.Fuzz(func(t *testing.T, text string, level int) {
		h, fs := parseHierarchy(text, level)
		if fs == nil && len(h) == 0 {
			t.Fatal("neither values nor faults")
		}
	})
}
