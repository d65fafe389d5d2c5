package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"aihub"
	"aihub/catalog/mask"
	"aihub/catalog/media"
	"aihub/internal/archive"
	"aihub/internal/table"
)

// Media says that the raw data is a folder: a table, each of whose rows belongs to
// one picture (JPEG, PNG) or recording (WAV) of it, and the files (媒体文件).
// Published is the table with a column of paths, and the files, masked, named after
// their rows' keys. The columns named here are read for the masking and dropped.
type Media struct {
	Table     string      `yaml:"table" json:"table"`                   // path of the table in the folder; default table.csv
	File      string      `yaml:"file" json:"file"`                     // column with the path of the row's file in the folder; the masked table has one of this name
	Boxes     string      `yaml:"boxes" json:"boxes,omitempty"`         // column with what to hide of a picture; see media.ParseBoxes
	Style     media.Style `yaml:"style" json:"style,omitempty"`         // of boxes: blur (default), pixelate, fill
	Spans     string      `yaml:"spans" json:"spans,omitempty"`         // column with what to silence of a recording; see media.ParseSpans
	Semitones float64     `yaml:"semitones" json:"semitones,omitempty"` // that every recording is moved by
	Because   string      `yaml:"because" json:"because,omitempty"`     // why nothing has to be hidden, where boxes or spans are not given
}

func (m *Media) declared() bool { return *m != Media{} }

// columns are those of the raw table that are read for the files.
func (m *Media) columns() (out []string) {
	for _, c := range []string{m.File, m.Boxes, m.Spans} {
		if c != "" {
			out = append(out, c)
		}
	}
	return out
}

// lintMedia checks the section, and has its columns dropped from the table.
func (m *Manifest) lintMedia(l *linter) {
	x := &m.Media
	if !x.declared() {
		return
	}
	x.Table, x.Style = cmp.Or(x.Table, "table.csv"), cmp.Or(x.Style, media.Blur)
	if x.File == "" {
		l.add("missing", "media.file", "media.file is missing: name the column with the path of each row's file", "缺少 media.file：请指明每行文件路径所在的列")
	}
	if x.Style != media.Blur && x.Style != media.Pixelate && x.Style != media.Fill {
		l.add("media", "media.style", "style is blur, pixelate or fill", "style 应为 blur、pixelate 或 fill")
	}
	if !(x.Semitones >= -12 && x.Semitones <= 12) {
		l.add("media", "media.semitones", "semitones are between -12 and 12", "semitones 须在 -12 至 12 之间")
	}
	if m.Key == x.File && x.File != "" {
		l.add("key", "key", "a file's path is not a key, it may tell something: write key_from: rows and a new name", "文件路径可能携带信息，不能作主键：请写 key_from: rows 并另取名称")
	}
	if m.Mask.Columns == nil {
		m.Mask.Columns = map[string]mask.Rule{}
	}
	for _, c := range x.columns() {
		if _, named := m.Mask.Columns[c]; named {
			l.add("media", "mask.columns."+c, fmt.Sprintf("column %q is read for the files and dropped: remove this line", c), fmt.Sprintf("列 %q 仅用于处理文件，随后删除：请去掉此行", c))
		}
		if slices.Contains(m.Truth, c) {
			l.add("truth", "truth", fmt.Sprintf("column %q says where a file is or what is hidden of it: it is no truth column", c), fmt.Sprintf("列 %q 用于指明文件或需隐藏的内容，不能作真值列", c))
		}
		m.Mask.Columns[c] = mask.Rule{Use: "drop"}
	}
}

// planOf is the canonical mask plan of the raw table, and of its files.
func (m *Manifest) planOf(columns []table.Field) ([]byte, error) {
	b, err := m.Mask.Canonical(columns)
	if err != nil || !m.Media.declared() {
		return b, err
	}
	all := map[string]any{}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	all["media"] = m.Media
	return json.Marshal(all)
}

// MediaProfile counts what was masked of the files.
type MediaProfile struct {
	Pictures   int64   `json:"pictures,omitempty"`
	Recordings int64   `json:"recordings,omitempty"`
	Boxes      int64   `json:"boxes,omitempty"`   // that were hidden
	Seconds    float64 `json:"seconds,omitempty"` // of all recordings
	Silenced   float64 `json:"silenced,omitempty"`
	Bytes      int64   `json:"bytes"` // of the masked files
	Because    string  `json:"because,omitempty"`

	// Of the steward's detector, where one looked at every picture: its name, its
	// program's digest, and how many boxes of each kind it found beside those given.
	Detector       string           `json:"detector,omitempty"`
	DetectorDigest string           `json:"detector_digest,omitempty"`
	Found          map[string]int64 `json:"found,omitempty"`
}

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
	boxes      []media.Box
	found      []media.FoundBox // of boxes, those of the detector
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
	if r.Size() > media.MaxBytes {
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
		if !ok {
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
	case !sound && len(x.spans) > 0:
		f.fault("media_spans", x.name, "a picture has no spans", "图片没有时间段")
	case f.m.Because != "":
	case sound && f.m.Spans == "" && f.m.Semitones == 0:
		f.fault("media_unmasked", x.name, "nothing would be hidden of recordings: name a column of media.spans, give media.semitones, or say why not: media.because", "录音将不作任何处理：请写 media.spans 列或 media.semitones；确无需处理请在 media.because 中说明理由")
	case !sound && f.m.Boxes == "" && f.found == nil:
		f.fault("media_unmasked", x.name, "nothing would be hidden of pictures: name a column of media.boxes, publish with --detector, or say why not: media.because", "图片将不作任何处理：请写 media.boxes 列或以 --detector 发布；确无需处理请在 media.because 中说明理由")
	}
}

// unnamed finds files that no row names.
func (f *folder) unnamed() {
	for _, n := range f.raw.Names() {
		if n != f.m.Table && n != media.FoundName && !f.named[n] {
			f.fault("media_unnamed", n, "no row of the table names this file: list it, or take it out of the folder", "表中没有任何一行指向此文件：请列入表中，或移出文件夹")
		}
	}
}

// maskers is how many files are masked at once: a picture takes as much as 600 MB.
const maskers = 2

// mask writes every file masked into dir, several at once: which says nothing of
// how many, each is masked by itself.
func (f *folder) mask(ctx context.Context, dir string, report progress) error {
	names := make([]string, 0, len(f.byKey))
	for k := range f.byKey {
		names = append(names, k)
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
