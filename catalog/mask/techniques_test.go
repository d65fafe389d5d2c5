package mask

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"aihub/catalog/detect"
	"aihub/internal/table"
	"aihub/internal/yamlx"
)

// Masked cards, codes and plates pass the check that the raw ones pass, keep
// what they should, and no two raw ones share one.
func TestCodes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 5))
	chars := func(alphabet string, n int) (s string) {
		for range n {
			s += string(alphabet[rng.IntN(len(alphabet))])
		}
		return s
	}
	const digits = "0123456789"
	code := func(rightInside bool) string {
		org := chars(detect.USCCAlphabet, 8)
		inner := detect.OrgCheck(org)
		for !rightInside && inner == detect.OrgCheck(org) {
			inner = chars(detect.USCCAlphabet, 1)[0]
		}
		s := "91440300" + org + string(inner)
		c, _ := detect.USCCCheck(s)
		return s + string(c)
	}
	for _, c := range []struct {
		use   string
		make  func() string
		valid func(string) bool
		keeps int // bytes
	}{
		{"card", func() string { b := "622202" + chars(digits, 9+rng.IntN(4)); return b + string(detect.LuhnDigit(b)) }, detect.BankCard, 6},
		{"card", func() string { b := "34" + chars(digits, 12); return b + string(detect.LuhnDigit(b)) }, detect.BankCard, 6},
		{"uscc", func() string { return code(true) }, func(s string) bool { return detect.USCC(s) && detect.OrgCheck(s[8:16]) == s[16] }, 8},
		{"uscc", func() string { return code(false) }, func(s string) bool { return detect.USCC(s) && detect.OrgCheck(s[8:16]) != s[16] }, 8},
		{"plate", func() string { return "粤B" + chars(digits, 3) + chars(plateAlphabet, 2) }, detect.Plate, 4},
		{"plate", func() string { return "京AD" + chars(plateAlphabet, 1) + chars(digits, 4) }, detect.Plate, 4},
		{"plate", func() string { return "沪C" + chars(digits, 5) + chars(detect.EnergyLetters, 1) }, detect.Plate, 4},
		{"plate", func() string { return "使" + chars(digits, 6) }, detect.EmbassyPlate, 3},
		{"plate", func() string { return chars(digits, 6) + "使" }, detect.EmbassyPlate, 0},
		{"plate", func() string { return "WJ粤" + chars(digits, 4) + chars(plateAlphabet, 1) }, detect.ArmedPolicePlate, 2},
		{"plate", func() string { return "粤Z" + chars(digits, 2) + chars(plateAlphabet, 2) + "港" }, detect.Plate, 4},
	} {
		var in []string
		for range 1000 {
			in = append(in, c.make())
		}
		slices.Sort(in)
		in = slices.Compact(in)
		got, m := mask1(t, Rule{Use: c.use}, col("c", table.String, in...))
		if err := m.Err(); err != nil {
			t.Fatalf("%s %s: %v", c.use, in[0], err)
		}
		same := 0
		for i, v := range got {
			if !c.valid(v) || len(v) != len(in[i]) || v[:c.keeps] != in[i][:c.keeps] {
				t.Fatalf("%s: %s became %s", c.use, in[i], v)
			}
			if v == in[i] {
				same++
			}
		}
		slices.Sort(got)
		if n := len(slices.Compact(got)); n != len(in) || same > 2 {
			t.Errorf("%s: %d values became %d, %d stayed", c.use, len(in), n, same)
		}
	}
	for use, bad := range map[string]string{"card": "6222021234567890127", "uscc": "91350100M000100Y44", "plate": "粤B12"} {
		if got, _ := mask1(t, Rule{Use: use, OnInvalid: "missing"}, col("c", table.String, bad)); got[0] != "∅" {
			t.Errorf("%s took %s", use, bad)
		}
	}
	for use, pair := range map[string][2]string{"card": {"6222 0212-3456 7890128", "6222021234567890128"}, "uscc": {"91350100m000100y43", "91350100M000100Y43"},
		"plate": {"粤ｂ·１2345", "粤B12345"}, "phone": {"＋８６１３８１２３４５６７８", "13812345678"}, "resident": {"１１０１０５１９４９１２３１００２ｘ", "11010519491231002X"}} {
		if got, m := mask1(t, Rule{Use: use}, col("c", table.String, pair[0], pair[1])); got[0] != got[1] || m.Err() != nil {
			t.Errorf("%s: %q and %q became %v", use, pair[0], pair[1], got)
		}
	}
	// A number from before 1999 is its holder's number of today.
	if got, m := mask1(t, Rule{Use: "resident"}, col("c", table.String, "110105491231002", "11010519491231002X")); got[0] != got[1] || m.Err() != nil {
		t.Errorf("15 and 18 digits became %v", got)
	}
}

