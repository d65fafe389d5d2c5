"""References for the rarer metrics: pycocotools (keypoints), lvis, sacrebleu's
TER, rouge_score's Lsum, nervaluate, scoringrules, lifelines, scipy.ndimage,
scikit-image, numpy's percentiles.

Deviations: no object, no reference token, no true span and no comparable pair
are undefined; an equal picture has the declared cap of decibels, where
scikit-image gives infinity; lifelines takes a score of survival, we one of risk.
"""
import contextlib
import io
import logging
import sys
import types

import numpy as np

from text import Han, passage
from vision import box, near

logging.disable(logging.CRITICAL)


def keypoints(r):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images, anns, dets, out = [], [], [], []
    for i in range(r.choice([1, 1, 2])):
        im = {"id": i + 1, "truth": [], "pred": []}
        images.append({"id": i + 1, "width": 400, "height": 400})
        for _ in range(r.choice([0, 1, 2, 3])):
            b = box(r)
            pts = [[b[0] + b[2] * r.random(), b[1] + b[3] * r.random(), r.randrange(3)] for _ in range(3)]
            if r.random() < 0.15:
                pts = [[x, y, 0] for x, y, _ in pts]
            crowd = int(r.random() < 0.1)
            flat = [float(v) for p in pts for v in p]
            anns.append({"id": len(anns) + 1, "image_id": i + 1, "category_id": 0, "bbox": b, "area": b[2] * b[3], "iscrowd": crowd, "keypoints": flat, "num_keypoints": sum(p[2] > 0 for p in pts)})
            im["truth"].append({"class": 0, "box": b, "area": b[2] * b[3], "crowd": bool(crowd), "points": pts})
        for _ in range(r.choice([0, 1, 3, 5])):
            if im["truth"] and r.random() < 0.8:
                e = r.choice([0, 3, 30])
                pts = [[x + e * r.random(), y + e * r.random(), 1] for x, y, _ in r.choice(im["truth"])["points"]]
            else:
                b = box(r)
                pts = [[b[0] + b[2] * r.random(), b[1] + b[3] * r.random(), 1] for _ in range(3)]
            s = r.choice([r.random(), r.randrange(4) / 4])
            xs, ys = [p[0] for p in pts], [p[1] for p in pts]
            area = (max(xs) - min(xs)) * (max(ys) - min(ys))
            dets.append({"id": len(dets) + 1, "image_id": i + 1, "category_id": 0, "area": area, "bbox": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)], "score": s, "iscrowd": 0, "num_keypoints": 3, "keypoints": [float(v) for p in pts for v in p]})
            im["pred"].append({"class": 0, "score": s, "points": pts})
        out.append(im)
    with contextlib.redirect_stdout(io.StringIO()):
        g, d = COCO(), COCO()
        for c, a in ((g, anns), (d, dets)):
            c.dataset = {"images": images, "annotations": a, "categories": [{"id": 0}]}
            c.createIndex()
        e = COCOeval(g, d, "keypoints")
        e.params.kpt_oks_sigmas = np.array([0.05, 0.1, 0.2])
        e.evaluate()
        e.accumulate()
        e.summarize()
    v = [None if x == -1 else float(x) for x in e.stats]
    names = {"ap": 0, "ap50": 1, "ap75": 2, "ap_medium": 3, "ap_large": 4, "ar": 5}
    return {"images": out}, {f"oks_{k}@1 sigmas=0.05,0.1,0.2": v[i] for k, i in names.items()}


def lvis(r):
    for name in ("cv2",):  # only for drawing
        sys.modules.setdefault(name, types.ModuleType(name))
    np.float = float  # which numpy no longer has
    from lvis import LVIS, LVISEval, LVISResults

    k = r.choice([1, 2, 3])
    images, anns, dets, out = [], [], [], []
    for i in range(r.choice([1, 1, 2])):
        neg = [c for c in range(k) if r.random() < 0.3]
        free = [c for c in range(k) if r.random() < 0.2]
        im = {"id": i + 1, "truth": [], "pred": [], "negative": neg, "notexhaustive": free}
        images.append({"id": i + 1, "width": 400, "height": 400, "neg_category_ids": neg, "not_exhaustive_category_ids": free})
        for _ in range(r.choice([0, 1, 2, 3])):
            b, c = box(r), r.randrange(k)
            area = b[2] * b[3] * r.choice([1, 1, 0.7])
            anns.append({"id": len(anns) + 1, "image_id": i + 1, "category_id": c, "bbox": b, "area": area})
            im["truth"].append({"class": c, "box": b, "area": area})
        for _ in range(r.choice([0, 1, 3, 5])):
            t = r.choice(im["truth"]) if im["truth"] and r.random() < 0.8 else None
            b = near(r, t["box"]) if t else box(r)
            c = t["class"] if t and r.random() < 0.9 else r.randrange(k)
            s = r.choice([r.random(), r.randrange(4) / 4])
            dets.append({"image_id": i + 1, "category_id": c, "bbox": b, "score": s})
            im["pred"].append({"class": c, "box": b, "score": s})
        out.append(im)
    names = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ap_rare", "ap_common", "ap_frequent", "ar300"]
    case = {"images": out}
    if not dets or not anns:
        return case, {}
    g = LVIS.__new__(LVIS)
    g.logger = logging.getLogger("lvis")
    g.dataset = {"images": images, "annotations": anns, "categories": [{"id": c, "frequency": "rcf"[c]} for c in range(k)]}
    g._create_index()
    e = LVISEval(g, LVISResults(g, dets), "bbox")
    e.run()
    keys = ["AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf", "AR@300"]
    return case, {f"lvis_{n}@1 frequency=rcf": None if e.results[x] == -1 else float(e.results[x]) for n, x in zip(names, keys)}


