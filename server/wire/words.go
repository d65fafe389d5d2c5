package wire

import (
	"strings"
	"time"

	"aihub"
	"aihub/internal/i18n"
)

// WaitWords says in sentences how long a submission waits, for pages and the
// command line alike. Times are in zone.
func WaitWords(l aihub.Lang, w aihub.Wait, zone *time.Location) string {
	say := func(key string, args i18n.Args) string { return i18n.T(l, key, args) }
	var parts []string
	switch {
	case w.AheadHigh < 0:
		parts = append(parts, say("wait.ahead_more", i18n.Args{"Low": i18n.Int(w.AheadLow)}))
	case w.AheadHigh == 0:
		parts = append(parts, say("wait.ahead_none", nil))
	case w.AheadLow == w.AheadHigh:
		parts = append(parts, say("wait.ahead", i18n.Args{"Count": w.AheadLow}))
	default:
		parts = append(parts, say("wait.ahead_range", i18n.Args{"Low": i18n.Int(w.AheadLow), "High": i18n.Int(w.AheadHigh)}))
	}
	in := func(s int64) string { return i18n.Duration(l, time.Duration(s)*time.Second) }
	switch {
	case w.Reason == aihub.WaitWorkers:
		parts = append(parts, say("wait.no_workers", nil))
	case w.Reason == aihub.WaitPause:
		parts = append(parts, say("wait.pause", i18n.Args{"Time": w.Until.In(zone).Format(time.TimeOnly)}))
	case !w.Known && w.Reason == aihub.WaitNext:
		parts = append(parts, say("wait.next", nil))
	case !w.Known:
		parts = append(parts, say("wait.unknown", nil))
	case w.Low == 0:
		parts = append(parts, say("wait.within", i18n.Args{"High": in(w.High)}))
	default:
		parts = append(parts, say("wait.between", i18n.Args{"Low": in(w.Low), "High": in(w.High)}))
	}
	if w.Reason == aihub.WaitCap {
		parts = append(parts, say("wait.cap", nil))
	}
	s := join(l, parts)
	if w.Entered {
		s = say("wait.entered", i18n.Args{"What": s})
	}
	if !w.Visible.IsZero() {
		s = join(l, []string{s, say("wait.visible", i18n.Args{"Time": i18n.Time(l, w.Visible.In(zone))})})
	}
	return s
}

// HoursWords says in a sentence what an organisation has used.
func HoursWords(l aihub.Lang, h aihub.Hours) string {
	args := i18n.Args{"Used": i18n.Number(h.Used, 2), "Reserved": i18n.Number(h.Reserved, 2), "Limit": i18n.Number(h.Limit, 1)}
	key := "wait.hours"
	if h.Limit == 0 {
		key = "wait.hours_free"
		delete(args, "Limit")
	}
	return i18n.T(l, key, args)
}

func join(l aihub.Lang, parts []string) string {
	if l == aihub.ZH {
		return strings.Join(parts, "")
	}
	return strings.Join(parts, " ")
}
