package evaluator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/scenarios"
)

// Worker scores what sandboxes left, and releases scores when their tick comes.
// Several may score, each with a directory of its own; one releases (see Release).
type Worker struct {
	DB       *store.DB
	Blobs    blob.Store
	Policies *policies.Engine
	Dir      string           // scratch; predictions and truth lie here while they are scored
	Now      func() time.Time // default time.Now
	Worker   aihub.WorkerID   // default "evaluator"
	TTL      time.Duration    // of a lease; default 30s
	Poll     time.Duration    // between looks for what another process queued and for ticks; default 500ms
	Log      *slog.Logger     // default slog.Default()
}

const scratch = "score-" // prefix of what lies in Dir

// Work scores and releases until ctx ends. What goes wrong with one run or
// release is logged and does not stop the others: it is tried again by the
// store's rules. The error is about the worker itself.
func (w *Worker) Work(ctx context.Context) error {
	if err := w.sweep(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		queued := w.DB.Queued()
		busy, err := w.Score(ctx)
		if err != nil && ctx.Err() == nil {
			w.log().Error("scoring", "error", logged(err))
		}
		n, rerr := w.Release(ctx)
		if rerr != nil && ctx.Err() == nil {
			w.log().Error("releasing scores", "error", logged(rerr))
		}
		wait := cmp.Or(w.Poll, 500*time.Millisecond)
		switch {
		case err != nil || rerr != nil:
			wait *= 10
		case busy || n > 0:
			continue
		}
		if err != nil || rerr != nil {
			queued = nil // what is queued now would fail, too
		}
		select {
		case <-ctx.Done():
		case <-queued:
		case <-time.After(wait):
		}
	}
	return nil
}

// sweep removes what a killed worker left in Dir: truth does not stay there.
func (w *Worker) sweep() error {
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return fmt.Errorf("evaluator: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(w.Dir, scratch+"*"))
	if err != nil {
		return fmt.Errorf("evaluator: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("evaluator: %w", err)
		}
	}
	return nil
}

// Score claims one score run and brings it to its end. It reports false when
// none is queued. After an error the run is left to its lease: when that has
// run out, it is tried again.
func (w *Worker) Score(ctx context.Context) (bool, error) {
	ttl := cmp.Or(w.TTL, 30*time.Second)
	l, err := w.DB.Claim(ctx, cmp.Or(w.Worker, "evaluator"), ttl, aihub.RunScore)
	if err != nil || l == nil {
		return false, err
	}
	run := l.Run()
	work, stop := w.keep(ctx, l, ttl)
	values, sample, tick, err := w.values(work, l) // no values: a scorer has the run next
	cause := stop()
	switch {
	case errors.Is(cause, errCancelled):
		err = w.DB.Finish(ctx, l, store.Outcome{Failure: aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonCancelled}})
	case cause != nil:
		return true, fmt.Errorf("score run %s: %w", run.ID, cause)
	default:
		var f *failure
		if errors.As(err, &f) {
			err = w.DB.Finish(ctx, l, store.Outcome{Failure: aihub.Failure(*f)})
		} else if err == nil && values == nil {
			err = w.DB.HandOn(ctx, l, aihub.StageScorer, store.Outcome{})
		} else if err == nil {
			err = w.DB.FinishScore(ctx, l, values, sharing.NextTick(w.now(), tick), sample...)
		}
	}
	if err != nil {
		return true, fmt.Errorf("score run %s: %w", run.ID, err)
	}
	return true, nil
}

var errCancelled = errors.New("the submission was cancelled")

// keep renews the lease until stop is called, and ends the returned context
// when the lease is lost or the submission cancelled; stop says why, or nil.
func (w *Worker) keep(ctx context.Context, l *store.Lease, ttl time.Duration) (context.Context, func() error) {
	work, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(ttl / 3)
		defer tick.Stop()
		for {
			select {
			case <-work.Done():
				return
			case <-tick.C:
			}
			cancelled, err := w.DB.Heartbeat(work, l, ttl)
			if work.Err() != nil {
				return
			}
			if cancelled {
				err = errCancelled
			}
			if err != nil {
				cancel(err)
				return
			}
		}
	}()
	return work, func() error {
		cancel(errStopped)
		<-done
		if err := context.Cause(work); err != errStopped {
			return err
		}
		return nil
	}
}

var errStopped = errors.New("stopped")

// failure is how a score run ends badly: for good, and by whose fault.
type failure aihub.Failure

func (f *failure) Error() string { return fmt.Sprintf("%s/%s: %s", f.Owner, f.Reason, f.Detail) }

const maxDetail = 8 << 10

// fail returns a failure whose detail, for the steward, is that of err.
func fail(owner aihub.FaultOwner, reason aihub.Reason, err error) error {
	detail := err.Error()
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	return &failure{Owner: owner, Reason: reason, Detail: detail}
}

