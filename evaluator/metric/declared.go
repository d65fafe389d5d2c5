package metric

import (
	"math"
	"slices"

	"aihub"
)

// Declared is what a self-test must find for predictions that are not right: a
// value from Lo to Hi, or with a Reason that there is none.
type Declared struct {
	Lo, Hi float64
	Reason string
}

// exactly allows for the rounding of the two ways to a number.
func exactly(v float64) *Declared { return around(v, 0) }

func around(v, within float64) *Declared {
	if v-v != 0 || within-within != 0 {
		return nil // the metric says why there is none
	}
	within += 1e-9 * max(1, math.Abs(v))
	return &Declared{Lo: v - within, Hi: v + within}
}

func between(lo, hi float64) *Declared {
	if lo-lo != 0 || hi-hi != 0 {
		return nil
	}
	return &Declared{Lo: lo - 1e-9*max(1, math.Abs(lo)), Hi: hi + 1e-9*max(1, math.Abs(hi))}
}

// Keeps reports whether a result is what was declared.
func (d Declared) Keeps(v aihub.MetricValue) bool {
	if d.Reason != "" {
		return v.Status == aihub.MetricUndefined && v.Reason == d.Reason
	}
	return v.Status != aihub.MetricUndefined && v.Value >= d.Lo && v.Value <= d.Hi
}

// Trial is a truth and predictions that know nothing of the single row: all say
// the class, or number, Said; or each says what the truth of another row is, drawn
// by lot without putting back.
type Trial struct {
	Classes []int64   // rows of each declared class
	Numbers []float64 // or the true numbers
	Class   int       // what constant predictions say, with probability 1
	Number  float64
}

// Constant is what the metric must give constant predictions, and Chance those
// drawn by lot, within six standard deviations and six rows; nil where the truth's
// distribution alone does not say it. The formulas are the textbooks', for such
// predictions only, and share nothing with how the metric is computed.
func Constant(use string, s Setup, t Trial) *Declared { return declared(constants, use, s, t) }

// Chance is of predictions drawn by lot; see Constant.
func Chance(use string, s Setup, t Trial) *Declared { return declared(chances, use, s, t) }

