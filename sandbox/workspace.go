package sandbox

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"aihub"
	"aihub/internal/screen"
	"aihub/scenarios"
)

// Workspaces are the terminals of the workspaces that this process carries out:
// where the orchestrator, which runs them, and the front door, which shows them, meet.
type Workspaces struct {
	Most int              // at once; default 4
	Now  func() time.Time // default time.Now

	mu   sync.Mutex
	open map[aihub.SubmissionID]*Workspace
}

func (w *Workspaces) most() int { return cmp.Or(w.Most, 4) }

// Find returns the workspace of a submission, if it is open here.
func (w *Workspaces) Find(id aihub.SubmissionID) (*Workspace, bool) {
	if w == nil {
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.open[id]
	return v, ok
}

func (w *Workspaces) add(id aihub.SubmissionID, v *Workspace) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = map[aihub.SubmissionID]*Workspace{}
	}
	w.open[id] = v
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, id)
	}
}

// What a workspace keeps and lets through.
const (
	keptScreen = 1 << 20   // bytes of the screen that somebody who comes back is shown
	maxKeys    = 64 << 10  // typed and not yet read by the program
	rateScreen = 64 << 10  // bytes a second that are shown
	burst      = 256 << 10 // that may come at once
)

// Workspace is one terminal while it is open. What is shown passes package
// screen first, is paced and counted, and is recorded together with what is typed.
type Workspace struct {
	limits scenarios.Workspace
	now    func() time.Time
	keys   keyboard
	sizes  chan Size
	record *recorder

	mu       sync.Mutex
	filter   screen.Filter
	kept     []byte // the last of what was shown
	shown    int64  // bytes, kept or not
	due      time.Time
	typed    int64 // bytes
	lastKey  time.Time
	watching []string
	why      aihub.Text // of its end
	ended    chan struct{}
	changed  chan struct{} // closed and made anew whenever there is something new
}

func newWorkspace(limits scenarios.Workspace, now func() time.Time, record *recorder) *Workspace {
	w := &Workspace{
		limits: limits, now: now, record: record, sizes: make(chan Size, 1), lastKey: now(),
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	w.keys.ready = sync.NewCond(&w.keys.mu)
	return w
}

// terminal is the runner's side.
func (w *Workspace) terminal() Terminal {
	return Terminal{Keys: &w.keys, Screen: w, Sizes: w.sizes}
}

func (w *Workspace) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Close ends the workspace for a reason that is shown: the guest is killed. The
// first reason counts.
func (w *Workspace) Close(why aihub.Text) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed() {
		return
	}
	w.why = why
	close(w.ended)
	w.tell()
	w.keys.Close()
}

func (w *Workspace) closed() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// Write shows what the guest wrote. It takes its time: a program that writes
// faster than the pace waits.
func (w *Workspace) Write(p []byte) (int, error) {
	w.mu.Lock()
	safe := w.filter.Append(nil, p)
	if w.closed() {
		w.mu.Unlock()
		return 0, io.ErrClosedPipe
	}
	now := w.now()
	if early := now.Add(-burst * time.Second / rateScreen); w.due.Before(early) {
		w.due = early
	}
	w.due = w.due.Add(time.Duration(len(p)) * time.Second / rateScreen)
	wait := w.due.Sub(now)
	full := w.shown+int64(len(safe)) > int64(w.limits.Screen)
	if !full {
		w.shown += int64(len(safe))
		w.kept = append(w.kept, safe...)
		if over := len(w.kept) - keptScreen; over > keptScreen/4 {
			w.kept = slices.Delete(w.kept, 0, over)
		}
		full = w.record.write('o', string(safe)) != nil
		w.tell()
	}
	w.mu.Unlock()
	if full {
		w.Close(aihub.Text{
			EN: "the workspace has shown as much as its scenario lets it show", ZH: "工作区的显示量已达到场景规定的上限",
		})
		return 0, io.ErrClosedPipe
	}
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-w.ended:
		}
	}
	return len(p), nil
}

