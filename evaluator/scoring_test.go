package evaluator

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/table"

	"github.com/google/go-cmp/cmp"
)

// predicted is a file of predictions in the making: rows of header.
type predicted struct{ id, label, pRed, pBlue, count string }

func writePredictions(t testing.TB, format string, rows []predicted) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "predictions")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	typed := format == "parquet" || format == "arrow"
	fields := []table.Field{{Name: "id", Type: "string"}, {Name: "label", Type: "string"}, {Name: "p_red", Type: "string"}, {Name: "p_blue", Type: "string"}, {Name: "count", Type: "string"}}
	if typed {
		fields[2].Type, fields[3].Type, fields[4].Type = "float64", "float64", "int64"
	}
	b := table.NewBatch(fields, 0)
	for _, r := range rows {
		for j, v := range []string{r.id, r.label, r.pRed, r.pBlue, r.count} {
			c := &b.Cols[j]
			switch {
			case v == "":
				c.AppendNull()
			case fields[j].Type == "float64":
				x, _ := parseNumber(v, false)
				c.AppendFlt(x)
			case fields[j].Type == "int64":
				x, _ := parseNumber(v, true)
				c.AppendInt(int64(x))
			default:
				c.AppendStr(v)
			}
		}
		b.Rows++
	}
	if err := writeTable(f, format, b); err != nil {
		t.Fatal(err)
	}
	return path
}

// A part in many piles is scored, and its faults are told, as it would be in one:
// in any order of rows and any format, with and without row ids.
func TestScoringPiles(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	const rows = 3000
	var truth []string
	for i := range rows {
		truth = append(truth, fmt.Sprintf("K%d,%s", i, []string{"red", "蓝"}[rng.IntN(2)]))
	}
	truthPath := labels(t, truth...)
	rowKey := []byte("0123456789abcdef0123456789abcdef")
	for _, key := range [][]byte{rowKey, nil} {
		name := func(i int) string {
			if key == nil {
				return fmt.Sprintf("K%d", i)
			}
			return table.RowID(key, fmt.Sprintf("K%d", i))
		}
		good := make([]predicted, rows)
		for i := range good {
			p := rng.IntN(1001)
			good[i] = predicted{name(i), []string{"red", "蓝"}[rng.IntN(2)], fmt.Sprint(float64(p) / 1000), fmt.Sprint(float64(1000-p) / 1000), fmt.Sprint(i % 101)}
		}
		sorted := slices.SortedFunc(slices.Values(good), func(a, b predicted) int { return strings.Compare(a.id, b.id) })
		late := slices.Concat(sorted[1:], sorted[:1]) // the last row is of a pile that was done with
		bad := slices.Clone(good)
		bad[7].label, bad[2000].pRed, bad[11].count = "green", "2", "101"
		bad[100].id, bad[200].id = strings.ToUpper(bad[100].id)+" ", "nobody"
		bad[300] = bad[301]
		bad[400].id = bad[401].id
		bad = append(bad, bad[5], predicted{"", "red", "1", "0", "1"})
		for _, c := range []struct {
			name string
			rows []predicted
			bad  bool
		}{{"shuffled", good, false}, {"sorted", sorted, false}, {"late", late, false}, {"bad", bad, true}, {"short", good[:rows-5], true}} {
			for _, format := range []string{"csv", "jsonl", "arrow", "parquet"} {
				spec := outSpec(format)
				seed := ""
				if c.name == "shuffled" && format == "csv" {
					seed = "piles"
				}
				plan, err := NewPlan(spec, seed)
				if err != nil {
					t.Fatal(err)
				}
				path := writePredictions(t, format, c.rows)
				var want, got Scored
				var last, of int64
				for _, run := range []struct {
					pile int64
					out  *Scored
				}{{1 << 20, &want}, {100, &got}} {
					s := Scoring{Plan: plan, Key: "id", RowKey: key, Dir: t.TempDir(), pile: run.pile, Progress: func(d, n int64) { last, of = d, n }}
					if *run.out, err = s.Run(t.Context(), truthPath, path); err != nil {
						t.Fatal(err)
					}
					if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
						t.Errorf("%s left in scratch", left[0].Name())
					}
				}
				if last > of && of > 0 {
					t.Errorf("progress %d of %d", last, of)
				}
				for _, faults := range [][]aihub.Fault{want.Faults, got.Faults} {
					for _, f := range faults {
						if f.Code == "missing_ids" { // they come pile by pile
							slices.Sort(f.Examples)
						}
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s %s %s: -one pile +many\n%s", hex.EncodeToString(key), c.name, format, d)
				}
				if c.bad == (len(got.Faults) == 0) || c.bad == (got.Values != nil) {
					t.Errorf("%s %s: faults %v, values %v", c.name, format, lines(t, got.Faults), got.Values)
				}
			}
		}
	}
}

