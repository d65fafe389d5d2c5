package intake

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

const (
	maxID      = 1024       // bytes of an id
	maxItems   = 20_000_000 // of a file
	maxLine    = 1 << 20
	maxFaults  = 20 // examples of a fault
	batchUnits = 256
)

// Nouns are what a format's units are found by: the number of the first line, result
// or file of each, which table.Batch.Numbers says.
var Nouns = map[string]string{
	scenarios.FormatCOCO: "item", scenarios.FormatRTTM: "line", scenarios.FormatCTM: "line", scenarios.FormatTREC: "line", scenarios.FormatMasks: "file", scenarios.FormatPictures: "file",
}

// Open reads a file of format (one of scenarios.UnitFormats) as a table of two
// columns of text: key, and column with a cell for each unit, in the order of the
// ids. Items of one unit may stand anywhere. Items that are at fault are left out
// and named by the error that ends the reading: a Contract error with every fault.
// Behind the most units, 0 for any number, it is not read.
func Open(path, format, key, column string, most int) (table.Reader, error) {
	g := newGrouped()
	g.most = most
	return g.open(path, format, key, column)
}

func (g *grouped) open(path, format, key, column string) (table.Reader, error) {
	var err error
	if format == scenarios.FormatMasks {
		err = g.archive(path, "bad_mask", pixels.Empty, maskCell)
	} else if format == scenarios.FormatPictures {
		err = g.archive(path, "bad_image", pictures.Empty, pictureCell)
	} else {
		var f *os.File
		if f, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("read predictions: %w", err)
		}
		defer f.Close()
		switch format {
		case scenarios.FormatCOCO:
			err = g.coco(f)
		case scenarios.FormatRTTM, scenarios.FormatCTM, scenarios.FormatTREC:
			err = g.lines(f, format)
		default:
			err = fmt.Errorf("intake: no format %q", format)
		}
	}
	if err != nil {
		return nil, err
	}
	return &reader{g: g, format: format, ids: slices.Sorted(maps.Keys(g.cells)),
		schema: []table.Field{{Name: key, Type: table.String}, {Name: column, Type: table.String}}}, nil
}

// grouped gathers the items of units.
type grouped struct {
	cells  map[string][]string // of each id, its items as lines or JSON objects
	first  map[string]int64    // of each id, the number of its first item in the file
	quiet  bool                // the file is truth
	most   int                 // units; 0: any number
	broken bool                // the file could not be read to its end
	items  int
	faults map[string]*aihub.Fault
	order  []string

	sizes  map[string][2]int    // height and width of the images of a COCO truth
	images map[string]annotated // what LVIS knows of an image beside its objects
}

func newGrouped() *grouped {
	return &grouped{cells: map[string][]string{}, first: map[string]int64{}, faults: map[string]*aihub.Fault{}}
}

// fault counts a fault at a place, with what stands there.
func (g *grouped) fault(code, where, value, en, zh string) {
	if code == "bad_file" {
		g.broken = true
	}
	key := code + en
	f := g.faults[key]
	if f == nil {
		f = &aihub.Fault{Code: code, Where: where, Message: aihub.Text{EN: en, ZH: zh}}
		g.faults[key], g.order = f, append(g.order, key)
	}
	if f.Count++; len(f.Examples) < maxFaults {
		if value != "" && !g.quiet {
			where += " " + quote(value)
		}
		f.Examples = append(f.Examples, where)
	}
}

// quote renders what stands in a file on one line.
func quote(s string) string {
	if len(s) > 240 {
		s = s[:240] // of as many characters at least as are shown
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strconv.Quote(s)
}

// at notes that the n-th item of the file is of a unit, and reports whether its id
// can be one.
func (g *grouped) at(id string, n int, where string) bool {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) {
		g.fault("bad_id", where, id, fmt.Sprintf("the id is empty, not UTF-8, or longer than %d bytes", maxID), fmt.Sprintf("标识为空、不是 UTF-8 或超过 %d 字节", maxID))
		return false
	}
	if _, known := g.first[id]; !known {
		g.first[id] = int64(n)
	}
	return true
}

