//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aihub"
	"aihub/internal/embedded"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/sandbox/runnertest"
	"aihub/scenarios"
	"aihub/server/auth"
)

const (
	chaosKills = "AIHUB_CHAOS_KILLS" // default 10
	chaosSeed  = "AIHUB_CHAOS_SEED"  // default: by the clock, and printed
)

// TestChaosServer is the platform that TestChaos kills.
func TestChaosServer(t *testing.T) {
	if os.Getenv(chaosServer) == "" {
		t.Skip("is started by TestChaos")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run(ctx, process{Args: []string{"serve"}, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now})
}

// Whatever is killed at whatever moment (the server with its workers, or one
// sandbox), every submission ends, none is lost, none has two effects, nothing is
// charged twice, and nothing is left on the machine.
func TestChaos(t *testing.T) {
	kills := 10
	if v := os.Getenv(chaosKills); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv(chaosSeed); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	c := newChaos(t, seed, 2000)
	began := time.Now()
	stop := c.sends(seed)
	for range kills {
		c.round()
	}
	stop()
	// One of each kind that nothing kills: what comes after the last kill gets through.
	c.submit(c.images[0], aTrial)
	c.submit(c.images[0], aHidden)
	c.submit(c.images[0], aJudged)
	c.submit(c.images[0], aTraining)
	if c.server == nil {
		c.start()
	}
	for end := time.Now().Add(time.Minute); !c.submit(c.shell, aWorkspace); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) { // the server ends those whose worker is dead as it starts
			t.Fatal("no room for another workspace in a minute")
		}
	}
	for end := time.Now().Add(time.Minute); len(c.intake.gone) == 0; time.Sleep(50 * time.Millisecond) {
		if err := c.intake.once(t.Context(), 0); time.Now().After(end) {
			t.Fatalf("no image is taken in and deleted in a minute: %v", err)
		}
	}
	c.drain(5 * time.Minute)
	t.Logf("%d kills of the server, %d of a sandbox, %d submissions, seed %d, in %s; then %s", c.servers, c.sandboxes, len(c.entered), seed,
		c.drained.Sub(began).Round(time.Second), time.Since(c.drained).Round(time.Second))
	c.check()
}

type chaos struct {
	*testing.T
	app    *app
	rnd    *rand.Rand
	home   string
	on     footing
	at     string // where the server listens
	hidden int    // rows of the hidden part
	env    []string
	sc     aihub.Ref
	judged aihub.Ref // a scenario with a scorer
	vendor aihub.Actor
	images []aihub.Digest
	shell  aihub.Digest          // an image with a shell that nobody types into
	direct map[aihub.Digest]bool // blobs that the test itself put
	intake *sender
	price  float64 // of an answer, in bits
	server *exec.Cmd
	output *bytes.Buffer

	entered            []aihub.SubmissionID
	servers, sandboxes int
	drained            time.Time
}

func (c *chaos) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("%v (%s)", err, logged2(err))
	}
}

// logged2 is the cause that an error keeps from people.
func logged2(err error) string {
	var e *aihub.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return string(aihub.KindOf(err))
}

// newChaos makes a home whose hidden part has so many rows: from 2,000 on, a hidden
// run tries a slice first.
func newChaos(t *testing.T, seed uint64, hidden int) *chaos {
	c := &chaos{T: t, rnd: rand.New(rand.NewPCG(seed, 1)), hidden: hidden, home: filepath.Join(t.TempDir(), "home"), output: &bytes.Buffer{}, direct: map[aihub.Digest]bool{}}
	c.at = c.freePort()
	c.env = append(os.Environ(), "AIHUB_HOME="+c.home, "AIHUB_LISTEN="+c.at, "AIHUB_URL=http://"+c.at, "AIHUB_WORKERS=3", "AIHUB_CONFIG=", chaosServer+"=1",
		"AIHUB_OPERATOR_PASSWORD=operator-secret")
	c.on = stand(t, c.home)
	c.env = append(c.env, c.on.env...)
	var err error
	c.app, err = openApp(t.Context(), c.on.cfg, &process{Err: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now})
	c.must(err)
	t.Cleanup(func() { c.app.Close() })
	if p := c.app.Runner.Probe(t.Context()); !p.CanRunHidden() {
		if os.Getenv("CI") != "" {
			t.Fatalf("this machine cannot run sandboxes: %+v", p)
		}
		t.Skipf("this machine cannot run sandboxes: %+v", p)
	}
	_, err = c.app.bootstrap(t.Context(), "operator-secret")
	c.must(err)
	c.setUp()
	t.Cleanup(func() {
		if c.server != nil {
			_ = c.server.Process.Kill()
			_ = c.server.Wait()
		}
	})
	return c
}

