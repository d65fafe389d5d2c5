package attack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"aihub/internal/blob"
	"aihub/internal/oci"
)

// entry is one member of a layer.
type entry struct {
	name string
	typ  byte
	link string
	body string
	mode int64
}

func layer(entries ...entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.typ, Linkname: e.link, Size: int64(len(e.body)), Mode: e.mode}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		_ = w.WriteHeader(h) // into memory
		_, _ = io.WriteString(w, e.body)
	}
	_ = w.Close()
	return b.Bytes()
}

// bomb is a stream of n bytes of nothing, pressed by gzip or zstd.
func bomb(n int64, pressed string) []byte {
	var b bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&b)
	if pressed == "zstd" {
		z, _ = zstd.NewWriter(&b) // only wrong options fail
	}
	w := tar.NewWriter(z)
	_ = w.WriteHeader(&tar.Header{Name: "bomb", Typeflag: tar.TypeReg, Size: n, Mode: 0o644})
	_, _ = io.CopyN(w, zero{}, n)
	_ = w.Close()
	_ = z.Close()
	return b.Bytes()
}

// again presses what is pressed already: what is inside is no tar.
func again(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // into memory
	_ = z.Close()
	return out.Bytes()
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// lies are what an archive says wrongly about itself.
type lies struct {
	config   map[string]any                     // added to the config's own "config"
	manifest func(m map[string]any)             // changes the manifest
	raw      func(manifest string) string       // changes its bytes
	blobs    func(name string, b []byte) []byte // changes what is stored under a digest
	settings func(config string) string         // changes the bytes of the config
	pressed  string                             // the layers are streams of this kind already: gzip, zstd
}

// archive is an OCI image layout as a tar with one layer on top of a program.
func archive(l lies, layers ...[]byte) []byte {
	base := layer(entry{name: "algorithm", body: "\x7fELF"}, entry{name: "run", body: "x"})
	layers = append([][]byte{base}, layers...)
	cfg := map[string]any{"Entrypoint": []string{"/algorithm"}}
	for k, v := range l.config {
		cfg[k] = v
	}
	var ids []string
	var descs []any
	files := map[string][]byte{}
	for i, b := range layers {
		mediaType, id := "application/vnd.oci.image.layer.v1.tar", digest(b)
		if l.pressed != "" && i > 0 {
			mediaType += "+" + l.pressed
		}
		ids = append(ids, id)
		descs = append(descs, map[string]any{"mediaType": mediaType, "digest": id, "size": len(b)})
		files[id] = b
	}
	marshal := func(v any) []byte { b, _ := json.Marshal(v); return b }
	config := marshal(map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": cfg, "rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	if l.settings != nil {
		config = []byte(l.settings(string(config)))
	}
	files[digest(config)] = config
	m := map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": descs,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
	}
	if l.manifest != nil {
		l.manifest(m)
	}
	manifest := marshal(m)
	if l.raw != nil {
		manifest = []byte(l.raw(string(manifest)))
	}
	files[digest(manifest)] = manifest
	index := marshal(map[string]any{"schemaVersion": 2, "manifests": []any{
		map[string]any{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(manifest), "size": len(manifest)},
	}})
	members := []entry{{name: "oci-layout", body: `{"imageLayoutVersion":"1.0.0"}`}, {name: "index.json", body: string(index)}}
	for d, b := range files {
		if l.blobs != nil {
			b = l.blobs(d, b)
		}
		members = append(members, entry{name: "blobs/sha256/" + strings.TrimPrefix(d, "sha256:"), body: string(b)})
	}
	return layer(members...)
}

// take gives an archive to the intake and returns what it kept.
func (s *Suite) take(ctx context.Context, b []byte) (oci.Image, error) {
	dir := filepath.Join(s.Dir, "intake")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return oci.Image{}, err
	}
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		return oci.Image{}, err
	}
	return oci.Import(ctx, blobs, bytes.NewReader(b), oci.Limits{Temp: dir})
}