// Screen is what is new for somebody at a terminal.
type Screen struct {
	Bytes    []byte
	From     int64    // where in all that was shown they begin: later than asked when that is no longer kept
	Watching []string // who is looking
	Ended    bool
	Why      aihub.Text
	Next     <-chan struct{} // closed when there is more
}

// See returns what was shown from a place on.
func (w *Workspace) See(from int64) Screen {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.shown - int64(len(w.kept))
	from = min(max(from, first), w.shown)
	return Screen{
		Bytes: slices.Clone(w.kept[from-first:]), From: from, Watching: slices.Clone(w.watching),
		Ended: w.closed(), Why: w.why, Next: w.changed,
	}
}

// Watch notes that somebody looks until leave is called.
func (w *Workspace) Watch(name string) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watching = append(w.watching, name)
	w.tell()
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if i := slices.Index(w.watching, name); i >= 0 {
			w.watching = slices.Delete(w.watching, i, i+1)
		}
		w.tell()
	})
}

// Type passes on what is typed. at is how many bytes were typed before: what
// comes twice is taken once. It returns how many bytes were typed by now.
func (w *Workspace) Type(at int64, b []byte) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed():
		return w.typed, gone()
	case at > w.typed || at < 0:
		return w.typed, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "keys are missing before these", ZH: "此前有按键未送达",
		}).WithHint(aihub.Text{EN: "send them from where the answer says", ZH: "请从应答给出的位置重新发送"})
	case at+int64(len(b)) <= w.typed:
		return w.typed, nil
	}
	b = b[w.typed-at:]
	if err := w.keys.write(b); err != nil {
		return w.typed, err
	}
	if w.record.write('i', string(b)) != nil {
		w.keys.Close() // nothing happens that is not recorded
	}
	w.typed += int64(len(b))
	w.lastKey = w.now()
	return w.typed, nil
}

// Typed returns how many bytes were typed so far.
func (w *Workspace) Typed() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.typed
}

// Resize tells the guest of a new size.
func (w *Workspace) Resize(s Size) error {
	s = s.Bounded()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed() {
		return gone()
	}
	select {
	case <-w.sizes: // the newest counts
	default:
	}
	w.sizes <- s
	_ = w.record.resize(s) // a full record ends the workspace with the next key or output
	return nil
}

func gone() error {
	return aihub.Errorf(aihub.Conflict, aihub.Text{EN: "the workspace is over", ZH: "工作区已结束"}).
		WithHint(aihub.Text{EN: "open a new one: aihub workspace", ZH: "请打开新的工作区：aihub workspace"})
}

// idle closes the workspace when nobody has typed for so long, until ctx ends.
func (w *Workspace) idle(ctx context.Context) {
	most := time.Duration(w.limits.Idle)
	for {
		w.mu.Lock()
		left := most - w.now().Sub(w.lastKey)
		w.mu.Unlock()
		if left <= 0 {
			w.Close(aihub.Text{
				EN: "nobody typed anything for " + most.String() + ": the workspace was closed", ZH: "已有 " + most.String() + " 无人输入：工作区已关闭",
			})
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-w.ended:
			return
		case <-time.After(min(left, time.Second)):
		}
	}
}

// keyboard is what was typed and not read yet.
type keyboard struct {
	mu     sync.Mutex
	ready  *sync.Cond
	b      []byte
	closed bool
}

func (k *keyboard) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.b) == 0 && !k.closed {
		k.ready.Wait()
	}
	if k.closed {
		return 0, io.EOF
	}
	n := copy(p, k.b)
	k.b = k.b[n:]
	return n, nil
}

func (k *keyboard) write(b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.b)+len(b) > maxKeys {
		return aihub.Errorf(aihub.Quota, aihub.Text{
			EN: "the program does not read what is typed", ZH: "程序没有读取输入",
		}).WithHint(aihub.Text{EN: "wait, or close the workspace", ZH: "请稍候，或关闭工作区"})
	}
	k.b = append(k.b, b...)
	k.ready.Signal()
	return nil
}

func (k *keyboard) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.ready.Broadcast()
	return nil
}
