package table

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Text renders value i: what the CSV writer writes, and what a key column of
// any type is called by. A null is "" and false.
func (c *Column) Text(i int) (string, bool) {
	if c.Null(i) {
		return "", false
	}
	switch c.Type {
	case String:
		return c.Str[i], true
	case Float64:
		return FormatFloat(c.Flt[i]), true
	case Bool:
		return strconv.FormatBool(c.Bool[i]), true
	case Date:
		return FormatDate(c.Int[i]), true
	case Timestamp:
		return FormatTimestamp(c.Int[i]), true
	default:
		return strconv.FormatInt(c.Int[i], 10), true
	}
}

// FormatFloat writes the shortest text that reads back as v.
func FormatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// FormatDate writes days since 1970-01-01 as YYYY-MM-DD.
func FormatDate(days int64) string {
	return time.Unix(days*86400, 0).UTC().Format("2006-01-02")
}

// FormatTimestamp writes microseconds since 1970-01-01 UTC as RFC 3339 in UTC.
func FormatTimestamp(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z")
}

// parseInt reads a decimal int64. Leading zeros are read only when a column was
// declared int64 (lax): "007" is more likely a code than a number.
func parseInt(s string, lax bool) (int64, bool) {
	d := strings.TrimPrefix(s, "-")
	if d == "" || !digits(d) || !lax && len(d) > 1 && d[0] == '0' {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

// parseFloat reads a finite decimal number: no NaN, no infinity, no hexadecimal.
func parseFloat(s string, lax bool) (float64, bool) {
	d := strings.TrimPrefix(s, "-")
	if d == "" || !(d[0] >= '0' && d[0] <= '9' || d[0] == '.') {
		return 0, false
	}
	if !lax && len(d) > 1 && d[0] == '0' && d[1] >= '0' && d[1] <= '9' {
		return 0, false
	}
	for i := range len(d) {
		if c := d[i]; (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

func parseBool(s string) (v, ok bool) {
	switch s {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// ParseDate reads YYYY-MM-DD or YYYY/MM/DD as days since 1970-01-01.
func ParseDate(s string) (int64, bool) {
	if len(s) != 10 || s[4] != s[7] || s[4] != '-' && s[4] != '/' ||
		!digits(s[:4]) || !digits(s[5:7]) || !digits(s[8:]) {
		return 0, false
	}
	y, m, d := num(s[:4]), num(s[5:7]), num(s[8:])
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if y < 1 || t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return 0, false
	}
	return t.Unix() / 86400, true // a negative Unix is whole days too
}

// parseTimestamp reads a date, or a date, T or blank, HH:MM[:SS[.fraction]] and
// an optional Z, ±HH:MM or ±HHMM (UTC without one), as microseconds.
func parseTimestamp(s string) (int64, bool) {
	if len(s) < 10 {
		return 0, false
	}
	days, ok := ParseDate(s[:10])
	if !ok {
		return 0, false
	}
	us := days * 86400 * 1e6
	if len(s) == 10 {
		return us, true
	}
	t := s[11:]
	if s[10] != 'T' && s[10] != ' ' || len(t) < 5 {
		return 0, false
	}
	var zone int64
	if z, cut := strings.CutSuffix(t, "Z"); cut {
		t = z
	} else if i := strings.LastIndexAny(t, "+-"); i >= 5 {
		off := strings.Replace(t[i+1:], ":", "", 1)
		if len(off) != 4 || !digits(off) || num(off[:2]) > 14 || num(off[2:]) > 59 {
			return 0, false
		}
		zone = int64(num(off[:2])*3600+num(off[2:])*60) * 1e6
		if t[i] == '-' {
			zone = -zone
		}
		t = t[:i]
	}
	if len(t) < 5 || t[2] != ':' || !digits(t[:2]) || !digits(t[3:5]) || num(t[:2]) > 23 || num(t[3:5]) > 59 {
		return 0, false
	}
	us += int64(num(t[:2])*3600+num(t[3:5])*60) * 1e6
	if t = t[5:]; t != "" {
		if len(t) < 3 || t[0] != ':' || !digits(t[1:3]) || num(t[1:3]) > 59 {
			return 0, false
		}
		us += int64(num(t[1:3])) * 1e6
		if t = t[3:]; t != "" {
			if len(t) < 2 || len(t) > 10 || t[0] != '.' || !digits(t[1:]) {
				return 0, false
			}
			us += int64(num((t[1:] + "000000")[:6]))
		}
	}
	return us - zone, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// num reads a few digits.
func num(s string) (n int) {
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
