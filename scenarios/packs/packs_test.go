package packs

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/internal/yamlx"
	"aihub/scenarios"
)

func generate(t testing.TB, p Pack, seed uint64, rows int) []byte {
	var b bytes.Buffer
	if err := p.Generate(&b, seed, rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// records returns the columns of a generated file by name.
func records(t testing.TB, p Pack, rows int) map[string][]string {
	all, err := csv.NewReader(bytes.NewReader(generate(t, p, 1, rows))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != rows+1 {
		t.Fatalf("%d rows, want %d", len(all)-1, rows)
	}
	out := map[string][]string{}
	for k, name := range all[0] {
		for _, r := range all[1:] {
			out[name] = append(out[name], r[k])
		}
	}
	return out
}

// TestSeed pins the bytes: a pack's data must be the same on every machine and
// with every Go release. Change a digest only together with the generator.
func TestSeed(t *testing.T) {
	want := map[string]string{
		"event-dispatch": "816c7f52a826a41d",
		"school-places":  "5e5394f6d856e2ad",
	}
	for _, p := range All() {
		b := generate(t, p, 42, 500)
		if h := sha256.Sum256(b); hex.EncodeToString(h[:8]) != want[p.Name] {
			t.Errorf("%s: digest %s, want %s", p.Name, hex.EncodeToString(h[:8]), want[p.Name])
		}
		if bytes.Equal(b, generate(t, p, 43, 500)) {
			t.Errorf("%s: another seed gives the same bytes", p.Name)
		}
	}
}

func TestSpecs(t *testing.T) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			spec, _, err := scenarios.Parse(p.Name, p.Spec)
			if err != nil {
				t.Fatal(err)
			}
			if spec.Name != p.Name {
				t.Errorf("name %s", spec.Name)
			}
			data := records(t, p, 3000)
			for _, c := range append([]string{spec.Input.Key, spec.Truth.Column}, spec.Input.Columns...) {
				if data[c] == nil {
					t.Errorf("the raw file has no column %s", c)
				}
			}
			classes := slices.Sorted(slices.Values(spec.Truth.Classes))
			if seen := slices.Compact(slices.Sorted(slices.Values(data[spec.Truth.Column]))); len(classes) > 0 && !slices.Equal(seen, classes) {
				t.Errorf("labels %v, declared %v", seen, classes)
			}
			// What is under way within a tick holds the most that it can cost.
			price, _ := spec.ReleaseBits()
			for _, r := range spec.Rounds {
				if 8*price > r.Bits {
					t.Errorf("round %s: %g bits do not hold 8 releases of %.1f", r.Name, r.Bits, price)
				}
			}
			if !strings.Contains(p.Card.ZH, "校验码") || !strings.Contains(p.Card.EN, "check digit") {
				t.Error("no data card")
			}
			// What the manifest says of the raw file; the catalogue reads the rest.
			var m struct {
				Name  string         `json:"name"`
				Key   string         `json:"key"`
				Truth []string       `json:"truth"`
				Notes map[string]any `json:"notes"`
				Card  aihub.Text     `json:"card"`
				Mask  struct {
					Columns map[string]any `json:"columns"`
				} `json:"mask"`
				Split struct {
					Test float64 `json:"test"`
				} `json:"split"`
			}
			readLoose(t, p.Manifest, &m)
			if m.Name+"@1" != spec.Dataset || m.Key != spec.Input.Key || !slices.Equal(m.Truth, []string{spec.Truth.Column}) || m.Card != p.Card || m.Split.Test != testShare {
				t.Errorf("manifest and spec differ: %+v", m)
			}
			for name := range data {
				if m.Notes[name] == nil || m.Mask.Columns[name] == nil {
					t.Errorf("the manifest does not explain and mask column %s", name)
				}
				for _, card := range []string{p.Card.ZH, p.Card.EN} {
					if !strings.Contains(card, name) {
						t.Errorf("the data card does not explain column %s", name)
					}
				}
			}
		})
	}
}

// readLoose reads what it knows of a YAML document and ignores the rest.
func readLoose(t *testing.T, src []byte, into any) {
	var v map[string]any
	if f := yamlx.Decode(src, &v); f != nil {
		t.Fatal(f)
	}
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPeople checks that personal data looks real: resident numbers of GB
// 11643, mobile numbers, addresses, and names of two to four characters.
func TestPeople(t *testing.T) {
	for _, c := range []struct{ pack, name, id, phone, address string }{
		{"event-dispatch", "reporter_name", "resident_number", "phone", "address"},
		{"school-places", "filer_name", "filer_resident_number", "filer_phone", "filer_address"},
	} {
		p, _ := Get(c.pack)
		data := records(t, p, 2000)
		for i := range data[c.id] {
			if id := data[c.id][i]; !validResident(id) {
				t.Fatalf("%s row %d: resident number %s", c.pack, i, id)
			}
			if s := data[c.phone][i]; !regexp.MustCompile(`^1[3-9]\d{9}$`).MatchString(s) {
				t.Fatalf("%s row %d: phone %s", c.pack, i, s)
			}
			if s := data[c.address][i]; !regexp.MustCompile(`^深圳市.+区.+街道.+号\d+栋\d+$`).MatchString(s) {
				t.Fatalf("%s row %d: address %s", c.pack, i, s)
			}
			if n := len([]rune(data[c.name][i])); n < 2 || n > 4 {
				t.Fatalf("%s row %d: name %s", c.pack, i, data[c.name][i])
			}
		}
	}
}

// validResident checks form, birth date and check digit, written apart from the
// generator: the weighted sum of all 18 digits is 1 modulo 11.
func validResident(s string) bool {
	if len(s) != 18 {
		return false
	}
	if _, err := time.Parse("20060102", s[6:14]); err != nil {
		return false
	}
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1}
	sum := 0
	for i, w := range weights {
		d := strings.IndexByte("0123456789X", s[i])
		if d < 0 || d == 10 && i < 17 {
			return false
		}
		sum += w * d
	}
	return sum%11 == 1
}

