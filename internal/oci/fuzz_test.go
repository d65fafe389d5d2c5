package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"aihub"

	"github.com/google/go-cmp/cmp"
)

var smallLimits = Limits{Archive: 1 << 20, Unpacked: 1 << 20, Entries: 500}

// seeds adds every hostile archive that is small enough to mutate.
func seeds(f *testing.F) {
	for _, r := range slices.Concat(hostileLayers(f), hostileManifests(f), hostileArchives(f)) {
		if len(r.archive) < 64<<10 {
			f.Add(r.archive)
		}
	}
	d := simple(f)
	f.Add(d.oci(f))
	f.Add(d.docker(f))
	f.Add(pressed(f, Gzip, d.oci(f)))
	f.Add(pressed(f, Zstd, d.docker(f)))
}

// Whatever arrives, Import ends with an image that loads and unpacks, or with a
// refusal that leaves nothing.
func FuzzArchive(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, archive []byte) {
		img, store, err := importing(t, archive, smallLimits)
		if err != nil {
			faultsOf(t, err)
			return
		}
		if _, err := Load(t.Context(), store, img.Digest); err != nil {
			t.Fatal(err)
		}
		_, release, err := (&Cache{Dir: t.TempDir(), Limits: smallLimits}).Rootfs(t.Context(), store, img, "")
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
}

// Whatever bytes a layer is, it is taken or refused with a place.
func FuzzLayer(f *testing.F) {
	for _, r := range hostileLayers(f) {
		if len(r.archive) < 64<<10 {
			f.Add(layersIn(f, r.archive)[1])
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := &walker{ctx: t.Context(), lim: smallLimits.withDefaults(), tree: newTree(500), bad: func(code, path string, x aihub.Text) {
			if code == "" || x.EN == "" || x.ZH == "" {
				t.Errorf("fault without words: %q %q %+v", code, path, x)
			}
		}}
		_ = w.layer(bytes.NewReader(raw), Layer{Size: int64(len(raw)), DiffID: aihub.DigestOf(raw)})
		var nodes int64
		var count func(n *node)
		count = func(n *node) {
			for _, c := range n.children {
				nodes++
				count(c)
			}
		}
		count(w.tree.root)
		if nodes != w.tree.nodes {
			t.Fatalf("%d nodes, counted %d", nodes, w.tree.nodes)
		}
	})
}

// scripted makes layers of a script, four bytes an entry, so that the fuzzer
// plays with names, types and order instead of checksums.
func scripted(t *testing.T, script []byte) [][]byte {
	names := []string{"a", "a/b", "a/b/c", "a/c", "b", "b/a", "b/a/c", "b/b/a", "c", "tmp", "input/x", "proc/a",
		".wh.a", ".wh.b", "a/.wh.b", "a/b/.wh.c", "a/.wh..wh..opq", "a/b/.wh..wh..opq", ".wh..wh..opq", ".", "c/../a", "../a", "/a", "b/.wh.."}
	types := []byte{tar.TypeReg, tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeLink, tar.TypeReg, tar.TypeFifo}
	var layers [][]byte
	var entries []ent
	for ; len(script) >= 4; script = script[4:] {
		name := names[int(script[0])%len(names)]
		if script[0] > 127 { // most of the time a harmless name
			name = names[int(script[0])%12]
		}
		e := ent{name: name, typ: types[script[1]%8], mode: int64(script[3])}
		switch e.typ {
		case tar.TypeReg:
			e.body = string(script[:2])
		case tar.TypeSymlink, tar.TypeLink:
			e.link = names[int(script[2])%len(names)]
		}
		if entries = append(entries, e); script[3]%8 == 0 {
			layers, entries = append(layers, tarOf(t, entries...)), nil
		}
	}
	return append(layers, tarOf(t, entries...))
}

// Whatever layers hold, what is on disk afterwards is what the tree in memory
// says, and nothing is outside the cache.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz"))
	for i := range 24 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(3 * i), byte(5 * i), byte(i * i), 130, 0, 0, 8, byte(200 + i), 4, 1, 2}, 3))
	}
	f.Fuzz(checkScript)
}

// The same for scripts of chance, more of them than a short fuzz run tries.
func TestUnpackScripts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		script := make([]byte, 4*(1+r.IntN(60)))
		for i := range script {
			script[i] = byte(r.Uint32())
			if i%4 == 0 && r.IntN(8) > 0 {
				script[i] |= 128
			}
		}
		checkScript(t, script)
	}
}

