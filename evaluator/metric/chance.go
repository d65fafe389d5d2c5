package metric

import (
	"math"
	"slices"
)

// Predictions drawn by lot are a permutation of the truth. How many rows of class
// k, n_k of n, meet their own class has mean n_k²/n and variance
// (n_k(n-n_k)/n)²/(n-1) (Hoeffding 1951, the mean and variance of a sum over a
// permutation). Rare classes are no normal distribution: six rows more.
const sigmas = 6

// met is how many rows of class k meet their own, and how many more or fewer it may be.
func (l lot) met(k int) (mean, within float64) {
	nk := float64(l.Classes[k])
	return nk * nk / l.n, sigmas*nk*(l.n-nk)/l.n/math.Sqrt(l.n-1) + sigmas
}

// right is the share of rows that are right, and how far off it may be.
func (l lot) right() (mean, within float64) {
	var two, three float64
	for k := range l.Classes {
		p := l.share(k)
		two, three = two+p*p, three+p*p*p
	}
	return two, sigmas*math.Sqrt((two-2*three+two*two)/(l.n-1)) + sigmas/l.n
}

// recalled is the recall of class k; its precision is the same.
func (l lot) recalled(k int) (lo, hi float64) {
	mean, within := l.met(k)
	nk := float64(l.Classes[k])
	return max(0, (mean-within)/nk), min(1, (mean+within)/nk)
}

// mixed is the average over classes of a ratio that grows with recall.
func mixed(f func(r float64) float64) func(args, lot) *Declared {
	return func(a args, l lot) *Declared {
		switch a.str["average"] {
		case "micro":
			m, w := l.right()
			return between(f(max(0, m-w)), f(min(1, m+w)))
		case "weighted":
			lo, hi := 0.0, 0.0
			for k, rows := range l.Classes {
				if rows > 0 {
					x, y := l.recalled(k)
					lo, hi = lo+l.share(k)*f(x), hi+l.share(k)*f(y)
				}
			}
			return between(lo, hi)
		}
		return between(
			l.over(a, func(k int) float64 { x, _ := l.recalled(k); return f(x) }),
			l.over(a, func(k int) float64 { _, y := l.recalled(k); return f(y) }))
	}
}

func itself(r float64) float64 { return r }

// rest is how many rows of the other classes meet one of these, as a share of them.
func (l lot) rest(k int) (lo, hi float64) {
	mean, within := l.met(k)
	nk := float64(l.Classes[k])
	others := l.n - nk
	return max(0, 1-(nk-mean+within)/others), min(1, 1-(nk-mean-within)/others)
}

// ofOne is f of the recall of the positive class, and of the others.
func ofOne(f func(lo, hi, restLo, restHi float64) *Declared) func(args, lot) *Declared {
	return func(a args, l lot) *Declared {
		if k := l.Classes[a.one]; k == 0 || float64(k) == l.n {
			return nil
		}
		lo, hi := l.recalled(a.one)
		x, y := l.rest(a.one)
		return f(lo, hi, x, y)
	}
}

// mistaken is f, rising, of the share of wrong rows.
func mistaken(f func(a args, wrong float64) float64) func(args, lot) *Declared {
	return func(a args, l lot) *Declared {
		m, w := l.right()
		return between(f(a, max(0, 1-m-w)), f(a, min(1, 1-m+w)))
	}
}

// corrected is agreement beyond chance, which is (right-chance)/(1-chance).
func corrected(a args, l lot) *Declared {
	m, w := l.right()
	if m == 1 || a.str["weights"] == "linear" || a.str["weights"] == "quadratic" {
		return nil
	}
	return around(0, w/(1-m))
}

