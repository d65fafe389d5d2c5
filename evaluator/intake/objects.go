package intake

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

// A cell of objects is a JSON list of what COCO calls annotations, in truth, and
// results: category_id, bbox [x, y, width, height], for the segm metrics
// segmentation, for the oks metrics keypoints [x, y, visibility, …]; in truth area
// and iscrowd, in predictions score. A segmentation is {"size": [h, w]} with
// counts, COCO's runs, compressed or a list, or with polygons, a list of
// [x, y, x, y, …]. A true cell may be {"annotations": such a list,
// "neg_category_ids": […], "not_exhaustive_category_ids": […]}, as LVIS has them.
var objects = objectsOf(0)

// ObjectsOf is the kind of objects that have so many key points.
func ObjectsOf(points int) *Kind { k := objectsOf(points); return &k }

func objectsOf(points int) Kind {
	return Kind{
		Truth:     bounded(func(s string) *aihub.Text { _, bad := readImage(s, points); return bad }),
		Predicted: bounded(func(s string) *aihub.Text { _, bad := readObjects(s, true, points); return bad }),
		every: func(s string) []*aihub.Text {
			var list []object
			if strict(s, &list) != nil {
				return nil
			}
			_, bad := readEvery(list, true, points)
			return bad
		},
		// Equal scores of different images stand in the order of the dataset's keys, as
		// in the reference: numbers by value, before other names.
		Unit: func(key, t, p string) any {
			im, _ := readImage(t, 0)
			im.Pred, _ = readObjects(p, true, 0)
			n, err := strconv.ParseInt(key, 10, 64)
			if err != nil {
				n = math.MaxInt64
			}
			if im.ID = n; strconv.FormatInt(n, 10) != key {
				im.Name = strings.Clone(key)
			}
			return im
		},
		Keyed: true,
		Answer: func(t string) string {
			out := []object{}
			one := 1.0
			x, _ := splitImage(t)
			for _, o := range x.Annotations {
				if o.Crowd == 0 {
					out = append(out, object{Category: o.Category, Box: o.Box, Mask: o.Mask, Points: o.Points, Score: &one})
				}
			}
			b, err := json.Marshal(out)
			if err != nil {
				return "[]"
			}
			return string(b)
		},
		Empty: scenarios.NeedsObjects.EmptyCell(),
	}
}

// MaxCategory bounds category_id.
const MaxCategory = 10_000

type object struct {
	Category *int      `json:"category_id"`
	Box      []float64 `json:"bbox,omitempty"`
	Mask     *mask     `json:"segmentation,omitempty"`
	Points   []float64 `json:"keypoints,omitempty"`
	Area     *float64  `json:"area,omitempty"`
	Crowd    int       `json:"iscrowd,omitempty"`
	Score    *float64  `json:"score,omitempty"`

	Labelled json.RawMessage `json:"num_keypoints,omitempty"` // counted from keypoints
}

type mask struct {
	Size     [2]int          `json:"size"`
	Counts   json.RawMessage `json:"counts,omitempty"` // a string, or a list of numbers
	Polygons [][]float64     `json:"polygons,omitempty"`
}

// annotated is a true cell with all that LVIS knows of an image.
type annotated struct {
	Annotations   []object `json:"annotations"`
	Negative      []int    `json:"neg_category_ids,omitempty"`
	NotExhaustive []int    `json:"not_exhaustive_category_ids,omitempty"`
}

// around is the cell of an image whose objects are in list, JSON.
func (x annotated) around(list string) (string, error) {
	b, err := json.Marshal(struct {
		Annotations   json.RawMessage `json:"annotations"`
		Negative      []int           `json:"neg_category_ids,omitempty"`
		NotExhaustive []int           `json:"not_exhaustive_category_ids,omitempty"`
	}{json.RawMessage(list), x.Negative, x.NotExhaustive})
	return string(b), err
}

var notObjects = say("expected a JSON list of objects with category_id, bbox, segmentation, keypoints, area, iscrowd, score",
	"应为 JSON 列表，各项含 category_id、bbox、segmentation、keypoints、area、iscrowd、score")

