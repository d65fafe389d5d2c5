package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/scenarios"
)

// Orchestrator carries out queued runs, several at once. Any number of
// processes may do so for one store, also on one directory.
type Orchestrator struct {
	DB       *store.DB
	Blobs    blob.Store
	Images   *oci.Cache
	Runner   Runner
	Dir      string         // scratch; inputs and outputs lie here during a run
	Worker   aihub.WorkerID // names this process, different from every other
	Parallel int            // runs at once, divided by store.Places; default and least 2
	TTL      time.Duration  // of a lease; default 30s
	Poll     time.Duration  // longest wait until it sees what another process queued; default 1s
	Log      *slog.Logger   // default slog.Default()

	// Check looks at what a trial predicted, on the public sample or on the slice
	// that a hidden run tries first, as the evaluator does at what a hidden run did,
	// and returns the faults; nil: nobody looks.
	Check func(ctx context.Context, t Predicted) ([]aihub.Fault, error)

	Workspaces *Workspaces // terminals of workspaces; nil: none are opened here

	Found func(machine string) // told what the runner runs whenever it was asked and answered; may be nil

	once  sync.Once
	wakes []chan struct{} // of each loop that claims
	ready readiness
}

// reportEvery is how often a worker says that it is there.
const reportEvery = 10 * time.Second

func (o *Orchestrator) init() {
	o.once.Do(func() {
		o.wakes = []chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)}
		o.ready.doubt, o.ready.changed = make(chan struct{}, 1), make(chan struct{}, 1)
	})
}

