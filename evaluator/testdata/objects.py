"""Makes objects.json: cells of images with polygons, uncompressed runs, key points
and LVIS's lists, and what pycocotools 2.0.11 and lvis 0.5.3 say of them.

    pip install pycocotools==2.0.11 numpy==2.4.6 matplotlib && pip install --no-deps lvis==0.5.3
    python objects.py >objects.json
"""

import contextlib
import copy
import io
import json
import logging
import sys
import types

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

sys.modules.setdefault("cv2", types.ModuleType("cv2"))  # only for drawing
np.float = float  # which numpy no longer has
from lvis import LVIS, LVISEval, LVISResults  # noqa: E402

rng = np.random.default_rng(7)
SIZE = (120, 160)  # height, width


def polygon(h, w, n):
    """A polygon around a point, some corners outside of the image, one twice."""
    cx, cy = rng.uniform(0, w), rng.uniform(0, h)
    angles = np.sort(rng.uniform(0, 2 * np.pi, n))
    radius = rng.uniform(2, 45, n)
    xy = np.stack([cx + radius * np.cos(angles), cy + radius * np.sin(angles)], 1).round(int(rng.integers(0, 3)))
    if rng.random() < 0.2:
        xy = np.concatenate([xy, xy[-1:]])
    return xy.ravel().clip([-w, -h] * len(xy), [2 * w, 2 * h] * len(xy)).tolist()


def drawn(polygons, h, w):
    return masks.merge(masks.frPyObjects(polygons, h, w))


def polygons():
    out = []
    for _ in range(300):
        h, w = int(rng.integers(1, 90)), int(rng.integers(1, 90))
        p = [polygon(h, w, int(rng.integers(3, 12))) for _ in range(int(rng.integers(1, 4)))]
        m = drawn(p, h, w)
        out.append({"size": [h, w], "polygons": p, "counts": m["counts"].decode(), "area": int(masks.area(m))})
    return out


def dataset(images, annotations, categories):
    g = COCO()
    g.dataset = copy.deepcopy({"images": images, "annotations": annotations, "categories": categories})
    with contextlib.redirect_stdout(io.StringIO()):
        g.createIndex()
    return g


def coco(kind, images, annotations, results, categories, names):
    g = dataset(images, annotations, categories)
    with contextlib.redirect_stdout(io.StringIO()):
        e = COCOeval(g, g.loadRes(copy.deepcopy(results)), kind)
        e.evaluate()
        e.accumulate()
        e.summarize()
    return {n: v for n, v in zip(names, e.stats.tolist()) if n and v >= 0}


COCO_NAMES = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"]
OKS_NAMES = ["ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", None, None, None, None]


def cells(images, annotations, results, keys, extra=lambda image: None):
    """Annotations and results as cells, with the keys that cells have."""
    def of(items, i):
        return [{k: x[k] for k in keys + ["score"] if k in x} | {k: x[k] for k in ("area", "iscrowd") if k in x and "score" not in x} for x in items if x["image_id"] == i]

    truth = []
    for im in images:
        more = extra(im)
        list_ = of(annotations, im["id"])
        truth.append(json.dumps(list_ if more is None else {"annotations": list_, **more}))
    return truth, [json.dumps(of(results, im["id"])) for im in images]


def segmentation(lvis=False):
    h, w = SIZE
    images = [{"id": i + 1, "height": h, "width": w} for i in range(30)]
    categories = [{"id": c, "name": str(c), "frequency": "rcf"[c % 3]} for c in range(1, 7)]
    annotations, results, mine, theirs = [], [], [], []
    for im in images:
        for _ in range(int(rng.integers(0, 6))):
            p = [polygon(h, w, 8) for _ in range(int(rng.integers(1, 3)))]
            m = drawn(p, h, w)
            area = int(masks.area(m))
            if area == 0:
                continue
            a = {"id": len(annotations) + 1, "image_id": im["id"], "category_id": int(rng.integers(1, 7)), "area": area, "bbox": masks.toBbox(m).tolist(), "iscrowd": 0}
            crowd = not lvis and rng.random() < 0.1
            if crowd:  # a crowd has uncompressed runs, as in COCO
                px = masks.decode(m).ravel(order="F")
                edges = np.flatnonzero(np.diff(px)) + 1
                runs = np.diff(np.concatenate([[0], edges, [len(px)]])).tolist()
                a |= {"iscrowd": 1, "segmentation": {"size": [h, w], "counts": ([0] if px[0] else []) + runs}}
                mine.append(copy.deepcopy(a))
            else:
                a["segmentation"] = p
                mine.append(a | {"segmentation": {"size": [h, w], "polygons": p}})
            annotations.append(a)
            for _ in range(int(rng.integers(0, 3))):
                q = (np.array(p[0]) + rng.normal(0, 2.5, len(p[0]))).round(2).clip(-h, 2 * h).tolist()
                parts = [q] + p[1:]
                r = {"image_id": im["id"], "category_id": a["category_id"] if rng.random() < 0.85 else int(rng.integers(1, 7)), "score": float(rng.random())}
                d = drawn(parts, h, w)
                if masks.area(d) == 0:
                    continue
                results.append(r | {"segmentation": {"size": [h, w], "counts": d["counts"].decode()}})
                theirs.append(r | {"segmentation": {"size": [h, w], "polygons": parts}})
    if not lvis:
        values = coco("segm", images, annotations, results, categories, COCO_NAMES)
        truth, pred = cells(images, mine, theirs, ["category_id", "bbox", "segmentation"])
        return {"name": "polygons", "metrics": {f"coco_{k}@1": v for k, v in values.items()}, "params": {"iou": "segm"}, "truth": truth, "predicted": pred,
                "file": {"images": images, "annotations": annotations, "categories": categories}}
    for im in images:
        there = {a["category_id"] for a in annotations if a["image_id"] == im["id"]}
        rest = [c for c in range(1, 7) if c not in there]
        im["neg_category_ids"] = [c for c in rest if rng.random() < 0.5]
        im["not_exhaustive_category_ids"] = [c for c in there if rng.random() < 0.3]
    logging.disable(logging.CRITICAL)
    g = LVIS.__new__(LVIS)
    g.logger = logging.getLogger("lvis")
    g.dataset = copy.deepcopy({"images": images, "annotations": annotations, "categories": categories})
    g._create_index()
    e = LVISEval(g, LVISResults(g, copy.deepcopy(results)), "segm")
    e.run()
    names = {"AP": "ap", "AP50": "ap50", "AP75": "ap75", "APs": "ap_small", "APm": "ap_medium", "APl": "ap_large", "APr": "ap_rare", "APc": "ap_common", "APf": "ap_frequent", "AR@300": "ar300"}
    values = {f"lvis_{names[k]}@1": float(v) for k, v in e.get_results().items() if k in names and v >= 0}
    truth, pred = cells(images, mine, theirs, ["category_id", "bbox", "segmentation"],
                        lambda im: {k: im[k] for k in ("neg_category_ids", "not_exhaustive_category_ids")})
    frequency = "-" + "".join("rcf"[c % 3] for c in range(1, 7))
    return {"name": "LVIS", "metrics": values, "params": {"iou": "segm", "frequency": frequency}, "truth": truth, "predicted": pred,
            "file": {"images": images, "annotations": annotations, "categories": categories}}


