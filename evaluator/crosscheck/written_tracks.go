package main

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

type aBox struct {
	id  int
	box [4]float64
}

type aFrame struct{ truth, pred []aBox }

func framesOf(c *trackCase) (out [][]aFrame) {
	read := func(list [][2]json.RawMessage) (boxes []aBox) {
		for _, x := range list {
			var b aBox
			if json.Unmarshal(x[0], &b.id) != nil || json.Unmarshal(x[1], &b.box) != nil {
				panic("a box of the generator does not parse")
			}
			boxes = append(boxes, b)
		}
		return boxes
	}
	for _, s := range c.Sequences {
		var frames []aFrame
		for _, f := range s {
			frames = append(frames, aFrame{read(f.Truth), read(f.Pred)})
		}
		out = append(out, frames)
	}
	return out
}

func drawTracks(r *rng) (*trackCase, []string) {
	c := &trackCase{}
	raw := func(v any) json.RawMessage { b, _ := json.Marshal(v); return b }
	for range pick(r, 1, 1, 2) {
		var objects [][4]float64
		var ids []int
		for i := range pick(r, 0, 1, 2, 3) {
			objects = append(objects, [4]float64{60 * r.Float64(), 60 * r.Float64(), 10 + 20*r.Float64(), 10 + 20*r.Float64()})
			ids = append(ids, 100+i)
		}
		var frames []struct{ Truth, Pred [][2]json.RawMessage }
		for range pick(r, 1, 3, 6) {
			f := struct{ Truth, Pred [][2]json.RawMessage }{[][2]json.RawMessage{}, [][2]json.RawMessage{}}
			for i := range objects {
				b := &objects[i]
				b[0] += 4*r.Float64() - 2
				b[1] += 4*r.Float64() - 2
				if r.chance(0.85) {
					f.Truth = append(f.Truth, [2]json.RawMessage{raw(i), raw(*b)})
				}
				if r.chance(0.8) {
					e := pick(r, 0.5, 3, 8)
					f.Pred = append(f.Pred, [2]json.RawMessage{raw(ids[i]), raw([4]float64{b[0] + e*r.Float64(), b[1] + e*r.Float64(), b[2] + r.Float64(), b[3] + r.Float64()})})
				}
			}
			if r.chance(0.15) && len(ids) > 1 {
				ids[0], ids[1] = ids[1], ids[0]
			}
			if r.chance(0.2) {
				f.Pred = append(f.Pred, [2]json.RawMessage{raw(500 + r.IntN(2)), raw([4]float64{60 * r.Float64(), 60 * r.Float64(), 12 + r.Float64(), 15})})
			}
			if r.chance(0.08) {
				f.Pred = [][2]json.RawMessage{}
			}
			frames = append(frames, f)
		}
		c.Sequences = append(c.Sequences, frames)
	}
	return c, strings.Fields("hota@1 deta@1 assa@1 loca@1 mota@1 motp@1 idsw@1 idf1@1 idp@1 idr@1 mostly_tracked@1 partly_tracked@1 mostly_lost@1 fragments@1")
}

func boxOverlap(a, b [4]float64) float64 {
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0])
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a[2]*a[3] + b[2]*b[3] - w*h)
}

// matching tries every matching of a frame, and returns the pairs of the best;
// pairs of no weight do not match.
func matching(w [][]float64) (pairs [][2]int) {
	if len(w) == 0 {
		return nil
	}
	top := 0.0
	var now [][2]int
	used := make([]bool, len(w[0]))
	var try func(i int, s float64)
	try = func(i int, s float64) {
		if i == len(w) {
			if s > top {
				top, pairs = s, slices.Clone(now)
			}
			return
		}
		try(i+1, s)
		for j := range used {
			if !used[j] && w[i][j] > 0 {
				used[j] = true
				now = append(now, [2]int{i, j})
				try(i+1, s+w[i][j])
				now = now[:len(now)-1]
				used[j] = false
			}
		}
	}
	try(0, 0)
	return pairs
}

func weights(f aFrame, of func(t, p aBox, iou float64) float64) (w [][]float64) {
	for _, t := range f.truth {
		row := make([]float64, len(f.pred))
		for j, p := range f.pred {
			row[j] = of(t, p, boxOverlap(t.box, p.box))
		}
		w = append(w, row)
	}
	return w
}

func wantTracks(c *trackCase, key string) (float64, bool) {
	use, _ := params(key)
	seqs := framesOf(c)
	boxes := 0
	for _, s := range seqs {
		for _, f := range s {
			boxes += len(f.truth)
		}
	}
	if boxes == 0 {
		return none, true
	}
	switch use {
	case "hota@1", "deta@1", "assa@1", "loca@1":
		return wantHOTA(seqs, use), true
	case "idf1@1", "idp@1", "idr@1":
		return wantIdentity(seqs, use), true
	}
	return wantCLEAR(seqs, use), true
}

