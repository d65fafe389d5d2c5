package aihub

import "math"

// RiskRecord is what the risk gate found of the rows of a dataset version: every
// limit that its manifest declares beside what was measured. A version without a
// record, or with one that breaks a limit, is never published.
type RiskRecord struct {
	Content    Digest      `json:"content"`           // of the version it speaks of
	Quasi      []string    `json:"quasi,omitempty"`   // quasi-identifiers; none: no limit was declared, and nothing measured
	Subject    string      `json:"subject,omitempty"` // of which the limits count different values; none: they count rows
	Rows       int64       `json:"rows"`              // that would be published
	Suppressed int64       `json:"suppressed"`        // rows left out for the limits
	Limits     []RiskLimit `json:"limits,omitempty"`
}

// RiskLimit is one limit and what was measured against it.
type RiskLimit struct {
	Key        string  `json:"key"`  // the manifest's, below risk: k, l, max_risk, …
	Rule       string  `json:"rule"` // how Measured must stand to Limit: >=, <= or <
	Limit      float64 `json:"limit"`
	Measured   float64 `json:"measured"`
	Unmeasured bool    `json:"unmeasured,omitempty"` // it could not be: then it does not hold
}

// Held reports whether l holds. What cannot be compared does not.
func (l RiskLimit) Held() bool {
	const slack = 1e-9 // of sums of shares
	if l.Unmeasured || math.IsNaN(l.Limit) || math.IsNaN(l.Measured) {
		return false
	}
	switch l.Rule {
	case ">=":
		return l.Measured >= l.Limit-slack
	case "<=":
		return l.Measured <= l.Limit+slack
	case "<":
		return l.Measured < l.Limit
	}
	return false
}

// Broken returns the limits that do not hold.
func (r RiskRecord) Broken() (out []RiskLimit) {
	for _, l := range r.Limits {
		if !l.Held() {
			out = append(out, l)
		}
	}
	return out
}