var chances = map[string]func(args, lot) *Declared{
	"accuracy@1": func(_ args, l lot) *Declared {
		m, w := l.right()
		return around(m, w)
	},
	"balanced_accuracy@1": func(_ args, l lot) *Declared {
		lo, hi := 0.0, 0.0
		for k, rows := range l.Classes {
			if rows > 0 {
				x, y := l.recalled(k)
				lo, hi = lo+x/l.present, hi+y/l.present
			}
		}
		return between(lo, hi)
	},
	"f1@1": mixed(itself), "fbeta@1": mixed(itself), "recall@1": mixed(itself), "precision@1": mixed(itself),
	"jaccard@1":            mixed(func(r float64) float64 { return r / (2 - r) }),
	"sensitivity@1":        ofOne(func(lo, hi, _, _ float64) *Declared { return between(lo, hi) }),
	"positive_f1@1":        ofOne(func(lo, hi, _, _ float64) *Declared { return between(lo, hi) }),
	"positive_precision@1": ofOne(func(lo, hi, _, _ float64) *Declared { return between(lo, hi) }),
	"fnr@1":                ofOne(func(lo, hi, _, _ float64) *Declared { return between(1-hi, 1-lo) }),
	"specificity@1":        ofOne(func(_, _, lo, hi float64) *Declared { return between(lo, hi) }),
	"fpr@1":                ofOne(func(_, _, lo, hi float64) *Declared { return between(1-hi, 1-lo) }),
	"kappa@1":              corrected, "mcc@1": corrected,

	// Of two scores, 0 and 1, the curve has one corner.
	"roc_auc@1": ofOne(func(lo, hi, x, y float64) *Declared { return between((lo+x)/2, (hi+y)/2) }),
	"gini@1":    ofOne(func(lo, hi, x, y float64) *Declared { return between(lo+x-1, hi+y-1) }),
	"ks@1":      ofOne(func(_, hi, _, y float64) *Declared { return between(0, max(0, hi+y-1)) }),
	"roc_auc_multi@1": func(a args, l lot) *Declared {
		if len(a.cols) == 1 || a.str["average"] != "ovr_macro" || l.present < float64(len(l.Classes)) || l.present < 2 {
			return nil
		}
		lo, hi := 0.0, 0.0
		for k := range l.Classes {
			r, s := l.recalled(k)
			x, y := l.rest(k)
			lo, hi = lo+(r+x)/2/l.present, hi+(s+y)/2/l.present
		}
		return between(lo, hi)
	},
	"log_loss@1": mistaken(sureLoss), "brier@1": mistaken(sureBrier),
	"ece@1": mistaken(asIs), "ece_mass@1": mistaken(asIs),
	"ece_classwise@1": mistaken(func(a args, wrong float64) float64 {
		if len(a.cols) == 1 {
			return wrong
		}
		return 2 * wrong / float64(len(a.cols))
	}),

	"mse@1":   func(_ args, l lot) *Declared { return between(l.squared(1)) },
	"rmse@1":  func(_ args, l lot) *Declared { return roots(l.squared(1)) },
	"rmsse@1": func(a args, l lot) *Declared { return roots(l.squared(a.num["scale"])) },
	"msle@1":  func(_ args, l lot) *Declared { return between(l.logs().squared(1)) },
	"rmsle@1": func(_ args, l lot) *Declared { return roots(l.logs().squared(1)) },
	"r2@1":    twice, "explained_variance@1": twice,
	"pearson@1":  func(_ args, l lot) *Declared { return around(0, l.correlated(l.Numbers)) },
	"spearman@1": func(_ args, l lot) *Declared { return around(0, l.correlated(ranked(l.Numbers))) },
	"kendall@1":  func(_ args, l lot) *Declared { return around(0, l.correlated(ranked(l.Numbers))) },
	"mae@1":      func(_ args, l lot) *Declared { return l.apart(1) },
	"pinball@1":  func(_ args, l lot) *Declared { return l.apart(0.5) }, // as far above as below, whatever the quantile
	"wape@1":     func(_ args, l lot) *Declared { return l.apart(1 / l.mean(math.Abs)) },
	"mase@1":     func(a args, l lot) *Declared { return l.apart(1 / a.num["scale"]) },
}

// squared is the mean squared distance of two rows over the square of scale, from lo to hi.
func (l lot) squared(scale float64) (lo, hi float64) {
	v, r := 2*l.variance()/(scale*scale), l.correlated(l.Numbers)
	return v * max(0, 1-r), v * (1 + r)
}

func roots(lo, hi float64) *Declared { return between(math.Sqrt(lo), math.Sqrt(hi)) }

// apart is times the mean distance of two rows.
func (l lot) apart(times float64) *Declared {
	gap, widest := l.gap()
	return around(times*gap, times*(sigmas*math.Sqrt(2*l.variance()/(l.n-1))+sigmas*widest/l.n))
}

// logs are the logarithms of 1 and each number.
func (l lot) logs() lot {
	x := make([]float64, len(l.Numbers))
	for i, y := range l.Numbers {
		x[i] = math.Log1p(y)
	}
	l.Numbers = x
	return l
}

// twice is R² of predictions that are as far from the truth as any two rows are
// from one another: twice the variance.
func twice(_ args, l lot) *Declared { return around(-1, 2*l.correlated(l.Numbers)) }

// correlated is how far from 0 the correlation of numbers with themselves in
// another order may be: its variance is 1/(n-1), and one row far from all others
// may meet itself.
func (l lot) correlated(x []float64) float64 {
	m := lot{Trial: Trial{Numbers: x}, n: l.n}
	v, mean, far := m.variance(), m.mean(itself), 0.0
	for _, y := range x {
		far = max(far, (y-mean)*(y-mean))
	}
	if v == 0 {
		return math.NaN()
	}
	return sigmas/math.Sqrt(l.n-1) + sigmas*far/(v*l.n)
}

// ranked are the midranks of numbers, from 0.
func ranked(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, r := range midranks(x) {
		out[i] = float64(r)/2 - 1
	}
	return out
}

// gap is the mean distance of two rows, one being itself counted, and the largest.
func (l lot) gap() (mean, widest float64) {
	x := slices.Sorted(slices.Values(l.Numbers))
	sum := 0.0
	for i, y := range x { // the weights add up to 0: what is common to all numbers drops out
		sum += (y - x[0]) * (2*float64(i) + 1 - l.n)
	}
	return 2 * sum / (l.n * l.n), x[len(x)-1] - x[0]
}
