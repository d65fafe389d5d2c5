package risk

import (
	"aihub/catalog/risk/classes"
)

// GateSizes is Gate for a table whose class sizes alone are known: k and the
// estimate of population uniques, for any number of rows. Rows in classes below
// k are those to be dropped. A policy with l, t or a limit that needs the rows
// (NeedsRows) must go through Gate.
func GateSizes(h classes.Histogram, p Policy) (rep Report, err error) {
	if p.Action == "" {
		p.Action = "suppress"
	}
	rep.Policy = p
	rep.Before = count(h, p.K)
	allowed := int(p.MaxSuppression * float64(rep.Before.Rows))
	if p.Action == "refuse" {
		allowed = 0
	}
	if rep.Suppressed = rep.Before.Below; rep.Suppressed > allowed {
		return rep, refusal(rep, allowed)
	}
	left := h.From(int64(p.K))
	rep.After, rep.Sizes = count(left, p.K), bands(left)
	if p.Population > 0 {
		u := PopulationUniques(left, p.Population)
		rep.Uniques = &u
	}
	return rep, nil
}

// NeedsRows reports whether the policy asks what class sizes alone do not tell.
func (p Policy) NeedsRows() bool { return len(p.Sensitive) > 0 || p.MaxPresence > 0 }
