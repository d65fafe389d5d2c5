package gvisor

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/sandbox/runnertest"
)

// BenchmarkHello measures a run from start to finish, with nothing left: in our
// sandbox, by the program that aihub carries, and with docker run and runc on the
// same image. They take turns, so that a busy machine slows all of them.
//
//	deploy/with-docker.sh go test -tags embed -run '^$' -bench Hello ./sandbox/gvisor
func BenchmarkHello(b *testing.B) {
	dir := b.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	runnertest.Rootfs(b, rootfs, runnertest.Guest(b))
	r := New(filepath.Join(dir, "runner"))
	image := dockerImage(b, rootfs)
	n := 0
	ways := map[string]func() error{"gvisor": func() error {
		n++
		j, _ := sleeper(b, filepath.Join(dir, fmt.Sprint(n)), rootfs, strings.ToLower(aihub.NewID("bench")))
		j.Args, j.Collect, j.Log = []string{"/guest", "hello"}, []string{"predictions.csv"}, nil
		res, err := r.Run(context.Background(), j)
		if err == nil && res.Failure.Reason != "" {
			err = fmt.Errorf("%+v", res.Failure)
		}
		return err
	}}
	if image != "" {
		ways["docker"] = func() error {
			return exec.Command("docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65532:65532",
				"--memory", "256m", "--pids-limit", "64", "--tmpfs", "/output:size=4m,mode=1777", image, "/guest", "hello").Run()
		}
	}
	took := map[string][]float64{}
	for name, run := range ways { // once before it counts
		if err := run(); err != nil {
			b.Fatalf("%s: %v", name, err)
		}
	}
	for b.Loop() {
		for name, run := range ways {
			began := time.Now()
			if err := run(); err != nil {
				b.Fatalf("%s: %v", name, err)
			}
			took[name] = append(took[name], float64(time.Since(began).Microseconds())/1000)
		}
	}
	for name, ms := range took {
		sort.Float64s(ms)
		b.ReportMetric(ms[len(ms)/2], name+"-ms")
	}
	if image == "" {
		b.Log("no Docker engine answers: nothing to compare with")
	}
}

// dockerImage imports rootfs into the Docker engine, or returns "".
func dockerImage(b *testing.B, rootfs string) string {
	if exec.Command("docker", "version").Run() != nil {
		return ""
	}
	var t bytes.Buffer
	w := tar.NewWriter(&t)
	if err := w.AddFS(os.DirFS(rootfs)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	name := "aihub-bench:" + strings.TrimPrefix(strings.ToLower(aihub.NewID("x")), "x_")
	cmd := exec.Command("docker", "import", "-", name)
	cmd.Stdin = &t
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	b.Cleanup(func() { _ = exec.Command("docker", "rmi", name).Run() })
	return name
}
