// Package finder asks a detector where faces and plates are in pictures (检测程序).
// A detector is a program of the steward's own machine that is started once: it
// reads a picture's absolute path from a line of its standard input and writes one
// line of JSON to its standard output (see media.ParseAnswer), until its input
// ends. What it writes to standard error is shown when it fails.
//
// It is named on the command line and never in a manifest, for a manifest comes
// from elsewhere and names no programs to run.
package finder

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"aihub"
	"aihub/catalog/media"
)

// Finder is a running detector. It is for one goroutine.
type Finder struct {
	Name    string        // of the program
	Digest  string        // of its file: sha256:…
	Timeout time.Duration // for an answer

	cmd     *exec.Cmd
	in      io.WriteCloser
	out     io.Closer
	lines   chan line
	stderr  *tail
	stop    context.CancelFunc
	stopped context.Context
}

type line struct {
	b    []byte
	more bool // was written with it
	err  error
}

// Start starts the program, which is searched for as a shell does. Close it.
func Start(program string) (*Finder, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, cannotStart(program, err)
	}
	digest, err := digestOf(path)
	if err != nil {
		return nil, cannotStart(program, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	f := &Finder{Name: nameOf(path), Digest: digest, Timeout: time.Minute, cmd: exec.CommandContext(ctx, path),
		lines: make(chan line), stderr: &tail{}, stop: stop, stopped: ctx}
	f.cmd.Stderr, f.cmd.WaitDelay = f.stderr, 5*time.Second
	inGroup(f.cmd)
	f.in, err = f.cmd.StdinPipe()
	out, oerr := f.cmd.StdoutPipe()
	if err = errors.Join(err, oerr); err == nil {
		err = f.cmd.Start()
	}
	if err != nil {
		stop()
		return nil, cannotStart(program, err)
	}
	f.out = out
	go func() {
		defer close(f.lines)
		r := bufio.NewReaderSize(out, media.MaxAnswer+1)
		for {
			b, err := r.ReadSlice('\n')
			select {
			case f.lines <- line{bytes.Clone(b), r.Buffered() > 0, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return f, nil
}

// Find returns what the detector finds in the picture at path. After an error the
// Finder is of no use.
func (f *Finder) Find(ctx context.Context, path string) ([]media.FoundBox, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(path, "\r\n") {
		return nil, f.fault(path, errors.New("its path has a line break"))
	}
	select {
	case l, ok := <-f.lines: // an answer to nothing would be taken for this picture's
		if ok && l.err == nil {
			return nil, f.fault(path, errors.New("it wrote a line before it was asked"))
		}
		return f.answer(path, l, ok)
	default:
	}
	timer := time.NewTimer(f.Timeout)
	defer timer.Stop()
	asked := make(chan error, 1)
	go func() {
		_, err := io.WriteString(f.in, path+"\n")
		asked <- err
	}()
	var boxes []media.FoundBox
	for lines := f.lines; ; {
		select {
		case l, ok := <-lines:
			if boxes, err = f.answer(path, l, ok); err != nil {
				return nil, err
			}
			lines = nil
		case err := <-asked:
			if err != nil && lines == nil {
				return nil, f.fault(path, err)
			}
			asked = nil // a program that ended says more by its output
		case <-timer.C:
			f.Kill()
			if lines == nil {
				return nil, f.fault(path, fmt.Errorf("it did not read the path in %s", f.Timeout))
			}
			return nil, f.fault(path, fmt.Errorf("no answer after %s", f.Timeout))
		case <-ctx.Done():
			f.Kill()
			return nil, ctx.Err()
		}
		if lines == nil && asked == nil {
			return boxes, nil
		}
	}
}

// answer reads a line of the detector, or that there is none.
func (f *Finder) answer(path string, l line, ok bool) ([]media.FoundBox, error) {
	if !ok || l.err == io.EOF {
		f.Kill() // what it wrote to standard error is whole then
		return nil, f.fault(path, errors.New("it ended without an answer"))
	}
	if errors.Is(l.err, bufio.ErrBufferFull) {
		l.err = fmt.Errorf("its answer is longer than %d bytes", media.MaxAnswer)
	}
	if l.err == nil && l.more {
		l.err = errMore
	}
	if l.err != nil {
		return nil, f.fault(path, l.err)
	}
	boxes, err := media.ParseAnswer(l.b, path)
	if err != nil {
		return nil, f.fault(path, err)
	}
	return boxes, nil
}

var errMore = errors.New("it wrote more lines than it was asked for")

// Close ends the detector: its input ends, and a while later it is killed. That it
// has said more than it was asked is a fault: answers may be of other pictures.
func (f *Finder) Close() error { return f.end(5 * time.Second) }

// Kill ends it in a second, when it does not end by itself.
func (f *Finder) Kill() { _ = f.end(time.Second) }

func (f *Finder) end(after time.Duration) error {
	f.in.Close()
	late := time.AfterFunc(after, f.kill)
	defer late.Stop()
	more := false
	for l := range f.lines {
		if len(bytes.TrimSpace(l.b)) > 0 {
			more = true
			f.kill()
		}
	}
	err := f.cmd.Wait()
	killed := f.stopped.Err() != nil
	f.stop()
	switch {
	case more:
		return f.fault("", errMore)
	case killed:
		return f.fault("", fmt.Errorf("it did not end in %s when its input did", after))
	case err != nil:
		return f.fault("", err)
	}
	return nil
}

// kill ends the program and those that it started, and no longer listens: one that
// escaped may hold its output open.
func (f *Finder) kill() {
	f.stop()
	f.out.Close()
}

func (f *Finder) fault(path string, err error) error {
	said := strings.TrimSpace(string(f.stderr.last()))
	if said != "" {
		said = "\n" + said
	}
	of := ""
	if path != "" {
		of = filepath.Base(path) + ": "
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("the detector %s failed: %s%v%s", f.Name, of, err, said), ZH: fmt.Sprintf("检测程序 %s 失败：%s%v%s", f.Name, of, err, said)}).
		WithHint(aihub.Text{EN: `try it by hand: echo /path/of/a/picture.jpg | PROGRAM; it answers one line: {"boxes": [{"x": 1, "y": 2, "w": 30, "h": 40, "kind": "face"}]}`,
			ZH: `请手工试运行：echo /图片/路径.jpg | 程序；应输出一行：{"boxes": [{"x": 1, "y": 2, "w": 30, "h": 40, "kind": "face"}]}`}).Because(err)
}

func cannotStart(program string, err error) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("the detector %s cannot be started: %v", program, err), ZH: fmt.Sprintf("检测程序 %s 无法启动：%v", program, err)}).
		WithHint(aihub.Text{EN: "name a program of this machine that may be executed, by its path", ZH: "请写出本机一个可执行程序的路径"}).Because(err)
}

// nameOf is a program's name as a record keeps it: of few characters.
func nameOf(path string) string {
	name := strings.Map(func(r rune) rune {
		if r > '~' || r <= ' ' || strings.ContainsRune("`<>|*[]", r) {
			return '_'
		}
		return r
	}, filepath.Base(path))
	return name[:min(len(name), 100)]
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}