func (c *chaos) permit(a aihub.Actor, act policies.Action, o policies.Object) policies.Permit {
	c.Helper()
	o.Kind, _, _ = strings.Cut(string(act), ".")
	p, err := c.app.Policies.Authorize(c.Context(), a, act, o)
	c.must(err)
	return p
}

// setUp makes people, a dataset whose test part is large enough that runs try a slice
// of it first, a scenario with a tick of a second and room for any number of
// submissions, trainings and workspaces, another with a scorer, and three
// algorithms: one that predicts, one that fails, one that takes too much memory.
func (c *chaos) setUp() {
	ctx, db := c.Context(), c.app.DB
	ops := aihub.Actor{User: operator, Org: "platform", Roles: []aihub.Role{aihub.Operator}}
	hash, err := auth.HashPassword(chaosPassword)
	c.must(err)
	person := func(id aihub.UserID, org aihub.OrgID, role aihub.Role) aihub.Actor {
		c.must(db.CreateOrg(ctx, c.permit(ops, policies.OrgCreate, policies.Object{ID: string(org)}), aihub.Org{ID: org}))
		c.must(db.CreateUser(ctx, c.permit(ops, policies.UserCreate, policies.Object{ID: string(id)}), aihub.User{ID: id, Org: org, Name: string(id), Roles: []aihub.Role{role}}, hash))
		return aihub.Actor{User: id, Org: org, Roles: []aihub.Role{role}}
	}
	steward, reviewer := person("stella", "city", aihub.Steward), person("rita", "panel", aihub.Reviewer)
	c.vendor = person("alice", "acme", aihub.Vendor)

	ref := aihub.Ref{Name: "things", Version: 1}
	d := aihub.DigestOf([]byte("x"))
	data := aihub.DatasetVersion{
		Ref: ref, Title: aihub.Text{ZH: "物", EN: "Things"}, License: "internal", Key: "id",
		Columns: []aihub.Column{{Name: "id", Type: "string"}, {Name: "x", Type: "int64"}, {Name: "label", Type: "string", Truth: true}},
		Content: d, Plan: d, Raw: d, Profile: d, Card: d,
	}
	for _, part := range []aihub.Part{aihub.Sample, aihub.Train, aihub.Test} {
		rows := 20
		if part == aihub.Test {
			rows = c.hidden
		}
		data.Parts = append(data.Parts, aihub.PartFile{Part: part, Rows: int64(rows), Input: c.parquet(rows, "id", "x"), Truth: c.parquet(rows, "id", "label"), Bytes: 1})
	}
	cleared, err := policies.Clear(aihub.RiskRecord{Content: data.Content})
	c.must(err)
	c.must(db.ProposeDataset(ctx, c.permit(steward, policies.DatasetPropose, policies.Object{ID: ref.Name, Org: "city"}), data, cleared, nil, nil))
	c.must(db.DecideDataset(ctx, c.permit(reviewer, policies.DatasetApprove, policies.Object{ID: ref.String(), Author: steward.User}), ref, true, false, "ok"))

	c.sc = aihub.Ref{Name: "sorting", Version: 1}
	spec := scenarios.Spec{
		APIVersion: scenarios.APIVersion, Kind: "Scenario", Name: "sorting", Dataset: ref.String(),
		Input:   scenarios.Input{File: "things.csv", Format: "csv", Key: "id", Columns: []string{"x"}},
		Output:  scenarios.Output{File: "predictions.csv", Format: "csv", Columns: []scenarios.OutputColumn{{Name: "label", Type: "string", Classes: []string{"a", "b"}}}},
		Truth:   scenarios.Truth{Column: "label", Type: "string", Classes: []string{"a", "b"}},
		Limits:  scenarios.Limits{CPUs: 1, Memory: 128 << 20, Pids: 64, Files: 128, Wall: scenarios.Duration(20 * time.Second), Output: 1 << 20, Inodes: 32, Tmp: 1 << 20, Log: 64 << 10},
		Metrics: []scenarios.Metric{{ID: "accuracy", Use: "accuracy@1", Prediction: "label", Primary: true, Direction: "max", OnUndefined: "worst"}},
		Sharing: scenarios.Sharing{Score: scenarios.ScoreSharing{Release: "policy", Step: 0.5, Tick: scenarios.Duration(time.Second), Range: []float64{0, 1}}},
	}
	spec.Train = &scenarios.Train{Labels: "labels.csv", Quota: 1 << 20, Limits: spec.Limits}
	spec.Workspace = &scenarios.Workspace{Wall: scenarios.Duration(time.Minute), Idle: scenarios.Duration(time.Second), Screen: 64 << 10}
	canonical, err := scenarios.Canonical(spec)
	c.must(err)
	terms, err := sharing.TermsOf(canonical)
	c.must(err)
	c.price, err = sharing.Price(terms)
	c.must(err)
	sc := aihub.Scenario{Ref: c.sc, Title: aihub.Text{ZH: "分拣", EN: "Sorting"}, Field: "text", Area: "governance", Dataset: ref, Spec: canonical}
	rounds := []aihub.Round{{Name: "main", Part: aihub.Test, Quota: 1 << 20, BudgetBits: 1e6}}
	c.must(db.PublishScenario(ctx, c.permit(steward, policies.ScenarioPublish, policies.Object{ID: c.sc.Name, Org: "city"}), sc, rounds))
	e := aihub.Enrolment{ID: "enr_1", Scenario: c.sc, Purpose: "to try", Agreement: d}
	c.must(db.RequestEnrolment(ctx, c.permit(c.vendor, policies.EnrolmentRequest, policies.Object{ID: c.sc.String(), For: "acme"}), e))
	c.must(db.DecideEnrolment(ctx, c.permit(reviewer, policies.EnrolmentDecide, policies.Object{ID: "enr_1", Org: "city", For: "acme"}), "enr_1", true, "ok"))

	tool := c.imageOf(steward, "scorer", c.compiled("testdata/chaos/scorer.go"))
	scorer, err := db.ProposeScorer(ctx, c.permit(steward, policies.ScorerPropose, policies.Object{ID: string(tool), Org: "city"}), tool, "half a point")
	c.must(err)
	c.must(db.DecideScorer(ctx, c.permit(reviewer, policies.ScorerApprove, policies.Object{ID: string(scorer.ID), Author: steward.User}), scorer.ID, true, "ok"))
	c.judged = aihub.Ref{Name: "judging", Version: 1}
	spec.Name, spec.Train, spec.Workspace = c.judged.Name, nil, nil
	spec.Scorer = &scenarios.Scorer{Image: tool, Limits: spec.Limits, Scores: []scenarios.ScorerValue{{Name: "points", Range: []float64{0, 1}, Direction: "max"}}}
	spec.Metrics = []scenarios.Metric{{ID: "points", Use: "scorer_value@1", Prediction: "points", Primary: true, Direction: "max", OnUndefined: "worst"}}
	sc.Ref, sc.Spec, sc.Digest = c.judged, nil, ""
	sc.Spec, err = scenarios.Canonical(spec)
	c.must(err)
	judging, err := sharing.TermsOf(sc.Spec)
	c.must(err)
	price, err := sharing.Price(judging)
	c.must(err)
	c.price = max(c.price, price)
	rounds[0].Name = "judged"
	c.must(db.PublishScenario(ctx, c.permit(steward, policies.ScenarioPublish, policies.Object{ID: c.judged.Name, Org: "city"}), sc, rounds))
	e.ID, e.Scenario = "enr_2", c.judged
	c.must(db.RequestEnrolment(ctx, c.permit(c.vendor, policies.EnrolmentRequest, policies.Object{ID: c.judged.String(), For: "acme"}), e))
	c.must(db.DecideEnrolment(ctx, c.permit(reviewer, policies.EnrolmentDecide, policies.Object{ID: "enr_2", Org: "city", For: "acme"}), "enr_2", true, "ok"))

	program, err := embedded.Algorithm()
	c.must(err)
	for _, args := range [][]string{{"hostile", "read", "nothing"}, {"nonsense"}, {"hostile", "memory"}} {
		c.images = append(c.images, c.image("algorithm", program, args...))
	}
	guest, err := os.ReadFile(runnertest.Guest(c.T))
	c.must(err)
	c.shell = c.image("bin/sh", guest)
	c.must(c.app.Blobs.Walk(ctx, func(d aihub.Digest, _ int64) error { c.direct[d] = true; return nil }))
}

