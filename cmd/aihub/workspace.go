package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"aihub"
	"aihub/internal/screen"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// leave is the key that leaves a workspace open and goes: Ctrl-].
const leave = 0x1d

func (p *process) workspaceCmd() *cobra.Command {
	var image, name, attach string
	c := p.verb("workspace SCENARIO", "seat.short", cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == (attach != "") || (attach == "") != (image != "") {
			return usageError{errors.New(p.t("seat.usage", "Path", cmd.CommandPath()))}
		}
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			id := aihub.SubmissionID(attach)
			if id == "" {
				img, err := p.bringImage(ctx, c, image)
				if err != nil {
					return err
				}
				sub, err := c.OpenWorkspace(ctx, args[0], wire.NewWorkspace{Image: img.Digest, Name: name, Nonce: rand.Text()})
				if err != nil {
					return err
				}
				id = sub.ID
			}
			return p.sit(ctx, c, id)
		})
	})
	c.Flags().StringVar(&image, "image", "", p.t("registry.flag.image"))
	c.Flags().StringVar(&name, "name", "", p.t("seat.flag.name"))
	c.Flags().StringVar(&attach, "attach", "", p.t("seat.flag.attach"))
	list := p.verb("list", "seat.list", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			all, err := c.Workspaces(ctx)
			if err != nil {
				return err
			}
			return p.data(all, func() {
				var rows [][]string
				for _, s := range all {
					rows = append(rows, []string{string(s.ID), s.Scenario.String(), string(s.Org), string(s.User), s.Name, s.CreatedAt.Local().Format(time.DateTime)})
				}
				p.table([]string{"WORKSPACE", "SCENARIO", "ORG", "USER", "NAME", "SINCE"}, rows)
			})
		})
	})
	var reason string
	closing := p.verb("close WORKSPACE", "seat.close", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.CloseWorkspace(ctx, aihub.SubmissionID(args[0]), reason); err != nil {
				return err
			}
			return p.data(map[string]any{"closed": args[0]}, func() { p.say("seat.closed", "ID", args[0]) })
		})
	})
	closing.Flags().StringVar(&reason, "reason", "", p.t("seat.flag.reason"))
	c.AddCommand(list, closing)
	c.AddCommand(p.takeoutCmds()...)
	return c
}

// sit puts this terminal in front of a workspace until it is over or left.
func (p *process) sit(ctx context.Context, c *client.Client, id aihub.SubmissionID) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.note("seat.waiting", "ID", string(id))
	restore, err := p.raw()
	if err != nil {
		return err
	}
	defer restore()

	s := &seated{p: p, c: c, id: id, open: make(chan int64, 1)}
	var working sync.WaitGroup
	working.Go(func() { s.follow(ctx) })
	go s.keys(ctx, cancel) // reading the keyboard cannot be ended
	err = c.Screen(ctx, id, s.show, s.tell)
	cancel(nil)
	working.Wait()
	restore()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errLeft):
		p.note("seat.left", "ID", string(id))
		return p.data(map[string]any{"left": id}, func() {})
	case cause != nil && !errors.Is(cause, context.Canceled) && err != nil:
		return cause
	case err != nil && !s.over:
		return err
	}
	fmt.Fprintln(p.Err)
	p.note("seat.over", "Why", printable(s.end.Why.In(p.lang)))
	v, err := c.Submission(context.WithoutCancel(ctx), id)
	if err != nil {
		return err
	}
	if v.State == aihub.SubmissionCancelled && v.Fault.Owner == aihub.FaultPolicy {
		return aihub.Errorf(aihub.Refused, aihub.Text{EN: "the workspace was closed for you, or your enrolment revoked", ZH: "工作区已被他人关闭，或揭榜已被撤销"})
	}
	if v.State == aihub.SubmissionTried {
		p.note("seat.after", "ID", string(id))
	}
	return p.outcome(v)
}

var errLeft = errors.New("left")

// raw hands every key to us; restore may be called twice.
func (p *process) raw() (restore func(), err error) {
	restore = func() {}
	f, ok := p.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return restore, nil
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return restore, fmt.Errorf("preparing the terminal: %w", err)
	}
	screen := rawScreen(p.Out)
	return sync.OnceFunc(func() { screen(); _ = term.Restore(int(f.Fd()), before) }), nil
}

// window is the size of this terminal, none when it is no terminal.
func (p *process) window() wire.Window {
	for _, v := range []any{p.Out, p.In} {
		if f, ok := v.(*os.File); ok {
			if cols, rows, err := term.GetSize(int(f.Fd())); err == nil && cols > 1 && rows > 1 {
				return wire.Window{Cols: uint16(min(cols, 1000)), Rows: uint16(min(rows, 1000))}
			}
		}
	}
	return wire.Window{}
}

// seated is this terminal in front of a workspace.
type seated struct {
	p      *process
	c      *client.Client
	id     aihub.SubmissionID
	filter screen.Filter // the server's answer is not trusted either
	seen   sync.Once
	open   chan int64 // how much was typed when the workspace was open
	at     int64
	over   bool
	end    wire.Seat
}

func (s *seated) show(b []byte) error {
	_, err := s.p.Out.Write(s.filter.Append(nil, b))
	return err
}

func (s *seated) tell(event string, v wire.Seat) {
	switch event {
	case "seat":
		s.at = v.At
		s.seen.Do(func() { fmt.Fprintf(s.p.Err, "%s\r\n%s\r\n", printable(v.Notice.In(s.p.lang)), s.p.t("seat.keys")) })
	case "watching":
		select { // somebody watches: it is open
		case s.open <- s.at:
		default:
		}
		for _, who := range v.Watching {
			fmt.Fprintf(s.p.Err, "[%s]\r\n", s.p.t("seat.watching", "User", printable(who)))
		}
	case "end":
		s.over, s.end = true, v
	}
}

// follow tells the size of the window whenever it changes.
func (s *seated) follow(ctx context.Context) {
	var told wire.Window
	for t := time.NewTicker(500 * time.Millisecond); ; {
		if w := s.p.window(); w != told && w.Cols > 0 {
			if s.c.ResizeWorkspace(ctx, s.id, w) == nil {
				told = w
			}
		}
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// keys passes on what is typed, in order and once, also over a connection that breaks.
func (s *seated) keys(ctx context.Context, cancel context.CancelCauseFunc) {
	var at int64
	select {
	case at = <-s.open:
	case <-ctx.Done():
		return
	}
	buf := make([]byte, 8<<10)
	for {
		n, err := s.p.In.Read(buf)
		for i, b := range buf[:n] {
			if b == leave {
				n, err = i, errLeft
				break
			}
		}
		for failed := 0; n > 0; failed++ {
			typed, failure := s.c.Type(ctx, s.id, at, buf[:n])
			if failure == nil {
				at = typed
				break
			}
			kind := aihub.KindOf(failure)
			if ctx.Err() != nil || kind == aihub.Conflict || kind == aihub.Pending {
				return // it is over: the screen says why
			}
			if kind != aihub.Unavailable && kind != aihub.Quota || failed > 20 {
				cancel(failure)
				return
			}
			time.Sleep(300 * time.Millisecond)
		}
		switch {
		case errors.Is(err, errLeft):
			cancel(errLeft)
			return
		case errors.Is(err, io.EOF): // of a file or pipe: the workspace goes on to its end
			return
		case err != nil:
			cancel(err)
			return
		}
	}
}
