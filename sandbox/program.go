package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"aihub"
)

// Program looks up what j's command is in its image, as a process whose root that
// is would: the path to execute, or why it cannot be started, which is the
// vendor's to mend. What only the kernel can tell, such as an interpreter that is
// missing, is left to it.
func (j Job) Program() (name, fault string, err error) {
	root, err := os.OpenRoot(j.Rootfs)
	if err != nil {
		return "", "", aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "the image of the run cannot be read", ZH: "无法读取本次运行的镜像"}).Because(err)
	}
	defer root.Close()
	dir := path.Join("/", j.Dir)
	// An engine would make a working directory that is missing.
	if !taken(dir) {
		if fi, err := find(root, dir); err != nil || !fi.IsDir() {
			return "", fmt.Sprintf("the working directory %q is not in the image", j.Dir), nil
		}
	}
	name = j.Args[0]
	if strings.Contains(name, "/") {
		return name, "", nil
	}
	var list string
	for _, e := range Environment(j.Env) {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			list = v
		}
	}
	for _, d := range strings.Split(list, ":") {
		p := path.Join(dir, d, name)
		if path.IsAbs(d) {
			p = path.Join(d, name)
		}
		if taken(p) {
			continue // empty when it starts
		}
		if fi, err := find(root, p); err == nil && fi.Mode().IsRegular() && (fi.Mode().Perm()&0o111 != 0 || runtime.GOOS == "windows") {
			return p, "", nil
		}
	}
	return "", fmt.Sprintf("the command %q is in no directory of PATH (%s) in the image", name, list), nil
}

// taken reports whether a path leads into what the contract defines.
func taken(p string) bool {
	top, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return top == "" || slices.Contains(Taken, top)
}

// find resolves name inside root as a process whose root it is would, and
// returns what is there. Links are followed inside alone.
func find(root *os.Root, name string) (fs.FileInfo, error) {
	at := "."
	todo := strings.Split(path.Clean("/"+name), "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		fi, err := root.Lstat(next)
		if err != nil {
			return nil, err
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > 40 {
			return nil, fmt.Errorf("%s: too many links", name)
		}
		to, err := root.Readlink(next)
		if err != nil {
			return nil, err
		}
		if path.IsAbs(to) {
			at = "."
		}
		todo = slices.Concat(strings.Split(to, "/"), todo)
	}
	return root.Lstat(at)
}
