package oci

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/internal/blob"
)

// Cache keeps unpacked images, each in a directory of its own named by the digest
// of the image and its owner: DIR/<hex>/rootfs is the tree, DIR/<hex>/info.json says
// how large it is, and its modification time says when it was last used. A tree is unpacked
// in DIR/tmp-<hex> and then renamed, so one that is there is whole; what a killed
// process leaves is removed by the next one. Any number of processes may share
// DIR: DIR/<hex>.lock, kept for good, is locked shared by those who use the tree
// and exclusively by the one who makes or removes it.
//
// A tree is trusted until the machine restarts, because after a power cut files
// may be there without their content; then it is unpacked anew.
type Cache struct {
	Dir    string           // belongs to the cache alone; made when missing
	Max    int64            // bytes of disk to keep; in use or not; default 20 GiB. Trees in use are never removed
	Limits Limits           // of what is unpacked
	Now    func() time.Time // default time.Now

	stemBytes int64 // compressed, that are worth a stem; default stemLayer

	mu    sync.Mutex
	swept bool
}

// info is info.json.
type info struct {
	Bytes int64    `json:"bytes"` // less what the stems below count
	Boot  string   `json:"boot"`
	Below []string `json:"below,omitempty"` // stems whose files it shares, the smallest first
}

// Rootfs returns the directory of the unpacked image, absolute, and a function to
// call when it is no longer used. Nobody may write to it, and nobody outside a
// sandbox may follow a link in it. Calls at the same time for the same image,
// from any process, unpack it once. Images of one owner share the layers that they
// begin with; "" is an owner, too.
func (c *Cache) Rootfs(ctx context.Context, blobs blob.Store, img Image, owner string) (string, func(), error) {
	d, err := aihub.ParseDigest(string(img.Digest))
	if err != nil {
		return "", nil, err
	}
	name := treeName(d, owner)
	dir, err := filepath.Abs(filepath.Join(c.Dir, name, "rootfs"))
	if err != nil {
		return "", nil, err
	}
	root, err := c.open()
	if err != nil {
		return "", nil, err
	}
	defer root.Close()
	if err := c.sweep(root); err != nil {
		return "", nil, err
	}
	for filled := false; ; filled = true {
		// Nobody has the lock for a moment between unpacking and using, and the
		// tree may be gone again by then; hence the loop.
		use, err := lock(ctx, root, name+".lock", false)
		if err != nil {
			return "", nil, err
		}
		in, ok := c.ready(root, name)
		if !ok {
			use.Close()
			if err := c.fill(ctx, root, blobs, img, owner); err != nil {
				return "", nil, err
			}
			continue
		}
		now := c.now()
		using := c.useBelow(root, in.Below, now)
		err = root.Chtimes(name+"/info.json", now, now)
		if err == nil && filled {
			err = c.evict(root)
		}
		if err != nil {
			use.Close()
			using()
			return "", nil, err
		}
		return dir, sync.OnceFunc(func() {
			use.Close()
			using()
			if root, err := c.open(); err == nil {
				_ = c.evict(root) // what cannot be removed now is tried again, and told of, when the next tree is made
				root.Close()
			}
		}), nil
	}
}

// useBelow holds the stems that a tree in use shares files with, so that what they
// count is on disk as long as they are.
func (c *Cache) useBelow(root *os.Root, names []string, now time.Time) (release func()) {
	var held []*os.File
	for _, name := range names {
		if l, err := tryLock(root, name+".lock", false); err == nil && l != nil {
			held = append(held, l)
			_ = root.Chtimes(name+"/info.json", now, now) // gone where one could not be used
		}
	}
	return func() {
		for _, l := range held {
			l.Close()
		}
	}
}

// fill unpacks img unless another has done so meanwhile.
func (c *Cache) fill(ctx context.Context, root *os.Root, blobs blob.Store, img Image, owner string) error {
	name := treeName(img.Digest, owner)
	mine, err := lock(ctx, root, name+".lock", true)
	if err != nil {
		return err
	}
	defer mine.Close()
	if _, ok := c.ready(root, name); ok {
		return nil
	}
	tmp := "tmp-" + name
	for _, old := range []string{tmp, name} { // of a killed process; of before a restart
		if err := removeTree(root, old); err != nil {
			return err
		}
	}
	from := &stems{cache: c, root: root, owner: owner, img: img, tmp: tmp}
	err = c.unpackTo(ctx, root, tmp, blobs, img, from)
	if errors.Is(err, errStem) { // a file of too many names, say
		if err := removeTree(root, tmp); err != nil {
			return err
		}
		if _, err := c.remove(root, from.bad); err != nil {
			return err
		}
		from.fresh = true
		err = c.unpackTo(ctx, root, tmp, blobs, img, from)
	}
	if err != nil {
		err = errors.Join(err, removeTree(root, tmp))
		for _, name := range from.made { // nothing of an image that fails stays
			_, failed := c.remove(root, name)
			err = errors.Join(err, failed)
		}
		return err
	}
	return root.Rename(tmp, name)
}

