package track

import (
	"aihub/evaluator/metric"
)

// sequence adds one video.
func sequence(s *Sequence, st *metric.Stats) {
	frames, nt, np, dt, dp := dense(s)
	c := st.Counts
	c[truths] += dt
	if dt == 0 || dp == 0 {
		for a := range alphas {
			c[fn+a] += dt
			c[fp+a] += dp
		}
		c[clrFN] += dt
		c[clrFP] += dp
		c[lost] += int64(nt)
		c[idFN] += dt
		c[idFP] += dp
		return
	}
	seen, shown := make([]int64, nt), make([]int64, np) // frames of each id
	for _, f := range frames {
		for _, i := range f.t {
			seen[i]++
		}
		for _, j := range f.p {
			shown[j]++
		}
	}
	m := &matcher{}
	hota(frames, seen, shown, m, st)
	clearMOT(frames, seen, m, st)
	identity(frames, nt, np, dt, dp, st)
}

// dense numbers the ids from 0 and measures overlaps.
func dense(s *Sequence) (frames []frame, nt, np int, dt, dp int64) {
	ts, ps := map[int64]int32{}, map[int64]int32{}
	// What all frames hold lies in few slices.
	var ids []int32
	var pairs []pair
	number := func(m map[int64]int32, boxes []Box) []int32 {
		from := len(ids)
		for _, b := range boxes {
			id, ok := m[b.ID]
			if !ok {
				id = int32(len(m))
				m[b.ID] = id
			}
			ids = append(ids, id)
		}
		return ids[from:len(ids):len(ids)]
	}
	frames = make([]frame, len(s.Frames))
	for k, f := range s.Frames {
		g := &frames[k]
		g.t, g.p = number(ts, f.Truth), number(ps, f.Pred)
		dt, dp = dt+int64(len(g.t)), dp+int64(len(g.p))
		from := len(pairs)
		for i := range f.Truth {
			a := &f.Truth[i].Box
			right, bottom := a[0]+a[2], a[1]+a[3]
			for j := range f.Pred {
				b := &f.Pred[j].Box
				if right <= b[0] || b[0]+b[2] <= a[0] || bottom <= b[1] || b[1]+b[3] <= a[1] {
					continue // most of them
				}
				if v := overlap(a, b); v > 0 {
					pairs = append(pairs, pair{int32(i), int32(j), v})
				}
			}
		}
		g.pairs = pairs[from:len(pairs):len(pairs)]
	}
	return frames, len(ts), len(ps), dt, dp
}

func overlap(a, b *[4]float64) float64 {
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0])
	if !(w > 0) {
		return 0
	}
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1])
	if !(h > 0) {
		return 0
	}
	i := float64(w * h)
	u := float64(a[2]*a[3]) + float64(b[2]*b[3]) - i
	if !(u > eps) {
		return 0
	}
	return i / u
}

// matcher finds the best matching of a frame. Pairs of boxes that overlap
// nothing else are matched at once; only the rest is a problem of assignment.
type matcher struct {
	rows, cols []int32 // how many pairs each box is in
	rowAt      []int32
	colAt      []int32
	out        []pair
	flat       []float64 // what weight has its rows in
	weight     [][]float64
	at         []int32 // the pair of each weight
}

// match returns the pairs of the matching with the largest sum of weights, all
// above 0; weight is by pairs.
func (m *matcher) match(f *frame, weight []float64) []pair {
	m.out = m.out[:0]
	m.rows, m.cols = zeros(m.rows, len(f.t)), zeros(m.cols, len(f.p))
	for k, p := range f.pairs {
		if weight[k] > 0 {
			m.rows[p.i]++
			m.cols[p.j]++
		}
	}
	m.rowAt, m.colAt = zeros(m.rowAt, len(f.t)), zeros(m.colAt, len(f.p))
	var nr, nc int32
	for k, p := range f.pairs {
		switch {
		case !(weight[k] > 0):
		case m.rows[p.i] == 1 && m.cols[p.j] == 1:
			m.out = append(m.out, p)
		default:
			if m.rowAt[p.i] == 0 {
				nr++
				m.rowAt[p.i] = nr
			}
			if m.colAt[p.j] == 0 {
				nc++
				m.colAt[p.j] = nc
			}
		}
	}
	if nr == 0 {
		return m.out
	}
	cells := int(nr) * int(nc)
	m.flat, m.at = floats(m.flat, cells), zeros(m.at, cells)
	m.weight = m.weight[:0]
	for i := 0; i < cells; i += int(nc) {
		m.weight = append(m.weight, m.flat[i:i+int(nc)])
	}
	for k, p := range f.pairs {
		if weight[k] > 0 && m.rowAt[p.i] > 0 {
			c := int(m.rowAt[p.i]-1)*int(nc) + int(m.colAt[p.j]) - 1
			m.flat[c], m.at[c] = weight[k], int32(k)
		}
	}
	for i, j := range metric.Assign(m.weight) {
		if j >= 0 {
			m.out = append(m.out, f.pairs[m.at[i*int(nc)+j]])
		}
	}
	return m.out
}

