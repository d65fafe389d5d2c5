package i18n

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"aihub"
)

// China is the zone in which pages show times; it has no daylight saving.
var China = time.FixedZone("UTC+8", 8*3600)

// Date renders the day of t, in t's own zone: 2026年11月22日, 22 Nov 2026. The
// zero time is a dash.
func Date(lang aihub.Lang, t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	if lang == aihub.ZH {
		return t.Format("2006年1月2日")
	}
	return t.Format("2 Jan 2006")
}

// Time renders t to the minute, in t's own zone. The zero time is a dash.
func Time(lang aihub.Lang, t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return Date(lang, t) + " " + t.Format("15:04")
}

var units = []struct {
	d      time.Duration
	en, zh string
}{
	{24 * time.Hour, "day", "天"}, {time.Hour, "hour", "小时"},
	{time.Minute, "minute", "分钟"}, {time.Second, "second", "秒"},
}

// Duration renders d with its two largest units: 1 hour 30 minutes, 1小时30分钟.
// Below a second it is in milliseconds.
func Duration(lang aihub.Lang, d time.Duration) string {
	if d < 0 {
		d = -d
	}
	if d < time.Second {
		n := d.Milliseconds()
		if lang == aihub.ZH {
			return strconv.FormatInt(n, 10) + " 毫秒"
		}
		return strconv.FormatInt(n, 10) + " ms"
	}
	var parts []string
	for _, u := range units {
		n := int64(d / u.d)
		if n == 0 {
			if len(parts) > 0 {
				break
			}
			continue
		}
		d -= time.Duration(n) * u.d
		switch {
		case lang == aihub.ZH:
			parts = append(parts, strconv.FormatInt(n, 10)+" "+u.zh)
		case n == 1:
			parts = append(parts, "1 "+u.en)
		default:
			parts = append(parts, strconv.FormatInt(n, 10)+" "+u.en+"s")
		}
		if len(parts) == 2 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// Int renders n with a comma between groups of three digits, which both
// languages read.
func Int[N ~int | ~int64 | ~int32](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Number renders f with at most digits decimals and no trailing zeros.
func Number(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// Bytes renders a size in binary units: 512 B, 1.5 MiB.
func Bytes(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n), -1
	for f >= 1024 && i < 5 {
		f /= 1024
		i++
	}
	return fmt.Sprintf("%s %ciB", Number(f, 1), "KMGTPE"[i])
}