def ter(r):
    import sacrebleu

    ps = [passage(r) for _ in range(r.choice([1, 1, 2]))]
    refs, hyps = [[a for a, _ in ps]], [b for _, b in ps]
    if r.random() < 0.3:
        refs.append([passage(r)[0] for _ in ps])
    han = Han().tokenize
    w = {}
    for tok, cut in (("space", str.split), ("han", han)):
        join = lambda xs: [" ".join(cut(x)) for x in xs]
        o = sacrebleu.TER().corpus_score(join(hyps), [join(x) for x in refs])
        w[f"ter@1 tokenize={tok}"] = o.score / 100 if o.ref_length else None
    return {"refs": list(map(list, zip(*refs))), "hyp": hyps}, w


def lsum(r):
    from rouge_score import rouge_scorer

    def some():
        ps = [passage(r) for _ in range(r.choice([1, 2, 3]))]
        return "\n".join(a for a, _ in ps), "\n".join(b for _, b in ps)

    ps = [some() for _ in range(r.choice([1, 2]))]
    w = {}
    for tok, t in (("word", None), ("han", Han())):
        sc = rouge_scorer.RougeScorer(["rougeLsum"], tokenizer=t)
        w[f"rouge_lsum@1 tokenize={tok}"] = sum(sc.score(a, b)["rougeLsum"].fmeasure for a, b in ps) / len(ps)
    return {"refs": [[a] for a, _ in ps], "hyp": [b for _, b in ps]}, w


def relaxed(r):
    from nervaluate import strategies as ns
    from nervaluate.entities import Entity

    tags = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    ref, hyp = [], []
    for _ in range(r.choice([1, 1, 2, 4])):
        a = [r.choice(tags) for _ in range(r.choice([1, 2, 5, 12]))]
        ref.append(a)
        hyp.append([x if r.random() < 0.6 else r.choice(tags) for x in a])

    def read(row):  # strictly
        out = []
        for i, t in enumerate(row):
            if t[0] == "B":
                out.append(Entity(t[2:], i, i))
            elif t[0] == "I" and out and out[-1].end == i - 1 and out[-1].label == t[2:]:
                out[-1].end = i
        return out

    w = {}
    schemes = {"strict": ns.StrictEvaluation, "exact": ns.ExactEvaluation, "partial": ns.PartialEvaluation, "type": ns.EntityTypeEvaluation}
    for name, cls in schemes.items():
        got = [cls().evaluate(read(a), read(b), ["PER", "LOC"])[0] for a, b in zip(ref, hyp)]
        c = sum(g.correct + 0.5 * g.partial for g in got)
        actual, possible = sum(g.actual for g in got), sum(g.possible for g in got)
        p, q = (c / actual if actual else 0.0), (c / possible if possible else 0.0)
        v = {"precision": p, "recall": q, "f1": 2 * p * q / (p + q) if p + q else 0.0}
        for k, x in v.items():
            w[f"span_relaxed_f1@1 scheme={name} value={k} strict"] = x if possible else None
    return {"ref": ref, "hyp": hyp}, w


def distributions(r):
    import scoringrules as sr

    st = r.randrange(3)
    z = lambda: r.random() if st == 0 else float(r.randrange(7) - 3) if st == 1 else 1048576 + r.random()
    of, fair, biased, quantile, gauss = [], [], [], [], []
    levels = [0.1, 0.3, 0.5, 0.9]
    for _ in range(r.choice([1, 2, 4])):
        d = {"truth": z(), "members": [z() for _ in range(r.choice([2, 3, 8]))], "levels": levels, "quantiles": [z() for _ in levels], "mean": z(), "sd": r.choice([0.1, r.random() + 1e-3, 3])}
        of.append(d)
        y, x = np.array(d["truth"]), np.array(d["members"])
        fair.append(float(sr.crps_ensemble(y, x, estimator="fair")))
        biased.append(float(sr.crps_ensemble(y, x, estimator="nrg")))
        quantile.append(float(sr.crps_quantile(y, np.array(d["quantiles"]), np.array(levels))))
        gauss.append(float(sr.crps_normal(d["truth"], d["mean"], d["sd"])))
    m = lambda v: sum(v) / len(v)
    return {"of": of}, {"crps_ensemble@1 estimator=fair": m(fair), "crps_ensemble@1 estimator=biased": m(biased), "crps_quantile@1": m(quantile), "crps_gaussian@1": m(gauss)}