func zeros(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// grid holds a T for every two tracks: in a row when they are few, else only
// those that were asked for.
type grid[T any] struct {
	np    int64
	dense []T
	some  map[int64]*T
}

func newGrid[T any](nt, np int) *grid[T] {
	g := &grid[T]{np: int64(np)}
	if n := int64(nt) * int64(np); n <= 1<<22 {
		g.dense = make([]T, n)
	} else {
		g.some = map[int64]*T{}
	}
	return g
}

func (g *grid[T]) at(t, p int32) *T {
	k := int64(t)*g.np + int64(p)
	if g.dense != nil {
		return &g.dense[k]
	}
	x := g.some[k]
	if x == nil {
		x = new(T)
		g.some[k] = x
	}
	return x
}

// level is how many of the thresholds an overlap reaches.
func level(iou float64) int {
	n := int(iou * 20)
	for n > 0 && (n > alphas || iou < alpha[n-1]-eps) {
		n--
	}
	for n < alphas && iou >= alpha[n]-eps {
		n++
	}
	return n
}

// together counts the frames in which two tracks were matched, by how many
// thresholds their overlap reached.
type together struct {
	t, p   int32
	levels [alphas + 1]int64
}

// hota first measures how well every two tracks agree over the whole sequence,
// then matches each frame by that times the overlap, then counts at 19
// thresholds (Luiten et al., 2021).
func hota(frames []frame, seen, shown []int64, m *matcher, st *metric.Stats) {
	agree := newGrid[float64](len(seen), len(shown))
	var weight, rows, cols []float64
	for _, f := range frames {
		rows, cols = floats(rows, len(f.t)), floats(cols, len(f.p))
		for _, x := range f.pairs {
			rows[x.i] += x.iou
			cols[x.j] += x.iou
		}
		for _, x := range f.pairs {
			if d := cols[x.j] + rows[x.i] - x.iou; d > eps {
				*agree.at(f.t[x.i], f.p[x.j]) += x.iou / d
			}
		}
	}
	place := newGrid[int32](len(seen), len(shown)) // in matched, from 1
	var matched []together
	var total [alphas + 1]int64
	var local [alphas + 1]metric.Sum
	var dt, dp int64
	for k := range frames {
		f := &frames[k]
		dt, dp = dt+int64(len(f.t)), dp+int64(len(f.p))
		weight = weight[:0]
		for _, x := range f.pairs {
			t, p := f.t[x.i], f.p[x.j]
			w := *agree.at(t, p)
			weight = append(weight, w/(float64(seen[t]+shown[p])-w)*x.iou)
		}
		for _, x := range m.match(f, weight) {
			l := level(x.iou)
			if l == 0 {
				continue
			}
			t, p := f.t[x.i], f.p[x.j]
			at := place.at(t, p)
			if *at == 0 {
				matched = append(matched, together{t: t, p: p})
				*at = int32(len(matched))
			}
			matched[*at-1].levels[l]++
			total[l]++
			local[l].Add(x.iou)
		}
	}
	// What reached a threshold reached all below it.
	c := st.Counts
	var n int64
	for a := alphas - 1; a >= 0; a-- {
		n += total[a+1]
		c[tp+a] += n
		c[fn+a] += dt - n
		c[fp+a] += dp - n
		for l := a + 1; l <= alphas; l++ {
			st.Sums[locA+a].Merge(&local[l])
		}
	}
	for _, x := range matched {
		all, n := seen[x.t]+shown[x.p], int64(0)
		for a := alphas - 1; a >= 0; a-- {
			if n += x.levels[a+1]; n > 0 {
				st.Sums[assA+a].Add(metric.Quo(n*n, all-n))
			}
		}
	}
}

func floats(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// clearMOT keeps a track with who followed it a frame before when it still
// overlaps enough, and else matches by overlap (Bernardin and Stiefelhagen,
// 2008). A frame without any box on one side forgets nothing.
func clearMOT(frames []frame, seen []int64, m *matcher, st *metric.Stats) {
	c := st.Counts
	n := len(seen)
	last, before := make([]int32, n), make([]int32, n) // predicted id + 1, ever and in the frame before
	matched, pieces := make([]int64, n), make([]int64, n)
	var now []int32
	var weight []float64
	for k := range frames {
		f := &frames[k]
		if len(f.t) == 0 || len(f.p) == 0 {
			c[clrFP] += int64(len(f.p))
			c[clrFN] += int64(len(f.t))
			continue
		}
		weight = weight[:0]
		for _, x := range f.pairs {
			w := x.iou
			switch {
			case x.iou < half-eps:
				w = 0
			case before[f.t[x.i]] == f.p[x.j]+1:
				w += 1000
			}
			weight = append(weight, w)
		}
		got := m.match(f, weight)
		for _, x := range got {
			t, p := f.t[x.i], f.p[x.j]+1
			if last[t] != 0 && last[t] != p {
				c[switches]++
			}
			last[t] = p
			matched[t]++
			st.Sums[motp].Add(x.iou)
			if before[t] == 0 {
				pieces[t]++
			}
		}
		for _, t := range now {
			before[t] = 0
		}
		now = now[:0]
		for _, x := range got {
			t := f.t[x.i]
			before[t] = f.p[x.j] + 1
			now = append(now, t)
		}
		c[clrTP] += int64(len(got))
		c[clrFN] += int64(len(f.t) - len(got))
		c[clrFP] += int64(len(f.p) - len(got))
	}
	for t, s := range seen {
		switch r := metric.Quo(matched[t], s); {
		case r > 0.8:
			c[mostly]++
		case r >= 0.2:
			c[partly]++
		default:
			c[lost]++
		}
		c[fragments] += max(0, pieces[t]-1)
	}
}

// identity gives each true track one predicted one, so that most boxes agree
// (Ristani et al., 2016). Tracks that never agree are apart, so that the
// problem falls into parts.
func identity(frames []frame, nt, np int, dt, dp int64, st *metric.Stats) {
	count := newGrid[int64](nt, np)
	agree := map[int64]int64{}
	for _, f := range frames {
		for _, x := range f.pairs {
			if x.iou >= half {
				n := count.at(f.t[x.i], f.p[x.j])
				if *n++; *n == 1 {
					agree[int64(f.t[x.i])*int64(np)+int64(f.p[x.j])] = 0
				}
			}
		}
	}
	for k := range agree {
		agree[k] = *count.at(int32(k/int64(np)), int32(k%int64(np)))
	}
	root := make([]int, nt+np)
	for i := range root {
		root[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for k := range agree {
		root[find(int(k/int64(np)))] = find(nt + int(k%int64(np)))
	}
	type part struct{ t, p map[int]int }
	parts := map[int]*part{}
	for k := range agree {
		i, j := int(k/int64(np)), int(k%int64(np))
		g := parts[find(i)]
		if g == nil {
			g = &part{map[int]int{}, map[int]int{}}
			parts[find(i)] = g
		}
		if _, ok := g.t[i]; !ok {
			g.t[i] = len(g.t)
		}
		if _, ok := g.p[j]; !ok {
			g.p[j] = len(g.p)
		}
	}
	var right int64
	for _, g := range parts {
		w := make([][]float64, len(g.t))
		for i := range w {
			w[i] = make([]float64, len(g.p))
		}
		for i, a := range g.t {
			for j, b := range g.p {
				w[a][b] = float64(agree[int64(i)*int64(np)+int64(j)])
			}
		}
		for i, j := range metric.Assign(w) {
			if j >= 0 {
				right += int64(w[i][j]) // whole numbers: the sum is the same for every best matching
			}
		}
	}
	st.Counts[idTP] += right
	st.Counts[idFN] += dt - right
	st.Counts[idFP] += dp - right
}
