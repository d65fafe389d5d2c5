package oci

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"aihub"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func layerName(i int) string { return fmt.Sprintf("layer %d", i+1) }

// boundError ends a read that has gone over a bound.
type boundError struct{ defect }

func (e *boundError) Error() string { return e.text.EN }

// meter counts what is read through it and stops at bounds.
type meter struct {
	ctx   context.Context
	r     io.Reader
	n     int64
	max   int64  // bytes in all
	from  *meter // the compressed side, or nil
	ratio int64  // of n to from.n, above ratioFloor
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	if m.n > m.max {
		return 0, &boundError{defect{codeTooLarge, text("more than %d bytes", "超过 %d 字节", m.max)}}
	}
	if m.from != nil && m.n > ratioFloor && m.n/m.ratio > m.from.n {
		return 0, &boundError{defect{codeRatio, text("unpacks to more than %d times its size", "解压后超过原大小的 %d 倍", m.ratio)}}
	}
	return n, err
}

// sniff tells the format of what r begins with, and the name of one that we do
// not take.
func sniff(r *bufio.Reader) (f Format, other string) {
	b, _ := r.Peek(6)
	for _, m := range []struct {
		magic  string
		format Format
		other  string
	}{
		{"\x1f\x8b", Gzip, ""}, {"\x28\xb5\x2f\xfd", Zstd, ""},
		{"\xfd7zXZ\x00", Plain, "xz"}, {"BZh", Plain, "bzip2"}, {"PK\x03\x04", Plain, "zip"}, {"\x04\x22\x4d\x18", Plain, "lz4"},
	} {
		if strings.HasPrefix(string(b), m.magic) {
			return m.format, m.other
		}
	}
	return Plain, ""
}

// decompress returns r without its compression, and what to call when done.
func decompress(r io.Reader, f Format) (io.Reader, func(), error) {
	switch f {
	case Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// walker applies layers to a tree, within bounds over all of them.
type walker struct {
	ctx     context.Context
	lim     Limits
	tree    *tree
	layers  int32
	entries int64
	stream  int64 // bytes of the tars
	content int64 // bytes of the files; a sparse file counts whole

	// bad is told of each defect; without it the first one ends the walk.
	bad func(code, path string, t aihub.Text)
	// note is told of what is dropped; may be nil.
	note func(code, path string, t aihub.Text)
	// write does to the file system what the tree has just taken in; may be nil.
	write func(c change, h *tar.Header, content io.Reader) error
}

// layer applies one layer, read from r, and reads r to its end. An error says
// that the walk cannot go on: a *boundError, an error of write or of ctx, or a
// broken layer. A defect without bad to tell is a *boundError too.
func (w *walker) layer(r io.Reader, l Layer) error {
	w.layers++
	in := &meter{ctx: w.ctx, r: r, max: l.Size}
	buf := bufio.NewReaderSize(in, 256<<10)
	have, other := sniff(buf)
	if other != "" || have != l.Format {
		if other == "" {
			other = string(have)
		}
		if other == "" {
			other = "plain"
		}
		return &boundError{defect{codeMediaType, text("its bytes are %s, which is not what its media type says", "内容为 %s，与其媒体类型不符", other)}}
	}
	z, done, err := decompress(buf, l.Format)
	if err != nil {
		return err
	}
	defer done()
	out := &meter{ctx: w.ctx, r: z, max: w.lim.Unpacked - w.stream, from: in, ratio: w.lim.Ratio}
	sum := sha256.New()
	plain := readAhead(io.TeeReader(out, sum))
	defer plain.stop()
	if err := w.entriesOf(tar.NewReader(onlyReader{plain})); err != nil {
		return err
	}
	// The padding after the last entry belongs to the digest, and the last
	// compressed bytes carry checksums.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return err
	}
	plain.stop()
	w.stream += out.n
	if _, err := io.Copy(io.Discard, buf); err != nil {
		return err
	}
	if have := aihub.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil))); have != l.DiffID {
		return w.tell(&defect{codeDigest, text("unpacks to %s where the config says %s", "解压后为 %s，而配置中为 %s", have.Short(), l.DiffID.Short())}, "")
	}
	return nil
}

// onlyReader keeps the tar reader from seeking.
type onlyReader struct{ io.Reader }

func (w *walker) entriesOf(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // cleanName judges paths
			return err
		}
		if w.entries++; w.entries > w.lim.Entries {
			return &boundError{defect{codeEntries, text("the layers have more than %d entries", "各层的条目超过 %d 个", w.lim.Entries)}}
		}
		c, bad := w.tree.apply(w.layers, h)
		if bad != nil && bad.code == codeEntries {
			return &boundError{*bad}
		}
		if bad != nil {
			if err := w.tell(bad, h.Name); err != nil {
				return err
			}
			continue
		}
		if w.note != nil {
			w.drops(h)
		}
		if c.make == tar.TypeReg {
			if w.content += h.Size; w.content > w.lim.Unpacked {
				return &boundError{defect{codeTooLarge, text("the files of all layers have more than %d bytes", "各层文件合计超过 %d 字节", w.lim.Unpacked)}}
			}
		}
		if w.write != nil {
			if err := w.write(c, h, tr); err != nil {
				return err
			}
		}
	}
}

// drops notes what an entry carries that no unpacked file will have.
func (w *walker) drops(h *tar.Header) {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return
	}
	if h.Typeflag == tar.TypeReg && h.Mode&0o6000 != 0 {
		w.note(noteSetid, h.Name, text("its set-user-id and set-group-id bits are dropped", "其 setuid、setgid 位会被去掉"))
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "SCHILY.xattr.") || strings.HasPrefix(k, "LIBARCHIVE.xattr.") {
			w.note(noteXattr, h.Name, text("its extended attributes are dropped", "其扩展属性会被去掉"))
			return
		}
	}
}

// tell reports a defect, or makes it the end of the walk.
func (w *walker) tell(d *defect, path string) error {
	if w.bad == nil {
		return &boundError{defect{d.code, at(path, d.text)}}
	}
	w.bad(d.code, path, d.text)
	return nil
}
