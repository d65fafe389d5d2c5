package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"aihub"

	"github.com/klauspost/compress/zstd"
)

// memory is a blob store in memory.
type memory struct {
	mu    sync.Mutex
	blobs map[aihub.Digest][]byte
	opens int
}

func (m *memory) Put(_ context.Context, r io.Reader) (aihub.Digest, int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return "", 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs == nil {
		m.blobs = map[aihub.Digest][]byte{}
	}
	d := aihub.DigestOf(b)
	m.blobs[d] = b
	return d, int64(len(b)), nil
}

func (m *memory) get(d aihub.Digest) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[d]
	if !ok {
		return nil, aihub.Errorf(aihub.NotFound, text("no blob", "没有"))
	}
	return b, nil
}

func (m *memory) Open(_ context.Context, d aihub.Digest) (io.ReadCloser, error) {
	b, err := m.get(d)
	m.mu.Lock()
	m.opens++
	m.mu.Unlock()
	return io.NopCloser(bytes.NewReader(b)), err
}

func (m *memory) Stat(_ context.Context, d aihub.Digest) (int64, error) {
	b, err := m.get(d)
	return int64(len(b)), err
}

func (m *memory) Delete(_ context.Context, d aihub.Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, d)
	return nil
}

func (m *memory) Walk(_ context.Context, f func(aihub.Digest, int64) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for d, b := range m.blobs {
		if err := f(d, int64(len(b))); err != nil {
			return err
		}
	}
	return nil
}

// ent is one entry of a tar to build.
type ent struct {
	name string
	typ  byte // default: a file, or a directory when name ends in /
	link string
	body string
	mode int64
	pax  map[string]string
}

func tarOf(t testing.TB, entries ...ent) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.typ, Linkname: e.link, Mode: e.mode, Size: int64(len(e.body)), PAXRecords: e.pax}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if strings.HasSuffix(e.name, "/") {
				h.Typeflag = tar.TypeDir
			}
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pressed(t testing.TB, f Format, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch f {
	case Plain:
		return b
	case Gzip:
		w = gzip.NewWriter(&out)
	case Zstd:
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type obj = map[string]any

// doc builds the archive of an image step by step; a hook may spoil any step.
type doc struct {
	layers []layerDoc
	arch   string
	cmd    []string

	onConfig   func(obj)
	rawConfig  func([]byte) []byte
	onManifest func(obj)
	rawMan     func([]byte) []byte
	onIndex    func(obj)
	rawIndex   func([]byte) []byte
	onMembers  func(map[string][]byte)
}

// layerDoc is a layer: a tar and how it is compressed.
type layerDoc struct {
	tar []byte
	f   Format
}

const runBody = "#!/bin/sh\n"

// simple returns an image that is fine: /run in one layer, and more layers on top.
func simple(t testing.TB, above ...[]byte) *doc {
	d := &doc{arch: runtime.GOARCH, cmd: []string{"/run"}, layers: []layerDoc{{tarOf(t, ent{name: "run", body: runBody}), Gzip}}}
	for _, l := range above {
		d.layers = append(d.layers, layerDoc{l, Gzip})
	}
	return d
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hook[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

func rawHook(f func([]byte) []byte, b []byte) []byte {
	if f != nil {
		return f(b)
	}
	return b
}

func refer(mediaType string, b []byte) obj {
	return obj{"mediaType": mediaType, "digest": string(aihub.DigestOf(b)), "size": len(b)}
}

func (d *doc) config(t testing.TB) []byte {
	var ids []string
	for _, l := range d.layers {
		ids = append(ids, string(aihub.DigestOf(l.tar)))
	}
	c := obj{"os": "linux", "architecture": d.arch, "rootfs": obj{"type": "layers", "diff_ids": ids}, "config": obj{"Entrypoint": d.cmd}}
	hook(d.onConfig, c)
	return rawHook(d.rawConfig, mustJSON(t, c))
}

// members returns the files of an OCI layout.
func (d *doc) members(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	put := func(b []byte) []byte { files["blobs/sha256/"+aihub.DigestOf(b).Hex()] = b; return b }
	var layers []obj
	for _, l := range d.layers {
		layers = append(layers, refer(string(layerTypes[l.f]), put(pressed(t, l.f, l.tar))))
	}
	m := obj{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": refer("application/vnd.oci.image.config.v1+json", put(d.config(t))), "layers": layers}
	hook(d.onManifest, m)
	raw := put(rawHook(d.rawMan, mustJSON(t, m)))
	ix := obj{"schemaVersion": 2, "manifests": []obj{refer("application/vnd.oci.image.manifest.v1+json", raw)}}
	hook(d.onIndex, ix)
	files["index.json"] = rawHook(d.rawIndex, mustJSON(t, ix))
	hook(d.onMembers, files)
	return files
}

// oci returns the archive as an OCI layout.
func (d *doc) oci(t testing.TB) []byte { return pack(t, d.members(t)) }

func pack(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var entries []ent
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, ent{name: name, body: string(files[name])})
	}
	return tarOf(t, entries...)
}

// docker returns the archive as `docker save` wrote it before Docker 25.
func (d *doc) docker(t testing.TB) []byte {
	t.Helper()
	config := d.config(t)
	name := aihub.DigestOf(config).Hex() + ".json"
	entries := []ent{{name: name, body: string(config)}}
	var layers []string
	for i, l := range d.layers {
		dir := strings.Repeat(string(rune('a'+i)), 64)
		layers = append(layers, dir+"/layer.tar")
		entries = append(entries, ent{name: dir + "/"}, ent{name: dir + "/VERSION", body: "1.0"}, ent{name: dir + "/json", body: "{}"},
			ent{name: dir + "/layer.tar", body: string(l.tar)})
	}
	m := []obj{{"Config": name, "RepoTags": []string{"solver:latest"}, "Layers": layers}}
	entries = append(entries, ent{name: "manifest.json", body: string(mustJSON(t, m))}, ent{name: "repositories", body: "{}"})
	return tarOf(t, entries...)
}

// importing imports archive and checks what holds for every import: nothing is
// left in the temporary directory, and a refused image leaves no blob.
func importing(t testing.TB, archive []byte, lim Limits) (Image, *memory, error) {
	t.Helper()
	store := &memory{}
	lim.Temp = t.TempDir()
	img, err := Import(t.Context(), store, bytes.NewReader(archive), lim)
	left, e := os.ReadDir(lim.Temp)
	if e != nil || len(left) > 0 {
		t.Errorf("the temporary directory holds %v, %v", left, e)
	}
	if err != nil && len(store.blobs) > 0 {
		t.Errorf("a refused image left %d blobs", len(store.blobs))
	}
	return img, store, err
}

// faultsOf returns the faults of a refusal.
func faultsOf(t testing.TB, err error) []aihub.Fault {
	t.Helper()
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Contract || len(e.Faults) == 0 {
		t.Fatalf("not a refusal with faults: %v", err)
	}
	for _, f := range e.Faults {
		if f.Message.EN == "" || f.Message.ZH == "" || f.Where == "" {
			t.Errorf("fault lacks a place or a language: %+v", f)
		}
	}
	if e.Hint.EN == "" || e.Hint.ZH == "" {
		t.Errorf("no hint: %v", err)
	}
	return e.Faults
}
