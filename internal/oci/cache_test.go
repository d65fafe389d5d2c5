package oci

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aihub"

	"github.com/google/go-cmp/cmp"
)

// treeOf describes a directory, one line an entry, without following links.
func treeOf(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		st, err := e.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %s", st.Mode(), rel)
		switch {
		case st.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", b)
		case st.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			line += " -> " + to
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// noMounts leaves out the empty mount points.
func noMounts(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool {
		name, ok := strings.CutPrefix(l, "dr-xr-xr-x ")
		return ok && slices.Contains(mountPoints, name)
	})
}

// stored keeps layers as an image without checking them: what a cache must
// withstand even if Import had let it through.
func stored(t testing.TB, layers ...[]byte) (*memory, Image) {
	t.Helper()
	m := &memory{}
	img := Image{Digest: aihub.DigestOf(slices.Concat(layers...)), WorkingDir: "/"}
	for _, l := range layers {
		d, n, err := m.Put(t.Context(), strings.NewReader(string(l)))
		if err != nil {
			t.Fatal(err)
		}
		img.Layers = append(img.Layers, Layer{Digest: d, DiffID: d, Size: n})
	}
	return m, img
}

// unpacked imports the layers as an image, unpacks it, and returns its tree.
func unpacked(t testing.TB, layers ...[]byte) []string {
	t.Helper()
	m, img := stored(t, layers...)
	c := &Cache{Dir: t.TempDir()}
	dir, release, err := c.Rootfs(t.Context(), m, img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	return noMounts(treeOf(t, dir))
}

func TestUnpackLayers(t *testing.T) {
	t.Parallel()
	file := func(name string) ent { return ent{name: name, body: name, mode: 0o600} }
	for _, c := range []struct {
		name   string
		layers [][]ent
		want   []string
	}{
		{"modes", [][]ent{{{name: "d/", mode: 0o1777}, {name: "d/s", mode: 0o6711, body: "x"}, {name: "d/p", mode: 0o200, body: "y"}, {name: "d/l", typ: tar.TypeSymlink, link: "/etc/shadow"}}},
			[]string{"dr-xr-xr-x d", "Lrwxrwxrwx d/l -> /etc/shadow", `-r--r--r-- d/p "y"`, `-r-xr-xr-x d/s "x"`}},
		{"whiteout", [][]ent{{file("a/b"), file("a/c")}, {{name: "a/.wh.b"}}}, []string{"dr-xr-xr-x a", `-r--r--r-- a/c "a/c"`}},
		{"whiteout of a directory", [][]ent{{file("a/b/c"), file("x")}, {{name: ".wh.a"}}}, []string{`-r--r--r-- x "x"`}},
		{"whiteout keeps its own layer", [][]ent{{file("a/b"), file("a/c")}, {file("a/d"), {name: ".wh.a"}}}, []string{"dr-xr-xr-x a", `-r--r--r-- a/d "a/d"`}},
		{"whiteout of a link", [][]ent{{{name: "l", typ: tar.TypeSymlink, link: "t"}, file("t")}, {{name: ".wh.l"}}}, []string{`-r--r--r-- t "t"`}},
		{"whiteout of nothing there", [][]ent{{file("x")}, {{name: "q/.wh.a"}, {name: ".wh.b"}}}, []string{`-r--r--r-- x "x"`}},
		{"opaque last", [][]ent{{file("a/b/c"), file("a/d")}, {file("a/b/n"), {name: "a/.wh..wh..opq"}}}, []string{"dr-xr-xr-x a", "dr-xr-xr-x a/b", `-r--r--r-- a/b/n "a/b/n"`}},
		{"opaque first", [][]ent{{file("a/b"), file("a/d")}, {{name: "a/.wh..wh..opq"}, file("a/b")}}, []string{"dr-xr-xr-x a", `-r--r--r-- a/b "a/b"`}},
		{"aufs leftovers", [][]ent{{file("a"), {name: ".wh..wh.plnk/"}, {name: ".wh..wh.aufs"}}}, []string{`-r--r--r-- a "a"`}},
		{"file over directory", [][]ent{{file("a/b/c")}, {file("a")}}, []string{`-r--r--r-- a "a"`}},
		{"directory over link", [][]ent{{{name: "a", typ: tar.TypeSymlink, link: "/"}}, {{name: "a/"}, file("a/x")}}, []string{"dr-xr-xr-x a", `-r--r--r-- a/x "a/x"`}},
		{"file over link", [][]ent{{file("t"), {name: "l", typ: tar.TypeSymlink, link: "t"}}, {file("l")}}, []string{`-r--r--r-- l "l"`, `-r--r--r-- t "t"`}},
		{"hard link over layers", [][]ent{{file("a/x")}, {{name: "y", typ: tar.TypeLink, link: "/a/x"}, {name: "a/.wh.x"}}}, []string{"dr-xr-xr-x a", `-r--r--r-- y "a/x"`}},
		{"hard link to a link", [][]ent{{{name: "l", typ: tar.TypeSymlink, link: "/etc/passwd"}, {name: "m", typ: tar.TypeLink, link: "l"}}}, []string{"Lrwxrwxrwx l -> /etc/passwd", "Lrwxrwxrwx m -> /etc/passwd"}},
		{"file over one of two names", [][]ent{{{name: "a", body: "old"}, {name: "b", typ: tar.TypeLink, link: "a"}}, {{name: "a", body: "new"}}}, []string{`-r-xr-xr-x a "new"`, `-r-xr-xr-x b "old"`}},
		{"same file twice", [][]ent{{{name: "a", body: "1"}, {name: "./a", body: "2"}}}, []string{`-r-xr-xr-x a "2"`}},
		{"mount points", [][]ent{{{name: "input", typ: tar.TypeSymlink, link: "/etc"}, file("output"), {name: "proc", typ: tar.TypeSymlink, link: "run"}, file("tmp/x")}}, []string{`-r--r--r-- tmp/x "tmp/x"`}},
		{"non-ASCII and blanks", [][]ent{{file("数据/模型 1.bin")}}, []string{"dr-xr-xr-x 数据", `-r--r--r-- 数据/模型 1.bin "数据/模型 1.bin"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var layers [][]byte
			for _, l := range c.layers {
				layers = append(layers, tarOf(t, l...))
			}
			if diff := cmp.Diff(c.want, unpacked(t, layers...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A cache withstands every hostile layer also by itself, without Import: it
// refuses, leaves no tree, and touches nothing outside its directory.
func TestCacheRefuses(t *testing.T) {
	t.Parallel()
	for _, r := range hostileLayers(t) {
		if r.name == "sparse" { // its bytes in the store are few: only the bound on content stops it
			r.lim.Unpacked = 1 << 20
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			for _, p := range []string{"etc/passwd", "run", "x", "passwd", "sda"} {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(home, p)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(home, p), []byte("outside"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := treeOf(t, home)
			m, img := stored(t, layersIn(t, r.archive)...)
			c := &Cache{Dir: filepath.Join(home, "cache"), Limits: r.lim}
			_, _, err := c.Rootfs(t.Context(), m, img, "")
			if aihub.KindOf(err) != aihub.Unavailable {
				t.Fatalf("not refused: %v", err)
			}
			for _, e := range treeOf(t, c.Dir) {
				if !strings.HasSuffix(e, `.lock ""`) {
					t.Errorf("left in the cache: %s", e)
				}
			}
			if err := os.RemoveAll(c.Dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, treeOf(t, home)); diff != "" {
				t.Errorf("something outside the cache has changed:\n%s", diff)
			}
		})
	}
}

// layersIn takes the unpacked layers out of an archive made by doc.oci.
func layersIn(t testing.TB, archive []byte) [][]byte {
	t.Helper()
	f := &faults{}
	s, err := readArchive(t.Context(), strings.NewReader(string(archive)), Limits{Temp: t.TempDir()}.withDefaults(), f)
	if err != nil || f.err() != nil {
		t.Fatal(err, f.err())
	}
	defer s.close()
	got, ok := pick(s, runtime.GOARCH, f)
	if !ok {
		t.Fatal(f.err())
	}
	var out [][]byte
	for _, m := range got.layers {
		z, done, err := decompress(s.open(m), Gzip)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := io.Copy(&b, z); err != nil {
			t.Fatal(err)
		}
		done()
		out = append(out, []byte(b.String()))
	}
	return out
}

// A tree follows the tree in memory: what the checks see is what is written.
func TestCacheWorkingDir(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{"/": "", "/a/b/c": "dr-xr-xr-x a/b/c", "/link/x": ""} {
		m, img := stored(t, tarOf(t, ent{name: "a/"}, ent{name: "link", typ: tar.TypeSymlink, link: "/etc"}))
		img.WorkingDir = dir
		c := &Cache{Dir: t.TempDir()}
		root, release, err := c.Rootfs(t.Context(), m, img, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := treeOf(t, root); want != "" && !slices.Contains(got, want) {
			t.Errorf("%s: %q", dir, got)
		}
		release()
	}
}

// Python compares compiled files with the time of their source.
func TestUnpackKeepsTimes(t *testing.T) {
	t.Parallel()
	when := time.Unix(1700000000, 0)
	var b strings.Builder
	tw := tar.NewWriter(&b)
	for _, h := range []*tar.Header{{Name: "a.py", ModTime: when}, {Name: "b.py", ModTime: time.Unix(1<<40, 0), Format: tar.FormatPAX}} {
		h.Typeflag, h.Mode = tar.TypeReg, 0o644
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	m, img := stored(t, []byte(b.String()))
	root, release, err := (&Cache{Dir: t.TempDir()}).Rootfs(t.Context(), m, img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for name, want := range map[string]time.Time{"a.py": when, "b.py": time.Unix(0, 0)} {
		if st, err := os.Stat(filepath.Join(root, name)); err != nil || !st.ModTime().Equal(want) {
			t.Errorf("%s: %v, %v", name, st.ModTime(), err)
		}
	}
}

func TestCacheUnpacksOnce(t *testing.T) {
	t.Parallel()
	m, img := stored(t, tarOf(t, ent{name: "a", body: strings.Repeat("x", 1<<20)}))
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			root, release, err := (&Cache{Dir: dir}).Rootfs(t.Context(), m, img, "") // as processes of their own would
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			if _, err := os.Stat(filepath.Join(root, "a")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m.opens != 1 {
		t.Errorf("the layer was read %d times", m.opens)
	}
	// One that waited for the lock while another unpacked finds it done.
	c := &Cache{Dir: dir}
	root, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := c.fill(t.Context(), root, m, img, ""); err != nil || m.opens != 1 {
		t.Errorf("unpacked again: %d, %v", m.opens, err)
	}
}

// A second image of the same owner reads only the layers that are new, and its
// files below are the same files; another owner shares nothing.
func TestCacheSharesLayers(t *testing.T) {
	t.Parallel()
	base := tarOf(t, ent{name: "lib/big", body: strings.Repeat("x", stemLayer)}, ent{name: "lib/small", body: "1"},
		ent{name: "lib/second", typ: tar.TypeLink, link: "lib/big"}, ent{name: "l", typ: tar.TypeSymlink, link: "lib/big"})
	one, two := tarOf(t, ent{name: "run", body: "one"}), tarOf(t, ent{name: "run", body: "two"}, ent{name: "lib/.wh.small"})
	m, first := stored(t, base, one)
	image := func(layers ...[]byte) Image {
		other, img := stored(t, layers...)
		for d, b := range other.blobs {
			m.blobs[d] = b
		}
		return img
	}
	second := image(base, two)
	dir := t.TempDir()
	get := func(img Image, owner string, layers int) string {
		t.Helper()
		m.opens = 0
		root, release, err := (&Cache{Dir: dir}).Rootfs(t.Context(), m, img, owner)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		if m.opens != layers {
			t.Errorf("%s: %d layers were read, want %d", owner, m.opens, layers)
		}
		return filepath.Join(root, "lib/big")
	}
	inode := func(p string) os.FileInfo {
		st, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	a := inode(get(first, "acme", 2))
	at := get(second, "acme", 1)
	if b := inode(at); !os.SameFile(a, b) {
		t.Error("the base is there twice")
	}
	if diff := cmp.Diff(unpacked(t, base, two), noMounts(treeOf(t, filepath.Dir(filepath.Dir(at))))); diff != "" {
		t.Error(diff)
	}
	if c := inode(get(second, "bits", 2)); os.SameFile(a, c) {
		t.Error("two owners share a file")
	}

	// What a stem says is damaged: the image is unpacked from its first layer.
	stems, err := filepath.Glob(filepath.Join(dir, "*", "stem.json"))
	if err != nil || len(stems) != 2 {
		t.Fatal(stems, err)
	}
	for _, p := range stems {
		if err := os.WriteFile(p, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	get(image(base, one, two), "acme", 3)
}

// What several trees share is counted once, and is not taken for room while one of
// them is there; what an image that fails has made is gone with it.
func TestCacheCountsSharedOnce(t *testing.T) {
	t.Parallel()
	clock := time.Unix(1700000000, 0)
	c := &Cache{Dir: t.TempDir(), Max: 2*stemLayer - 1, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	base := tarOf(t, ent{name: "big", body: strings.Repeat("x", stemLayer)})
	get := func(layers ...[]byte) (string, func(), error) {
		m, img := stored(t, layers...)
		return c.Rootfs(t.Context(), m, img, "acme")
	}
	var roots []string
	for i := range 5 { // five times the base alone is more than Max
		root, release, err := get(base, tarOf(t, ent{name: "run", body: fmt.Sprint(i)}))
		if err != nil {
			t.Fatal(err)
		}
		release()
		roots = append(roots, root)
	}
	for _, root := range roots {
		if _, err := os.Stat(root); err != nil {
			t.Errorf("counted more than once: %v", err)
		}
	}
	stems := func() int {
		list, err := filepath.Glob(filepath.Join(c.Dir, "*", "stem.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	c.Max = 1
	root, release, err := get(base, tarOf(t, ent{name: "run", body: "in use"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err != nil || stems() != 1 {
		t.Errorf("a tree in use and its %d stems: %v", stems(), err)
	}
	release()
	if stems() != 0 {
		t.Error("a stem stays that nothing is above")
	}
	c.Max = 0
	m, img := stored(t, base, tarOf(t, ent{name: "run", body: "gone"}))
	delete(m.blobs, img.Layers[1].Digest)
	if _, _, err := c.Rootfs(t.Context(), m, img, "acme"); err == nil || stems() != 0 {
		t.Errorf("%d stems of an image that fails: %v", stems(), err)
	}
}

// Names and links that are no UTF-8 come out of a stem as they went in, or there is
// no stem of them; nor is there one of a tree that is too large.
func TestCacheStemsAreExact(t *testing.T) {
	t.Parallel()
	for name, base := range map[string][]ent{
		"names": {{name: "big", body: strings.Repeat("x", stemLayer)}, {name: "\xe9/a", body: "1"}, {name: "\xe8/a", body: "2"}},
		"links": {{name: "big", body: strings.Repeat("x", stemLayer)}, {name: "l", typ: tar.TypeSymlink, link: "caf\xe9"}},
	} {
		lower := tarOf(t, base...)
		c := &Cache{Dir: t.TempDir()}
		for _, run := range []string{"one", "two"} {
			top := tarOf(t, ent{name: "run", body: run})
			m, img := stored(t, lower, top)
			root, release, err := c.Rootfs(t.Context(), m, img, "")
			if err != nil {
				t.Fatal(name, err)
			}
			if diff := cmp.Diff(unpacked(t, lower, top), noMounts(treeOf(t, root))); diff != "" {
				t.Error(name, diff)
			}
			release()
		}
	}
	large := &node{kind: dir, children: map[string]*node{}}
	for i := range stemText / 4000 {
		large.children[fmt.Sprint(i)] = &node{kind: symlink, link: strings.Repeat("<", 3990)}
	}
	if !plain(large) {
		t.Error("less than the bound is too much")
	}
	for i := range 100 {
		large.children[fmt.Sprint("more", i)] = &node{kind: symlink, link: strings.Repeat("<", 3990)}
	}
	if plain(large) {
		t.Error("the text of links is not bounded")
	}
	wide := &node{kind: dir, children: map[string]*node{}}
	for i := range stemDirs {
		wide.children[fmt.Sprint(i)] = &node{kind: dir}
	}
	if plain(wide) {
		t.Error("directories are not bounded")
	}
}

func TestCacheEvicts(t *testing.T) {
	t.Parallel()
	clock := time.Unix(1700000000, 0)
	c := &Cache{Dir: t.TempDir(), Max: 400 << 10, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	get := func(i int) (string, func()) {
		t.Helper()
		m, img := stored(t, tarOf(t, ent{name: "a", body: strings.Repeat(fmt.Sprint(i), 100<<10)}))
		root, release, err := c.Rootfs(t.Context(), m, img, "")
		if err != nil {
			t.Fatal(err)
		}
		return root, release
	}
	there := func(p string) bool { _, err := os.Stat(p); return err == nil }
	one, release1 := get(1)
	two, release2 := get(2)
	three, release3 := get(3)
	release2()
	release3()
	again, release := get(2) // so that 3 is the one unused for longest
	release()
	_, release4 := get(4)
	if again != two || !there(one) || !there(two) || there(three) {
		t.Errorf("want 3 gone: %v %v %v", there(one), there(two), there(three))
	}
	release4()
	c.Max = 1
	_, release5 := get(5)
	if !there(one) || there(two) {
		t.Errorf("one that is in use must stay, the others go: %v %v", there(one), there(two))
	}
	release1()
	release1()
	if there(one) {
		t.Error("released and over the bound, but still there")
	}
	release5()
	for _, e := range treeOf(t, c.Dir) {
		if !strings.HasSuffix(e, `.lock ""`) {
			t.Errorf("left: %s", e)
		}
	}
}

// What a killed process leaves is never taken for a tree and is removed; so is
// a tree of before a restart of the machine.
func TestCacheAfterCrash(t *testing.T) {
	t.Parallel()
	m, img := stored(t, tarOf(t, ent{name: "a", body: "good"}))
	dir := t.TempDir()
	half := func(name, boot string) {
		root := filepath.Join(dir, name, "rootfs", "ro")
		if err := os.MkdirAll(root, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "a"), nil, 0o444); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "info.json"), mustJSON(t, info{Bytes: 4096, Boot: boot}), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(root, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	other := strings.Repeat("ab", 32)
	half("tmp-"+img.Digest.Hex(), bootID())
	half("tmp-"+other, bootID())
	third := strings.Repeat("cd", 32)
	half("tmp-"+third, bootID())
	half(img.Digest.Hex(), "another boot")
	half(other, "another boot")
	root, release, err := (&Cache{Dir: dir}).Rootfs(t.Context(), m, img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if b, err := os.ReadFile(filepath.Join(root, "a")); string(b) != "good" {
		t.Errorf("%q, %v", b, err)
	}
	for _, gone := range []string{"tmp-" + img.Digest.Hex(), "tmp-" + other, other, "tmp-" + third} {
		if _, err := os.Stat(filepath.Join(dir, gone)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", gone)
		}
	}
}

// A blob that is damaged, or one of another layer, never becomes a tree.
func TestCacheDamagedBlob(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(m *memory, l *Layer){
		"gone":     func(m *memory, l *Layer) { delete(m.blobs, l.Digest) },
		"other":    func(m *memory, l *Layer) { m.blobs[l.Digest][512] ^= 1 },
		"longer":   func(m *memory, l *Layer) { m.blobs[l.Digest] = append(m.blobs[l.Digest], 0) },
		"shorter":  func(m *memory, l *Layer) { m.blobs[l.Digest] = m.blobs[l.Digest][:513] },
		"diff id":  func(m *memory, l *Layer) { l.DiffID = aihub.DigestOf(nil) },
		"no bytes": func(m *memory, l *Layer) { m.blobs[l.Digest] = nil },
	} {
		m, img := stored(t, tarOf(t, ent{name: "a", body: "good"}))
		damage(m, &img.Layers[0])
		c := &Cache{Dir: t.TempDir()}
		if _, _, err := c.Rootfs(t.Context(), m, img, ""); aihub.KindOf(err) != aihub.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		if left := treeOf(t, c.Dir); len(left) != 1 { // the lock
			t.Errorf("%s left %q", name, left)
		}
	}
}

func TestCacheCancelled(t *testing.T) {
	t.Parallel()
	m, img := stored(t, tarOf(t, ent{name: "a"}))
	c := &Cache{Dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Rootfs(ctx, m, img, ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, release, err := c.Rootfs(t.Context(), m, img, ""); err != nil {
		t.Error(err)
	} else {
		release()
	}
}

// As an ordinary user too a tree is read-only and can be removed, and the user of
// the sandbox can read one that root has made.
func TestCacheAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		asOrdinaryUser(t, os.Getenv("OCI_TEST_TREE"))
		return
	}
	m, img := stored(t, tarOf(t, ent{name: "d/secret", body: "x", mode: 0o600}, ent{name: "d/", mode: 0o700}))
	base, err := os.MkdirTemp("", "oci-user-*") // t.TempDir has parents that others cannot enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	c := &Cache{Dir: filepath.Join(base, "cache")}
	root, release, err := c.Rootfs(t.Context(), m, img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	own := filepath.Join(base, "own")
	if err := errors.Join(os.Chmod(base, 0o755), os.Mkdir(own, 0o700), os.Chown(own, 65532, 65532)); err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(base, "test")
	if err := os.WriteFile(bin, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.run=^TestCacheAsOrdinaryUser$", "-test.v")
	cmd.Env = []string{"OCI_TEST_TREE=" + filepath.Join(root, "d/secret"), "TMPDIR=" + own, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = own
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestCacheAsOrdinaryUser") {
		t.Errorf("%v\n%s", err, out)
	}
}

func asOrdinaryUser(t *testing.T, ofRoot string) {
	if ofRoot != "" {
		syscall.Umask(0o077) // we are a process of our own here; a tree looks the same whatever the umask
		if b, err := os.ReadFile(ofRoot); err != nil || string(b) != "x" {
			t.Errorf("%s is not for everyone: %q, %v", ofRoot, b, err)
		}
	}
	m, img := stored(t, tarOf(t, ent{name: "d/e/f", body: "x"}))
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Max: 1}
	root, release, err := c.Rootfs(t.Context(), m, img, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dr-xr-xr-x d", "dr-xr-xr-x d/e", `-r-xr-xr-x d/e/f "x"`}, noMounts(treeOf(t, root))); diff != "" {
		t.Error(diff)
	}
	for _, p := range []string{"new", "d/e/new", "d/e/f"} {
		if f, err := os.OpenFile(filepath.Join(root, p), os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
			f.Close()
			t.Errorf("%s can be written", p)
		}
	}
	release()
	if left := treeOf(t, c.Dir); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}
