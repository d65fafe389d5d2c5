package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"aihub"
	"aihub/internal/store"
	"aihub/scenarios/packs"
	"aihub/server/wire"
)

// browser is a Chromium with a profile of its own. What its console and its
// security log say is collected; nothing may be said.
type browser struct {
	t   *testing.T
	ctx context.Context
	mu  sync.Mutex
	bad []string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		const how = "chromium is missing: apt-get install chromium fonts-noto-cjk"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	// Not t.TempDir, whose path holds the test's name: chromium puts a socket there, whose path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a straggler may still write
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.UserDataDir(dir), chromedp.Env("TMPDIR="+dir), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-dev-shm-usage", true),
	)
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	b := &browser{t: t, ctx: ctx}
	mustT(t, chromedp.Listen(ctx, func(ev any) {
		said := ""
		switch e := ev.(type) {
		case *log.EventEntryAdded:
			// A page that answers 4xx on purpose is reported as a network error.
			if e.Entry.Source != log.EntrySourceNetwork {
				said = fmt.Sprintf("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			said = fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
		case *runtime.EventConsoleAPICalled:
			said = fmt.Sprintf("console.%s: %v", e.Type, e.Args)
		}
		if said != "" {
			b.mu.Lock()
			b.bad = append(b.bad, said)
			b.mu.Unlock()
		}
	}))
	for _, domain := range []cdp.Command[cdp.Empty, cdp.Empty]{log.Enable, runtime.Enable} {
		_, err := chromedp.Call(ctx, domain, cdp.Empty{})
		mustT(t, err)
	}
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	mustT(b.t, chromedp.Do(b.ctx, steps...))
}

// value runs one action and returns what it found.
func value[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	mustT(b.t, err)
	return v
}

// look sets the window's width and whether it is dark.
func (b *browser) look(width int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(width, 900))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	mustT(b.t, err)
}

// quiet fails when the page said anything: an exception, a refused style, script
// or connection.
func (b *browser) quiet(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(b.bad)
	for _, s := range slices.Compact(b.bad) {
		b.t.Errorf("%s: %s", where, s)
	}
	b.bad = nil
}

