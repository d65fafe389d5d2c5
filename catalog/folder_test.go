package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aihub"
	"aihub/catalog/media"
	"aihub/internal/archive"
	"aihub/internal/table"
	"aihub/policies"
)

// canary stands in every name and every tag of a raw folder: none may be published.
const canary = "CANARY-zhang-san"

// patched is a picture of 8 × 8 random patches, another for each seed, with a face
// at 40, 24: a fine chequer that no mean keeps.
func patched(seed int) *image.NRGBA {
	r := rand.New(rand.NewPCG(7, uint64(seed)))
	p := image.NewNRGBA(image.Rect(0, 0, 96, 64))
	for by := range 8 {
		for bx := range 8 {
			c := color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
			for y := by * 8; y < by*8+8; y++ {
				for x := bx * 12; x < bx*12+12; x++ {
					p.SetNRGBA(x, y, c)
				}
			}
		}
	}
	for y := 24; y < 40; y++ {
		for x := 40; x < 56; x++ {
			v := uint8(255 * ((x + y) % 2))
			p.SetNRGBA(x, y, color.NRGBA{v, v, v, 255})
		}
	}
	return p
}

func jpegOf(p image.Image, quality int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	tag := append([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00"), canary...)
	seg := append([]byte{0xff, 0xe1, 0, byte(len(tag) + 2)}, tag...)
	return slices.Concat(b.Bytes()[:2], seg, b.Bytes()[2:])
}

func pngOf(p image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		panic(err)
	}
	return append(b.Bytes(), canary...)
}

// noise is a WAV of a second of noise, another for each seed, with a tag.
func noise(seed int) []byte {
	r := rand.New(rand.NewPCG(9, uint64(seed)))
	var data []byte
	for i := range 8000 {
		loud := 1 + (i/500*(seed+3))%7 // its own rhythm
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(r.IntN(2000*loud)-1000*loud)))
	}
	chunk := func(id string, body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body))), body...)
	}
	format := []byte{1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0}
	return chunk("RIFF", slices.Concat([]byte("WAVE"), chunk("fmt ", format), chunk("LIST", []byte(canary)), chunk("data", data)))
}

// rawFolder is a folder in memory: its table's rows and its files.
type rawFolder struct {
	rows  [][]string // file, label, faces, mute, where
	files map[string][]byte
}

func (f *rawFolder) add(name string, data []byte, faces, mute, where string) {
	f.files[name] = data
	f.rows = append(f.rows, []string{name, fmt.Sprintf("c%d", len(f.rows)%3), faces, mute, where})
}

// album are 60 pictures and 20 recordings that are all different.
func album() *rawFolder {
	f := &rawFolder{files: map[string][]byte{}}
	for i := range 60 {
		faces := "[[40,24,16,16]]"
		if i%3 == 0 {
			faces = `[{"x":40,"y":24,"w":16,"h":16}]`
		}
		if i%2 == 0 {
			f.add(fmt.Sprintf("photos/%s-%d.JPG", canary, i), jpegOf(patched(i), 95), faces, "", "")
		} else {
			f.add(fmt.Sprintf("photos/%s-%d.png", canary, i), pngOf(patched(i)), faces, "", "")
		}
	}
	for i := range 20 {
		f.add(fmt.Sprintf("%s-%d.wav", canary, i), noise(i), "", "[[0.25,0.5]]", "")
	}
	return f
}

