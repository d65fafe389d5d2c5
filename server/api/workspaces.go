package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/sandbox"
	"aihub/server/desk"
	"aihub/server/wire"
)

// maxTyped bounds what is typed in one request.
const maxTyped = 16 << 10

func (a *API) workspaces() {
	const tag = "workspaces"
	handle(a, op(http.MethodPost, "/scenarios/{ref}/workspaces", "open-workspace", tag, "Open a workspace: a shell of your image beside the train part", 201),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByRef
			Body wire.NewWorkspace
		}) (*body[aihub.Submission], error) {
			return answer(a.Desk.OpenWorkspace(ctx, who, in.Ref, in.Body))
		})
	handle(a, op(http.MethodGet, "/workspaces", "list-workspaces", tag, "The workspaces that are open", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[[]aihub.Submission], error) {
			return list(a.Desk.Workspaces(ctx, who))
		})
	handle(a, op(http.MethodPost, "/workspaces/{id}/window", "resize-workspace", tag, "Tell a workspace the size of the terminal", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Window
		}) (*none, error) {
			w, _, err := a.Desk.Seat(ctx, who, aihub.SubmissionID(in.ID))
			if err == nil && w == nil {
				err = notOpen() // asked again until it opens
			}
			if err != nil {
				return nil, err
			}
			return &none{}, w.Resize(sandbox.Size{Cols: in.Body.Cols, Rows: in.Body.Rows})
		})
	handle(a, op(http.MethodPost, "/workspaces/{id}/close", "close-workspace", tag, "Close a workspace: its organisation, the scenario's steward, or an operator", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Close
		}) (*none, error) {
			return &none{}, a.Desk.CloseWorkspace(ctx, who, aihub.SubmissionID(in.ID), in.Body.Reason)
		})

	o := op(http.MethodPost, "/workspaces/{id}/keys", "type-in-workspace", tag, "Type: at most 16 KiB", 200)
	o.Parameters = []*huma.Param{param("path", "id", "workspace"), param("query", "at", "how many bytes were typed before: what comes twice is taken once")}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	o.Responses = content("How many bytes were typed (Typed)", "application/json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		w, _, err := a.Desk.Seat(c.Request.Context(), who, aihub.SubmissionID(c.Param("id")))
		if err != nil {
			return err
		}
		if w == nil {
			return notOpen()
		}
		at, err := strconv.ParseInt(c.Query("at"), 10, 64)
		if err != nil {
			return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "at: how many bytes were typed before", ZH: "at 应为此前已输入的字节数"})
		}
		b, err := io.ReadAll(io.LimitReader(c.Request.Body, maxTyped+1))
		if err != nil {
			return err
		}
		if len(b) > maxTyped {
			return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "at most 16 KiB are typed at once", ZH: "一次最多输入 16 KiB"})
		}
		n, err := w.Type(at, b)
		if err != nil {
			return err
		}
		c.JSON(http.StatusOK, wire.Typed{At: n})
		return nil
	})

	o = op(http.MethodGet, "/workspaces/{id}/screen", "watch-workspace", tag, "What a workspace shows: server-sent events", 200)
	o.Parameters = []*huma.Param{param("path", "id", "workspace"), param("query", "after", "only what was shown after so many bytes; Last-Event-ID does the same")}
	o.Responses = content("screen: bytes in base64, id: how many were shown by then; seat, watching and at last end: Seat", "text/event-stream")
	a.raw(o, a.screen)
}

func notOpen() error {
	return aihub.Errorf(aihub.Pending, aihub.Text{
		EN: "the workspace is not open: it waits its turn, is over, or another server of this platform carries it", ZH: "工作区未打开：正在排队、已结束，或由本平台的另一台服务器承载",
	})
}

