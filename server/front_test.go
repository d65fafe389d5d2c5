package server_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/internal/store"
	"aihub/scenarios"
	"aihub/scenarios/packs"
	"aihub/server/client"
	"aihub/server/wire"
)

// TestTheWholeLine plays the main job through the front door as three people,
// the workers' part through the store's worker API.
func TestTheWholeLine(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	steward, reviewer, vendor := w.as("steward"), w.as("reviewer"), w.as("vendor")

	// The steward proposes; it is not published before a second person says so.
	pack, _ := packs.Get("event-dispatch")
	var raw bytes.Buffer
	w.must(pack.Generate(&raw, 7, pack.Rows))
	stages := map[string]bool{}
	v := w.publish(steward, pack.Manifest, raw.Bytes(), func(p wire.Progress) { stages[p.Stage] = true })
	if v.State != aihub.DatasetProposed || !stages["mask"] || !stages["store"] {
		t.Errorf("proposed as %s with the stages %v", v.State, stages)
	}
	_, err := vendor.Dataset(ctx, v.Ref.String())
	w.want(aihub.NotFound, err)
	_, err = steward.PublishScenario(ctx, wire.NewScenario{Spec: string(pack.Spec)})
	if aihub.KindOf(err) == "" {
		t.Error("a scenario was published on a dataset that waits for approval")
	}
	w.want(aihub.Refused, steward.DecideDataset(ctx, v.Ref.String(), wire.Decide{Approve: true}))
	profile, err := reviewer.DatasetProfile(ctx, v.Ref.String())
	w.must(err)
	if !json.Valid(profile) {
		t.Error("the profile is not JSON")
	}
	w.must(reviewer.DecideDataset(ctx, v.Ref.String(), wire.Decide{Approve: true, Reason: "read the card"}))

	// Anyone reads the card and the sample, labels included; nobody the rest.
	visitor := w.as("")
	for lang, word := range map[aihub.Lang]string{aihub.ZH: "公开样本许可", aihub.EN: "Licence of the public sample"} {
		card, err := visitor.DatasetCard(ctx, v.Ref.String(), lang)
		w.must(err)
		if !strings.Contains(card, word) {
			t.Errorf("the card in %s does not mention %q:\n%s", lang, word, card)
		}
	}
	var sample bytes.Buffer
	w.must(visitor.DatasetSample(ctx, v.Ref.String(), "csv", &sample))
	rows, err := csv.NewReader(&sample).ReadAll()
	w.must(err)
	part, _ := v.File(aihub.Sample)
	if head := rows[0]; int64(len(rows)-1) != part.Rows || head[len(head)-1] != "department" {
		t.Errorf("the sample has %d rows and the columns %v; the part has %d rows", len(rows)-1, rows[0], part.Rows)
	}
	var parquet bytes.Buffer
	w.must(visitor.DatasetSample(ctx, v.Ref.String(), "parquet", &parquet))
	if !bytes.HasPrefix(parquet.Bytes(), []byte("PAR1")) {
		t.Error("the Parquet sample is not Parquet")
	}
	_, err = vendor.DatasetProfile(ctx, v.Ref.String())
	w.want(aihub.NotFound, err)

	// A scenario, found by its words in both languages.
	sc := w.scenario("event-dispatch")
	for _, q := range []string{"分拨", "dispatch", "report"} {
		list, err := visitor.Scenarios(ctx, q, "text", "governance")
		w.must(err)
		if len(list) != 1 || list[0].Ref != sc.Ref {
			t.Errorf("searching %q found %v", q, list)
		}
	}
	if list, err := visitor.Scenarios(ctx, "nothing-like-this", "", ""); err != nil || len(list) != 0 {
		t.Errorf("searching nonsense found %v, %v", list, err)
	}
	view, err := visitor.Scenario(ctx, sc.Ref.Name)
	w.must(err)
	spec, err := scenarios.ParseCanonical(view.Spec)
	w.must(err)
	if view.Ref != sc.Ref || len(view.Rounds) != 1 || view.Agreement != scenarios.AgreementDigest(spec) {
		t.Errorf("the scenario reads as %+v", view)
	}

	// The vendor enrols with the agreement it was shown, and no other.
	_, err = vendor.Enrol(ctx, sc.Ref.Name, wire.Enrol{Purpose: "x", Agreement: aihub.DigestOf([]byte("another text"))})
	w.want(aihub.Conflict, err)
	_, err = vendor.Enrol(ctx, sc.Ref.Name, wire.Enrol{Purpose: " \n", Agreement: view.Agreement})
	w.want(aihub.Invalid, err)
	img, err := vendor.UploadImage(ctx, bytes.NewReader(w.image("first")), nil)
	w.must(err)
	_, err = vendor.Submit(ctx, sc.Ref.Name, wire.NewSubmission{Image: img.Digest, Nonce: "nonce-0001"})
	w.want(aihub.Refused, err)
	vendor.enrol(sc)

	// One attempt; sent twice it is still one.
	in := wire.NewSubmission{Image: img.Digest, Name: "bayes", Nonce: "nonce-0002"}
	sub, err := vendor.Submit(ctx, sc.Ref.Name, in)
	w.must(err)
	again, err := vendor.Submit(ctx, sc.Ref.Name, in)
	w.must(err)
	if again.ID != sub.ID || sub.Round != "open" || sub.Baseline {
		t.Errorf("submitted %+v, then %+v", sub, again)
	}
	w.infer(sub.ID, store.Outcome{Output: w.put("predictions"), Log: w.put("secret log"), Usage: aihub.Usage{WallMS: 4321}})
	w.score(sc, sub.ID, metric("accuracy", 0.8512345), metric("f1", 0.7923456))

	// Sealed until the tick, then released in steps.
	got, err := vendor.Submission(ctx, sub.ID)
	w.must(err)
	if got.State != aihub.SubmissionQueued || got.Score != nil || got.Budget.Attempts != 1 {
		t.Errorf("before the tick the vendor sees %+v", got)
	}
	w.pass(w.tick(sc))
	w.release()
	if got, err = vendor.Submission(ctx, sub.ID); err != nil || got.Score == nil || len(got.Score.Released) != 2 {
		t.Fatalf("after the tick the vendor sees %+v, %v", got, err)
	}
	if len(got.Score.Sealed) != 0 || got.Score.Released[0].Value != 0.86 {
		t.Errorf("released %+v, sealed %+v", got.Score.Released, got.Score.Sealed)
	}
	board, err := visitor.Board(ctx, sc.Ref.Name, "", time.Time{})
	w.must(err)
	if len(board.Rows) != 1 || board.Rows[0].Org.ID != "acme" || board.Rows[0].Rank != 1 || board.Primary != "accuracy" {
		t.Errorf("the board reads %+v", board)
	}

	// The stream tells the same and ends; taken up in the middle it tells the rest.
	var seen []string
	last := int64(0)
	w.must(vendor.Events(ctx, sub.ID, 0, func(e aihub.Event) { seen, last = append(seen, e.Type), e.Seq }))
	if diff := cmp.Diff([]string{"submitted", "scored", "released"}, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	w.must(vendor.Events(ctx, sub.ID, last, func(e aihub.Event) { t.Errorf("event %d came again", e.Seq) }))

	// A receipt that verifies offline with the published key.
	receipt, err := vendor.Receipt(ctx, sub.ID)
	w.must(err)
	cp, err := visitor.Checkpoint(ctx)
	w.must(err)
	if cp.Key != fmt.Sprintf("%x", w.db.PublicKey()) || cp.Checkpoint == "" {
		t.Errorf("the checkpoint reads %+v", cp)
	}
	proven, err := store.VerifyReceipt(receipt, w.db.PublicKey())
	w.must(err)
	if proven.Submission != sub.ID {
		t.Errorf("the receipt proves %s", proven.Submission)
	}
	report, err := w.as("operator").VerifyLedger(ctx)
	w.must(err)
	if len(report.Faults) > 0 || report.Leaves == 0 || len(report.Logs) != 2 {
		t.Errorf("the ledger reads %+v", report)
	}

	// The end: nothing enters a closed scenario.
	w.must(steward.CloseScenario(ctx, sc.Ref.String()))
	_, err = vendor.Submit(ctx, sc.Ref.String(), wire.NewSubmission{Image: img.Digest, Nonce: "nonce-0003"})
	if aihub.KindOf(err) == "" {
		t.Error("a closed scenario took a submission")
	}
	noInternal(t, w)
}

// noInternal fails when the server met an error that it did not expect.
func noInternal(t *testing.T, w *world) {
	t.Helper()
	if s := w.logs.String(); strings.Contains(s, "internal error") || strings.Contains(s, "panic") {
		t.Errorf("the server logged:\n%s", s)
	}
}

func TestSmokeRunIsOpenToItsOwn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	sub := vendor.submit(sc, "trial", true)
	l := w.claim(aihub.RunSmoke, sub.ID)
	w.start(l)
	w.must(w.db.AppendLog(ctx, l, "reading 12 rows\n"))

	// Live: what was said so far.
	text, err := vendor.RunLog(ctx, l.Run().ID)
	w.must(err)
	if text != "reading 12 rows\n" {
		t.Errorf("the live log is %q", text)
	}
	events := make(chan aihub.Event, 16)
	done := make(chan error, 1)
	go func() { done <- vendor.Events(ctx, sub.ID, 0, func(e aihub.Event) { events <- e }) }()
	for e := range events {
		if e.Type == "log" {
			break
		}
	}
	w.must(w.db.AppendLog(ctx, l, "done\n"))
	for e := range events {
		if e.Type == "log" && e.Text == "done\n" {
			break
		}
	}
	w.must(w.db.Advance(ctx, l, aihub.RunCollecting))
	w.must(w.db.Finish(ctx, l, store.Outcome{Log: w.put("reading 12 rows\ndone\n"), Output: w.put("x")}))
	w.must(<-done)

	text, err = vendor.RunLog(ctx, l.Run().ID)
	w.must(err)
	if text != "reading 12 rows\ndone\n" {
		t.Errorf("the whole log is %q", text)
	}
	_, err = w.as("rival").RunLog(ctx, l.Run().ID)
	w.want(aihub.NotFound, err)
	_, err = w.as("reviewer").RunLog(ctx, l.Run().ID)
	w.want(aihub.Refused, err)
	noInternal(t, w)
}

