package server_test

import (
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/evaluator"
	"aihub/internal/i18n"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/server/wire"
)

// A board as of an earlier moment shows what the hidden part had been asked by
// then; where the last entry counts it is shown, better or not; and a final board of
// scores of which no spread is known calls no difference certain.
func TestBoardAsOfAndUntested(t *testing.T) {
	w := newWorld(t)
	w.dataset("event-dispatch")
	closes := w.now().Add(2 * time.Hour).UTC()
	sc := w.scenario("event-dispatch", "    quota: 20\n", "    quota: 20\n    entry: last\n", "rounds:\n", fmt.Sprintf("rounds:\n  - {name: last, part: final, closes: %s}\n", closes.Format(time.RFC3339)))
	vendor, rival := w.as("vendor"), w.as("rival")
	for _, v := range []person{vendor, rival} {
		v.enrol(sc)
	}
	enter := func(p person, round string, accuracy float64) {
		t.Helper()
		name := fmt.Sprintf("%s-%s-%v", p.id, round, accuracy)
		img, err := p.UploadImage(t.Context(), strings.NewReader(string(w.image(name))), nil)
		w.must(err)
		sub, err := p.Submit(t.Context(), sc.Ref.String(), wire.NewSubmission{Image: img.Digest, Name: name, Round: round, Nonce: rand.Text()})
		w.must(err)
		w.infer(sub.ID, store.Outcome{Output: w.put("predictions " + name), Log: w.put("log " + name), Usage: aihub.Usage{WallMS: 1000}})
		l := w.claim(aihub.RunScore, sub.ID)
		w.must(w.db.FinishScore(t.Context(), l, []aihub.MetricValue{metric("accuracy", accuracy), metric("f1", 0.4)}, sharing.NextTick(w.now(), w.tick(sc))))
	}
	engine, err := policies.New()
	w.must(err)
	worker := &evaluator.Worker{DB: w.db, Blobs: w.blobs, Policies: engine, Now: w.now}
	answer := func(want int) {
		t.Helper()
		if n, err := worker.Release(t.Context()); n != want || err != nil {
			t.Fatalf("%d answers, want %d; %v", n, want, err)
		}
	}
	empty := w.now()
	w.pass(time.Minute)
	enter(vendor, "open", 0.5)
	w.pass(time.Minute)
	answer(1)
	first := w.now().Add(time.Second)
	w.pass(time.Minute)
	enter(rival, "open", 0.6)
	w.pass(time.Minute)
	answer(1)
	board := func(round string, at time.Time) wire.Board {
		t.Helper()
		b, err := w.as("").Board(t.Context(), sc.Ref.String(), round, at)
		w.must(err)
		return b
	}
	now, then, before := board("open", time.Time{}), board("open", first), board("open", empty)
	if now.Budget.Answers != 2 || then.Budget.Answers != 1 || before.Budget.Answers != 0 || before.Budget.Bits != 0 ||
		then.Budget.Bits <= 0 || then.Budget.Bits >= now.Budget.Bits || then.Budget.Total != now.Budget.Total || len(then.Rows) != 1 {
		t.Errorf("now %+v\nthen %+v\nbefore %+v", now.Budget, then.Budget, before.Budget)
	}

	// A page's day is one of the zone that its times are in, and ends with it.
	day := func(at time.Time) string { return at.In(i18n.China).Format(time.DateOnly) }
	for of, rows := range map[string]bool{day(w.now()): true, day(empty.Add(-24 * time.Hour)): false, "": true} {
		page := get(t, w.http.URL+"/scenarios/"+sc.Ref.String()+"?round=open&as_of="+of, "en")
		if of == "" {
			of = day(now.AsOf)
		}
		if strings.Contains(page, `class="ranking"`) != rows || !strings.Contains(page, `name="as_of" value="`+of+`"`) {
			t.Errorf("the page of %s has rows: %v, want %v", of, !rows, rows)
		}
	}

	// Where the last entry counts a worse one replaces a better, at the price of a new
	// score.
	enter(vendor, "open", 0.3)
	w.pass(time.Minute)
	answer(1)
	worse := board("open", time.Time{})
	if len(worse.Rows) != 2 || worse.Rows[1].Values[0].Value != 0.3 || worse.Rows[1].Org.ID != then.Rows[0].Org.ID ||
		math.Abs(worse.Budget.Bits-3*then.Budget.Bits) > 1e-4 {
		t.Errorf("after a worse one: %+v, budget %+v", worse.Rows, worse.Budget)
	}

	enter(vendor, "last", 0.5000001)
	enter(rival, "last", 0.5)
	w.pass(3 * time.Hour)
	answer(2)
	b := board("last", time.Time{})
	if len(b.Rows) != 2 || b.Rows[1].Rank != 1 || !b.Rows[1].Tied || !b.Untested() {
		t.Fatalf("%+v", b.Rows)
	}
	for _, r := range b.Rows {
		if s := r.Standing; s.P != nil || s.First != nil || s.RankLo != 0 || s.RankHi != 0 {
			t.Errorf("%+v", s)
		}
	}
	for lang, want := range map[string][]string{"en": {"not tested", "not known", "Not every difference is tested", "Open round every score is shown"}, "zh-CN": {"未检验", "未知", "并非所有差异都经过检验", "每个成绩无论高低"}} {
		page := get(t, w.http.URL+"/scenarios/"+sc.Ref.String()+"?round=last", lang)
		for _, s := range want {
			if !strings.Contains(page, s) {
				t.Errorf("the page in %s lacks %q", lang, s)
			}
		}
	}
}