// image makes one of a program that is started with arguments, of the vendor.
func (c *chaos) image(name string, program []byte, args ...string) aihub.Digest {
	return c.imageOf(c.vendor, name, program, args...)
}

func (c *chaos) imageOf(whose aihub.Actor, name string, program []byte, args ...string) aihub.Digest {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(oci.Build(w, oci.Config{Entrypoint: append([]string{"/" + name}, args...)}, []oci.File{{Name: name, Mode: 0o755, Content: program}}))
	}()
	img, err := oci.Import(c.Context(), c.app.Blobs, r, oci.Limits{Temp: c.TempDir()})
	c.must(err)
	c.must(c.app.DB.RegisterImage(c.Context(), c.permit(whose, policies.ImagePush, policies.Object{ID: string(whose.Org), Org: whose.Org}), whose.Org, img.Digest, img.Size))
	return img.Digest
}

// parquet keeps some rows of a table with these columns.
func (c *chaos) parquet(rows int, names ...string) aihub.Digest {
	var fields []table.Field
	for _, n := range names {
		typ := table.String
		if n == "x" {
			typ = table.Int64
		}
		fields = append(fields, table.Field{Name: n, Type: typ})
	}
	b := table.NewBatch(fields, rows)
	for i := range rows {
		for j, n := range names {
			switch n {
			case "id":
				b.Cols[j].AppendStr(fmt.Sprintf("k%04d", i))
			case "x":
				b.Cols[j].AppendInt(int64(i))
			default:
				b.Cols[j].AppendStr([]string{"a", "b"}[i%2])
			}
		}
		b.Rows++
	}
	var out bytes.Buffer
	w, err := table.NewParquetWriter(&out, fields)
	c.must(err)
	c.must(w.Write(b))
	c.must(w.Close())
	d, _, err := c.app.Blobs.Put(c.Context(), &out)
	c.must(err)
	return d
}

