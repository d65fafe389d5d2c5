package aihub

import "testing"

func TestPlaceIn(t *testing.T) {
	for where, want := range map[string]string{
		"line 3, column 5":               "第 3 行第 5 列",
		"row 12, column score":           "第 12 条记录, 列 score",
		"row 12 (line 14), column row 3": "第 12 条记录（第 14 行）, 列 第 3 条记录",
		"layer 2: etc/passwd":            "第 2 层: etc/passwd",
		"row group 4, column age":        "第 4 个行组, 列 age",
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
