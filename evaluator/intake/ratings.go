package intake

import (
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric/stat"
	"aihub/scenarios"
)

// maxRaters bounds the ratings of one thing.
const maxRaters = 100

// A true cell of ratings has those of people, in one order of raters, "-" for one who
// gave none; a predicted one is the algorithm's rating.
var ratings = Kind{
	Truth: bounded(func(s string) *aihub.Text { _, bad := readRatings(s); return bad }),
	Predicted: bounded(func(s string) *aihub.Text {
		if v, ok := finite(strings.TrimSpace(s)); !ok || math.Abs(v) > maxRating {
			return say("expected a rating, a number, at most 1e6", "应为一个评级，即绝对值不超过 1e6 的数")
		}
		return nil
	}),
	Unit: func(_, t, p string) any {
		list, _ := readRatings(t)
		v, _ := finite(strings.TrimSpace(p))
		return &stat.Rated{Ratings: append(list, v+0)}
	},
	Answer: func(t string) string { // the rating that most gave, of equals the lowest
		list, _ := readRatings(t)
		list = slices.DeleteFunc(list, func(v float64) bool { return v != v })
		slices.Sort(list)
		best, most := list[0], 0
		for i, n := 0, 0; i < len(list); i++ {
			if n++; i > 0 && list[i] != list[i-1] {
				n = 1
			}
			if n > most {
				best, most = list[i], n
			}
		}
		return decimal(best)
	},
	Empty: scenarios.NeedsRatings.EmptyCell(),
}

// maxRating bounds ratings, of which squares are summed.
const maxRating = 1e6

func readRatings(s string) (out []float64, bad *aihub.Text) {
	bad = say("expected the ratings of 1 to 100 raters, numbers of at most 1e6, - for one that is missing, not all of them", "应为 1 至 100 位评审的评级，绝对值不超过 1e6 的数，缺失写 -，且不得全部缺失")
	given := 0
	for f := range strings.FieldsSeq(s) {
		v, ok := finite(f)
		switch {
		case f == "-":
			v = math.NaN()
		case !ok || math.Abs(v) > maxRating:
			return nil, bad
		default:
			given++
		}
		if out = append(out, v+0); len(out) > maxRaters {
			return nil, bad
		}
	}
	if given == 0 {
		return nil, bad
	}
	return out, nil
}