// add keeps an item of a unit, the n-th of the file. One at fault is left out, but
// its unit is there, so that an id that nobody asked for is named, too.
func (g *grouped) add(id, item string, n int, where string, bad ...*aihub.Text) {
	for _, x := range bad {
		g.fault("bad_item", where, item, x.EN, x.ZH)
	}
	ok := g.at(id, n, where)
	switch {
	case !ok:
	case len(bad) > 0:
		if g.cells[id] == nil {
			g.cells[id] = []string{}
		}
	case g.items >= maxItems:
		g.fault("too_many_rows", where, "", fmt.Sprintf("more than %d items", maxItems), fmt.Sprintf("超过 %d 项", maxItems))
	default:
		g.items++
		g.cells[id] = append(g.cells[id], item)
	}
}

// err is every fault, or nil.
func (g *grouped) err() error {
	if len(g.order) == 0 {
		return nil
	}
	var list []aihub.Fault
	for _, k := range g.order {
		list = append(list, *g.faults[k])
	}
	err := aihub.Errorf(aihub.Contract, aihub.Text{EN: "the file is at fault", ZH: "文件有误"}).WithFaults(list)
	if g.broken {
		return err
	}
	return err.Because(table.ErrLeftOut)
}

// coco reads a list of results.
func (g *grouped) coco(r io.Reader) error {
	items := &itemReader{bufio.NewReaderSize(r, 1<<16), maxItem}
	d := json.NewDecoder(items)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		g.fault("bad_file", "item 1", "", "expected a JSON list of results", "应为结果的 JSON 列表")
		return nil
	}
	n := 0
	for d.More() {
		n++
		where := "item " + strconv.Itoa(n)
		if g.full(where) {
			return nil
		}
		items.left = maxItem
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, errItem) {
			g.fault("bad_file", where, "", fmt.Sprintf("the item has more than %d bytes; the rest was not read", MaxCell), fmt.Sprintf("该项超过 %d 字节；其余部分未读取", MaxCell))
			return nil
		} else if err != nil {
			g.fault("bad_file", where, "", fmt.Sprintf("not JSON from byte %d on", d.InputOffset()), fmt.Sprintf("自第 %d 字节起不是合法 JSON", d.InputOffset()))
			return nil
		}
		id, item, bad := cocoItem(raw)
		if id == "" && len(bad) > 0 { // nobody knows whose it is
			for _, x := range bad {
				g.fault("bad_item", where, item, x.EN, x.ZH)
			}
			continue
		}
		g.add(id, item, n, where, bad...)
	}
	if _, err := d.Token(); err != nil {
		g.fault("bad_file", "item "+strconv.Itoa(n+1), "", "the list does not end", "列表未结束")
	} else if _, err := d.Token(); !errors.Is(err, io.EOF) {
		g.fault("bad_file", "item "+strconv.Itoa(n+1), "", "there is something behind the list", "列表之后还有内容")
	}
	return nil
}

// cocoItem splits a result into the id of its image, "" when it has none, and the
// object as cells hold it; of one at fault it returns the text, and all that is wrong.
func cocoItem(raw []byte) (id, item string, bad []*aihub.Text) {
	var x struct {
		Image json.RawMessage `json:"image_id"`
		object
		ID json.RawMessage `json:"id"` // some tools number results; it means nothing
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(&x)
	if err == nil {
		err = plain(string(raw), true)
	}
	if err != nil {
		bad = append(bad, because(err, say("expected an object with image_id, category_id, bbox or segmentation, and score", "应为含 image_id、category_id、bbox 或 segmentation 以及 score 的对象")))
		var only struct {
			Image json.RawMessage `json:"image_id"`
		}
		if json.Unmarshal(raw, &only) == nil {
			id, _ = cocoID(only.Image)
		}
		return id, string(raw), bad
	}
	id, wrong := cocoID(x.Image)
	if wrong != nil {
		bad = append(bad, wrong)
	}
	_, more := x.object.read(true)
	if bad = append(bad, more...); len(bad) > 0 {
		return id, string(raw), bad
	}
	b, err := json.Marshal(x.object)
	if err != nil {
		return id, string(raw), []*aihub.Text{say("not a result", "不是结果对象")}
	}
	return id, string(b), nil
}

func cocoID(raw json.RawMessage) (string, *aihub.Text) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return string(raw), nil
	}
	return "", say("image_id must be the row id, a text or a whole number", "image_id 须为行标识（文字或整数）")
}

