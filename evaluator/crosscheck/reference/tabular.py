"""References for metrics of rows: scikit-learn, scipy, and where they have no
such metric, or one whose sums lose digits, rational arithmetic.

Where we deviate on purpose, the reference's value is replaced here:
  n = 0, one class in the truth       undefined
  labels=                             the declared classes, never those predicted
  kappa, one class on both sides      1; scikit-learn gives nan
  top-k                               expected value under ties; scikit-learn takes column order
  average precision, no positives     undefined; scikit-learn gives -0.0
  MAPE, a true 0                      undefined; scikit-learn gives 2e15
  explained variance, constant truth  undefined; scikit-learn gives 1 or 0
  partial AUC with max_fpr = 1        is not standardised by scikit-learn; ours is 1 at best all the same
"""
import math
import warnings
from fractions import Fraction as F

import numpy as np
from scipy import stats as st
from sklearn import metrics as sk

from common import clean, prob, size, value

warnings.simplefilter("ignore")
SK = "scikit-learn"


def classes(r):
    n, k = size(r), r.randrange(2, 8)
    kt, kp = r.randrange(1, k + 1), r.randrange(1, k + 1)
    noise = r.randrange(5)
    t, p = [], []
    for _ in range(n):
        y = r.randrange(kt)
        t.append(y)
        p.append(y if r.randrange(4) >= noise else r.randrange(kp))
    w = {}
    costs = [[0 if i == j else r.choice([1, 0.3, 5]) for j in range(k)] for i in range(k)]
    text = ";".join(",".join(map(repr, c)) for c in costs)
    lab = np.arange(k)
    ta, pa = np.array(t), np.array(p)
    a = r.choice(["macro", "micro", "weighted"])  # one of each a case: they take scikit-learn milliseconds
    pr, rc, fb, _ = sk.precision_recall_fscore_support(ta, pa, beta=2.0, labels=lab, average=a, zero_division=0) if n else (None,) * 4
    w[f"precision@1 average={a}"], w[f"recall@1 average={a}"], w[f"fbeta@1 average={a}"] = pr, rc, fb
    w["accuracy@1"] = sk.accuracy_score(ta, pa) if n else None
    w["balanced_accuracy@1"] = sk.balanced_accuracy_score(ta, pa) if n else None
    w[f"f1@1 average={a}"] = sk.f1_score(ta, pa, labels=lab, average=a, zero_division=0) if n else None
    w["mcc@1"] = sk.matthews_corrcoef(ta, pa) if n else None
    w[f"jaccard@1 average={a}"] = sk.jaccard_score(ta, pa, labels=lab, average=a, zero_division=0) if n else None
    for name, wt in [r.choice([("none", None), ("linear", "linear"), ("quadratic", "quadratic")])]:
        v = None
        if n:
            v = 1.0 if len(set(t)) == 1 and set(t) == set(p) else sk.cohen_kappa_score(ta, pa, labels=lab, weights=wt)
        w[f"kappa@1 weights={name}"] = v
    w[f"cost@1 costs={text}"] = sum(F(costs[a][b]) for a, b in zip(t, p)) / n if n else None
    if n:
        tp, fp = sum(a == b == 1 for a, b in zip(t, p)), sum(a != 1 and b == 1 for a, b in zip(t, p))
        fn = t.count(1) - tp
        tn = n - tp - fp - fn
        q = lambda a, b: a / b if b else None
        w["sensitivity@1 positive=c1"] = q(tp, tp + fn)
        w["specificity@1 positive=c1"] = q(tn, tn + fp)
        w["fpr@1 positive=c1"] = q(fp, tn + fp)
        w["fnr@1 positive=c1"] = q(fn, tp + fn)
        w["positive_precision@1 positive=c1"] = q(tp, tp + fp)
        w["positive_f1@1 positive=c1"] = q(2 * tp, 2 * tp + fp + fn)
    return {"k": k, "truth": t, "pred": p}, w