// Wake makes Work look at the queue at once. It never waits.
func (o *Orchestrator) Wake() {
	o.init()
	for _, wake := range o.wakes {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Work sweeps what killed workers left, and carries out runs until ctx ends;
// then it kills those under way and returns. Their leases run out, and another
// worker takes them up. What goes wrong with one run is logged and does not stop
// the others. While the runner cannot be used runs stay queued.
func (o *Orchestrator) Work(ctx context.Context) error {
	o.init()
	home, err := newScratch(o.Dir, o.Worker)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	defer home.remove()
	for _, w := range home.dead { // what they had is taken up at once, not when their leases run out
		if err := o.DB.Abandon(ctx, w); err != nil {
			return err
		}
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { o.reap(ctx, home) })
	running.Go(func() { o.watch(ctx) })
	if _, ok := o.Runner.(Interactive); ok && o.Workspaces != nil {
		running.Go(func() { o.claim(ctx, home, o.wakes[2], o.Workspaces.most(), store.Seats) })
	}
	hidden, trials := store.Places(o.Parallel)
	running.Go(func() { o.claim(ctx, home, o.wakes[1], trials, store.Trials) })
	o.claim(ctx, home, o.wakes[0], hidden, store.Hidden)
	return nil
}

// claim carries out runs of some kinds, at most so many at once, until ctx ends
// and those under way have ended.
func (o *Orchestrator) claim(ctx context.Context, home *scratch, wake <-chan struct{}, most int, kinds []aihub.RunKind) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, most)
	for wait := time.Duration(0); ; {
		// A free slot first: what is claimed must be carried out at once.
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if !o.ready.up.Load() {
			<-slots
			select {
			case <-wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		queued := o.DB.Queued()
		l, err := o.DB.Claim(ctx, o.Worker, o.ttl(), kinds...)
		if ctx.Err() != nil {
			return
		}
		if l != nil {
			wait = 0
			running.Go(func() {
				defer func() { <-slots; o.Wake() }()
				o.carryOut(ctx, l, home)
			})
			continue
		}
		<-slots
		if err != nil {
			o.log().Error("looking for runs", "error", logged(err))
		}
		wait = min(cmp.Or(2*wait, 20*time.Millisecond), cmp.Or(o.Poll, time.Second))
		select {
		case <-ctx.Done():
			return
		case <-wake:
			wait = 0
		case <-queued:
			wait = 0
		case <-time.After(wait):
		}
	}
}

// reap gives up runs whose worker went silent or that are stuck, for every worker
// on the store, and settles what is due; also while all of ours are busy. It says
// that this worker is there. A worker that was
// killed here may have left something, too.
func (o *Orchestrator) reap(ctx context.Context, home *scratch) {
	t := time.NewTicker(min(o.ttl()/4, time.Second))
	defer t.Stop()
	defer func() {
		gone, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = o.DB.Report(gone, o.Worker, 0) // else its silence tells
	}()
	var reported time.Time
	for {
		if time.Since(reported) > reportEvery {
			slots := max(2, o.Parallel)
			if !o.ready.up.Load() {
				slots = 0 // nothing begins here: whoever waits is told so
			}
			if err := o.DB.Report(ctx, o.Worker, slots); err == nil {
				reported = time.Now()
			} else if ctx.Err() == nil {
				o.log().Error("reporting for work", "error", logged(err))
			}
		}
		n, err := o.DB.Reap(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.log().Error("looking for lost runs", "error", logged(err))
		case n > 0:
			o.log().Warn("runs were lost and are tried again", "count", n)
			o.Wake()
			if err := errors.Join(o.Runner.Sweep(ctx), home.sweep()); err != nil {
				o.log().Error("sweeping", "error", logged(err))
			}
		}
		if err := o.unsealed(ctx); err != nil && ctx.Err() == nil {
			o.log().Error("deleting what is no model", "error", logged(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-o.ready.changed:
			reported = time.Time{}
		case <-t.C:
		}
	}
}

func (o *Orchestrator) ttl() time.Duration { return cmp.Or(o.TTL, 30*time.Second) }

func (o *Orchestrator) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.Default()
}

var (
	errCancelled = errors.New("the submission was cancelled")
	errDone      = errors.New("the run is over")
)

// carryOut brings one run to its end, or lets go of it.
func (o *Orchestrator) carryOut(ctx context.Context, l *store.Lease, home *scratch) {
	run := l.Run()
	log := o.log().With("run", run.ID, "kind", run.Kind, "attempt", run.Attempt)
	work, stop := o.keep(ctx, l)
	carry := o.execute
	if run.Kind == aihub.RunScore {
		carry = o.judge
	}
	out, err := carry(work, l, home)
	cause := stop()
	var f *failure
	switch {
	case errors.Is(cause, errCancelled):
		out = store.Outcome{Log: out.Log, Usage: out.Usage, Posture: out.Posture, Failure: aihub.Failure{Owner: aihub.FaultPolicy, Reason: aihub.ReasonCancelled}}
	case ctx.Err() != nil && run.Kind != aihub.RunWorkspace:
		return // asked to stop: the next worker begins anew
	case ctx.Err() != nil: // nobody can go on where it was
		out = store.Outcome{Log: out.Log, Failure: aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: "the platform was stopped"}}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
	case cause != nil:
		log.Warn("the lease was lost", "error", cause)
		o.disown(ctx, l)
		return
	case errors.As(err, &f):
		out.Failure = f.Failure
	case err != nil: // the store has it tried again, some times
		o.suspect(err)
		log.Error("the platform failed a run", "error", logged(err))
		out.Failure = aihub.Failure{Owner: aihub.FaultPlatform, Reason: aihub.ReasonPlatform, Detail: detail(err)}
	}
	if run.Kind == aihub.RunScore && out.Failure == (aihub.Failure{}) {
		err = o.DB.HandOn(ctx, l, aihub.StageRead, out)
	} else {
		err = o.DB.Finish(ctx, l, out)
	}
	if err != nil {
		log.Error("a run that ended could not be recorded", "error", logged(err))
		o.disown(ctx, l)
	}
}

// logged renders an error with its cause.
func logged(err error) string {
	s := err.Error()
	if cause := errors.Unwrap(err); cause != nil {
		s += ": " + cause.Error()
	}
	return s
}

// keep renews the lease until stop is called, and ends the returned context
// when the lease is lost or the submission cancelled; stop says why, or nil.
func (o *Orchestrator) keep(ctx context.Context, l *store.Lease) (work context.Context, stop func() error) {
	work, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(o.ttl() / 4)
		defer tick.Stop()
		held := time.Now() // until when the lease is ours for sure, less a ttl
		for {
			select {
			case <-work.Done():
				return
			case <-tick.C:
			}
			asked := time.Now()
			cancelled, err := o.DB.Heartbeat(work, l, o.ttl())
			switch {
			case work.Err() != nil:
				return
			case cancelled:
				cancel(errCancelled)
				return
			case err == nil:
				held = asked
			case aihub.KindOf(err) == aihub.Conflict || time.Since(held) > o.ttl():
				// Lost, or not heard of for so long that another may have it.
				cancel(err)
				return
			}
		}
	}()
	return work, func() error {
		cancel(errDone)
		<-done
		if err := context.Cause(work); !errors.Is(err, errDone) {
			return err
		}
		return nil
	}
}

// execute prepares and runs l, and keeps what it left. A *failure ends the run;
// after any other error it may be tried again.
func (o *Orchestrator) execute(ctx context.Context, l *store.Lease, home *scratch) (out store.Outcome, err error) {
	run := l.Run()
	if err := o.DB.Advance(ctx, l, aihub.RunPreparing); err != nil {
		return out, err
	}
	dir, err := home.dir(string(run.ID))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	scenario, dataset, _, err := o.DB.RunInputs(ctx, l)
	if err != nil {
		return out, err
	}
	sub, err := o.DB.Submission(ctx, policies.ScopeOf(policies.Platform()), run.Submission)
	if err != nil {
		return out, err
	}
	spec, err := scenarios.ParseCanonical(scenario.Spec)
	if err != nil {
		return out, broken(err)
	}
	if err := o.lay(ctx, dir, run, sub, spec, dataset); err != nil {
		return out, err
	}
	img, err := o.image(ctx, run.Image)
	if err != nil {
		return out, err
	}
	rootfs, release, err := o.Images.Rootfs(ctx, o.Blobs, img, string(run.Org))
	if err != nil {
		return out, err
	}
	defer release()

	if run.Kind == aihub.RunWorkspace {
		return o.sit(ctx, l, dir, spec, img, rootfs)
	}
	if err := o.DB.Advance(ctx, l, aihub.RunRunning); err != nil {
		return out, err
	}
	j := job(dir, spec)
	if sub.Train {
		j.Collect, j.Whole, j.Limits = nil, true, spec.Train.Limits
	}
	if sub.Model != "" {
		j.Model = modelDir(dir)
	}
	j.ID, j.Rootfs, j.Image, j.Args, j.Dir, j.Hidden = string(run.ID), rootfs, run.Image, img.Args(), img.WorkingDir, run.Kind.Hidden()
	j.Env = append(append([]string{}, img.Env...), j.Env...)
	log := &live{every: 200 * time.Millisecond, append: func(ctx context.Context, text string) error { return o.DB.AppendLog(ctx, l, text) }}
	j.Log = log
	var first Result
	if file, _ := dataset.File(run.Part); triesFirst(run, file) {
		if first, err = o.tryFirst(ctx, dir, spec, j); err != nil {
			return out, err
		}
		if first.Failure == (aihub.Failure{}) {
			log.reset() // kept is the log of what counts
		}
	}
	res := first
	if first.Failure == (aihub.Failure{}) {
		if res, err = o.runLive(ctx, j, log); err != nil {
			return out, err
		}
		res.Usage.CPUMS += first.Usage.CPUMS
		res.Usage.WallMS += first.Usage.WallMS
	}

	if err := o.DB.Advance(ctx, l, aihub.RunCollecting); err != nil {
		return out, err
	}
	out = store.Outcome{Usage: res.Usage, Posture: res.Posture, Failure: res.Failure}
	if b := log.bytes(); len(b) > 0 {
		if out.Log, err = o.store(ctx, l, bytes.NewReader(b)); err != nil {
			return store.Outcome{}, err
		}
	}
	switch {
	case res.Failure != (aihub.Failure{}):
	case sub.Train:
		if out.Model, err = o.seal(ctx, l, j.Output); err != nil {
			f := new(failure)
			if !errors.As(err, &f) {
				return store.Outcome{}, err
			}
			out.Failure = f.Failure // of the vendor: what the run used and said is kept
		}
	case run.Kind == aihub.RunSmoke && o.Check != nil:
		predictions := filepath.Join(j.Output, spec.Output.File)
		sample, _ := dataset.File(run.Part)
		ids, err := o.idsOf(ctx, dir, sample, spec.Input.Key, run.RowKey)
		if err != nil {
			return store.Outcome{}, err
		}
		faults, err := o.Check(ctx, Predicted{Spec: spec, IDs: ids, Path: predictions})
		if err != nil {
			return store.Outcome{}, err
		}
		if len(faults) > 0 {
			out.Failure = aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonPrediction, Detail: faulty(spec, faults)}
			return out, nil
		}
		if out.Output, err = o.put(ctx, l, predictions); err != nil {
			return store.Outcome{}, err
		}
	default:
		if out.Output, err = o.put(ctx, l, filepath.Join(j.Output, spec.Output.File)); err != nil {
			return store.Outcome{}, err
		}
	}
	return out, nil
}

