package oci

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"aihub"
)

// spool is an archive laid down in one temporary file: where each member lies,
// and its digest. Members never become files of their own, so their names cannot
// do anything, and the file has no name, so a killed process leaves nothing.
type spool struct {
	f       *os.File
	members map[string]member
	links   map[string]string // names that stand for another member
}

// member is the content of one member of an archive.
type member struct {
	off, size int64
	digest    aihub.Digest
	manifest  bool // of a repository: kept as a manifest, not as content
}

// parts is where the documents and layers of an image lie: the members of an
// archive, or what was pushed to a repository.
type parts interface {
	get(name string) (member, bool)
	open(m member) io.ReadCloser
	small(m member, limit int64, part string, fs *faults) ([]byte, bool)
}

// readArchive lays down the tar that r holds, compressed or not. Faults of the
// archive go to fs; an error is one of r, of the machine or of ctx.
func readArchive(ctx context.Context, r io.Reader, lim Limits, fs *faults) (*spool, error) {
	f, err := os.CreateTemp(lim.Temp, "aihub-image-*")
	if err != nil {
		return nil, noRoom(err)
	}
	_ = os.Remove(f.Name()) // where open files cannot be removed, close does it
	s := &spool{f: f, members: map[string]member{}, links: map[string]string{}}
	src := &source{r: r}
	if err := s.fill(ctx, src, lim, fs); err != nil {
		s.close()
		return nil, err
	}
	if src.err != nil {
		s.close()
		return nil, src.err
	}
	return s, nil
}

// source remembers the error of the sender's side, to tell it from a bad archive.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF && s.err == nil {
		s.err = err
		var e *aihub.Error
		if !errors.As(err, &e) {
			s.err = aihub.Errorf(aihub.Invalid, text("the image did not arrive whole", "镜像没有完整送达")).
				WithHint(text("send it again", "请重新发送")).Because(err)
		}
	}
	return n, err
}

func (s *spool) close() {
	s.f.Close()
	os.Remove(s.f.Name())
}

func (s *spool) fill(ctx context.Context, src *source, lim Limits, fs *faults) error {
	in := &meter{ctx: ctx, r: src, max: lim.Archive}
	buf := bufio.NewReaderSize(in, 256<<10)
	format, other := sniff(buf)
	if other != "" {
		fs.add(codeArchive, "archive", "", text("is %s; tar, tar.gz and tar.zst are taken", "是 %s；只接受 tar、tar.gz、tar.zst", other))
		return nil
	}
	z, done, err := decompress(buf, format)
	if err == nil {
		defer done()
		out := &meter{ctx: ctx, r: z, max: lim.Archive, from: in, ratio: lim.Ratio}
		err = s.copyMembers(tar.NewReader(onlyReader{bufio.NewReaderSize(out, 256<<10)}), lim, fs)
	}
	var bound *boundError
	var machineFault *aihub.Error
	switch {
	case err == nil:
	case src.err != nil: // reported by readArchive
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &machineFault):
		return err
	case errors.As(err, &bound):
		fs.add(bound.code, "archive", "", bound.text)
	case errors.Is(err, io.ErrUnexpectedEOF):
		fs.add(codeArchive, "archive", "", text("ends in the middle", "不完整，中途结束"))
	default:
		fs.add(codeArchive, "archive", "", text("is not a tar archive, or a broken one: %v", "不是 tar 归档，或已损坏：%v", err))
	}
	return nil
}

func (s *spool) copyMembers(tr *tar.Reader, lim Limits, fs *faults) error {
	buf := make([]byte, 256<<10)
	var off, names int64
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		if n >= maxMembers {
			return &boundError{defect{codeEntries, text("more than %d members", "成员超过 %d 个", maxMembers)}}
		}
		if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		parts, bad := cleanName(h.Name)
		if bad != nil {
			fs.add(bad.code, "archive", h.Name, bad.text)
			continue
		}
		name := strings.Join(parts, "/")
		if _, twice := s.members[name]; twice || s.links[name] != "" {
			fs.add(codeArchive, "archive", name, text("is in the archive twice", "在归档中出现两次"))
			continue
		}
		if len(h.Linkname) > maxName {
			fs.add(codeLong, "archive", name, text("a link to a path of more than %d bytes", "链接目标超过 %d 字节", maxName))
			continue
		}
		if names += int64(len(name)*2 + len(h.Linkname)); names > maxText {
			return &boundError{*tooMuchText()}
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
		case tar.TypeSymlink: // older `docker save` links layers that images share
			s.links[name] = path.Join(path.Dir(name), h.Linkname)
			continue
		case tar.TypeLink:
			s.links[name] = path.Clean(h.Linkname)
			continue
		default:
			fs.add(codeType, "archive", name, text("an entry of type %q", "类型为 %q 的条目", h.Typeflag))
			continue
		}
		if h.Size > lim.Archive-off { // a sparse member is longer than what was read
			return &boundError{defect{codeTooLarge, text("more than %d bytes", "超过 %d 字节", lim.Archive)}}
		}
		sum := sha256.New()
		size, err := io.CopyBuffer(onlyWriter{&diskWriter{s.f}, sum}, onlyReader{tr}, buf)
		if err != nil {
			return err
		}
		s.members[name] = member{off: off, size: size, digest: aihub.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil)))}
		off += size
	}
}

// onlyWriter writes to both; it has no other methods, so that copies use our buffer.
type onlyWriter struct{ a, b io.Writer }

func (w onlyWriter) Write(p []byte) (int, error) {
	if n, err := w.a.Write(p); err != nil {
		return n, err
	}
	return w.b.Write(p)
}

// diskWriter marks errors of the disk as the platform's.
type diskWriter struct{ f *os.File }

func (w *diskWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = noRoom(err)
	}
	return n, err
}

func noRoom(err error) error {
	return aihub.Errorf(aihub.Unavailable, text("cannot write to the platform's disk", "平台磁盘无法写入")).
		WithHint(text("free space on the platform, then try again", "请清理平台磁盘后重试")).Because(err)
}

// get returns the member called name, through one link at most.
func (s *spool) get(name string) (member, bool) {
	m, ok := s.members[name]
	if !ok {
		m, ok = s.members[s.links[name]]
	}
	return m, ok
}

func (s *spool) open(m member) io.ReadCloser {
	return io.NopCloser(io.NewSectionReader(s.f, m.off, m.size))
}

// small returns the whole content of a member of at most limit bytes.
func (s *spool) small(m member, limit int64, part string, fs *faults) ([]byte, bool) {
	if m.size > limit {
		fs.add(codeTooLarge, part, "", text("has %d bytes; at most %d are taken", "大小为 %d 字节；最多 %d", m.size, limit))
		return nil, false
	}
	b := make([]byte, m.size)
	if _, err := io.ReadFull(s.open(m), b); err != nil {
		fs.add(codeArchive, part, "", text("cannot be read: %v", "无法读取：%v", err))
		return nil, false
	}
	return b, true
}
