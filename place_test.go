package aihub

import "testing"

// What stands in a file is no place, whatever it says.
func TestExampleIn(t *testing.T) {
	f := Fault{Code: "x", Message: Text{EN: "m", ZH: "消息"}, Examples: []string{`row 4 "row 5"`, `"row 6"`, "line 7", `file "a.png"`}}
	if got, want := f.In(ZH), `x: 消息: 第 4 条记录 "row 5", "row 6", 第 7 行, 文件 "a.png"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := f.In(EN), `x: m: row 4 "row 5", "row 6", line 7, file "a.png"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPlaceIn(t *testing.T) {
	for where, want := range map[string]string{
		"line 3, column 5":               "第 3 行第 5 列",
		"row 12, column score":           "第 12 条记录, 列 score",
		"row 12 (line 14), column row 3": "第 12 条记录（第 14 行）, 列 第 3 条记录",
		"layer 2: etc/passwd":            "第 2 层: etc/passwd",
		"row group 4, column age":        "第 4 个行组, 列 age",
		`file "a b.png"`:                 `文件 "a b.png"`,
		"columns.phone":                  "columns.phone",
		"metrics[0].use":                 "metrics[0].use",
		"":                               "",
	} {
		if got := placeIn(ZH, where); got != want {
			t.Errorf("%q: %q, want %q", where, got, want)
		}
		if got := placeIn(EN, where); got != where {
			t.Errorf("%q in English: %q", where, got)
		}
	}
}
