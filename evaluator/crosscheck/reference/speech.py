"""References for speech: jiwer, pyannote.metrics, scikit-learn's ROC, and for the
Jaccard error rate, whose speakers pyannote maps otherwise, its timelines.

Deviations: a corpus without reference tokens is undefined, where jiwer returns
the number of insertions; pyannote's collar is twice ours; DER without reference
speech is undefined, where pyannote gives 0 or 1.
"""
import random
import re

from common import clean

ZH = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后"


def sentence(r, zh):
    n = r.choice([0, 1, 2, 4, 8, 15, 30, 70])
    if zh:
        return [r.choice(ZH[: r.choice([3, 40])]) for _ in range(n)]
    return [r.choice(["a", "b", "the", "cat", "sat", "on", "mat", "x"][: r.choice([2, 8])]) for _ in range(n)]


def noisy(r, s, zh):
    out = []
    p = r.choice([0, 0.1, 0.3, 0.9])
    for c in s:
        if r.random() >= p:
            out.append(c)
            continue
        k = r.randrange(3)
        if k == 0:
            out.append((sentence(r, zh) or ["q"])[0])
        elif k == 1:
            out += [c, (sentence(r, zh) or ["q"])[0]]
    return out


def errors(r):
    import jiwer

    zh = r.random() < 0.5
    refs, hyps = [], []
    for _ in range(r.choice([1, 1, 1, 2, 4])):
        s = sentence(r, zh)
        h = noisy(r, s, zh) if r.random() < 0.9 else sentence(r, zh)
        refs.append(("" if zh else " ").join(s))
        hyps.append(("" if zh else " ").join(h))
    e = "normalize=none case=keep punctuation=keep"

    def parts(use, o):  # of the reference's tokens
        n = o.hits + o.substitutions + o.deletions
        return {f"{use}_{k}@1 {e}": c / n for k, c in (("sub", o.substitutions), ("del", o.deletions), ("ins", o.insertions))}

    # Han characters one by one, and words: jiwer is given them with spaces between
    mixed = lambda xs: [" ".join(re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", x)) for x in xs]
    both = {"ser@1 units=mixed " + e: sum(a != b for a, b in zip(mixed(refs), mixed(hyps))) / len(refs)}
    both["mixed_error_rate@1 " + e] = jiwer.process_words(mixed(refs), mixed(hyps)).wer if any(refs) else None
    if not any(refs):
        u = "cer" if zh else "wer"
        keys = [f"{k} {e}" for k in [u + "@1", u + "_sub@1", u + "_del@1", u + "_ins@1"] + ([] if zh else ["mer@1", "wil@1"])]
        return {"ref": refs, "hyp": hyps, "units": "chars" if zh else "words"}, both | {k: None for k in keys}
    if zh:
        o = jiwer.process_characters(refs, hyps)
        return {"ref": refs, "hyp": hyps, "units": "chars"}, both | parts("cer", o) | {"cer@1 " + e: o.cer, "#sub": o.substitutions, "#del": o.deletions, "#ins": o.insertions}
    o = jiwer.process_words(refs, hyps)
    w = both | parts("wer", o) | {"wer@1 " + e: o.wer, "mer@1 " + e: o.mer, "wil@1 " + e: o.wil, "wip@1 " + e: o.wip}
    w.update({"#sub": o.substitutions, "#del": o.deletions, "#ins": o.insertions})
    return {"ref": refs, "hyp": hyps, "units": "words"}, w


def diarisation(r):
    import numpy as np
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate
    from scipy.optimize import linear_sum_assignment

    def turns(k, names):
        out, at = [], 0.0
        for _ in range(k):
            at = max(0, at + r.choice([0, 0.5, 1, 2, -1]) + r.choice([0, r.random()]))
            d = r.choice([0.5, 1, 3]) + r.choice([0, r.random()])
            out.append((r.choice(names), round(at, 3), round(at + d, 3)))
            at += d
        return out

    ref, hyp = turns(r.randrange(0, 7), "ABC"), turns(r.randrange(0, 7), "xyz")

    def one_by_one(ts):  # pyannote counts a speaker twice where his own turns overlap: keep them apart
        end, out = {}, []
        for n, a, b in ts:
            a = max(a, end.get(n, 0))
            if b > a:
                out.append((n, a, b))
                end[n] = b
        return out

    ref, hyp = one_by_one(ref), one_by_one(hyp)
    ann = lambda ts: (lambda a: [a.__setitem__((Segment(s, e), i), n) for i, (n, s, e) in enumerate(ts)] and a or a)(Annotation())
    w = {}
    for collar in (0, 0.25):
        for overlap in ("score", "skip"):
            m = DiarizationErrorRate(collar=2 * collar, skip_overlap=overlap == "skip")
            d = m(ann(ref), ann(hyp), detailed=True)
            t = d["total"]
            tag = f" collar={collar} overlap={overlap}"
            ok = t > 1e-9
            w["der@1" + tag] = d["diarization error rate"] if ok else None
            w["der_missed@1" + tag] = d["missed detection"] / t if ok else None
            w["der_false_alarm@1" + tag] = d["false alarm"] / t if ok else None
            w["der_confusion@1" + tag] = d["confusion"] / t if ok else None
    # dscore's rate: speakers matched so that their shared time over what either has is largest
    R, H = ({n: ann(ts).label_timeline(n) for n in sorted({n for n, _, _ in ts})} for ts in (ref, hyp))
    if R:
        share = lambda a, b: (lambda both: both / (a.duration() + b.duration() - both))(a.crop(b).duration())
        table = np.array([[share(a, b) for b in H.values()] for a in R.values()]).reshape(len(R), len(H))
        w["jer@1 collar=0 overlap=score"] = 1 - table[linear_sum_assignment(-table)].sum() / len(R)
    else:
        w["jer@1 collar=0 overlap=score"] = None
    return {"ref": ref, "hyp": hyp}, w


def trials(r):
    import numpy as np
    from sklearn.metrics import roc_curve

    n = r.choice([1, 2, 5, 20, 60])
    y = [r.random() < 0.4 for _ in range(n)]
    s = [r.choice([r.random(), r.randrange(4) / 4]) for _ in range(n)]
    if r.random() < 0.3:
        s = [v + 0.3 * t for v, t in zip(s, y)]
    w = {"eer@1": None, "min_dcf@1": None, "kws_frr@1 fa_per_hour=2": None, "act_dcf@1 p_target=0.3": None, "cllr@1": None}
    if 0 < sum(y) < n:
        fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
        fnr = 1 - tpr
        p, neg = sum(y), n - sum(y)
        c = 0.01 * fnr + 0.99 * fpr
        w["min_dcf@1"] = c.min() / 0.01
        w["kws_frr@1 fa_per_hour=2"] = fnr[np.round(fpr * neg) <= 2].min()
        a, b = (np.array([v for v, t in zip(s, y) if t == side]) for side in (True, False))
        at = np.log(0.7 / 0.3)
        w["act_dcf@1 p_target=0.3"] = (0.3 * (a < at).mean() + 0.7 * (b >= at).mean()) / 0.3
        w["cllr@1"] = (np.logaddexp(0, -a).mean() + np.logaddexp(0, b).mean()) / (2 * np.log(2))
        # straight lines between the points of the DET curve
        d = fnr - fpr
        i = max(j for j in range(len(d)) if d[j] >= 0)
        if d[i] == 0 or i + 1 == len(d):
            w["eer@1"] = fnr[i]
        else:
            x = d[i] / (d[i] - d[i + 1])
            w["eer@1"] = fnr[i] + x * (fnr[i + 1] - fnr[i])
    return {"target": y, "score": s}, w


FAMILIES = {
    "errors": (errors, ["jiwer"]),
    "diarisation": (diarisation, ["pyannote.metrics"]),
    "trials": (trials, ["scikit-learn"]),
}
