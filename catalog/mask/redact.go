package mask

import (
	"slices"
	"strings"
	"unicode/utf8"

	"aihub/catalog/detect"
	"aihub/internal/table"
)

// placeholders stand for what a technique hides, when redact finds a row's own
// value of such a column inside a text.
var placeholders = map[string]string{
	"phone": "〔电话〕", "resident": "〔证件号〕", "name": "〔姓名〕", "pseudonym": "〔编号〕", "address": "〔地址〕",
	"card": "〔银行卡〕", "uscc": "〔信用代码〕", "plate": "〔车牌〕",
}

// kindPlaceholders stand for what the detectors find.
var kindPlaceholders = map[detect.Kind]string{
	detect.KindResident: "〔证件号〕", detect.KindResident15: "〔证件号〕", detect.KindMobile: "〔电话〕", detect.KindLandline: "〔电话〕", detect.KindCard: "〔银行卡〕",
	detect.KindPlate: "〔车牌〕", detect.KindPassport: "〔护照号〕", detect.KindIP: "〔网络地址〕", detect.KindPlace: "〔坐标〕",
	detect.KindUSCC: "〔信用代码〕", detect.KindEmail: "〔邮箱〕", detect.KindName: "〔姓名〕", detect.KindAddress: "〔地址〕",
}

// redact replaces identifiers inside a text by typed placeholders: what the
// detectors find, and the row's own values of the columns that other rules mask
// as identifying. What neither knows stays: a name without a cue that is in no
// other column.
type redact struct{ own map[int]string } // raw column to placeholder

func (redact) Type() table.Type { return table.String }

func (r redact) Mask(c *table.Column, raw *table.Batch) (table.Column, []int) {
	var own []ownValue
	cols := make([]int, 0, len(r.own))
	for i := range r.own {
		cols = append(cols, i)
	}
	slices.Sort(cols)
	out := table.NewColumn(table.Field{Type: table.String}, c.Len())
	for row := range c.Len() {
		v, ok := c.Text(row)
		if !ok {
			out.AppendNull()
			continue
		}
		own = own[:0]
		for _, i := range cols {
			t, _ := raw.Cols[i].Text(row)
			// One character, or a number below 1000, is in too many texts.
			least := 2
			if t = strings.TrimSpace(t); strings.Trim(t, "0123456789") == "" {
				least = 4
			}
			if utf8.RuneCountInString(t) >= least {
				own = append(own, ownValue{t, r.own[i]})
			}
		}
		// The longest first: a name may be part of an address.
		slices.SortStableFunc(own, func(a, b ownValue) int { return len(b.text) - len(a.text) })
		for _, o := range own {
			v = o.hide(v)
		}
		out.AppendStr(redactText(v))
	}
	return out, nil
}

// ownValue is a value of the row that its text may name.
type ownValue struct{ text, label string }

// hide puts the label in the place of the value wherever v has it, of a phone number
// with its area code and its extension. A short value is part of other words and
// numbers as well: one of fewer than six characters stands alone, no letter going on
// with its letters and no digit with its digits.
func (o ownValue) hide(v string) string {
	alone := utf8.RuneCountInString(o.text) < 6
	var b strings.Builder
	from := 0
	for at := 0; ; {
		k := strings.Index(v[at:], o.text)
		if k < 0 {
			break
		}
		k += at
		end := k + len(o.text)
		if alone && (k > 0 && goesOn(v[k-1], v[k]) || end < len(v) && goesOn(v[end-1], v[end])) {
			at = k + 1
			continue
		}
		if o.label == placeholders["phone"] {
			k, end = max(from, detect.AreaCode(v, k)), detect.Extension(v, end)
		}
		b.WriteString(v[from:k])
		b.WriteString(o.label)
		from, at = end, end
	}
	if from == 0 {
		return v
	}
	b.WriteString(v[from:])
	return b.String()
}

// goesOn reports whether two bytes are both digits or both letters of ASCII.
func goesOn(a, b byte) bool {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
	return digit(a) && digit(b) || letter(a) && letter(b)
}

// redactText replaces the identifiers that package detect finds in a text.
func redactText(s string) string {
	ms := detect.Scan(s)
	if len(ms) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, m := range ms {
		if m.Kind == detect.KindMobile || m.Kind == detect.KindLandline {
			m.Start = max(at, detect.AreaCode(s, m.Start))
		}
		b.WriteString(s[at:m.Start])
		b.WriteString(kindPlaceholders[m.Kind])
		at = m.End
	}
	b.WriteString(s[at:])
	return b.String()
}
