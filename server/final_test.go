package server_test

import (
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/evaluator"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/server/wire"

	"github.com/chromedp/chromedp"
)

// The final part is scored once for everyone, after the round has closed, with
// every digit; its board says which differences are more than chance, how stable
// the ranks are, and what a better score costs to run. Nothing of that is said of
// a round that may be asked again.
func TestFinalBoard(t *testing.T) {
	w := newWorld(t)
	w.dataset("event-dispatch")
	closes := w.now().Add(2 * time.Hour).UTC()
	sc := w.scenario("event-dispatch", "sharing:\n", "slices:\n  - {by: [street], min: 60}\n  - {by: [channel], min: 60}\nsharing:\n", "rounds:\n", fmt.Sprintf("rounds:\n  - {name: last, title: {zh: 决赛, en: Final}, part: final, closes: %s}\n", closes.Format(time.RFC3339)))
	vendor, rival := w.as("vendor"), w.as("rival")
	for _, v := range []person{vendor, rival} {
		v.enrol(sc)
	}
	r := mrand.New(mrand.NewPCG(1, 2))
	shared := make([]float64, 1000)
	for i := range shared {
		shared[i] = 0.012 * r.NormFloat64()
	}
	enter := func(p person, name string, value, own float64, wall int64) aihub.SubmissionID {
		img, err := p.UploadImage(t.Context(), strings.NewReader(string(w.image(string(p.id)+name))), nil)
		w.must(err)
		sub, err := p.Submit(t.Context(), sc.Ref.String(), wire.NewSubmission{Image: img.Digest, Name: name, Round: "last", Nonce: rand.Text()})
		w.must(err)
		w.infer(sub.ID, store.Outcome{Output: w.put("predictions " + name), Log: w.put("log " + name), Usage: aihub.Usage{WallMS: wall, CPUMS: wall}})
		sample := make([]float64, len(shared))
		for i := range sample {
			sample[i] = value + shared[i] + own*r.NormFloat64()
		}
		l := w.claim(aihub.RunScore, sub.ID)
		m := aihub.MetricValue{ID: "accuracy", Signature: "accuracy@1", Value: value, N: 2250, Status: aihub.MetricOK, Lo: value - 0.024, Hi: value + 0.024}
		f1 := metric("f1", value-0.03)
		groups := func(v float64) []aihub.Slice {
			ok, interval := aihub.MetricOK, 0.06
			return []aihub.Slice{
				{By: []string{"street"}, Worst: 1, Groups: []aihub.GroupValue{
					{Of: []string{"福田街道"}, Value: v + 0.02, N: 812, Status: ok, Lo: v - 0.01, Hi: v + 0.05},
					{Of: []string{"莲花街道"}, Value: v - 0.14, N: 301, Status: ok, Lo: v - 0.14 - interval, Hi: v - 0.14 + interval},
					{Merged: 7, Value: v + 0.01, N: 1137, Status: ok, Lo: v - 0.02, Hi: v + 0.03}}},
				{By: []string{"channel"}, Worst: -1, Groups: []aihub.GroupValue{}},
			}
		}
		m.Slices, f1.Slices = groups(value), groups(value-0.03)
		w.must(w.db.FinishScore(t.Context(), l, []aihub.MetricValue{m, f1}, sharing.NextTick(w.now(), w.tick(sc)), sample...))
		return sub.ID
	}
	first := enter(vendor, "forest-7", 0.8312345, 0.002, 21_000)
	enter(rival, "quick", 0.8296345, 0.002, 900)
	enter(w.as("steward"), "most frequent class", 0.4123, 0.004, 700)

	engine, err := policies.New()
	w.must(err)
	worker := &evaluator.Worker{DB: w.db, Blobs: w.blobs, Policies: engine, Now: w.now}
	if n, err := worker.Release(t.Context()); n != 0 || err != nil {
		t.Fatalf("answered before the close: %d, %v", n, err)
	}
	w.pass(3 * time.Hour)
	if n, err := worker.Release(t.Context()); n != 3 || err != nil {
		t.Fatalf("%d answers, %v", n, err)
	}
	b, err := w.as("").Board(t.Context(), sc.Ref.String(), "last", time.Time{})
	w.must(err)
	if !b.Final || len(b.Rows) != 3 {
		t.Fatalf("%+v", b)
	}
	a, q, base := b.Rows[0], b.Rows[1], b.Rows[2]
	if a.Values[0].Value != 0.8312345 || a.Rank != 1 || q.Rank != 1 || !q.Tied || base.Rank != 3 || !base.Baseline {
		t.Errorf("ranks %+v", b.Rows)
	}
	if a.Standing.P != nil || *q.Standing.P < 0.05 || *base.Standing.P > 1e-6 || a.Standing.RankHi != 2 || base.Standing.RankLo != 3 || !a.Standing.Pareto || !q.Standing.Pareto ||
		a.Standing.Wall != 32 || q.Standing.Wall != 1 || a.Standing.MeanRank != 1 {
		t.Errorf("standings %+v %+v %+v", a.Standing, q.Standing, base.Standing)
	}
	if a.Proof == nil || a.Proof.Answers != 3 || a.Proof.Bits != 0 || a.Proof.Error < 0.02 || a.Proof.Error > 0.05 {
		t.Errorf("certificate %+v", a.Proof)
	}
	v, err := vendor.Submission(t.Context(), first)
	w.must(err)
	if v.Score.Released[0].Lo == 0 || v.Score.Bits != 0 || v.Budget.Total != 0 {
		t.Errorf("the vendor sees %+v, budget %+v", v.Score, v.Budget)
	}
	for lang, want := range map[string][]string{"en": {"0.83123", "Holm", "≤ 32 s", "class=\"dot front\"", "Worst by street", "莲花街道: 0.6912"}, "zh-CN": {"校正", "≤ 32 秒", "决赛", "street 最差组", "按 channel 分组"}} {
		page := get(t, w.http.URL+"/scenarios/"+sc.Ref.String()+"?round=last", lang)
		for _, s := range want {
			if !strings.Contains(page, s) {
				t.Errorf("the page in %s lacks %q", lang, s)
			}
		}
	}
	// As it stood before the answers, the board is empty.
	before, err := w.as("").Board(t.Context(), sc.Ref.String(), "last", w.now().Add(-2*time.Hour))
	w.must(err)
	if len(before.Rows) != 0 || !before.AsOf.Before(b.AsOf) {
		t.Errorf("before the close the board held %+v (as of %s)", before.Rows, before.AsOf)
	}
	// Over two boards, organisations have mean places, and a baseline has none.
	task := sc.Ref.String() + "/last"
	o, err := w.as("").Overall(t.Context(), []string{task, sc.Ref.String() + "/open"}, time.Time{})
	w.must(err)
	if len(o.Rows) != 2 || o.Rows[0].Mean != 1.5 || !o.Rows[1].Tied || len(o.Tasks) != 2 {
		t.Errorf("overall %+v", o)
	}
	if _, err := w.as("").Overall(t.Context(), []string{task, task}, time.Time{}); aihub.KindOf(err) != aihub.Invalid {
		t.Errorf("one board twice: %v", err)
	}
	if page := get(t, w.http.URL+"/overall?task="+task+"&task="+sc.Ref.String()+"/open", "en"); !strings.Contains(page, "mean place") || !strings.Contains(page, "1.5") {
		t.Errorf("the overall page: %.500s", page)
	}
	if o, err := w.as("").Overall(t.Context(), []string{task, sc.Ref.String() + "/open"}, w.now().Add(-2*time.Hour)); err != nil || len(o.Rows) != 0 || len(o.Tasks) != 2 {
		t.Errorf("before the close: %v, %+v", err, o)
	}
	if page := get(t, w.http.URL+"/overall", "zh-CN"); !strings.Contains(page, `value="`+sc.Ref.String()+`"`) || !strings.Contains(page, "请至少选择两个场景") || strings.Contains(page, "checked") {
		t.Errorf("nothing is chosen: %.2000s", page)
	}
	if page := get(t, w.http.URL+"/overall?as_of=2020-01-01&task="+task+"&task="+sc.Ref.String()+"/open", "en"); !strings.Contains(page, `value="`+task+`" checked`) || !strings.Contains(page, `value="2020-01-01"`) || strings.Contains(page, "1.5") {
		t.Errorf("the overall page of a day before: %.2000s", page)
	}
	t.Run("in a browser", func(t *testing.T) {
		b := openBrowser(t)
		for _, p := range []struct {
			name, path, zh, en string
			who                aihub.UserID
		}{
			{"final-board", "/scenarios/" + sc.Ref.String() + "?round=last", "把握与代价", "How sure, and at what cost", ""},
			{"final-overall", "/overall?task=" + task + "&task=" + sc.Ref.String() + "/open", "平均名次", "mean place", ""},
			{"final-choose", "/overall", "请至少选择两个场景", "Choose two", ""},
			{"final-score", "/submissions/" + string(first), "按 street 分组", "By street", "vendor"},
			{"sealed-score", "/submissions/" + string(first), "封存", "Sealed", "reviewer"},
			{"self-test", "/scenarios/" + sc.Ref.String() + "?round=last", "与完美预测逐位相同", "as perfect, to the last bit", "steward"},
		} {
			b.signIn(w, p.who)
			for _, lang := range []string{"zh", "en"} {
				for _, width := range []int64{1280, 390} {
					at, sep := fmt.Sprintf("%s-%s-%d", p.name, lang, width), "?"
					if strings.Contains(p.path, "?") {
						sep = "&"
					}
					b.look(width, false)
					b.do(chromedp.Navigate(w.http.URL + p.path + sep + "lang=" + lang))
					want := map[string]string{"zh": p.zh, "en": p.en}[lang]
					_ = value(b, chromedp.Evaluate[bool]("document.querySelectorAll('details').forEach((d) => { d.open = true }), true"))
					b.await(at+" says "+want, fmt.Sprintf("document.body.innerText.includes(%q)", want))
					for _, f := range value(b, chromedp.Evaluate[[]string](unreadable)) {
						t.Errorf("%s: %s", at, f)
					}
					b.shot(at)
					b.quiet(at)
				}
			}
		}
	})
	// A round that can be asked again tells none of it.
	open, err := w.as("").Board(t.Context(), sc.Ref.String(), "open", time.Time{})
	w.must(err)
	if open.Final || len(open.Rows) != 0 || open.Budget.Total != 256 {
		t.Errorf("%+v", open)
	}
	if _, err := w.db.Measured(t.Context(), policies.ScopeOf(policies.Platform()), sc.Ref, "open"); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("measured: %v", err)
	}
}

func get(t *testing.T, url, lang string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	mustT(t, err)
	req.Header.Set("Accept-Language", lang)
	res, err := http.DefaultClient.Do(req)
	mustT(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	mustT(t, err)
	return string(b)
}