// One domain in one scope maps alike in tables of their own, in both suites, and
// the suites differ.
func TestTablesJoin(t *testing.T) {
	t.Parallel()
	var both []string
	for _, crypto := range []string{"aes", "sm"} {
		p := func(column string) Plan {
			return Plan{Crypto: crypto, Columns: map[string]Rule{column: {Use: "resident", Domain: "person"}}}
		}
		a, _ := apply(t, p("id"), batch(col("id", table.String, "11010519491231002X", "440524198001010013")))
		b, _ := apply(t, p("owner"), batch(col("owner", table.String, "440524198001010013")))
		if a.Cols[0].Str[1] != b.Cols[0].Str[0] {
			t.Errorf("%s: %s and %s", crypto, a.Cols[0].Str[1], b.Cols[0].Str[0])
		}
		both = append(both, b.Cols[0].Str[0])
	}
	if both[0] == both[1] {
		t.Error("aes and sm agree")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		r    Rule
		in   table.Column
		want []string
	}{
		"round":       {Rule{Use: "round", Width: 10}, col("c", table.Int64, "14", "15", "-14", "-15", "-16", "0", "∅"), []string{"10", "20", "-10", "-10", "-20", "0", "∅"}},
		"round ends":  {Rule{Use: "round", Width: 10, OnInvalid: "missing"}, col("c", table.Int64, "9223372036854775807", "-9223372036854775808"), []string{"∅", "∅"}},
		"round float": {Rule{Use: "round", Width: 0.5}, col("c", table.Float64, "1.2", "1.25", "-0.1"), []string{"1", "1.5", "0"}},
		"decimals":    {Rule{Use: "round", Width: 0.1}, col("c", table.Float64, "0.3", "0.6", "0.7", "1.11", "2.32", "-0.05", "1e300"), []string{"0.3", "0.6", "0.7", "1.1", "2.3", "0", "1e+300"}},
		"thirds":      {Rule{Use: "round", Width: 0.15}, col("c", table.Float64, "0.4", "0.9"), []string{"0.45", "0.9"}},
		"clip":        {Rule{Use: "clip", Min: f(18), Max: f(90)}, col("c", table.Int64, "5", "18", "90", "103", "∅"), []string{"18", "18", "90", "90", "∅"}},
		"clip float":  {Rule{Use: "clip", Max: f(0.5)}, col("c", table.Float64, "-7", "0.75"), []string{"-7", "0.5"}},
		"suppress":    {Rule{Use: "suppress", Values: []string{"乙"}}, col("c", table.String, "甲", "乙", "∅"), []string{"甲", "∅", "∅"}},
		"as written":  {Rule{Use: "suppress", Values: []string{"1.50", "-99"}}, col("c", table.Float64, "1.5", "-99.0", "15"), []string{"∅", "∅", "15"}},
		"a day":       {Rule{Use: "suppress", Values: []string{"2024-01-01T08:00:00+08:00"}}, col("c", table.Timestamp, "2024-01-01T00:00:00Z", "2024-01-01T08:00:00Z"), []string{"∅", "2024-01-01T08:00:00Z"}},
		"leading 0":   {Rule{Use: "suppress", Values: []string{"007"}}, col("c", table.Int64, "7", "70"), []string{"∅", "70"}},
		"beyond":      {Rule{Use: "suppress", Min: f(0), Max: f(9)}, col("c", table.Int64, "-1", "0", "9", "10"), []string{"∅", "0", "9", "∅"}},
		"rare":        {Rule{Use: "suppress", FewerThan: 2}, col("c", table.String, "甲", "乙", "甲"), []string{"甲", "∅", "甲"}},
		"record":      {Rule{Use: "suppress", Values: []string{"乙"}, Record: true}, col("c", table.String, "甲", "乙", "丙"), []string{"甲", "丙"}},
		"aggregate":   {Rule{Use: "aggregate", K: 3}, col("c", table.Int64, "1", "2", "3", "10", "20", "30", "31", "∅"), []string{"2", "2", "2", "23", "23", "23", "23", "∅"}},
		"ties":        {Rule{Use: "aggregate", K: 2}, col("c", table.Float64, "5", "5", "5", "1", "9", "9.5"), []string{"4", "4", "4", "4", "9.2", "9.2"}},
		"third":       {Rule{Use: "aggregate", K: 3}, col("c", table.Float64, "1.25", "1", "1"), []string{"1.08", "1.08", "1.08"}},
		"hundreds":    {Rule{Use: "aggregate", K: 3}, col("c", table.Int64, "100", "200", "700"), []string{"300", "300", "300"}},
		"seconds":     {Rule{Use: "aggregate", K: 3}, col("c", table.Timestamp, "2024-01-01T00:00:00", "2024-01-01T00:00:01", "2024-01-01T00:00:01"), []string{"2024-01-01T00:00:01Z", "2024-01-01T00:00:01Z", "2024-01-01T00:00:01Z"}},
		"no number":   {Rule{Use: "aggregate", K: 3}, floats(math.NaN(), 1, 2, 3, math.Inf(1)), []string{"NaN", "2", "2", "2", "∅"}},
		"too few":     {Rule{Use: "aggregate", K: 5}, col("c", table.Int64, "1", "3"), []string{"∅", "∅"}},
	} {
		got, m := mask1(t, c.r, c.in)
		if fmt.Sprint(got) != fmt.Sprint(c.want) || m.Err() != nil {
			t.Errorf("%s: %v, want %v (%v)", name, got, c.want, m.Err())
		}
		if m.Schema()[0].Type != c.in.Type {
			t.Errorf("%s: became %s", name, m.Schema()[0].Type)
		}
	}
}

