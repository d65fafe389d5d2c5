package store

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"aihub"
)

// notFound is the one answer for what does not exist and for what is not this
// actor's to know.
func notFound(en, zh, id string) error {
	e := aihub.Errorf(aihub.NotFound, aihub.Text{
		EN: fmt.Sprintf("there is no %s %.80q", en, id),
		ZH: fmt.Sprintf("没有%s %.80q", zh, id),
	})
	if verb := lists[en]; verb != "" {
		return e.WithHint(aihub.Text{EN: "those that you may see: " + verb, ZH: "可查看的列表：" + verb})
	}
	return e
}

// lists is the command that shows what there is instead.
var lists = map[string]string{
	"dataset": "aihub dataset list", "scenario": "aihub scenario list", "submission": "aihub runs",
	"enrolment": "aihub enrol list", "release": "aihub release list", "organisation": "aihub org list", "image": "aihub image list",
}

func invalid(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{EN: en, ZH: zh})
}

func refused(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Refused, aihub.Text{EN: en, ZH: zh})
}

func conflict(en, zh string) *aihub.Error {
	return aihub.Errorf(aihub.Conflict, aihub.Text{EN: en, ZH: zh})
}

// bounded checks foreign texts before they are stored: name and value by turns,
// at most limit bytes of UTF-8 without NUL (which PostgreSQL does not take).
func bounded(limit int, pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		name, v := pairs[i], pairs[i+1]
		if len(v) > limit {
			return invalid(fmt.Sprintf("%s is longer than %d bytes", name, limit), fmt.Sprintf("%s 超过 %d 字节", name, limit))
		}
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return invalid(name+" is not plain UTF-8 text", name+" 不是有效的 UTF-8 文本")
		}
	}
	return nil
}

// toMicro turns bits into millionths, rounded up: a price is never less than
// what was asked.
func toMicro(bits float64) (int64, error) {
	if !(bits >= 0 && bits <= 1e9) { // NaN as well
		return 0, invalid(fmt.Sprintf("%v is not an amount of bits", bits), fmt.Sprintf("%v 不是合法的比特数", bits))
	}
	return int64(math.Ceil(bits*1e6 - 1e-6)), nil
}
