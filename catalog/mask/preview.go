package mask

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"

	"aihub/catalog/detect"
	"aihub/internal/table"
)

// Example shows what a rule does to one made-up value.
type Example struct {
	Column string `json:"column"`
	Use    string `json:"use"`
	Before string `json:"before"`
	After  string `json:"after"` // "" for a column that is dropped
}

// Preview applies the plan to n rows of look-alikes of the schema's columns:
// values made here from the technique's own kind, under a key of its own. No
// raw value takes part. Columns that are kept have no example.
func (p Plan) Preview(schema []table.Field, n int) ([]Example, error) {
	// Rows are few, and all are shown: groups are as large as they allow.
	few := p
	few.Columns = maps.Clone(p.Columns)
	for name, r := range few.Columns {
		if r.Record = false; r.Use == "aggregate" {
			r.K = min(r.K, max(2, n))
		}
		few.Columns[name] = r
	}
	m, err := few.Compile(schema, []byte("a preview's key protects nothing"))
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	raw := table.NewBatch(schema, n)
	for range n {
		for i := range raw.Cols {
			r, _ := p.Of(schema[i].Name)
			lookAlike(rng, r, &raw.Cols[i])
		}
		raw.Rows++
	}
	if err := m.Observe(raw); err != nil {
		return nil, err
	}
	m.Seal()
	out := m.Apply(raw)
	var ex []Example
	for i := range raw.Cols {
		c := &raw.Cols[i]
		r, _ := p.Of(c.Name)
		if r.Use == "keep" {
			continue
		}
		masked := out.Col(c.Name)
		for row := range n {
			e := Example{Column: c.Name, Use: r.Use}
			e.Before, _ = c.Text(row)
			if masked != nil {
				e.After, _ = masked.Text(row)
			}
			ex = append(ex, e)
		}
	}
	return ex, nil
}

// lookAlike adds one made-up value to c.
func lookAlike(rng *rand.Rand, r Rule, c *table.Column) {
	person := hanSurnames.words[hanSurnames.draw(rng.Uint64())].String() + hanGiven2.words[hanGiven2.draw(rng.Uint64())].String()
	mobile := fmt.Sprintf("138%08d", rng.IntN(100_000_000))
	if r.Use == "hierarchy" && c.ParseText(someValue(rng, r)) {
		return // one of its values; of another type none would be found in it
	}
	switch c.Type {
	case table.Int64:
		switch r.Use {
		case "card":
			c.AppendInt(int64(decimal(cardLookAlike(rng))))
		case "suppress":
			c.AppendInt(suppressed(r, rng))
		case "phone":
			c.AppendInt(int64(decimal(mobile)))
		case "resident":
			for {
				if id := residentLookAlike(rng); id[17] != 'X' {
					c.AppendInt(int64(decimal(id)))
					return
				}
			}
		default:
			c.AppendInt(int64(1 + rng.IntN(98)))
		}
	case table.Float64:
		c.AppendFlt(float64(rng.IntN(10_000)) / 100)
	case table.Bool:
		c.AppendBool(rng.IntN(2) == 0)
	case table.Date:
		c.AppendInt(int64(rng.IntN(20_000)))
	case table.Timestamp:
		c.AppendInt(int64(rng.IntN(1_700_000_000)) * 1e6)
	default:
		switch r.Use {
		case "phone":
			c.AppendStr(mobile)
		case "resident":
			c.AppendStr(residentLookAlike(rng))
		case "name":
			c.AppendStr(person)
		case "card":
			c.AppendStr(cardLookAlike(rng))
		case "uscc":
			org := fmt.Sprintf("MA%06d", rng.IntN(1_000_000))
			code := detect.Provinces[rng.IntN(20)]
			code = "91" + code + "0100" + org + string(detect.OrgCheck(org))
			check, _ := detect.USCCCheck(code)
			c.AppendStr(code + string(check))
		case "plate":
			c.AppendStr(fmt.Sprintf("粤%c%c%04d", "ABCDEFG"[rng.IntN(7)], "ABCDEFGHJK"[rng.IntN(10)], rng.IntN(10_000)))
		case "suppress":
			c.AppendStr(cmp.Or(strings.Join(r.Values[:min(1, len(r.Values))], ""), fmt.Sprintf("text %03d", rng.IntN(1000))))
		case "address":
			c.AppendStr(fmt.Sprintf("某某省某某市某某区某某路%d号", 1+rng.IntN(200)))
		case "redact":
			c.AppendStr(fmt.Sprintf("市民%s反映路灯不亮，电话%s", person, mobile))
		default:
			c.AppendStr(strings.ToUpper(fmt.Sprintf("text %03d", rng.IntN(1000))))
		}
	}
}

// someValue is one of the values that a hierarchy is of.
func someValue(rng *rand.Rand, r Rule) string {
	h, _ := parseHierarchy(r.Hierarchy, r.Level)
	values := make([]string, 0, len(h))
	for v := range h {
		values = append(values, v)
	}
	sort.Strings(values)
	return values[rng.IntN(len(values))]
}

func cardLookAlike(rng *rand.Rand) string {
	body := fmt.Sprintf("622202%09d", rng.IntN(1_000_000_000))
	return body + string(detect.LuhnDigit(body))
}

// suppressed is a number that the rule suppresses, when it names one.
func suppressed(r Rule, rng *rand.Rand) int64 {
	switch {
	case r.Max != nil:
		return int64(*r.Max) + 1
	case r.Min != nil:
		return int64(*r.Min) - 1
	case len(r.Values) > 0:
		v, _ := strconv.ParseInt(r.Values[0], 10, 64) // 0 when the value is no number
		return v
	}
	return int64(rng.IntN(1000))
}

func residentLookAlike(rng *rand.Rand) string {
	body := fmt.Sprintf("%s01%02d%04d%02d%02d%03d", detect.Provinces[rng.IntN(20)], 1+rng.IntN(20), 1950+rng.IntN(60), 1+rng.IntN(12), 1+rng.IntN(28), rng.IntN(1000))
	return body + string(detect.ResidentCheck(body))
}
