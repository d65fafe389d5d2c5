package oci

import (
	"archive/tar"
	"path"
	"strings"

	"aihub"
)

// kind is what a node of a tree is.
type kind uint8

const (
	dir kind = iota + 1
	file
	symlink
)

// node is one file, directory or symbolic link of an image.
type node struct {
	kind     kind
	exec     bool             // a file that may be executed
	layer    int32            // the last layer that named it or something below it
	swept    int32            // the layer whose whiteouts have been applied to all below it
	link     string           // target of a symlink
	names    *int32           // how many names the file has, shared by them; nil means one
	children map[string]*node // of a directory
}

// tree is the file tree of an image, in memory: names and kinds, no content.
// Import applies all layers to one to see what they would do; Cache does it again
// beside the file system, so that it knows what stands where without asking it
// and never has to follow a link. Memory is bounded by the number of nodes and by
// the bytes of their names and link targets.
type tree struct {
	root  *node
	nodes int64
	max   int64
	text  int64 // bytes of all names and link targets that came, also of what is gone again
}

func newTree(max int64) *tree { return &tree{root: &node{kind: dir}, max: max} }

// change is what one entry of a layer does to the file system, in this order.
type change struct {
	remove []string // paths, none below another
	mkdir  []string // outermost first
	make   byte     // tar type of what to make at path; 0: nothing
	path   string
	from   string // of a hard link: the path it shares
}

// defect is why an entry is refused.
type defect struct {
	code string
	text aihub.Text
}

// cleanName splits an entry's name into its parts. "./a//b" is a/b; the empty
// result is the root.
func cleanName(name string) ([]string, *defect) {
	switch {
	case name == "":
		return nil, &defect{codePath, text("an entry without a name", "条目没有名称")}
	case strings.ContainsRune(name, 0):
		return nil, &defect{codePath, text("a name with a NUL byte", "名称含有 NUL 字节")}
	case strings.HasPrefix(name, "/"):
		return nil, &defect{codePath, text("an absolute path; write it from the root without the first /", "绝对路径；请去掉开头的 /")}
	case len(name) > maxName:
		return nil, &defect{codeLong, text("a path of more than %d bytes", "路径超过 %d 字节", maxName)}
	}
	var parts []string
	for p := range strings.SplitSeq(name, "/") {
		switch {
		case p == "" || p == ".":
			continue
		case p == "..":
			return nil, &defect{codePath, text("a path with ..", "路径含有 ..")}
		case len(p) > maxComponent:
			return nil, &defect{codeLong, text("a name of more than %d bytes", "名称超过 %d 字节", maxComponent)}
		}
		if parts = append(parts, p); len(parts) > maxDepth {
			return nil, &defect{codeLong, text("a path of more than %d names", "路径超过 %d 级", maxDepth)}
		}
	}
	return parts, nil
}

// apply applies one entry of the given layer (from 1). After a defect the tree is
// still sound, but not what the image means.
func (t *tree) apply(layer int32, h *tar.Header) (change, *defect) {
	parts, bad := cleanName(h.Name)
	if bad != nil {
		return change{}, bad
	}
	switch h.Typeflag {
	case tar.TypeXGlobalHeader: // comments, as `git archive` writes them
		return change{}, nil
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeDir, tar.TypeSymlink, tar.TypeLink:
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return change{}, &defect{codeDevice, text("a device or FIFO", "设备文件或管道")}
	default:
		return change{}, &defect{codeType, text("an entry of type %q", "类型为 %q 的条目", h.Typeflag)}
	}
	if len(parts) == 0 {
		if h.Typeflag != tar.TypeDir {
			return change{}, &defect{codePath, text("the root of the image is not a directory", "镜像的根不是目录")}
		}
		t.root.layer = layer
		return change{}, nil
	}
	base := parts[len(parts)-1]
	for _, p := range parts[:len(parts)-1] {
		if strings.HasPrefix(p, ".wh.") {
			return change{}, &defect{codeWhiteout, text("something inside a whiteout", "白障（whiteout）之内还有内容")}
		}
	}
	var c change
	up := t.root
	up.layer = layer
	hidden := false // a whiteout below a directory that is not there: nothing to do
	for i, p := range parts[:len(parts)-1] {
		next := up.children[p]
		switch {
		case next == nil && strings.HasPrefix(base, ".wh."):
			hidden = true
		case next == nil:
			if next, bad = t.add(up, p, node{kind: dir, layer: layer}); bad != nil {
				return change{}, bad
			}
			c.mkdir = append(c.mkdir, strings.Join(parts[:i+1], "/"))
		case next.kind == symlink:
			return change{}, &defect{codeSymlink, text("its path goes through a symbolic link", "路径经过符号链接")}
		case next.kind != dir:
			return change{}, &defect{codeParent, text("its path goes through a file", "路径经过普通文件")}
		}
		if hidden {
			break
		}
		next.layer = layer
		up = next
	}
	at := strings.Join(parts, "/")
	if strings.HasPrefix(base, ".wh.") {
		if hidden {
			return change{}, checkWhiteout(base)
		}
		return t.whiteout(layer, up, at)
	}
	return t.put(layer, up, at, base, h, c)
}