// A suppressed record is in no count: none of its values is dealt to another row, no
// group has it as a member, and no rare value hides behind it.
func TestSuppressedRecordsCountForNothing(t *testing.T) {
	t.Parallel()
	var vip, pay []string
	for i := range 20 {
		if i < 4 {
			vip, pay = append(vip, "yes"), append(pay, fmt.Sprint(9_000_000+i))
		} else {
			vip, pay = append(vip, "no"), append(pay, fmt.Sprint(1000+i))
		}
	}
	pay[4] = "8000000" // with the four it made a group of five
	run := func(r Rule) []int64 {
		p := Plan{Columns: map[string]Rule{"vip": {Use: "suppress", Values: []string{"yes"}, Record: true}, "pay": r}}
		out, m := apply(t, p, batch(col("vip", table.String, vip...), col("pay", table.Int64, pay...)))
		if out.Rows != 16 || m.Dropped() != 4 {
			t.Fatalf("%d rows, %d dropped", out.Rows, m.Dropped())
		}
		return out.Col("pay").Int
	}
	got := run(Rule{Use: "permute"})
	slices.Sort(got)
	want := []int64{8_000_000}
	for i := 19; i > 4; i-- {
		want = append([]int64{int64(1000 + i)}, want...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("permuted: %v, want %v", got, want)
	}
	size := map[int64]int{}
	for _, v := range run(Rule{Use: "aggregate", K: 5}) {
		size[v]++
	}
	for v, n := range size {
		if n < 5 {
			t.Errorf("a group of %d rows at %d", n, v)
		}
	}
	p := Plan{Columns: map[string]Rule{"vip": {Use: "suppress", Values: []string{"yes"}, Record: true}, "pay": {Use: "aggregate", K: 50}}}
	ex, err := p.Preview([]table.Field{{Name: "vip", Type: table.String}, {Name: "pay", Type: table.Int64}}, 2)
	if err != nil || len(ex) != 4 || ex[2].After == "" || ex[3].After == "" {
		t.Errorf("%v %+v", err, ex)
	}
	for i := range vip { // the value of the 8000000 row, and the four
		pay[i] = "1"
		if i < 5 {
			pay[i] = "2"
		}
	}
	p.Columns["pay"] = Rule{Use: "suppress", FewerThan: 5}
	out, _ := apply(t, p, batch(col("vip", table.String, vip...), col("pay", table.Int64, pay...)))
	if !out.Col("pay").Null(0) || out.Col("pay").Null(1) {
		t.Error("a value of one published row stands for five")
	}
}

// Groups have k rows or more, whatever the values, and the sum is kept but for what
// rounding takes.
func TestAggregateGroups(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 9))
	for range 50 {
		n, k := 20+rng.IntN(300), 2+rng.IntN(9)
		c := table.NewColumn(table.Field{Name: "c", Type: table.Float64}, n)
		sum := 0.0
		for range n {
			v := math.Floor(rng.ExpFloat64() * 40)
			sum += v
			c.AppendFlt(v)
		}
		out, _ := apply(t, Plan{Columns: map[string]Rule{"c": {Use: "aggregate", K: k}}}, batch(c))
		size, got := map[float64]int{}, 0.0
		for _, v := range out.Cols[0].Flt {
			size[v]++
			got += v
		}
		for v, s := range size {
			if s < k {
				t.Fatalf("a group of %d at %v, want %d", s, v, k)
			}
		}
		if math.Abs(got-sum) > float64(n)/2 {
			t.Fatalf("the sum went from %v to %v", sum, got)
		}
	}
}

