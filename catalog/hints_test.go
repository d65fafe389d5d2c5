package catalog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"
)

// What is seeded is found, and a table without it raises nothing: a text that
// ends with its label, a number whose range is the label, labels in the order of
// the raw file, and rows of test that differ from one of train by a word.
func TestHints(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "id", Type: table.String}, {Name: "code", Type: table.String}, {Name: "amount", Type: table.Float64},
		{Name: "text", Type: table.String}, {Name: "label", Type: table.String}}
	m := &Manifest{Truth: []string{"label"}}
	found := func(seed string) map[string]Leak {
		r := rand.New(rand.NewPCG(4, 2))
		h := m.newHints(schema)
		b := table.NewBatch(schema, 0)
		var rows []int
		var part []uint8
		var raw []int64
		var first []string // of train
		for i := range 3000 {
			label := r.IntN(3)
			text := make([]string, 80)
			for w := range text {
				text[w] = fmt.Sprintf("w%d", r.IntN(5000))
			}
			p := uint8(1 + i%2)
			if seed == "near" && p == 2 && i < 200 {
				text = append([]string{}, first...)
				text[7] = "another"
			} else if p == 1 {
				first = text
			}
			code, amount, place := fmt.Sprintf("c%04d", r.IntN(10_000)), r.Float64(), int64(r.IntN(1<<20))
			if r.IntN(50) > 0 { // but for a few
				switch seed {
				case "ends":
					code += fmt.Sprintf("-%d", label)
				case "range":
					amount = float64(label) + r.Float64()
				case "order":
					place = int64(label)<<20 + int64(r.IntN(1<<20))
				}
			}
			b.Cols[0].AppendStr(fmt.Sprint("id", i))
			b.Cols[1].AppendStr(code)
			b.Cols[2].AppendFlt(amount)
			b.Cols[3].AppendStr(strings.Join(text, " "))
			b.Cols[4].AppendStr(fmt.Sprint("class ", label))
			b.Rows++
			rows, part, raw = append(rows, i), append(part, p), append(raw, place)
		}
		h.add(b, rows, part, raw)
		out := map[string]Leak{}
		for _, l := range h.report(nil) {
			out[l.Check+" "+l.Column] = l
		}
		return out
	}
	for seed, want := range map[string]string{"": "", "ends": "single_feature code", "range": "single_feature amount", "order": "raw_order ", "near": "near_duplicate_rows "} {
		got := found(seed)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[want].Rows == 0) {
			t.Errorf("%q finds %+v, want %q", seed, got, want)
		}
		if l := got["near_duplicate_rows "]; seed == "near" && (l.From != aihub.Train || l.To != aihub.Test || l.Rows != 100 || l.Of != 1500) {
			t.Errorf("near duplicates: %+v", l)
		}
	}
}

// A label that is a number is given away by another number that orders it, by a
// code that stands for its range, and by the raw order; one that is only related
// to its inputs is not.
func TestHintsOfNumbers(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "id", Type: table.String}, {Name: "x", Type: table.Float64}, {Name: "code", Type: table.String}, {Name: "label", Type: table.Float64}}
	m := &Manifest{Truth: []string{"label"}}
	for seed, want := range map[string]string{"": "", "related": "", "x": "single_feature x", "code": "single_feature code", "order": "raw_order "} {
		r := rand.New(rand.NewPCG(8, 3))
		h := m.newHints(schema)
		b := table.NewBatch(schema, 0)
		var rows []int
		var part []uint8
		var raw []int64
		for i := range 4000 {
			label := r.ExpFloat64() * 100
			x, code, place := r.Float64(), fmt.Sprintf("c%04d", r.IntN(10_000)), int64(r.IntN(1<<20))
			switch seed {
			case "related":
				x = label + 60*r.NormFloat64()
			case "x":
				x = label*label + r.Float64()
			case "code":
				code = fmt.Sprintf("%c%c%04d", 'a'+rune(label/200), 'a'+rune(int(label/8)%25), r.IntN(10_000))
			case "order":
				place = int64(label * 1000)
			}
			b.Cols[0].AppendStr(fmt.Sprint("id", i))
			b.Cols[1].AppendFlt(x)
			b.Cols[2].AppendStr(code)
			if i%97 == 0 {
				b.Cols[3].AppendNull()
			} else {
				b.Cols[3].AppendFlt(label)
			}
			b.Rows++
			rows, part, raw = append(rows, i), append(part, uint8(1+i%2)), append(raw, place)
		}
		h.add(b, rows, part, raw)
		got := map[string]Leak{}
		for _, l := range h.report(nil) {
			got[l.Check+" "+l.Column] = l
		}
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[want].Rows < 1700) {
			t.Errorf("%q finds %+v, want %q", seed, got, want)
		}
	}
}

// Labels that are texts of many values: those that repeat are learnt from one
// column as few labels are, and a column that holds the label's own text, spelt
// another way, is found whether they repeat or not.
func TestHintsOfTexts(t *testing.T) {
	t.Parallel()
	schema := []table.Field{{Name: "id", Type: table.String}, {Name: "code", Type: table.Int64}, {Name: "note", Type: table.String}, {Name: "label", Type: table.String}}
	m := &Manifest{Truth: []string{"label"}}
	for seed, want := range map[string]string{"": "", "sometimes": "", "learnt": "single_feature code", "holds": "label_in_text note", "han": "label_in_text note", "words": "label_in_text note"} {
		r := rand.New(rand.NewPCG(6, 9))
		h := m.newHints(schema)
		b := table.NewBatch(schema, 0)
		var rows []int
		var part []uint8
		var raw []int64
		for i := range 3000 {
			id := r.IntN(500)
			label, code := fmt.Sprintf("Ward %03d of the North", id), r.IntN(500)
			note := []string{"the lamp", "is out", "again", "since Monday"}
			switch seed {
			case "learnt":
				code = 500 - id
			case "holds": // as one word in capitals
				note = append(note, fmt.Sprint("case ", i), strings.ToUpper(strings.ReplaceAll(label, " ", "_")))
			case "han":
				label = fmt.Sprintf("第%d街道办事处", r.IntN(1_000_000))
				note = append(note, "转交 "+label+"，谢谢")
			case "words": // unique texts, in another order
				var ws []string
				for range 30 {
					ws = append(ws, fmt.Sprint("w", r.IntN(5000)))
				}
				label = strings.Join(ws, " ")
				note = append(ws[10:], ws[:10]...)
			case "sometimes":
				if r.IntN(3) > 0 {
					note = append(note, label)
				}
			}
			b.Cols[0].AppendStr(fmt.Sprint("id", i))
			b.Cols[1].AppendInt(int64(code))
			b.Cols[2].AppendStr(strings.Join(note, " "))
			b.Cols[3].AppendStr(label)
			b.Rows++
			rows, part, raw = append(rows, i), append(part, uint8(1+i%2)), append(raw, int64(r.IntN(1<<20)))
		}
		h.add(b, rows, part, raw)
		got := map[string]Leak{}
		for _, l := range h.report(nil) {
			if l.Check != "near_duplicate_rows" {
				got[l.Check+" "+l.Column] = l
			}
		}
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[want].Rows < 1400) {
			t.Errorf("%q finds %+v, want %q", seed, got, want)
		}
	}
}
