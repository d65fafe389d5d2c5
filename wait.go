package aihub

import "time"

// Wait is what can honestly be said of how long a queued run waits. Its vendor
// reads ranges; of a hidden submission, what was known when it was entered and
// nothing later, because a place that moves would tell when runs begin and end.
type Wait struct {
	AheadLow  int        `json:"ahead_low"`           // runs that go before it: at least
	AheadHigh int        `json:"ahead_high"`          // and at most; -1: or more
	Known     bool       `json:"known"`               // false: nothing is known of the time yet
	Low       int64      `json:"low_s"`               // seconds from AsOf until it begins: at least
	High      int64      `json:"high_s"`              // and at most
	Reason    WaitReason `json:"reason"`              // why it waits
	Until     time.Time  `json:"until,omitzero"`      // WaitPause: not before this time
	AsOf      time.Time  `json:"as_of"`               // when this was so
	Entered   bool       `json:"entered,omitempty"`   // AsOf is when it was entered: it will not be told anew
	Workers   int        `json:"workers"`             // sandboxes that the platform has
	Visible   time.Time  `json:"visible_at,omitzero"` // hidden: the first time at which an outcome can be shown
}

// WaitReason is why a run has not begun.
type WaitReason string

// The reasons.
const (
	WaitTurn    WaitReason = "turn"    // others go first, or every sandbox is taken
	WaitNext    WaitReason = "next"    // it is next
	WaitWorkers WaitReason = "workers" // no worker has been seen for a while
	WaitPause   WaitReason = "pause"   // the platform failed it and tries again later
	WaitCap     WaitReason = "cap"     // its organisation runs as many at once as it may
)

// Hours is the processor time of an organisation in a month. Of a hidden run it
// says nothing before its tick: until then all that was held counts as held.
type Hours struct {
	Org      OrgID   `json:"org"`
	Month    string  `json:"month"`    // 2006-01, UTC
	Used     float64 `json:"used"`     // hours
	Reserved float64 `json:"reserved"` // held by submissions under way
	Limit    float64 `json:"limit"`    // 0: none
}