// sharesLayers checks that an image that starts from the layers of another has the
// tree that it has alone.
func sharesLayers(t *testing.T, m *memory, img Image, want []string) {
	t.Helper()
	c := &Cache{Dir: t.TempDir(), Limits: smallLimits, stemBytes: 1}
	other := img
	other.Layers = slices.Clone(img.Layers)
	top := tarOf(t, ent{name: "top", body: "of another"})
	d, n, _ := m.Put(t.Context(), bytes.NewReader(top))
	other.Layers[len(other.Layers)-1] = Layer{Digest: d, DiffID: d, Size: n}
	other.Digest = aihub.DigestOf([]byte("other"))
	if _, release, err := c.Rootfs(t.Context(), m, other, ""); err == nil { // else it has too many entries with one more
		release()
	}
	before := m.opens
	root, release, err := c.Rootfs(t.Context(), m, img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if m.opens != before+1 {
		t.Fatalf("%d of %d layers were read again", m.opens-before, len(img.Layers))
	}
	if diff := cmp.Diff(want, treeOf(t, root)); diff != "" {
		t.Fatal(diff)
	}
}

func checkScript(t *testing.T, script []byte) {
	layers := scripted(t, script[:min(len(script), 400)])
	home := t.TempDir()
	m, img := stored(t, layers...)
	c := &Cache{Dir: filepath.Join(home, "cache"), Limits: smallLimits}
	root, release, err := c.Rootfs(t.Context(), m, img, "")
	if out, e := os.ReadDir(home); e != nil || len(out) > 1 {
		t.Fatalf("outside the cache: %v, %v", out, e)
	}
	w := &walker{ctx: t.Context(), lim: smallLimits.withDefaults(), tree: newTree(500)}
	var refused error
	for i, raw := range layers {
		if refused = w.layer(bytes.NewReader(raw), img.Layers[i]); refused != nil {
			break
		}
	}
	if err != nil {
		for _, e := range treeOf(t, c.Dir) {
			if !strings.HasSuffix(e, `.lock ""`) {
				t.Fatalf("left in the cache: %s", e)
			}
		}
		if refused == nil {
			t.Fatalf("the check takes what cannot be unpacked: %v", errors.Unwrap(err))
		}
		return
	}
	defer release()
	if refused != nil {
		t.Fatalf("unpacked, but refused by the check: %v", refused)
	}
	if len(layers) > 1 {
		sharesLayers(t, m, img, treeOf(t, root))
	}
	for _, name := range mountPoints {
		if n := w.tree.root.children[name]; n == nil || n.kind != dir {
			delete(w.tree.root.children, name)
			if _, bad := w.tree.add(w.tree.root, name, node{kind: dir}); bad != nil {
				t.Fatal(bad.text)
			}
		}
	}
	same(t, w.tree.root, root)
}

// same compares a node with a directory, recursively.
func same(t *testing.T, n *node, path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(n.children) {
		t.Fatalf("%s: %v on disk, %v in the tree", path, entries, slices.Collect(maps.Keys(n.children)))
	}
	for _, e := range entries {
		c := n.children[e.Name()]
		switch {
		case c == nil, c.kind == dir != e.IsDir(), c.kind == symlink != (e.Type()&os.ModeSymlink != 0):
			t.Fatalf("%s/%s: %v on disk, %+v in the tree", path, e.Name(), e.Type(), c)
		case c.kind == dir:
			same(t, c, filepath.Join(path, e.Name()))
		}
	}
}

// A document that passes reads the same however often it is written again: no
// part of it can mean two things.
func FuzzManifest(f *testing.F) {
	d := simple(f)
	for _, b := range d.members(f) {
		f.Add(b)
	}
	f.Add([]byte(`{"layers":[],"Layers":[{"urls":["http://x"]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fs := &faults{}
		m := parseManifest(raw, "manifest", fs)
		if len(fs.list) > 0 {
			return
		}
		for _, l := range append(m.Layers, m.Config) {
			if _, err := aihub.ParseDigest(l.Digest); err != nil || l.Size < 0 || len(l.URLs) > 0 {
				t.Fatalf("let through: %+v", l)
			}
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if n := parseManifest(again, "manifest", fs); !reflect.DeepEqual(m.Layers, n.Layers) && len(m.Layers)+len(n.Layers) > 0 || len(fs.list) > 0 {
			t.Fatalf("%+v becomes %+v, %v", m, n, fs.list)
		}
		lr := &layoutReader{s: &spool{}, machine: runtime.GOARCH, fs: fs, seen: map[string]bool{}}
		lr.index(raw, "index.json", "", 1)
	})
}

// A config that passes has a command line, one PATH and a harmless directory.
func FuzzConfig(f *testing.F) {
	d := simple(f)
	f.Add(d.config(f))
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"Cmd":["x"],"WorkingDir":"/proc","Env":["PATH=/a:b"]},"rootfs":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fs := &faults{}
		img := newImage(aihub.DigestOf(raw), 0, manifest{}, raw, runtime.GOARCH, fs)
		if len(fs.list) > 0 {
			return
		}
		if len(img.Args()) == 0 || img.Args()[0] == "" || len(img.Env) != 1 || !strings.HasPrefix(img.Env[0], "PATH=/") || !cleanDir(img.WorkingDir) {
			t.Fatalf("let through: %+v", img)
		}
		if checkCommand(newTree(10), &img, fs); fs.err() == nil {
			t.Fatalf("%q found in an empty image", img.Args())
		}
	})
}
