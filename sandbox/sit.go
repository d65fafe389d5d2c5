package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"aihub"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/scenarios"
)

// sit opens the workspace of l and waits for its end. What was shown and typed
// is kept as the run's log, also of one that is cancelled.
func (o *Orchestrator) sit(ctx context.Context, l *store.Lease, dir string, spec scenarios.Spec, img oci.Image, rootfs string) (out store.Outcome, err error) {
	run := l.Run()
	r, ok := o.Runner.(Interactive)
	if !ok || o.Workspaces == nil || spec.Workspace == nil || spec.Train == nil {
		return out, broken(errors.New("it offers no workspace, or this machine has none"))
	}
	shell, err := findShell(rootfs)
	if err != nil {
		return out, err
	}
	j := job(dir, spec)
	j.ID, j.Rootfs, j.Image, j.Hidden = string(run.ID), rootfs, run.Image, true
	j.Args, j.Dir, j.Collect, j.Whole = []string{shell}, "/output", nil, true
	j.Limits = spec.Train.Limits
	j.Limits.Wall = spec.Workspace.Wall
	j.Env = append(append(append([]string{}, workspaceEnv...), img.Env...), append(j.Env, "TERM=xterm-256color")...)

	now := o.Workspaces.clock()
	record, err := newRecorder(filepath.Join(dir, "session.cast"), run.Scenario.String()+" "+string(run.Submission), 4*int64(spec.Workspace.Screen)+1<<20, now)
	if err != nil {
		return out, err
	}
	defer record.file.Close()
	defer func() { // also of a session that was cut off: what was seen was seen
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		log, failed := o.put(keep, l, record.file.Name())
		if failed != nil {
			err = errors.Join(err, failed)
			return
		}
		out.Log = log
	}()
	if err := o.DB.Advance(ctx, l, aihub.RunRunning); err != nil {
		return out, err
	}
	w := newWorkspace(*spec.Workspace, now, record)
	defer w.Close(aihub.Text{EN: "the workspace is over", ZH: "工作区已结束"})
	defer o.Workspaces.add(run.Submission, w)()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go w.idle(watching)
	// Whoever closes it, it is hung up and not killed, so that what it used is known.
	open, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() {
		w.Close(aihub.Text{EN: "the workspace was closed", ZH: "工作区已关闭"})
		time.AfterFunc(hangUp, end)
	})()
	res, err := r.Interact(open, j, w.terminal())
	if err != nil {
		return out, err
	}
	if ctx.Err() != nil {
		return store.Outcome{Usage: res.Usage, Posture: res.Posture}, ctx.Err()
	}
	if res.Failure.Reason == aihub.ReasonTimeout { // as long as it may be
		w.Close(aihub.Text{
			EN: "the workspace was open for " + time.Duration(spec.Workspace.Wall).String() + ", the longest that its scenario allows",
			ZH: "工作区已开放 " + time.Duration(spec.Workspace.Wall).String() + "，达到场景规定的最长时间",
		})
		res.Failure = aihub.Failure{}
	}
	if err := o.DB.Advance(ctx, l, aihub.RunCollecting); err != nil {
		return out, err
	}
	left, failed, err := o.keepFiles(ctx, l, j.Output, res.Failure)
	if err != nil {
		return out, err
	}
	if failed.Reason == aihub.ReasonOutput {
		w.Close(aihub.Text{EN: "nothing of /output is kept: " + failed.Detail, ZH: "/output 的内容未保存：" + failed.Detail})
		failed = aihub.Failure{}
	}
	res.Usage.LogBytes = w.See(0).From + int64(len(w.See(0).Bytes))
	return store.Outcome{Usage: res.Usage, Posture: res.Posture, Failure: failed, Model: left}, nil
}

// keepFiles seals what a workspace left in dir, so that its release can be asked
// for. That there is nothing is no failure; what is no plain file is one of output.
func (o *Orchestrator) keepFiles(ctx context.Context, l *store.Lease, dir string, failed aihub.Failure) (store.Sealed, aihub.Failure, error) {
	if failed != (aihub.Failure{}) {
		return store.Sealed{}, failed, nil
	}
	left, err := o.seal(ctx, l, dir)
	if f := (*failure)(nil); errors.As(err, &f) {
		if f.Reason == aihub.ReasonNoOutput {
			return store.Sealed{}, aihub.Failure{}, nil
		}
		return store.Sealed{}, f.Failure, nil
	}
	return left, aihub.Failure{}, err
}

// hangUp is how long a workspace that is closed may take to end by itself.
const hangUp = 3 * time.Second

func (w *Workspaces) clock() func() time.Time {
	if w.Now != nil {
		return w.Now
	}
	return time.Now
}

// workspaceEnv is what a shell needs to show text in any language; the image may
// say otherwise.
var workspaceEnv = []string{"LANG=C.UTF-8"}

// shells are looked for in this order.
var shells = []string{"/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/ash", "/busybox/sh", "/bin/busybox"}

// findShell returns the shell of an image.
func findShell(rootfs string) (string, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, s := range shells {
		if fi, err := inImage(root, s); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return s, nil
		}
	}
	return "", fail(aihub.FaultVendor, aihub.ReasonStart, fmt.Errorf("the image holds no shell: a workspace needs one of %s", strings.Join(shells, ", ")))
}

// inImage finds a path as a program in the image does: links, also those that
// begin at the root, lead within the image.
func inImage(root *os.Root, name string) (fs.FileInfo, error) {
	for left, at, todo := 40, "/", name; ; {
		todo = strings.TrimLeft(todo, "/")
		if todo == "" {
			return root.Lstat(strings.TrimPrefix(at, "/"))
		}
		first, rest, _ := strings.Cut(todo, "/")
		next := path.Join(at, first)
		if next == "/" {
			at, todo = "/", rest
			continue
		}
		to, err := root.Readlink(strings.TrimPrefix(next, "/"))
		if err != nil { // no link
			if _, err := root.Lstat(strings.TrimPrefix(next, "/")); err != nil {
				return nil, err
			}
			at, todo = next, rest
			continue
		}
		if left--; left == 0 {
			return nil, errors.New("too many links")
		}
		if path.IsAbs(to) {
			at = "/"
		}
		todo = to + "/" + rest
	}
}