// refuses says which of the archives were taken in, or refused only after long.
func (s *Suite) refuses(ctx context.Context, archives map[string][]byte) (bad []string, err error) {
	if _, err := s.take(ctx, archive(lies{}, layer(entry{name: "fine", body: "x"}))); err != nil {
		return nil, fmt.Errorf("a proper image is refused: %w", err)
	}
	for what, b := range archives {
		began := time.Now()
		if _, err := s.take(ctx, b); err == nil {
			bad = append(bad, "taken in: "+what)
		}
		if took := time.Since(began); took > time.Minute {
			bad = append(bad, fmt.Sprintf("%s: refused only after %v", what, took.Round(time.Second)))
		}
	}
	return bad, nil
}

// climb is V25.
func climb(ctx context.Context, s *Suite) ([]string, error) {
	link := func(name, to string) entry { return entry{name: name, typ: tar.TypeSymlink, link: to} }
	hard := func(name, to string) entry { return entry{name: name, typ: tar.TypeLink, link: to} }
	return s.refuses(ctx, map[string][]byte{
		"a path with ..":                archive(lies{}, layer(entry{name: "etc/../../passwd"})),
		"an absolute path":              archive(lies{}, layer(entry{name: "/etc/passwd"})),
		"a link as parent":              archive(lies{}, layer(link("out", "/etc"), entry{name: "out/passwd"})),
		"two links as parents":          archive(lies{}, layer(link("a", "."), link("b", "a/.."), entry{name: "b/x"})),
		"two links in two layers":       archive(lies{}, layer(link("a", "..")), layer(link("a/b", ".."))),
		"a hard link out":               archive(lies{}, layer(hard("p", "../../etc/passwd"))),
		"a hard link through a link":    archive(lies{}, layer(link("l", "/"), hard("p", "l/run"))),
		"a whiteout through a link":     archive(lies{}, layer(link("l", "/"), entry{name: "l/.wh.etc"})),
		"an opaque mark through a link": archive(lies{}, layer(link("l", "/"), entry{name: "l/.wh..wh..opq"})),
		"a whiteout of ..":              archive(lies{}, layer(entry{name: "a/.wh..."})),
		"a root that is a link":         archive(lies{}, layer(link("./", "/"))),
		"a disk":                        archive(lies{}, layer(entry{name: "sda", typ: tar.TypeBlock})),
		"a character device":            archive(lies{}, layer(entry{name: "dev/mem", typ: tar.TypeChar})),
		"a pipe":                        archive(lies{}, layer(entry{name: "f", typ: tar.TypeFifo})),
		"a name of 256 bytes":           archive(lies{}, layer(entry{name: strings.Repeat("n", 256)})),
		"a path of 240 directories":     archive(lies{}, layer(entry{name: strings.Repeat("d/", 240) + "x"})),
	})
}

// bombs is V26.
func bombs(ctx context.Context, s *Suite) ([]string, error) {
	var many bytes.Buffer
	z := gzip.NewWriter(&many)
	w := tar.NewWriter(z)
	for i := range 320_000 {
		_ = w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/%d", i%1000, i), Typeflag: tar.TypeReg, Mode: 0o644})
	}
	_ = w.Close()
	_ = z.Close()
	return s.refuses(ctx, map[string][]byte{
		"1 GiB of nothing in a megabyte": archive(lies{pressed: "gzip"}, bomb(1<<30, "gzip")),
		"the same in a kilobyte of zstd": archive(lies{pressed: "zstd"}, bomb(1<<30, "zstd")),
		"320,000 files":                  archive(lies{pressed: "gzip"}, many.Bytes()),
		"a bomb inside a bomb":           archive(lies{pressed: "gzip"}, bomb(0, "gzip"), again(bomb(1<<28, "gzip"))),
		"a layer that is no tar":         archive(lies{}, []byte(strings.Repeat("PK\x03\x04", 1000))),
	})
}