// shot writes the whole page as PNG when AIHUB_SCREENSHOTS names a directory.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("AIHUB_SCREENSHOTS")
	if dir == "" {
		return
	}
	png := value(b, chromedp.FullScreenshot(100))
	mustT(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// unreadable is a script that returns what on the page is hard to read: text
// whose contrast with its background is below WCAG AA, fields without a label,
// images without a text, and a page wider than its window.
const unreadable = `(() => {
  const out = [];
  const parse = (s) => (s.match(/[\d.]+/g) || []).map(Number);
  const lum = ([r, g, b]) => {
    const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b);
  };
  const ground = (el) => {
    for (; el; el = el.parentElement) {
      const c = parse(getComputedStyle(el).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  for (const el of document.body.querySelectorAll("*")) {
    const text = [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(el);
    if (!text || style.visibility === "hidden" || !el.getClientRects().length || el.closest("svg, noscript, :disabled")) continue;
    const a = lum(parse(style.color)), b = lum(ground(el));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) out.push("contrast " + ratio.toFixed(2) + ": " + el.tagName + "." + el.className + " " + el.textContent.trim().slice(0, 40));
  }
  for (const el of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!el.labels.length && !el.getAttribute("aria-label")) out.push("no label: " + el.outerHTML.slice(0, 80));
  for (const el of document.querySelectorAll("svg"))
    if (el.getAttribute("aria-hidden") !== "true" && !el.getAttribute("aria-label")) out.push("no text: " + el.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) out.push("id twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) out.push("headings of the first level: " + document.querySelectorAll("h1").length);
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) out.push("the page is " + wide + " px too wide");
  return out;
})()`

// city fills a world with what a city would have after a few weeks.
type city struct {
	*world
	events, schools     aihub.Scenario
	scored, failed, try aihub.Submission
	review, pending     aihub.Submission
	trial               *store.Lease
}

func newCity(t *testing.T) *city {
	t.Helper()
	w := newWorld(t)
	c := &city{world: w}
	ctx := t.Context()
	w.dataset("event-dispatch")
	w.dataset("school-places")
	c.schools = w.scenario("school-places", "release: policy", "release: review")
	c.events = w.scenario("event-dispatch", "tick: 5s", "tick: 10m")
	vendor, rival := w.as("vendor"), w.as("rival")
	vendor.enrol(c.events)
	rival.enrol(c.events)
	vendor.enrol(c.schools)
	w.enter(w.as("steward"), c.events, "字符朴素贝叶斯", 0.7021, 0.64)
	w.enter(rival, c.events, "globex-small", 0.8211, 0.77)
	c.scored = w.enter(vendor, c.events, "云脑-分拨 v2", 0.8634, 0.81)
	c.failed = vendor.submit(c.events, "云脑-分拨 v3", false)
	w.infer(c.failed.ID, store.Outcome{Failure: aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonMemory, Detail: "killed at 256 MiB"}})
	// A baseline that two reviewers let out, and a score that waits for them.
	places := func(p person, name string, rmse, mae, smape float64) aihub.Submission {
		sub := p.submit(c.schools, name, false)
		w.infer(sub.ID, store.Outcome{Output: w.put(name)})
		w.score(c.schools, sub.ID, metric("rmse", rmse), metric("mae", mae), metric("smape", smape))
		return sub
	}
	places(w.as("steward"), "去年同期", 17.9, 12.4, 21.3)
	list, err := w.as("reviewer").Releases(ctx, aihub.ReleaseReview1)
	w.must(err)
	for _, r := range []aihub.UserID{"reviewer", "second"} {
		w.must(w.as(r).Vote(ctx, string(list[0].ID), wire.Decide{Approve: true, Reason: "no risk"}))
	}
	c.review = places(vendor, "季节性模型", 7.2, 5.1, 11.4)
	w.pass(w.tick(c.events))
	w.release()
	c.pending = vendor.submit(c.events, "云脑-分拨 v4", false)
	c.try = vendor.submit(c.events, "试运行", true)
	c.trial = w.claim(aihub.RunSmoke, c.try.ID)
	w.start(c.trial)
	w.must(w.db.AppendLog(ctx, c.trial, "读取 1743 行\n训练样本特征…\n<script>alert(1)</script> \x1b[31mred\x1b[0m\n"))
	// Waiting for people: a dataset, an enrolment, a release.
	pack, _ := packs.Get("event-dispatch")
	var raw bytes.Buffer
	w.must(pack.Generate(&raw, 8, pack.Rows))
	w.publish(w.as("steward"), pack.Manifest, raw.Bytes(), nil)
	v, err := rival.Scenario(ctx, c.schools.Ref.String())
	w.must(err)
	_, err = rival.Enrol(ctx, c.schools.Ref.String(), wire.Enrol{Purpose: "逐网格的时间序列模型，按学段分别预测", Agreement: v.Agreement})
	w.must(err)
	return c
}

