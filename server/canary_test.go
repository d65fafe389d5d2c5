package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
)

// canary is a string that only a leak can carry out, in its disguises.
type canary struct{ name, text string }

func (c canary) in(b []byte) bool {
	reversed := []byte(c.text)
	slices.Reverse(reversed)
	forms := [][]byte{[]byte(c.text), []byte(hex.EncodeToString([]byte(c.text))), reversed}
	// base64 depends on where in a longer text the canary begins.
	for shift := range 3 {
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + c.text))
		forms = append(forms, []byte(e[4:len(e)-4]))
	}
	lower := bytes.ToLower(b)
	return slices.ContainsFunc(forms, func(f []byte) bool { return bytes.Contains(b, f) || bytes.Contains(lower, bytes.ToLower(f)) })
}

// TestCanary plants a canary in everything that a hidden run leaves (its log,
// the detail of its failure, its output, posture, usage and sealed score) and
// then reads every byte that its vendor, another vendor and a visitor can reach:
// every endpoint, page, header and event stream, before and after the tick.
func TestCanary(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	w.as("rival").enrol(sc)

	const log, detail, output, posture, sealed, reason = "CANARY-log-7f3a", "CANARY-detail-91bd", "CANARY-output-c04e", "CANARY-posture-5d21", "0.857135791357", "CANARY-reason-aa17"
	const wall, peak = 987654321, 87654321987
	canaries := []canary{
		{"log", log}, {"detail", detail}, {"output", output}, {"posture", posture}, {"sealed value", "857135791357"}, {"reason of a metric", reason},
		{"wall clock", "987654321"}, {"peak memory", "87654321987"},
	}
	usage := aihub.Usage{WallMS: wall, CPUMS: wall, PeakBytes: peak, LogBytes: peak, OutBytes: peak}
	logBlob, outBlob := w.put("line\n"+log), w.put(output)
	canaries = append(canaries, canary{"digest of the log", logBlob.Hex()}, canary{"digest of the output", outBlob.Hex()})

	failed := vendor.submit(sc, "fails", false)
	scored := vendor.submit(sc, "scores", false)
	signedIn := map[aihub.UserID]person{"vendor": vendor, "rival": w.as("rival"), "": w.as("")}
	read := func(when string) {
		t.Helper()
		for _, who := range []aihub.UserID{"vendor", "rival", ""} {
			w.registry(signedIn[who], logBlob, outBlob)
			for where, b := range w.everything(who, sc, failed.ID, scored.ID) {
				for _, c := range canaries {
					if c.in(b) {
						t.Errorf("%s: %q finds the %s in %s", when, who, c.name, where)
					}
				}
			}
		}
	}
	read("queued")

	l := w.claim(aihub.RunInfer, failed.ID)
	w.start(l)
	if err := w.db.AppendLog(ctx, l, log); err == nil {
		t.Error("a hidden run took a live log")
	}
	read("running")
	w.must(w.db.Advance(ctx, l, aihub.RunCollecting))
	w.must(w.db.Finish(ctx, l, store.Outcome{Log: logBlob, Usage: usage, Posture: []byte(`{"note":"` + posture + `"}`),
		Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit, Detail: "exit 77 " + detail}}))
	w.infer(scored.ID, store.Outcome{Output: outBlob, Log: logBlob, Usage: usage, Posture: []byte(`{"note":"` + posture + `"}`)})
	s := w.claim(aihub.RunScore, scored.ID)
	m := metric("accuracy", 0.857135791357)
	m.Reason, m.Lo, m.Hi = reason, 0.857135791357, 0.857135791357
	w.must(w.db.FinishScore(ctx, s, []aihub.MetricValue{m, metric("f1", 0.7)}, sharing.NextTick(w.now(), w.tick(sc))))
	read("ended, before the tick")
	w.pass(w.tick(sc))
	read("after the tick, before the release")
	w.release()
	if _, err := w.db.Reap(t.Context()); err != nil { // from here on the failure is seen
		t.Fatal(err)
	}
	read("released")

	// The canaries are really there: the steward and the platform find them.
	text, err := w.as("steward").RunLog(ctx, l.Run().ID)
	w.must(err)
	full, err := w.db.Score(ctx, policies.ScopeOf(policies.Platform()), scored.ID)
	w.must(err)
	raw, err := json.Marshal(full)
	w.must(err)
	if !(canary{"", log}).in([]byte(text)) || !(canary{"", "857135791357"}).in(raw) || !(canary{"", reason}).in(raw) {
		t.Error("the canaries were never planted: this test proves nothing")
	}
	noInternal(t, w)
}

