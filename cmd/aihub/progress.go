package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"aihub/server/wire"
)

// bar shows progress of one long request on stderr: a line that rewrites itself
// on a terminal, one line a stage elsewhere, nothing with --json.
type bar struct {
	p     *process
	stage string
	start time.Time // of the stage
	last  time.Time
	open  bool
}

func (p *process) progress() *bar { return &bar{p: p} }

func (b *bar) show(x wire.Progress) {
	if b.p.json || x.Stage == "" {
		return
	}
	now := b.p.Now()
	if x.Stage == b.stage && (!b.p.TTY || now.Sub(b.last) < 100*time.Millisecond && x.Done != x.Total) {
		return
	}
	if x.Stage != b.stage {
		b.start = now
	}
	name := b.p.t("cli.stage." + x.Stage)
	if !b.p.TTY {
		fmt.Fprintln(b.p.Err, name)
	} else {
		if x.Stage != b.stage && b.open {
			fmt.Fprintln(b.p.Err)
		}
		fmt.Fprintf(b.p.Err, "\r\x1b[K%s  %s%s", name, count(x), rate(x.Done, now.Sub(b.start)))
		b.open = true
	}
	b.stage, b.last = x.Stage, now
}

func (b *bar) end() {
	if b.open {
		fmt.Fprintln(b.p.Err)
	}
}

func count(x wire.Progress) string {
	if x.Total > 0 {
		return fmt.Sprintf("%d / %d (%d%%)", x.Done, x.Total, 100*x.Done/x.Total)
	}
	return fmt.Sprint(x.Done)
}

// rate says how fast a stage of at least a second is: rows or bytes a second.
func rate(done int64, d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return fmt.Sprintf("  %.0f/s", float64(done)/d.Seconds())
}

// rootCause returns the last words of an operating system error.
func rootCause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
