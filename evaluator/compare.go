package evaluator

import (
	"cmp"
	"context"
	"slices"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/scenarios"
)

// Compared is one file of predictions among several.
type Compared struct {
	Path string
	Scored
}

// quickRows is the rows beyond which the AUC is bounded before it is computed.
const quickRows = 1 << 22

// Compare scores several files of predictions against the same truth and returns
// them from the best to the worst by the primary metric; what is undefined or at
// fault comes last. Of many rows, an AUC is bounded first, which keeps no row: its
// value is then the middle of bounds (metric.Bounded). Where bounds leave the order
// of two files open, both are read again and scored exactly.
func (s Scoring) Compare(ctx context.Context, truth string, paths []string) ([]Compared, error) {
	quick := s
	if p, _, done, err := openPages(truth); err != nil {
		return nil, err
	} else if p != nil {
		if p.Rows() > cmp.Or(s.quickRows, quickRows) {
			quick.Plan = s.Plan.quick()
		}
		done()
	}
	var out []Compared
	for _, path := range paths {
		got, err := quick.Run(ctx, truth, path)
		if err != nil {
			return nil, err
		}
		out = append(out, Compared{path, got})
	}
	first := slices.IndexFunc(s.Plan.spec.Metrics, func(m scenarios.Metric) bool { return m.Primary })
	for i := range out {
		if open(out, i, first) {
			got, err := s.Run(ctx, truth, out[i].Path)
			if err != nil {
				return nil, err
			}
			out[i].Scored = got
		}
	}
	sign := 1.0
	if s.Plan.spec.Metrics[first].Direction == "max" {
		sign = -1
	}
	slices.SortStableFunc(out, func(a, b Compared) int {
		x, y := primary(a, first), primary(b, first)
		if x == nil || y == nil {
			return cmp.Compare(b2i(x == nil), b2i(y == nil))
		}
		return cmp.Compare(sign*x.Value, sign*y.Value)
	})
	return out, nil
}

// primary is the value that ranks, or nil.
func primary(c Compared, first int) *aihub.MetricValue {
	if len(c.Values) == 0 || c.Values[first].Status == aihub.MetricUndefined {
		return nil
	}
	return &c.Values[first]
}

// open reports whether file i has bounds that say too little: none at all, or
// such that another's value may be on either side.
func open(all []Compared, i, first int) bool {
	if len(all[i].Values) == 0 || all[i].Values[first].Reason != metric.Bounded {
		return false
	}
	x := primary(all[i], first)
	if x == nil {
		return true
	}
	for j := range all {
		y := primary(all[j], first)
		if j == i || y == nil {
			continue
		}
		lo, hi := y.Value, y.Value
		if y.Reason == metric.Bounded {
			lo, hi = y.Lo, y.Hi
		}
		if x.Lo <= hi && lo <= x.Hi {
			return true
		}
	}
	return false
}