func declared(of map[string]func(args, lot) *Declared, use string, s Setup, t Trial) *Declared {
	d, f := Lookup(use), of[use]
	if d == nil || f == nil {
		return nil
	}
	a, faults := resolve(d, s)
	if len(faults) > 0 {
		return nil
	}
	l := lot{Trial: t}
	for _, k := range t.Classes {
		l.n += float64(k)
		l.present += b2f(k > 0)
	}
	l.n += float64(len(t.Numbers))
	if l.n < 2 {
		return nil
	}
	return f(a, l)
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// lot is a Trial counted.
type lot struct {
	Trial
	n       float64
	present float64 // classes that have rows
}

func (l lot) share(k int) float64 { return float64(l.Classes[k]) / l.n }

// said is the share of the class that constant predictions say.
func (l lot) said() float64 { return l.share(l.Class) }

// over is the mean of one over the declared classes: of for those that have rows, and
// zero_division for the others, or without these where they are skipped.
func (l lot) over(a args, of func(k int) float64) float64 {
	sum, in := 0.0, float64(len(l.Classes))
	for k, rows := range l.Classes {
		if rows > 0 {
			sum += of(k)
		} else if !a.skip {
			sum += a.num["zero_division"]
		}
	}
	if a.skip {
		in = l.present
	}
	return sum / in
}

// averaged is a ratio of each class that is f(share) for the class said and zero or nothing for others.
func averaged(a args, l lot, f, others float64) *Declared {
	switch a.str["average"] {
	case "micro":
		return nil // said by those that have it
	case "weighted":
		return exactly(l.said()*f + (1-l.said())*others)
	}
	return exactly(l.over(a, func(k int) float64 {
		if k == l.Class {
			return f
		}
		return others
	}))
}

// ofF is F-beta of constant predictions: of the class said precision is its share and recall 1.
func ofF(a args, l lot, beta float64) *Declared {
	p := l.said()
	if a.str["average"] == "micro" {
		return exactly(p)
	}
	return averaged(a, l, (1+beta*beta)*p/(beta*beta*p+1), 0)
}

// onOne is v when the class said is the positive one, w otherwise.
func onOne(a args, l lot, v, w float64) *Declared {
	if l.Class == a.one {
		return exactly(v)
	}
	return exactly(w)
}

// twoClasses is d where the truth has rows that are and rows that are not of the positive class.
func twoClasses(a args, l lot, d *Declared) *Declared {
	if k := l.Classes[a.one]; k == 0 || float64(k) == l.n {
		return &Declared{Reason: OneClass}
	}
	return d
}

// always is d, where the truth has two classes.
func always(v float64) func(args, lot) *Declared {
	return func(a args, l lot) *Declared { return twoClasses(a, l, exactly(v)) }
}

// wrongShare is f of the share of rows that constant predictions have wrong.
func wrongShare(f func(a args, wrong float64) float64) func(args, lot) *Declared {
	return func(a args, l lot) *Declared { return exactly(f(a, 1-l.said())) }
}

func asIs(_ args, wrong float64) float64 { return wrong }

// sureLoss is the log loss of predictions that are certain: ln eps for each wrong row.
func sureLoss(a args, wrong float64) float64 {
	return -wrong*math.Log(a.num["eps"]) - (1-wrong)*math.Log1p(-a.num["eps"])
}

// sureBrier is the Brier score of predictions that are certain.
func sureBrier(a args, wrong float64) float64 {
	if len(a.cols) > 1 {
		return 2 * wrong
	}
	return wrong
}

var constants = map[string]func(args, lot) *Declared{
	"accuracy@1": func(_ args, l lot) *Declared { return exactly(l.said()) },
	"balanced_accuracy@1": func(_ args, l lot) *Declared {
		return exactly(1 / l.present)
	},
	"recall@1": func(a args, l lot) *Declared {
		if a.str["average"] == "micro" {
			return exactly(l.said())
		}
		return averaged(a, l, 1, 0)
	},
	"precision@1": func(a args, l lot) *Declared {
		if a.str["average"] == "micro" {
			return exactly(l.said())
		}
		return averaged(a, l, l.said(), a.num["zero_division"])
	},
	"f1@1":    func(a args, l lot) *Declared { return ofF(a, l, 1) },
	"fbeta@1": func(a args, l lot) *Declared { return ofF(a, l, a.num["beta"]) },
	"jaccard@1": func(a args, l lot) *Declared {
		if a.str["average"] == "micro" {
			return exactly(l.said() / (2 - l.said()))
		}
		return averaged(a, l, l.said(), 0)
	},
	"sensitivity@1": func(a args, l lot) *Declared { return twoClasses(a, l, onOne(a, l, 1, 0)) },
	"specificity@1": func(a args, l lot) *Declared { return twoClasses(a, l, onOne(a, l, 0, 1)) },
	"fpr@1":         func(a args, l lot) *Declared { return twoClasses(a, l, onOne(a, l, 1, 0)) },
	"fnr@1":         func(a args, l lot) *Declared { return twoClasses(a, l, onOne(a, l, 0, 1)) },
	"positive_f1@1": func(a args, l lot) *Declared { return onOne(a, l, 2*l.said()/(1+l.said()), 0) },
	"positive_precision@1": func(a args, l lot) *Declared {
		if l.Class != a.one {
			return &Declared{Reason: NonePredicted}
		}
		return exactly(l.said())
	},
	"kappa@1": func(_ args, l lot) *Declared {
		if l.present < 2 {
			return nil
		}
		return exactly(0)
	},
	"mcc@1": func(_ args, l lot) *Declared {
		if l.present < 2 {
			return nil
		}
		return exactly(0)
	},
	"cost@1": func(a args, l lot) *Declared { return exactly(l.cost(a.costs)) },
	"abstain_cost@1": func(a args, l lot) *Declared {
		return exactly(l.cost(a.costs))
	},

	"roc_auc@1": always(0.5), "gini@1": always(0), "ks@1": always(0), "partial_auc@1": always(0.5), "lift@1": always(1),
	"average_precision@1": func(a args, l lot) *Declared { return twoClasses(a, l, exactly(l.share(a.one))) },
	"precision_at@1":      func(a args, l lot) *Declared { return twoClasses(a, l, exactly(l.share(a.one))) },
	"recall_at@1": func(a args, l lot) *Declared {
		return twoClasses(a, l, exactly(math.Ceil(a.num["q"]*l.n)/l.n))
	},
	"roc_auc_multi@1": func(_ args, l lot) *Declared {
		if l.present < float64(len(l.Classes)) {
			return nil
		}
		return exactly(0.5)
	},
	"log_loss@1": wrongShare(sureLoss),
	"brier@1":    wrongShare(sureBrier),
	"ece@1":      wrongShare(asIs), "ece_mass@1": wrongShare(asIs), "mce@1": wrongShare(asIs),
	"ece_classwise@1": func(a args, l lot) *Declared {
		wrong := 1 - l.said()
		if len(a.cols) == 1 {
			return exactly(wrong)
		}
		return exactly(2 * wrong / float64(len(a.cols)))
	},

	"mae@1": ofRows(func(_ args, y, c float64) float64 { return math.Abs(y - c) }, 1),
	"mse@1": ofRows(func(_ args, y, c float64) float64 { return (y - c) * (y - c) }, 1),
	"rmse@1": func(a args, l lot) *Declared {
		return exactly(math.Sqrt(l.mean(func(y float64) float64 { return (y - l.Number) * (y - l.Number) })))
	},
	"medae@1": func(_ args, l lot) *Declared { return exactly(median(l.off())) },
	"max_error@1": func(_ args, l lot) *Declared {
		return exactly(slices.Max(l.off()))
	},
	"wape@1": func(_ args, l lot) *Declared {
		return exactly(l.mean(func(y float64) float64 { return math.Abs(y - l.Number) }) / l.mean(math.Abs))
	},
	"mase@1": func(a args, l lot) *Declared {
		return exactly(l.mean(func(y float64) float64 { return math.Abs(y - l.Number) }) / a.num["scale"])
	},
	"rmsse@1": func(a args, l lot) *Declared {
		return exactly(math.Sqrt(l.mean(func(y float64) float64 { return (y - l.Number) * (y - l.Number) })) / a.num["scale"])
	},
	"mape@1": ofRows(func(a args, y, c float64) float64 { return math.Abs(y-c) / max(math.Abs(y), a.num["eps"]) }, 1),
	"smape@1": ofRows(func(_ args, y, c float64) float64 {
		if y == c {
			return 0
		}
		return math.Abs(y-c) / (math.Abs(y) + math.Abs(c))
	}, 200),
	"msle@1": ofRows(func(_ args, y, c float64) float64 { d := math.Log1p(y) - math.Log1p(c); return d * d }, 1),
	"rmsle@1": func(_ args, l lot) *Declared {
		return exactly(math.Sqrt(l.mean(func(y float64) float64 { d := math.Log1p(y) - math.Log1p(l.Number); return d * d })))
	},
	"pinball@1": ofRows(func(a args, y, c float64) float64 {
		if y >= c {
			return a.num["quantile"] * (y - c)
		}
		return (1 - a.num["quantile"]) * (c - y)
	}, 1),
	"interval_coverage@1": ofRows(func(_ args, y, c float64) float64 { return b2f(y == c) }, 1),
	"interval_width@1":    func(args, lot) *Declared { return exactly(0) },
	"winkler@1":           ofRows(func(a args, y, c float64) float64 { return 2 / a.num["alpha"] * math.Abs(y-c) }, 1),
	"poisson_deviance@1": ofTerms(func(_ args, y, c float64) float64 {
		if y == 0 {
			return 2 * c
		}
		d := (y - c) / c // y·ln(y/c) and y - c are nearly as large where y is near c
		return 2 * c * ((1+d)*math.Log1p(d) - d)
	}, func(_ args, y, c float64) float64 { return y + c }),
	"gamma_deviance@1": ofRows(func(_ args, y, c float64) float64 { return 2 * (math.Log(c/y) + y/c - 1) }, 1),
	"tweedie_deviance@1": ofTerms(func(a args, y, c float64) float64 {
		p := a.num["power"]
		return 2 * (math.Pow(y, 2-p)/((1-p)*(2-p)) - y*math.Pow(c, 1-p)/(1-p) + math.Pow(c, 2-p)/(2-p))
	}, func(a args, y, c float64) float64 {
		p := a.num["power"]
		return math.Pow(y, 2-p)/((p-1)*(2-p)) + y*math.Pow(c, 1-p)/(p-1) + math.Pow(c, 2-p)/(2-p)
	}),
	"r2@1": func(_ args, l lot) *Declared {
		if l.still() {
			return nil
		}
		off := l.mean(itself) - l.Number // 0, but for whole numbers
		return exactly(-off * off / l.variance())
	},
	"explained_variance@1": func(_ args, l lot) *Declared {
		if l.still() {
			return nil
		}
		return exactly(0)
	},
	"pearson@1": unrelated, "spearman@1": unrelated, "kendall@1": unrelated,
}

// unrelated has no correlation: one side does not move.
func unrelated(_ args, l lot) *Declared {
	if l.still() {
		return nil
	}
	return &Declared{Reason: ConstantPredictions}
}

// ofRows is scale times the mean of what rows have.
func ofRows(f func(a args, y, c float64) float64, scale float64) func(args, lot) *Declared {
	return func(a args, l lot) *Declared {
		return exactly(scale * l.mean(func(y float64) float64 { return f(a, y, l.Number) }))
	}
}

// ofTerms is the mean of what rows have, a difference of terms of a size: of numbers
// that are large beside how far apart they are, the metric keeps the digits of these.
func ofTerms(f, size func(a args, y, c float64) float64) func(args, lot) *Declared {
	return func(a args, l lot) *Declared {
		return around(l.mean(func(y float64) float64 { return f(a, y, l.Number) }),
			0x1p-47*l.mean(func(y float64) float64 { return size(a, y, l.Number) }))
	}
}

func (l lot) mean(f func(float64) float64) float64 {
	var sum, lost float64 // as Neumaier's
	for _, y := range l.Numbers {
		x := f(y)
		s := sum + x
		if math.Abs(sum) >= math.Abs(x) {
			lost += (sum - s) + x
		} else {
			lost += (x - s) + sum
		}
		sum = s
	}
	return (sum + lost) / l.n
}

// still reports whether the numbers move by little more than their last digits.
func (l lot) still() bool { return math.Sqrt(l.variance()) <= 1e-6*math.Abs(l.mean(itself)) }

func (l lot) variance() float64 {
	m := l.mean(itself)
	return l.mean(func(y float64) float64 { return (y - m) * (y - m) })
}

// off is how far each number is from what is said of it, sorted.
func (l lot) off() []float64 {
	var d []float64
	for _, y := range l.Numbers {
		d = append(d, math.Abs(y-l.Number))
	}
	slices.Sort(d)
	return d
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// cost is the mean cost of saying one class always; without a table, 1 for a mistake.
func (l lot) cost(table []float64) float64 {
	k, sum := len(l.Classes), 0.0
	for i := range l.Classes {
		sum += l.share(i) * table[i*k+l.Class]
	}
	return sum
}
