package risk

import (
	"math"

	"aihub/catalog/risk/classes"
)

// Attack is what three kinds of outsiders may hope for (El Emam and Dankar,
// "Protecting Privacy Using k-Anonymity", 2008). The prosecutor (检察官) looks for
// one person whom they know to be in the table; the journalist (记者) for anyone,
// in a larger table that holds the published rows; the marketer (营销者) for as
// many as they can. Each is a chance, 0 to 1, to name a row rightly.
type Attack struct {
	Rows              int64   `json:"rows"`       // published
	Population        int64   `json:"population"` // rows that hold them
	Prosecutor        float64 `json:"prosecutor"` // for the row easiest to name
	ProsecutorAverage float64 `json:"prosecutor_average"`
	Journalist        float64 `json:"journalist"`
	JournalistAverage float64 `json:"journalist_average"`
	Marketer          float64 `json:"marketer"` // share of the published rows

	// Presence (δ-presence, Nergiz et al. 2007): how sure an outsider is that a
	// person of the larger table is among the published rows, over the classes
	// that have any.
	PresenceLeast float64 `json:"presence_least"`
	PresenceMost  float64 `json:"presence_most"`
}

// attacks measures what is published, f rows of each class, when the outsider's
// table has F.
func attacks(f, F []int64) (a Attack) {
	for _, n := range f {
		a.Rows += n
	}
	var own int64 // classes that have published rows
	var within int64
	for id, n := range f {
		a.Population += F[id]
		if n == 0 {
			continue
		}
		own++
		within += F[id]
		a.Prosecutor = max(a.Prosecutor, 1/float64(n))
		if F[id] == 0 {
			continue
		}
		a.Journalist = max(a.Journalist, 1/float64(F[id]))
		a.Marketer += float64(n) / float64(F[id])
		p := float64(n) / float64(F[id])
		if a.PresenceLeast == 0 || p < a.PresenceLeast {
			a.PresenceLeast = p
		}
		a.PresenceMost = max(a.PresenceMost, p)
	}
	if a.Rows > 0 {
		a.ProsecutorAverage = float64(own) / float64(a.Rows)
		a.Marketer /= float64(a.Rows)
	}
	if within > 0 {
		a.JournalistAverage = max(float64(own)/float64(within), a.Marketer)
	}
	return a
}

// overlap compares two parts by the rows that each has of every class: how many
// rows of the first have their class in the second too, and how many of these
// are alone in both: whoever knows the one knows the other.
func overlap(f, in []int64) (s Share) {
	for id, n := range f {
		s.Of += n
		if n > 0 && in[id] > 0 {
			s.Rows += n
			if n == 1 && in[id] == 1 {
				s.Certain++
			}
		}
	}
	return s
}

// Uniqueness estimates how many people would be alone in their class, were the
// whole population known of which the rows are a sample without replacement.
type Uniqueness struct {
	Population int64   `json:"population"`
	Model      string  `json:"model"` // pitman or zayatz
	Uniques    float64 `json:"uniques"`
	Share      float64 `json:"share"` // of the population
}

// PopulationUniques chooses the model as Dankar et al., "Estimating the
// re-identification risk of clinical data sets", 2012, advise: Pitman's for
// samples of at most a tenth, otherwise (and where it has no solution) Zayatz's.
func PopulationUniques(h classes.Histogram, population int64) Uniqueness {
	u := Uniqueness{Population: population, Model: "zayatz"}
	n := h.Rows()
	ok := false
	if population > 0 && 10*n <= population {
		if u.Uniques, ok = pitman(h, float64(population)); ok {
			u.Model = "pitman"
		}
	}
	if !ok {
		u.Uniques = zayatz(h, population)
	}
	if population > 0 {
		u.Uniques = min(u.Uniques, float64(population))
		u.Share = u.Uniques / float64(population)
	}
	return u
}