// One subject's dates move together, others by other days, none by 0 or too far;
// and no batch or order changes it.
func TestShift(t *testing.T) {
	t.Parallel()
	who, day := make([]string, 500), make([]string, 500)
	for i := range who {
		who[i] = fmt.Sprint(i / 2)
		day[i] = fmt.Sprintf("2020-01-%02d", 1+i%2*9)
	}
	b := batch(col("who", table.String, who...), col("day", table.Date, day...))
	p := Plan{Default: "keep", Columns: map[string]Rule{"day": {Use: "shift", By: "who", Days: 30}}}
	out, m := apply(t, p, b)
	if m.Err() != nil {
		t.Fatal(m.Err())
	}
	got, seen := out.Col("day").Int, map[int64]bool{}
	for i := 0; i < len(got); i += 2 {
		d := got[i] - b.Cols[1].Int[i]
		if got[i+1]-got[i] != 9 || d == 0 || d < -30 || d > 30 {
			t.Fatalf("subject %d: %d days, %d apart", i/2, d, got[i+1]-got[i])
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different shifts of 60", len(seen))
	}
	last := batch(col("who", table.String, who[498:]...), col("day", table.Date, day[498:]...))
	if again, _ := apply(t, p, last); again.Col("day").Int[0] != got[498] {
		t.Error("another batch, another shift")
	}
	nobody := batch(col("who", table.String, "∅"), col("day", table.Date, "2020-01-01"))
	if _, m := apply(t, p, nobody); m.Err() == nil {
		t.Error("a date without a subject passed")
	}
}

// Noise has the mean and deviation it should, and is the same for a row each time.
func TestNoise(t *testing.T) {
	t.Parallel()
	const n = 20_000
	id, v := table.NewColumn(table.Field{Name: "id", Type: table.Int64}, n), table.NewColumn(table.Field{Name: "v", Type: table.Float64}, n)
	for i := range int64(n) {
		id.AppendInt(i)
		v.AppendFlt(100)
	}
	p := Plan{Default: "keep", Columns: map[string]Rule{"v": {Use: "noise", By: "id", Scale: 4}}}
	out, _ := apply(t, p, batch(id, v))
	sum, sq := 0.0, 0.0
	for _, x := range out.Col("v").Flt {
		sum += x - 100
		sq += (x - 100) * (x - 100)
	}
	mean, dev := sum/n, math.Sqrt(sq/n)
	if math.Abs(mean) > 0.15 || math.Abs(dev-4) > 0.15 { // 5 standard errors
		t.Errorf("mean %v, deviation %v", mean, dev)
	}
	again, _ := apply(t, p, batch(id, v))
	if !slices.Equal(again.Col("v").Flt, out.Col("v").Flt) {
		t.Error("the noise changed")
	}
}

// floats is a column v of any numbers; a CSV has no NaN.
func floats(vals ...float64) table.Column {
	c := table.NewColumn(table.Field{Name: "v", Type: table.Float64}, len(vals))
	for _, v := range vals {
		c.AppendFlt(v)
	}
	return c
}

// Whoever knows the plan knows the unit of the error, and that the raw numbers have
// two decimals: every number of two decimals that the error reaches is as good a
// candidate as the raw one. At full precision a handful was left.
func TestNoiseIsNotUndone(t *testing.T) {
	t.Parallel()
	raw := []float64{8123.45, 10250.1, 3999.99, 7000, 15200.75, -0.01, math.NaN()}
	ids := make([]string, len(raw))
	for i := range ids {
		ids[i] = fmt.Sprint("id", i)
	}
	for _, scale := range []float64{0.5, 500, 30000} {
		p := Plan{Default: "keep", Columns: map[string]Rule{"v": {Use: "noise", By: "id", Scale: scale}}}
		out, m := apply(t, p, batch(col("id", table.String, ids...), floats(raw...)))
		if m.Err() != nil {
			t.Fatal(m.Err())
		}
		c := out.Col("v")
		if c.Flt[6] == c.Flt[6] {
			t.Error("a NaN became a number")
		}
		unit := scale / noiseUnit
		for i := range 6 {
			candidates := map[float64]bool{}
			// The reviewer's attack: take each error off, and see whether the noise
			// would make what was published of the number of two decimals beside it.
			for k := -4 * math.MaxUint16; k <= 4*math.MaxUint16; k++ {
				x := math.Round(float64(c.Flt[i]-float64(float64(k)*unit))*100) / 100
				if float64(x+float64(float64(k)*unit)) == c.Flt[i] || float64((math.Round(x/unit)+float64(k))*unit) == c.Flt[i] {
					candidates[x] = true
				}
			}
			reach := int(2 * 4.8 * scale * 100) // numbers of two decimals within the error
			if want := min(reach, 8*math.MaxUint16); len(candidates) < want {
				t.Errorf("scale %v: %v is one of %d numbers, not of %d", scale, raw[i], len(candidates), want)
			}
		}
	}
	far := batch(col("id", table.String, "a", "b"), floats(1e300, math.Inf(1)))
	if out, _ := apply(t, Plan{Default: "keep", Columns: map[string]Rule{"v": {Use: "noise", By: "id", Scale: 1, OnInvalid: "missing"}}}, far); !out.Col("v").Null(0) || !out.Col("v").Null(1) {
		t.Error("a number that no error changes was published")
	}
}

// A permutation keeps how often each value comes, over batches, below and above
// the size where FF1 takes over, and moves nearly all of them.
func TestPermute(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1000, 1_000_003} {
		p := Plan{Columns: map[string]Rule{"c": {Use: "permute"}}}
		schema := []table.Field{{Name: "c", Type: table.Int64}}
		m, err := p.Compile(schema, testKey)
		if err != nil || !m.NeedsAll() {
			t.Fatal(err)
		}
		var raw []*table.Batch
		for from := 0; from < n; from += 300_000 {
			c := table.NewColumn(schema[0], 0)
			for i := from; i < min(n, from+300_000); i++ {
				if i%10 == 3 {
					c.AppendNull()
				} else {
					c.AppendInt(int64(i % 1000))
				}
			}
			raw = append(raw, batch(c))
		}
		for _, b := range raw {
			if err := m.Observe(b); err != nil {
				t.Fatal(err)
			}
		}
		m.Seal()
		want, got, stayed := map[string]int{}, map[string]int{}, 0
		for _, b := range raw {
			in, out := rendered(&b.Cols[0]), rendered(&m.Apply(b).Cols[0])
			for i := range in {
				want[in[i]]++
				got[out[i]]++
				if in[i] == out[i] {
					stayed++
				}
			}
		}
		for v, k := range want {
			if got[v] != k {
				t.Fatalf("%d rows: %s comes %d times, was %d", n, v, got[v], k)
			}
		}
		if stayed > n/50 { // a hundredth are nulls on nulls
			t.Errorf("%d of %d rows kept their value", stayed, n)
		}
	}
}

