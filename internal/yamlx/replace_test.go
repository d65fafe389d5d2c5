package yamlx

import (
	"strings"
	"testing"
)

const planned = `# read me
name: people
title: {zh: "居民", en: "Peo: ple"} # what people read
mask:
  columns:
    # about ages
    "a.ge": {use: band, width: 20} # quasi
    '出生 日期': {use: date, to: year} # told by its name
    town:
      use: hierarchy
      level: 1 # here
      hierarchy: |
        north-a;north;*
        north-b;north;*

    sex: {use: keep}
risk: {quasi: [a, b], k: 5}
`

// What is replaced is what was named; all else is as it was.
func TestReplace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path     []string
		with     string
		old, new string
	}{
		{[]string{"mask", "columns", "a.ge"}, "{use: keep}", `"a.ge": {use: band, width: 20} # quasi`, `"a.ge": {use: keep} # quasi`},
		{[]string{"mask", "columns", "出生 日期"}, "{use: date, to: 5years}", "to: year} # told", "to: 5years} # told"},
		{[]string{"mask", "columns", "town", "level"}, "2", "level: 1 # here", "level: 2 # here"},
		{[]string{"mask", "columns", "sex"}, "{use: drop}", "sex: {use: keep}", "sex: {use: drop}"},
		{[]string{"risk", "quasi"}, "[b]", "quasi: [a, b]", "quasi: [b]"},
	} {
		got, err := Replace([]byte(planned), c.with, c.path...)
		if want := strings.Replace(planned, c.old, c.new, 1); err != nil || string(got) != want {
			t.Errorf("%v: %v\n%s\nwant\n%s", c.path, err, got, want)
		}
	}
	for _, path := range [][]string{{"mask", "columns", "none"}, {"name", "x"}, {"nowhere"}} {
		if got, err := Replace([]byte(planned), "1", path...); err == nil {
			t.Errorf("%v is replaced:\n%s", path, got)
		}
	}
}

func FuzzReplace(f *testing.F) {
	f.Add(planned, "{use: keep}", "name")
	f.Fuzz(func(t *testing.T, data, value, key string) {
		if len(data) > 4096 || len(value) > 256 {
			return
		}
		Replace([]byte(data), value, key)
	})
}