// zayatz is Zayatz, "Estimation of the percent of unique population elements on
// a microdata file using the sample", 1991: class sizes of the sample stand for
// those of the population, and Bayes tells which sample uniques come from one.
func zayatz(h classes.Histogram, population int64) float64 {
	n, c := h.Rows(), float64(h.Classes())
	n1 := float64(h.Of(1))
	if n1 == 0 {
		return 0
	}
	if population <= n {
		return n1 // the sample is the population
	}
	// one is the chance that a sample of n holds exactly one of s rows.
	one := func(s int64) float64 {
		if s-1 > population-n {
			return 0
		}
		return math.Exp(math.Log(float64(s)) + choose(population-s, n-1) - choose(population, n))
	}
	all := 0.0
	for _, b := range h {
		all += float64(b.Classes) / c * one(b.Size)
	}
	return n1 * (n1 / c * one(1) / all) * float64(population) / float64(n)
}

// choose is the logarithm of n over k.
func choose(n, k int64) float64 {
	g := func(x int64) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return g(n) - g(k) - g(n-k)
}

// pitman fits Pitman's sampling formula by maximum likelihood (Hoshino,
// "Applying Pitman's sampling formula to microdata disclosure risk assessment",
// 2001): θ for a given α and then α by bisection of the likelihood's slopes.
// Uniques of a population N are then Γ(θ+1)/Γ(θ+α) N^α. False when there is no
// solution with 0 < α < 1 and θ > 0.
func pitman(h classes.Histogram, population float64) (float64, bool) {
	n, u := float64(h.Rows()), float64(h.Classes())
	if h.Of(1) == 0 || u < 2 || u == n {
		return 0, false
	}
	// slope of θ: Σ 1/(θ+iα), i<u, less Σ 1/(θ+i), i<n
	slope := func(θ, α float64) float64 {
		return (digamma(θ/α+u)-digamma(θ/α+1))/α - (digamma(θ+n) - digamma(θ+1))
	}
	bisect := func(f func(float64) float64, lo, hi float64) (float64, bool) {
		a, b := f(lo), f(hi)
		if math.IsNaN(a) || math.IsNaN(b) || a > 0 == (b > 0) {
			return 0, false
		}
		for range 200 {
			mid := (lo + hi) / 2
			if v := f(mid); v > 0 == (a > 0) {
				lo = mid
			} else {
				hi = mid
			}
		}
		return (lo + hi) / 2, true
	}
	theta := func(α float64) (float64, bool) {
		x, ok := bisect(func(x float64) float64 { return slope(math.Exp(x), α) }, math.Log(1e-9), math.Log(1e12))
		return math.Exp(x), ok
	}
	// slope of α: Σ i/(θ+iα), i<u, less Σ over classes of Σ 1/(j-α), j<size
	rise := func(α float64) float64 {
		θ, ok := theta(α)
		if !ok {
			return math.NaN()
		}
		v := (u - 1 - θ/α*(digamma(θ/α+u)-digamma(θ/α+1))) / α
		for _, b := range h {
			v -= float64(b.Classes) * (digamma(float64(b.Size)-α) - digamma(1-α))
		}
		return v
	}
	// The two ends of α: those at which θ can still be found.
	lo, hi := 0.0, 0.0
	for i := 1; i < 200; i++ {
		if α := float64(i) / 200; !math.IsNaN(rise(α)) {
			if lo == 0 {
				lo = α
			}
			hi = α
		}
	}
	if lo == 0 {
		return 0, false
	}
	α, ok := bisect(rise, lo, hi)
	if !ok {
		return 0, false
	}
	θ, ok := theta(α)
	if !ok {
		return 0, false
	}
	a, _ := math.Lgamma(θ + 1)
	b, _ := math.Lgamma(θ + α)
	return math.Exp(a - b + α*math.Log(population)), true
}

// digamma is the derivative of log Γ for x > 0 (Abramowitz and Stegun 6.3.5, 6.3.18).
func digamma(x float64) float64 {
	v := 0.0
	for ; x < 10; x++ {
		v -= 1 / x
	}
	y := 1 / (x * x)
	return v + math.Log(x) - 0.5/x - y*(1./12-y*(1./120-y*(1./252-y*(1./240-y*(1./132)))))
}
