package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/scenarios"
	"aihub/server/desk"
)

// Timing of streams.
const (
	pollEvery  = 500 * time.Millisecond
	beatEvery  = 15 * time.Second
	queueEvery = 4                // polls between two looks at the queue
	streamLife = time.Hour        // then the client takes the stream up again
	stallAfter = 60 * time.Second // an upload that sends nothing for so long is given up
)

// streams bounds how many event streams are open.
type streams struct {
	mu    sync.Mutex
	total int
	byOrg map[aihub.OrgID]int
}

const (
	maxStreams    = 512
	maxStreamsOrg = 64
)

func newStreams() *streams { return &streams{byOrg: map[aihub.OrgID]int{}} }

// open takes a place, or says that there is none.
func (s *streams) open(org aihub.OrgID) (close func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= maxStreams || s.byOrg[org] >= maxStreamsOrg {
		return nil, aihub.Errorf(aihub.Quota, aihub.Text{
			EN: "too many event streams are open", ZH: "打开的事件流过多",
		}).WithHint(aihub.Text{EN: "close one, or read the submission without following it", ZH: "请关闭一些，或直接读取提交"})
	}
	s.total++
	s.byOrg[org]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.byOrg[org]--; s.byOrg[org] == 0 {
			delete(s.byOrg, org)
		}
	}, nil
}

// events follows a submission. It shows what the store gives this actor and
// nothing else: of a hidden run, nothing before its tick. Heartbeats come by the
// clock, whatever happens inside.
func (a *API) events(c *gin.Context, who aihub.Actor) error {
	ctx := c.Request.Context()
	id := aihub.SubmissionID(c.Param("id"))
	after, err := afterOf(c)
	if err != nil {
		return err
	}
	v, err := a.Desk.Submission(ctx, who, id)
	if err != nil {
		return err
	}
	_, spec, err := a.Desk.Scenario(ctx, who, v.Scenario.String())
	if err != nil {
		return err
	}
	leave, err := a.streams.open(who.Org)
	if err != nil {
		return err
	}
	defer leave()

	Unbounded(c.Writer)
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.Status(http.StatusOK)
	c.Writer.Flush()

	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	life := time.NewTimer(streamLife)
	defer life.Stop()
	var told aihub.Wait
	for i := 0; ; i++ {
		if i%queueEvery == 0 {
			if err := a.pushWait(c, who, id, &told); err != nil {
				if ctx.Err() == nil {
					Public(ctx, a.Log, err)
				}
				return nil
			}
		}
		ended, err := a.push(c, who, id, spec, &after)
		if err != nil {
			// The stream has begun: log, close, and the client asks again.
			if ctx.Err() == nil {
				Public(ctx, a.Log, err)
			}
			return nil
		}
		if ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-life.C:
			return nil
		case <-beat.C:
			if _, err := io.WriteString(c.Writer, ":\n\n"); err != nil {
				return nil
			}
			c.Writer.Flush()
		case <-poll.C:
		}
	}
}

// pushWait tells how long a submission waits, when that differs from what was
// told. It is no event of the submission and has no number.
func (a *API) pushWait(c *gin.Context, who aihub.Actor, id aihub.SubmissionID, told *aihub.Wait) error {
	w, err := a.Desk.Wait(c.Request.Context(), who, id)
	if err != nil || w == nil {
		return err
	}
	same := *w
	same.AsOf = told.AsOf
	if same == *told {
		return nil
	}
	*told = *w
	b, err := json.Marshal(aihub.Event{Submission: id, Type: "queue", At: w.AsOf, Wait: w})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.Writer, "event: queue\ndata: %s\n\n", b); err != nil {
		return err
	}
	c.Writer.Flush()
	return nil
}

// push writes the events after *after, and the end when the outcome is visible:
// a score that is released by rule is waited for, one under review is not.
func (a *API) push(c *gin.Context, who aihub.Actor, id aihub.SubmissionID, spec scenarios.Spec, after *int64) (ended bool, err error) {
	ctx := c.Request.Context()
	// The submission first: events up to its end are then all there.
	v, err := a.Desk.Submission(ctx, who, id)
	if err != nil {
		return false, err
	}
	for {
		events, err := a.Desk.Events(ctx, who, id, *after)
		if err != nil {
			return false, err
		}
		for _, e := range events {
			b, err := json.Marshal(e)
			if err != nil {
				return false, err
			}
			if _, err := fmt.Fprintf(c.Writer, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, b); err != nil {
				return false, err
			}
			*after = e.Seq
		}
		if len(events) == 0 {
			break
		}
		c.Writer.Flush()
	}
	if !v.State.Terminal() || desk.Awaited(v, spec) {
		return false, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	if _, err := fmt.Fprintf(c.Writer, "event: end\ndata: %s\n\n", b); err != nil {
		return false, err
	}
	c.Writer.Flush()
	return true, nil
}

// Unbounded lifts the deadlines of a request from a long answer: a read deadline
// that passes while a handler works would cancel its context.
func Unbounded(w http.ResponseWriter) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // a recorder in a test has no deadlines
	_ = rc.SetWriteDeadline(time.Time{})
}

// Slowly returns the request's body for a long upload: without a limit on the
// whole, but with one on each stall.
func Slowly(w http.ResponseWriter, r *http.Request) io.Reader {
	Unbounded(w)
	rc := http.NewResponseController(w)
	return &patient{r: r.Body, deadline: func(t time.Time) { _ = rc.SetReadDeadline(t) }}
}

type patient struct {
	r        io.Reader
	deadline func(time.Time)
	n        int
}

func (p *patient) Read(b []byte) (int, error) {
	if p.n <= 0 { // once a MiB is often enough
		p.deadline(time.Now().Add(stallAfter))
		p.n = 1 << 20
	}
	n, err := p.r.Read(b)
	p.n -= max(n, 1)
	if err != nil {
		p.deadline(time.Time{}) // what comes after the upload takes its time
	}
	return n, err
}

// touched is a request's body that knows whether it was read.
type touched struct {
	io.ReadCloser
	read bool
}

func (t *touched) Read(b []byte) (int, error) {
	t.read = true
	return t.ReadCloser.Read(b)
}

// Bounds of what is read of a refused upload before the answer.
const (
	drained     = 64 << 20
	drainWithin = 10 * time.Second
)

// drain reads on for a while when the sender is sending: it would lose the
// answer to a broken pipe. A sender that waits to be asked (Expect: 100-continue)
// and was not asked is not asked now.
func (t *touched) drain(w http.ResponseWriter, r *http.Request) {
	if !t.read && r.Header.Get("Expect") != "" {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainWithin))
	_, _ = io.Copy(io.Discard, io.LimitReader(t, drained))
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