// TestHiddenLogIsForTheSteward: and reading it is a decision on the ledger.
func TestHiddenLogIsForTheSteward(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	sub := vendor.submit(sc, "x", false)
	l := w.claim(aihub.RunInfer, sub.ID)
	w.start(l)
	w.must(w.db.Finish(ctx, l, store.Outcome{Log: w.put("what it said"), Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonExit, Detail: "exit 3"}}))
	run := l.Run().ID

	_, err := vendor.RunLog(ctx, run)
	w.want(aihub.Refused, err)
	var why *aihub.Error
	if !errors.As(err, &why) || !strings.Contains(why.Hint.EN, "aihub submit "+sc.Ref.Name+" --image FILE --smoke") || !strings.Contains(why.Hint.ZH, "aihub runs "+string(sub.ID)) {
		t.Errorf("no next step for whose log it is: %v", err)
	}
	_, err = w.as("rival").RunLog(ctx, run)
	w.want(aihub.NotFound, err)
	for _, other := range []aihub.UserID{"reviewer", "operator"} {
		if _, err := w.as(other).RunLog(ctx, run); aihub.KindOf(err) != aihub.Refused && aihub.KindOf(err) != aihub.NotFound {
			t.Errorf("%s reads a hidden log: %v", other, err)
		}
	}
	before, err := w.db.VerifyLedger(ctx)
	w.must(err)
	steward := w.as("steward") // signing in is a leaf of its own
	between, err := w.db.VerifyLedger(ctx)
	w.must(err)
	text, err := steward.RunLog(ctx, run)
	w.must(err)
	after, err := w.db.VerifyLedger(ctx)
	w.must(err)
	if text != "what it said" || between.Leaves != before.Leaves+1 || after.Leaves != between.Leaves+1 {
		t.Errorf("read %q; leaves %d, %d, %d", text, before.Leaves, between.Leaves, after.Leaves)
	}
	if len(after.Faults) > 0 {
		t.Errorf("the ledger does not verify: %v", after.Faults)
	}
}

