package web

import (
	"fmt"
	"math"
	"strconv"

	"aihub"
	"aihub/internal/i18n"
	"aihub/server/wire"
)

// frontierView is the picture of a final board, in the units of its view box:
// 640 by 260, the plot from 60 to 630 and from 220 up to 10.
type frontierView struct {
	ticks  []frontierTick
	levels []frontierLevel
	dots   []frontierDot
}

type frontierTick struct{ x, seconds float64 }

type frontierLevel struct{ y, value float64 }

type frontierDot struct {
	x, y, lo, hi          float64
	label, place          string
	front, mine, baseline bool
}

// frontier lays out the rows whose time is known; none, no picture.
func (p *page) frontier(v scenarioView) (f frontierView) {
	least, most := math.Inf(1), math.Inf(-1) // of the primary metric
	short, long := math.Inf(1), math.Inf(-1) // powers of two
	for _, r := range v.board.Rows {
		if m := r.Values[0]; r.Standing != nil && r.Standing.Wall > 0 && m.Status != aihub.MetricUndefined {
			for _, x := range []float64{m.Value, interval(m, true), interval(m, false)} {
				least, most = min(least, x), max(most, x)
			}
			w := math.Log2(r.Standing.Wall)
			short, long = min(short, w), max(long, w)
		}
	}
	if math.IsInf(least, 1) {
		return f
	}
	if most-least < 1e-9 {
		least, most = least-0.5, most+0.5
	}
	short, long = short-0.5, long+0.5
	at := func(w float64) float64 { return 60 + 570*(w-short)/(long-short) }
	up := func(x float64) float64 {
		y := (x - least) / (most - least)
		if v.board.Better == "min" {
			y = 1 - y
		}
		return 215 - 200*y
	}
	for w := math.Ceil(short); w <= long; w++ {
		f.ticks = append(f.ticks, frontierTick{at(w), math.Exp2(w)})
	}
	for i := range 4 {
		x := least + (most-least)*float64(i)/3
		f.levels = append(f.levels, frontierLevel{up(x), x})
	}
	for _, r := range v.board.Rows {
		m := r.Values[0]
		if r.Standing == nil || r.Standing.Wall == 0 || m.Status == aihub.MetricUndefined {
			continue
		}
		f.dots = append(f.dots, frontierDot{
			x: at(math.Log2(r.Standing.Wall)), y: up(m.Value), lo: up(interval(m, false)), hi: up(interval(m, true)),
			label: fmt.Sprintf("%d  %s  %s  %s", r.Rank, p.in(r.Org.Name), p.value(m), p.seconds(r.Standing.Wall)), place: strconv.Itoa(r.Rank),
			front: r.Standing.Pareto, mine: p.mine(r), baseline: r.Baseline,
		})
	}
	return f
}

// interval returns an end of the interval of a value, the value when it has none.
func interval(m aihub.MetricValue, high bool) float64 {
	switch {
	case m.Lo == 0 && m.Hi == 0:
		return m.Value
	case high:
		return m.Hi
	}
	return m.Lo
}

// seconds renders a duration that was rounded up to a power of two.
func (p *page) seconds(x float64) string {
	if x == 0 {
		return "—"
	}
	return p.t("web.board.seconds", i18n.Args{"Seconds": i18n.Number(x, 2)})
}

// pValue is the p of row i: none of the first, and none that nobody could test.
func (p *page) pValue(i int, x *float64) string {
	switch {
	case i == 0:
		return "—"
	case x == nil:
		return p.t("web.board.not_tested")
	case *x < 0.001:
		return "< 0.001"
	}
	return i18n.Number(*x, 3)
}

// ranks is between which places the draws put a row.
func (p *page) ranks(s wire.Standing) string {
	if s.RankLo == 0 {
		return p.t("web.board.not_known")
	}
	return fmt.Sprintf("%d–%d", s.RankLo, s.RankHi)
}
