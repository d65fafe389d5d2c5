package server_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aihub"
	"aihub/catalog"
	"aihub/catalog/leaktest"
	"aihub/server/wire"
)

// audited are the manifests and raw tables of which a version was searched: once is
// enough.
var audited sync.Map

// audit searches what became of a raw table on the platform, and what leaves it by
// its doors, for every raw value that its manifest masks.
func (w *world) audit(manifest, raw []byte, v aihub.DatasetVersion) {
	w.t.Helper()
	if _, done := audited.LoadOrStore(string(manifest)+"\x00"+string(v.Raw), true); done {
		return
	}
	m, err := catalog.ParseManifest(manifest)
	w.must(err)
	path := filepath.Join(w.t.TempDir(), "raw")
	w.must(os.WriteFile(path, raw, 0o600))
	scope, generation, _ := strings.Cut(v.MaskKey, "#")
	if generation != "1" {
		w.t.Fatalf("%s is masked under %q, which is not the first key", v.Ref, v.MaskKey)
	}
	values, err := leaktest.File(m.Mask, w.keys.Derive("mask", scope), path, m.Types)
	w.must(err)
	if values.Len() < 100 {
		w.t.Fatalf("only %d raw values of %s are looked for", values.Len(), v.Ref)
	}
	files := map[string][]byte{}
	for _, f := range v.Parts {
		for what, d := range map[string]aihub.Digest{"input": f.Input, "truth": f.Truth} {
			r, err := w.blobs.Open(w.t.Context(), d)
			w.must(err)
			b, err := io.ReadAll(r)
			w.must(errors.Join(err, r.Close()))
			files[string(f.Part)+" "+what] = b
		}
	}
	b := w.browse("steward")
	for _, path := range []string{"/api/v1/datasets/" + v.Ref.String(), "/api/v1/datasets/" + v.Ref.String() + "/profile", "/api/v1/datasets/" + v.Ref.String() + "/card",
		"/api/v1/datasets/" + v.Ref.String() + "/sample", "/api/v1/datasets/" + v.Ref.String() + "/metadata", "/datasets/" + v.Ref.String()} {
		status, text := b.get(path)
		if status != 200 {
			w.t.Fatalf("%s: %d\n%s", path, status, text)
		}
		files[path] = []byte(text)
	}
	values.Report(w.t, files)
}

// publish publishes a table through a person's front door and searches what becomes of
// it for raw values. It is how tests publish what is to be there.
func (w *world) publish(by person, manifest, raw []byte, report func(wire.Progress)) aihub.DatasetVersion {
	w.t.Helper()
	v, err := by.PublishDataset(w.t.Context(), manifest, bytes.NewReader(raw), report)
	w.must(err)
	w.audit(manifest, raw, v)
	return v
}

// No test publishes past the audit; what is refused leaves nothing to search.
func TestEveryPublishIsAudited(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if name == "audit_test.go" || strings.Contains(line, "_, err = ") || strings.Contains(line, "_, err := ") {
				continue
			}
			if strings.Contains(line, ".PublishDataset(") || strings.Contains(line, ".PublishUpload(") && !strings.Contains(string(text), "w.audit(") {
				t.Errorf("%s:%d: use world.publish, which searches what comes out", name, i+1)
			}
		}
	}
}