// pack writes f as it would be uploaded.
func (f *rawFolder) pack(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "raw.tar")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(append([][]string{{"file", "label", "faces", "mute", "where"}}, f.rows...)); err != nil {
		t.Fatal(err)
	}
	tar := archive.NewWriter(out)
	err = tar.Add("table.csv", int64(b.Len()), &b)
	for _, n := range slices.Sorted(maps.Keys(f.files)) {
		err = errors.Join(err, tar.Add(n, int64(len(f.files[n])), bytes.NewReader(f.files[n])))
	}
	if err = errors.Join(err, tar.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const albumManifest = `
name: album
title: {zh: 相册, en: Album}
description: {zh: 相册, en: Album}
license: CC-BY-4.0
key: id
key_from: rows
media: {file: file, boxes: faces, style: pixelate, spans: mute}
mask: {default: drop, columns: {label: {use: keep}}}
truth: [label]
split: {sample: 0.3, train: 0.3, test: 0.4, seed: 3}
`

// unpacked are the files of a part.
func (w *world) unpacked(d aihub.Digest) map[string][]byte {
	w.Helper()
	r, err := w.Blobs.Open(w.ctx, d)
	w.must(err)
	defer r.Close()
	out := map[string][]byte{}
	w.must(archive.Each(r, func(name string, _ int64, r io.Reader) error {
		out[name], err = io.ReadAll(r)
		return err
	}))
	return out
}

// Every row has its file, masked, under a name that says nothing; nothing of the
// raw names, tags or faces is left; and the digest does not depend on the cores.
func TestPublishFolder(t *testing.T) { // sets GOMAXPROCS: not beside others
	w := newWorld(t)
	raw := album()
	path := raw.pack(t)
	v, err := w.Publish(w.ctx, w.steward, []byte(albumManifest), path, nil)
	w.must(err)
	column := v.Columns[slices.IndexFunc(v.Columns, func(c aihub.Column) bool { return c.Name == "file" })]
	if !column.File || column.Truth || len(v.Columns) != 3 {
		t.Errorf("%+v", v.Columns)
	}
	total := 0
	for _, f := range v.Parts {
		in, files := w.part(f.Input), w.unpacked(f.Files)
		if len(files) != in.Rows || in.Col("faces") != nil || in.Col("mute") != nil {
			t.Errorf("%s: %d files of %d rows, %v", f.Part, len(files), in.Rows, in.Schema())
		}
		for r := range in.Rows {
			key, at := in.Col("id").Str[r], in.Col("file").Str[r]
			data, ok := files[strings.TrimPrefix(at, "files/")]
			if !ok || at != table.RowPath(key, filepath.Ext(at)) {
				t.Fatalf("row %s has the file %q", key, at)
			}
			total++
			if media.Kind(data) == "wav" {
				if !bytes.Equal(data[44+4000:44+8000], make([]byte, 4000)) {
					t.Errorf("%s is not silent between 0.25 and 0.5 seconds", at)
				}
				continue
			}
			p, _, err := image.Decode(bytes.NewReader(data))
			w.must(err)
			least, most := uint8(255), uint8(0) // of what was black and white
			for y := 26; y < 38; y++ {
				for x := 42; x < 54; x++ {
					v := color.GrayModel.Convert(p.At(x, y)).(color.Gray).Y
					least, most = min(least, v), max(most, v)
				}
			}
			if most-least > 60 {
				t.Errorf("%s shows a face: grey %d to %d where it was", at, least, most)
			}
		}
	}
	if total != len(raw.rows) {
		t.Errorf("%d of %d rows", total, len(raw.rows))
	}
	for d, b := range w.opened() {
		if bytes.Contains(b, []byte("CANARY")) {
			t.Errorf("%s holds a name or a tag", d.Short())
		}
		for n, data := range raw.files {
			if bytes.Contains(b, data[len(data)/2:len(data)/2+64]) {
				t.Errorf("%s holds raw bytes of %s", d.Short(), n)
			}
		}
	}
	if p := w.profile(v); p.Media == nil || p.Media.Pictures != 60 || p.Media.Recordings != 20 || p.Media.Boxes != 60 || p.Media.Silenced < 4.9 {
		t.Errorf("%+v", p.Media)
	}
	for _, l := range w.profile(v).Leaks {
		if strings.Contains(l.Check, "files") && l.Rows > 0 {
			t.Errorf("%+v: all are different", l)
		}
	}
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	one, err := w.Publish(w.ctx, w.steward, []byte(albumManifest), path, nil)
	w.must(err)
	if one.Content != v.Content || one.Plan != v.Plan {
		t.Error("one core gives another content")
	}
	other, err := w.Publish(w.ctx, w.steward, []byte(strings.Replace(albumManifest, "pixelate", "fill", 1)), path, nil)
	w.must(err)
	if other.Content == v.Content || other.Plan == v.Plan {
		t.Error("another style is the same content or plan")
	}
	// Rows that the plan leaves out take their files along.
	fewer := strings.Replace(albumManifest, "{label: {use: keep}}", "{label: {use: suppress, values: [c1], record: true}}", 1)
	v, err = w.Publish(w.ctx, w.steward, []byte(fewer), path, nil)
	w.must(err)
	rows, files := 0, 0
	for _, f := range v.Parts {
		rows += w.part(f.Input).Rows
		files += len(w.unpacked(f.Files))
	}
	if want := len(raw.rows) - 27; rows != want || files != want {
		t.Errorf("%d rows and %d files, not %d", rows, files, want)
	}
}

// Files of the test part that also stand in the sample, as they are or nearly, are
// counted.
func TestFolderLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := &rawFolder{files: map[string][]byte{}}
	for i := range 12 {
		f.add(fmt.Sprintf("s%d.png", i), pngOf(patched(i)), "", "", "s")
		f.add(fmt.Sprintf("v%d.wav", i), noise(i), "", "", "s")
		f.add(fmt.Sprintf("t%d.png", i), pngOf(patched(100+i)), "", "", "t")
	}
	f.add("same.png", pngOf(patched(1)), "", "", "t")
	f.add("same.wav", noise(2), "", "", "t")
	f.add("worse.jpg", jpegOf(patched(3), 40), "", "", "t")
	small := image.NewNRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			small.Set(x, y, patched(4).At(2*x, 2*y))
		}
	}
	f.add("smaller.png", pngOf(small), "", "", "t")
	quiet := noise(5)
	for i := bytes.Index(quiet, []byte("data")) + 8; i+1 < len(quiet); i += 2 {
		binary.LittleEndian.PutUint16(quiet[i:], uint16(int16(float64(int16(binary.LittleEndian.Uint16(quiet[i:])))*0.9)))
	}
	f.add("quieter.wav", quiet, "", "", "t")
	m := strings.Replace(albumManifest, "split: {sample: 0.3, train: 0.3, test: 0.4, seed: 3}", "split: {sample: 0.5, test: 0.5, column: where, values: {sample: [s], test: [t]}}", 1)
	m = strings.Replace(m, "media: {", "media: {because: drawn by a program, ", 1)
	v, err := w.Publish(w.ctx, w.steward, []byte(m), f.pack(t), nil)
	w.must(err)
	got := map[string]int64{}
	for _, l := range w.profile(v).Leaks {
		if l.From == aihub.Sample && l.To == aihub.Test {
			got[l.Check] = l.Rows
		}
	}
	if got["duplicate_files"] != 2 || got["near_duplicate_files"] != 3 {
		t.Error(got)
	}
	r, err := w.Blobs.Open(w.ctx, v.Card)
	w.must(err)
	defer r.Close()
	if md, err := io.ReadAll(r); err != nil || !strings.Contains(string(md), "nearly the same as one of sample") {
		t.Errorf("%s %v", md, err)
	}
}