// put makes what h says at the path at, in the directory up.
func (t *tree) put(layer int32, up *node, at, base string, h *tar.Header, c change) (change, *defect) {
	n := node{layer: layer, exec: h.Mode&0o111 != 0}
	old := up.children[base]
	c.path, c.make = at, h.Typeflag
	switch h.Typeflag {
	case tar.TypeDir:
		if old != nil && old.kind == dir {
			old.layer = layer
			c.make = 0
			return c, nil
		}
		n.kind = dir
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) >= maxName || strings.ContainsRune(h.Linkname, 0) {
			return change{}, &defect{codePath, text("a symbolic link with no usable target", "符号链接没有可用的目标")}
		}
		if t.text += int64(len(h.Linkname)); t.text > maxText {
			return change{}, tooMuchText()
		}
		n.kind, n.link = symlink, strings.Clone(h.Linkname)
	case tar.TypeLink:
		from, bad := t.linked(h.Linkname)
		if bad != nil {
			return change{}, bad
		}
		if from == at || strings.HasPrefix(from, at+"/") {
			return change{}, &defect{codeHardlink, text("a hard link to itself", "指向自身的硬链接")}
		}
		src := t.find(from)
		if src.names == nil {
			src.names = new(int32)
			*src.names = 1
		}
		if *src.names++; *src.names > maxLinks {
			return change{}, &defect{codeHardlink, text("a file with more than %d names", "同一文件超过 %d 个名称", maxLinks)}
		}
		n.kind, n.exec, n.link, n.names, c.from = src.kind, src.exec, src.link, src.names, from
	default:
		n.kind, c.make = file, tar.TypeReg
	}
	if old != nil {
		t.drop(old)
		delete(up.children, base)
		c.remove = append(c.remove, at)
	}
	_, bad := t.add(up, base, n)
	return c, bad
}

// linked checks the target of a hard link: a file of the image, named from its
// root, not through a link.
func (t *tree) linked(name string) (string, *defect) {
	parts, bad := cleanName(strings.TrimPrefix(name, "/")) // a target from the root may be written either way
	if bad != nil || len(parts) == 0 {
		return "", &defect{codeHardlink, text("a hard link out of the image: %s", "指向镜像之外的硬链接：%s", show(name))}
	}
	at := strings.Join(parts, "/")
	switch n := t.find(at); {
	case n == nil:
		return "", &defect{codeHardlink, text("a hard link to %s, which is not there", "硬链接的目标 %s 不存在", show(name))}
	case n.kind == dir:
		return "", &defect{codeHardlink, text("a hard link to the directory %s", "硬链接指向目录 %s", show(name))}
	}
	return at, nil
}

