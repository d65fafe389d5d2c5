package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"aihub"
	"aihub/catalog/media"
	"aihub/internal/archive"
	"aihub/internal/table"
)

// folder is a raw folder on its way: which file belongs to which row, and what was
// made of it.
type folder struct {
	m       *Media
	raw     *archive.Index
	found   *media.Found // nil: no detector looked
	byKey   map[string]*mediaFile
	named   map[string]bool // paths that a row of the raw table names
	rowOf   map[string]bool // those of the rows that are published
	faults  []aihub.Fault
	count   int // of faults
	profile MediaProfile
}

// mediaFile is one file: as the table speaks of it, then as it was masked.
type mediaFile struct {
	name, kind string
	small      bool // enough to be masked
	boxes      []media.Box
	found      []media.FoundBox // of boxes, those of the detector
	shown      string           // digest of what the detector was shown, hex
	spans      []media.Span
	path       string // of the masked file
	raw, made  [sha256.Size]byte
	size       int64
	print      media.Print
}

// maxMediaFaults is how many faults of files are named.
const maxMediaFaults = 20

// openFolder opens a raw folder, an archive of package archive, and lays its table
// out in dir.
func (m *Manifest) openFolder(path, dir string) (_ *folder, tablePath string, err error) {
	x, err := archive.Open(path)
	if err != nil {
		return nil, "", err
	}
	f := &folder{m: &m.Media, raw: x, byKey: map[string]*mediaFile{}, named: map[string]bool{}, rowOf: map[string]bool{}}
	r, ok := x.Get(m.Media.Table)
	if !ok {
		return nil, "", errors.Join(x.Close(), aihub.Errorf(aihub.Contract, aihub.Text{
			EN: fmt.Sprintf("the folder has no table %q", m.Media.Table), ZH: fmt.Sprintf("文件夹中没有表 %q", m.Media.Table)}).
			WithHint(aihub.Text{EN: "put it there, or name another path as media.table", ZH: "请将其放入，或在 media.table 中指定其他路径"}))
	}
	if f.found, err = openFound(x); err != nil {
		return nil, "", errors.Join(err, x.Close())
	}
	tablePath = filepath.Join(dir, "table"+filepath.Ext(m.Media.Table))
	out, err := os.OpenFile(tablePath, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(out, r)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return nil, "", errors.Join(noRoom(err), x.Close())
	}
	return f, tablePath, nil
}

// openFound reads what the steward's detector found, if one looked.
func openFound(x *archive.Index) (*media.Found, error) {
	r, ok := x.Get(media.FoundName)
	if !ok {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(r, media.MaxFound+1))
	if err != nil {
		return nil, err
	}
	found, err := media.ParseFound(b)
	if err != nil {
		return nil, aihub.Errorf(aihub.Contract, aihub.Text{EN: "what a detector found cannot be read: " + err.Error(), ZH: "检测结果无法读取：" + err.Error()}).
			WithHint(aihub.Text{EN: "publish the folder itself with --detector; it writes " + media.FoundName, ZH: "请对文件夹本身使用 --detector 发布，由其写出 " + media.FoundName})
	}
	return &found, nil
}

func (f *folder) close() error {
	if f == nil {
		return nil
	}
	return f.raw.Close()
}

func (f *folder) fault(code, where, en, zh string) {
	if f.count++; len(f.faults) < maxMediaFaults {
		f.faults = append(f.faults, aihub.Fault{Code: code, Where: where, Message: aihub.Text{EN: en, ZH: zh}})
	}
}

// err is a Contract error with the faults so far, or nil.
func (f *folder) err() error {
	if f == nil || f.count == 0 {
		return nil
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: fmt.Sprintf("the files and their table do not fit; faults: %d", f.count), ZH: fmt.Sprintf("文件与其表不符，问题 %d 处", f.count),
	}).WithHint(aihub.Text{EN: "mend the folder and publish again; nothing was stored", ZH: "请修正文件夹后重新发布；未保存任何内容"}).WithFaults(f.faults)
}

// see notes which files the rows of the raw table name, those too that the plan
// leaves out.
func (f *folder) see(raw *table.Batch) {
	for r := range raw.Rows {
		name, _ := raw.Col(f.m.File).Text(r)
		f.named[pathOf(name)] = true
	}
}

// pathOf is the path in the folder that a row names.
func pathOf(name string) string { return strings.Clone(strings.TrimPrefix(name, "./")) }

// add takes the rows of raw, whose masked keys are keys, and returns the column
// with the paths of their masked files.
func (f *folder) add(raw *table.Batch, keys *table.Column) table.Column {
	out := table.NewColumn(table.Field{Name: f.m.File, Type: table.String}, raw.Rows)
	text := func(column string, r int) string {
		if column == "" {
			return ""
		}
		v, _ := raw.Col(column).Text(r)
		return v
	}
	for r := range raw.Rows {
		x := &mediaFile{name: pathOf(text(f.m.File, r))}
		f.take(x, text(f.m.Boxes, r), text(f.m.Spans, r))
		if !keys.Null(r) {
			f.byKey[keys.Str[r]] = x
		}
		key, _ := keys.Text(r) // without one the publish ends
		out.AppendStr(table.RowPath(key, x.ext()))
	}
	return out
}