def abstain(r):
    """an answer of no class abstains, or is as bad as the worst"""
    n, k = size(r), r.randrange(2, 8)
    t = [r.randrange(k) for _ in range(n)]
    p = [r.choice([k, y, y, r.randrange(k)]) for y in t]
    costs = [[0 if i == j else r.choice([1, 0.3, 5]) for j in range(k)] for i in range(k)]
    text = ";".join(",".join(map(repr, c)) for c in costs)
    total = lambda of: sum(F(costs[a][b]) if b < k else F(of(costs[a])) for a, b in zip(t, p)) / n if n else None
    w = {f"cost@1 costs={text}": total(max)}
    for v in (0, 0.25, 2):
        w[f"abstain_cost@1 abstain={v} costs={text}"] = total(lambda row: v)
    return {"k": k, "truth": t, "pred": p}, w


def binary(r):
    n, style, mode = size(r), r.randrange(4), r.randrange(6)
    t, p = [], []
    for _ in range(n):
        y = mode if mode < 2 else r.randrange(2)
        x = prob(r, style)
        if mode == 2 and y == 1:
            x = max(x, prob(r, style))
        t.append(y)
        p.append(x)
    a, s = np.array(t), np.array(p)
    pos = sum(t)
    both = 0 < pos < n
    w = {}
    eps = 2.0**-52
    w["roc_auc@1"] = sk.roc_auc_score(a, s) if both else None
    w["log_loss@1"] = sk.log_loss(a, np.clip(np.stack([1 - s, s], axis=1), eps, 1 - eps), labels=[0, 1]) if n else None
    w["brier@1"] = sk.brier_score_loss(a, s, labels=[0, 1], pos_label=1) if n else None
    w["average_precision@1"] = sk.average_precision_score(a, s) if pos else None
    w["ks@1"] = st.ks_2samp(s[a == 1], s[a == 0], method="asymp").statistic if both else None
    w["gini@1"] = 2 * sk.roc_auc_score(a, s) - 1 if both else None
    for m in (0.1, 0.5):
        w[f"partial_auc@1 max_fpr={m}"] = sk.roc_auc_score(a, s, max_fpr=m) if both else None
    for q in (0.1, 0.3):
        m = min(n, max(1, math.ceil(q * n)))
        hits, seen = F(0), 0
        for v in sorted(set(p), reverse=True):
            block = [y for y, x in zip(t, p) if x == v]
            take = min(len(block), m - seen)
            hits += F(sum(block) * take, len(block))
            seen += take
            if seen == m:
                break
        w[f"precision_at@1 q={q}"] = hits / m if pos else None
        w[f"recall_at@1 q={q}"] = hits / pos if pos else None
        w[f"lift@1 q={q}"] = hits * n / (m * pos) if pos else None
    w.update(calibration(t, [[1 - x, x] for x in p], " kind=top_label"))
    w.update(calibration(t, [[1 - x, x] for x in p], " kind=positive", 1))
    return {"truth": t, "pred": p}, w


