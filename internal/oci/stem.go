package oci

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"unicode/utf8"

	"aihub"
)

// A stem is the tree after the lower layers of an image, kept in the Cache beside
// the images themselves, under a name made of its owner and its layers. An image
// that begins with these layers starts from it: its files are shared by hard links
// (nobody ever writes to one: a layer that changes a file puts another in its
// place), and only the layers above are read. DIR/<hex>/stem.json says what the
// walk knew there.
//
// A stem belongs to one owner, as a tree does. Otherwise the number of names of a
// file, which a program can see, and the time that its start took would tell one
// organisation what another has submitted.

const (
	stemLayer = 4 << 20   // compressed bytes since the last stem that are worth one
	stemsMost = 6         // of one image
	stemNodes = 100_000   // files, links and directories; stem.json is held whole
	stemDirs  = 20_000    // directories, which cannot be shared
	stemText  = 16 << 20  // bytes of names and targets of links
	stemFile  = 128 << 20 // bytes of stem.json
)

// stem is stem.json: how far the walk was, and the tree.
type stem struct {
	Layers  int32    `json:"layers"`
	Entries int64    `json:"entries"`
	Stream  int64    `json:"stream"`
	Content int64    `json:"content"`
	Root    stemNode `json:"root"`
}

type stemNode struct {
	Kind     kind                `json:"k"`
	Exec     bool                `json:"x,omitempty"`
	Link     string              `json:"l,omitempty"`
	Names    int                 `json:"n,omitempty"` // number of the group of names that are one file; 0: none
	Children map[string]stemNode `json:"c,omitempty"`
}

// stems finds and keeps the stems of one image that is being unpacked.
type stems struct {
	cache *Cache
	root  *os.Root // of the cache
	owner string
	img   Image
	tmp   string   // where it is unpacked
	fresh bool     // begin with the first layer
	below []string // stems that share files with it, the smallest first
	made  []string // those of them that this image made
	bad   string   // one that could not be used
}

// errStem says that a stem is there and cannot be used.
var errStem = errors.New("the layers below cannot be shared")

