package metric

import "math"

// Assign finds the assignment of rows to different columns of the largest total
// weight, by successive shortest paths with potentials (the Hungarian method),
// O(rows²·columns). It returns the column of each row, or -1: a row that would
// add nothing, weight ≤ 0, may stay alone. weight is by rows, all of one length.
func Assign(weight [][]float64) []int {
	n := len(weight)
	if n == 0 {
		return nil
	}
	m := len(weight[0])
	// Each row also has a column of its own with weight 0: staying alone.
	cols := m + n
	floats, ints := make([]float64, n+1+2*(cols+1)), make([]int, 2*(cols+1)+n)
	u, v, least := floats[:n+1], floats[n+1:][:cols+1], floats[n+1+cols+1:]
	row, way, out := ints[:cols+1], ints[cols+1:][:cols+1], ints[2*(cols+1):]
	used := make([]bool, cols+1)
	for i := 1; i <= n; i++ {
		row[0] = i
		j0 := 0
		for j := range least {
			least[j], used[j] = math.Inf(1), false
		}
		for {
			used[j0] = true
			i0, delta, j1 := row[j0], math.Inf(1), -1
			u0 := u[i0]
			for j, w := range weight[i0-1] {
				j++
				if used[j] {
					continue
				}
				c := -u0 - v[j]
				if w > 0 {
					c = -w - u0 - v[j]
				}
				if c < least[j] {
					least[j], way[j] = c, j0
				}
				if least[j] < delta {
					delta, j1 = least[j], j
				}
			}
			if j := m + i0; !used[j] {
				if c := -u0 - v[j]; c < least[j] {
					least[j], way[j] = c, j0
				}
			}
			for j := m + 1; j <= cols; j++ {
				if !used[j] && least[j] < delta {
					delta, j1 = least[j], j
				}
			}
			for j := 0; j <= cols; j++ {
				if used[j] {
					u[row[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			if j0 = j1; row[j0] == 0 {
				break
			}
		}
		for j0 != 0 {
			row[j0] = row[way[j0]]
			j0 = way[j0]
		}
	}
	for i := range out {
		out[i] = -1
	}
	for j := 1; j <= m; j++ {
		if row[j] > 0 && weight[row[j]-1][j-1] > 0 {
			out[row[j]-1] = j - 1
		}
	}
	return out
}