// splitImage reads a true cell without looking into its objects.
func splitImage(s string) (x annotated, bad *aihub.Text) {
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err := strict(s, &x); err != nil || x.Annotations == nil {
			return x, because(err, say("expected {annotations, neg_category_ids, not_exhaustive_category_ids}", "应为 {annotations, neg_category_ids, not_exhaustive_category_ids}"))
		}
	} else if err := strict(s, &x.Annotations); err != nil || x.Annotations == nil {
		return x, because(err, notObjects)
	}
	for _, c := range append(slices.Clone(x.Negative), x.NotExhaustive...) {
		if c < 0 || c >= MaxCategory {
			return x, badCategory
		}
	}
	return x, nil
}

var badCategory = say("category_id must be a whole number from 0 to 9999", "category_id 须为 0 至 9999 的整数")

func readImage(s string, points int) (*vision.Image, *aihub.Text) {
	x, bad := splitImage(s)
	if bad != nil {
		return &vision.Image{}, bad
	}
	out := &vision.Image{Negative: x.Negative, NotExhaustive: x.NotExhaustive}
	out.Truth, bad = readAll(x.Annotations, false, points)
	return out, bad
}

func readObjects(s string, predicted bool, points int) ([]vision.Object, *aihub.Text) {
	var list []object
	if err := strict(s, &list); err != nil || list == nil {
		return nil, because(err, notObjects)
	}
	return readAll(list, predicted, points)
}

// maxSteps bounds how much boundary is drawn for one cell.
const maxSteps = 1 << 26

func readAll(list []object, predicted bool, points int) ([]vision.Object, *aihub.Text) {
	out, bad := readEvery(list, predicted, points)
	if len(bad) > 0 {
		return nil, bad[0]
	}
	return out, nil
}

// readEvery returns everything that is wrong with the objects, each once.
func readEvery(list []object, predicted bool, points int) (out []vision.Object, bad []*aihub.Text) {
	out = make([]vision.Object, len(list))
	steps := int64(0)
	for _, o := range list { // before anything is drawn
		if o.Mask != nil {
			steps += o.Mask.steps()
		}
		if steps > maxSteps {
			return nil, []*aihub.Text{say("the polygons of one image are too long", "单个图像的多边形过长")}
		}
	}
	for i, o := range list {
		v, wrong := o.read(predicted)
		if len(wrong) == 0 && points > 0 && len(v.Points) != points {
			wrong = append(wrong, say(fmt.Sprintf("keypoints must hold x, y and visibility of %d points", points), fmt.Sprintf("keypoints 须含 %d 个点的 x、y 与可见性", points)))
		}
		bad, out[i] = append(bad, wrong...), v
	}
	return out, distinct(bad)
}

// steps is how much boundary the polygons of m have. It stops counting when that is
// too much.
func (m *mask) steps() (n int64) {
	for _, p := range m.Polygons {
		if n += max(0, vision.PolygonSteps(m.Size[0], m.Size[1], p)); n > maxSteps {
			break
		}
	}
	return n
}

// drawn is the union of polygons, by halves: one by one, many small ones would copy
// what is drawn already over and over.
func (m *mask) drawn(polygons [][]float64) vision.RLE {
	if len(polygons) == 1 {
		return vision.Polygon(m.Size[0], m.Size[1], polygons[0])
	}
	half := len(polygons) / 2
	return vision.Union(m.drawn(polygons[:half]), m.drawn(polygons[half:]))
}

// read makes the mask; false when it is none.
func (m *mask) read() (vision.RLE, bool) {
	h, w := m.Size[0], m.Size[1]
	var text string
	var runs []uint32
	switch {
	case len(m.Polygons) > 0 && m.Counts == nil:
		for _, p := range m.Polygons {
			if vision.PolygonSteps(h, w, p) < 0 {
				return vision.RLE{}, false
			}
		}
		if m.steps() > maxSteps {
			return vision.RLE{}, false
		}
		return m.drawn(m.Polygons), true
	case m.Polygons != nil:
		return vision.RLE{}, false
	case json.Unmarshal(m.Counts, &text) == nil:
		out, err := vision.ParseRLE(h, w, text)
		return out, err == nil
	case json.Unmarshal(m.Counts, &runs) == nil:
		return vision.FromRuns(h, w, runs)
	}
	return vision.RLE{}, false
}

