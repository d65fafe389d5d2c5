package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aihub/catalog"
	"aihub/catalog/leaktest"
	"aihub/internal/embedded"
	"aihub/internal/keys"
	"aihub/scenarios/packs"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

const chaosServer = "AIHUB_TEST_CHAOS_SERVER" // set: this process is the server that TestChaos kills

func TestMain(m *testing.M) {
	dispatch()
	if os.Getenv(chaosServer) != "" { // it is killed, and would leave what scripts need
		os.Exit(m.Run())
	}
	testscript.Main(m, map[string]func(){"aihub": main})
}

// TestScript plays testdata/script as a person at a terminal. Each script has a
// server of its own to start, in a data directory of its own.
func TestScript(t *testing.T) {
	p := script()
	p.Dir = "testdata/script"
	testscript.Run(t, p)
}

// script is what every script has.
func script() testscript.Params {
	return testscript.Params{
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			addr := freeAddress("127.0.0.1:0")
			e.Setenv("AIHUB_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("AIHUB_LISTEN", addr)
			e.Setenv("AIHUB_SERVER", "http://"+addr)
			e.Setenv("AIHUB_CREDENTIALS", filepath.Join(e.WorkDir, "credentials.json"))
			e.Setenv("AIHUB_LANG", "en")
			e.Setenv("AIHUB_OPERATOR_PASSWORD", "operator-secret")
			e.Setenv("HOME", e.WorkDir)
			repo, err := filepath.Abs("../..")
			e.Setenv("REPO", repo)
			return err
		},
		Cmds: commands,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "engine":
				return hasEngine(), nil
			case "embedded": // the sandbox program is ours, with our edits of gVisor
				return embedded.Linked, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	}
}

// commands are what scripts can use beside testscript's own.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"code": cmdCode, "server": cmdServer, "people": cmdPeople, "pack": cmdPack,
	"algorithm": cmdAlgorithm, "program": cmdProgram, "flipbyte": cmdFlipByte, "jsonget": cmdJSONGet,
	"hostiletar": cmdHostileTar, "fetch": cmdFetch, "until": cmdUntil, "scorerspec": cmdScorerSpec, "scorerun": cmdScoreRun, "leakaudit": cmdLeakAudit, "visits": cmdVisits,
}

// code N CMD...: the command must exit with N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg {
		ts.Fatalf("usage: code N command")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// leakaudit RAW MANIFEST SCOPE FILE...: no raw value that the manifest masks stands in
