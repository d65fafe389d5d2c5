package intake

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"aihub"
	"aihub/evaluator/metric/stat"
	"aihub/scenarios"
)

// maxRaters bounds the ratings of one thing.
const maxRaters = 100

// RatingsOf is the kind of ratings: of that many categories, whole numbers from 0 on;
// of 0, any numbers. A true cell has those of people, in one order of raters, "-" for
// one who gave none; a predicted one is the algorithm's rating.
func RatingsOf(categories int) *Kind {
	one := say("expected a rating, a number, at most 1e6", "应为一个评级，即绝对值不超过 1e6 的数")
	if categories > 0 {
		one = say(fmt.Sprintf("expected a rating, a whole number from 0 to %d", categories-1), fmt.Sprintf("应为一个评级，即 0 至 %d 的整数", categories-1))
	}
	return &Kind{
		Truth: bounded(func(s string) *aihub.Text { _, bad := readRatings(s, categories); return bad }),
		Predicted: bounded(func(s string) *aihub.Text {
			if _, ok := rating(strings.TrimSpace(s), categories); !ok {
				return one
			}
			return nil
		}),
		Unit: func(_, t, p string) any {
			list, _ := readRatings(t, categories)
			v, _ := rating(strings.TrimSpace(p), categories)
			return &stat.Rated{Ratings: append(list, v)}
		},
		Answer: func(t string) string { return decimal(mostGiven(t, categories)) },
		Empty:  scenarios.NeedsRatings.EmptyCell(),
	}
}

// mostGiven is the rating that most gave, of equals the lowest.
func mostGiven(t string, categories int) float64 {
	list, _ := readRatings(t, categories)
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
	return best
}

// maxRating bounds ratings, of which squares are summed.
const maxRating = 1e6

// rating reads one, of so many categories; see RatingsOf.
func rating(s string, categories int) (float64, bool) {
	v, ok := finite(s)
	if categories > 0 {
		return v + 0, ok && v == math.Trunc(v) && v >= 0 && v < float64(categories)
	}
	return v + 0, ok && math.Abs(v) <= maxRating
}

func readRatings(s string, categories int) (out []float64, bad *aihub.Text) {
	bad = say("expected the ratings of 1 to 100 raters, numbers of at most 1e6, - for one that is missing, not all of them", "应为 1 至 100 位评审的评级，绝对值不超过 1e6 的数，缺失写 -，且不得全部缺失")
	if categories > 0 {
		bad = say(fmt.Sprintf("expected the ratings of 1 to 100 raters, whole numbers from 0 to %d, - for one that is missing, not all of them", categories-1),
			fmt.Sprintf("应为 1 至 100 位评审的评级，即 0 至 %d 的整数，缺失写 -，且不得全部缺失", categories-1))
	}
	given := 0
	for f := range strings.FieldsSeq(s) {
		v := math.NaN()
		if f != "-" {
			var ok bool
			if v, ok = rating(f, categories); !ok {
				return nil, bad
			}
			given++
		}
		if out = append(out, v); len(out) > maxRaters {
			return nil, bad
		}
	}
	if given == 0 {
		return nil, bad
	}
	return out, nil
}