// lay fetches the run's part and lays out its input, and its model if it has one.
// The part itself, which holds the true keys, is gone before the algorithm comes.
func (o *Orchestrator) lay(ctx context.Context, dir string, run aihub.Run, sub aihub.Submission, spec scenarios.Spec, dataset aihub.DatasetVersion) error {
	file, ok := dataset.File(run.Part)
	if !ok {
		return fail(aihub.FaultData, aihub.ReasonData, fmt.Errorf("dataset %s has no part %s", dataset.Ref, run.Part))
	}
	if len(run.RowKey) == 0 {
		return errors.New("the run has no row key")
	}
	part := filepath.Join(dir, "part.parquet")
	if err := blob.Fetch(ctx, o.Blobs, file.Input, part); err != nil {
		return unreadable(err)
	}
	in := inputs{ref: run.Scenario, spec: spec, columns: dataset.Columns, part: part, rowKey: run.RowKey}
	if fileColumn(spec, dataset.Columns) != "" && file.Files != "" {
		in.files = filepath.Join(dir, "files.tar")
		if err := blob.Fetch(ctx, o.Blobs, file.Files, in.files); err != nil {
			return unreadable(err)
		}
	}
	if sub.Train || sub.Workspace {
		if spec.Train == nil {
			return broken(errors.New("it offers no training"))
		}
		in.labels = filepath.Join(dir, "labels.parquet")
		if err := blob.Fetch(ctx, o.Blobs, file.Truth, in.labels); err != nil {
			return unreadable(err)
		}
	}
	if err := prepare(ctx, dir, in); err != nil {
		return err
	}
	if in.labels != "" {
		if err := os.Remove(in.labels); err != nil {
			return err
		}
	}
	if triesFirst(run, file) {
		if err := layFirst(ctx, dir, part, file, in); err != nil {
			return err
		}
	}
	if sub.Model != "" {
		if err := unseal(ctx, o.Blobs, sub.Model, modelDir(dir)); err != nil {
			return unreadable(err)
		}
	}
	if in.files != "" {
		if err := os.Remove(in.files); err != nil {
			return err
		}
	}
	return os.Remove(part)
}

