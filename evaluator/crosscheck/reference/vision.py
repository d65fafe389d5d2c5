"""References for vision: pycocotools, scikit-learn, TrackEval; panoptic quality
is written out (panopticapi is not on the package index).

Deviations: COCO's -1 is undefined; ids of objects begin at 1, since pycocotools
never matches the object of id 0; TrackEval's values for a truth without boxes
are undefined; equally good matchings are broken by chance in both, so that
tracks here are drawn with overlaps that differ.
"""
import contextlib
import io
import os
import random

import numpy as np


def box(r, size=200):
    if r.random() < 0.3:
        w, h = r.choice([10, 32, 96, 100]), r.choice([10, 32, 96])
    else:
        w, h = 1 + r.random() * 120, 1 + r.random() * 120
    return [float(r.randrange(size)) if r.random() < 0.5 else r.random() * size, float(r.randrange(size)), float(w), float(h)]


def near(r, b):
    k = r.randrange(4)
    if k == 0:
        return list(b)
    if k == 1:
        return box(r)
    e = r.choice([1, 4, 15])
    return [b[0] + r.randrange(-e, e + 1), b[1] + r.randrange(-e, e + 1), max(1.0, b[2] + r.randrange(-e, e + 1)), max(1.0, b[3] + r.random() * e)]


NAMES = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"]


def evaluate(images, anns, dets, classes, kind):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        g = COCO()
        g.dataset = {"images": images, "annotations": anns, "categories": [{"id": c} for c in range(classes)]}
        g.createIndex()
        d = COCO()
        d.dataset = {"images": images, "annotations": dets, "categories": [{"id": c} for c in range(classes)]}
        d.createIndex()
        e = COCOeval(g, d, kind)
        e.evaluate()
        e.accumulate()
        e.summarize()
    return [None if v == -1 else float(v) for v in e.stats]


def coco(r):
    k = r.choice([1, 2, 3])
    n = r.choice([1, 1, 2, 4])
    images, anns, dets, out = [], [], [], []
    for i in range(n):
        im = {"id": i + 1, "truth": [], "pred": []}
        images.append({"id": i + 1, "width": 400, "height": 400})
        for _ in range(r.choice([0, 1, 2, 5])):
            b, c, crowd = box(r), r.randrange(k), int(r.random() < 0.1)
            area = b[2] * b[3] * r.choice([1, 1, 0.7])
            anns.append({"id": len(anns) + 1, "image_id": i + 1, "category_id": c, "bbox": b, "area": area, "iscrowd": crowd})
            im["truth"].append({"class": c, "box": b, "area": area, "crowd": bool(crowd)})
        for _ in range(r.choice([0, 1, 3, 8, 8, 110 if r.random() < 0.02 else 4])):
            t = r.choice(im["truth"]) if im["truth"] and r.random() < 0.8 else None
            b = near(r, t["box"]) if t else box(r)
            c = t["class"] if t and r.random() < 0.9 else r.randrange(k)
            s = r.choice([r.random(), r.randrange(4) / 4])
            dets.append({"id": len(dets) + 1, "image_id": i + 1, "category_id": c, "bbox": b, "area": b[2] * b[3], "score": s, "iscrowd": 0})
            im["pred"].append({"class": c, "box": b, "score": s})
        out.append(im)
    v = evaluate(images, anns, dets, k, "bbox")
    return {"images": out}, {f"coco_{m}@1": x for m, x in zip(NAMES, v)}


def segm(r):
    from pycocotools import mask as M

    h, w = r.choice([8, 20, 60]), r.choice([8, 30, 110])
    rng = np.random.default_rng(r.randrange(1 << 30))

    def shape():
        m = np.zeros((h, w), np.uint8)
        for _ in range(r.choice([1, 1, 2])):
            y, x = r.randrange(h), r.randrange(w)
            m[y : y + r.randrange(1, h + 1), x : x + r.randrange(1, w + 1)] = 1
        if r.random() < 0.2:
            m &= (rng.random((h, w)) < 0.7).astype(np.uint8)
        return m

    images, anns, dets, out = [], [], [], []
    for i in range(r.choice([1, 2])):
        im = {"id": i + 1, "truth": [], "pred": []}
        images.append({"id": i + 1, "width": w, "height": h})
        masks = []
        for _ in range(r.choice([0, 1, 3])):
            m = shape()
            rle = M.encode(np.asfortranarray(m))
            crowd = int(r.random() < 0.1)
            area = float(m.sum())
            anns.append({"id": len(anns) + 1, "image_id": i + 1, "category_id": 0, "segmentation": rle, "bbox": list(map(float, M.toBbox(rle))), "area": area, "iscrowd": crowd})
            im["truth"].append({"class": 0, "rle": rle["counts"].decode(), "area": area, "crowd": bool(crowd)})
            masks.append(m)
        for _ in range(r.choice([0, 1, 4])):
            m = r.choice(masks).copy() if masks and r.random() < 0.7 else shape()
            if r.random() < 0.5:
                m = np.roll(m, r.randrange(-3, 4), 1)
            rle = M.encode(np.asfortranarray(m))
            s = r.choice([r.random(), 0.5])
            dets.append({"id": len(dets) + 1, "image_id": i + 1, "category_id": 0, "segmentation": rle, "bbox": list(map(float, M.toBbox(rle))), "area": float(m.sum()), "score": s, "iscrowd": 0})
            im["pred"].append({"class": 0, "rle": rle["counts"].decode(), "score": s})
        out.append(im)
    v = evaluate(images, anns, dets, 1, "segm")
    return {"images": out, "h": h, "w": w}, {f"coco_{m}@1 iou=segm": x for m, x in zip(NAMES, v)}


