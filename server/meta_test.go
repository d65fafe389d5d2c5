package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What a description says of the sample is true of the sample as it is downloaded.
func TestMetadata(t *testing.T) {
	w := newWorld(t)
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	at := "/api/v1/datasets/" + sc.Dataset.String() + "/metadata"
	resp, text := w.do("GET", at, "", nil)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/ld+json" {
		t.Fatalf("%s as %s: %s", resp.Status, resp.Header.Get("Content-Type"), text)
	}
	var d struct {
		Distribution []struct{ ContentURL, SHA256 string }
	}
	w.must(json.Unmarshal([]byte(text), &d))
	if len(d.Distribution) != 1 || !strings.HasPrefix(d.Distribution[0].ContentURL, w.http.URL+"/") {
		t.Fatalf("distribution %+v", d.Distribution)
	}
	_, sample := w.do("GET", strings.TrimPrefix(d.Distribution[0].ContentURL, w.http.URL), "", nil)
	if sum := sha256.Sum256([]byte(sample)); hex.EncodeToString(sum[:]) != d.Distribution[0].SHA256 {
		t.Errorf("the sample is not what its description says")
	}
	for path, want := range map[string]string{
		at + "?format=dcat":                                        `"dcat:Dataset"`,
		at + "?format=datapackage":                                 `"primaryKey"`,
		"/api/v1/scenarios/" + sc.Ref.String() + "/metadata":       `"task:TaskProblem"`,
		"/api/v1/scenarios/" + sc.Ref.String() + "/board/metadata": `"task:Leaderboard"`,
		"/api/v1/catalog":                                          sc.Dataset.String(),
	} {
		if resp, text := w.do("GET", path, "", nil); resp.StatusCode != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %s\n%.300s", path, resp.Status, text)
		}
	}
	if resp, _ := w.do("GET", "/api/v1/submissions/sub_x/metadata", "", nil); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a submission for nobody: %s", resp.Status)
	}
	if resp, _ := w.do("GET", at+"?format=html", "", nil); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown format: %s", resp.Status)
	}
}
