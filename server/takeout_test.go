package server_test

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"aihub"
	"aihub/internal/store"
	"aihub/server/wire"
)

// kept is a workspace of the vendor that is over and left files in /output.
func (w *world) kept(sc aihub.Scenario, files map[string]string) aihub.SubmissionID {
	w.t.Helper()
	ctx := w.t.Context()
	img, err := w.as("vendor").UploadImage(ctx, bytes.NewReader(w.image("a shell")), nil)
	w.must(err)
	sub, err := w.as("vendor").OpenWorkspace(ctx, sc.Ref.String(), wire.NewWorkspace{Image: img.Digest})
	w.must(err)
	var b bytes.Buffer
	b.Write(make([]byte, 32))
	t := tar.NewWriter(&b)
	for name, text := range files {
		w.must(t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: int64(len(text)), Format: tar.FormatPAX}))
		_, err := t.Write([]byte(text))
		w.must(err)
	}
	w.must(t.Close())
	l := w.claim(aihub.RunWorkspace, sub.ID)
	d := aihub.DigestOf(b.Bytes())
	w.must(w.db.Seal(ctx, l, d))
	_, _, err = w.blobs.Put(ctx, &b)
	w.must(err)
	w.must(w.db.Finish(ctx, l, store.Outcome{Log: w.put("cast"), Model: store.Sealed{Digest: d, Bytes: 1, Files: int64(len(files))}}))
	return sub.ID
}

// People ask for files, read them and vote on pages, in both languages.
func TestFilesInABrowser(t *testing.T) {
	b := openBrowser(t)
	w := newWorld(t)
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch", "\nlimits:", opened+"\nlimits:")
	vendor := w.as("vendor")
	vendor.enrol(sc)
	id := w.kept(sc, map[string]string{"report.md": "# Accuracy\n0.8 <b>not bold</b>\u200b\n", "chart.bin": "\x00\x01\x02", "long.txt": strings.Repeat("line 深圳\n", 5000)})
	b.look(1280, false)
	b.signIn(w, "vendor")
	page := w.http.URL + "/submissions/" + string(id)
	b.do(chromedp.Navigate(page+"?lang=zh"),
		chromedp.SendKeys(chromedp.CSS(`textarea[name="files"]`), "report.md\n/output/chart.bin\nlong.txt"), chromedp.SendKeys(chromedp.CSS(`textarea[name="purpose"]`), "a chart for the paper"))
	b.shot("files-ask-zh-1280")
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/release"] button`)))
	b.await("that it was asked", `document.body.innerText.includes("评审中")`)
	b.quiet("the vendor's page")
	b.look(390, true)
	b.do(chromedp.Navigate(page + "?lang=en"))
	b.shot("files-asked-en-390")
	list, err := vendor.FileReleases(t.Context(), id)
	w.must(err)
	out := string(list[0].ID)

	b.look(1280, false)
	b.signIn(w, "reviewer")
	b.do(chromedp.Navigate(w.http.URL + "/work?lang=en"))
	b.await("what waits", `document.body.innerText.includes("Files that ask to leave")`)
	b.shot("files-work-en-1280")
	b.do(chromedp.Navigate(w.http.URL + "/work/files/" + out + "?lang=en"))
	b.await("a file as text, with what hides in it", `document.body.innerText.includes("0.8 <b>not bold</b>⟨U+200B⟩")`)
	b.await("what was found", `document.body.innerText.includes("chart.bin: no text; a search")`)
	b.await("what is no text", `document.body.innerText.includes("00 01 02")`)
	b.await("the next piece of a long one", `document.querySelector('a[href*="from="]') !== null`)
	b.shot("files-read-en-1280")
	b.quiet("the reviewer's page")
	b.do(chromedp.SendKeys(chromedp.CSS(`textarea[name="reason"]`), "numbers only"), chromedp.Click(chromedp.CSS(`button[value="approve"]`)))
	b.await("that it was voted", `location.pathname === "/work"`)
	w.must(w.as("second").VoteFiles(t.Context(), out, wire.Decide{Approve: true, Reason: "as said"}))
	b.signIn(w, "vendor")
	b.do(chromedp.Navigate(page + "?lang=en"))
	b.await("a link to a file", `document.querySelector('a[href*="/files?file="]') !== null`)
	b.shot("files-released-en-1280")
	for who, want := range map[aihub.UserID]aihub.Kind{"rival": aihub.NotFound, "reviewer": aihub.Refused, "steward": aihub.Refused} {
		_, err := w.as(who).FetchFile(t.Context(), out, 0)
		w.want(want, err)
	}
	for i, f := range list[0].Files {
		if got, err := vendor.FetchFile(t.Context(), out, i); err != nil || aihub.DigestOf(got) != f.Digest {
			t.Errorf("%s arrives as %q (%v)", f.Path, got, err)
		}
	}
	_, err = vendor.FetchFile(t.Context(), out, 7)
	w.want(aihub.NotFound, err)
	_, err = w.as("rival").AskFiles(t.Context(), id, wire.AskFiles{Files: []string{"report.md"}, Purpose: "x"})
	w.want(aihub.NotFound, err)
	noInternal(t, w)
}

// The owner of a scenario ends an enrolment on its page.
func TestRevokeOnThePage(t *testing.T) {
	b := openBrowser(t)
	w := newWorld(t)
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	w.as("vendor").enrol(sc)
	b.look(1280, false)
	b.signIn(w, "steward")
	b.do(chromedp.Navigate(w.http.URL + "/scenarios/" + sc.Ref.String() + "?lang=en"))
	b.await("who takes part", `document.body.innerText.includes("acme is enrolled since")`)
	value(b, chromedp.Evaluate[bool](`document.querySelector('form[action$="/revoke"]').closest("details").open = true`))
	b.do(chromedp.SendKeys(chromedp.CSS(`form[action$="/revoke"] textarea`), "misuse"))
	b.shot("revoke-en-1280")
	b.do(chromedp.Click(chromedp.CSS(`form[action$="/revoke"] button`)))
	b.await("that it is done", `document.body.innerText.includes("The enrolment is revoked")`)
	b.quiet("the scenario's page")
	if all, err := w.as("vendor").Enrolments(t.Context(), sc.Ref.String()); err != nil || all[0].State != aihub.EnrolmentRevoked || all[0].Reason != "misuse" {
		t.Errorf("%+v %v", all, err)
	}
	noInternal(t, w)
}