// screen streams a terminal to one person.
func (a *API) screen(c *gin.Context, who aihub.Actor) error {
	ctx := c.Request.Context()
	id := aihub.SubmissionID(c.Param("id"))
	from, err := afterOf(c)
	if err != nil {
		return err
	}
	w, sub, err := a.Desk.Watch(ctx, who, id)
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
	s := &seat{c: c, from: from}
	seat := wire.Seat{Notice: desk.Notice(who, sub, a.Now()), State: string(sub.State)}
	if w != nil {
		seat.At = w.Typed()
	}
	if s.event("seat", seat) != nil {
		return nil
	}
	for w == nil {
		if sub.State.Terminal() {
			_ = s.event("end", wire.Seat{State: string(sub.State), Why: a.Desk.Ended(sub)})
			return nil
		}
		if !s.pause(pollEvery, nil) {
			return nil
		}
		if w, sub, err = a.Desk.Seat(ctx, who, id); err != nil {
			return nil // a steward watches what is open
		}
	}
	defer w.Watch(string(who.User))()
	life := time.Now().Add(streamLife)
	for checked := time.Now(); time.Now().Before(life); {
		v := w.See(s.from)
		if s.show(v) != nil {
			return nil
		}
		if v.Ended {
			a.ending(ctx, s, who, id, v.Why)
			return nil
		}
		if !s.pause(beatEvery, v.Next) {
			return nil
		}
		if time.Since(checked) > 2*time.Second { // a right that ends, ends the sight
			checked = time.Now()
			if sub, err := a.Desk.Workspace(ctx, who, id); err != nil || sub.State.Terminal() {
				a.ending(ctx, s, who, id, v.Why)
				return nil
			}
		}
	}
	return nil
}

// ending tells how it ended, once that is settled.
func (a *API) ending(ctx context.Context, s *seat, who aihub.Actor, id aihub.SubmissionID, why aihub.Text) {
	for range 60 {
		sub, err := a.Desk.Workspace(ctx, who, id)
		if err != nil {
			return
		}
		if sub.State.Terminal() {
			if why.IsZero() || sub.State == aihub.SubmissionFailed {
				why = a.Desk.Ended(sub)
			}
			_ = s.event("end", wire.Seat{State: string(sub.State), Why: why})
			return
		}
		if !s.pause(pollEvery, nil) {
			return
		}
	}
}

// afterOf reads how much of a stream is known.
func afterOf(c *gin.Context) (int64, error) {
	after := int64(0)
	for _, s := range []string{c.GetHeader("Last-Event-ID"), c.Query("after")} {
		if s == "" {
			continue
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return 0, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "after: a sequence number from 0", ZH: "after 应为不小于 0 的序号"})
		}
		after = max(after, n)
	}
	return after, nil
}

// seat is one stream.
type seat struct {
	c        *gin.Context
	from     int64
	watching []string
}

func (s *seat) event(name string, v wire.Seat) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.c.Writer, "event: %s\ndata: %s\n\n", name, b); err != nil {
		return err
	}
	s.c.Writer.Flush()
	return nil
}

func (s *seat) show(v sandbox.Screen) error {
	if !slices.Equal(v.Watching, s.watching) {
		s.watching = v.Watching
		if err := s.event("watching", wire.Seat{Watching: v.Watching}); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(v.Bytes, 32<<10) {
		v.From += int64(len(part))
		if _, err := fmt.Fprintf(s.c.Writer, "id: %d\nevent: screen\ndata: %s\n\n", v.From, base64.StdEncoding.EncodeToString(part)); err != nil {
			return err
		}
	}
	s.from = v.From
	s.c.Writer.Flush()
	return nil
}

// pause waits for something new, or says after a while that the stream lives;
// false when nobody reads it any more.
func (s *seat) pause(d time.Duration, next <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.c.Request.Context().Done():
		return false
	case <-next:
		return true
	case <-t.C:
		_, err := io.WriteString(s.c.Writer, ":\n\n")
		s.c.Writer.Flush()
		return err == nil
	}
}