func (x *mediaFile) ext() string {
	if x.kind == "jpeg" {
		return ".jpg"
	}
	return "." + x.kind
}

// extensions are those that a file of a kind may have.
var extensions = map[string][]string{"jpeg": {".jpg", ".jpeg"}, "png": {".png"}, "wav": {".wav"}}

// take checks what the table says of a file, and the file by its first bytes.
func (f *folder) take(x *mediaFile, boxes, spans string) {
	r, ok := f.raw.Get(x.name)
	switch {
	case x.name == "":
		f.fault("media_missing", f.m.File, "a row names no file", "有一行未指明文件")
		return
	case !ok:
		f.fault("media_missing", x.name, "the table names this file, and it is not in the folder", "表中列有此文件，但文件夹中没有")
		return
	case f.rowOf[x.name]:
		f.fault("media_twice", x.name, "two rows name this file: a file belongs to one row", "有两行指向此文件：每个文件只属于一行")
		return
	}
	f.rowOf[x.name] = true
	head := make([]byte, 16)
	n, _ := r.ReadAt(head, 0)
	if x.kind = media.Kind(head[:n]); x.kind == "" {
		f.fault("media_kind", x.name, "it is no JPEG, PNG or WAV", "不是 JPEG、PNG 或 WAV")
		return
	}
	if ext := strings.ToLower(path.Ext(x.name)); !slices.Contains(extensions[x.kind], ext) {
		f.fault("media_kind", x.name, fmt.Sprintf("it is a %s and its name says %q: rename it", x.kind, ext), fmt.Sprintf("内容为 %s，而扩展名为 %q：请改名", x.kind, ext))
	}
	if x.small = r.Size() <= media.MaxBytes; !x.small {
		f.fault("media_size", x.name, fmt.Sprintf("it is larger than %d MiB", media.MaxBytes>>20), fmt.Sprintf("超过 %d MiB", media.MaxBytes>>20))
	}
	var err error
	if x.boxes, err = media.ParseBoxes(boxes); err != nil {
		f.fault("media_boxes", x.name, "its boxes cannot be read: "+err.Error(), "其框无法读取："+err.Error())
	}
	if x.spans, err = media.ParseSpans(spans); err != nil {
		f.fault("media_spans", x.name, "its spans cannot be read: "+err.Error(), "其时间段无法读取："+err.Error())
	}
	if f.found != nil && x.kind != "wav" {
		seen, ok := f.found.Pictures[x.name]
		x.shown = f.found.Digests[x.name]
		if !ok || x.shown == "" {
			f.fault("media_found", x.name, "the detector was not shown this picture: publish the folder itself with --detector", "检测程序未查看此图片：请对文件夹本身使用 --detector 发布")
		}
		x.found = seen
		for _, b := range seen {
			x.boxes = append(x.boxes, b.Box)
		}
		if len(x.boxes) > media.MaxBoxes {
			f.fault("media_boxes", x.name, fmt.Sprintf("more than %d boxes, those found included", media.MaxBoxes), fmt.Sprintf("连同检测到的框超过 %d 个", media.MaxBoxes))
		}
	}
	switch sound := x.kind == "wav"; {
	case sound && len(x.boxes) > 0:
		f.fault("media_boxes", x.name, "a recording has no boxes", "录音没有框")
		x.boxes = nil
	case !sound && len(x.spans) > 0:
		f.fault("media_spans", x.name, "a picture has no spans", "图片没有时间段")
		x.spans = nil
	case f.m.Because != "":
	case sound && f.m.Spans == "" && f.m.Semitones == 0:
		f.fault("media_unmasked", x.name, "nothing would be hidden of recordings: name a column of media.spans, give media.semitones, or say why not: media.because", "录音将不作任何处理：请写 media.spans 列或 media.semitones；确无需处理请在 media.because 中说明理由")
	case !sound && f.m.Boxes == "" && f.found == nil:
		f.fault("media_unmasked", x.name, "nothing would be hidden of pictures: name a column of media.boxes, publish with --detector, or say why not: media.because", "图片将不作任何处理：请写 media.boxes 列或以 --detector 发布；确无需处理请在 media.because 中说明理由")
	}
}

// check ends the reading of a folder: when something is wrong with it, what masking
// would find is found now, so that all of it is said at once.
func (f *folder) check(ctx context.Context, dir string, report progress) error {
	if f == nil {
		return nil
	}
	if f.unnamed(); f.count == 0 {
		return nil
	}
	return f.mask(ctx, dir, report)
}

// unnamed finds files that no row names.
func (f *folder) unnamed() {
	for _, n := range f.raw.Names() {
		if n != f.m.Table && n != media.FoundName && !f.named[n] {
			f.fault("media_unnamed", n, "no row of the table names this file: list it, or take it out of the folder", "表中没有任何一行指向此文件：请列入表中，或移出文件夹")
		}
	}
}
