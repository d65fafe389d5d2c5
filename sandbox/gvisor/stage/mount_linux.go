package stage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Tree is where the parts of a container lie, inside the private tmpfs.
type Tree struct {
	Bundle string // config.json
	State  string // gVisor's state
	Root   string // becomes /, read-only, with /input and /model in it
	Output string // a tmpfs of its own, of limited size and inodes
}

// maxTop bounds the entries of an image's root directory: each costs a mount.
const maxTop = 512

// ErrImage marks an error that the image, not the platform, is the cause of.
var ErrImage = errors.New("image")

// Lay lays out the container of o in the mount namespace of the calling
// process, which must be private to it. Nothing is ever written to o.Rootfs: the
// root is a directory of our own in which each top-level entry of the image is
// mounted read-only beside the mount points that we need.
func Lay(o Order) (Tree, error) {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return Tree{}, fmt.Errorf("making mounts private: %w", err)
	}
	if err := mountTmpfs(o.Work, "size=16m,nr_inodes=4096,mode=0755"); err != nil {
		return Tree{}, err
	}
	t := Tree{
		Bundle: filepath.Join(o.Work, "bundle"),
		State:  filepath.Join(o.Work, "state"),
		Root:   filepath.Join(o.Work, "root"),
		Output: filepath.Join(o.Work, "output"),
	}
	for _, d := range []string{t.Bundle, t.State, t.Root, t.Output} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return Tree{}, err
		}
	}
	// One inode more: the root directory counts. Guest owns it, so that it can
	// be written to, and nobody else may look in.
	opts := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0700,uid=%d,gid=%d", o.Limits.Output, o.Limits.Inodes+1, Guest, Guest)
	if err := mountTmpfs(t.Output, opts); err != nil {
		return Tree{}, err
	}
	return t, layRoot(o, t)
}

// ours are the top-level names that the contract defines; an image's own
// entries of these names are not shown.
var ours = []string{"input", "model", "output", "tmp", "dev", "proc", "sys"}

func layRoot(o Order, t Tree) error {
	root, err := os.OpenRoot(o.Rootfs)
	if err != nil {
		return err
	}
	defer root.Close()
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	entries, err := d.ReadDir(maxTop + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(entries) > maxTop {
		return fmt.Errorf("%w: more than %d entries in the root directory", ErrImage, maxTop)
	}
	for _, e := range entries {
		name, dst := e.Name(), filepath.Join(t.Root, e.Name())
		if slices.Contains(ours, name) {
			continue
		}
		switch e.Type() {
		case os.ModeDir:
			err = os.Mkdir(dst, 0o755)
		case os.ModeSymlink:
			var to string
			if to, err = root.Readlink(name); err == nil {
				err = os.Symlink(to, dst)
			}
		case 0:
			err = os.WriteFile(dst, nil, 0o644)
		default: // a device, FIFO or socket has no use here
			continue
		}
		if err != nil {
			return err
		}
		if e.Type() == os.ModeSymlink {
			continue
		}
		if err := bind(filepath.Join(o.Rootfs, name), dst, unix.MS_RDONLY); err != nil {
			return err
		}
	}
	for _, name := range ours {
		if name == "model" && o.Model == "" {
			continue
		}
		if err := os.Mkdir(filepath.Join(t.Root, name), 0o755); err != nil {
			return err
		}
	}
	if o.Images { // gVisor mounts them itself
		return emptyResolver(t)
	}
	// They are part of the root, and no mounts of their own for gVisor, because
	// what it reads of the root it may keep: nothing there ever changes.
	if err := bind(o.Input, filepath.Join(t.Root, "input"), unix.MS_RDONLY|unix.MS_NOEXEC); err != nil {
		return err
	}
	if o.Model != "" {
		if err := bind(o.Model, filepath.Join(t.Root, "model"), unix.MS_RDONLY|unix.MS_NOEXEC); err != nil {
			return err
		}
	}
	return emptyResolver(t)
}

// emptyResolver shows an empty /etc/resolv.conf over the one of the image.
func emptyResolver(t Tree) error {
	dst := filepath.Join(t.Root, "etc", "resolv.conf")
	for _, p := range []string{filepath.Dir(dst), dst} {
		// A link in the image could lead the mount out of the tree.
		if fi, err := os.Lstat(p); err != nil || fi.Mode()&os.ModeSymlink != 0 {
			return nil
		}
	}
	empty := filepath.Join(t.Bundle, "resolv.conf")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		return err
	}
	return bind(empty, dst, unix.MS_RDONLY)
}

func mountTmpfs(dir, opts string) error {
	if err := unix.Mount("aihub", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		return fmt.Errorf("mounting a tmpfs on %s: %w", dir, err)
	}
	return nil
}

// bind shows src at dst with flags, without set-user-id and devices.
func bind(src, dst string, flags uintptr) error {
	if err := unix.Mount(src, dst, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", src, err)
	}
	// In a user namespace the flags that a mount already has are locked: they
	// have to be given again.
	var st unix.Statfs_t
	if err := unix.Statfs(dst, &st); err != nil {
		return err
	}
	for _, f := range []struct{ st, ms uintptr }{
		{unix.ST_NOEXEC, unix.MS_NOEXEC}, {unix.ST_NOATIME, unix.MS_NOATIME},
		{unix.ST_NODIRATIME, unix.MS_NODIRATIME}, {unix.ST_RELATIME, unix.MS_RELATIME},
	} {
		if uintptr(st.Flags)&f.st != 0 {
			flags |= f.ms
		}
	}
	flags |= unix.MS_BIND | unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("", dst, "", flags, ""); err != nil {
		return fmt.Errorf("remounting %s: %w", src, err)
	}
	return nil
}