// TestCanaryIsFoundInDisguise: the search itself can fail.
func TestCanaryIsFoundInDisguise(t *testing.T) {
	c := canary{"x", "CANARY-0123456789"}
	for _, text := range []string{
		"…CANARY-0123456789…", hex.EncodeToString([]byte("abCANARY-0123456789")), "9876543210-YRANAC",
		base64.StdEncoding.EncodeToString([]byte("some CANARY-0123456789 text")), base64.URLEncoding.EncodeToString([]byte("!CANARY-0123456789")),
	} {
		if !c.in([]byte(text)) {
			t.Errorf("not found in %q", text)
		}
	}
	if c.in([]byte("CANARY-01234")) {
		t.Error("found where it is not")
	}
}

var links = regexp.MustCompile(`(?:href|action|hx-get|data-events)="(/[^"#]*)`)

// everything reads what a person can reach: every GET of the API with ids of the
// submissions and of what they name, and every page from the front page on.
func (w *world) everything(who aihub.UserID, sc aihub.Scenario, subs ...aihub.SubmissionID) map[string][]byte {
	w.t.Helper()
	p, b := w.as(who), w.browse(who)
	seen := map[string][]byte{}
	keep := func(where string, resp *http.Response, body string) {
		var h bytes.Buffer
		w.must(resp.Header.Write(&h))
		seen[where] = append(h.Bytes(), body...)
	}
	ids := []string{}
	platform := policies.ScopeOf(policies.Platform())
	for _, id := range subs {
		ids = append(ids, string(id))
		runs, err := w.db.Runs(w.t.Context(), platform, id) // more than the vendor knows of
		w.must(err)
		for _, r := range runs {
			ids = append(ids, string(r.ID))
		}
	}
	releases, err := w.db.Releases(w.t.Context(), platform, "")
	w.must(err)
	for _, r := range releases {
		ids = append(ids, string(r.ID))
	}
	for _, op := range w.operations() {
		if op.method != http.MethodGet || op.id == "follow-submission" {
			continue
		}
		targets := []string{op.path}
		if strings.Contains(op.path, "{ref}") {
			targets = []string{strings.ReplaceAll(op.path, "{ref}", sc.Ref.String()), strings.ReplaceAll(op.path, "{ref}", sc.Dataset.String())}
		} else if strings.Contains(op.path, "{id}") {
			targets = nil
			for _, id := range ids {
				targets = append(targets, strings.ReplaceAll(op.path, "{id}", id))
			}
		}
		for _, path := range targets {
			resp, body := w.do("GET", "/api/v1"+path, p.token, nil)
			keep("GET "+path, resp, body)
		}
	}
	// The stream as far as it goes without waiting.
	for _, id := range subs {
		if events, err := w.db.Events(w.t.Context(), policies.ScopeOf(w.actor(who)), id, 0); err == nil {
			raw, err := json.Marshal(events)
			w.must(err)
			seen["events of "+string(id)] = raw
		}
	}
	todo, done := []string{"/", "/submissions", "/datasets", "/work"}, map[string]bool{}
	for _, id := range subs {
		todo = append(todo, "/submissions/"+string(id))
	}
	for len(todo) > 0 {
		path := strings.ReplaceAll(todo[0], "&amp;", "&")
		todo = todo[1:]
		if done[path] || strings.HasSuffix(path, "/events") || strings.HasPrefix(path, "/sign") || strings.HasPrefix(path, "/static/") {
			continue
		}
		done[path] = true
		_, body := b.get(path)
		seen["page "+path] = []byte(body)
		for _, m := range links.FindAllStringSubmatch(body, -1) {
			if !strings.Contains(m[1], "lang=") {
				todo = append(todo, m[1])
			}
		}
		if len(done) > 200 {
			w.t.Fatal("the pages link to more than 200 others")
		}
	}
	for where, b := range w.registry(p) {
		seen[where] = b
	}
	if len(seen) < 30 {
		w.t.Fatalf("only %d things were read", len(seen))
	}
	return seen
}