// start starts the server; it need not get far before it is killed.
func (c *chaos) start() {
	c.server = exec.Command(os.Args[0], "-test.run", "^TestChaosServer$")
	c.server.Env = c.env
	c.output.Reset()
	c.server.Stdout, c.server.Stderr = c.output, c.output
	c.must(c.server.Start())
}

// round enters something, lets a random time pass, and kills.
func (c *chaos) round() {
	if c.server == nil {
		c.start()
	}
	for range 1 + c.rnd.IntN(2) {
		c.enter()
	}
	// Mostly little, and at times enough for a run to come far.
	most := 600
	if c.rnd.IntN(4) == 0 {
		most = 4000
	}
	time.Sleep(time.Duration(c.rnd.IntN(most)) * time.Millisecond)
	pids := c.sandboxed()
	if c.rnd.IntN(4) == 0 {
		if len(pids) > 0 {
			_ = syscall.Kill(pids[c.rnd.IntN(len(pids))], syscall.SIGKILL)
			c.sandboxes++
			return
		}
	}
	c.must(c.server.Process.Kill())
	_ = c.server.Wait()
	c.server = nil
	c.servers++
}

// enter submits, and sometimes cancels; what was acknowledged is remembered.
func (c *chaos) enter() {
	ctx := c.Context()
	open, err := c.count("SELECT count(*) FROM submissions WHERE state IN ('queued', 'scoring')")
	c.must(err)
	if open > 60 {
		return
	}
	kind, image := []enters{aHidden, aHidden, aJudged, aJudged, aTrial, aTraining, aTraining, aWorkspace}[c.rnd.IntN(8)], c.images[0]
	if n := c.rnd.IntN(10); kind == aWorkspace {
		image = c.shell
	} else if n < 2 {
		image = c.images[1+n]
	}
	c.submit(image, kind)
	if c.rnd.IntN(12) == 0 {
		id := c.entered[c.rnd.IntN(len(c.entered))]
		err := c.app.DB.CancelSubmission(ctx, c.permit(c.vendor, policies.SubmissionCancel, policies.Object{ID: string(id), Org: "acme"}), id)
		if err != nil && aihub.KindOf(err) != aihub.Conflict {
			c.Fatal(err)
		}
	}
}