func TestCheckDigit(t *testing.T) {
	// The example of GB 11643-1999, annex A.
	if got := checkDigit("11010519491231002"); got != 'X' {
		t.Errorf("check digit %c, want X", got)
	}
	if !validResident("11010519491231002X") || validResident("110105194912310021") {
		t.Error("the test's own check is wrong")
	}
}

// TestEvents checks what makes dispatching hard, and masking necessary.
func TestEvents(t *testing.T) {
	p, _ := Get("event-dispatch")
	data := records(t, p, 4000)
	share := func(match func(i int) bool) float64 {
		n := 0
		for i := range data["text"] {
			if match(i) {
				n++
			}
		}
		return float64(n) / 4000
	}
	for name, c := range map[string]struct {
		got, lo, hi float64
	}{
		"largest department":  {share(func(i int) bool { return data["department"][i] == "城管局" }), 0.16, 0.24},
		"own phone in text":   {share(func(i int) bool { return strings.Contains(data["text"][i], data["phone"][i]) }), 0.02, 0.08},
		"own name in text":    {share(func(i int) bool { return strings.Contains(data["text"][i], data["reporter_name"][i]) }), 0.02, 0.08},
		"own resident number": {share(func(i int) bool { return strings.Contains(data["text"][i], data["resident_number"][i]) }), 0.008, 0.04},
		"several lines":       {share(func(i int) bool { return strings.Contains(data["text"][i], "\n") }), 0.005, 0.04},
		"fireworks out of new year": {share(func(i int) bool {
			return strings.Contains(data["text"][i], "放鞭炮") && !slices.Contains([]string{"01", "02"}, data["reported_at"][i][5:7])
		}), 0, 0.005}, // as a remark inside another report only
	} {
		if c.got < c.lo || c.got > c.hi {
			t.Errorf("%s: %.4f is outside %g to %g", name, c.got, c.lo, c.hi)
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(data["text"])))); n < 3950 {
		t.Errorf("only %d different texts", n)
	}
	for i, s := range data["text"] {
		if strings.ContainsAny(s, "{}|()") {
			t.Fatalf("row %d holds a template: %s", i, s)
		}
	}
	for i, s := range data["reported_at"] {
		if _, err := time.Parse(time.DateTime, s); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
	}
}

// TestSchools checks the pattern that a regression should find.
func TestSchools(t *testing.T) {
	p, _ := Get("school-places")
	data := records(t, p, p.Rows)
	mean := func(match func(i int) bool) float64 {
		var sum, n float64
		for i := range data["demand"] {
			if match(i) {
				y, err := strconv.Atoi(data["demand"][i])
				if err != nil || y < 0 {
					t.Fatalf("row %d: demand %q", i, data["demand"][i])
				}
				sum, n = sum+float64(y), n+1
			}
		}
		return sum / n
	}
	entry := func(year string) float64 {
		return mean(func(i int) bool { return data["school_year"][i] == year && data["grade"][i] == "1" })
	}
	if jump := entry("2022") / entry("2021"); jump < 1.1 {
		t.Errorf("the policy of 2022 should lift grade 1 by more than a tenth: %.2f", jump)
	}
	district := func(d, year string) float64 {
		return mean(func(i int) bool { return data["district"][i] == d && data["school_year"][i] == year })
	}
	if g := district("光明区", "2024") / district("光明区", "2019"); g < 1.25 {
		t.Errorf("光明区 should grow: %.2f", g)
	}
	missing := 0
	for _, s := range data["children"] {
		if s == "" {
			missing++
		}
	}
	if share := float64(missing) / float64(p.Rows); share < 0.02 || share > 0.04 {
		t.Errorf("%.3f of children are missing", share)
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(data["school_year"])))); n != years {
		t.Errorf("%d school years", n)
	}
	if slices.Contains(schoolColumns, "last_year") {
		t.Error("the demand of the year before would write the truth of one hidden row into another")
	}
}

// TestRowsSuffice: with the default rows and the split of the manifest, the step
// of the spec obeys the precision rule on the test part.
func TestRowsSuffice(t *testing.T) {
	for _, p := range All() {
		spec, _, err := scenarios.Parse(p.Name, p.Spec)
		if err != nil {
			t.Fatal(err)
		}
		rows := map[aihub.Part]int64{aihub.Test: int64(float64(p.Rows) * testShare)}
		if f := scenarios.LintWithRows(spec, rows); f != nil {
			t.Errorf("%s: %v", p.Name, f)
		}
	}
}

// testShare is the share of the test part in both manifests.
const testShare = 0.3

func TestGenerateReportsWriteErrors(t *testing.T) {
	for _, p := range All() {
		if err := p.Generate(brokenWriter{}, 1, 2000); err == nil {
			t.Errorf("%s: a full disk went unnoticed", p.Name)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func BenchmarkGenerate(b *testing.B) {
	for _, p := range All() {
		b.Run(p.Name, func(b *testing.B) {
			for b.Loop() {
				generate(b, p, 1, p.Rows)
			}
		})
	}
}
