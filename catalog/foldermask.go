package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"aihub"
	"aihub/catalog/media"
	"aihub/internal/archive"
	"aihub/internal/table"
)

// maskers is how many files are masked at once: a picture takes as much as 600 MB.
const maskers = 2

// mask writes every file masked into dir, several at once: which says nothing of
// how many, each is masked by itself.
func (f *folder) mask(ctx context.Context, dir string, report progress) error {
	names := make([]string, 0, len(f.byKey))
	for k, x := range f.byKey {
		if x.kind != "" && x.small { // the others are faults already
			names = append(names, k)
		}
	}
	slices.Sort(names)
	var mu sync.Mutex
	var group sync.WaitGroup
	next, done := 0, int64(0)
	var failed error
	for range min(maskers, runtime.GOMAXPROCS(0), len(names)) {
		group.Go(func() {
			for {
				mu.Lock()
				if next == len(names) || failed != nil || f.count >= maxMediaFaults {
					mu.Unlock()
					return
				}
				i := next
				next++
				mu.Unlock()
				x := f.byKey[names[i]]
				x.path = filepath.Join(dir, fmt.Sprintf("file-%d", i))
				part, err := x.mask(f)
				if err == nil {
					err = ctx.Err()
				}
				mu.Lock()
				var e *aihub.Error
				switch {
				case errors.As(err, &e) && (e.Kind == aihub.Contract || e.Kind == aihub.Quota):
					f.fault("media_unreadable", x.name, e.Text.EN, e.Text.ZH)
				case err != nil:
					failed = noRoom(err)
				default:
					f.profile.add(part)
					f.beside(x, part)
					if x.shown != "" && hex.EncodeToString(x.raw[:]) != x.shown {
						f.fault("media_found", x.name, "the detector was shown another picture of this name: publish the folder itself with --detector", "检测程序查看的不是这一图片，而是另一同名图片：请对文件夹本身使用 --detector 发布")
					}
				}
				done++
				report("media", done, int64(len(names)))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	f.profile.Because = f.m.Because
	if f.found != nil {
		f.profile.Detector, f.profile.DetectorDigest = f.found.Detector, f.found.Digest
	}
	if failed == nil && f.count == 0 && f.m.Because == "" {
		f.unmasked()
	}
	slices.SortFunc(f.faults, func(a, b aihub.Fault) int { return strings.Compare(a.Where, b.Where) })
	return cmp.Or(failed, f.err())
}

// beside finds boxes and spans that lie where x has nothing: what they were to hide
// is in plain sight.
func (f *folder) beside(x *mediaFile, p MediaProfile) {
	if n := int64(len(x.boxes)) - p.Boxes; n > 0 {
		f.fault("media_boxes", x.name, fmt.Sprintf("boxes that lie outside of the picture, and hide nothing: %d; they are in pixels of the upright picture", n),
			fmt.Sprintf("有 %d 个框在图片之外，未遮盖任何内容；坐标应为正向图片的像素", n))
	}
	n := 0
	for _, s := range x.spans {
		if s.From >= p.Seconds {
			n++
		}
	}
	if n > 0 || len(x.spans) > 0 && p.Silenced == 0 {
		f.fault("media_spans", x.name, fmt.Sprintf("spans that begin behind the end of the recording, and silence nothing: %d; they are in seconds", max(n, 1)),
			fmt.Sprintf("有 %d 个时间段起点在录音结束之后，未静音任何内容；单位应为秒", max(n, 1)))
	}
}

// unmasked finds that a column names nothing to hide in any row, and no reason is
// given: an empty or wrong column looks the same.
func (f *folder) unmasked() {
	p := &f.profile
	if p.Pictures > 0 && p.Boxes == 0 {
		f.fault("media_unmasked", cmp.Or(f.m.Boxes, "media"), "no row has a box, nothing would be hidden of pictures: fill the column, or say why not: media.because",
			"没有任何一行给出框，图片将不作任何处理：请填写该列；确无需处理请在 media.because 中说明理由")
	}
	if p.Recordings > 0 && p.Silenced == 0 && f.m.Semitones == 0 {
		f.fault("media_unmasked", f.m.Spans, "no row has a span, nothing would be hidden of recordings: fill the column, or say why not: media.because",
			"没有任何一行给出时间段，录音将不作任何处理：请填写该列；确无需处理请在 media.because 中说明理由")
	}
}

func (p *MediaProfile) add(o MediaProfile) {
	p.Pictures += o.Pictures
	p.Recordings += o.Recordings
	p.Boxes += o.Boxes
	p.Seconds += o.Seconds
	p.Silenced += o.Silenced
	p.Bytes += o.Bytes
	for kind, n := range o.Found {
		if p.Found == nil {
			p.Found = map[string]int64{}
		}
		p.Found[kind] += n
	}
}

// mask writes x masked to its path.
func (x *mediaFile) mask(f *folder) (p MediaProfile, err error) {
	r, _ := f.raw.Get(x.name)
	out, err := os.OpenFile(x.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	raw, made := sha256.New(), sha256.New()
	src, dst := io.TeeReader(r, raw), io.MultiWriter(out, made)
	if x.kind == "wav" {
		info, err := media.MaskAudio(dst, src, x.spans, f.m.Semitones)
		if err != nil {
			return p, err
		}
		x.print = info.Print
		p = MediaProfile{Recordings: 1, Seconds: info.Seconds, Silenced: info.Muted}
	} else {
		info, err := media.MaskImage(dst, src, f.m.Style, x.boxes)
		if err != nil {
			return p, err
		}
		x.print = info.Print
		p = MediaProfile{Pictures: 1, Boxes: int64(info.Masked), Found: map[string]int64{}}
		for _, b := range x.found {
			if b.Touches(info.Width, info.Height) { // the others are faults: see beside
				p.Found[b.Kind]++
			}
		}
	}
	if _, err := io.Copy(io.Discard, src); err != nil { // what stands behind the picture is of the file too
		return p, err
	}
	raw.Sum(x.raw[:0])
	made.Sum(x.made[:0])
	x.size, err = out.Seek(0, io.SeekCurrent)
	p.Bytes = x.size
	return p, err
}

// addTo appends the masked file of the row with this key to an archive.
func (f *folder) addTo(w *archive.Writer, key string) error {
	x := f.byKey[key]
	if x == nil {
		return fmt.Errorf("catalog: row %s has no file", key)
	}
	in, err := os.Open(x.path)
	if err != nil {
		return err
	}
	defer in.Close()
	return errors.Join(w.Add(key+x.ext(), x.size, in), os.Remove(x.path))
}

// shown is b with what the files hold where their paths stand, for checks that
// compare rows: a path is of one row alone and says nothing.
func (f *folder) shown(b *table.Batch) *table.Batch {
	if f == nil {
		return b
	}
	out := &table.Batch{Rows: b.Rows, Cols: slices.Clone(b.Cols)}
	for i := range out.Cols {
		if out.Cols[i].Name != f.m.File {
			continue
		}
		c := table.NewColumn(out.Cols[i].Field, b.Rows)
		for _, k := range b.Cols[0].Str {
			if x := f.byKey[k]; x != nil {
				c.AppendStr(hex.EncodeToString(x.raw[:]) + x.ext())
			} else {
				c.AppendNull()
			}
		}
		out.Cols[i] = c
	}
	return out
}
