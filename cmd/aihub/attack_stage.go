package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/server/client"
)

// watch waits until all that was entered has ended as the platform sees it, looks,
// puts the clock forward to the tick, and looks again when the vendors are told.
func (h *hidden) watch(ctx context.Context, staged []*staged) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	streams := h.follow(ctx, staged)
	defer streams.end()
	work, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.d.a.work(work) }()
	defer func() { stop(); <-ended }() // nothing runs while others are entered and the clock stands
	for _, s := range staged {
		if err := until(ctx, func() (bool, error) { return h.over(ctx, s) }); err != nil {
			return fmt.Errorf("%s, %s: %w", s.row, s, err)
		}
	}
	if h.clock.now().Sub(h.entered) > tickOfHidden {
		return fmt.Errorf("the runs did not end within a tick of %v", tickOfHidden)
	}
	streams.end()
	h.heard(streams)
	h.effective(staged)
	if err := h.unchanged(ctx, staged); err != nil {
		return err
	}
	h.clock.ahead.Add(int64(tickOfHidden))
	h.told = h.clock.now().Truncate(time.Second) // as coarse as some of it is shown
	for _, s := range staged {
		c := client.New(h.d.url, h.d.tokens[s.vendor])
		if err := until(ctx, func() (bool, error) {
			v, err := c.Submission(ctx, s.id)
			return v.State.Terminal() && (v.State != aihub.SubmissionScored || v.Score != nil && !v.Score.ReleasedAt.IsZero()), err
		}); err != nil {
			return fmt.Errorf("%s, %s: %w", s.row, s, err)
		}
	}
	if _, err := h.d.a.DB.Reap(ctx); err != nil { // settles what is due, as a worker does
		return err
	}
	return h.compare(ctx, staged)
}

// until asks again until it is so.
func until(ctx context.Context, so func() (bool, error)) error {
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "it did not end in time", ZH: "未能按时结束"})
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// over reports whether nothing more happens to s before its tick, and then keeps
// what the platform and its steward know of it.
func (h *hidden) over(ctx context.Context, s *staged) (bool, error) {
	runs, err := h.d.a.DB.Runs(ctx, policies.ScopeOf(policies.Platform()), s.id)
	if err != nil || len(runs) == 0 {
		return false, err
	}
	scored := s.train // trainings have no score
	for _, r := range runs {
		switch {
		case !r.State.Terminal():
			return false, nil
		case r.State == aihub.RunLost:
			continue
		case r.Kind == aihub.RunScore:
			scored = true
		default:
			s.run = r
		}
		s.ended, s.failed = r.FinishedAt, s.failed || r.State != aihub.RunSucceeded
	}
	if !s.failed && !scored {
		return false, nil
	}
	s.log, err = h.d.steward.RunLog(ctx, s.run.ID)
	return true, err
}

// effective says which plays were not played: what did not see its data, or did not
// end as it should, shows nothing.
func (h *hidden) effective(all []*staged) {
	for _, s := range all {
		asked := fmt.Sprintf("told %v of ", s.vendor == vendorOf(sides[0]))
		if s.mode == "" && !strings.Contains(s.log, asked) || s.failed != s.fails || s.failed && s.run.Fault.Owner != "" && s.run.Fault.Owner != aihub.FaultVendor {
			h.bad(s.row, "%s was not carried out: %s %s %s", s, s.run.State, s.run.Fault, printable(s.log[:min(len(s.log), 200)]))
		}
	}
}

// streams are the bytes of event streams that are read while hidden runs are under way.
type streams struct {
	stop  context.CancelFunc
	wait  sync.WaitGroup
	bytes map[*staged]*bytes.Buffer
}

// follow opens the event stream of each run that makes progress, as its vendor.
func (h *hidden) follow(ctx context.Context, all []*staged) *streams {
	ctx, stop := context.WithCancel(ctx)
	f := &streams{stop: stop, bytes: map[*staged]*bytes.Buffer{}}
	for _, s := range all {
		if s.row != "V15" {
			continue
		}
		b := &bytes.Buffer{}
		f.bytes[s] = b
		f.wait.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.d.url+"/api/v1/submissions/"+string(s.id)+"/events", nil)
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+h.d.tokens[s.vendor])
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(b, resp.Body) // until it is stopped
		})
	}
	return f
}

func (f *streams) end() {
	f.stop()
	f.wait.Wait()
}

// heard judges what event streams said before the tick: that it was entered, and
// nothing that changes.
func (h *hidden) heard(f *streams) {
	for s, b := range f.bytes {
		h.eyes.search("event stream of a hidden run", b.Bytes())
		h.leaks(s.row)
		said := map[string]bool{}
		for line := range strings.Lines(b.String()) {
			if data, ok := strings.CutPrefix(line, "data:"); ok {
				said[h.plain([]byte(data))] = true
			}
		}
		// The submission, and its place in the queue as it was then.
		if n := len(said); n == 0 || n > 2 {
			h.bad(s.row, "its event stream said %d things before the tick: %.300q", n, slices.Sorted(maps.Keys(said)))
		}
	}
}
