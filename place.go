package aihub

import (
	"regexp"
	"strings"
)

// placeWords are the words of a Fault's Where, which stays in English on the
// wire so that programs can read it.
var placeWords = []struct {
	en *regexp.Regexp
	zh string
}{
	{regexp.MustCompile(`\bline (\d+), column (\d+)`), "第 $1 行第 $2 列"},
	{regexp.MustCompile(`\brow group (\d+)`), "第 $1 个行组"},
	{regexp.MustCompile(`\brow (\d+) \(line (\d+)\)`), "第 $1 条记录（第 $2 行）"},
	{regexp.MustCompile(`\brow (\d+)`), "第 $1 条记录"},
	{regexp.MustCompile(`\bline (\d+)`), "第 $1 行"},
	{regexp.MustCompile(`\bitem (\d+)`), "第 $1 项"},
	{regexp.MustCompile(`\bfile (\d+)`), "第 $1 个文件"},
	{regexp.MustCompile(`\blayer (\d+)`), "第 $1 层"},
	{regexp.MustCompile(`(^|[ ，、,）])column `), "${1}列 "},
	{regexp.MustCompile(`(^|[ ，、,）])file ("|$)`), "${1}文件 ${2}"},
}

// placeIn renders where for a person.
func placeIn(lang Lang, where string) string {
	if lang != ZH {
		return where
	}
	for _, w := range placeWords {
		where = w.en.ReplaceAllString(where, w.zh)
	}
	return where
}

// exampleIn renders an example of a fault: a place, and behind it, in quotes, what
// stands there, which stays as it is.
func exampleIn(lang Lang, example string) string {
	place, value := example, ""
	if i := strings.IndexByte(example, '"'); i >= 0 {
		place, value = example[:i], example[i:]
	}
	return placeIn(lang, place) + value
}