// lying is V27.
func lying(ctx context.Context, s *Suite) ([]string, error) {
	some := layer(entry{name: "f", body: "x"})
	first := func(m map[string]any) map[string]any { return m["layers"].([]any)[1].(map[string]any) }
	return s.refuses(ctx, map[string][]byte{
		"a layer that is not its digest": archive(lies{blobs: func(name string, b []byte) []byte {
			if name == digest(some) {
				return append(bytes.Clone(b[:len(b)-1]), 1)
			}
			return b
		}}, some),
		"a wrong size":            archive(lies{manifest: func(m map[string]any) { first(m)["size"] = 7 }}, some),
		"a layer that is missing": archive(lies{manifest: func(m map[string]any) { first(m)["digest"] = digest([]byte("nothing")) }}, some),
		"a layer to be fetched":   archive(lies{manifest: func(m map[string]any) { first(m)["urls"] = []string{"http://169.254.169.254/"} }}, some),
		"a foreign layer": archive(lies{manifest: func(m map[string]any) {
			first(m)["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
		}}, some),
		"an unknown kind of layer": archive(lies{manifest: func(m map[string]any) { first(m)["mediaType"] = "text/html" }}, some),
		"a digest that is a path":  archive(lies{manifest: func(m map[string]any) { first(m)["digest"] = "sha256:../../../../etc/passwd" }}, some),
		"a key twice": archive(lies{raw: func(s string) string {
			return strings.Replace(s, `{`, `{"schemaVersion":2,`, 1)
		}}, some),
		"a config with a key twice":       archive(lies{settings: func(s string) string { return strings.Replace(s, `{`, `{"os":"plan9",`, 1) }}, some),
		"a config with a key in capitals": archive(lies{settings: func(s string) string { return strings.Replace(s, `{`, `{"OS":"plan9",`, 1) }}, some),
		"a config that is no JSON":        archive(lies{settings: func(string) string { return "\x00" }}, some),
		"a config of 2 MiB":               archive(lies{config: map[string]any{"Cmd": []string{strings.Repeat("x", 2<<20)}}}, some),
		"JSON nested a million deep":      archive(lies{raw: func(string) string { return strings.Repeat("[", 1<<20) }}, some),
	})
}

// directives is V28: an image that says how it wants to be run.
func directives(ctx context.Context, s *Suite) ([]string, error) {
	img, err := s.take(ctx, archive(lies{config: map[string]any{
		"User": "root", "Env": []string{"PATH=/bin", "LD_PRELOAD=/evil.so", "AIHUB_X=1"}, "Volumes": map[string]any{"/host": map[string]any{}}, "WorkingDir": "/proc/self/fd/8",
		"ExposedPorts": map[string]any{"80/tcp": map[string]any{}}, "StopSignal": "SIGCONT", "Healthcheck": map[string]any{"Test": []string{"CMD", "/evil"}}, "OnBuild": []string{"RUN evil"},
	}}, layer(entry{name: "evil.so"})))
	if err != nil {
		return nil, err
	}
	var bad []string
	if len(img.Env) != 1 || img.Env[0] != "PATH=/bin" {
		bad = append(bad, fmt.Sprintf("its environment was taken: %q", img.Env))
	}
	if img.WorkingDir != "/" {
		bad = append(bad, fmt.Sprintf("its working directory was taken: %q", img.WorkingDir))
	}
	r, err := s.once(ctx, "id")
	if err != nil {
		return bad, err
	}
	if r.value("uid") != "65532 65532" || r.value("gid") != "65532 65532" {
		bad = append(bad, "the user is "+r.value("uid"))
	}
	e, err := s.once(ctx, "env")
	if err != nil {
		return bad, err
	}
	return append(bad, e.lines(func(l string) bool {
		return !strings.HasPrefix(l, "PATH=") && !strings.HasPrefix(l, "HOME=/tmp")
	})...), nil
}
