package aihub

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says who can do what about an error. Kinds are stable on the wire and
// only ever added to.
type Kind string

// The kinds.
const (
	Invalid         Kind = "invalid"         // the request or file is malformed: mend it
	Contract        Kind = "contract"        // a spec, image, dataset or prediction breaks its contract: see Faults
	Unauthenticated Kind = "unauthenticated" // sign in
	Refused         Kind = "refused"         // policy says no
	NotFound        Kind = "not_found"       // does not exist, or not for this actor
	Conflict        Kind = "conflict"        // the thing has moved on: read it again
	Quota           Kind = "quota"           // attempts, budget or size used up
	RunFailed       Kind = "run_failed"      // the vendor's algorithm failed
	Pending         Kind = "pending"         // waits for a person
	Unavailable     Kind = "unavailable"     // the platform's fault: retry
	Internal        Kind = "internal"        // unknown: logged with an id, hidden from the user
)

// Fault is one defect of a foreign file, with its place. Messages carry only
// what the sender wrote, never a hidden value.
type Fault struct {
	Code     string   `json:"code"`               // stable, e.g. "missing_ids"
	Where    string   `json:"where,omitempty"`    // "line 3, column 5", "row 12, column score", "layer 2: etc/passwd"
	Message  Text     `json:"message"`            // what is wrong and what is expected
	Count    int64    `json:"count,omitempty"`    // how often, when more than once
	Examples []string `json:"examples,omitempty"` // at most 20
}

// Error is what every room returns for a condition that a person can act on.
type Error struct {
	Kind   Kind    `json:"kind"`
	Text   Text    `json:"message"`
	Hint   Text    `json:"hint"`             // the next step
	Faults []Fault `json:"faults,omitempty"` // all of them, when a file is at fault
	Err    error   `json:"-"`                // the cause; never sent to a user
}

// Errorf returns an Error of kind k. The text is already formatted in both
// languages; use the With methods for hint, faults and cause.
func Errorf(k Kind, t Text) *Error { return &Error{Kind: k, Text: t} }

// WithHint sets the next step and returns e.
func (e *Error) WithHint(t Text) *Error { e.Hint = t; return e }

// WithFaults sets the faults and returns e.
func (e *Error) WithFaults(f []Fault) *Error { e.Faults = f; return e }

// Because sets the cause and returns e.
func (e *Error) Because(err error) *Error { e.Err = err; return e }

// Error renders the English text, the faults one a line, and the hint. The
// cause is left to logs (errors.Unwrap).
func (e *Error) Error() string { return e.In(EN) }

// In renders e for a person.
func (e *Error) In(lang Lang) string {
	var b strings.Builder
	b.WriteString(e.Text.In(lang))
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.In(lang))
	}
	if !e.Hint.IsZero() {
		b.WriteString("\n→ " + e.Hint.In(lang))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// In renders f in one line: code, place, message.
func (f Fault) In(lang Lang) string {
	s := f.Code
	if f.Where != "" {
		s += " (" + placeIn(lang, f.Where) + ")"
	}
	s += ": " + f.Message.In(lang)
	if f.Count > 1 {
		s += fmt.Sprintf(" [×%d]", f.Count)
	}
	if len(f.Examples) > 0 {
		list := make([]string, len(f.Examples))
		for i, x := range f.Examples {
			list[i] = exampleIn(lang, x)
		}
		s += ": " + strings.Join(list, ", ")
	}
	return s
}

// KindOf returns the kind of err: that of the first Error in its chain,
// Internal for any other error, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
