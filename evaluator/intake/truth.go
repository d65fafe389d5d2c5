package intake

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// OpenTruth reads the annotations of units as a table like that of Open: COCO's
// images and annotations, RTTM, CTM, the judgements of a TREC run (qrels), an
// archive of PNG masks. No message says what stands there. Its cells are what a dataset's truth column holds. Polygons
// of COCO and LVIS get the size of their image; without one they are left out. uem is a
// UEM file beside an RTTM file, "" for none.
func OpenTruth(path, uem, format, key, column string) (table.Reader, error) {
	g := newGrouped()
	g.quiet = true
	if format == scenarios.FormatRTTM && uem != "" {
		r, err := g.open(path, format, key, column)
		if err == nil {
			err = g.uem(uem)
		}
		if err != nil {
			return nil, err
		}
		r.(*reader).ids = slices.Sorted(maps.Keys(g.cells)) // recordings in which nobody speaks, too
		return r, nil
	}
	if format != scenarios.FormatCOCO && format != scenarios.FormatTREC {
		return g.open(path, format, key, column)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	defer f.Close()
	if format == scenarios.FormatCOCO {
		g.cocoTruth(f)
	} else if err := g.qrels(f); err != nil {
		return nil, err
	}
	return &reader{g: g, format: format, ids: slices.Sorted(maps.Keys(g.cells)),
		schema: []table.Field{{Name: key, Type: table.String}, {Name: column, Type: table.String}}}, nil
}

// cocoTruth reads COCO's annotation file. What a file says beyond images and
// annotations does not matter here.
func (g *grouped) cocoTruth(r io.Reader) {
	d := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
	bad := func() {
		g.fault("bad_file", fmt.Sprintf("byte %d", d.InputOffset()), "", "expected a JSON object with images and annotations", "应为含 images 与 annotations 的 JSON 对象")
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		bad()
		return
	}
	found := map[string]bool{}
	var annotations []json.RawMessage // read when the sizes of all images are known
	for d.More() {
		key, err := d.Token()
		if err != nil {
			bad()
			return
		}
		var list []json.RawMessage
		if key != "images" && key != "annotations" {
			var other json.RawMessage
			if d.Decode(&other) != nil {
				bad()
				return
			}
			continue
		}
		if d.Decode(&list) != nil {
			bad()
			return
		}
		name, _ := key.(string)
		if found[name] {
			g.fault("bad_file", fmt.Sprintf("byte %d", d.InputOffset()), "", name+" stands twice", name+" 重复出现")
			return
		}
		found[name] = true
		if name == "annotations" {
			annotations = list
			continue
		}
		for i, raw := range list {
			g.image(raw, i+1)
		}
	}
	for i, raw := range annotations {
		g.annotation(raw, i+1)
	}
	if _, err := d.Token(); err != nil || !found["images"] || !found["annotations"] {
		bad()
	}
}

// image notes that there is an image, though nothing may be in it, its size, and
// what LVIS knows of it.
func (g *grouped) image(raw []byte, n int) {
	where := "images " + strconv.Itoa(n)
	var x struct {
		ID            json.RawMessage `json:"id"`
		Height        int             `json:"height"`
		Width         int             `json:"width"`
		Negative      []int           `json:"neg_category_ids"`
		NotExhaustive []int           `json:"not_exhaustive_category_ids"`
	}
	id, bad := "", (*aihub.Text)(nil)
	if err := known(raw, &x, "neg_category_ids", "not_exhaustive_category_ids"); err != nil {
		bad = because(err, say("expected an object with id", "应为含 id 的对象"))
	} else {
		id, bad = cocoID(x.ID)
	}
	if bad != nil {
		g.fault("bad_item", where, "", bad.EN, bad.ZH)
		return
	}
	g.at(id, n, where)
	if g.cells[id] == nil {
		g.cells[id] = []string{}
	}
	if g.sizes == nil {
		g.sizes, g.images = map[string][2]int{}, map[string]annotated{}
	}
	g.sizes[id] = [2]int{x.Height, x.Width}
	if len(x.Negative)+len(x.NotExhaustive) > 0 {
		g.images[id] = annotated{Negative: x.Negative, NotExhaustive: x.NotExhaustive}
	}
}

func (g *grouped) annotation(raw []byte, n int) {
	where := "annotations " + strconv.Itoa(n)
	var x struct {
		Image    json.RawMessage `json:"image_id"`
		Category *int            `json:"category_id"`
		Box      []float64       `json:"bbox"`
		Area     *float64        `json:"area"`
		Crowd    int             `json:"iscrowd"`
		Mask     json.RawMessage `json:"segmentation"`
		Points   []float64       `json:"keypoints"`
	}
	bad := say("expected an object with image_id, category_id, bbox, area, iscrowd", "应为含 image_id、category_id、bbox、area、iscrowd 的对象")
	id := ""
	o := object{}
	err := known(raw, &x, "bbox", "segmentation", "keypoints")
	if err != nil {
		bad = because(err, bad)
	} else {
		var all []*aihub.Text
		if id, bad = cocoID(x.Image); bad == nil {
			o = object{Category: x.Category, Box: x.Box, Area: x.Area, Crowd: x.Crowd, Points: x.Points}
			var m mask
			if json.Unmarshal(x.Mask, &m) == nil && m.Counts != nil {
				o.Mask = &m
			} else if size := g.sizes[id]; size[0] > 0 && size[1] > 0 && json.Unmarshal(x.Mask, &m.Polygons) == nil && len(m.Polygons) > 0 {
				m.Size = size
				o.Mask = &m
			}
			_, all = o.read(false)
		}
		for _, x := range all[min(1, len(all)):] {
			g.fault("bad_item", where, "", x.EN, x.ZH)
		}
		if len(all) > 0 {
			bad = all[0]
		}
	}
	if bad != nil {
		g.fault("bad_item", where, "", bad.EN, bad.ZH)
		return
	}
	b, err := json.Marshal(o)
	if err != nil {
		g.fault("bad_item", where, "", err.Error(), err.Error())
		return
	}
	g.add(id, string(b), n, where)
}

// qrels reads lines "query iteration document relevance".
func (g *grouped) qrels(r io.Reader) error {
	l := newTextLines(r)
	seen := map[[2]string]bool{}
	for {
		line, where, err := l.next(g)
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) != 4 {
			g.fault("bad_line", where, "", "expected: id iteration document relevance", "应为：标识 轮次 文档 相关度")
			continue
		}
		item := w[2] + " " + w[3]
		bad := runs.Truth(item)
		if bad == nil && seen[[2]string{w[0], w[2]}] {
			bad = say("a document stands twice for one id", "同一标识下文档重复出现")
		}
		if bad != nil {
			g.fault("bad_value", where, "", bad.EN, bad.ZH)
			continue
		}
		seen[[2]string{w[0], w[2]}] = true
		g.add(w[0], item, l.n, where)
	}
}
