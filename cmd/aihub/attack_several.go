package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"aihub"
	"aihub/internal/store"
	"aihub/sandbox/attack"
	"aihub/server/client"
	"aihub/server/wire"
)

// places are the hidden runs of one organisation that are under way at once.
var places = []string{"first ", "second ", "third "}

// several measures what the order in which hidden runs of one organisation end within a
// tick tells it: three run at once, and the secret is whether they end as they were
// entered or the other way round.
func (p *process) several(ctx context.Context, runs int) (measured, error) {
	out := measured{Channel: "several", Text: aihub.Text{EN: "order of three runs that end within a tick", ZH: "同一时间片内三次运行结束的先后"}, Runs: runs}
	m, done, err := p.meter(ctx, len(places))
	if err != nil {
		return out, err
	}
	defer done()
	var vendor aihub.UserID
	r := rand.New(rand.NewPCG(uint64(runs), 20261130))
	var secrets []bool
	var views []attack.View
	for n := range runs {
		if each := quota / len(places); n%each == 0 {
			if vendor, err = m.vendor(ctx, fmt.Sprintf("%s-%03d", out.Channel, n/each)); err != nil {
				return out, err
			}
		}
		s := r.IntN(2) == 1
		v, err := m.together(ctx, vendor, s)
		if err != nil {
			return out, fmt.Errorf("channel %s: %w", out.Channel, err)
		}
		secrets, views = append(secrets, s), append(views, v)
	}
	out.Bits, out.Field, out.Chance = attack.Bits(secrets, views)
	return out, nil
}

// together plays three submissions of one tick, and looks at all of them as their vendor.
func (m *meter) together(ctx context.Context, vendor aihub.UserID, backward bool) (attack.View, error) {
	d := m.d
	begin := d.a.Now().Truncate(tickOf).Add(2*tickOf + time.Second)
	to := func(at time.Duration) { m.clock.ahead.Add(int64(begin.Add(at).Sub(d.a.Now()))) }
	to(0)
	var subs []aihub.SubmissionID
	for i := range places {
		sub, err := client.New(d.url, d.tokens[vendor]).Submit(ctx, m.ref.String(), wire.NewSubmission{Image: m.image, Name: "x", Nonce: fmt.Sprint("several", i, begin.UnixNano())})
		if err != nil {
			return nil, err
		}
		subs = append(subs, sub.ID)
	}
	to(2 * time.Second)
	var leases []*store.Lease
	for range places {
		l, err := m.claim(ctx, aihub.RunInfer, time.Hour)
		if err != nil {
			return nil, err
		}
		for _, s := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning} {
			if err := d.a.DB.Advance(ctx, l, s); err != nil {
				return nil, err
			}
		}
		leases = append(leases, l)
	}
	slices.SortFunc(leases, func(a, b *store.Lease) int {
		return slices.Index(subs, a.Run().Submission) - slices.Index(subs, b.Run().Submission)
	})
	if backward {
		slices.Reverse(leases)
	}
	for i, l := range leases {
		to(time.Duration(5+15*i) * time.Second)
		if err := m.end(ctx, l); err != nil {
			return nil, err
		}
	}
	view := attack.View{}
	for _, at := range []time.Duration{50 * time.Second, tickOf + 5*time.Second, 2*tickOf + 5*time.Second} {
		to(at)
		if _, err := d.a.DB.Reap(ctx); err != nil {
			return nil, err
		}
		for i, id := range subs {
			seen := attack.View{}
			if err := m.look(ctx, vendor, "", id, begin, at, seen); err != nil {
				return nil, err
			}
			for name, v := range seen {
				view[places[i]+name] = v
			}
		}
	}
	compare(view)
	return view, nil
}

// end ends a hidden run, and its score run like every other's.
func (m *meter) end(ctx context.Context, l *store.Lease) error {
	db := m.d.a.DB
	out, _, err := m.d.a.Blobs.Put(ctx, strings.NewReader("p"))
	if err != nil {
		return err
	}
	if err := db.Finish(ctx, l, store.Outcome{Output: out}); err != nil {
		return err
	}
	if l, err = m.claim(ctx, aihub.RunScore, time.Hour); err != nil {
		return err
	}
	return db.Finish(ctx, l, store.Outcome{Failure: aihub.Failure{Owner: aihub.FaultData, Reason: aihub.ReasonData}})
}

// compare adds, for each field that is there of two runs, which of them has more: of
// places in the ledger only their order can tell.
func compare(view attack.View) {
	for name, v := range view {
		for i, of := range places[:len(places)-1] {
			rest, ok := strings.CutPrefix(name, of)
			if !ok {
				continue
			}
			for j := i + 1; j < len(places); j++ {
				other, there := view[places[j]+rest]
				a, bad := strconv.ParseFloat(v, 64)
				b, bad2 := strconv.ParseFloat(other, 64)
				if there && bad == nil && bad2 == nil {
					view[fmt.Sprintf("order %d and %d of %s", i+1, j+1, rest)] = fmt.Sprint(a < b, a == b)
				}
			}
		}
	}
}
