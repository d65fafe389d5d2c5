package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/internal/store"
)

// Orchestrator claims queued runs and carries each to its end. Any number of
// them, in any number of processes, may work on one store; a Dir belongs to one.
type Orchestrator struct {
	DB       *store.DB
	Blobs    blob.Store
	Images   *oci.Cache
	Runner   Runner
	Parallel int    // runs at once
	Dir      string // for inputs and outputs under way; emptied at start
	Worker   aihub.WorkerID
	TTL      time.Duration // of a lease; the heart beats three times in it
	Now      func() time.Time
	Log      *slog.Logger
}

// kinds are the runs that a sandbox carries out. Score runs are the evaluator's.
var kinds = []aihub.RunKind{aihub.RunSmoke, aihub.RunInfer}

// How long an idle worker waits before it looks again.
const (
	pollFirst = 20 * time.Millisecond
	pollLast  = 500 * time.Millisecond
)

// The causes for which a run's context ends early.
var (
	errLost      = errors.New("the lease is lost")
	errCancelled = errors.New("the submission was cancelled")
)

// Work claims and runs until ctx ends; what is running then is killed, and its
// lease left to run out, so that another worker takes it up. An error means
// that this worker cannot work at all.
func (o *Orchestrator) Work(ctx context.Context) error {
	if err := o.Runner.Sweep(ctx); err != nil {
		return fmt.Errorf("removing what an earlier worker left: %w", err)
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { o.reap(ctx) })
	slots := make(chan struct{}, max(1, o.Parallel))
	wait := pollFirst
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		l, err := o.DB.Claim(ctx, o.Worker, o.TTL, kinds...)
		if err != nil && ctx.Err() == nil {
			o.Log.Error("cannot claim a run", "error", err)
		}
		if l != nil {
			wait = pollFirst
			wg.Go(func() {
				defer func() { <-slots }()
				o.one(ctx, l)
			})
			continue
		}
		<-slots
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, pollLast)
	}
}

// reap gives up runs whose worker went silent, for every worker on this store.
func (o *Orchestrator) reap(ctx context.Context) {
	t := time.NewTicker(max(o.TTL/5, 200*time.Millisecond))
	defer t.Stop()
	for {
		if n, err := o.DB.Reap(ctx); err != nil && ctx.Err() == nil {
			o.Log.Error("cannot look for lost runs", "error", err)
		} else if n > 0 {
			o.Log.Warn("runs were lost and are tried again", "count", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// one carries a claimed run to its end.
func (o *Orchestrator) one(ctx context.Context, l *store.Lease) {
	r := l.Run()
	log := o.Log.With("run", r.ID, "kind", r.Kind)
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var heart sync.WaitGroup
	heart.Go(func() { o.beat(run, cancel, l) })

	out, err := o.execute(run, l)
	cause := context.Cause(run)
	switch {
	case ctx.Err() != nil:
		return // the platform stops; the lease runs out and the run is tried again
	case errors.Is(cause, errLost):
		log.Warn("lost its lease")
		return
	case errors.Is(cause, errCancelled):
		// Finish turns it into cancelled, whatever it came to.
		out = store.Outcome{Failure: aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonCancelled}}
	case err != nil:
		log.Error("the platform failed a run", "error", err)
		out = store.Outcome{Failure: failureOf(err)}
	}
	if err := o.DB.Finish(ctx, l, out); err != nil && ctx.Err() == nil {
		log.Error("cannot finish a run", "error", err)
	}
	cancel(nil)
	heart.Wait()
}

// beat extends the lease until run ends, and ends run when it is lost or its
// submission was cancelled.
func (o *Orchestrator) beat(run context.Context, cancel context.CancelCauseFunc, l *store.Lease) {
	t := time.NewTicker(o.TTL / 3)
	defer t.Stop()
	for {
		select {
		case <-run.Done():
			return
		case <-t.C:
		}
		cancelled, err := o.DB.Heartbeat(run, l, o.TTL)
		switch {
		case cancelled:
			cancel(errCancelled)
		case aihub.KindOf(err) == aihub.Conflict:
			cancel(errLost)
		case err != nil && run.Err() == nil:
			// The lease may outlive a passing fault; when it does not, the next beat says so.
			o.Log.Warn("missed a heartbeat", "run", l.Run().ID, "error", err)
		}
	}
}

// failureOf says whose fault an error of execute is. A vendor's own failures are
// outcomes, not errors.
func failureOf(err error) aihub.Failure {
	f := aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: err.Error()}
	var d dataError
	if errors.As(err, &d) {
		f.Owner, f.Reason = aihub.FaultData, aihub.ReasonData
	}
	return f
}

// dataError marks an error that the dataset is to blame for.
type dataError struct{ error }

func (e dataError) Unwrap() error { return e.error }
