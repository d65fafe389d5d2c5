package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"aihub"

	"github.com/google/go-cmp/cmp"
)

func TestImportForms(t *testing.T) {
	t.Parallel()
	upper := tarOf(t, ent{name: "etc/"}, ent{name: "etc/model.json", body: "{}", mode: 0o640})
	d := simple(t, upper)
	d.layers = append(d.layers, layerDoc{tarOf(t, ent{name: "z"}), Zstd}, layerDoc{tarOf(t, ent{name: "p"}), Plain})
	layout, saved := d.oci(t), d.docker(t)

	both := d.members(t) // Docker 25: a layout that also has manifest.json
	both["manifest.json"] = []byte(`[{"Config":"blobs/sha256/x","RepoTags":null,"Layers":[]}]`)

	want, store, err := importing(t, layout, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want.Args()[0] != "/run" || len(want.Layers) != 4 || want.WorkingDir != "/" || want.Env[0] != "PATH="+defaultPath {
		t.Fatalf("%+v", want)
	}
	var kept int64
	for _, b := range store.blobs {
		kept += int64(len(b))
	}
	if kept != want.Size || len(store.blobs) != 6 {
		t.Errorf("%d blobs with %d bytes are kept, Size says %d", len(store.blobs), kept, want.Size)
	}

	for name, archive := range map[string][]byte{
		"gzip":         pressed(t, Gzip, layout),
		"zstd":         pressed(t, Zstd, layout),
		"docker 25":    pack(t, both),
		"dot slash":    dotted(t, d.members(t)),
		"docker":       saved,
		"docker, gzip": pressed(t, Gzip, saved),
	} {
		t.Run(name, func(t *testing.T) {
			got, store, err := importing(t, archive, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := Load(t.Context(), store, got.Digest)
			if err != nil {
				t.Fatal(err)
			}
			loaded.Unpacked, loaded.Notes = got.Unpacked, got.Notes
			if diff := cmp.Diff(got, loaded); diff != "" {
				t.Errorf("Load differs from Import:\n%s", diff)
			}
			if !strings.Contains(name, "docker,") && name != "docker" {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				return
			}
			for i, l := range got.Layers {
				if l.DiffID != want.Layers[i].DiffID || l.Format != Plain {
					t.Errorf("layer %d: %+v", i, l)
				}
			}
		})
	}
	a, _, err1 := importing(t, saved, Limits{})
	b, _, err2 := importing(t, saved, Limits{})
	if err1 != nil || err2 != nil || a.Digest != b.Digest {
		t.Errorf("the manifest made for docker save is not always the same: %s %s", a.Digest, b.Digest)
	}
}

// dotted is what `tar -C layout -cf x.tar .` makes.
func dotted(t testing.TB, files map[string][]byte) []byte {
	entries := []ent{{name: "./"}, {name: "./blobs/"}, {name: "./blobs/sha256/"}}
	for name, b := range files {
		entries = append(entries, ent{name: "./" + name, body: string(b)})
	}
	return tarOf(t, entries...)
}

// Older versions of docker save store a layer that two images share once, and
// link it.
func TestImportLinkedLayer(t *testing.T) {
	t.Parallel()
	d := simple(t)
	config := d.config(t)
	archive := func(link string) []byte {
		return tarOf(t, ent{name: "c.json", body: string(config)}, ent{name: "base/layer.tar", body: string(d.layers[0].tar)},
			ent{name: "top/layer.tar", typ: tar.TypeSymlink, link: link},
			ent{name: "manifest.json", body: `[{"Config":"c.json","RepoTags":["a:1"],"Layers":["top/layer.tar"]}]`})
	}
	if _, _, err := importing(t, archive("../base/layer.tar"), Limits{}); err != nil {
		t.Error(err)
	}
	for _, link := range []string{"../../../etc/passwd", "/etc/passwd", "layer.tar"} {
		_, _, err := importing(t, archive(link), Limits{})
		if f := faultsOf(t, err); f[0].Code != codeMissing {
			t.Errorf("%s: %v", link, err)
		}
	}
}

// An index may hold the image for several machines, and attestations.
func TestImportPlatforms(t *testing.T) {
	t.Parallel()
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	if other == "" {
		other = "amd64"
	}
	mine, theirs := simple(t), simple(t, tarOf(t, ent{name: "x"}))
	theirs.arch = other
	files := mine.members(t)
	man := func(d *doc, arch string) obj {
		var desc obj
		e := *d
		e.onIndex = func(ix obj) { desc = ix["manifests"].([]obj)[0] }
		for k, v := range e.members(t) {
			if k != "index.json" {
				files[k] = v
			}
		}
		if arch != "" {
			desc["platform"] = obj{"os": "linux", "architecture": arch}
		}
		return desc
	}
	with := func(list ...obj) []byte {
		files["index.json"] = mustJSON(t, obj{"schemaVersion": 2, "manifests": list})
		return pack(t, files)
	}
	attest := man(theirs, "unknown")
	attest["platform"] = obj{"os": "unknown", "architecture": "unknown"}
	absent := obj{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": string(aihub.DigestOf([]byte("x"))), "size": 3,
		"platform": obj{"os": "linux", "architecture": "riscv64"}}
	plain, _, err := importing(t, mine.oci(t), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	nested := with(man(theirs, other), man(mine, runtime.GOARCH), attest, absent)
	inner := files["index.json"]
	files["blobs/sha256/"+aihub.DigestOf(inner).Hex()] = inner
	for name, archive := range map[string][]byte{
		"named":     nested,
		"nested":    with(refer("application/vnd.oci.image.index.v1+json", inner)),
		"unnamed":   with(man(theirs, ""), man(mine, "")),
		"two names": with(man(mine, runtime.GOARCH), man(mine, runtime.GOARCH)),
	} {
		if img, _, err := importing(t, archive, Limits{}); err != nil || img.Digest != plain.Digest {
			t.Errorf("%s: %s, %v", name, img.Digest, err)
		}
	}
	for name, archive := range map[string][]byte{
		"index":  with(man(theirs, other)),
		"config": theirs.oci(t),
		"docker": theirs.docker(t),
	} {
		_, _, err := importing(t, archive, Limits{})
		if f := faultsOf(t, err); f[0].Code != codePlatform || !strings.Contains(err.Error(), "linux/"+other) || !strings.Contains(err.Error(), "linux/"+runtime.GOARCH) {
			t.Errorf("%s: %v", name, err)
		}
	}
	second := simple(t, tarOf(t, ent{name: "y"}))
	two := man(second, runtime.GOARCH)
	two["annotations"] = obj{"org.opencontainers.image.ref.name": "second"}
	_, _, err = importing(t, with(man(mine, runtime.GOARCH), two), Limits{})
	if f := faultsOf(t, err); f[0].Code != codeMany || !strings.Contains(err.Error(), "second") || !strings.Contains(err.Error(), "docker save") {
		t.Error(err)
	}
}

// Rows V25 to V27 of the threat model: each image is refused for its reason, with
// the place, and leaves nothing behind.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	for _, r := range slices.Concat(hostileLayers(t), hostileManifests(t), hostileArchives(t)) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := importing(t, r.archive, r.lim)
			faults := faultsOf(t, err)
			if !slices.ContainsFunc(faults, func(f aihub.Fault) bool { return f.Code == r.code && strings.HasPrefix(f.Where, r.where) }) {
				t.Errorf("want %s at %q, got %v", r.code, r.where, err)
			}
			if len(faults) > 2 {
				t.Errorf("one cause, %d faults: %v", len(faults), err)
			}
		})
	}
}