func wantHOTA(seqs [][]aFrame, use string) float64 {
	var tp, fn, fp, ass, loc [19]float64
	for _, s := range seqs {
		seen, shown := map[int]float64{}, map[int]float64{}
		potential := map[[2]int]float64{}
		for _, f := range s {
			for _, t := range f.truth {
				seen[t.id]++
			}
			for _, p := range f.pred {
				shown[p.id]++
			}
			for _, t := range f.truth {
				for _, p := range f.pred {
					var near float64
					for _, q := range f.pred {
						near += boxOverlap(t.box, q.box)
					}
					for _, u := range f.truth {
						near += boxOverlap(u.box, p.box)
					}
					v := boxOverlap(t.box, p.box)
					if v > 0 {
						potential[[2]int{t.id, p.id}] += v / (near - v)
					}
				}
			}
		}
		together := [19]map[[2]int]float64{}
		for a := range together {
			together[a] = map[[2]int]float64{}
		}
		for _, f := range s {
			w := weights(f, func(t, p aBox, iou float64) float64 {
				x := potential[[2]int{t.id, p.id}]
				return x / (seen[t.id] + shown[p.id] - x) * iou
			})
			pairs := matching(w)
			for a := range 19 {
				hits := 0.0
				for _, x := range pairs {
					t, p := f.truth[x[0]], f.pred[x[1]]
					if iou := boxOverlap(t.box, p.box); iou >= 0.05*float64(a+1)-1e-12 {
						hits++
						loc[a] += iou
						together[a][[2]int{t.id, p.id}]++
					}
				}
				tp[a] += hits
				fn[a] += float64(len(f.truth)) - hits
				fp[a] += float64(len(f.pred)) - hits
			}
		}
		for a := range 19 {
			for k, n := range together[a] {
				ass[a] += n * n / (seen[k[0]] + shown[k[1]] - n)
			}
		}
	}
	v := 0.0
	for a := range 19 {
		det := tp[a] / max(1, tp[a]+fn[a]+fp[a])
		as := ass[a] / max(1, tp[a])
		lo := 1.0
		if tp[a] > 0 {
			lo = loc[a] / tp[a]
		}
		v += map[string]float64{"hota@1": math.Sqrt(det * as), "deta@1": det, "assa@1": as, "loca@1": lo}[use] / 19
	}
	return v
}

func wantIdentity(seqs [][]aFrame, use string) float64 {
	var tp, truth, pred float64
	for _, s := range seqs {
		var ts, ps []int
		both := map[[2]int]float64{}
		for _, f := range s {
			truth += float64(len(f.truth))
			pred += float64(len(f.pred))
			for _, t := range f.truth {
				if !slices.Contains(ts, t.id) {
					ts = append(ts, t.id)
				}
				for _, p := range f.pred {
					if boxOverlap(t.box, p.box) >= 0.5 {
						both[[2]int{t.id, p.id}]++
					}
				}
			}
			for _, p := range f.pred {
				if !slices.Contains(ps, p.id) {
					ps = append(ps, p.id)
				}
			}
		}
		var w [][]float64
		for _, t := range ts {
			var row []float64
			for _, p := range ps {
				row = append(row, both[[2]int{t, p}])
			}
			w = append(w, row)
		}
		if len(ps) > 0 {
			tp += best(w)
		}
	}
	switch use {
	case "idp@1":
		return tp / max(1, pred)
	case "idr@1":
		return tp / max(1, truth)
	}
	return 2 * tp / max(1, truth+pred)
}

func wantCLEAR(seqs [][]aFrame, use string) float64 {
	var tp, fn, fp, switches, fragments, mostly, partly, lost, overlap float64
	for _, s := range seqs {
		seen, matched, pieces := map[int]float64{}, map[int]float64{}, map[int]float64{}
		last, before := map[int]int{}, map[int]int{}
		for _, f := range s {
			for _, t := range f.truth {
				seen[t.id]++
			}
			if len(f.truth) == 0 || len(f.pred) == 0 {
				fn += float64(len(f.truth))
				fp += float64(len(f.pred))
				continue
			}
			w := weights(f, func(t, p aBox, iou float64) float64 {
				if iou < 0.5-1e-12 {
					return 0
				}
				if id, ok := before[t.id]; ok && id == p.id {
					iou += 1000
				}
				return iou
			})
			now := map[int]int{}
			for _, x := range matching(w) {
				t, p := f.truth[x[0]], f.pred[x[1]]
				tp++
				overlap += boxOverlap(t.box, p.box)
				matched[t.id]++
				if id, ok := last[t.id]; ok && id != p.id {
					switches++
				}
				if _, ok := before[t.id]; !ok {
					pieces[t.id]++
				}
				last[t.id], now[t.id] = p.id, p.id
			}
			fn += float64(len(f.truth) - len(now))
			fp += float64(len(f.pred) - len(now))
			before = now
		}
		for id, n := range seen {
			switch r := matched[id] / n; {
			case r > 0.8:
				mostly++
			case r >= 0.2:
				partly++
			default:
				lost++
			}
			fragments += max(0, pieces[id]-1)
		}
	}
	tracks := max(1, mostly+partly+lost)
	return map[string]float64{
		"mota@1": (tp - fp - switches) / max(1, tp+fn), "motp@1": overlap / max(1, tp), "idsw@1": switches, "fragments@1": fragments,
		"mostly_tracked@1": mostly / tracks, "partly_tracked@1": partly / tracks, "mostly_lost@1": lost / tracks,
	}[use]
}