// fields is what a line of each format has, and how many at least and at most.
var fields = map[string]struct {
	least, most int
	en, zh      string
}{
	scenarios.FormatRTTM: {8, 10, "expected: SPEAKER id 1 start duration <NA> <NA> speaker <NA> <NA>", "应为：SPEAKER 标识 1 起始 时长 <NA> <NA> 说话人 <NA> <NA>"},
	scenarios.FormatCTM:  {5, 6, "expected: id channel start duration word [confidence]", "应为：标识 声道 起始 时长 词 [置信度]"},
	scenarios.FormatTREC: {6, 6, "expected: id Q0 document rank score tag", "应为：标识 Q0 文档 名次 分数 标签"},
}

// lines reads RTTM, CTM or a TREC run.
func (g *grouped) lines(r io.Reader, format string) error {
	l := newTextLines(r)
	want := fields[format]
	seen := map[[2]string]bool{} // documents of a run
	for {
		line, where, err := l.next(g)
		if err == io.EOF || err == nil && g.full(where) {
			return nil
		} else if err != nil {
			return err
		}
		n := l.n
		line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "\ufeff"), "\r")
		w := strings.Fields(line)
		if len(w) == 0 || strings.HasPrefix(w[0], ";;") {
			continue
		}
		if !utf8.ValidString(line) {
			g.fault("not_utf8", where, line, "the line is not UTF-8", "该行不是 UTF-8")
			continue
		}
		if len(w) < want.least || len(w) > want.most || format == scenarios.FormatRTTM && w[0] != "SPEAKER" || format == scenarios.FormatTREC && w[1] != "Q0" {
			g.fault("bad_line", where, line, want.en, want.zh)
			continue
		}
		id, item := w[0], ""
		var bad []*aihub.Text
		check := func(b *aihub.Text) {
			if b != nil {
				bad = append(bad, b)
			}
		}
		switch format {
		case scenarios.FormatRTTM:
			id, item = w[1], w[3]+" "+w[4]+" "+w[7]
			check(turns.Predicted(item))
		case scenarios.FormatCTM:
			item = w[1] + " " + w[2] + " " + w[3] + " " + w[4]
			check(wordLine(w[2:5]))
		case scenarios.FormatTREC:
			item = w[2] + " " + w[4]
			check(runs.Predicted(item))
			if seen[[2]string{id, w[2]}] {
				check(say("a document stands twice for one id", "同一标识下文档重复出现"))
			}
			seen[[2]string{id, w[2]}] = true
		}
		for _, x := range bad {
			g.fault("bad_value", where, line, x.EN, x.ZH)
		}
		if len(bad) == 0 {
			g.add(id, item, n, where)
		} else if g.at(id, n, where) && g.cells[id] == nil {
			g.cells[id] = []string{}
		}
	}
}

func wordLine(w []string) *aihub.Text {
	start, ok := finite(w[0])
	long, ok2 := finite(w[1])
	if !ok || !ok2 || start < 0 || long < 0 || start > maxSeconds {
		return say("start and duration must be seconds from 0 on", "起始与时长须为不小于 0 的秒数")
	}
	return nil
}