// Rows left out do not shift the places that faults name.
func TestRecordsKeepPlaces(t *testing.T) {
	t.Parallel()
	b := batch(col("a", table.String, "x", "y", "x"), col("p", table.String, "1", "2", "3"))
	m, err := Plan{Columns: map[string]Rule{"a": {Use: "suppress", Values: []string{"y"}, Record: true}, "p": {Use: "phone"}}}.Compile(b.Schema(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out := m.Apply(m.Records(b)); out.Rows != 2 {
			t.Fatalf("%d rows", out.Rows)
		}
	}
	want := []string{"row 1, column p", "row 3, column p", "row 4, column p", "row 6, column p"}
	var got []string
	for _, f := range m.refused {
		got = append(got, f.Where)
	}
	if !slices.Equal(got, want) || m.Dropped() != 2 {
		t.Errorf("%v, %d dropped", got, m.Dropped())
	}
}

// A kernel does what Apply does.
func TestKernel(t *testing.T) {
	t.Parallel()
	b := batch(col("id", table.String, "a", "b", "a longer value than a block"), col("tel", table.String, "13812345678", "x", "13912345678"), col("n", table.Int64, "1", "2", "3"))
	p := Plan{Columns: map[string]Rule{"id": {Use: "pseudonym"}, "tel": {Use: "phone", OnInvalid: "missing"}, "n": {Use: "noise", By: "id", Scale: 1}}}
	out, m := apply(t, p, b)
	for _, name := range []string{"id", "tel"} {
		k, ok := m.Kernel(name)
		if !ok || !k.PerValue || k.Out != table.String {
			t.Fatalf("%s: %+v", name, k)
		}
		var src [][]byte
		for _, v := range b.Col(name).Str {
			src = append(src, []byte(v))
		}
		// Behind what is there already.
		data, ends, bad := k.Append([]byte("before"), []uint32{6}, src)
		if len(ends) != 1+len(src) || string(data[:6]) != "before" {
			t.Fatalf("%s: %q, %v", name, data, ends)
		}
		for i, want := range rendered(out.Col(name)) {
			if got := string(data[ends[i]:ends[i+1]]); got != strings.Trim(want, "∅") || slices.Contains(bad, i) != (want == "∅") {
				t.Errorf("%s %d: %q, want %q", name, i, got, want)
			}
		}
		if k.Raw != nil {
			if got, want := hex.EncodeToString(k.Raw(nil, src)), string(data[6:]); got != want {
				t.Errorf("%s: raw %s, want %s", name, got, want)
			}
		}
		if col, _ := k.Mask(b.Col(name)); fmt.Sprint(rendered(&col)) != fmt.Sprint(rendered(out.Col(name))) {
			t.Errorf("%s: %v", name, rendered(&col))
		}
	}
	if k, ok := m.Kernel("n"); !ok || k.PerValue || k.Mask != nil {
		t.Errorf("%+v", k)
	}
	if _, ok := m.Kernel("gone"); ok {
		t.Error("a column that is not there has a kernel")
	}
}

func TestLintNew(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "a", Type: table.Int64}, {Name: "s", Type: table.String}, {Name: "d", Type: table.Date}}
	for where, r := range map[string]Rule{
		"columns.a.width parameter":      {Use: "round", Width: 0.5},
		"columns.a.min parameter":        {Use: "clip"},
		"columns.a.scale parameter":      {Use: "noise", By: "s"},
		"columns.a.by parameter":         {Use: "noise", Scale: 1},
		"columns.a.by unknown_column":    {Use: "noise", Scale: 1, By: "gone"},
		"columns.d.by parameter":         {Use: "shift", Days: 9, By: "d"},
		"columns.d.values[1] parameter":  {Use: "suppress", Values: []string{"2024-02-29", "29 February"}},
		"columns.a.values[0] parameter":  {Use: "suppress", Values: []string{"1.5"}},
		"columns.s.values[0] parameter":  {Use: "suppress", Values: []string{""}},
		"columns.a.k parameter":          {Use: "aggregate", K: 1},
		"columns.a.values parameter":     {Use: "suppress"},
		"columns.s.use type":             {Use: "suppress", Min: f(1)},
		"columns.d.days parameter":       {Use: "shift", By: "s"},
		"columns.s.days parameter":       {Use: "permute", Days: 3},
		"columns.a.use type":             {Use: "plate"},
		"columns.s.fewer_than parameter": {Use: "suppress", FewerThan: -1, Values: []string{"x"}},
	} {
		name := strings.Split(where, ".")[1]
		fs := Plan{Default: "keep", Columns: map[string]Rule{name: r}}.Lint(schema)
		if len(fs) != 1 || fs[0].Where+" "+fs[0].Code != where || fs[0].Message.EN == "" || fs[0].Message.ZH == "" {
			t.Errorf("want %s: %v", where, fs)
		}
	}
	rare := Rule{Use: "suppress", FewerThan: 5, Record: true}
	for _, other := range []Rule{{Use: "permute"}, {Use: "suppress", FewerThan: 2}} {
		fs := Plan{Default: "keep", Columns: map[string]Rule{"a": rare, "s": other}}.Lint(schema)
		if len(fs) != 1 || fs[0].Where != "columns.a.record" || fs[0].Message.EN == "" || fs[0].Message.ZH == "" {
			t.Error(fs)
		}
	}
	if fs := (Plan{Default: "keep", Columns: map[string]Rule{"a": rare}}).Lint(schema); fs != nil {
		t.Error(fs)
	}
	if fs := (Plan{Default: "keep", Crypto: "des"}).Lint(schema); len(fs) != 1 || fs[0].Code != "crypto" {
		t.Error(fs)
	}
}