def survival(r):
    from lifelines.utils import concordance_index

    g, p = r.choice([2, 5, 1000]), r.choice([0.5, 0.9, 0.1])
    of = [{"time": float(1 + r.randrange(g)), "event": r.random() < p, "risk": float(r.randrange(g))} for _ in range(r.choice([1, 2, 4, 9, 40]))]
    try:
        v = concordance_index([o["time"] for o in of], [-o["risk"] for o in of], [o["event"] for o in of])
    except ZeroDivisionError:
        v = None
    return {"of": of}, {"c_index@1": v}


def shapes(r):
    from scipy import ndimage as nd

    out, hd, asd, both, either = [], [], [], 0, 0
    flat = r.random() < 0.7
    ratio = r.choice([0.02, 0.2])
    for _ in range(r.choice([1, 1, 2])):
        size = [1 if flat else r.randrange(2, 4), r.randrange(1, 9), r.randrange(1, 9)]
        spacing = [1.0, r.choice([1.0, 0.5]), r.choice([1.0, 2.0])]
        full, change = r.choice([0.2, 0.6, 0.95]), r.choice([0.05, 0.3])
        n = size[0] * size[1] * size[2]
        t = [int(r.random() < full) for _ in range(n)]
        p = [r.randrange(3) if r.random() < change else x for x in t]
        if r.random() < 0.1:
            p = [0] * n
        out.append({"size": size, "spacing": spacing, "truth": t, "pred": p})
        shape = size[1:] if flat else size
        space = spacing[1:] if flat else spacing
        a, b = (np.array(x).reshape(shape) == 1 for x in (t, p))
        edge = lambda m: m & ~nd.binary_erosion(m)
        if a.any() or b.any():
            if a.any() and b.any():
                ea, eb = edge(a), edge(b)
                da = nd.distance_transform_edt(~eb, sampling=space)[ea]
                db = nd.distance_transform_edt(~ea, sampling=space)[eb]
                hd.append(max(np.percentile(da, 95), np.percentile(db, 95)))
                asd.append(np.concatenate([da, db]).mean())
            else:
                hd.append(50)
                asd.append(50)
        if flat:
            w = max(1, round(ratio * (size[1] ** 2 + size[2] ** 2) ** 0.5))
            band = lambda m: m & ~nd.binary_erosion(m, np.ones((3, 3)), iterations=w)
            both += int((band(a) & band(b)).sum())
            either += int((band(a) | band(b)).sum())
    w = {"hausdorff95@1 class=1 missing=50": np.mean(hd) if hd else None, "assd@1 class=1 missing=50": np.mean(asd) if asd else None}
    if flat:
        w[f"boundary_iou@1 class=1 ratio={ratio}"] = both / either if either else None
    return {"shapes": out}, w


def pictures(r):
    from skimage import metrics as sm

    rng = np.random.default_rng(r.randrange(1 << 30))
    out, psnr, ssim = [], [], []
    for _ in range(r.choice([1, 1, 2])):
        h, w, c = r.randrange(7, 11), r.randrange(7, 11), r.choice([1, 1, 3])
        a = rng.random((h, w, c)) if r.random() < 0.9 else np.full((h, w, c), 0.5)
        b = a + r.choice([0, 0.01, 0.5]) * (rng.random((h, w, c)) - 0.5)
        out.append({"h": h, "w": w, "channels": c, "truth": a.ravel().tolist(), "pred": b.ravel().tolist()})
        psnr.append(100 if (a == b).all() else min(100, sm.peak_signal_noise_ratio(a, b, data_range=1)))
        ssim.append(sm.structural_similarity(a, b, data_range=1, channel_axis=2))
    return {"pictures": out}, {"psnr@1 range=1 cap=100": np.mean(psnr), "ssim@1 range=1": np.mean(ssim)}


def timings(r):
    start, took, media = [], [], []
    for _ in range(r.choice([1, 2, 3, 10, 50])):
        start.append(r.randrange(64) / 4)
        took.append(r.randrange(64) / 16)
        media.append(r.randrange(64) / 8)
    w = {}
    for cold in (0, 2):
        a, b, m = (np.array(x)[min(cold, len(x)) :] for x in (start, took, media))
        for q in (0.5, 0.9, 0.99, 1):
            w[f"latency@1 q={q} warmup={cold}"] = np.percentile(b, 100 * q, method="inverted_cdf") if len(b) else None
        span = (a + b).max() - a.min() if len(b) else 0
        w[f"throughput@1 warmup={cold}"] = len(b) / span if span else None
        w[f"rtf@1 warmup={cold}"] = b.sum() / m.sum() if m.any() else None
    return {"start": start, "took": took, "media": media}, w


FAMILIES = {
    "keypoints": (keypoints, ["pycocotools"]),
    "lvis": (lvis, ["lvis"]),
    "ter": (ter, ["sacrebleu"]),
    "lsum": (lsum, ["rouge_score"]),
    "relaxed": (relaxed, ["nervaluate"]),
    "distributions": (distributions, ["scoringrules"]),
    "survival": (survival, ["lifelines"]),
    "shapes": (shapes, ["scipy"]),
    "pictures": (pictures, ["scikit-image"]),
    "timings": (timings, ["numpy"]),
}