// enters is what can be entered.
type enters int

const (
	aHidden enters = iota
	aJudged        // hidden, with a scorer
	aTrial
	aTraining
	aWorkspace
)

// submit enters something, unless it is a workspace too many: an organisation has two
// open at most.
func (c *chaos) submit(image aihub.Digest, kind enters) bool {
	sub := aihub.Submission{Scenario: c.sc, Image: image, Nonce: aihub.NewID("n"), Smoke: kind == aTrial, Train: kind == aTraining, Workspace: kind == aWorkspace}
	action, bits := policies.SubmissionCreate, 0.0
	switch kind {
	case aHidden:
		sub.Round, bits = "main", c.price
	case aJudged:
		sub.Scenario, sub.Round, bits = c.judged, "judged", c.price
	case aWorkspace:
		action = policies.WorkspaceOpen
	}
	s, err := c.app.DB.Submit(c.Context(), c.permit(c.vendor, action, policies.Object{ID: sub.Scenario.String(), Org: "city", For: "acme"}), sub, bits)
	if kind == aWorkspace && aihub.KindOf(err) == aihub.Quota {
		return false
	}
	c.must(err)
	c.entered = append(c.entered, s.ID)
	return true
}

// count runs a query for one number beside the platform.
func (c *chaos) count(query string) (n int, err error) {
	db, err := c.on.query()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRow(query).Scan(&n)
}

