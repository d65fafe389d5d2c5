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

func (l *linter) onUndefined(path string, m Metric, info MetricInfo) {
	v, number := m.Stand()
	switch {
	case m.OnUndefined == UndefinedSkip:
		if !info.Skips {
			l.add("bad_value", path, m.Use+" has no parts that could be left out: worst, error, or a number in quotes", m.Use+" 没有可略去的部分：可写 worst、error 或加引号的数")
		}
	case number && !info.Needs.Scorer():
		if lo, hi := info.Range[0], info.Range[1]; v < lo || v > hi {
			l.add("out_of_range", path, fmt.Sprintf("must lie within the values of %s, %g to %g", m.Use, lo, hi), fmt.Sprintf("须在 %s 的取值 %g 至 %g 之内", m.Use, lo, hi))
		}
	case number && math.Abs(v) <= math.MaxFloat64:
	default:
		l.oneOf(path, m.OnUndefined, []string{UndefinedError, UndefinedSkip, UndefinedWorst})
	}
}
