package registry_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const suite = "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111"

// conformance returns the OCI's own test program, built once into the user's
// cache, outside of this tree.
func conformance(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "aihub-test", filepath.Base(suite))
	bin := filepath.Join(dir, "conformance")
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	cmd := exec.Command("go", "install", suite)
	cmd.Dir = t.TempDir() // not this module: its versions are none of ours
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		without(t, fmt.Sprintf("the OCI's suite is not here and cannot be fetched: GOBIN=%s go install %s: %v\n%s", dir, suite, err, out))
	}
	return bin
}

// The OCI distribution conformance suite passes every test that version 1.1
// enables, and those of the version to come; none is skipped.
func TestConformance(t *testing.T) {
	bin := conformance(t)
	for _, version := range []string{"1.1", "dev"} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			results := t.TempDir()
			cmd := exec.Command(bin)
			cmd.Dir = results
			cmd.Env = append(os.Environ(), "OCI_REGISTRY="+w.host, "OCI_TLS=disabled", "OCI_REPO1=acme/one", "OCI_REPO2=acme/two",
				"OCI_USERNAME=ann", "OCI_PASSWORD="+w.as("ann").token, "OCI_VERSION="+version, "OCI_RESULTS_DIR="+results)
			out, err := cmd.CombinedOutput()
			var report struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Errors   int `xml:"errors,attr"`
				Suites   []struct {
					Cases []struct {
						Name    string    `xml:"name,attr"`
						Skipped *struct{} `xml:"skipped"`
						Failure *struct {
							Message string `xml:",chardata"`
						} `xml:"failure"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			b, rerr := os.ReadFile(filepath.Join(results, "junit.xml"))
			w.must(rerr)
			w.must(xml.Unmarshal(b, &report))
			skipped, failed := 0, 0
			for _, s := range report.Suites {
				for _, c := range s.Cases {
					if c.Skipped != nil {
						skipped++
						t.Logf("skipped: %s", c.Name)
					}
					if c.Failure != nil {
						failed++
						t.Errorf("%s: %s", c.Name, c.Failure.Message)
					}
				}
			}
			t.Logf("%d tests, %d failed, %d errors, %d skipped", report.Tests, report.Failures, report.Errors, skipped)
			if err != nil || report.Tests < 500 || report.Failures+report.Errors+failed+skipped > 0 {
				t.Errorf("%v\n%.4000s", err, out)
			}
			if dir := os.Getenv("AIHUB_CONFORMANCE"); dir != "" { // make conformance keeps the report
				w.must(os.MkdirAll(dir, 0o755))
				for _, name := range []string{"junit.xml", "report.html", "results.yaml"} {
					b, err := os.ReadFile(filepath.Join(results, name))
					w.must(err)
					w.must(os.WriteFile(filepath.Join(dir, version+"-"+name), b, 0o644))
				}
			}
		})
	}
}

// fetchToken asks for a registry token with a name and a password or token.
func (w *world) fetchToken(user, secret, scope string) (int, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "GET", w.http.URL+"/v2/token?"+url.Values{"service": {"aihub"}, "scope": {scope}}.Encode(), nil)
	w.must(err)
	req.SetBasicAuth(user, secret)
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	defer resp.Body.Close()
	var out struct{ Token string }
	if resp.StatusCode == http.StatusOK {
		w.must(json.NewDecoder(resp.Body).Decode(&out))
	}
	return resp.StatusCode, out.Token
}