// sandboxed lists the processes that hold the sandboxes: with gVisor those that the
// server started, with Docker the first of each container.
func (c *chaos) sandboxed() (pids []int) {
	if c.on.engine != nil {
		return c.on.engine.sandboxed()
	}
	for pid := range processes() {
		if parentOf(pid) == strconv.Itoa(c.server.Process.Pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processes are the command lines of this machine.
func processes() map[int]string {
	out := map[int]string{}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if b, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && len(b) > 0 {
			out[pid] = strings.ReplaceAll(string(b), "\x00", " ")
		}
	}
	return out
}

// drain lets a server work in peace until everything has ended, and stops it.
func (c *chaos) drain(most time.Duration) {
	c.drained = time.Now()
	if c.server == nil {
		c.start()
	}
	for end := time.Now().Add(most); ; time.Sleep(100 * time.Millisecond) {
		open, err := c.count("SELECT (SELECT count(*) FROM submissions WHERE state IN ('queued', 'scoring') OR settled = 0) + (SELECT count(*) FROM leases) + (SELECT count(*) FROM releases WHERE state = 'submitted') + (SELECT count(*) FROM sealing)")
		c.must(err)
		if open == 0 {
			break
		}
		if time.Now().After(end) {
			for _, q := range []string{"SELECT count(*) FROM submissions WHERE state = 'queued'", "SELECT count(*) FROM submissions WHERE state = 'scoring'",
				"SELECT count(*) FROM submissions WHERE settled = 0", "SELECT count(*) FROM leases", "SELECT count(*) FROM releases WHERE state = 'submitted'",
				"SELECT count(*) FROM sealing"} {
				n, err := c.count(q)
				c.Logf("%s: %d %v", q, n, err)
			}
			c.Fatalf("%d things have not ended after %s: %s", open, most, tailOf(c.output.String()))
		}
	}
	c.must(c.server.Process.Signal(os.Interrupt))
	done := make(chan error, 1)
	go func() { done <- c.server.Wait() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		c.Fatal("the server does not stop")
	}
	c.server = nil
}

func tailOf(s string) string { return s[max(0, len(s)-2000):] }

// check compares what is there with what may be.
func (c *chaos) check() {
	for what, q := range map[string]string{
		"runs that are not terminal":         "SELECT count(*) FROM runs WHERE state IN ('queued', 'leased')",
		"submissions that are not terminal":  "SELECT count(*) FROM submissions WHERE state IN ('queued', 'scoring')",
		"leases":                             "SELECT count(*) FROM leases",
		"submissions with two good runs":     "SELECT count(*) FROM (SELECT 1 FROM runs WHERE state = 'succeeded' GROUP BY submission, kind HAVING count(*) > 1) AS x",
		"scores that no good run made":       "SELECT count(*) FROM scores c JOIN runs r ON r.id = c.run WHERE r.state <> 'succeeded' OR r.kind <> 'score'",
		"scored submissions without a score": "SELECT count(*) FROM submissions s WHERE state = 'scored' AND NOT EXISTS (SELECT 1 FROM scores c WHERE c.submission = s.id)",
		"scores of others":                   "SELECT count(*) FROM scores c JOIN submissions s ON s.id = c.submission WHERE s.state <> 'scored'",
		"attempts that submissions do not account for": `SELECT count(*) FROM budgets b WHERE attempts <> (SELECT count(*) FROM submissions s
			WHERE s.round = b.round AND s.org = b.org AND s.smoke = 0 AND s.refund = 0)`,
		"bits that are held":                   "SELECT count(*) FROM budgets WHERE reserved <> 0",
		"hours that are held":                  "SELECT count(*) FROM hours WHERE reserved <> 0",
		"hours charged otherwise":              "SELECT count(*) FROM hours WHERE used <> (SELECT SUM(cpu) FROM submissions)",
		"platform faults that cost an attempt": "SELECT count(*) FROM submissions WHERE fault_owner = 'platform' AND refund = 0 AND smoke = 0",
		"attempts beyond the bound":            `SELECT count(*) FROM (SELECT 1 AS x FROM runs GROUP BY submission, kind HAVING SUM(CASE WHEN state = 'lost' AND fault_detail = 'its worker went silent' THEN 0 ELSE 1 END) > 3 OR SUM(CASE WHEN state = 'lost' AND fault_detail = 'its worker went silent' THEN 1 ELSE 0 END) > 10) AS y`,
		"trainings without a model": `SELECT count(*) FROM submissions s WHERE train = 1 AND state = 'tried'
			AND (SELECT count(*) FROM models m WHERE m.submission = s.id) <> 1`,
		"models that no good run made":     "SELECT count(*) FROM models m JOIN runs r ON r.id = m.run JOIN submissions s ON s.id = m.submission WHERE r.state <> 'succeeded' OR s.state <> 'tried'",
		"workspaces that were tried again": "SELECT count(*) FROM (SELECT 1 FROM runs WHERE workspace = 1 GROUP BY submission HAVING count(*) > 1) AS x",
		"notes of what runs stored":        "SELECT count(*) FROM sealing",
	} {
		if n, err := c.count(q); err != nil || n != 0 {
			c.Errorf("%s: %d %v", what, n, err)
		}
	}
	if n, err := c.count("SELECT count(*) FROM submissions"); err != nil || n != len(c.entered) {
		c.Errorf("%d submissions were acknowledged, %d are there (%v)", len(c.entered), n, err)
	}
	rep, err := c.app.DB.VerifyLedger(c.Context())
	c.must(err)
	for _, f := range rep.Faults {
		c.Errorf("ledger: %s", f.In(aihub.EN))
	}
	states := map[string]int{}
	for _, s := range []string{"scored", "tried", "failed", "cancelled"} {
		states[s], _ = c.count("SELECT count(*) FROM submissions WHERE state = '" + s + "'")
	}
	for what, q := range map[string]string{
		"trainings": "train = 1", "workspaces": "workspace = 1", "trials": "smoke = 1 AND workspace IS NULL", "hidden": "round = 'main'", "judged": "round = 'judged'",
	} {
		all, _ := c.count("SELECT count(*) FROM submissions WHERE " + q)
		good, _ := c.count("SELECT count(*) FROM submissions WHERE state IN ('scored', 'tried') AND " + q)
		c.Logf("%s: %d of %d ended well", what, good, all)
		if good == 0 {
			c.Errorf("of %d %s none got through: this shows little", all, what)
		}
	}
	models, err := c.app.DB.Models(c.Context(), policies.ScopeOf(policies.Platform()), store.ModelFilter{})
	c.must(err)
	for _, m := range models {
		if _, err := c.app.Blobs.Stat(c.Context(), m.Digest); err != nil {
			c.Errorf("model %s has no content: %v", m.Digest, err)
		}
	}
	lost, _ := c.count("SELECT count(*) FROM runs WHERE state = 'lost'")
	early, _ := c.count("SELECT count(*) FROM runs r WHERE state = 'lost' AND kind <> 'score' AND NOT EXISTS (SELECT 1 FROM events e WHERE e.run = r.id AND e.state = 'running')")
	broken, _ := c.count("SELECT count(*) FROM submissions WHERE fault_owner = 'platform'")
	c.Logf("%v; %d runs were lost and tried again (%d of them before the algorithm began), %d submissions ended by the platform's fault", states, lost, early, broken)
	for _, owner := range []string{"vendor", "scenario", "data"} {
		n, _ := c.count("SELECT count(*) FROM submissions WHERE fault_owner = '" + owner + "' AND image = '" + string(c.images[0]) + "' AND state = 'failed'")
		if n > 0 {
			c.Errorf("%d submissions of a good image failed by the fault of %s: %v", n, owner, c.reasons(owner))
		}
	}
	if states["scored"] == 0 || states["tried"] == 0 {
		c.Error("nothing got through: this shows little")
	}
	slow, _ := c.count("SELECT count(*) FROM runs WHERE state = 'lost' AND kind = 'score' AND stage = 'scorer'")
	c.Logf("%d of the lost runs were scorers", slow)
	c.intake.check()
	c.clean()
}

// reasons are why good images failed.
func (c *chaos) reasons(owner string) (out []string) {
	for _, r := range []aihub.Reason{aihub.ReasonExit, aihub.ReasonSignal, aihub.ReasonMemory, aihub.ReasonTimeout, aihub.ReasonNoOutput, aihub.ReasonOutput, aihub.ReasonPrediction, aihub.ReasonStart} {
		n, _ := c.count("SELECT count(*) FROM runs WHERE fault_owner = '" + owner + "' AND image = '" + string(c.images[0]) + "' AND fault_reason = '" + string(r) + "'")
		if n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, r))
		}
	}
	return out
}