// registry reads what a person can reach of the registry of images: of its own
// organisation's repositories and of others'. Blobs asked for by digest answer only
// with whether they are there, which is to be no.
func (w *world) registry(p person, blobs ...aihub.Digest) map[string][]byte {
	w.t.Helper()
	seen := map[string][]byte{}
	for _, org := range []string{"acme", "globex", "city-data", "platform"} {
		repo := org + "/event-dispatch"
		var head []string
		if p.token != "" {
			resp, body := w.do("GET", "/v2/token?service=aihub&scope=repository:"+repo+":pull", "", nil,
				"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(string(p.id)+":"+p.token)))
			var t struct{ Token string }
			if err := json.Unmarshal([]byte(body), &t); err != nil || resp.StatusCode != http.StatusOK {
				w.t.Fatalf("%s gets no token for the registry: %d %s", p.id, resp.StatusCode, body)
			}
			head = []string{"Authorization", "Bearer " + t.Token}
		}
		for _, path := range []string{"/v2/", "/v2/_catalog", "/v2/" + repo + "/tags/list", "/v2/" + repo + "/manifests/latest", "/v2/" + repo + "/referrers/sha256:" + strings.Repeat("0", 64)} {
			resp, body := w.do("GET", path, "", nil, head...)
			var h bytes.Buffer
			w.must(resp.Header.Write(&h))
			seen["registry "+repo+" "+path] = append(h.Bytes(), body...)
		}
		for _, d := range blobs {
			for _, kind := range []string{"blobs", "manifests"} {
				if resp, body := w.do("GET", "/v2/"+repo+"/"+kind+"/"+string(d), "", nil, head...); resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusUnauthorized {
					w.t.Errorf("%q asks the registry for %s of a hidden run: %d %s", p.id, d.Short(), resp.StatusCode, body)
				}
			}
		}
	}
	return seen
}

func (w *world) actor(who aihub.UserID) aihub.Actor {
	w.t.Helper()
	if who == "" {
		return aihub.Actor{}
	}
	a, err := w.db.ActorOf(w.t.Context(), who)
	w.must(err)
	return a
}

// TestStreamOfAHiddenRunSaysNothing reads the bytes of the event stream of a
// hidden run while it runs and ends: until its tick there is one event, and what
// is said of the queue stays what it was when the submission entered.
func TestStreamOfAHiddenRunSaysNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch", "tick: 5s", "tick: 10m")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	sub := vendor.submit(sc, "x", false)
	types := make(chan string, 16)
	ended := make(chan error, 1)
	go func() {
		var waits []aihub.Wait
		ended <- vendor.Events(ctx, sub.ID, 0, func(e aihub.Event) {
			if e.Type != "queue" {
				types <- e.Type + " " + e.State + " " + e.Text
				return
			}
			if waits = append(waits, *e.Wait); waits[0] != *e.Wait {
				types <- fmt.Sprintf("the queue moved from %+v to %+v", waits[0], *e.Wait)
			}
		})
	}()
	if got := <-types; !strings.HasPrefix(got, "submitted ") {
		t.Errorf("the first event is %q", got)
	}
	l := w.claim(aihub.RunInfer, sub.ID)
	w.start(l)
	w.must(w.db.Finish(ctx, l, store.Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonMemory, Detail: "x"}}))
	w.twoPolls(vendor, sc)
	select {
	case got := <-types:
		t.Errorf("before the tick the stream says %q", got)
	case err := <-ended:
		t.Errorf("before the tick the stream ends: %v", err)
	default:
	}
	w.pass(w.tick(sc))
	_, err := w.db.Reap(ctx)
	w.must(err)
	w.must(<-ended)
	if got := <-types; got != "failed failed " {
		t.Errorf("after the tick the stream says %q", got)
	}
	v, err := vendor.Submission(ctx, sub.ID)
	w.must(err)
	if want := (aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonHidden}); v.Fault != want {
		t.Errorf("the vendor learns %+v", v.Fault)
	}
}

// twoPolls returns when an event stream of another submission has seen two
// things one after the other: every other stream has looked in between.
func (w *world) twoPolls(p person, sc aihub.Scenario) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	sub := p.submit(sc, "clock", true)
	l := w.claim(aihub.RunSmoke, sub.ID)
	w.start(l)
	logs := make(chan string, 4)
	go p.Events(ctx, sub.ID, 0, func(e aihub.Event) {
		if e.Type == "log" {
			logs <- e.Text
		}
	})
	for range 3 { // the first may come with the opening of the stream
		w.must(w.db.AppendLog(ctx, l, "tick"))
		<-logs
	}
}