// All faults come at once, the same one in a layer once, with its first places.
func TestImportCollectsFaults(t *testing.T) {
	t.Parallel()
	var bad []ent
	for i := range 30 {
		bad = append(bad, ent{name: fmt.Sprintf("../%d", i)})
	}
	bad = append(bad, ent{name: "dev/x", typ: tar.TypeChar})
	d := simple(t, tarOf(t, bad...), tarOf(t, ent{name: "/abs"}))
	d.cmd = nil
	_, _, err := importing(t, d.oci(t), Limits{})
	var got []string
	for _, f := range faultsOf(t, err) {
		got = append(got, fmt.Sprintf("%s|%s|%d|%d", f.Code, f.Where, f.Count, len(f.Examples)))
	}
	want := []string{"command|config|1|0", "path|layer 2: ../0|30|19", "device|layer 2: dev/x|1|0", "path|layer 3: /abs|1|0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Row V28: what an image says about how to run is not taken, and that is said.
func TestImportIgnoresDirectives(t *testing.T) {
	t.Parallel()
	d := simple(t, tarOf(t, ent{name: "usr/bin/sudo", mode: 0o4755, pax: map[string]string{"SCHILY.xattr.security.capability": "x"}}))
	d.onConfig = func(c obj) {
		c["config"] = obj{"Entrypoint": []string{"sudo"}, "Cmd": []string{"-x"}, "User": "root", "Volumes": obj{"/input": obj{}},
			"StopSignal": "SIGKILL", "Healthcheck": obj{"Test": []string{"CMD", "x"}}, "ExposedPorts": obj{"80/tcp": obj{}},
			"WorkingDir": "/proc/self/fd/7", "Env": []string{"LD_PRELOAD=/x.so", "PATH=/usr/bin:.:../x:/proc/self/cwd", "AIHUB_SECRET=1"}}
	}
	img, _, err := importing(t, d.oci(t), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PATH=/usr/bin"}, img.Env); diff != "" {
		t.Error(diff)
	}
	if img.WorkingDir != "/" || !slices.Equal(img.Args(), []string{"sudo", "-x"}) {
		t.Errorf("%q %q", img.WorkingDir, img.Args())
	}
	var notes []string
	for _, f := range img.Notes {
		notes = append(notes, f.Code+" "+f.Where)
	}
	want := []string{"config_ignored config, Env: LD_PRELOAD", "config_ignored config, WorkingDir", "config_ignored config, User", "config_ignored config, Volumes",
		"config_ignored config, ExposedPorts", "config_ignored config, StopSignal", "config_ignored config, Healthcheck",
		"setid_dropped layer 2: usr/bin/sudo", "xattrs_dropped layer 2: usr/bin/sudo"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}
}

func TestWorkingDir(t *testing.T) {
	for p, want := range map[string]bool{"/": true, "/app": true, "/app/x": true, "app": false, "": false, "/app/": false, "/a/../b": false,
		"/proc": false, "/proc/self/fd/8": false, "/process": true, "/sys/fs": false, "/dev/shm": false, "/a\x00b": false, "/" + strings.Repeat("a", 256): false} {
		if cleanDir(p) != want {
			t.Errorf("cleanDir(%q) = %v", p, !want)
		}
	}
}

// The command is found as the kernel of the sandbox will find it.
func TestCommandIsResolved(t *testing.T) {
	t.Parallel()
	base := tarOf(t, ent{name: "opt/app/run", body: runBody}, ent{name: "usr/bin/python3", typ: tar.TypeSymlink, link: "python3.11"},
		ent{name: "usr/bin/python3.11", body: runBody}, ent{name: "bin", typ: tar.TypeSymlink, link: "usr/bin"},
		ent{name: "app", typ: tar.TypeSymlink, link: "/opt/app"}, ent{name: "loop", typ: tar.TypeSymlink, link: "loop"},
		ent{name: "up", typ: tar.TypeSymlink, link: "../../../../opt"}, ent{name: "hard", typ: tar.TypeLink, link: "opt/app/run"},
		ent{name: "out", typ: tar.TypeSymlink, link: "/output"}, ent{name: "opt/scratch", typ: tar.TypeSymlink, link: "../tmp/x/y"})
	for _, c := range []struct {
		cmd, dir string
		ok       bool
	}{
		{"python3", "", true}, {"/bin/python3", "", true}, {"./run", "/app", true}, {"app/run", "", true}, {"run", "/app", false},
		{"/up/app/run", "", true}, {"/loop", "", false}, {"/opt/app", "", false}, {"/hard", "", true}, {"/opt/app/run/x", "", false}, {"./run", "/nowhere", false},
		{"/hard", "/output", true}, {"/hard", "/app", true}, {"/hard", "/out", false}, {"/hard", "/out/sub", false}, {"/hard", "/opt/scratch", false},
	} {
		d := &doc{arch: runtime.GOARCH, cmd: []string{c.cmd}, layers: []layerDoc{{base, Gzip}}}
		d.onConfig = func(o obj) { o["config"].(obj)["WorkingDir"] = c.dir }
		_, _, err := importing(t, d.oci(t), Limits{})
		if (err == nil) != c.ok {
			t.Errorf("%s in %q: %v", c.cmd, c.dir, err)
		}
	}
}

type brokenReader struct{ r io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errors.New("connection reset")
	}
	return n, err
}

// A transfer that breaks off is not the fault of the image.
func TestImportBrokenTransfer(t *testing.T) {
	t.Parallel()
	archive := simple(t).oci(t)
	store := &memory{}
	_, err := Import(t.Context(), store, brokenReader{bytes.NewReader(archive[:1500])}, Limits{Temp: t.TempDir()})
	if aihub.KindOf(err) != aihub.Invalid || len(store.blobs) > 0 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Import(ctx, store, bytes.NewReader(archive), Limits{Temp: t.TempDir()}); !errors.Is(err, context.Canceled) || len(store.blobs) > 0 {
		t.Errorf("%v", err)
	}
}

// The archive has no name on disk while it is checked: a killed process leaves
// nothing behind.
func TestSpoolIsNameless(t *testing.T) {
	t.Parallel()
	lim := Limits{Temp: t.TempDir()}.withDefaults()
	s, err := readArchive(t.Context(), bytes.NewReader(simple(t).oci(t)), lim, &faults{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if left, err := os.ReadDir(lim.Temp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestLoadDamaged(t *testing.T) {
	t.Parallel()
	img, store, err := importing(t, simple(t).oci(t), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), store, aihub.DigestOf(nil)); aihub.KindOf(err) != aihub.NotFound {
		t.Errorf("unknown image: %v", err)
	}
	if _, err := Load(t.Context(), store, img.Config); aihub.KindOf(err) != aihub.Unavailable {
		t.Errorf("a config is no manifest: %v", err)
	}
	for _, d := range []aihub.Digest{img.Layers[0].Digest, img.Config} {
		b := store.blobs[d]
		delete(store.blobs, d)
		if _, err := Load(t.Context(), store, img.Digest); aihub.KindOf(err) != aihub.Unavailable {
			t.Errorf("without %s: %v", d.Short(), err)
		}
		store.blobs[d] = b
	}
}
