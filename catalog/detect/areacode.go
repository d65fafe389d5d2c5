package detect

import "strings"

// AreaCode returns where the phone number that begins at s[start] begins with the area
// code before it, and with the country's before that, as in 0755-, (0755) or +86 755,
// in either width. It is start where no area code stands there.
func AreaCode(s string, start int) int {
	from, code := digitsBefore(s, start)
	if !isArea(code) {
		far, country := digitsBefore(s, from)
		switch area, joined := strings.CutPrefix(strings.TrimPrefix(code, "00"), "86"); {
		case joined && (isArea(area) || isArea("0"+area)): // +86755-
		case (country == "86" || country == "0086") && isArea("0"+code): // +86 755-
			from = far
		default:
			return start
		}
	} else if far, country := digitsBefore(s, from); country == "86" || country == "0086" {
		from = far
	}
	for _, open := range [...]string{"(", "（"} {
		if strings.HasSuffix(s[:from], open) && strings.ContainsAny(s[from:start], ")）") {
			from -= len(open)
		}
	}
	return from
}

func isArea(code string) bool { return len(code) >= 3 && areaLen(code) == len(code) }

// digitsBefore returns the digits before s[at], up to eight, between which and s[at] at
// most four signs stand, and where they begin: at for none.
func digitsBefore(s string, at int) (from int, digits string) {
	from = at
	for range 4 {
		from -= signBefore(s[:from])
	}
	end := 8
	var buf [8]byte
	for {
		c, w := foldLast(s[:from])
		if !isDigit(c) {
			break
		}
		if end == 0 {
			return at, ""
		}
		end--
		buf[end] = c
		from -= w
	}
	if end == len(buf) {
		return at, ""
	}
	return from, string(buf[end:])
}

// signBefore returns the width of the separator that s ends in, or 0.
func signBefore(s string) int {
	if s == "" {
		return 0
	}
	if strings.IndexByte(" -()_/.", s[len(s)-1]) >= 0 {
		return 1
	}
	for _, p := range separators {
		if strings.HasSuffix(s, p) {
			return len(p)
		}
	}
	return 0
}
