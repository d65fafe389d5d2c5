package server_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"aihub"
)

// The page of an organisation's images says what each is, what uses it and whether it
// can go, deletes it, and shows nothing of another's.
func TestImagesPage(t *testing.T) {
	w := newWorld(t)
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	p := w.as("vendor")
	p.enrol(sc)
	waits := p.submit(sc, "waits", false)
	loose, err := p.UploadImage(t.Context(), bytes.NewReader(w.image("loose")), nil)
	w.must(err)

	vendor := w.browse("vendor")
	row := func(d aihub.Digest) string {
		t.Helper()
		_, page := vendor.get("/images")
		for _, r := range strings.Split(page, "<tr>") {
			if strings.Contains(r, string(d)) {
				return r
			}
		}
		return ""
	}
	if r := row(waits.Image); !strings.Contains(r, "/submissions/"+string(waits.ID)) || !strings.Contains(r, "needed until") || strings.Contains(r, "<form") {
		t.Errorf("an image in use: %s", r)
	}
	if r := row(loose.Digest); !strings.Contains(r, "no submission") || !strings.Contains(r, "/images/"+string(loose.Digest)+"/delete") {
		t.Errorf("an image of no use: %s", r)
	}
	if status, page := vendor.post("/images/" + string(waits.Image) + "/delete"); status != http.StatusConflict || !strings.Contains(page, string(waits.ID)+" needs this image") {
		t.Errorf("deleting an image in use: %d", status)
	}

	// What is kept can be submitted without a file, by its own organisation.
	at := "/scenarios/" + sc.Ref.String() + "/submit"
	again, err := p.UploadImage(t.Context(), bytes.NewReader(w.image("again")), nil)
	w.must(err)
	if _, page := vendor.get(at); !strings.Contains(page, `<option value="`+string(again.Digest)+`">`) || strings.Contains(page, " required ") {
		t.Errorf("the form does not offer what is kept: %s", page)
	}
	if status, page := vendor.upload(at, "smoke", "nothing", nil, ""); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Choose the file of your image") {
		t.Errorf("neither kept nor a file: %d %s", status, page)
	}
	switch status, to := vendor.upload(at, "smoke", "kept", nil, string(again.Digest)); {
	case status != http.StatusSeeOther:
		t.Errorf("a kept image: %d %s", status, to)
	default:
		v, err := p.Submission(t.Context(), aihub.SubmissionID(strings.TrimPrefix(strings.TrimSuffix(to, "?done=submitted"), "/submissions/")))
		w.must(err)
		if v.Image != again.Digest {
			t.Errorf("%s was submitted, not %s", v.Image, again.Digest)
		}
	}
	rival := w.as("rival")
	rival.enrol(sc)
	if status, page := w.browse("rival").upload(at, "smoke", "theirs", nil, string(again.Digest)); status != http.StatusNotFound {
		t.Errorf("another organisation's image: %d %s", status, page)
	}

	// Nobody else sees or deletes them.
	if _, page := w.browse("rival").get("/images"); strings.Contains(page, "sha256:") || !strings.Contains(page, "There is no image") {
		t.Error("another organisation sees images")
	}
	if status, _ := w.browse("rival").post("/images/" + string(loose.Digest) + "/delete"); status != http.StatusNotFound {
		t.Errorf("another organisation deletes one: %d", status)
	}
	if status, to := w.browse("").post("/images/" + string(loose.Digest) + "/delete"); status != http.StatusUnauthorized {
		t.Errorf("a visitor deletes one: %d %s", status, to)
	}

	if status, to := vendor.post("/images/" + string(loose.Digest) + "/delete"); status != http.StatusSeeOther || to != "/images?done=image_deleted" {
		t.Fatalf("deleting: %d %s", status, to)
	}
	if r := row(loose.Digest); r != "" {
		t.Errorf("it is still there: %s", r)
	}
	// Once the outcome is shown, its image may go, too.
	w.must(p.Cancel(t.Context(), waits.ID))
	w.pass(w.tick(sc) + time.Second)
	if r := row(waits.Image); strings.Contains(r, "needed until") {
		t.Errorf("when nothing needs it: %s", r)
	}
	list, err := p.Images(t.Context())
	w.must(err)
	if m := list.Images[1]; len(list.Images) != 2 || list.Kept != 2 || m.Submissions != 1 || m.Last != waits.ID || m.Needed {
		t.Errorf("the API: %+v", list.Images)
	}
}