// name is the directory of the stem of the first n layers.
func (s *stems) name(n int) string {
	h := sha256.New()
	h.Write([]byte("stem\n" + s.owner + "\n"))
	for _, l := range s.img.Layers[:n] {
		h.Write([]byte(l.DiffID + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// after lists after how many layers a stem is worth while, the longest last. Images
// that begin with the same layers agree, as far as these go: a small layer on a
// large stem is read again.
func (s *stems) after() (layers []int) {
	var since, sum int64
	for i, l := range s.img.Layers {
		since += l.Size
		if since >= max(cmp.Or(s.cache.stemBytes, stemLayer), sum/4) && i+1 < len(s.img.Layers) && len(layers) < stemsMost {
			layers, since, sum = append(layers, i+1), 0, sum+since
		}
	}
	return layers
}

// begin brings the empty tree and the walk to the longest stem there is, and
// returns after how many layers that is.
func (s *stems) begin(ctx context.Context, w *walker, u *unpacker) (int, error) {
	if s.fresh {
		return 0, nil
	}
	for _, n := range slices.Backward(s.after()) {
		name := s.name(n)
		if _, err := s.root.Stat(name + "/stem.json"); err != nil {
			continue // not there; no lock is made for it
		}
		use, err := tryLock(s.root, name+".lock", false)
		if err != nil {
			return 0, err
		}
		if use == nil { // being made or removed
			continue
		}
		ok, err := s.take(ctx, name, w, u)
		use.Close()
		switch {
		case err == nil && ok:
			return n, nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
			return 0, noRoom(err)
		case err != nil:
			s.bad = name
			return 0, fmt.Errorf("%w: %w", errStem, err)
		}
	}
	return 0, nil
}

func (s *stems) take(ctx context.Context, name string, w *walker, u *unpacker) (bool, error) {
	in, ok := s.cache.ready(s.root, name)
	if !ok {
		return false, nil
	}
	if st, err := s.root.Stat(name + "/stem.json"); err != nil || st.Size() > stemFile {
		return false, errors.Join(err, errStem)
	}
	b, err := s.root.ReadFile(name + "/stem.json")
	if err != nil {
		return false, err
	}
	var k stem
	if err := json.Unmarshal(b, &k); err != nil {
		return false, err
	}
	groups := map[int]*int32{}
	root := k.Root.node(k.Layers, groups, w.tree)
	if w.tree.nodes > w.tree.max || k.Content > w.lim.Unpacked || k.Stream > w.lim.Unpacked || k.Entries > w.lim.Entries {
		return false, errors.New("beyond the bounds") // the walk from the first layer says which
	}
	w.tree.root, w.layers, w.entries, w.stream, w.content = root, k.Layers, k.Entries, k.Stream, k.Content
	if err := s.copy(ctx, name, s.tmp, root); err != nil {
		return false, err
	}
	u.bytes = apart(root)
	s.below = append(slices.Clone(in.Below), name)
	now := s.cache.now()
	return true, s.root.Chtimes(name+"/info.json", now, now)
}

// keep keeps the tree after the first n layers as a stem, where that is worth while.
// Without it the next image takes longer, and that is all: what goes wrong is left.
func (s *stems) keep(ctx context.Context, n int, w *walker, u *unpacker) {
	if w.tree.nodes > stemNodes || !slices.Contains(s.after(), n) || !plain(w.tree.root) {
		return
	}
	name := s.name(n)
	mine, err := tryLock(s.root, name+".lock", true)
	if mine == nil || err != nil {
		return // another has it
	}
	defer mine.Close()
	if _, ok := s.cache.ready(s.root, name); ok {
		return
	}
	k := stem{w.layers, w.entries, w.stream, w.content, kept(w.tree.root, map[*int32]int{})}
	if s.write(ctx, name, k, w.tree.root, u.bytes) != nil {
		_ = removeTree(s.root, "tmp-"+name)
		return
	}
	// The stem counts the files from here on, the image what it has for itself.
	u.bytes = apart(w.tree.root)
	s.below, s.made = append(s.below, name), append(s.made, name)
}

func (s *stems) write(ctx context.Context, name string, k stem, tree *node, bytes int64) error {
	for _, old := range []string{"tmp-" + name, name} { // of a killed process; of before a restart
		if err := removeTree(s.root, old); err != nil {
			return err
		}
	}
	for _, d := range []string{"tmp-" + name, "tmp-" + name + "/rootfs"} {
		if err := s.root.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	if err := s.copy(ctx, s.tmp, "tmp-"+name, tree); err != nil {
		return err
	}
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if len(b) > stemFile {
		return errStem
	}
	if err := s.root.WriteFile("tmp-"+name+"/stem.json", b, 0o600); err != nil {
		return err
	}
	if b, err = json.Marshal(info{Bytes: bytes + int64(len(b)), Boot: bootID(), Below: s.below}); err != nil {
		return err
	}
	if err := s.root.WriteFile("tmp-"+name+"/info.json", b, 0o600); err != nil {
		return err
	}
	return s.root.Rename("tmp-"+name, name)
}

// copy makes below the empty tree of one directory of the cache what is below
// that of another: directories anew, files as further names. Every directory on
// the way is one of tree, whose names have been checked, in trees of ours.
func (s *stems) copy(ctx context.Context, from, to string, tree *node) error {
	dir, err := filepath.Abs(s.cache.Dir)
	if err != nil {
		return err
	}
	var below func(n *node, src, dst string) error
	below = func(n *node, src, dst string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for name, c := range n.children {
			src, dst := src+string(filepath.Separator)+name, dst+string(filepath.Separator)+name
			var err error
			switch c.kind {
			case 0:
				err = errors.New("a node of no kind")
			case symlink:
				err = os.Symlink(c.link, dst)
			case file:
				err = os.Link(src, dst)
			default:
				if err = os.Mkdir(dst, 0o700); err == nil {
					err = below(c, src, dst)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return below(tree, filepath.Join(dir, from, "rootfs"), filepath.Join(dir, to, "rootfs"))
}

// plain reports whether a tree can be a stem: it is not too large, and its names
// and links are text that JSON keeps as it is.
func plain(n *node) bool {
	dirs, text := 0, 0
	var look func(name string, n *node) bool
	look = func(name string, n *node) bool {
		if text += len(name) + len(n.link); text > stemText || !utf8.ValidString(name) || !utf8.ValidString(n.link) {
			return false
		}
		if n.kind == dir {
			if dirs++; dirs > stemDirs {
				return false
			}
		}
		for name, c := range n.children {
			if !look(name, c) {
				return false
			}
		}
		return true
	}
	return look("", n)
}

// apart is about how many bytes of disk a copy of a tree has for itself: those of
// its directories and symbolic links.
func apart(n *node) (bytes int64) {
	for _, c := range n.children {
		if c.kind != file {
			bytes += blockSize
		}
		bytes += apart(c)
	}
	return bytes
}

// kept is the node as stem.json holds it; groups numbers the files of several names.
func kept(n *node, groups map[*int32]int) stemNode {
	k := stemNode{Kind: n.kind, Exec: n.exec, Link: n.link}
	if n.names != nil {
		if groups[n.names] == 0 {
			groups[n.names] = len(groups) + 1
		}
		k.Names = groups[n.names]
	}
	if len(n.children) > 0 {
		k.Children = make(map[string]stemNode, len(n.children))
		for name, c := range n.children {
			k.Children[name] = kept(c, groups)
		}
	}
	return k
}

// node is the opposite of kept. Layers above compare with the last one below alone.
func (k stemNode) node(layer int32, groups map[int]*int32, t *tree) *node {
	n := &node{kind: k.Kind, exec: k.Exec, link: k.Link, layer: layer}
	if k.Names != 0 {
		if groups[k.Names] == nil {
			groups[k.Names] = new(int32)
		}
		n.names = groups[k.Names]
		*n.names++
	}
	if len(k.Children) > 0 {
		n.children = make(map[string]*node, len(k.Children))
		for name, c := range k.Children {
			n.children[name] = c.node(layer, groups, t)
			t.nodes++
		}
	}
	return n
}

// treeName is the directory of an image's tree.
func treeName(d aihub.Digest, owner string) string {
	if owner == "" {
		return d.Hex()
	}
	h := sha256.Sum256([]byte("tree\n" + owner + "\n" + string(d)))
	return hex.EncodeToString(h[:])
}