// clean looks for what sandboxes and workers leave.
func (c *chaos) clean() {
	if c.on.engine != nil {
		c.on.engine.clean(c)
	}
	for pid, cmd := range processes() {
		if strings.Contains(cmd, c.home) && pid != os.Getpid() {
			c.Errorf("process %d is left: %s", pid, cmd)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	c.must(err)
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, c.home) {
			c.Errorf("a mount is left: %s", line)
		}
	}
	db, err := c.on.query()
	c.must(err)
	defer db.Close()
	rows, err := db.Query("SELECT id FROM runs")
	c.must(err)
	defer rows.Close()
	runs := map[string]bool{}
	for rows.Next() {
		var id string
		c.must(rows.Scan(&id))
		runs[id] = true
	}
	c.must(rows.Err())
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			if i := strings.LastIndex(d.Name(), "run_"); i >= 0 && runs[d.Name()[i:]] {
				c.Errorf("a cgroup is left: %s", path)
			}
		}
		return nil
	})
	for _, dir := range []string{"work", "run", "score", "tmp"} { // blobs/tmp is swept when nobody has the store open: we have
		_ = filepath.WalkDir(filepath.Join(c.home, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() != "run" && !strings.HasPrefix(d.Name(), "run_") && !strings.HasPrefix(d.Name(), "worker-") {
				return nil
			}
			if name := d.Name(); !d.IsDir() && name != "lock" && name != "engine-home" && !strings.HasPrefix(name, "runsc-") || strings.HasPrefix(name, "run_") || strings.HasPrefix(name, "worker-") {
				c.Errorf("left behind: %s", path)
			}
			return nil
		})
	}
}