// values scores the predictions of l's submission. A *failure ends the run;
// any other error does not: it may be tried again.
func (w *Worker) values(ctx context.Context, l *store.Lease) (values []aihub.MetricValue, sample []float64, tick time.Duration, err error) {
	defer func() {
		// A metric that panics fails this run, not the worker.
		if p := recover(); p != nil {
			err = fail(aihub.FaultPlatform, aihub.ReasonScorer, fmt.Errorf("the scorer panicked: %v", p))
		}
	}()
	scenario, dataset, infer, err := w.DB.RunInputs(ctx, l)
	if err != nil {
		return nil, nil, 0, err
	}
	sub, err := w.DB.Submission(ctx, policies.ScopeOf(policies.Platform()), l.Run().Submission)
	if err != nil {
		return nil, nil, 0, err
	}
	spec, err := scenarios.ParseCanonical(scenario.Spec)
	if err != nil {
		return nil, nil, 0, fail(aihub.FaultPlatform, aihub.ReasonPlatform, err)
	}
	seed := sub.Scenario.String() + " " + sub.Round
	plan, err := NewPlan(spec.Builtin(), seed)
	if err != nil {
		return nil, nil, 0, fail(aihub.FaultPlatform, aihub.ReasonPlatform, err) // the linter took it; no label has been read
	}
	part, ok := dataset.File(infer.Part)
	if !ok {
		return nil, nil, 0, fail(aihub.FaultData, aihub.ReasonData, fmt.Errorf("dataset %s has no part %q", dataset.Ref, infer.Part))
	}

	dir, err := os.MkdirTemp(w.Dir, scratch)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("evaluator: %w", err)
	}
	defer os.RemoveAll(dir)
	truthPath, predPath := filepath.Join(dir, "truth"), filepath.Join(dir, "predictions")
	if err := w.fetch(ctx, part.Truth, truthPath, aihub.FaultData, aihub.ReasonData); err != nil {
		return nil, nil, 0, err
	}
	if err := w.fetch(ctx, infer.Output, predPath, aihub.FaultPlatform, aihub.ReasonPlatform); err != nil {
		return nil, nil, 0, err
	}
	inputPath := ""
	if groupedByInput(spec, dataset.Columns) || mediaOfInput(spec, dataset.Columns) {
		inputPath = filepath.Join(dir, "input")
		if err := w.fetch(ctx, part.Input, inputPath, aihub.FaultData, aihub.ReasonData); err != nil {
			return nil, nil, 0, err
		}
	}
	progress := l.Report
	var got Scored
	if run := l.Run(); run.Stage == aihub.StageRead {
		packed := filepath.Join(dir, "judged")
		if err := w.fetch(ctx, run.Output, packed, aihub.FaultPlatform, aihub.ReasonPlatform); err != nil {
			return nil, nil, 0, err
		}
		c := Custom{Spec: spec, Seed: seed, Key: dataset.Key, Input: inputPath, RowKey: infer.RowKey, Dir: dir, Took: took(infer), Progress: progress}
		got, err = c.Run(ctx, truthPath, predPath, packed)
		err = contract(err, aihub.FaultScenario, aihub.ReasonScorer)
	} else {
		got, err = Scoring{Plan: plan, Key: dataset.Key, Input: inputPath, RowKey: infer.RowKey, Dir: dir, Took: took(infer), Progress: progress}.Run(ctx, truthPath, predPath)
	}
	if err != nil {
		return nil, nil, 0, contract(err, aihub.FaultData, aihub.ReasonData)
	}
	if len(got.Faults) > 0 {
		return nil, nil, 0, fail(aihub.FaultVendor, aihub.ReasonPrediction, BadPredictions(spec, got.Faults))
	}
	if l.Run().Stage == aihub.StageCheck {
		return nil, nil, 0, nil // the predictions are good: the scorer may see them
	}
	values, sample = got.Values, got.Sample
	if err := undefined(ctx, spec, values, func(ctx context.Context, spec scenarios.Spec) ([]aihub.MetricValue, error) {
		return perfect(ctx, spec, truthPath, dataset.Key, dir)
	}); err != nil {
		return nil, nil, 0, err
	}
	return values, sample, time.Duration(spec.Sharing.Score.Tick), nil
}

// fetch copies a blob. One that is not there, or is not what it was, ends the
// run by the fault of owner; a store out of reach does not.
func (w *Worker) fetch(ctx context.Context, d aihub.Digest, path string, owner aihub.FaultOwner, reason aihub.Reason) error {
	err := blob.Fetch(ctx, w.Blobs, d, path)
	var e *aihub.Error
	if ctx.Err() == nil && errors.As(err, &e) && (e.Kind == aihub.NotFound || e.Kind == aihub.Internal) {
		return fail(owner, reason, err)
	}
	return err
}

// contract makes a file that breaks its contract the fault of owner.
func contract(err error, owner aihub.FaultOwner, reason aihub.Reason) error {
	if aihub.KindOf(err) == aihub.Contract {
		return fail(owner, reason, err)
	}
	return err
}

// logged is err with its cause, which Error keeps from users.
func logged(err error) string {
	s := err.Error()
	var e *aihub.Error
	if errors.As(err, &e) && e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (w *Worker) log() *slog.Logger {
	if w.Log != nil {
		return w.Log
	}
	return slog.Default()
}

func (w *Worker) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}