// What is wrong with a folder is said by name, and nothing is stored.
func TestHostileFolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bomb := pngOf(patched(0))
	binary.BigEndian.PutUint32(bomb[16:], 60_000)
	binary.BigEndian.PutUint32(bomb[20:], 60_000)
	for name, c := range map[string]struct {
		change func(*rawFolder)
		code   string // of a fault
		where  string
	}{
		"a picture of 3.6e9 pixels": {func(f *rawFolder) { f.files["x.png"] = bomb }, "media_unreadable", "x.png"},
		"a picture cut short":       {func(f *rawFolder) { f.files["x.png"] = pngOf(patched(0))[:400] }, "media_unreadable", "x.png"},
		"no picture":                {func(f *rawFolder) { f.files["x.png"] = []byte("<svg onload=alert(1)>") }, "media_kind", "x.png"},
		"an empty file":             {func(f *rawFolder) { f.files["x.png"] = nil }, "media_kind", "x.png"},
		"another extension":         {func(f *rawFolder) { f.files["x.png"] = jpegOf(patched(0), 90) }, "media_kind", "x.png"},
		"a file that is not there":  {func(f *rawFolder) { delete(f.files, "x.png") }, "media_missing", "x.png"},
		"a path out of the folder":  {func(f *rawFolder) { f.rows[0][0] = "../x.png" }, "media_missing", "../x.png"},
		"a row without a file":      {func(f *rawFolder) { f.rows[0][0] = "" }, "media_missing", "file"},
		"a file of two rows":        {func(f *rawFolder) { f.rows[1][0] = "x.png" }, "media_twice", "x.png"},
		"a file of no row":          {func(f *rawFolder) { f.files["stray.png"] = pngOf(patched(1)) }, "media_unnamed", "stray.png"},
		"boxes that are no list":    {func(f *rawFolder) { f.rows[0][2] = "40,24" }, "media_boxes", "x.png"},
		"a box without area":        {func(f *rawFolder) { f.rows[0][2] = "[[1,1,0,5]]" }, "media_boxes", "x.png"},
		"spans of a picture":        {func(f *rawFolder) { f.rows[0][3] = "[[0,1]]" }, "media_spans", "x.png"},
		"a span that ends first":    {func(f *rawFolder) { f.rows[1][3] = "[[2,1]]" }, "media_spans", "y.wav"},
		"a box beside the picture":  {func(f *rawFolder) { f.rows[0][2] = "[[40,24,16,16],[400,240,160,160]]" }, "media_boxes", "x.png"},
		"a box in shares":           {func(f *rawFolder) { f.rows[0][2] = "[[0.4,0.3,0.2,0.2]]" }, "media_boxes", "x.png"},
		"a box of nulls":            {func(f *rawFolder) { f.rows[0][2] = "[[null,24,16,16]]" }, "media_boxes", "x.png"},
		"a span behind the end":     {func(f *rawFolder) { f.rows[1][3] = "[[0,0.5],[250,500]]" }, "media_spans", "y.wav"},
		"no box in any row":         {func(f *rawFolder) { f.rows[0][2] = "" }, "media_unmasked", "faces"},
		"no span in any row":        {func(f *rawFolder) { f.rows[1][3] = "[]" }, "media_unmasked", "mute"},
	} {
		f := &rawFolder{files: map[string][]byte{}}
		f.add("x.png", pngOf(patched(0)), "[[40,24,16,16]]", "", "")
		f.add("y.wav", noise(0), "", "[[0,1]]", "")
		for i := range 20 {
			f.add(fmt.Sprintf("%d.png", i), pngOf(patched(i)), "", "", "")
		}
		c.change(f)
		_, err := w.Publish(w.ctx, w.steward, []byte(albumManifest), f.pack(t), nil)
		var e *aihub.Error
		if !errors.As(err, &e) || e.Kind != aihub.Contract || !slices.ContainsFunc(e.Faults, func(x aihub.Fault) bool { return x.Code == c.code && x.Where == c.where }) {
			t.Errorf("%s: %v %+v", name, err, e)
		}
	}
	// What the table says, what lies there and what is in the pictures is said at once.
	f := &rawFolder{files: map[string][]byte{}}
	f.add("x.png", pngOf(patched(0)), "[[40,24,16,16],[400,240,160,160]]", "", "")
	f.add("short.png", pngOf(patched(0))[:400], "", "", "")
	f.add("y.wav", noise(0), "[[1,2,3,4]]", "[[250,500]]", "")
	f.add("gone.png", pngOf(patched(1)), "40,24", "", "")
	for i := range 20 {
		f.add(fmt.Sprintf("%d.png", i), pngOf(patched(i)), "", "", "")
	}
	f.files["stray.png"] = pngOf(patched(2))
	delete(f.files, "gone.png")
	_, err := w.Publish(w.ctx, w.steward, []byte(albumManifest), f.pack(t), nil)
	var all *aihub.Error
	var said []string
	if errors.As(err, &all) {
		for _, x := range all.Faults {
			said = append(said, x.Code+" "+x.Where)
		}
	}
	slices.Sort(said)
	if d := cmp.Diff([]string{"media_boxes x.png", "media_boxes y.wav", "media_missing gone.png", "media_spans y.wav", "media_unnamed stray.png", "media_unreadable short.png"}, said); d != "" {
		t.Error(err, d)
	}
	good := album().pack(t)
	for name, c := range map[string]struct{ old, new, code string }{
		"nothing hidden of pictures":   {"boxes: faces, style: pixelate, ", "", "media_unmasked"},
		"nothing hidden of recordings": {", spans: mute", "", "media_unmasked"},
		"a column that is not there":   {"boxes: faces", "boxes: heads", "missing_column"},
		"a masked column of the files": {"{label: {use: keep}", "{faces: {use: drop}, label: {use: keep}", "media"},
		"a path as the key":            {"key: id\nkey_from: rows", "key: file", "key"},
		"a truth that hides":           {"truth: [label]", "truth: [label, mute]", "truth"},
		"a strange style":              {"pixelate", "sharpen", "media"},
		"a file that names nothing":    {"file: file, ", "", "missing"},
	} {
		m := strings.Replace(albumManifest, c.old, c.new, 1)
		_, err := w.Publish(w.ctx, w.steward, []byte(m), good, nil)
		var e *aihub.Error
		if m == albumManifest || !errors.As(err, &e) || !slices.ContainsFunc(e.Faults, func(x aihub.Fault) bool { return x.Code == c.code }) {
			t.Errorf("%s: %v %+v", name, err, e)
		}
	}
	m := strings.Replace(albumManifest, "file: file,", "file: file, table: no.csv,", 1)
	if _, err := w.Publish(w.ctx, w.steward, []byte(m), good, nil); aihub.KindOf(err) != aihub.Contract {
		t.Error(err)
	}
	if n := len(w.blobs()); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