def pixels(r):
    from sklearn import metrics as sk

    k = r.choice([2, 3, 5])
    ts, ps = [], []
    for _ in range(r.choice([1, 2, 4])):
        n = r.choice([4, 30])
        t = [r.choice([-1, *range(r.randrange(1, k + 1))]) for _ in range(n)]
        ts.append(t)
        ps.append([max(x, 0) if r.random() < 0.6 else r.randrange(k) for x in t])
    pair = [(a, b) for t, p in zip(ts, ps) for a, b in zip(t, p) if a >= 0]
    w = {f"{m}@1 classes={k}": None for m in ("miou", "fw_iou", "pixel_accuracy", "mean_dice")}
    if pair:
        a, b = np.array(pair).T
        there = sorted(set(a) | set(b))
        iou = sk.jaccard_score(a, b, labels=there, average=None, zero_division=0)
        sup = np.array([(a == c).sum() for c in there])
        w[f"miou@1 classes={k}"] = iou.mean()
        w[f"fw_iou@1 classes={k}"] = (iou * sup).sum() / len(a)
        w[f"pixel_accuracy@1 classes={k}"] = sk.accuracy_score(a, b)
        w[f"mean_dice@1 classes={k}"] = sk.f1_score(a, b, labels=there, average="macro", zero_division=0)
    for empty in ("one", "skip"):
        ds = []
        for t, p in zip(ts, ps):
            a, b = np.array(t) == 1, np.array(p) == 1
            if a.any() or b.any():
                ds.append(2 * (a & b).sum() / (a.sum() + b.sum()))
            elif empty == "one":
                ds.append(1.0)
        w[f"dice_per_case@1 class=1 empty={empty}"] = np.mean(ds) if ds else None
    return {"truth": ts, "pred": ps}, w


def panoptic(r):
    k = 3
    out, iou, tp, fp, fn = [], [0.0] * k, [0] * k, [0] * k, [0] * k
    for _ in range(r.choice([1, 2])):
        n = r.choice([6, 40])
        tid = [0] + list(range(1, r.randrange(2, 5)))
        t = sorted(r.choice(tid) for _ in range(n))
        p = [x + 10 if x and r.random() < 0.8 else r.choice([0, 11, 12, 13]) for x in t]
        tc = {i: (r.randrange(k), r.random() < 0.15) for i in set(t) if i}
        pc = {i: tc[i - 10][0] if i - 10 in tc and r.random() < 0.8 else r.randrange(k) for i in set(p) if i}
        out.append({"truth": t, "pred": p, "tclass": {str(i): c for i, (c, _) in tc.items()}, "crowd": [i for i, (_, c) in tc.items() if c], "pclass": {str(i): c for i, c in pc.items()}})
        a, b = np.array(t), np.array(p)
        hit_t, hit_p = set(), set()
        for i, (c, crowd) in tc.items():
            for j, d in pc.items():
                if crowd or c != d:
                    continue
                inter = ((a == i) & (b == j)).sum()
                union = (a == i).sum() + (b == j).sum() - inter - ((a == 0) & (b == j)).sum()
                if inter and inter / union > 0.5:
                    iou[c] += inter / union
                    tp[c] += 1
                    hit_t.add(i)
                    hit_p.add(j)
        for i, (c, crowd) in tc.items():
            fn[c] += i not in hit_t and not crowd
        for j, c in pc.items():
            if j in hit_p:
                continue
            free = ((a == 0) & (b == j)).sum() + sum(((a == i) & (b == j)).sum() for i, (d, crowd) in tc.items() if crowd and d == c)
            fp[c] += not free / (b == j).sum() > 0.5
    use = [c for c in range(k) if tp[c] + fp[c] + fn[c]]
    mean = lambda f: sum(map(f, use)) / len(use) if use else None
    return {"images": out}, {
        f"panoptic_pq@1 classes={k}": mean(lambda c: iou[c] / (tp[c] + fp[c] / 2 + fn[c] / 2)),
        f"panoptic_sq@1 classes={k}": mean(lambda c: iou[c] / tp[c] if tp[c] else 0.0),
        f"panoptic_rq@1 classes={k}": mean(lambda c: tp[c] / (tp[c] + fp[c] / 2 + fn[c] / 2)),
    }


