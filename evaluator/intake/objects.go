package intake

import (
	"encoding/json"
	"hash/fnv"
	"math"

	"aihub"
	"aihub/evaluator/metric/vision"
	"aihub/scenarios"
)

// A cell of objects is a JSON list of what COCO calls annotations, in truth, and
// results: category_id, bbox [x, y, width, height] and, for the segm metrics,
// segmentation {"size": [h, w], "counts": compressed runs}; in truth area and
// iscrowd, in predictions score.
var objects = Kind{
	Truth:     bounded(func(s string) *aihub.Text { _, bad := readObjects(s, false); return bad }),
	Predicted: bounded(func(s string) *aihub.Text { _, bad := readObjects(s, true); return bad }),
	Unit: func(t, p string) any {
		truth, _ := readObjects(t, false)
		pred, _ := readObjects(p, true)
		// Images of equal scores stand in an order that neither rows nor row ids
		// change; two that say the same are alike.
		h := fnv.New64a()
		h.Write([]byte(t + "\x00" + p)) // never fails
		return &vision.Image{ID: int64(h.Sum64() >> 1), Truth: truth, Pred: pred}
	},
	Answer: func(t string) string {
		var list []object
		if json.Unmarshal([]byte(t), &list) != nil {
			return "[]"
		}
		out := []object{}
		one := 1.0
		for _, o := range list {
			if o.Crowd == 0 {
				out = append(out, object{Category: o.Category, Box: o.Box, Mask: o.Mask, Score: &one})
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

// MaxCategory bounds category_id.
const MaxCategory = 10_000

type object struct {
	Category *int      `json:"category_id"`
	Box      []float64 `json:"bbox,omitempty"`
	Mask     *mask     `json:"segmentation,omitempty"`
	Area     *float64  `json:"area,omitempty"`
	Crowd    int       `json:"iscrowd,omitempty"`
	Score    *float64  `json:"score,omitempty"`
}

type mask struct {
	Size   [2]int `json:"size"`
	Counts string `json:"counts"`
}

func readObjects(s string, predicted bool) ([]vision.Object, *aihub.Text) {
	var list []object
	if strict(s, &list) != nil || list == nil {
		return nil, say("expected a JSON list of objects with category_id, bbox, segmentation, area, iscrowd, score",
			"应为 JSON 列表，各项含 category_id、bbox、segmentation、area、iscrowd、score")
	}
	out := make([]vision.Object, len(list))
	for i, o := range list {
		v, bad := o.read(predicted)
		if bad != nil {
			return nil, bad
		}
		out[i] = v
	}
	return out, nil
}

func (o object) read(predicted bool) (v vision.Object, bad *aihub.Text) {
	switch {
	case o.Category == nil || *o.Category < 0 || *o.Category >= MaxCategory:
		return v, say("category_id must be a whole number from 0 to 9999", "category_id 须为 0 至 9999 的整数")
	case o.Box == nil && o.Mask == nil:
		return v, say("an object needs bbox or segmentation", "每个对象须有 bbox 或 segmentation")
	case predicted && (o.Score == nil || *o.Score-*o.Score != 0):
		return v, say("score must be a finite number", "score 须为有限数")
	case predicted && (o.Crowd != 0 || o.Area != nil):
		return v, say("area and iscrowd are the truth's: leave them out", "area 与 iscrowd 属于真值：请去掉")
	case !predicted && o.Score != nil:
		return v, say("score is of predictions, not of truth", "score 属于预测，不属于真值")
	}
	v.Class = *o.Category
	if o.Score != nil {
		v.Score = *o.Score
	}
	if o.Box != nil {
		if len(o.Box) != 4 || o.Box[2] < 0 || o.Box[3] < 0 {
			return v, say("bbox must be [x, y, width, height] with sizes not below 0", "bbox 须为 [x, y, 宽, 高]，宽高不小于 0")
		}
		for i, x := range o.Box {
			if math.Abs(x) > 1e9 {
				return v, say("bbox lies outside any image", "bbox 超出任何图像")
			}
			v.Box[i] = x
		}
		v.Area = v.Box[2] * v.Box[3]
	}
	if o.Mask != nil {
		m, err := vision.ParseRLE(o.Mask.Size[0], o.Mask.Size[1], o.Mask.Counts)
		if err != nil {
			return v, say("segmentation must be {size: [h, w], counts: COCO's compressed runs}", "segmentation 须为 {size: [高, 宽], counts: COCO 压缩游程}")
		}
		v.Mask, v.Area = m, float64(m.Area())
	}
	if o.Area != nil {
		if v.Area = *o.Area; v.Area < 0 || v.Area > 1e18 {
			return v, say("area must not be below 0", "area 不得小于 0")
		}
	}
	v.Crowd = o.Crowd == 1
	if o.Crowd < 0 || o.Crowd > 1 {
		return v, say("iscrowd is 0 or 1", "iscrowd 为 0 或 1")
	}
	return v, nil
}