// FuzzFolder: whatever a folder's bytes and its table's cells are, publishing ends
// in a version or in an error that names what to mend.
func FuzzFolder(f *testing.F) {
	f.Add(pngOf(patched(0)), "x.png", "[[40,24,16,16]]", "")
	f.Add(jpegOf(patched(1), 80), "x.jpg", `[{"x":1,"y":2,"w":3,"h":4}]`, "")
	f.Add(noise(1), "x.wav", "", "[[0.1,0.2]]")
	m, err := ParseManifest([]byte(albumManifest))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, name, boxes, spans string) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width > 200_000/max(c.Height, 1) {
			return // slow, not wrong
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "raw.tar")
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		tar := archive.NewWriter(out)
		if err := tar.Add("table.csv", 2, strings.NewReader("x\n")); err != nil {
			t.Fatal(err)
		}
		if tar.Add(name, int64(len(data)), bytes.NewReader(data)) != nil {
			name = "plain"
			if err := tar.Add(name, int64(len(data)), bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(tar.Close(), out.Close()); err != nil {
			t.Fatal(err)
		}
		folder, _, err := m.openFolder(path, dir)
		if err != nil {
			if aihub.KindOf(err) != aihub.Contract {
				t.Fatal(err)
			}
			return
		}
		defer folder.close()
		field := func(n string) table.Field { return table.Field{Name: n, Type: table.String} }
		row := table.NewBatch([]table.Field{field("file"), field("faces"), field("mute"), field("id")}, 1)
		for i, v := range []string{name, boxes, spans, "k"} {
			row.Cols[i].AppendStr(v)
		}
		row.Rows = 1
		folder.add(row, &row.Cols[3])
		err = folder.err()
		if err == nil {
			err = folder.mask(t.Context(), dir, func(string, int64, int64) {})
		}
		if err != nil && aihub.KindOf(err) != aihub.Contract {
			t.Fatal(err)
		}
	})
}

