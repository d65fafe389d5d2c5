package main

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"aihub"
	"aihub/policies"
)

// conclude reads what is not about one entry alone, and says of each row what was seen.
func (h *hidden) conclude(ctx context.Context, first, second []*staged) error {
	all := append(slices.Clone(first), second...)
	if err := h.everywhere(ctx, all); err != nil {
		return err
	}
	runs := map[string]int{}
	for _, s := range all {
		runs[s.row]++
	}
	for row, n := range runs {
		h.note(row, false, fmt.Sprintf("%d runs, told apart by no byte", n), fmt.Sprintf("%d 次运行，没有任何字节可将其区分", n))
	}
	h.note("V5", false, fmt.Sprintf("no canary in %d answers, %d bytes", h.eyes.answers, h.eyes.bytes), fmt.Sprintf("%d 个回应、%d 字节中没有金丝雀", h.eyes.answers, h.eyes.bytes))
	ticks := 1 + math.Ceil(time.Duration(h.spec.Limits.Wall).Seconds()/tickOfHidden.Seconds())
	h.note("V8", true, fmt.Sprintf("within a tick nothing; which tick it ends at is told: with a limit of %v and a tick of %v at most %.1f bits a run", time.Duration(h.spec.Limits.Wall), tickOfHidden, math.Log2(ticks)),
		fmt.Sprintf("同一时间片内无泄露；结束于哪个时间片会公布：时限 %v、时间片 %v 时每次运行至多 %.1f 比特", time.Duration(h.spec.Limits.Wall), tickOfHidden, math.Log2(ticks)))
	h.order(second)
	h.known(second)
	return h.priced(ctx, all)
}

// note says what was seen of a row; known: it is told by design.
func (h *hidden) note(row string, known bool, en, zh string) {
	s := h.shown[row]
	s.Note, s.Known = aihub.Text{EN: en, ZH: zh}, known
	h.shown[row] = s
}

// everywhere reads, as both vendors and as a visitor, what is not about one entry
// alone, what is another's, what nobody was told of, and the registry.
func (h *hidden) everywhere(ctx context.Context, all []*staged) error {
	ids := map[string][]string{"ref": {h.ref.String(), h.spec.Dataset}}
	var left []aihub.Digest
	for _, s := range all {
		runs, err := h.d.a.DB.Runs(ctx, policies.ScopeOf(policies.Platform()), s.id)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if s.row == "V5" {
				ids["id"] = append(ids["id"], string(s.id), string(r.ID))
			}
			for _, d := range []aihub.Digest{r.Output, r.Log} {
				if d != "" {
					left = append(left, d)
				}
			}
		}
	}
	urls, err := h.d.vendorURLs(ctx, ids)
	if err != nil {
		return err
	}
	orgs := []aihub.OrgID{}
	for _, side := range sides {
		orgs = append(orgs, aihub.OrgID("org-"+side))
	}
	for _, who := range []aihub.UserID{vendorOf(sides[0]), vendorOf(sides[1]), ""} {
		if _, err := h.eyes.see(ctx, who, urls); err != nil {
			return err
		}
		if who != "" {
			if err := h.eyes.registry(ctx, who, orgs, left); err != nil {
				return err
			}
		}
	}
	h.leaks("V5")
	return nil
}

// order is V9: where the ledger has what was told at one tick goes with the order in
// which it ended, or it does not. By chance a correlation of 14 is above 0.9 once in
// 100,000 times.
func (h *hidden) order(all []*staged) {
	runs, most := 0, 0.0
	for _, failed := range []bool{false, true} {
		var ended, place []float64
		for _, s := range all {
			if s.failed == failed && !s.train {
				ended, place = append(ended, float64(s.ended.UnixMicro())), append(place, float64(s.place))
			}
		}
		r := math.Abs(correlation(ranks(ended), ranks(place)))
		runs, most = runs+len(ended), max(most, r)
		if len(ended) < 14 || r > 0.9 || math.IsNaN(r) {
			h.bad("V9", "of %d runs of one tick the order in the ledger goes with that of their ends: rank correlation %.2f", len(ended), r)
		}
	}
	h.note("V9", false, fmt.Sprintf("%d runs of one tick: the order in the ledger and that of their ends have a rank correlation of %.2f; no other byte tells", runs, most),
		fmt.Sprintf("同一时间片 %d 次运行：账本次序与结束次序的秩相关为 %.2f；无其他字节泄露", runs, most))
}

// ranks are the places of values in their order.
func ranks(values []float64) []float64 {
	sorted, out := slices.Sorted(slices.Values(values)), make([]float64, len(values))
	for i, v := range values {
		at, _ := slices.BinarySearch(sorted, v)
		out[i] = float64(at)
	}
	return out
}

// correlation is Pearson's; of ranks it is Spearman's.
func correlation(a, b []float64) float64 {
	n := float64(len(a))
	var ma, mb, ab, aa, bb float64
	for i := range a {
		ma, mb = ma+a[i]/n, mb+b[i]/n
	}
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

var knew = regexp.MustCompile(`(?m)^knew (\d+) ids and (\d+) places of (\d+), (\d+) are known$`)

// known is V42: how many rows an algorithm knows again that has all that an earlier
// run of it saw.
func (h *hidden) known(all []*staged) {
	for _, s := range all {
		if s.mode != "recognise" {
			continue
		}
		var n [4]int
		if m := knew.FindStringSubmatch(s.log); m != nil {
			for i := range n {
				n[i], _ = strconv.Atoi(m[i+1])
			}
		}
		if ids, places, rows := n[0], n[1], n[2]; rows < 1000 || n[3] != rows || ids > 0 || places > rows/50 {
			h.bad(s.row, "of %d rows it knows %d by their ids and %d by their places, with %d that it had seen", rows, ids, places, n[3])
		} else {
			h.note(s.row, false, fmt.Sprintf("of %d rows that it had seen before it knew none by its id, and %d stood in the same place", rows, places),
				fmt.Sprintf("此前见过的 %d 行中，按编号认出 0 行，%d 行位置相同", rows, places))
		}
	}
}

// priced is V12: what an answer can tell is paid for.
func (h *hidden) priced(ctx context.Context, all []*staged) error {
	b, err := h.d.a.DB.Budget(ctx, policies.ScopeOf(policies.Platform()), h.ref, "open", aihub.OrgID("org-"+sides[0]))
	if err != nil {
		return err
	}
	scores := 0
	for _, s := range all {
		if s.vendor == vendorOf(sides[0]) && !s.failed && !s.train {
			scores++
		}
	}
	if b.Own <= 0 || b.Own > b.Share || b.Reserved > 0 {
		h.bad("V12", "%d scores cost %.1f bits of %.0f, and %.1f are held", scores, b.Own, b.Share, b.Reserved)
	}
	h.note("V12", true, fmt.Sprintf("nothing but the score: %d scores cost an organisation %.1f of its %.0f bits", scores, b.Own, b.Share),
		fmt.Sprintf("除成绩外无任何泄露：%d 个成绩花费机构 %.0f 比特中的 %.1f 比特", scores, b.Share, b.Own))
	return nil
}
