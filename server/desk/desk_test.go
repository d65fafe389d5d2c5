package desk

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"os"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/scenarios"
	"aihub/server/wire"
)

// parts builds a form of name and content pairs.
func parts(t testing.TB, pairs ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		p, err := w.CreateFormFile(pairs[i], pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(p, pairs[i+1])
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

func left(t testing.TB, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestSpool(t *testing.T) {
	t.Parallel()
	d := &Desk{Dir: t.TempDir(), Data: 10}
	body, kind := parts(t, "manifest", "name: x", "data", "a,b\n1,2")
	manifest, f, err := d.Spool(strings.NewReader(body), kind)
	if err != nil || string(manifest) != "name: x" {
		t.Fatalf("%q, %v", manifest, err)
	}
	if b, err := os.ReadFile(f.Path); err != nil || string(b) != "a,b\n1,2" {
		t.Errorf("%q, %v", b, err)
	}
	if err := f.Remove(); err != nil || left(t, d.Dir) != 0 {
		t.Errorf("%v, %d files left", err, left(t, d.Dir))
	}
	big, bigKind := parts(t, "manifest", "name: x", "data", "eleven byte")
	long, longKind := parts(t, "manifest", strings.Repeat("x", maxManifest+1), "data", "a")
	swapped, swappedKind := parts(t, "data", "a", "manifest", "x")
	three, threeKind := parts(t, "manifest", "x", "data", "a", "data", "b")
	for name, c := range map[string]struct {
		body, kind string
		want       aihub.Kind
	}{
		"too much data":   {big, bigKind, aihub.Quota},
		"a long manifest": {long, longKind, aihub.Quota},
		"data first":      {swapped, swappedKind, aihub.Invalid},
		"a third part":    {three, threeKind, aihub.Invalid},
		"cut short":       {body[:len(body)-30], kind, aihub.Invalid},
		"no boundary":     {body, "multipart/form-data", aihub.Invalid},
		"JSON":            {"{}", "application/json", aihub.Invalid},
		"nothing":         {"", kind, aihub.Invalid},
	} {
		if _, _, err := d.Spool(strings.NewReader(c.body), c.kind); aihub.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if n := left(t, d.Dir); n != 0 {
			t.Errorf("%s: %d files are left", name, n)
		}
	}
}

// FuzzSpool: whatever comes, nothing is left behind by a failure.
func FuzzSpool(f *testing.F) {
	body, kind := parts(f, "manifest", "name: x", "data", "a,b\n1,2")
	f.Add(body, kind)
	f.Add("--x\r\n\r\n--x--", `multipart/form-data; boundary=x`)
	f.Fuzz(func(t *testing.T, body, kind string) {
		d := &Desk{Dir: t.TempDir(), Data: 100}
		_, file, err := d.Spool(strings.NewReader(body), kind)
		if err == nil {
			err = file.Remove()
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := left(t, d.Dir); n != 0 {
			t.Errorf("%d files are left", n)
		}
	})
}

func TestPrepareRemovesWhatWasLeft(t *testing.T) {
	t.Parallel()
	d := &Desk{Dir: t.TempDir() + "/tmp"}
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.temp(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(d.Dir+"/somebody-elses", nil, 0o600), os.MkdirAll(d.Dir+"/catalog-1/parts", 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := d.Prepare(); err != nil || left(t, d.Dir) != 1 {
		t.Errorf("%v, %d files left", err, left(t, d.Dir))
	}
}

func TestChooseRound(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	rounds := []aihub.Round{
		{Name: "past", Closes: now.Add(-time.Hour)}, {Name: "open", Opens: now.Add(-time.Hour), Closes: now.Add(time.Hour)},
		{Name: "open-too"}, {Name: "future", Opens: now.Add(time.Hour)},
	}
	for name, want := range map[string]string{"": "open", "future": "future", "past": "past", "none": ""} {
		if r, ok := chooseRound(rounds, name, now); r.Name != want || ok != (want != "") {
			t.Errorf("%q chose %q, %v", name, r.Name, ok)
		}
	}
	if r, ok := chooseRound(rounds[:1], "", now); !ok || r.Name != "past" {
		t.Errorf("with none open: %q", r.Name)
	}
	if _, ok := chooseRound(nil, "", now); ok {
		t.Error("chose one of no rounds")
	}
	if got := closes(rounds); !got.IsZero() {
		t.Errorf("a round without an end closes at %s", got)
	}
	if got := closes(rounds[:2]); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("the last closes at %s", got)
	}
}

func TestAwaited(t *testing.T) {
	t.Parallel()
	policy, review := scenarios.Spec{}, scenarios.Spec{}
	policy.Sharing.Score.Release, review.Sharing.Score.Release = "policy", "review"
	sealed, released := &aihub.Score{}, &aihub.Score{ReleasedAt: time.Unix(1, 0)}
	for _, c := range []struct {
		state aihub.SubmissionState
		score *aihub.Score
		spec  scenarios.Spec
		want  bool
	}{
		{aihub.SubmissionQueued, nil, policy, false},
		{aihub.SubmissionFailed, nil, policy, false},
		{aihub.SubmissionScored, nil, policy, true},
		{aihub.SubmissionScored, sealed, policy, true},
		{aihub.SubmissionScored, released, policy, false},
		{aihub.SubmissionScored, sealed, review, false},
	} {
		v := wire.SubmissionView{Submission: aihub.Submission{State: c.state}, Score: c.score}
		if got := Awaited(v, c.spec); got != c.want {
			t.Errorf("%s, %+v, %s: %v", c.state, c.score, c.spec.Sharing.Score.Release, got)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"云脑-分拨 v2": true, "a": true, strings.Repeat("字", 100): true,
		"": false, strings.Repeat("x", 101): false, "a\nb": false, "a\x1b[31m": false, "a\u202eb": false, "a\xff": false,
	} {
		if err := name("name", text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