// what was masked under the server's key for SCOPE.
func cmdLeakAudit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: leakaudit RAW MANIFEST SCOPE FILE...")
	}
	m, err := catalog.ParseManifest([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	ring, err := keys.Open(filepath.Join(ts.Getenv("AIHUB_HOME"), "keys", "root.key"))
	ts.Check(err)
	raw, err := leaktest.File(m.Mask, ring.Derive("mask", args[2]), ts.MkAbs(args[0]), m.Types)
	ts.Check(err)
	if raw.Len() < 100 {
		ts.Fatalf("only %d raw values are looked for", raw.Len())
	}
	for _, name := range args[3:] {
		b, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		found, err := raw.In(b)
		ts.Check(err)
		for _, f := range found[:min(len(found), 5)] {
			ts.Logf("%s, %s", name, f)
		}
		if len(found) > 0 {
			ts.Fatalf("%s: %d raw values", name, len(found))
		}
	}
}

// server [kill]: starts aihub serve and waits until it answers, or kills it with SIGKILL.
func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 && args[0] == "kill" {
		b := ts.ReadFile("server.pid")
		pid, err := strconv.Atoi(strings.TrimSpace(b))
		ts.Check(err)
		p, err := os.FindProcess(pid)
		ts.Check(err)
		ts.Check(p.Kill())
		waitFor(ts, func() bool { return p.Signal(syscall.Signal(0)) != nil })
		return
	}
	exe, err := exec.LookPath("aihub")
	if err != nil { // testscript puts it on the script's own PATH
		exe = filepath.Join(filepath.Dir(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0]), "bin", "aihub")
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, exe, "serve")
	c.Dir = ts.Getenv("WORK")
	for _, k := range []string{"AIHUB_HOME", "AIHUB_LISTEN", "AIHUB_CONFIG", "AIHUB_LANG", "AIHUB_OPERATOR_PASSWORD", "PATH", "HOME", "TMPDIR"} {
		c.Env = append(c.Env, k+"="+ts.Getenv(k))
	}
	log, err := os.OpenFile(ts.MkAbs("server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	c.Stdout, c.Stderr = log, log
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 20 * time.Second
	ts.Check(c.Start())
	ts.Check(os.WriteFile(ts.MkAbs("server.pid"), []byte(fmt.Sprint(c.Process.Pid)), 0o600))
	gone := make(chan struct{})
	go func() { _ = c.Wait(); close(gone) }()
	ts.Defer(func() { cancel(); <-gone; log.Close() })
	waitFor(ts, func() bool {
		select {
		case <-gone:
			ts.Fatalf("the server ended: %s", ts.ReadFile("server.log"))
		default:
		}
		r, err := http.Get(ts.Getenv("AIHUB_SERVER") + "/healthz")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
}

func waitFor(ts *testscript.TestScript, ok func() bool) {
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("waited a minute in vain")
		}
	}
}

// people: an operator creates three organisations with one person each, who sign in.
func cmdPeople(ts *testscript.TestScript, neg bool, args []string) {
	run := func(password string, args ...string) {
		ts.Setenv("AIHUB_PASSWORD", password)
		ts.Check(ts.Exec("aihub", args...))
	}
	run("operator-secret", "login", "--user", "operator")
	for _, x := range [][3]string{{"bureau", "steward", "steward"}, {"panel", "reviewer", "reviewer"}, {"acme", "vendor", "vendor"}} {
		ts.Check(ts.Exec("aihub", "--as", "operator", "org", "add", x[0]))
		run(x[1]+"-secret", "--as", "operator", "user", "add", x[1], "--org", x[0], "--role", x[2])
		run(x[1]+"-secret", "login", "--user", x[1])
	}
	ts.Setenv("AIHUB_PASSWORD", "")
}

// pack NAME ROWS: writes raw.csv, dataset.yaml and scenario.yaml of a built-in scenario.
func cmdPack(ts *testscript.TestScript, neg bool, args []string) {
	p, ok := packs.Get(args[0])
	if !ok {
		ts.Fatalf("no pack %q", args[0])
	}
	rows, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b bytes.Buffer
	ts.Check(p.Generate(&b, 7, rows))
	for name, content := range map[string][]byte{"raw.csv": b.Bytes(), "dataset.yaml": p.Manifest, "scenario.yaml": p.Spec} {
		ts.Check(os.WriteFile(ts.MkAbs(name), content, 0o600))
	}
}

// algorithm DIR: puts the demo's static program into DIR/algorithm.
func cmdAlgorithm(ts *testscript.TestScript, neg bool, args []string) {
	b, err := embedded.Algorithm()
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755))
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "algorithm"), b, 0o755))
}

// program SRC.go DIR: compiles a static program of the script, or of REPO, into DIR/program.
func cmdProgram(ts *testscript.TestScript, neg bool, args []string) {
	c := exec.Command("go", "build", "-o", filepath.Join(ts.MkAbs(args[1]), "program"), ts.MkAbs(args[0]))
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := c.CombinedOutput(); err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
}

// flipbyte TABLE COLUMN: changes the last character of one value in the database.
func cmdFlipByte(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite", filepath.Join(ts.Getenv("AIHUB_HOME"), "aihub.db"))
	ts.Check(err)
	defer db.Close()
	t, c := args[0], args[1]
	r, err := db.Exec(fmt.Sprintf(`UPDATE %[1]s SET %[2]s = substr(%[2]s, 1, length(%[2]s)-1) || CASE WHEN %[2]s LIKE '%%x' THEN 'y' ELSE 'x' END
		WHERE rowid = (SELECT rowid FROM %[1]s WHERE length(%[2]s) > 0 LIMIT 1)`, t, c))
	ts.Check(err)
	if n, _ := r.RowsAffected(); n != 1 {
		ts.Fatalf("changed %d rows", n)
	}
}

