package oci

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/blob"
)

// mountPoints are directories in every tree, whatever the image has there: the
// platform mounts over them, and a link or file in the place could lead a mount
// somewhere else.
var mountPoints = []string{"dev", "input", "model", "output", "proc", "sys", "tmp"}

// unpack writes img into the empty directory root and returns about how many
// bytes of disk that takes. In the result nothing is writable, everything is
// readable by everyone, and a file is executable when anyone could execute it.
func unpack(ctx context.Context, blobs blob.Store, img Image, root *os.Root, lim Limits, below *stems) (int64, error) {
	u := &unpacker{root: root, buf: make([]byte, 256<<10)}
	defer u.leave(0)
	w := &walker{ctx: ctx, lim: lim, tree: newTree(lim.Entries), write: u.write}
	begun, err := below.begin(ctx, w, u)
	if err != nil {
		return 0, err
	}
	for i, l := range img.Layers {
		if i < begun {
			continue
		}
		if err := unpackLayer(ctx, blobs, l, w); err != nil {
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			return 0, aihub.Errorf(aihub.Unavailable, text("%[2]s of image %[1]s cannot be unpacked", "镜像 %[1]s 的 %[2]s 无法解包", img.Digest.Short(), layerName(i))).
				WithHint(text("free space on the platform's disk, or submit the image again", "请清理平台磁盘，或重新提交镜像")).Because(err)
		}
		below.keep(ctx, i+1, w, u)
	}
	w.tree.max += int64(len(mountPoints)) + maxDepth
	if err := u.prepare(w.tree, img.WorkingDir); err != nil {
		return 0, err
	}
	return u.bytes, u.close(w.tree.root, "")
}

func unpackLayer(ctx context.Context, blobs blob.Store, l Layer, w *walker) error {
	rc, err := blobs.Open(ctx, l.Digest)
	if err != nil {
		return err
	}
	defer rc.Close()
	return w.layer(rc, l)
}

// unpacker writes the changes of a tree to disk. It goes from directory to
// directory by opened handles, one name at a time; the tree has made sure that
// no name on the way is a link, and os.Root that none leaves the root.
type unpacker struct {
	root  *os.Root
	chain []handle // the directory written to last, from the root
	buf   []byte
	bytes int64 // of disk, about
}

type handle struct {
	name string
	dir  *os.Root
}

// at returns the directory of the clean path p, and the last name of p.
func (u *unpacker) at(p string) (*os.Root, string, error) {
	parts := strings.Split(p, "/")
	dirs, base := parts[:len(parts)-1], parts[len(parts)-1]
	same := 0
	for same < len(dirs) && same < len(u.chain) && dirs[same] == u.chain[same].name {
		same++
	}
	u.leave(same)
	for _, name := range dirs[same:] {
		d, err := u.here().OpenRoot(name)
		if err != nil {
			return nil, "", err
		}
		u.chain = append(u.chain, handle{name, d})
	}
	return u.here(), base, nil
}

func (u *unpacker) here() *os.Root {
	if n := len(u.chain); n > 0 {
		return u.chain[n-1].dir
	}
	return u.root
}

// leave closes all but the first n handles.
func (u *unpacker) leave(n int) {
	for _, h := range u.chain[n:] {
		h.dir.Close()
	}
	u.chain = u.chain[:n]
}

func (u *unpacker) mkdir(p string) error {
	d, base, err := u.at(p)
	if err != nil {
		return err
	}
	u.bytes += blockSize
	return d.Mkdir(base, 0o700)
}

const blockSize = 4096

// write is the write of a walker.
func (u *unpacker) write(c change, h *tar.Header, content io.Reader) error {
	for _, p := range c.remove {
		u.leave(0)
		if err := u.root.RemoveAll(p); err != nil {
			return err
		}
	}
	for _, p := range c.mkdir {
		if err := u.mkdir(p); err != nil {
			return err
		}
	}
	if c.make == 0 {
		return nil
	}
	if c.make == tar.TypeDir {
		return u.mkdir(c.path)
	}
	d, base, err := u.at(c.path)
	if err != nil {
		return err
	}
	switch c.make {
	case tar.TypeLink:
		return u.root.Link(c.from, c.path)
	case tar.TypeSymlink:
		u.bytes += blockSize
		return d.Symlink(h.Linkname, base)
	}
	mode := fs.FileMode(0o444)
	if h.Mode&0o111 != 0 {
		mode = 0o555
	}
	f, err := d.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, onlyReader{content}, u.buf)
	u.bytes += (n + blockSize - 1) / blockSize * blockSize
	if err == nil {
		err = f.Chmod(mode) // whatever the umask is
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	// Python checks its compiled files against the time of the source.
	t := h.ModTime
	if t.Before(time.Unix(0, 0)) || t.After(lastTime) {
		t = time.Unix(0, 0)
	}
	return d.Chtimes(base, t, t)
}

var lastTime = time.Unix(1<<32-1, 0) // what any file system can hold

// prepare makes the mount points and the working directory.
func (u *unpacker) prepare(t *tree, workingDir string) error {
	for _, name := range mountPoints {
		n := t.root.children[name]
		if n != nil && n.kind == dir {
			continue
		}
		if n != nil {
			t.drop(n)
			delete(t.root.children, name)
			if err := u.root.Remove(name); err != nil {
				return err
			}
		}
		if err := u.newDir(t, t.root, name, name); err != nil {
			return err
		}
	}
	up, at := t.root, ""
	for p := range strings.SplitSeq(strings.Trim(workingDir, "/"), "/") {
		if p == "" {
			break
		}
		at = path.Join(at, p)
		if up.children[p] == nil {
			if err := u.newDir(t, up, p, at); err != nil {
				return err
			}
		}
		if up = up.children[p]; up.kind != dir { // a link: the sandbox follows it
			break
		}
	}
	return nil
}

func (u *unpacker) newDir(t *tree, up *node, name, at string) error {
	if _, bad := t.add(up, name, node{kind: dir}); bad != nil {
		return &boundError{*bad}
	}
	return u.mkdir(at)
}

// close takes the write bits from n and the directories below it, and opens them
// to everyone.
func (u *unpacker) close(n *node, at string) error {
	var dirs []string
	for name, c := range n.children {
		if c.kind == dir {
			dirs = append(dirs, name)
		}
	}
	slices.Sort(dirs)
	for _, name := range dirs {
		if err := u.close(n.children[name], path.Join(at, name)); err != nil {
			return err
		}
	}
	if at == "" {
		u.leave(0)
		return u.root.Chmod(".", 0o555)
	}
	d, base, err := u.at(at)
	if err != nil {
		return err
	}
	return d.Chmod(base, 0o555)
}

// removeTree removes name and all below it from root, also when it is not
// writable and we are not the superuser.
func removeTree(root *os.Root, name string) error {
	if err := root.RemoveAll(name); err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err := unlock(root, name); err != nil {
		return err
	}
	return root.RemoveAll(name)
}

// unlock gives the owner of the directory name, and of those below it, the write
// bit. Links are not followed: only what Lstat calls a directory is entered.
func unlock(root *os.Root, name string) error {
	st, err := root.Lstat(name)
	if err != nil || !st.IsDir() {
		return err
	}
	if err := root.Chmod(name, 0o700); err != nil {
		return err
	}
	sub, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	f, err := sub.Open(".")
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	f.Close()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := unlock(sub, e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
