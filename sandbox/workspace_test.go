package sandbox

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aihub"
	"aihub/scenarios"
)

// handClock is a Now that a test moves.
type handClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *handClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func seated(t *testing.T, limits scenarios.Workspace) (*Workspace, *handClock) {
	c := &handClock{t: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	r, err := newRecorder(filepath.Join(t.TempDir(), "session.cast"), "test", 64<<20, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.file.Close() })
	return newWorkspace(limits, c.now, r), c
}

// Nobody typing for as long as the spec says closes a workspace, and no sooner:
// a key puts it off, what the program shows does not.
func TestIdle(t *testing.T) {
	t.Parallel()
	w, c := seated(t, scenarios.Workspace{Idle: scenarios.Duration(time.Minute), Screen: 1 << 20})
	over := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c.pass(59 * time.Second)
	if _, err := w.Type(0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	c.pass(59 * time.Second) // 118 s since it opened, 59 s since a key
	go func() { w.idle(ctx); close(over) }()
	if _, err := w.Write([]byte("busy")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-over:
		t.Fatal("closed while somebody had typed")
	case <-time.After(50 * time.Millisecond): // it has looked at least once
	}
	c.pass(time.Second)
	select {
	case <-over:
	case <-ctx.Done():
		t.Fatal("never closed: waited 30 s for a look at the clock each second")
	}
	if v := w.See(0); !v.Ended || !strings.Contains(v.Why.EN, "nobody typed anything for 1m0s") || !strings.Contains(v.Why.ZH, "1m0s") {
		t.Errorf("%+v", v)
	}
	if _, err := w.Type(1, []byte("y")); aihub.KindOf(err) != aihub.Conflict {
		t.Errorf("typed after the end: %v", err)
	}
	if _, err := w.keys.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the program's input does not end: %v", err)
	}
}

// Of what is typed at most 64 KiB wait for a program that does not read; what is refused
// counts as not typed, and is taken when there is room.
func TestKeysHaveABound(t *testing.T) {
	t.Parallel()
	w, _ := seated(t, scenarios.Workspace{Idle: scenarios.Duration(time.Hour), Screen: 1 << 20})
	if n, err := w.Type(0, make([]byte, maxKeys)); n != 64<<10 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := w.Type(maxKeys, []byte("x")); n != maxKeys || aihub.KindOf(err) != aihub.Quota || w.Typed() != maxKeys {
		t.Errorf("one more: typed %d, %v", n, err)
	}
	if _, err := io.ReadFull(&w.keys, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Type(maxKeys, []byte("x")); n != maxKeys+1 || err != nil {
		t.Errorf("when one was read: typed %d, %v", n, err)
	}
}

// A program shows at most a burst, and then 64 KiB a second, whatever it writes;
// beyond the spec's screen it shows nothing more.
func TestScreenRate(t *testing.T) {
	t.Parallel()
	const tenth = rateScreen / 10
	w, c := seated(t, scenarios.Workspace{Idle: scenarios.Duration(time.Hour), Screen: burst + 2*tenth})
	if n, err := w.Write([]byte(strings.Repeat("a", burst))); n != burst || err != nil {
		t.Fatal(n, err)
	}
	begun := time.Now()
	if _, err := w.Write([]byte(strings.Repeat("b", tenth))); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("a tenth of a second's bytes beyond the burst took %s", took)
	}
	c.pass(time.Hour) // rest gives a burst back, and no more than one
	begun = time.Now()
	if _, err := w.Write([]byte(strings.Repeat("c", tenth))); err != nil || time.Since(begun) > 10*time.Second {
		t.Fatal(err, time.Since(begun))
	}
	if got, want := w.due.Sub(c.now()), -(burst-tenth)*time.Second/rateScreen; (got - want).Abs() > time.Microsecond {
		t.Errorf("after a rest of an hour it is %s ahead, want %s", got, want)
	}
	if v := w.See(0); len(v.Bytes) != burst+2*tenth || v.Ended {
		t.Errorf("%d bytes shown", len(v.Bytes))
	}
	if _, err := w.Write([]byte("d")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("beyond the screen: %v", err)
	}
	if v := w.See(0); len(v.Bytes) != burst+2*tenth || !v.Ended || !strings.Contains(v.Why.EN, "shown as much") {
		t.Errorf("%d bytes shown, %+v", len(v.Bytes), v.Why)
	}
	// A program that waits for its turn is let go when the workspace ends.
	late, _ := seated(t, scenarios.Workspace{Idle: scenarios.Duration(time.Hour), Screen: 1 << 30})
	done := make(chan error, 1)
	go func() { _, err := late.Write(make([]byte, burst+100*rateScreen)); done <- err }() // 100 s
	time.Sleep(20 * time.Millisecond)
	late.Close(aihub.Text{EN: "over", ZH: "结束"})
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("a program still waits 30 s after the end")
	}
}