// What package detect proposes is a plan that fits the columns it is proposed for.
func TestProposedPlan(t *testing.T) {
	t.Parallel()
	b := batch(
		col("id", table.String, "11010519491231002X", "440524198001010013"), col("card", table.Int64, "6222021234567890128", "4111111111111111"),
		col("车", table.String, "粤B12345", "粤AD12345"), col("code", table.String, "91350100M000100Y43", "x"), col("年龄", table.Int64, "35", "36"),
		col("出生日期", table.Date, "1980-01-01", "1990-01-01"), col("电话", table.String, "0755-83212345", "010-83212345"), col("tel", table.Int64, "13812345678", "13912345678"),
		col("note", table.String, "请打13812345678找我，谢谢你们的工作", "无"), col("收入", table.Float64, "1.5", "2"), col("位置", table.String, "22.54309, 114.05786", "22.54309,114.05787"),
		col("区", table.String, "广东省深圳市福田区", "广东省深圳市南山区"), col("a: b # c", table.Bool, "true", "false"))
	var fs []detect.Finding
	for i := range b.Cols {
		d := detect.NewColumn(b.Cols[i].Field)
		d.Add(&b.Cols[i])
		fs = append(fs, d.Findings()...)
	}
	text := detect.PlanYAML(detect.Propose(b.Schema(), fs))
	var doc struct {
		Mask Plan `yaml:"mask"`
	}
	if fs := yamlx.Decode([]byte(text), &doc); len(fs) > 0 {
		t.Fatal(fs, text)
	}
	if fs := doc.Mask.Lint(b.Schema()); fs != nil {
		t.Fatal(fs, text)
	}
	out, m := apply(t, doc.Mask, b)
	if m.Err() != nil || out.Col("位置") != nil || out.Col("id").Str[0] == b.Cols[0].Str[0] || out.Col("年龄").Str[0] != "35-39" {
		t.Error(m.Err(), text)
	}
}

