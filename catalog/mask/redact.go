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
	type value struct{ text, label string }
	var own []value
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
			// A short value is part of other words and numbers as well.
			least := 6
			if r.own[i] == placeholders["name"] {
				least = 2
			}
			t, _ := raw.Cols[i].Text(row)
			if t = strings.TrimSpace(t); utf8.RuneCountInString(t) >= least {
				own = append(own, value{t, r.own[i]})
			}
		}
		// The longest first: a name may be part of an address.
		slices.SortStableFunc(own, func(a, b value) int { return len(b.text) - len(a.text) })
		for _, o := range own {
			v = strings.ReplaceAll(v, o.text, o.label)
		}
		out.AppendStr(redactText(v))
	}
	return out, nil
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
		b.WriteString(s[at:m.Start])
		b.WriteString(kindPlaceholders[m.Kind])
		at = m.End
	}
	b.WriteString(s[at:])
	return b.String()
}
