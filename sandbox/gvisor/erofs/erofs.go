// Package erofs writes a directory into one file that gVisor mounts as a read-only
// file system (EROFS of Linux, uncompressed). gVisor's kernel maps the whole file
// into its memory, so opening and reading cost no exchange with the gofer and no
// system call of the machine's: small reads and many small files become several
// times quicker.
//
// The form is that of docs.kernel.org/filesystems/erofs.html with blocks of 4 KiB:
// the superblock at byte 1024, a table of extended inodes, blocks of directory
// entries sorted by name, and each file's bytes in blocks of its own, one after the
// other.
package erofs

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	block   = 4096
	magic   = 0xe0f5e1e2
	inode   = 64 // bytes of an extended inode
	slot    = 32 // bytes that an inode number counts
	dirent  = 12
	regular = 1 // kinds of directory entries
	folder  = 2

	modeDir  = 0o40555
	modeFile = 0o100444
)

// MaxEntries bounds the files and directories of one image.
const MaxEntries = 1 << 20

// ErrKind says that a directory holds something that is neither a directory nor a
// regular file.
var ErrKind = errors.New("neither a directory nor a regular file")

// node is a file or directory.
type node struct {
	name     string // below the root, "." for it
	number   uint64
	parent   *node
	children []*node // of a directory, sorted by name
	dir      bool
	size     int64  // bytes
	at       uint32 // first block
}

// Size returns how many bytes the regular files below dir have, or an error of
// ErrKind when there is something else.
func Size(dir string) (n int64, err error) {
	nodes, err := read(dir)
	for _, x := range nodes {
		if !x.dir {
			n += x.size
		}
	}
	return n, err
}

// read lists what is below dir, the root first.
func read(dir string) ([]*node, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var nodes []*node
	dirs := map[string]*node{}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if !fi.IsDir() && !fi.Mode().IsRegular() {
			return fmt.Errorf("%s: %w", name, ErrKind)
		}
		if len(nodes) == MaxEntries {
			return fmt.Errorf("more than %d files", MaxEntries)
		}
		n := &node{name: name, dir: fi.IsDir(), number: uint64(len(nodes)+1) * (inode / slot)} // 0 is taken for none
		if n.dir {
			dirs[name] = n
		} else {
			n.size = fi.Size()
		}
		n.parent = n
		if name != "." {
			n.parent = dirs[path.Dir(name)]
			n.parent.children = append(n.parent.children, n)
		}
		nodes = append(nodes, n)
		return nil
	})
	return nodes, err
}

// Write writes what is below dir as an image to w. A file whose size changes
// meanwhile is an error. No file has a time: those of inputs would tell the order in
// which they were made.
func Write(ctx context.Context, w io.Writer, dir string) error {
	nodes, err := read(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()

	const table = 1 // the block at which the inodes begin
	next := uint32(table + blocks(int64(len(nodes)+1)*inode))
	listed := map[*node][]byte{}
	for _, n := range nodes {
		if n.dir {
			listed[n] = entries(n)
			n.size = int64(len(listed[n]))
			n.at = next
			next += blocks(n.size)
		}
	}
	for _, n := range nodes {
		if n.dir {
			continue
		}
		if n.at = next; int64(next)+n.size/block > 1<<31 {
			return errors.New("more than 8 TiB")
		}
		next += blocks(n.size)
	}
	// Large writes, and not file to file: the kernel keeps what comes in pieces of
	// 4 MiB in large folios, which a sandbox maps with few faults; copy_file_range
	// leaves small ones, from which a guest reads at two thirds of the speed.
	out := &writer{w: bufio.NewWriterSize(struct{ io.Writer }{w}, 4<<20)}
	out.bytes(superblock(nodes, next, table))
	out.bytes(make([]byte, inode))
	for _, n := range nodes {
		out.bytes(n.inode())
	}
	out.pad()
	for _, n := range nodes {
		if n.dir {
			out.bytes(listed[n])
			out.pad()
		}
	}
	for _, n := range nodes {
		if !n.dir {
			if err := ctx.Err(); err != nil {
				return err
			}
			out.file(root, n)
			out.pad()
		}
	}
	return errors.Join(out.err, out.w.Flush())
}

func blocks(size int64) uint32 { return uint32((size + block - 1) / block) }

// superblock is the first block.
func superblock(nodes []*node, total uint32, table uint32) []byte {
	b := make([]byte, block)
	s := b[1024:]
	binary.LittleEndian.PutUint32(s, magic)
	s[12] = 12                                                     // log2 of a block
	binary.LittleEndian.PutUint16(s[14:], uint16(nodes[0].number)) // the root
	binary.LittleEndian.PutUint64(s[16:], uint64(len(nodes)))
	binary.LittleEndian.PutUint32(s[36:], total)
	binary.LittleEndian.PutUint32(s[40:], table)
	return b
}

// inode is n's entry in the table: an extended inode, its data in plain blocks.
func (n *node) inode() []byte {
	b := make([]byte, inode)
	mode, links := uint16(modeFile), uint32(1)
	if n.dir {
		mode, links = modeDir, 2
		for _, c := range n.children {
			if c.dir {
				links++
			}
		}
	}
	binary.LittleEndian.PutUint16(b, 1) // extended, plain
	binary.LittleEndian.PutUint16(b[4:], mode)
	binary.LittleEndian.PutUint64(b[8:], uint64(n.size))
	binary.LittleEndian.PutUint32(b[16:], n.at)
	binary.LittleEndian.PutUint32(b[20:], uint32(n.number))
	binary.LittleEndian.PutUint32(b[44:], links)
	return b
}

// entries are the blocks of a directory: in each the entries, then their names.
func entries(n *node) []byte {
	type entry struct {
		name   string
		number uint64
		kind   byte
	}
	all := []entry{{".", n.number, folder}, {"..", n.parent.number, folder}}
	for _, c := range n.children {
		all = append(all, entry{path.Base(c.name), c.number, map[bool]byte{true: folder, false: regular}[c.dir]})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var out []byte
	for len(all) > 0 {
		fit, used := 0, 0
		for fit < len(all) && used+dirent+len(all[fit].name) <= block {
			used += dirent + len(all[fit].name)
			fit++
		}
		for len(out)%block != 0 {
			out = append(out, 0)
		}
		at := uint16(fit * dirent)
		var names []byte
		for _, e := range all[:fit] {
			out = binary.LittleEndian.AppendUint64(out, e.number)
			out = binary.LittleEndian.AppendUint16(out, at+uint16(len(names)))
			out = append(out, e.kind, 0)
			names = append(names, e.name...)
		}
		out = append(out, names...)
		all = all[fit:]
	}
	return out
}

// writer counts, and fills blocks.
type writer struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (w *writer) bytes(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
		w.n += int64(len(b))
	}
}

func (w *writer) pad() {
	if over := w.n % block; over > 0 {
		w.bytes(make([]byte, block-over))
	}
}

func (w *writer) file(root *os.Root, n *node) {
	if w.err != nil {
		return
	}
	f, err := root.Open(n.name)
	if err != nil {
		w.err = err
		return
	}
	defer f.Close()
	copied, err := io.Copy(w.w, io.LimitReader(f, n.size))
	if fi, e := f.Stat(); err == nil && (e != nil || copied != n.size || fi.Size() != n.size) {
		err = fmt.Errorf("%s changed: %d bytes were copied of %d", n.name, copied, n.size)
	}
	w.n += copied
	w.err = err
}