def keypoints():
    images = [{"id": i + 1, "height": 400, "width": 400} for i in range(40)]
    annotations, results = [], []
    for im in images:
        for _ in range(int(rng.integers(0, 4))):
            s = rng.uniform(25, 180)
            x, y = rng.uniform(0, 400 - s, 2)
            xy = rng.uniform(0, s, (17, 2)) + [x, y]
            v = rng.integers(0, 3, 17) if rng.random() < 0.9 else np.zeros(17, int)
            a = {"id": len(annotations) + 1, "image_id": im["id"], "category_id": 1, "bbox": [float(x), float(y), float(s), float(s)], "area": float(s * s * rng.uniform(0.4, 0.8)),
                 "iscrowd": 0, "num_keypoints": int((v > 0).sum()), "keypoints": np.column_stack([xy, v]).round(3).ravel().tolist()}
            annotations.append(a)
            for _ in range(int(rng.integers(0, 3))):
                k = np.column_stack([xy + rng.normal(0, s * rng.choice([0.01, 0.04, 0.1]), (17, 2)), np.ones(17)]).round(3)
                results.append({"image_id": im["id"], "category_id": 1, "keypoints": k.ravel().tolist(), "score": float(rng.random())})
    categories = [{"id": 1, "name": "person"}]
    values = coco("keypoints", images, annotations, results, categories, OKS_NAMES)
    truth, pred = cells(images, annotations, results, ["category_id", "bbox", "keypoints"])
    return {"name": "key points", "metrics": {f"oks_{k}@1": v for k, v in values.items()}, "params": {"sigmas": "coco"}, "truth": truth, "predicted": pred,
            "file": {"images": images, "annotations": annotations, "categories": categories}}


def ties():
    """Equal scores in many images, whose ids are numbers in no order."""
    images = [{"id": int(i), "height": 400, "width": 400} for i in rng.permutation(np.concatenate([np.arange(1, 21), np.arange(95, 116), np.arange(995, 1012)]))]
    categories = [{"id": c, "name": str(c)} for c in (1, 2)]
    annotations, results = [], []
    for im in images:
        for _ in range(int(rng.integers(0, 3))):
            x, y = rng.integers(0, 300, 2).tolist()
            w, h = rng.integers(20, 100, 2).tolist()
            annotations.append({"id": len(annotations) + 1, "image_id": im["id"], "category_id": int(rng.integers(1, 3)), "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0})
            results.append({"image_id": im["id"], "category_id": annotations[-1]["category_id"], "bbox": [x + int(rng.integers(0, 9)), y, w, h], "score": float(rng.choice([0.5, 0.9]))})
        for _ in range(int(rng.integers(0, 3))):
            results.append({"image_id": im["id"], "category_id": int(rng.integers(1, 3)), "bbox": [*rng.integers(0, 300, 2).tolist(), 40, 40], "score": float(rng.choice([0.5, 0.9]))})
    values = coco("bbox", images, annotations, results, categories, COCO_NAMES)
    truth, pred = cells(images, annotations, results, ["category_id", "bbox"])
    return {"name": "equal scores", "metrics": {f"coco_{k}@1": v for k, v in values.items()}, "params": {"iou": "bbox"}, "truth": truth, "predicted": pred,
            "keys": [str(im["id"]) for im in images], "file": {"images": images, "annotations": annotations, "categories": categories}}


print(json.dumps({"polygons": polygons(), "cases": [segmentation(), segmentation(lvis=True), keypoints(), ties()]}, separators=(",", ":")))