// TestPagesInABrowser reads every page as the people who use it: in both
// languages, wide and narrow, light and dark.
func TestPagesInABrowser(t *testing.T) {
	b := openBrowser(t)
	c := newCity(t)
	pages := []struct {
		name, path string
		who        aihub.UserID
		zh, en     string // must be there
	}{
		{"home", "/", "", "城市出题", "Real city problems"},
		{"home-none", "/?q=zzz", "", "没有符合条件", "No scenario matches"},
		{"scenario-visitor", "/scenarios/event-dispatch", "", "登录后参与", "Sign in to take part"},
		{"signin", "/signin", "", "用户名", "User name"},
		{"missing", "/scenarios/no-such-thing", "", "此处没有内容", "There is nothing here"},
		{"datasets", "/datasets", "", "脱敏数据表", "Masked tables"},
		{"dataset", "/datasets/event-reports@1", "", "数据说明卡", "Data card"},
		{"scenario-vendor", "/scenarios/event-dispatch@1", "vendor", "本机构已揭榜", "Your organisation is enrolled"},
		{"scenario-waiting", "/scenarios/school-places@1", "rival", "揭榜申请待审批", "Your enrolment waits"},
		{"submissions", "/submissions", "vendor", "本机构的全部提交", "What your organisation has entered"},
		{"images", "/images", "vendor", "本机构的镜像", "Images of your organisation"},
		{"images-none", "/images", "reviewer", "尚无镜像", "There is no image"},
		{"submission-scored", "/submissions/" + string(c.scored.ID), "vendor", "已公布", "Released"},
		{"submission-failed", "/submissions/" + string(c.failed.ID), "vendor", "原因可能泄露数据", "the reason is not shown"},
		{"submission-review", "/submissions/" + string(c.review.ID), "vendor", "等待两位评审员", "waits for two reviewers"},
		{"submission-trial", "/submissions/" + string(c.try.ID), "vendor", "读取 1743 行", "读取 1743 行"},
		{"submit", "/scenarios/event-dispatch@1/submit", "vendor", "在公开样例上试运行", "Try it on the public sample"},
		{"submit-refused", "/scenarios/school-places@1/submit", "rival", "请先揭榜", "Enrol first"},
		{"work", "/work", "reviewer", "待表决的出域申请", "Releases to vote on"},
		{"work-steward", "/work", "steward", "须由他人审批", "Another person decides"},
		{"work-vendor", "/work", "vendor", "仅供数据管理员", "for stewards and reviewers"},
		{"dataset-review", "/datasets/event-reports@2", "reviewer", "涉及脱敏前的数据", "before masking"},
		{"submissions-all", "/submissions", "steward", "各机构的全部提交", "every organisation"},
		{"submission-steward", "/submissions/" + string(c.failed.ID), "steward", "killed at 256 MiB", "killed at 256 MiB"},
		{"scenario-schools", "/scenarios/school-places@1", "", "均方根误差", "Root mean squared error"},
		{"scenario-steward", "/scenarios/event-dispatch@1", "steward", "提交基线", "Enter a baseline"},
		{"scenario-twins", "/scenarios/event-dispatch@1?twins=1&round=open", "steward", "没有与先前提交近乎相同的", "nearly the same as an earlier one"},
	}
	who := aihub.UserID("")
	for _, p := range pages {
		if p.who != who {
			b.signIn(c.world, p.who)
			who = p.who
		}
		for _, lang := range []string{"zh", "en"} {
			for _, width := range []int64{1280, 390} {
				at := fmt.Sprintf("%s-%s-%d", p.name, lang, width)
				sep := "?"
				if strings.Contains(p.path, "?") {
					sep = "&"
				}
				b.look(width, false)
				b.do(chromedp.Navigate(c.http.URL + p.path + sep + "lang=" + lang))
				htmlLang := value(b, chromedp.Evaluate[string]("document.documentElement.lang"))
				want := p.zh
				if lang == "en" {
					want = p.en
				}
				// A live log arrives after the page.
				b.await(at+" says "+want, fmt.Sprintf("document.body.innerText.includes(%q)", want))
				if !strings.HasPrefix(htmlLang, lang) {
					t.Errorf("%s: lang=%q", at, htmlLang)
				}
				for _, f := range value(b, chromedp.Evaluate[[]string](unreadable)) {
					t.Errorf("%s: %s", at, f)
				}
				b.shot(at)
				if width == 1280 {
					b.look(width, true)
					for _, f := range value(b, chromedp.Evaluate[[]string](unreadable)) {
						t.Errorf("%s, dark: %s", at, f)
					}
					b.shot(at + "-dark")
				}
				b.quiet(at)
			}
		}
	}
	noInternal(t, c.world)
}

// signIn signs a person in through the page; "" signs out.
func (b *browser) signIn(w *world, who aihub.UserID) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{})
	mustT(b.t, err)
	if who == "" {
		return
	}
	b.look(1280, false)
	b.do(
		chromedp.Navigate(w.http.URL+"/signin?next="+url.QueryEscape("/submissions")+"&lang=en"),
		chromedp.SendKeys(chromedp.CSS(`input[name="user"]`), string(who)),
		chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), password+"\r"),
		chromedp.WaitVisible(chromedp.CSS(`.who .me`)),
	)
	if path := value(b, chromedp.Evaluate[string]("location.pathname")); path != "/submissions" {
		b.t.Fatalf("signing in leads to %s", path)
	}
}