// What a caller that has room for the results pays for a value.
func BenchmarkKernel(b *testing.B) {
	for use, make1 := range map[string]func(i int) string{
		"pseudonym": func(i int) string { return fmt.Sprintf("E%07d", i) }, "phone": func(i int) string { return fmt.Sprintf("138%08d", i) },
		"resident": func(i int) string {
			s := fmt.Sprintf("44030419800101%03d", i%1000)
			return s + string(detect.ResidentCheck(s))
		},
	} {
		m, err := Plan{Columns: map[string]Rule{"c": {Use: use}}}.Compile([]table.Field{{Name: "c", Type: table.String}}, testKey)
		if err != nil {
			b.Fatal(err)
		}
		k, _ := m.Kernel("c")
		src := make([][]byte, 4096)
		for i := range src {
			src[i] = []byte(make1(i))
		}
		var at []byte
		var ends []uint32
		run := func(name string, f func()) {
			b.Run(name, func(b *testing.B) {
				start := cpuTime(b)
				for b.Loop() {
					f()
				}
				b.ReportMetric((cpuTime(b)-start)/float64(b.N)/float64(len(src)), "cpu-ns/value")
			})
		}
		run(use, func() { at, ends, _ = k.Append(at[:0], ends[:0], src) })
		if k.Raw != nil {
			run(use+" raw", func() { at = k.Raw(at[:0], src) })
		}
	}
}

// A column of dates is masked as each of them is, whatever the period.
func TestDateColumns(t *testing.T) {
	t.Parallel()
	c := table.NewColumn(table.Field{Name: "d", Type: table.Date}, 0)
	for i := range int64(400) {
		c.AppendInt(i*37 - 3000)
	}
	for _, to := range []string{"year", "quarter", "month", "5years"} {
		d := date{to: to}
		out, bad := d.Mask(&c, nil)
		for i, v := range c.Int {
			if want, _ := d.of(v); bad != nil || out.Int[i] != want {
				t.Fatalf("%s: day %d is %d, not %d", to, v, out.Int[i], want)
			}
		}
	}
}