func TestReviewersDecideTogether(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch", "release: policy", "release: review")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	sub := w.enter(vendor, sc, "bayes", 0.85, 0.79)
	w.pass(w.tick(sc))
	w.release()
	if v, err := vendor.Submission(ctx, sub.ID); err != nil || v.Score != nil && len(v.Score.Released) > 0 {
		t.Fatalf("a score under review was released: %+v, %v", v.Score, err)
	}
	list, err := w.as("reviewer").Releases(ctx, aihub.ReleaseReview1)
	w.must(err)
	if len(list) != 1 || list[0].Submission != sub.ID {
		t.Fatalf("releases to vote on: %+v", list)
	}
	id := string(list[0].ID)
	w.want(aihub.Refused, vendor.Vote(ctx, id, wire.Decide{Approve: true}))
	w.want(aihub.NotFound, w.as("rival").Vote(ctx, id, wire.Decide{Approve: true}))
	w.must(w.as("reviewer").Vote(ctx, id, wire.Decide{Approve: true, Reason: "no risk"}))
	w.want(aihub.Conflict, w.as("reviewer").Vote(ctx, id, wire.Decide{Approve: true}))
	blind, err := w.as("second").Release(ctx, id)
	w.must(err)
	if len(blind.Votes) != 0 {
		t.Errorf("the second reviewer sees the first vote: %+v", blind.Votes)
	}
	w.must(w.as("second").Vote(ctx, id, wire.Decide{Approve: true, Reason: "agreed"}))
	w.release()
	if v, err := vendor.Submission(ctx, sub.ID); err != nil || v.Score == nil || len(v.Score.Released) == 0 {
		t.Errorf("two votes released nothing: %+v, %v", v.Score, err)
	}
}

