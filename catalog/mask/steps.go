package mask

import "math"

// steps are the numbers origin + n·width. Where both are decimal fractions of few
// digits, as people write them, a step is the number nearest to its decimal form:
// the third of 0.1 is 0.3, which three times the float 0.1 is not.
type steps struct {
	origin, width float64
	from, by, of  float64 // origin = from/of, width = by/of, all whole; of is 0 where they are no such fractions
}

func newSteps(origin, width float64) steps {
	s := steps{origin: origin, width: width}
	for of := 1.0; of <= 1e15; of *= 10 {
		from, by := math.Round(origin*of), math.Round(width*of)
		if math.Abs(from) > 1<<52 || by > 1<<52 {
			break
		}
		if from/of == origin && by/of == width {
			s.from, s.by, s.of = from, by, of
			break
		}
	}
	return s
}

// at is step n.
func (s steps) at(n float64) float64 {
	if whole := float64(s.from + float64(n*s.by)); s.of > 0 && math.Abs(whole) < 1<<53 {
		return whole / s.of
	}
	return float64(s.origin + float64(n*s.width))
}

// below is the greatest n whose step is not above v.
func (s steps) below(v float64) float64 {
	n := math.Floor((v - s.origin) / s.width)
	switch { // a quotient of floats may be off by one
	case s.at(n) > v:
		n--
	case s.at(n+1) <= v:
		n++
	}
	return n
}
