package attack

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

// View is what a vendor saw of one run: fields, by where they stood.
type View map[string]string

// Bits estimates how much one view tells about a secret bit: the mutual
// information (Shannon) between the bit and the one field that tells most, in
// bits a run. Two readings of a field count: its value as it is, and for numbers
// whether it is above each eighth of them. A field that is absent is a value, too. Of many
// fields the best one seems to tell something by chance alone; the mean of that
// over shuffled secrets is taken off, so the result for nothing is about 0, and
// chance is the share of shuffles that seemed to tell as much. The bits are a
// lower bound of what all fields together tell.
func Bits(secret []bool, views []View) (bits float64, field string, chance float64) {
	readings := map[string][]int{}
	for _, name := range fieldsOf(views) {
		for how, r := range read(name, views) {
			readings[name+how] = r
		}
	}
	names := make([]string, 0, len(readings))
	for n := range readings {
		names = append(names, n)
	}
	slices.Sort(names)
	most := func(secret []bool) (m float64, which string) {
		for _, n := range names {
			if v := information(secret, readings[n]); v > m {
				m, which = v, n
			}
		}
		return m, which
	}
	bits, field = most(secret)
	const rounds = 200
	r := rand.New(rand.NewPCG(1, uint64(len(secret))))
	var mean float64
	for range rounds {
		s := slices.Clone(secret)
		r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		m, _ := most(s)
		mean += m / rounds
		if m >= bits {
			chance += 1. / rounds
		}
	}
	if bits -= mean; bits <= 0 {
		return 0, "", 1
	}
	return bits, field, chance
}

func fieldsOf(views []View) []string {
	var all []string
	seen := map[string]bool{}
	for _, v := range views {
		for name := range v {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// read numbers the values of a field. Values that are different in every view
// say nothing as they are.
func read(name string, views []View) map[string][]int {
	out := map[string][]int{}
	number, exact := map[string]int{}, make([]int, len(views))
	var nums []float64
	for i, v := range views {
		s, ok := v[name]
		if !ok {
			s = "\x00absent"
		}
		if _, ok := number[s]; !ok {
			number[s] = len(number)
		}
		exact[i] = number[s]
		if x, err := strconv.ParseFloat(s, 64); err == nil {
			nums = append(nums, x)
		}
	}
	if len(number) > 1 && len(number) <= max(2, len(views)/4) {
		out[""] = exact
	}
	if len(nums) == len(views) && len(number) > 2 {
		sorted := slices.Sorted(slices.Values(nums))
		for q := 1; q < 8; q++ {
			cut, above := sorted[len(sorted)*q/8], make([]int, len(views))
			for i, x := range nums {
				if x >= cut {
					above[i] = 1
				}
			}
			out[fmt.Sprintf(" ≥ %g", cut)] = above
		}
	}
	return out
}

// information is the mutual information of two columns, in bits.
func information(secret []bool, value []int) float64 {
	n := float64(len(secret))
	joint, left, right := map[[2]int]float64{}, [2]float64{}, map[int]float64{}
	for i, s := range secret {
		b := 0
		if s {
			b = 1
		}
		joint[[2]int{b, value[i]}]++
		left[b]++
		right[value[i]]++
	}
	var sum float64
	for k, c := range joint {
		sum += c / n * math.Log2(c*n/(left[k[0]]*right[k[1]]))
	}
	return max(0, sum)
}