// A shuffled file in another format is the same file; what stands in a cell of
// the wrong type is a fault with its row.
func TestScoringFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, file string
		want         []string
	}{
		{"jsonl", `{"id":"a","label":"red","p_red":1,"p_blue":0,"count":3}` + "\n" + `{"count":0,"id":"b","label":"蓝","p_red":0.25,"p_blue":7.5e-1}` + "\n", nil},
		{"jsonl", `{"id":"a","label":"Red","p_red":"x","p_blue":null,"count":1.5}` + "\n" + `{"id":"a","label":true,"p_red":1e400,"p_blue":2,"count":[1]}`, []string{
			`missing_ids (column id): 1 of 2 ids have no row: "b"`,
			`duplicate_ids (row 2, column id)`,
			`unknown_class (row 1, column label): the value is none of the classes: red, 蓝 [×2]: row 1 "Red", row 2 "true"`,
			`bad_type (row 1, column p_red): expected a number of type float64: row 1 "x"`,
			`not_finite (row 2, column p_red): the value is not a finite number: row 2 "1e400"`,
			`empty_value (row 1, column p_blue): the value is empty: row 1`,
			`out_of_range (row 2, column p_blue): the value is outside [0, 1]: row 2 "2"`,
			`bad_type (row 1, column count): expected a number of type int64 [×2]: row 1 "1.5", row 2 "[1]"`,
		}},
		{"jsonl", `{"id":"a",` + "\n", []string{`json (line 1, column 12)`}},
		{"jsonl", header + "a,red,1,0,1\n", []string{`json (line 1, column 1)`, `json (line 2, column 1)`}},
		{"arrow", header, []string{`bad_file: the file looks like csv; output.format is arrow`}},
		{"csv", "ARROW1\x00\x00", []string{`bad_file: the file looks like arrow; output.format is csv`}},
		{"arrow", "ARROW1\x00\x00\xff\xff\xff\xff\x10\x00\x00\x00", []string{"arrow"}},
	} {
		_, faults, err := CheckPredictions(t.Context(), outSpec(c.format), write(t, c.file), mustIDs(t, "a", "b"))
		got := lines(t, faults)
		ok := len(got) == len(c.want)
		for i := range min(len(got), len(c.want)) {
			ok = ok && strings.HasPrefix(got[i], c.want[i])
		}
		if err != nil || !ok {
			t.Errorf("%s %.20q: %v\n%s", c.format, c.file, err, strings.Join(got, "\n"))
		}
	}
}

func TestSpill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := newSpill(dir, 3)
	if err != nil {
		t.Fatal(err)
	}
	s.hold = 6 // of many more
	defer s.Close()
	want := make([][]string, 3)
	for i := range 2000 {
		r := strings.Repeat(string(rune('a'+i%26)), i*37%(3*spillChunk/100))
		if i == 77 {
			r = strings.Repeat("x", 5*spillChunk+1)
		}
		pile := i * i % 3 // the last stays empty
		want[pile] = append(want[pile], r)
		if err := s.add(pile, []byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for pile := range want {
			var got []string
			if err := s.each(pile, func(r []byte) error { got = append(got, string(r)); return nil }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want[pile]) {
				t.Errorf("pile %d: %d records of %d, or others", pile, len(got), len(want[pile]))
			}
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("the file has a name")
	}
	if err := s.add(0, make([]byte, maxRecord+1)); err == nil {
		t.Error("a huge record is taken")
	}
}
