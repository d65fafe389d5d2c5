package server_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"aihub"
	"aihub/internal/oci"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/sandbox/gvisor"
	"aihub/sandbox/runnertest"
	"aihub/server/wire"
)

const opened = "\nworkspace: {idle: 2m, wall: 10m}\n"

// seats opens a scenario with workspaces, and has its own sandboxes work for it.
func seats(t *testing.T) (*world, aihub.Scenario, wire.Image) {
	t.Helper()
	w := newWorld(t)
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch", "\nlimits:", opened+"\nlimits:")
	w.as("vendor").enrol(sc)
	shell, err := os.ReadFile(runnertest.Guest(t))
	w.must(err)
	var b bytes.Buffer
	w.must(oci.Build(&b, oci.Config{Entrypoint: []string{"/bin/sh"}}, []oci.File{{Name: "bin/sh", Mode: 0o755, Content: shell}}))
	img, err := w.as("vendor").UploadImage(t.Context(), &b, nil)
	w.must(err)
	dir := t.TempDir()
	o := &sandbox.Orchestrator{
		DB: w.db, Blobs: w.blobs, Images: &oci.Cache{Dir: filepath.Join(dir, "images")}, Runner: gvisor.New(filepath.Join(dir, "run")),
		Dir: filepath.Join(dir, "work"), Worker: "tester", TTL: 2 * time.Second, Workspaces: w.terminals,
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Work(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w, sc, img
}

// visitor sits at a workspace.
type visitor struct {
	t     *testing.T
	p     person
	id    aihub.SubmissionID
	shown chan string
	told  chan string
	end   chan wire.Seat
	all   string
}

func (w *world) sit(p person, sc aihub.Scenario, img wire.Image) *visitor {
	w.t.Helper()
	sub, err := p.OpenWorkspace(w.t.Context(), sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.must(err)
	v := &visitor{t: w.t, p: p, id: sub.ID}
	v.look(p)
	return v
}

// look follows the screen until it ends.
func (v *visitor) look(p person) {
	v.shown, v.told, v.end = make(chan string, 10_000), make(chan string, 100), make(chan wire.Seat, 1)
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Minute)
	go func() {
		defer cancel()
		_ = p.Screen(ctx, v.id, func(b []byte) error { v.shown <- string(b); return nil }, func(event string, s wire.Seat) {
			switch event {
			case "end":
				v.end <- s
			case "watching":
				v.told <- strings.Join(s.Watching, ",")
			}
		})
	}()
}

func (v *visitor) see(want string) {
	v.t.Helper()
	late := time.After(time.Minute)
	for !strings.Contains(v.all, want) {
		select {
		case s := <-v.shown:
			v.all += s
		case e := <-v.end:
			v.t.Fatalf("never shown: %q; it ended: %+v\n%s", want, e, v.all)
		case <-late:
			v.t.Fatalf("never shown: %q\n%s", want, v.all)
		}
	}
}

func (v *visitor) ended() wire.Seat {
	v.t.Helper()
	select {
	case e := <-v.end:
		return e
	case <-time.After(time.Minute):
		v.t.Fatal("it does not end")
		return wire.Seat{}
	}
}

// The whole way through HTTP with a real sandbox: who may sit, watch and close,
// coming back, and what is kept.
func TestWorkspace(t *testing.T) {
	w, sc, img := seats(t)
	ctx := t.Context()
	vendor, rival, steward, operator := w.as("vendor"), w.as("rival"), w.as("steward"), w.as("operator")
	_, err := rival.OpenWorkspace(ctx, sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.want(aihub.Refused, err)
	v := w.sit(vendor, sc, img)
	v.see("ready ")
	n, err := vendor.Type(ctx, v.id, 0, []byte("say 你好\n"))
	w.must(err)
	v.see(`you said "你好"`)
	// What comes twice is taken once, what comes too early not at all.
	again, err := vendor.Type(ctx, v.id, 0, []byte("say 你好\n"))
	w.must(err)
	if again != n {
		t.Errorf("typed %d bytes, then %d", n, again)
	}
	_, err = vendor.Type(ctx, v.id, n+1, []byte("x"))
	w.want(aihub.Conflict, err)
	_, err = vendor.Type(ctx, v.id, n, make([]byte, 16<<10+1))
	w.want(aihub.Invalid, err)
	w.must(vendor.ResizeWorkspace(ctx, v.id, wire.Window{Cols: 70, Rows: 22}))
	v.see("window [22 70]")

	// Nobody else types, sees or ends it; the steward sees, and that is told and in the ledger.
	_, err = rival.Type(ctx, v.id, n, []byte("x"))
	w.want(aihub.NotFound, err)
	if _, none := rival.Type(ctx, "sub_aaaaaaaaaaaaaaaa", n, []byte("x")); strings.ReplaceAll(none.Error(), "sub_aaaaaaaaaaaaaaaa", string(v.id)) != err.Error() {
		t.Errorf("another's workspace answers %q, none %q", err, none)
	}
	_, err = steward.Type(ctx, v.id, n, []byte("x"))
	w.want(aihub.Refused, err)
	w.want(aihub.NotFound, rival.CloseWorkspace(ctx, v.id, ""))
	w.want(aihub.Refused, w.as("reviewer").CloseWorkspace(ctx, v.id, ""))
	watching := &visitor{t: t, p: steward, id: v.id}
	watching.look(steward)
	watching.see(`you said "你好"`)
	for who := ""; !strings.Contains(who, "steward"); {
		select {
		case who = <-v.told:
		case <-time.After(time.Minute):
			t.Fatal("nobody was told that the steward watches")
		}
	}
	err = w.as("reviewer").Screen(ctx, v.id, nil, nil)
	w.want(aihub.Refused, err)

	// Coming back shows what was shown.
	back := &visitor{t: t, p: vendor, id: v.id}
	back.look(vendor)
	back.see(`you said "你好"`)

	// It is one of two that an organisation may have.
	_, err = vendor.OpenWorkspace(ctx, sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.must(err)
	_, err = vendor.OpenWorkspace(ctx, sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.want(aihub.Quota, err)
	if list, err := operator.Workspaces(ctx); err != nil || len(list) != 2 {
		t.Errorf("an operator sees %d workspaces (%v)", len(list), err)
	}
	if list, err := rival.Workspaces(ctx); err != nil || len(list) != 0 {
		t.Errorf("a rival sees %d workspaces (%v)", len(list), err)
	}
	w.must(operator.CloseWorkspace(ctx, v.id, "maintenance"))
	if e := v.ended(); !strings.Contains(e.Why.EN, "maintenance") || e.State != string(aihub.SubmissionCancelled) {
		t.Errorf("its end: %+v", e)
	}
	w.want(aihub.Conflict, operator.CloseWorkspace(ctx, v.id, "again"))

	// The record is the steward's alone.
	sub, err := steward.Submission(ctx, v.id)
	w.must(err)
	run := sub.Runs[0]
	for end := time.Now().Add(time.Minute); run.Log == "" && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		run, err = steward.Run(ctx, run.ID)
		w.must(err)
	}
	log, err := steward.RunLog(ctx, run.ID)
	w.must(err)
	for _, want := range []string{`"i","say 你好\n"`, `you said`, `"r","70x22"`, `"version":2`} {
		if !strings.Contains(log, want) {
			t.Errorf("the record has no %q:\n%s", want, log)
		}
	}
	_, err = vendor.RunLog(ctx, run.ID)
	w.want(aihub.Refused, err)
	noInternal(t, w)
}

// Where the terminal is in another process, a workspace that is closed is hung up by
// its worker's heartbeat, and costs what it used.
func TestWorkspaceClosedFromAfar(t *testing.T) {
	w, sc, img := seats(t)
	ctx := t.Context()
	vendor := w.as("vendor")
	v := w.sit(vendor, sc, img)
	v.see("ready ")
	w.must(vendor.Cancel(ctx, v.id)) // unlike CloseWorkspace it knows of no terminal
	v.ended()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		sub, err := w.as("steward").Submission(ctx, v.id)
		w.must(err)
		h, err := vendor.Hours(ctx, "")
		w.must(err)
		if run := sub.Runs[0]; run.State == aihub.RunCancelled {
			if run.Usage.WallMS == 0 || h.Reserved != 0 || math.Abs(h.Used*3.6e6-float64(run.Usage.CPUMS)) > 1 {
				t.Errorf("used %+v, charged %+v", run.Usage, h)
			}
			break
		} else if time.Now().After(end) {
			t.Fatalf("it is still %s", run.State)
		}
	}
	noInternal(t, w)
}

// A revoked enrolment ends it.
func TestWorkspaceRevoked(t *testing.T) {
	w, sc, img := seats(t)
	ctx := t.Context()
	vendor := w.as("vendor")
	v := w.sit(vendor, sc, img)
	v.see("ready ")
	all, err := vendor.Enrolments(ctx, sc.Ref.String())
	w.must(err)
	engine, err := policies.New()
	w.must(err)
	permit, err := engine.Authorize(ctx, aihub.Actor{User: "steward", Org: "city-data", Roles: []aihub.Role{aihub.Steward}}, policies.EnrolmentRevoke,
		policies.Object{Kind: "enrolment", ID: string(all[0].ID), Org: "city-data"})
	w.must(err)
	w.must(w.db.RevokeEnrolment(ctx, permit, all[0].ID, "over"))
	v.ended()
	_, err = vendor.Type(ctx, v.id, 0, []byte("x"))
	if aihub.KindOf(err) != aihub.Conflict && aihub.KindOf(err) != aihub.Pending {
		t.Errorf("typing into it: %v", err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, open := w.terminals.Find(v.id); !open {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is still open")
		}
	}
}

// A person with a browser types a command.
func TestWorkspaceInABrowser(t *testing.T) {
	b := openBrowser(t)
	w, sc, img := seats(t)
	sub, err := w.as("vendor").OpenWorkspace(t.Context(), sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.must(err)
	b.look(1280, false)
	b.signIn(w, "vendor")
	b.do(chromedp.Navigate(w.http.URL + "/workspaces/" + string(sub.ID) + "?lang=en"))
	screen := `document.querySelector(".xterm-rows").innerText`
	b.await("the shell", `document.querySelector(".xterm-rows") && `+screen+`.includes("ready")`)
	b.do(chromedp.KeyEvent("say from a browser\r"))
	b.await("its answer", screen+`.includes('you said "from a browser"')`)
	b.await("who watches", `document.getElementById("seat-who").textContent === "vendor"`)
	b.shot("workspace-en-1280")
	b.quiet("workspace")
	// The keyboard gets out again.
	b.do(chromedp.Click(chromedp.CSS("#seat-close")))
	b.await("the end", `location.pathname === "/submissions/`+string(sub.ID)+`"`)
	b.quiet("closed workspace")
	// One that ends by itself leads on, and offers no end any more.
	sub, err = w.as("vendor").OpenWorkspace(t.Context(), sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.must(err)
	b.do(chromedp.Navigate(w.http.URL + "/workspaces/" + string(sub.ID) + "?lang=en"))
	b.await("the second shell", `document.querySelector(".xterm-rows") && `+screen+`.includes("ready")`)
	w.must(w.as("vendor").CloseWorkspace(t.Context(), sub.ID, ""))
	b.await("what comes next", `document.getElementById("seat-after").checkVisibility() && !document.getElementById("seat-close").checkVisibility()`)
	b.quiet("ended workspace")
	noInternal(t, w)
}