func (c *Cache) unpackTo(ctx context.Context, root *os.Root, tmp string, blobs blob.Store, img Image, from *stems) error {
	if err := root.Mkdir(tmp, 0o700); err != nil {
		return noRoom(err)
	}
	if err := root.Mkdir(tmp+"/rootfs", 0o700); err != nil {
		return noRoom(err)
	}
	sub, err := root.OpenRoot(tmp + "/rootfs")
	if err != nil {
		return err
	}
	defer sub.Close()
	n, err := unpack(ctx, blobs, img, sub, c.Limits.withDefaults(), from)
	if err != nil {
		return err
	}
	b, err := json.Marshal(info{Bytes: n, Boot: bootID(), Below: from.below})
	if err != nil {
		return err
	}
	if err := root.WriteFile(tmp+"/info.json", b, 0o600); err != nil {
		return noRoom(err)
	}
	return root.Chmod(tmp, 0o711)
}

// ready reports whether a whole tree of this boot is there.
func (c *Cache) ready(root *os.Root, name string) (in info, ok bool) {
	b, err := root.ReadFile(name + "/info.json")
	if err != nil || json.Unmarshal(b, &in) != nil {
		return in, false
	}
	return in, in.Boot == bootID()
}

// bootID names this run of the machine; "" where it has no such name.
var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
})

// open opens the directory of the cache.
func (c *Cache) open() (*os.Root, error) {
	if err := os.MkdirAll(c.Dir, 0o711); err != nil { // sandboxes pass through, nobody lists
		return nil, noRoom(err)
	}
	return os.OpenRoot(c.Dir)
}

// sweep removes, once, what killed processes have left half-made.
func (c *Cache) sweep(root *os.Root) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.swept {
		return nil
	}
	names, err := list(root)
	if err != nil {
		return err
	}
	for _, name := range names {
		hex, ok := strings.CutPrefix(name, "tmp-")
		if !ok {
			continue
		}
		l, err := tryLock(root, hex+".lock", true)
		if err != nil {
			return err
		}
		if l == nil { // being made by someone
			continue
		}
		err = removeTree(root, name)
		l.Close()
		if err != nil {
			return err
		}
	}
	c.swept = true
	return nil
}

func list(root *os.Root) ([]string, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// evict removes the trees unused for longest until at most Max bytes are left.
func (c *Cache) evict(root *os.Root) error {
	limit := c.Max
	if limit <= 0 {
		limit = 20 << 30
	}
	names, err := list(root)
	if err != nil {
		return err
	}
	type kept struct {
		name  string
		bytes int64
		below int // stems whose files it shares
		used  time.Time
	}
	var all []kept
	var total int64
	for _, name := range names {
		if _, err := aihub.ParseDigest("sha256:" + name); err != nil { // a lock, or being made
			continue
		}
		k := kept{name: name} // one of before a restart counts nothing and goes first
		if in, ok := c.ready(root, name); ok {
			st, err := root.Stat(name + "/info.json")
			if err != nil {
				continue // removed by another meanwhile
			}
			k.bytes, k.below, k.used = in.Bytes, len(in.Below), st.ModTime()
		}
		all = append(all, k)
		total += k.bytes
	}
	// A stem is used whenever one above it is, and goes after it: then its files do.
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.used.Compare(b.used), b.below-a.below) })
	for _, k := range all {
		if total <= limit && !k.used.IsZero() {
			break
		}
		gone, err := c.remove(root, k.name)
		if err != nil {
			return err
		}
		if gone {
			total -= k.bytes
		}
	}
	return nil
}

// remove removes one tree unless it is in use.
func (c *Cache) remove(root *os.Root, name string) (bool, error) {
	l, err := tryLock(root, name+".lock", true)
	if l == nil || err != nil {
		return false, err
	}
	defer l.Close()
	if err := removeTree(root, "tmp-"+name); err != nil {
		return false, err
	}
	if err := root.Rename(name, "tmp-"+name); err != nil { // so that no half tree is ever seen
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	return true, removeTree(root, "tmp-"+name)
}

func (c *Cache) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
