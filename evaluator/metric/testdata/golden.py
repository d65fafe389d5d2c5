"""Writes golden.csv: what scikit-learn, or plain rational arithmetic where
scikit-learn has no such metric, says about generated cases.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python golden.py > golden.csv

The cases themselves are not in the file: golden_test.go makes the same ones
from the same seeds, with splitmix64 and exact binary fractions only.

Where we deviate from scikit-learn, on purpose (the reference value is then
replaced below, never skipped):
  n = 0                undefined; scikit-learn raises
  one class in AUC     undefined; scikit-learn warns and returns nan
  mcc, constant side   0 and degenerate; scikit-learn returns 0
  r2, constant truth   undefined; scikit-learn returns 1 or 0 (nan for n < 2)
  wape, zero truth     undefined; not in scikit-learn
  overflow             undefined; scikit-learn returns inf
  r2, underflow        undefined when every square of the truth underflows to 0
  r2, wape, smape      rational arithmetic: scikit-learn's float sums lose
                       digits for large offsets, and it has no WAPE or sMAPE
  f1                   labels= the declared classes, zero_division=0:
                       scikit-learn's default label set depends on predictions
  log loss             eps is declared and clipped here by the reference side;
                       scikit-learn takes eps from the dtype
"""
import math
import sys
import warnings
from fractions import Fraction as F

import numpy as np
from sklearn import metrics as sk

warnings.simplefilter("ignore")
M = (1 << 64) - 1


class Rng:  # Steele, Lea and Flood's splitmix64
    def __init__(self, seed):
        self.s = seed & M

    def next(self):
        self.s = (self.s + 0x9E3779B97F4A7C15) & M
        z = self.s
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M
        return z ^ z >> 31

    def below(self, n):
        return (self.next() >> 11) % n

    def unit(self):
        return (self.next() >> 11) * 2.0**-53


SIZES = [0, 1, 2, 3, 5, 10, 40, 120]


def size(r):
    return SIZES[r.below(len(SIZES))]


def classes(r):
    """truth and prediction as class indices, and the number of classes"""
    n, k = size(r), 2 + r.below(6)
    kt, kp = 1 + r.below(k), 1 + r.below(k)  # classes that occur at most
    noise = r.below(5)
    t, p = [], []
    for _ in range(n):
        y = r.below(kt)
        t.append(y)
        p.append(y if r.below(4) >= noise else r.below(kp))
    return t, p, k


def prob(r, style):
    if style == 0:
        return r.unit()
    if style == 1:
        return r.below(5) / 4.0  # many ties, exact 0 and 1
    if style == 2:
        return 0.5
    if style == 3:
        return float(np.float32(r.unit()))
    return [0.0, 1.0, 2.0**-60, 1 - 2.0**-53, 2.0**-53, 0.25][r.below(6)]


def binary(r):
    n, style, mode = size(r), r.below(5), r.below(6)
    t, p = [], []
    for _ in range(n):
        y = 0 if mode == 0 else 1 if mode == 1 else r.below(2)
        x = prob(r, style)
        if mode == 2 and y == 1:
            x = max(x, prob(r, style))
        t.append(y)
        p.append(x)
    return t, p


def multi(r):
    """one row of probabilities per truth: multiples of 2^-20 that sum to 1"""
    n, k = size(r), 3 + r.below(3)
    t, rows = [], []
    for _ in range(n):
        t.append(r.below(k))
        left, row = 1 << 20, []
        for _ in range(k - 1):
            x = [0, left, r.below(left + 1), r.below(left + 1)][r.below(4)]
            row.append(x)
            left -= x
        row.append(left)
        rows.append([x * 2.0**-20 for x in row])
    return t, rows, k


def value(r, style):
    u = r.unit()
    if style == 0:
        return u
    if style == 1:
        return float(r.below(7)) - 3
    if style == 2:
        return 1048576.0 + u
    if style == 3:
        return (u - 0.5) * 2.0 ** (r.below(80) - 40)
    if style == 4:
        return [0.0, 1e300, -1e300, 1e-300, 1.0, -1.0][r.below(6)]
    return 7.0


def numbers(r):
    n, st, sp, mode = size(r), r.below(6), r.below(6), r.below(4)
    t, p = [], []
    for _ in range(n):
        y = value(r, st)
        f = value(r, sp)
        t.append(y)
        p.append(y if mode == 0 else y + f if mode == 1 else f)
    return t, p


def show(v):
    if v is None:
        return "u"
    v = float(v)
    if math.isnan(v):
        raise ValueError("the reference gave nan")
    if math.isinf(v):
        return "u"
    return repr(v)


def class_case(r):
    t, p, k = classes(r)
    if not t:
        return [None] * 6
    lab = list(range(k))
    f = [sk.f1_score(t, p, labels=lab, average=a, zero_division=0) for a in ("macro", "micro", "weighted")]
    return [sk.accuracy_score(t, p), sk.balanced_accuracy_score(t, p), *f, sk.matthews_corrcoef(t, p)]


EPS = 2.0**-52


def binary_case(r):
    t, p = binary(r)
    if not t:
        return [None] * 3
    one_class = len(set(t)) < 2
    auc = None if one_class else sk.roc_auc_score(t, p)
    a = np.array(p)
    q = np.clip(np.stack([1 - a, a], axis=1), EPS, 1 - EPS)
    return [auc, sk.log_loss(t, q, labels=[0, 1]), sk.brier_score_loss(t, p, labels=[0, 1], pos_label=1)]


def multi_case(r):
    t, rows, k = multi(r)
    if not t:
        return [None] * 2
    q = np.array(rows)
    lab = list(range(k))
    return [
        sk.log_loss(t, np.clip(q, EPS, 1 - EPS), labels=lab),
        sk.brier_score_loss(t, q, labels=lab, scale_by_half=False),
    ]


def number_case(r):
    t, p = numbers(r)
    if not t:
        return [None] * 7
    a, b = np.array(t), np.array(p)
    mae = sk.mean_absolute_error(a, b)
    mse = sk.mean_squared_error(a, b)
    rmse = sk.root_mean_squared_error(a, b)
    medae = sk.median_absolute_error(a, b)
    ft, fp = [F(x) for x in t], [F(x) for x in p]
    n = len(t)
    smape = sum((200 * abs(y - f) / (abs(y) + abs(f)) if y or f else F(0)) for y, f in zip(ft, fp)) / n
    den = sum(map(abs, ft))
    wape = sum(abs(y - f) for y, f in zip(ft, fp)) / den if den else None
    mu = sum(ft) / n
    sst = sum((y - mu) ** 2 for y in ft)
    r2 = 1 - sum((y - f) ** 2 for y, f in zip(ft, fp)) / sst if sst else None
    if math.isinf(mse):
        mse = rmse = None
    if mse is None or max(map(abs, t)) > 1e150:
        r2 = None  # a square overflows
    if sst < F(1e-290):
        r2 = None  # squares underflow

    def fl(x):
        try:
            return None if x is None else float(x)
        except OverflowError:
            return None

    return [mae, mse, rmse, medae, fl(smape), fl(wape), fl(r2)]


FAMILIES = [("class", class_case), ("binary", binary_case), ("multi", multi_case), ("number", number_case)]

if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    import sklearn

    print(f"# golden.py, scikit-learn {sklearn.__version__}, numpy {np.__version__}; u is undefined")
    for name, case in FAMILIES:
        for i in range(count):
            seed = Rng(i * 4 + [f for f, _ in FAMILIES].index(name)).next()
            print(name, i, *map(show, case(Rng(seed))), sep=",")