// run is a script whose value does not matter.
func run(script string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](script)(ctx, t)
		return chromedp.Void{}, err
	}
}

// await asks a script until it is true. While a page is being replaced it has
// no answer, and is asked again.
func (b *browser) await(what, script string) {
	b.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-again.C {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("(() => { try { return Boolean("+script+") } catch { return false } })()"))
		if err == nil && ok {
			return
		}
	}
	b.t.Fatalf("%s: never; the page says:\n%s", what, value(b, chromedp.Evaluate[string]("document.body.innerText")))
}

// TestPagesInUse does what people do: the keyboard, the search as one types, the
// log as it is written, the score when its time has come.
func TestPagesInUse(t *testing.T) {
	b := openBrowser(t)
	c := newCity(t)
	b.look(1280, false)

	// The first stop of the keyboard leads past the navigation.
	b.do(chromedp.Navigate(c.http.URL+"/?lang=en"), chromedp.KeyEvent("\t"))
	if got := value(b, chromedp.Evaluate[string]("document.activeElement.className + ' ' + (document.activeElement.getBoundingClientRect().top >= 0)")); got != "skip true" {
		t.Errorf("the first stop is %q", got)
	}
	b.do(chromedp.KeyEvent("\r"))
	if got := value(b, chromedp.Evaluate[string]("location.hash + document.activeElement.id")); got != "#contentcontent" {
		t.Errorf("the skip link leads to %q", got)
	}

	// Searching as one types: the list changes, the page stays.
	b.do(run("window.stayed = true"), chromedp.SendKeys(chromedp.CSS("#q"), "school"))
	b.await("searching", `document.querySelectorAll(".cards .card").length === 1 && window.stayed && location.search.includes("q=school")`)
	b.quiet("search")

	// The log of a trial, live; the page of its end by itself.
	b.signIn(c.world, "vendor")
	b.do(chromedp.Navigate(c.http.URL + "/submissions/" + string(c.try.ID) + "?lang=en"))
	b.await("the log so far", `document.getElementById("log").textContent.includes("读取 1743 行") && document.getElementById("log-state").textContent === "live"`)
	l := c.trial
	c.must(c.db.AppendLog(t.Context(), l, "written while you look\n"))
	b.await("the log as it grows", `document.getElementById("log").textContent.endsWith("written while you look\n")`)
	if got := value(b, chromedp.Evaluate[string](`document.getElementById("log").innerHTML`)); strings.Contains(got, "<script") || strings.Contains(got, "\x1b") {
		t.Errorf("the log holds markup or escapes: %s", got)
	}
	c.must(c.db.Advance(t.Context(), l, aihub.RunCollecting))
	c.must(c.db.Finish(t.Context(), l, store.Outcome{Log: c.put("读取 1743 行\nwritten while you look\n"), Output: c.put("x")}))
	b.await("the end of the trial", `document.body.innerText.includes("Ran well")`)
	b.quiet("trial")

	// A hidden run: nothing before its time, then the score without a reload.
	b.do(chromedp.Navigate(c.http.URL+"/submissions/"+string(c.pending.ID)), run("window.stayed = true"))
	b.await("the run", `document.body.innerText.includes("Running beside hidden data")`)
	c.infer(c.pending.ID, store.Outcome{Output: c.put("p4")})
	c.score(c.events, c.pending.ID, metric("accuracy", 0.9), metric("f1", 0.9))
	c.pass(c.tick(c.events))
	c.release()
	b.await("the score", `window.stayed && document.querySelector("#status").innerText.includes("0.90")`)
	b.quiet("hidden run")

	// Back button and another language lose nothing.
	b.do(chromedp.Click(chromedp.CSS("a.lang")))
	b.await("the other language", `document.documentElement.lang === "zh-CN" && document.body.innerText.includes("已公布")`)
	noInternal(t, c.world)
}