func modelDir(dir string) string { return filepath.Join(dir, "model") }

// unreadable blames the data when err says that it is missing, damaged or not
// what it should be; a disk or network that fails is ours.
func unreadable(err error) error {
	var e *aihub.Error
	if errors.As(err, &e) && e.Kind != aihub.Unavailable {
		return fail(aihub.FaultData, aihub.ReasonData, err)
	}
	return err
}

// runLive runs j; the log of a smoke run is passed on while it is written.
func (o *Orchestrator) runLive(ctx context.Context, j Job, log *live) (Result, error) {
	if j.Hidden {
		return o.Runner.Run(ctx, j)
	}
	passing, stop := context.WithCancel(ctx)
	passed := make(chan error, 1)
	go func() { passed <- log.run(passing) }()
	res, err := o.Runner.Run(ctx, j)
	stop()
	if err2 := <-passed; err == nil && err2 == nil {
		err = log.flush(ctx, true)
	} else {
		err = errors.Join(err, err2)
	}
	return res, err
}

// image loads an image that was taken in, perhaps while the platform ran on
// another machine: its program would fail, and its vendor be blamed for it.
func (o *Orchestrator) image(ctx context.Context, d aihub.Digest) (oci.Image, error) {
	img, err := oci.Load(ctx, o.Blobs, d)
	if err != nil {
		return img, err
	}
	machine, err := o.Runner.Machine(ctx)
	if err == nil && img.Machine != machine {
		err = aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: fmt.Sprintf("image %s is for linux/%s; the platform now runs linux/%s", d.Short(), img.Machine, machine),
			ZH: fmt.Sprintf("镜像 %s 面向 linux/%s；平台现在运行 linux/%s", d.Short(), img.Machine, machine),
		}).WithHint(aihub.Text{
			EN: "run the platform on its former kind of machine, or have the image built and submitted again", ZH: "请在原架构的机器上运行平台，或重新构建并提交镜像",
		})
	}
	return img, err
}