_track = []


def trackers():
    if not _track:
        with contextlib.redirect_stdout(io.StringIO()):
            from trackeval.metrics import CLEAR, HOTA, Identity

            _track.extend([HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})])
    return _track


def overlap(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


def data(frames):
    """a sequence as TrackEval takes it"""
    gid, tid = {}, {}
    d = {"gt_ids": [], "tracker_ids": [], "similarity_scores": [], "num_timesteps": len(frames)}
    for f in frames:
        d["gt_ids"].append(np.array([gid.setdefault(i, len(gid)) for i, _ in f["truth"]], int))
        d["tracker_ids"].append(np.array([tid.setdefault(i, len(tid)) for i, _ in f["pred"]], int))
        d["similarity_scores"].append(np.array([[overlap(b, c) for _, c in f["pred"]] for _, b in f["truth"]]).reshape(len(f["truth"]), len(f["pred"])))
    d["num_gt_ids"], d["num_tracker_ids"] = len(gid), len(tid)
    d["num_gt_dets"] = sum(map(len, d["gt_ids"]))
    d["num_tracker_dets"] = sum(map(len, d["tracker_ids"]))
    return d


def tracks(r):
    seqs = []
    for _ in range(r.choice([1, 1, 2])):
        objs = [[r.random() * 60, r.random() * 60, 10 + r.random() * 20, 10 + r.random() * 20] for _ in range(r.choice([0, 1, 3, 5]))]
        ids = list(range(100, 100 + len(objs)))
        frames = []
        for _ in range(r.choice([1, 3, 8, 15])):
            f = {"truth": [], "pred": []}
            for i, b in enumerate(objs):
                b[0] += r.random() * 4 - 2
                b[1] += r.random() * 4 - 2
                if r.random() < 0.85:
                    f["truth"].append([i, list(b)])
                if r.random() < 0.8:
                    e = r.choice([0.5, 3, 8])
                    f["pred"].append([ids[i], [b[0] + r.random() * e, b[1] + r.random() * e, b[2] + r.random(), b[3] + r.random()]])
            if r.random() < 0.15 and len(ids) > 1:
                ids[0], ids[1] = ids[1], ids[0]
            if r.random() < 0.2:
                f["pred"].append([500 + r.randrange(3), [r.random() * 60, r.random() * 60, 12 + r.random(), 15.0]])
            if r.random() < 0.08:
                f["pred"] = []
            r.shuffle(f["pred"])
            frames.append(f)
        seqs.append(frames)
    names = ["hota", "deta", "assa", "loca", "mota", "motp", "idsw", "idf1", "idp", "idr", "mostly_tracked", "partly_tracked", "mostly_lost", "fragments"]
    ds = [data(s) for s in seqs]
    w = {n + "@1": None for n in names}
    if sum(d["num_gt_dets"] for d in ds):
        h, c, i = trackers()
        H = h.combine_sequences({k: h.eval_sequence(d) for k, d in enumerate(ds)})
        C = c.combine_sequences({k: c.eval_sequence(d) for k, d in enumerate(ds)})
        I = i.combine_sequences({k: i.eval_sequence(d) for k, d in enumerate(ds)})
        w.update({"hota@1": H["HOTA"].mean(), "deta@1": H["DetA"].mean(), "assa@1": H["AssA"].mean(), "loca@1": H["LocA"].mean(), "mota@1": C["MOTA"], "motp@1": C["MOTP"],
                  "idsw@1": C["IDSW"], "idf1@1": I["IDF1"], "idp@1": I["IDP"], "idr@1": I["IDR"], "mostly_tracked@1": C["MTR"], "partly_tracked@1": C["PTR"], "mostly_lost@1": C["MLR"], "fragments@1": C["Frag"]})
    return {"sequences": seqs}, w


FAMILIES = {
    "coco": (coco, ["pycocotools"]),
    "segm": (segm, ["pycocotools"]),
    "pixels": (pixels, ["scikit-learn"]),
    "panoptic": (panoptic, ["the definition, written out"]),
    "tracks": (tracks, ["trackeval"]),
}