// TestRefusals: each broken request has its status, its kind, both languages,
// and nothing of what was sent.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	op := w.as("operator")
	const marker = "MARKER-0451"
	long := strings.Repeat("x", 2<<20)
	for _, c := range []struct {
		name, method, path, token, body string
		status                          int
		kind                            aihub.Kind
		header                          []string
	}{
		{name: "unknown field", method: "POST", path: "/api/v1/orgs", token: op.token, body: `{"id":"new-org","name":{"zh":"新","en":"N"},"role":"` + marker + `"}`, status: 422, kind: aihub.Invalid},
		{name: "field in another case", method: "POST", path: "/api/v1/orgs", token: op.token, body: `{"ID":"` + marker + `","name":{"zh":"新","en":"N"}}`, status: 422, kind: aihub.Invalid},
		{name: "key twice", method: "POST", path: "/api/v1/orgs", token: op.token, body: `{"id":"new-org","id":"` + marker + `","name":{"zh":"新","en":"N"}}`, status: 400, kind: aihub.Invalid},
		{name: "wrong type", method: "POST", path: "/api/v1/orgs", token: op.token, body: `{"id":["` + marker + `"],"name":{"zh":"新","en":"N"}}`, status: 422, kind: aihub.Invalid},
		{name: "not JSON", method: "POST", path: "/api/v1/orgs", token: op.token, body: marker, status: 400, kind: aihub.Invalid},
		{name: "nothing", method: "POST", path: "/api/v1/orgs", token: op.token, body: ``, status: 400, kind: aihub.Invalid},
		{name: "too large", method: "POST", path: "/api/v1/orgs", token: op.token, body: `{"id":"` + long + `"}`, status: 413, kind: aihub.Quota},
		{name: "XML", method: "POST", path: "/api/v1/orgs", token: op.token, body: `<a/>`, status: 415, kind: aihub.Invalid, header: []string{"Content-Type", "application/xml"}},
		{name: "unknown parameter", method: "GET", path: "/api/v1/scenarios?order_by=" + marker, status: 422, kind: aihub.Invalid},
		{name: "bad reference", method: "GET", path: "/api/v1/scenarios/x@0", status: 422, kind: aihub.Invalid},
		{name: "no such path", method: "GET", path: "/api/v1/" + marker, status: 404, kind: aihub.NotFound},
		{name: "no such method", method: "DELETE", path: "/api/v1/orgs", token: op.token, status: 404, kind: aihub.NotFound},
		{name: "bad token", method: "GET", path: "/api/v1/scenarios", token: marker, status: 401, kind: aihub.Unauthenticated},
		{name: "unknown token", method: "GET", path: "/api/v1/scenarios", token: "aihub_" + marker, status: 401, kind: aihub.Unauthenticated},
		{name: "nobody", method: "GET", path: "/api/v1/me", status: 401, kind: aihub.Unauthenticated},
		{name: "role", method: "POST", path: "/api/v1/orgs", token: w.as("vendor").token, body: `{"id":"new-org","name":{"zh":"新","en":"N"}}`, status: 403, kind: aihub.Refused},
		{name: "queue", method: "GET", path: "/api/v1/queue", token: w.as("vendor").token, status: 403, kind: aihub.Refused},
		{name: "form without parts", method: "POST", path: "/api/v1/datasets", token: w.as("steward").token, body: marker, status: 422, kind: aihub.Invalid},
		{name: "not an image", method: "POST", path: "/api/v1/images", token: w.as("vendor").token, body: marker, status: 422, kind: aihub.Contract},
		{name: "short password", method: "POST", path: "/api/v1/users", token: op.token, body: `{"id":"new-user","org":"acme","name":"n","roles":["vendor"],"password":"` + marker[:9] + `"}`, status: 422, kind: aihub.Invalid},
		{name: "platform role", method: "POST", path: "/api/v1/users", token: op.token, body: `{"id":"new-user","org":"acme","name":"n","roles":["platform"],"password":"` + password + `"}`, status: 422, kind: aihub.Invalid},
		{name: "other site", method: "POST", path: "/api/v1/signin", body: `{}`, status: 403, kind: aihub.Refused, header: []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := append([]string{"Content-Type", "application/json"}, c.header...)
			resp, body := w.do(c.method, c.path, c.token, strings.NewReader(c.body), header...)
			var e aihub.Error
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatalf("status %d, body %q: %v", resp.StatusCode, body, err)
			}
			if resp.StatusCode != c.status || e.Kind != c.kind {
				t.Errorf("status %d, kind %s, want %d, %s: %s", resp.StatusCode, e.Kind, c.status, c.kind, body)
			}
			if e.Text.ZH == "" || e.Text.EN == "" || e.Text.ZH == e.Text.EN {
				t.Errorf("one language is missing: %+v", e.Text)
			}
			if strings.Contains(body, marker) {
				t.Errorf("the answer repeats what was sent: %s", body)
			}
		})
	}
	noInternal(t, w)
}

