package sandbox

import (
	"context"
	"sync/atomic"
	"time"

	"aihub"
)

// readiness is whether runs are claimed. While the runner cannot be used they stay
// queued: each would cost one of its attempts.
type readiness struct {
	up      atomic.Bool
	doubt   chan struct{} // a run failed and the runner may be why
	changed chan struct{} // up is another
}

// How long until a runner that did not answer is asked again, at first and at most.
const (
	askFirst = 100 * time.Millisecond
	askMost  = 5 * time.Second
)

// watch asks the runner until it answers, sweeps what killed workers left, and lets
// runs be claimed; and all that again when a run makes it doubtful, until ctx ends.
func (o *Orchestrator) watch(ctx context.Context) {
	var told string // what was last said of a runner that does not answer
	swept := false
	for wait := askFirst; ; wait = min(2*wait, askMost) {
		machine, err := o.Runner.Machine(ctx)
		if err == nil && !swept {
			fault := o.Runner.Sweep(ctx)
			if swept = fault == nil; !swept && ctx.Err() == nil {
				o.log().Error("sweeping", "error", logged(fault))
			}
		}
		again := time.After(wait)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.set(false)
			if err.Error() != told {
				told = err.Error()
				o.log().Warn("the sandbox cannot be used: runs stay queued until it can", "runner", o.Runner.Name(), "error", logged(err))
			}
		default:
			if told != "" {
				told = ""
				o.log().Warn("the sandbox can be used: runs go on", "runner", o.Runner.Name())
			}
			if o.Found != nil {
				o.Found(machine)
			}
			o.set(true)
			if swept {
				again = nil
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-o.ready.doubt:
			swept, wait = false, askFirst/2
		case <-again:
		}
	}
}

// set lets runs be claimed, or not.
func (o *Orchestrator) set(up bool) {
	if o.ready.up.Swap(up) == up {
		return
	}
	select {
	case o.ready.changed <- struct{}{}:
	default:
	}
	o.Wake()
}

// suspect has the runner asked anew when err may come of it. Nothing is claimed until it answers.
func (o *Orchestrator) suspect(err error) {
	if aihub.KindOf(err) != aihub.Unavailable {
		return
	}
	o.set(false)
	select {
	case o.ready.doubt <- struct{}{}:
	default:
	}
}
