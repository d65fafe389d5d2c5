//go:build unix

package finder

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A script's own program hangs and holds the script's output: both end with the
// wait for an answer, or with the caller's.
func TestFindWrapped(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		fifo, script := filepath.Join(t.TempDir(), "held"), filepath.Join(t.TempDir(), "detector")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		held, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		text := "#!/bin/sh\nexec 3>" + fifo + "\nread p; echo '{\"boxes\":[]}'\nread p; sleep 3600; echo late\n"
		if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := Start(script)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Find(t.Context(), "a.jpg"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if canceled {
			time.AfterFunc(200*time.Millisecond, cancel)
		} else {
			f.Timeout = 200 * time.Millisecond
		}
		_, err = f.Find(ctx, "b.jpg")
		if canceled && err != context.Canceled || !canceled && (err == nil || !strings.Contains(err.Error(), "no answer after")) {
			t.Error(err)
		}
		// Its end of the pipe is closed once sleep has ended.
		if err := held.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(held); err != nil || len(b) > 0 {
			t.Errorf("what the script started still runs a minute later: %q, %v", b, err)
		}
	}
}