// TestUploadRefusedBeforeItsBytes: the client asks first, and reads the answer.
func TestUploadRefusedBeforeItsBytes(t *testing.T) {
	w := newWorld(t)
	read := 0
	endless := readerFunc(func(p []byte) (int, error) { read += len(p); return len(p), nil })
	_, err := w.as("reviewer").UploadImage(t.Context(), endless, nil)
	w.want(aihub.Refused, err)
	_, err = client.New(w.http.URL, "").UploadImage(t.Context(), endless, nil)
	w.want(aihub.Unauthenticated, err)
	_, err = w.as("vendor").PublishDataset(t.Context(), []byte("name: x"), endless, nil)
	w.want(aihub.Refused, err)
	if read > 1<<20 {
		t.Errorf("%d bytes were sent to be refused", read)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestBrokenDatasetNamesItsPlace: faults of a manifest and of a table come back
// with line and column, and nothing is stored.
func TestBrokenDatasetNamesItsPlace(t *testing.T) {
	w := newWorld(t)
	steward := w.as("steward")
	pack, _ := packs.Get("event-dispatch")
	_, err := steward.PublishDataset(t.Context(), []byte("name: x\nnonsense: 1\n"), strings.NewReader("a\n1\n"), nil)
	w.want(aihub.Contract, err)
	if !strings.Contains(err.Error(), "line 2") {
		t.Errorf("the manifest's fault has no place: %v", err)
	}
	_, err = steward.PublishDataset(t.Context(), pack.Manifest, strings.NewReader("event_id,text\n1,a,b\n2\n"), nil)
	w.want(aihub.Contract, err)
	if list, err := steward.Datasets(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a broken dataset left %v, %v", list, err)
	}
}
