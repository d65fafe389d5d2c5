package detect

import "strings"

// Words before a number that say what it is: a telephone even without its area
// code, a permit of residents of Hong Kong, Macao and Taiwan, or a serial number even
// in the form of a passport.
var (
	phoneWords  = []string{"电话", "座机", "固话", "传真", "热线", "联系方式", "tel", "phone", "fax"}
	permitWords = []string{"来往内地通行证", "来往大陆通行证", "居民通行证", "回乡证", "台胞证"}
	serialWords = []string{"单号", "订单", "型号", "批次", "批号", "合同号", "合同", "货号", "图号", "料号", "序列号", "版本", "发票号", "机号", "设备号", "编码", "order", "model", "batch", "serial", "sn", "invoice"}
)

// linksBefore are bytes and words between such a word and its number.
const linksBefore = " \t:.#(\"'-/"

var linkWords = []string{"：", "为", "是", "号码", "号", "（", "　", "no", "number"}

// phoneBefore, serialBefore and permitBefore report whether s ends in such a word.
func phoneBefore(s string) bool  { return wordBefore(s, phoneWords) }
func serialBefore(s string) bool { return wordBefore(s, serialWords) }
func permitBefore(s string) bool { return wordBefore(s, permitWords) }

func wordBefore(s string, words []string) bool {
	for range 3 {
		s = strings.TrimRight(s, linksBefore)
		if endsIn(s, words) > 0 {
			return true
		}
		n := endsIn(s, linkWords)
		if n == 0 {
			return false
		}
		s = s[:len(s)-n]
	}
	return false
}

// endsIn returns the length of the word that s ends in, or 0: one in Latin letters
// counts in either case, and only where no letter stands before it.
func endsIn(s string, words []string) int {
	for _, w := range words {
		n := len(w)
		if len(s) < n || w[n-1]|0x20 != s[len(s)-1]|0x20 {
			continue
		}
		at := len(s) - n
		if isAlpha(w[0]) {
			if strings.EqualFold(s[at:], w) && (at == 0 || !isAlpha(s[at-1])) {
				return n
			}
		} else if s[at:] == w {
			return n
		}
	}
	return 0
}