// words puts the words of a recording in order: channel by channel, by their names,
// and by their starts; of equal starts, in the order of the file.
func words(items []string) string {
	type word struct {
		channel string
		at      float64
		text    string
	}
	list := make([]word, len(items))
	for i, s := range items {
		w := strings.Fields(s)
		list[i].channel, list[i].text = w[0], w[3]
		list[i].at, _ = finite(w[1])
	}
	slices.SortStableFunc(list, func(a, b word) int {
		return cmp.Or(strings.Compare(a.channel, b.channel), cmp.Compare(a.at, b.at))
	})
	var out []string
	for _, w := range list {
		out = append(out, w.text)
	}
	return strings.Join(out, " ")
}

// archive reads a zip archive of PNG files, <id>.png, whose faults have a code.
func (g *grouped) archive(path, code, empty string, cellOf cellReader) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return fmt.Errorf("read predictions: %w", missing)
		}
		g.fault("bad_file", "the archive", "", "not a zip archive of PNG files", "不是 PNG 文件的 zip 归档")
		return nil
	}
	defer z.Close()
	for i, f := range z.File {
		where := "file " + strconv.QuoteToASCII(f.Name[:min(len(f.Name), 100)])
		id, isPNG := strings.CutSuffix(f.Name, ".png")
		if g.full(where) {
			return nil
		}
		switch {
		case f.FileInfo().IsDir():
			continue
		case !isPNG || strings.ContainsAny(id, "/\\"):
			g.fault("bad_name", where, "", "each file is <id>.png, in no folder", "每个文件须为 <标识>.png，且不在文件夹中")
			continue
		case f.UncompressedSize64 > MaxCell:
			g.fault("too_large", where, "", fmt.Sprintf("an image has at most %d bytes", MaxCell), fmt.Sprintf("图像最多 %d 字节", MaxCell))
			continue
		case len(g.cells[id]) > 0:
			g.fault("duplicate_ids", where, "", "the file stands twice", "文件重复")
			continue
		}
		cell, bad := imageFile(f, cellOf)
		if bad == nil && len(cell) > MaxCell {
			bad = tooLarge
		}
		if bad != nil {
			g.fault(code, where, "", bad.EN, bad.ZH)
			if cell = empty; !g.at(id, i+1, where) {
				continue
			}
			g.cells[id] = []string{cell}
			continue
		}
		g.add(id, cell, i+1, where)
	}
	return nil
}

// cellReader makes a cell of a PNG, whose head is read before it is decoded.
type cellReader func(r io.Reader, head func() (image.Config, error)) (string, *aihub.Text)

func imageFile(f *zip.File, cellOf cellReader) (string, *aihub.Text) {
	r, err := f.Open()
	if err != nil {
		return "", say("the archive is damaged here", "归档在此处损坏")
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, MaxCell+1))
	if err != nil || len(b) > MaxCell {
		return "", say("the archive is damaged here", "归档在此处损坏")
	}
	return cellOf(bytes.NewReader(b), func() (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) })
}

// reader gives what was gathered as a table.
type reader struct {
	g      *grouped
	format string
	ids    []string
	schema []table.Field
}

func (r *reader) Schema() []table.Field { return r.schema }
func (r *reader) Close() error          { return nil }

func (r *reader) Next() (*table.Batch, error) {
	if len(r.ids) == 0 {
		if err := r.g.err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	n := min(batchUnits, len(r.ids))
	b := table.NewBatch(r.schema, n)
	for _, id := range r.ids[:n] {
		b.Cols[0].AppendStr(id)
		text := cell(r.format, r.g.cells[id])
		if x, more := r.g.images[id]; more {
			var err error
			if text, err = x.around(text); err != nil {
				return nil, err
			}
		}
		b.Cols[1].AppendStr(text)
		b.Numbers = append(b.Numbers, r.g.first[id])
		delete(r.g.cells, id)
		b.Rows++
	}
	r.ids = r.ids[n:]
	return b, nil
}

// cell puts the items of a unit together.
func cell(format string, items []string) string {
	switch format {
	case scenarios.FormatCOCO:
		return "[" + strings.Join(items, ",") + "]"
	case scenarios.FormatCTM:
		return words(items)
	}
	return strings.Join(items, "\n")
}
