package oci

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"aihub"
)

// PackDir writes an image whose root is what the directory name holds, as Build
// does. Times of files are kept to the second; owners, set-id bits and extended
// attributes are not. A symbolic link is kept as it is written and read from the
// root of the image: an absolute one points into the image, a relative one that
// climbs out of it is refused, and none is followed. The directories dev, proc
// and sys are left empty, because the platform mounts its own there; a device,
// FIFO or socket anywhere else is refused. The default Limits hold.
func PackDir(w io.Writer, cfg Config, name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return aihub.Errorf(aihub.Invalid, text("cannot open the directory %s", "无法打开目录 %s", show(name))).Because(err)
	}
	defer root.Close()
	lim := Limits{}.withDefaults()
	bad := &faults{}
	var files []File
	var total int64
	err = fs.WalkDir(root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return aihub.Errorf(aihub.Invalid, text("cannot read %s", "无法读取 %s", show(path.Join(name, p)))).Because(err)
		}
		if p == "." {
			return nil
		}
		if int64(len(files)) >= lim.Entries {
			return &boundError{defect{codeEntries, text("more than %d files and directories", "文件和目录超过 %d 个", lim.Entries)}}
		}
		if top, _, below := strings.Cut(p, "/"); below && (top == "dev" || top == "proc" || top == "sys") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(path.Base(p), ".wh.") {
			bad.add(codeWhiteout, name, p, text("a name that an image keeps for itself", "镜像保留的名称"))
			return nil
		}
		st, err := root.Lstat(p)
		if err != nil {
			return err
		}
		f := File{Name: p, Mode: st.Mode().Type() | st.Mode().Perm(), ModTime: st.ModTime()}
		switch st.Mode().Type() {
		case fs.ModeDir:
		case 0:
			if total += st.Size(); total > lim.Unpacked {
				return &boundError{defect{codeTooLarge, text("more than %d bytes", "超过 %d 字节", lim.Unpacked)}}
			}
			f.Size = st.Size()
			f.Open = func() (io.ReadCloser, error) { return root.Open(p) }
		case fs.ModeSymlink:
			if f.Link, err = root.Readlink(p); err != nil {
				return err
			}
			if !path.IsAbs(f.Link) && !fs.ValidPath(path.Join(path.Dir(p), f.Link)) {
				bad.add(codePath, name, p, text("a symbolic link out of the directory: %s", "指向目录之外的符号链接：%s", show(f.Link)))
			}
		default:
			bad.add(codeDevice, name, p, text("a device, FIFO or socket", "设备文件、管道或套接字"))
		}
		files = append(files, f)
		return nil
	})
	var bound *boundError
	if errors.As(err, &bound) {
		bad.add(bound.code, name, "", bound.text)
	} else if err != nil {
		return err
	}
	if err := bad.err(); err != nil {
		return err
	}
	return Build(w, cfg, files)
}
