package scenarios

import (
	"fmt"
	"math"
	"strconv"
)

// What an undefined value counts as, besides a number (metrics[].on_undefined).
const (
	UndefinedWorst = "worst" // stands last
	UndefinedError = "error" // the scoring fails
	UndefinedSkip  = "skip"  // parts that are undefined are left out of a mean
)

// Stand is the number that an undefined value of m counts as; false when it stands
// last or fails.
func (m Metric) Stand() (float64, bool) {
	v, err := strconv.ParseFloat(m.OnUndefined, 64)
	return v, err == nil && v-v == 0
}

// bestOf is the better end of the values of m, or what its scorer gives the truth; NaN when not known.
func (s Spec) bestOf(m Metric, info MetricInfo) float64 {
	if v, ok := s.ScorerValue(m); ok && len(v.Range) == 2 {
		return v.Best()
	}
	switch info.Direction {
	case "min":
		return info.Range[0]
	case "max":
		return info.Range[1]
	}
	return math.NaN()
}

func (l *linter) onUndefined(path string, s Spec, m Metric, info MetricInfo) {
	v, number := m.Stand()
	if number && m.Primary && v == s.bestOf(m, info) {
		l.add("bad_value", path, fmt.Sprintf("%g is the best value of %s: who answers so that there is none would win; write a worse number, worst or error", v, m.Use),
			fmt.Sprintf("%g 是 %s 的最优值：使其无定义的答案将会获胜；请写较差的数、worst 或 error", v, m.Use))
	}
	switch {
	case m.OnUndefined == UndefinedSkip:
		if !info.Skips {
			l.add("bad_value", path, m.Use+" has no parts that could be left out: worst, error, or a number in quotes", m.Use+" 没有可略去的部分：可写 worst、error 或加引号的数")
		}
	case number:
		if lo, hi := info.Range[0], info.Range[1]; v < lo || v > hi {
			l.add("out_of_range", path, fmt.Sprintf("must lie within the values of %s, %g to %g", m.Use, lo, hi), fmt.Sprintf("须在 %s 的取值 %g 至 %g 之内", m.Use, lo, hi))
		}
	default:
		l.oneOf(path, m.OnUndefined, []string{UndefinedError, UndefinedSkip, UndefinedWorst})
	}
}
