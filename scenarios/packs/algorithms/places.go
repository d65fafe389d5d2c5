package algorithms

import (
	"errors"
	"math"
	"slices"
	"strconv"
)

// mean answers the sample's mean for every row.
func mean(t task, sample, rows table) ([][]string, error) {
	y, err := sample.numbers(t.Output.Columns[0].Name, math.NaN())
	if err != nil {
		return nil, err
	}
	var sum float64
	for _, v := range y {
		sum += v
	}
	return slices.Repeat([][]string{{t.Output.Columns[0].number(sum / float64(len(y)))}}, len(rows.rows)), nil
}

// ridge keeps rare districts and grades near the mean.
const ridge = 1.0

// placesBaseline regresses log(1+demand) on what is known of a catchment. The
// logarithm makes growth rates and shares add up.
func placesBaseline(t task, sample, rows table) ([][]string, error) {
	c := t.Output.Columns[0]
	y, err := sample.numbers(c.Name, math.NaN())
	if err != nil {
		return nil, err
	}
	districts, err := sample.text("district")
	if err != nil {
		return nil, err
	}
	districts = slices.Compact(slices.Sorted(slices.Values(districts)))
	x, err := design(sample, districts)
	if err != nil {
		return nil, err
	}
	z, err := design(rows, districts)
	if err != nil {
		return nil, err
	}
	logs := make([]float64, len(y))
	for i, v := range y {
		if !(v >= 0) {
			return nil, errors.New(sample.name + ": row " + strconv.Itoa(i+1) + ": the label is missing or negative")
		}
		logs[i] = math.Log1p(v)
	}
	w, err := solve(x, logs)
	if err != nil {
		return nil, err
	}
	out := make([][]string, len(z))
	for i, row := range z {
		out[i] = []string{c.number(math.Expm1(dot(w, row)))}
	}
	return out, nil
}

// design turns rows into features: a constant first.
func design(t table, districts []string) ([][]float64, error) {
	numeric := map[string][]float64{}
	for _, name := range []string{"school_year", "grade", "children", "hukou_share", "new_homes", "capacity"} {
		v, err := t.numbers(name, math.NaN())
		if err != nil {
			return nil, err
		}
		numeric[name] = v
	}
	district, err := t.text("district")
	if err != nil {
		return nil, err
	}
	kind, err := t.text("kind")
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(t.rows))
	for i := range out {
		at := func(name string) float64 {
			if v := numeric[name][i]; !math.IsNaN(v) {
				return v
			}
			return 0
		}
		year, grade, share := at("school_year"), at("grade"), at("hukou_share")
		known, children := 1.0, math.Log1p(at("children"))
		if math.IsNaN(numeric["children"][i]) {
			known, children = 0, 0
		}
		entry := 0.0 // grades that the policy of 2022 has reached
		if since := year - 2022; since >= 0 && (grade-since == 1 || grade-since == 7 || grade == 1 || grade == 7) {
			entry = 1 - share
		}
		capacity, homes := math.Log1p(at("capacity")), at("new_homes")/1000
		row := []float64{1, year - 2019, known, children, known * capacity, (1 - known) * capacity, share, homes, homes / max(grade, 1), entry}
		row = append(row, flag(kind[i] == "民办"))
		for g := 2; g <= 9; g++ {
			row = append(row, flag(grade == float64(g)))
		}
		for _, d := range districts {
			row = append(row, flag(district[i] == d))
		}
		out[i] = row
	}
	return out, nil
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// solve returns the w that minimises |xw - y|² + ridge·|w|² (the constant is
// not shrunk), by Cholesky's decomposition of the normal equations.
func solve(x [][]float64, y []float64) ([]float64, error) {
	k := len(x[0])
	a := make([][]float64, k) // lower triangle
	b := make([]float64, k)
	for i := range a {
		a[i] = make([]float64, i+1)
		if i > 0 {
			a[i][i] = ridge
		}
	}
	for r, row := range x {
		for i, v := range row {
			if v == 0 {
				continue
			}
			b[i] += v * y[r]
			for j := range i + 1 {
				a[i][j] += v * row[j]
			}
		}
	}
	for i := range k {
		for j := range i + 1 {
			sum := a[i][j]
			for m := range j {
				sum -= a[i][m] * a[j][m]
			}
			if i != j {
				a[i][j] = sum / a[j][j]
			} else if !(sum > 1e-9) {
				return nil, errors.New("the sample does not determine the regression")
			} else {
				a[i][i] = math.Sqrt(sum)
			}
		}
	}
	w := make([]float64, k)
	for i := range k { // forwards
		w[i] = b[i]
		for j := range i {
			w[i] -= a[i][j] * w[j]
		}
		w[i] /= a[i][i]
	}
	for i := k - 1; i >= 0; i-- { // backwards
		for j := i + 1; j < k; j++ {
			w[i] -= a[j][i] * w[j]
		}
		w[i] /= a[i][i]
	}
	return w, nil
}

func dot(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