// Erased, the files of a version are as gone as its tables.
func TestFolderIsErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := w.Publish(w.ctx, w.steward, []byte(albumManifest), album().pack(t), nil)
	w.must(err)
	w.approve(v)
	for d, b := range w.blobs() {
		if bytes.Contains(b, []byte("WAVEfmt ")) { // long enough for no ciphertext to hold it by chance
			t.Errorf("files lie open in the store: %s", d.Short())
		}
	}
	p := w.permit(w.steward, policies.DatasetWithdraw, policies.Object{Kind: "dataset", ID: v.Ref.String(), Org: v.Org})
	w.must(w.DB.WithdrawDataset(w.ctx, p, v.Ref, "old"))
	w.must(w.Erase(w.ctx, w.steward, v, "no longer needed"))
	if left := w.blobs(); len(left) != 3 {
		t.Errorf("%d blobs are left, not plan, profile and card", len(left))
	}
	for _, f := range v.Parts {
		if _, err := w.Blobs.Open(w.ctx, f.Files); aihub.KindOf(err) != aihub.NotFound {
			t.Errorf("the files of %s: %v", f.Part, err)
		}
	}
}

// What a detector of the steward's machine found is hidden beside the boxes given,
// counted, and told by the card; a picture that it was not shown is a fault.
func TestFolderWithDetector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw, found := album(), media.Found{Detector: "d.py", Digest: "sha256:" + strings.Repeat("a", 64), Pictures: map[string][]media.FoundBox{}, Digests: map[string]string{}}
	manifest := strings.Replace(albumManifest, "boxes: faces, ", "", 1)
	for name, b := range raw.files {
		if !strings.HasSuffix(name, ".wav") {
			sum := sha256.Sum256(b)
			found.Digests[name] = hex.EncodeToString(sum[:])
			found.Pictures[name] = []media.FoundBox{{Box: media.Box{X: 40, Y: 24, W: 16, H: 16}, Kind: "face"}}
		}
	}
	write := func() {
		b, err := json.Marshal(found)
		w.must(err)
		raw.files[media.FoundName] = b
	}
	write()
	v, err := w.Publish(w.ctx, w.steward, []byte(manifest), raw.pack(t), nil)
	w.must(err)
	if m := w.profile(v).Media; m.Detector != "d.py" || m.DetectorDigest != found.Digest || m.Found["face"] != 60 || m.Boxes != 60 {
		t.Errorf("%+v", m)
	}
	// One beside its picture hides nothing and is no hidden one.
	var beside string
	for name, boxes := range found.Pictures {
		beside, boxes[0].X = name, 5000
		break
	}
	write()
	_, err = w.Publish(w.ctx, w.steward, []byte(manifest), raw.pack(t), nil)
	var e *aihub.Error
	if !errors.As(err, &e) || e.Kind != aihub.Contract || len(e.Faults) != 1 || e.Faults[0].Code != "media_boxes" || e.Faults[0].Where != beside {
		t.Error(err)
	}
	// What it found is of what it was shown, not of what has its name now.
	found.Pictures[beside][0].X = 40
	shown := found.Digests[beside]
	found.Digests[beside] = strings.Repeat("0", 64)
	write()
	_, err = w.Publish(w.ctx, w.steward, []byte(manifest), raw.pack(t), nil)
	if !errors.As(err, &e) || e.Kind != aihub.Contract || len(e.Faults) != 1 || e.Faults[0].Code != "media_found" || !strings.Contains(err.Error(), "do not fit") {
		t.Error(err)
	}
	found.Digests[beside] = shown
	for name := range found.Pictures {
		delete(found.Pictures, name)
		break
	}
	write()
	_, err = w.Publish(w.ctx, w.steward, []byte(manifest), raw.pack(t), nil)
	if !errors.As(err, &e) || e.Kind != aihub.Contract || len(e.Faults) != 1 || e.Faults[0].Code != "media_found" {
		t.Error(err)
	}
	raw.files[media.FoundName] = []byte("{}")
	if _, err = w.Publish(w.ctx, w.steward, []byte(manifest), raw.pack(t), nil); aihub.KindOf(err) != aihub.Contract {
		t.Error(err)
	}
}