// fetch URL FILE: what anyone gets from an address.
func cmdFetch(ts *testscript.TestScript, neg bool, args []string) {
	r, err := http.Get(args[0])
	ts.Check(err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	ts.Check(err)
	if r.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s", r.Status, b)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// until URL PATTERN: waits until what anyone gets from an address matches.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	re := regexp.MustCompile(args[1])
	last := ""
	for end := time.Now().Add(time.Minute); !re.MatchString(last); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("waited a minute for %s; last: %s", re, last)
		}
		if r, err := http.Get(args[0]); err == nil {
			b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			r.Body.Close()
			last = string(b)
		}
	}
}

// jsonget FILE KEY.KEY VAR: sets VAR to a string of a JSON file.
func cmdJSONGet(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for key := range strings.SplitSeq(args[1], ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	s, ok := v.(string)
	if !ok {
		ts.Fatalf("%s has no string %q", args[0], args[1])
	}
	ts.Setenv(args[2], s)
}

// scorerspec DIGEST OUT: writes scenario.yaml with a scorer's metrics, primary first.
func cmdScorerSpec(ts *testscript.TestScript, neg bool, args []string) {
	spec := ts.ReadFile("scenario.yaml")
	head, rest, ok := strings.Cut(spec, "metrics:\n")
	_, rounds, ok2 := strings.Cut(rest, "rounds:\n")
	if !ok || !ok2 {
		ts.Fatalf("scenario.yaml has no metrics or rounds")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(head+"scorer:\n  image: "+args[0]+`
  input: true
  per_unit: [{name: miss, range: [0, 1], direction: min}]
  scores: [{name: worst, range: [0, 2000], direction: min}]
  messages: [{code: far, text: {zh: 偏差过大, en: more than half off}}]
metrics:
  - {id: miss, use: scorer_mean@1, prediction: miss, primary: true}
  - {id: worst, use: scorer_value@1, prediction: worst}
  - {use: mae@1, range: [0, 500], step: 10}
sharing:
  score: {release: policy, step: 0.1, tick: 1s}
rounds:
`+rounds), 0o600))
}

// scorerun FILE VAR: sets VAR to the score run of a submission.
func cmdScoreRun(ts *testscript.TestScript, neg bool, args []string) {
	var v struct {
		Runs []struct{ ID, Kind string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, r := range v.Runs {
		if r.Kind == "score" {
			ts.Setenv(args[1], r.ID)
			return
		}
	}
	ts.Fatalf("there is no score run: %+v", v)
}

// hostiletar traversal|bomb FILE: writes a docker save archive whose one layer
// climbs out of the image, or is 512 MiB of zeros once unpacked.
func cmdHostileTar(ts *testscript.TestScript, neg bool, args []string) {
	var layer bytes.Buffer
	gz := gzip.NewWriter(&layer)
	sum := sha256.New()
	lw := tar.NewWriter(io.MultiWriter(gz, sum))
	switch args[0] {
	case "traversal":
		ts.Check(lw.WriteHeader(&tar.Header{Name: "../../etc/passwd", Mode: 0o644, Size: 1, Typeflag: tar.TypeReg}))
		_, err := lw.Write([]byte("x"))
		ts.Check(err)
	case "bomb":
		const size = 512 << 20
		ts.Check(lw.WriteHeader(&tar.Header{Name: "zeros", Mode: 0o644, Size: size, Typeflag: tar.TypeReg}))
		zeros := make([]byte, 1<<20)
		for range size / len(zeros) {
			_, err := lw.Write(zeros)
			ts.Check(err)
		}
	}
	ts.Check(lw.Close())
	ts.Check(gz.Close())
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/x"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sum.Sum(nil))}},
	})
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	defer f.Close()
	w := tar.NewWriter(f)
	for _, m := range []struct {
		name string
		body []byte
	}{
		{"manifest.json", []byte(`[{"Config":"config.json","RepoTags":[],"Layers":["layer.tar"]}]`)},
		{"config.json", config}, {"layer.tar", layer.Bytes()},
	} {
		ts.Check(w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.body)), Typeflag: tar.TypeReg}))
		_, err := w.Write(m.body)
		ts.Check(err)
	}
	ts.Check(w.Close())
}