// Days and months agree with those of package time from year 1 to 9999, and are
// refused beyond.
func TestDateAgreesWithTime(t *testing.T) {
	t.Parallel()
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	from, to := first.Unix()/86400, last.Unix()/86400
	for day := from; day <= to; day++ {
		when := time.Unix(day*86400, 0).UTC()
		y, m, d := when.Date()
		month := day - int64(d) + 1
		year := day - int64(when.YearDay()) + 1
		quarter := time.Date(y, m-(m-1)%3, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
		for _, c := range []struct {
			date date
			v    int64
			want int64
		}{{date{to: "month"}, day, month}, {date{to: "quarter"}, day, quarter}, {date{to: "year"}, day, year}, {date{"month", true}, day*86400_000_000 + 86399_999_999, month}} {
			if got, ok := c.date.of(c.v); !ok || got != c.want {
				t.Fatalf("%v of %v is day %d, not %d", c.date, when, got, c.want)
			}
		}
		if m == 1 && d == 1 {
			want := time.Date(y-y%5, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400
			if got, ok := (date{to: "5years"}).of(day + 11); !ok || got != want {
				t.Fatalf("five years of %d begin with day %d, not %d", y, got, want)
			}
		}
	}
	days := table.NewColumn(table.Field{Type: table.Date}, 0)
	for day := from; day <= to; day += 17 {
		days.AppendInt(day)
	}
	for _, d := range []date{{to: "year"}, {to: "5years"}, {to: "month"}} {
		got, bad := d.Mask(&days, nil)
		for i, v := range days.Int {
			if want, _ := d.of(v); got.Int[i] != want || len(bad) > 0 {
				t.Fatalf("%v of day %d among others is %d, not %d", d, v, got.Int[i], want)
			}
		}
	}
	for _, day := range []int64{from - 1, to + 1, math.MinInt64, math.MaxInt64} {
		one := table.NewColumn(table.Field{Type: table.Date}, 0)
		one.AppendInt(day)
		if _, bad := (date{to: "5years"}).Mask(&one, nil); len(bad) != 1 {
			t.Errorf("day %d is in five years", day)
		}
		if got, ok := (date{to: "year"}).of(day); ok {
			t.Errorf("day %d is in a year that begins with %d", day, got)
		}
	}
}

// A draw is the first word whose sum of weights lies above the number, however it
// is found.
func TestDraw(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	for _, l := range []*list{&hanSurnames, &hanGiven1, &hanGiven2, &latinSurnames, &latinGiven} {
		total := l.sums[len(l.sums)-1]
		numbers := []uint64{0, 1, total - 1, total, total + 1, math.MaxUint64}
		for _, s := range l.sums {
			numbers = append(numbers, s-1, s, s+1)
		}
		for range 100_000 {
			numbers = append(numbers, rng.Uint64())
		}
		for _, x := range numbers {
			i := 0
			for l.sums[i] <= x%total {
				i++
			}
			if got := l.draw(x); got != i {
				t.Fatalf("%d draws %s, not %s", x, &l.words[got], &l.words[i])
			}
		}
	}
}

// An address is cut as it would be alone, whatever stood before it.
func TestAddressesTogether(t *testing.T) {
	t.Parallel()
	var src [][]byte
	for _, place := range []string{"广东省深圳市南山区", "广东省深圳市", "广东省深圳市福田区", "北京市朝阳区", "A座广东省深圳市南山区", "上海市浦东新区", "江苏省苏州市昆山市", " 广东省深圳市南山区"} {
		for i := range 40 {
			src = append(src, fmt.Appendf(nil, "%s人民路%d号", place, i), fmt.Appendf(nil, "%s中心社区%d栋", place, i), []byte(place[:len(place)-i%3]))
		}
	}
	rng := rand.New(rand.NewPCG(8, 8))
	rng.Shuffle(len(src), func(i, j int) { src[i], src[j] = src[j], src[i] })
	for _, a := range []address{{}, {city: true}} {
		var out texts
		a.run(&out, src)
		from := uint32(0)
		for i, v := range src {
			want, ok, _ := a.mask(string(v))
			if !ok {
				want = ""
			}
			if got := string(out.data[from:out.ends[i]]); got != want || slices.Contains(out.bad, i) == ok {
				t.Fatalf("%s: %q, want %q", v, got, want)
			}
			from = out.ends[i]
		}
	}
}