def calibration(t, rows, suffix, positive=None):
    """in integers: a probability times 2^200, which is exact, and times what the
    numbers of equal rows divide"""
    n, M = len(t), 15
    if not n:
        out = {u + suffix: None for u in ("ece@1", "mce@1", "ece_mass@1")}
        return out | ({"ece_classwise@1": None} if positive is None else {})
    k, one = len(rows[0]), 420 << 200
    whole = lambda p: 420 * int(math.ldexp(p, 200))
    at = lambda p: min(M - 1, max(0, math.ceil(p * M) - 1))
    bins, size = [0] * M, [0] * M
    pairs = []
    for y, row in zip(t, rows):
        if positive is None:
            c = max(row)
            right = one // row.count(c) if row[y] == c else 0
        else:
            c, right = row[positive], one * y
        bins[at(c)] += whole(c) - right
        size[at(c)] += 1
        pairs.append((c, right))
    gaps = [(abs(g), m) for g, m in zip(bins, size) if m]
    # Bins of equally many rows, a row in M parts; equal confidences are alike.
    groups = {}
    for c, right in pairs:
        groups.setdefault(c, []).append(right)
    common = math.lcm(*map(len, groups.values()))
    parts = []
    for c in sorted(groups):
        g = groups[c]
        parts += [common * whole(c) - sum(g) * (common // len(g))] * (M * len(g))
    mass = F(sum(abs(sum(parts[b * n : (b + 1) * n])) for b in range(M)), M * n * common * one)
    out = {
        "ece_mass@1" + suffix: mass,
        "ece@1" + suffix: F(sum(g for g, _ in gaps), n * one),
        "mce@1" + suffix: max(F(g, m * one) for g, m in gaps),
    }
    if positive is None:  # and the mean over the classes of the error of each one's own probability
        total = 0
        for j in range(k):
            own = [0] * M
            for y, row in zip(t, rows):
                own[at(row[j])] += whole(row[j]) - one * (y == j)
            total += sum(map(abs, own))
        out["ece_classwise@1"] = F(total, n * k * one)
    return out


def multi(r):
    n, k = size(r), r.randrange(3, 6)
    t, rows = [], []
    grain = r.choice([4, 1 << 20])
    for _ in range(n):
        t.append(r.randrange(k))
        left, row = grain, []
        for _ in range(k - 1):
            x = r.choice([0, left, r.randrange(left + 1), r.randrange(left + 1)])
            row.append(x)
            left -= x
        row.append(left)
        rows.append([x / grain for x in row])
    w = calibration(t, rows, "")
    for top in (1, 2):
        s = F(0)
        for y, row in zip(t, rows):
            above, equal = sum(v > row[y] for v in row), row.count(row[y])
            s += min(F(1), max(F(0), F(top - above, equal)))
        w[f"top_k@1 k={top}"] = s / n if n else None
    q = np.array(rows)
    w["log_loss@1"] = sk.log_loss(t, np.clip(q, 2.0**-52, 1 - 2.0**-52), labels=list(range(k))) if n else None
    w["brier@1"] = sk.brier_score_loss(t, q, labels=list(range(k)), scale_by_half=False) if n else None
    for a, kind, av in [r.choice([("ovr_macro", "ovr", "macro"), ("ovr_weighted", "ovr", "weighted"), ("ovo_macro", "ovo", "macro"), ("ovo_weighted", "ovo", "weighted")])]:
        w["roc_auc_multi@1 average=" + a] = sk.roc_auc_score(t, q, multi_class=kind, average=av, labels=list(range(k))) if len(set(t)) == k else None
    return {"k": k, "truth": t, "rows": rows}, w


def numbers(r):
    n, s, sp, mode = size(r), r.randrange(5), r.randrange(5), r.randrange(4)
    t, p = [], []
    for _ in range(n):
        y, f = value(r, s), value(r, sp)
        t.append(y)
        p.append(y if mode == 0 else y + f if mode == 1 else f)
    if not n:
        return {"truth": [], "pred": []}, {m: None for m in ("mape@1", "pearson@1", "spearman@1", "kendall@1", "max_error@1", "explained_variance@1", "mae@1", "mse@1", "rmse@1", "medae@1", "smape@1", "wape@1", "r2@1")}
    a, b = np.array(t), np.array(p)
    ft, fp = [F(x) for x in t], [F(x) for x in p]
    err = [F(float(y - f)) for y, f in zip(t, p)]
    w = {}
    w["mape@1"] = sk.mean_absolute_percentage_error(a, b) if all(t) else None
    w["mape@1 eps=0.5"] = sum(abs(e) / max(abs(y), F(1, 2)) for e, y in zip(err, ft)) / n
    w["max_error@1"] = sk.max_error(a, b)
    w["mae@1"], w["mse@1"] = sk.mean_absolute_error(a, b), sk.mean_squared_error(a, b)
    w["rmse@1"], w["medae@1"] = sk.root_mean_squared_error(a, b), sk.median_absolute_error(a, b)
    w["smape@1"] = sum(200 * abs(y - f) / (abs(y) + abs(f)) if y or f else F(0) for y, f in zip(ft, fp)) / n
    w["wape@1"] = sum(map(abs, err)) / sum(map(abs, ft)) if any(t) else None
    # of a truth that is far from 0 scikit-learn's sums lose digits
    mu = sum(ft) / n
    sst = sum((y - mu) ** 2 for y in ft)
    w["r2@1"] = 1 - sum(e * e for e in err) / sst if sst else None
    w["mase@1 scale=2.5"] = sk.mean_absolute_error(a, b) / 2.5
    w["rmsse@1 scale=2.5"] = sk.root_mean_squared_error(a, b) / 2.5
    for q in (0.5, 0.1):
        w[f"pinball@1 quantile={q}"] = sk.mean_pinball_loss(a, b, alpha=q)
    var = lambda x: sum(v * v for v in x) / n - (sum(x) / n) ** 2
    vy, vf = var(ft), var(fp)
    w["explained_variance@1"] = 1 - var(err) / vy if vy else None
    if vy and vf:
        c = sum(x * y for x, y in zip(ft, fp)) / n - sum(ft) * sum(fp) / n**2
        root = lambda x: F(math.isqrt(int(x * 2**240 * x.denominator**2) ), 1) / (2**120 * x.denominator) if x else F(0)
        w["pearson@1"] = c / root(vy * vf)
        w["spearman@1"] = st.spearmanr(a, b).statistic
        w["kendall@1"] = st.kendalltau(a, b, method="asymptotic").statistic if n > 2 else math.copysign(1, (t[0] - t[1]) * (p[0] - p[1]))
    else:
        w["pearson@1"] = w["spearman@1"] = w["kendall@1"] = None
    return {"truth": t, "pred": p}, w


def positive(r):
    n = size(r)
    z = lambda: r.choice([0.0, r.random(), 1.0, 100 * r.random(), float(r.randrange(9))])
    t, p = [z() for _ in range(n)], [z() for _ in range(n)]
    a, b = np.array(t), np.array(p)
    w = {}
    w["msle@1"] = sk.mean_squared_log_error(a, b) if n else None
    w["rmsle@1"] = sk.root_mean_squared_log_error(a, b) if n else None
    up = n and min(p) > 0
    # nothing is lost where 0 is predicted and 0 comes, of which scikit-learn has no value
    c, d = a[(a > 0) | (b > 0)], b[(a > 0) | (b > 0)]
    share = len(c) / n if n else 0
    mean = lambda f: None if not n or len(d) and min(d) == 0 else f() * share if len(d) else 0.0
    w["poisson_deviance@1"] = mean(lambda: sk.mean_poisson_deviance(c, d))
    w["gamma_deviance@1"] = sk.mean_gamma_deviance(a, b) if up and min(t) > 0 else None
    w["tweedie_deviance@1 power=1.5"] = mean(lambda: sk.mean_tweedie_deviance(c, d, power=1.5))
    return {"truth": t, "pred": p}, w


def bounds(r):
    n = size(r)
    t, lo, hi = [], [], []
    for _ in range(n):
        y, a, b = (float(r.randrange(5)) if r.random() < 0.5 else r.random() * 4 for _ in range(3))
        t.append(y)
        lo.append(min(a, b))
        hi.append(max(a, b))
    if n and r.random() < 0.05:
        lo[0] = hi[0] + 1
    ok = n and all(a <= b for a, b in zip(lo, hi))
    w = {}
    w["interval_coverage@1 upper=u"] = F(sum(a <= y <= b for y, a, b in zip(t, lo, hi)), n) if ok else None
    w["interval_width@1 upper=u"] = sum(F(b) - F(a) for a, b in zip(lo, hi)) / n if ok else None
    al = F(0.2)
    w["winkler@1 alpha=0.2 upper=u"] = sum(F(b) - F(a) + 2 / al * max(F(0), F(a) - F(y), F(y) - F(b)) for y, a, b in zip(t, lo, hi)) / n if ok else None
    return {"truth": t, "pred": lo, "upper": hi}, w


FAMILIES = {
    "classes": (classes, [SK]),
    "abstain": (abstain, ["rational arithmetic"]),
    "binary": (binary, [SK, "scipy"]),
    "multi": (multi, [SK]),
    "numbers": (numbers, [SK, "scipy"]),
    "positive": (positive, [SK]),
    "bounds": (bounds, ["rational arithmetic"]),
}