// read checks an object, and returns everything that is wrong with it.
func (o object) read(predicted bool) (v vision.Object, bad []*aihub.Text) {
	wrong := func(x *aihub.Text) { bad = append(bad, x) }
	if o.Category == nil || *o.Category < 0 || *o.Category >= MaxCategory {
		wrong(badCategory)
	} else {
		v.Class = *o.Category
	}
	if o.Box == nil && o.Mask == nil && o.Points == nil {
		wrong(say("an object needs bbox, segmentation or keypoints", "每个对象须有 bbox、segmentation 或 keypoints"))
	}
	switch {
	case predicted && (o.Score == nil || *o.Score-*o.Score != 0):
		wrong(say("score must be a finite number", "score 须为有限数"))
	case !predicted && o.Score != nil:
		wrong(say("score is of predictions, not of truth", "score 属于预测，不属于真值"))
	case o.Score != nil:
		v.Score = *o.Score
	}
	if predicted && (o.Crowd != 0 || o.Area != nil) {
		wrong(say("area and iscrowd are the truth's: leave them out", "area 与 iscrowd 属于真值：请去掉"))
	}
	if o.Box != nil {
		if len(o.Box) != 4 || o.Box[2] < 0 || o.Box[3] < 0 {
			wrong(say("bbox must be [x, y, width, height] with sizes not below 0", "bbox 须为 [x, y, 宽, 高]，宽高不小于 0"))
		} else if slices.ContainsFunc(o.Box, func(x float64) bool { return math.Abs(x) > 1e9 }) {
			wrong(say("bbox lies outside any image", "bbox 超出任何图像"))
		} else {
			copy(v.Box[:], o.Box)
			v.Area = v.Box[2] * v.Box[3]
		}
	}
	if o.Mask != nil {
		m, ok := o.Mask.read()
		if !ok {
			wrong(say("segmentation must be {size: [h, w], counts: COCO's runs} or {size: [h, w], polygons: [[x, y, …], …]} with three corners or more, near the image",
				"segmentation 须为 {size: [高, 宽], counts: COCO 游程} 或 {size: [高, 宽], polygons: [[x, y, …], …]}，至少三个角点且位于图像附近"))
		}
		v.Mask, v.Area = m, float64(m.Area())
	}
	if v.Points = o.points(predicted); len(v.Points) < len(o.Points)/3 || len(o.Points)%3 != 0 {
		wrong(badPoints)
	}
	if o.Area != nil {
		if v.Area = *o.Area; v.Area < 0 || v.Area > 1e18 {
			wrong(say("area must not be below 0", "area 不得小于 0"))
		}
	}
	v.Crowd = o.Crowd == 1
	if o.Crowd < 0 || o.Crowd > 1 {
		wrong(say("iscrowd is 0 or 1", "iscrowd 为 0 或 1"))
	}
	return v, bad
}

// points are those before the first that is none.
func (o object) points(predicted bool) (out []vision.Point) {
	for i := 0; i+2 < len(o.Points) && len(o.Points) <= 3*maxPoints; i += 3 {
		x, y, seen := o.Points[i], o.Points[i+1], o.Points[i+2]
		if math.Abs(x) > 1e9 || math.Abs(y) > 1e9 || !predicted && seen != 0 && seen != 1 && seen != 2 {
			break
		}
		out = append(out, vision.Point{X: x, Y: y, Seen: seen > 0})
	}
	return out
}

// maxPoints bounds the key points of an object.
const maxPoints = 1000

var badPoints = say("keypoints must be [x, y, visibility, …] of at most 1000 points near the image; the truth's visibility is 0, 1 or 2",
	"keypoints 须为 [x, y, 可见性, …]，最多 1000 个点且位于图像附近；真值的可见性为 0、1 或 2")