// whiteout removes from up what the whiteout at the path at hides of lower
// layers. What this layer itself has put there stays, in whatever order they come.
func (t *tree) whiteout(layer int32, up *node, at string) (change, *defect) {
	var c change
	parent, base := path.Split(at)
	if bad := checkWhiteout(base); bad != nil {
		return c, bad
	}
	switch {
	case base == ".wh..wh..opq":
		t.sweep(layer, up, strings.TrimSuffix(parent, "/"), &c.remove)
	case strings.HasPrefix(base, ".wh..wh."): // left by aufs, means nothing
	default:
		name := strings.TrimPrefix(base, ".wh.")
		n := up.children[name]
		switch {
		case n == nil:
		case n.layer < layer:
			t.drop(n)
			delete(up.children, name)
			c.remove = append(c.remove, parent+name)
		case n.kind == dir:
			t.sweep(layer, n, parent+name, &c.remove)
		}
	}
	return c, nil
}

func checkWhiteout(base string) *defect {
	switch strings.TrimPrefix(base, ".wh.") {
	case "", ".", "..":
		return &defect{codeWhiteout, text("a whiteout of no name in particular", "白障（whiteout）没有指明名称")}
	}
	return nil
}

// sweep removes from n, recursively, what layers below the given one have put
// there. Once done it need not be done again in this layer: nothing lower comes.
func (t *tree) sweep(layer int32, n *node, at string, removed *[]string) {
	if n.swept == layer {
		return
	}
	n.swept = layer
	for name, child := range n.children {
		below := path.Join(at, name)
		if child.layer < layer {
			t.drop(child)
			delete(n.children, name)
			*removed = append(*removed, below)
		} else if child.kind == dir {
			t.sweep(layer, child, below, removed)
		}
	}
}

// add puts n into up.
func (t *tree) add(up *node, name string, n node) (*node, *defect) {
	if t.nodes++; t.nodes > t.max {
		return nil, &defect{codeEntries, text("the image has more than %d files and directories", "镜像的文件和目录超过 %d 个", t.max)}
	}
	if t.text += int64(len(name)); t.text > maxText {
		return nil, tooMuchText()
	}
	if up.children == nil {
		up.children = map[string]*node{}
	}
	p := &n
	up.children[strings.Clone(name)] = p // not a piece of a long path that would stay in memory
	return p, nil
}

func tooMuchText() *defect {
	return &defect{codeEntries, text("names and link targets of more than %d bytes together", "名称和链接目标合计超过 %d 字节", maxText)}
}

// drop takes n and all below it out of the counts.
func (t *tree) drop(n *node) {
	t.nodes--
	if n.names != nil {
		*n.names--
	}
	for _, c := range n.children {
		t.drop(c)
	}
}

// find returns the node at a clean path, without following links, or nil.
func (t *tree) find(at string) *node {
	n := t.root
	for p := range strings.SplitSeq(at, "/") {
		if n = n.children[p]; n == nil {
			return nil
		}
	}
	return n
}

// resolve follows name from the directory at, symbolic links included, as the
// kernel of the sandbox will, and returns what it leads to, or nil.
func (t *tree) resolve(at, name string) *node {
	n, _ := t.walk(at, name)
	return n
}

// walk is resolve, and says as a clean path where name leads, also where there is
// nothing.
func (t *tree) walk(at, name string) (*node, string) {
	todo := strings.Split(name, "/")
	if !path.IsAbs(name) {
		todo = append(strings.Split(at, "/"), todo...)
	}
	chain, names := []*node{t.root}, []string{"/"}
	for hops := 0; len(todo) > 0; {
		p := todo[0]
		todo = todo[1:]
		n := chain[len(chain)-1]
		switch p {
		case "", ".":
			continue
		case "..":
			up := max(1, len(chain)-1)
			chain, names = chain[:up], names[:up]
			continue
		}
		if n = n.children[p]; n == nil {
			return nil, path.Join(path.Join(names...), p, path.Join(todo...))
		}
		if n.kind == symlink {
			if hops++; hops > 40 {
				return nil, path.Join(path.Join(names...), p)
			}
			if path.IsAbs(n.link) {
				chain, names = chain[:1], names[:1]
			}
			todo = append(strings.Split(n.link, "/"), todo...)
			continue
		}
		chain, names = append(chain, n), append(names, p)
	}
	return chain[len(chain)-1], path.Join(names...)
}
