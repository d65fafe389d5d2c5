// Package archive keeps a folder of files as one file: a tar of plain files,
// without owners, modes or times. The pictures and recordings of a dataset are
// sent, stored and handed to a sandbox in it.
//
// An archive is foreign until it was read: names are plain relative paths, each
// once, there are at most MaxFiles, and whatever is no regular file is refused.
package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aihub"
)

// Bounds of an archive.
const (
	MaxFiles = 100_000
	maxName  = 240 // bytes
	maxDepth = 8   // directories
)

// Writer writes an archive. Close it.
type Writer struct{ t *tar.Writer }

// NewWriter returns a writer of an archive to w.
func NewWriter(w io.Writer) *Writer { return &Writer{tar.NewWriter(w)} }

// Add writes a file of size bytes, which r must have.
func (w *Writer) Add(name string, size int64, r io.Reader) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := w.t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
		return err
	}
	if n, err := io.Copy(w.t, io.LimitReader(r, size)); err != nil {
		return err
	} else if n < size {
		return fmt.Errorf("archive: %q became shorter while it was read: %w", name, io.ErrUnexpectedEOF)
	}
	return nil
}

// Close ends the archive.
func (w *Writer) Close() error { return w.t.Close() }

// File is a small file of an archive, in memory.
type File struct {
	Name string
	Data []byte
}

// Pack writes the files below dir in order of their names, so that the same files
// give the same bytes, and says how many there are. Files and directories whose
// names begin with a dot are left out; a link or a device is an Invalid error. The
// extra files come first.
func Pack(ctx context.Context, w io.Writer, dir string, extra ...File) (n int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	out := NewWriter(w)
	for _, f := range extra {
		if err := out.Add(f.Name, int64(len(f.Data)), bytes.NewReader(f.Data)); err != nil {
			return 0, err
		}
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil || name == ".":
			return err
		case strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return fs.SkipDir
		case strings.HasPrefix(e.Name(), ".") || e.IsDir():
			return nil
		case !e.Type().IsRegular():
			return invalid(fmt.Sprintf("%q is no regular file", filepath.Join(dir, name)), fmt.Sprintf("%q 不是普通文件", filepath.Join(dir, name)),
				"put the file itself there: links are not followed", "请放入文件本身：不会跟随链接")
		}
		if n++; n > MaxFiles {
			return tooMany()
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		return out.Add(name, st.Size(), f)
	})
	return n, errors.Join(err, out.Close())
}

// Each gives every file of an archive to f, in its order. What f does not read is
// skipped. An archive that is damaged or hostile is a Contract error that names
// the place, one of too many files a Quota error.
func Each(r io.Reader, f func(name string, size int64, r io.Reader) error) error {
	t := tar.NewReader(r)
	seen := map[string]bool{}
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		var known *aihub.Error
		if errors.As(err, &known) {
			return err // of what the archive comes from
		}
		if err != nil {
			return damaged(fmt.Sprintf("behind %d files: %v", len(seen), err), fmt.Sprintf("第 %d 个文件之后：%v", len(seen), err))
		}
		name := h.Name
		if h.Typeflag == tar.TypeDir {
			continue // folders come with their files
		}
		if h.Typeflag != tar.TypeReg || sparse(h) {
			return damaged(fmt.Sprintf("%q is no regular file", clip(name)), fmt.Sprintf("%q 不是普通文件", clip(name)))
		}
		if name, err = plain(name); err != nil {
			return err
		}
		if seen[name] {
			return damaged(fmt.Sprintf("%q is there twice", clip(name)), fmt.Sprintf("%q 重复出现", clip(name)))
		}
		if seen[name] = true; len(seen) > MaxFiles {
			return tooMany()
		}
		body := &body{r: t}
		err = f(name, h.Size, body)
		if body.err != nil {
			return damaged(fmt.Sprintf("%q is cut short", clip(name)), fmt.Sprintf("%q 不完整", clip(name)))
		}
		if err != nil {
			return err
		}
	}
}

// body notes that a file could not be read to its end.
type body struct {
	r   io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// plain returns an archive's name of a file as we keep it: without a leading "./".
func plain(name string) (string, error) {
	name = strings.TrimPrefix(name, "./")
	return name, checkName(name)
}

func checkName(name string) error {
	why := aihub.Text{}
	switch {
	case len(name) > maxName:
		why = aihub.Text{EN: fmt.Sprintf("has a path longer than %d bytes", maxName), ZH: fmt.Sprintf("路径超过 %d 字节", maxName)}
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		why = aihub.Text{EN: "has a name with characters that cannot be shown", ZH: "名称含有无法显示的字符"}
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) || path.Clean(name) != name:
		why = aihub.Text{EN: "has no plain path", ZH: "路径不合法"}
	case strings.Count(name, "/") > maxDepth:
		why = aihub.Text{EN: fmt.Sprintf("lies deeper than %d folders", maxDepth), ZH: fmt.Sprintf("深度超过 %d 层", maxDepth)}
	default:
		return nil
	}
	return damaged(fmt.Sprintf("%q %s", clip(name), why.EN), fmt.Sprintf("%q %s", clip(name), why.ZH))
}

// sparse: a file with holes is not what its bytes are.
func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

func damaged(en, zh string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the archive cannot be read: " + en, ZH: "归档无法读取：" + zh}).
		WithHint(aihub.Text{EN: "send the folder itself (aihub dataset publish FOLDER), or a plain tar of it", ZH: "请直接发送文件夹（aihub dataset publish 文件夹），或其普通 tar 归档"})
}

func invalid(en, zh, hintEN, hintZH string) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{EN: en, ZH: zh}).WithHint(aihub.Text{EN: hintEN, ZH: hintZH})
}

func tooMany() error {
	return aihub.Errorf(aihub.Quota, aihub.Text{EN: fmt.Sprintf("there are more than %d files", MaxFiles), ZH: fmt.Sprintf("文件超过 %d 个", MaxFiles)}).
		WithHint(aihub.Text{EN: "publish them as several datasets", ZH: "请拆分为多个数据集发布"})
}
