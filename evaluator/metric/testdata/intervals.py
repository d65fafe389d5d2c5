"""Writes intervals.json: 95 % intervals by plain writings of their published formulas.

    python3 intervals.py >intervals.json

delong: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837: the placements of
every positive among the negatives and of every negative among the positives, pair by
pair, in rational numbers. Two cases are patients with aneurysmal subarachnoid
haemorrhage (Turck et al., 2010) as the R package pROC has them (Robin et al., BMC
Bioinformatics 12 (2011) 77), whose manual prints an AUC of 0.7314 and 0.6301-0.8326
(DeLong) for s100b; pROC 1.19.1 gives the variances 0.0026686824571724378 for it and
0.0014699147088236264 for wfns. This script ends when it does not find them.

bootstrap: the Poisson bootstrap of boot.go, with every row counted as often as its
bucket is drawn, a thousand times, and the value of what is then there; the interval
lies between the 2.5 % and the 97.5 % of the sorted values.
"""
import hashlib
import json
import math
from fractions import Fraction as F

from golden import M, Rng

S100B = [13, 14, 10, 4, 13, 10, 47, 16, 18, 10, 12, 10, 44, 71, 4, 8, 49, 4, 7, 33, 9, 9, 7, 11, 7, 17, 7, 11,
         13, 19, 5, 16, 41, 14, 34, 35, 48, 9, 96, 25, 50, 46, 16, 7, 43, 45, 11, 8, 9, 86, 52, 8, 6, 13, 207, 10,
         14, 15, 7, 6, 77, 5, 9, 30, 3, 9, 4, 23, 70, 9, 27, 71, 8, 26, 8, 16, 9, 13, 10, 8, 11, 33, 11, 28,
         7, 10, 32, 22, 7, 5, 24, 38, 10, 15, 8, 14, 10, 7, 4, 19, 56, 14, 58, 32, 82, 74, 15, 47, 17, 44, 15, 50, 48]
WFNS = "11113254125255125225211112121134214541425511241125521251222151125214524414121421232421451154221113125225552445111"
POOR = "00001101001011001011101000000000100110110000000001100010001010011101101111000110100000010000000000001111110001000"


def delong(t, p):
    """the AUC, its variance and its interval"""
    pos, neg = [x for y, x in zip(t, p) if y], [x for y, x in zip(t, p) if not y]
    psi = lambda x, y: F((x > y) - (x < y) + 1, 2)
    v10 = [sum(psi(x, y) for y in neg) / len(neg) for x in pos]
    v01 = [sum(psi(x, y) for x in pos) / len(pos) for y in neg]
    auc = sum(v10) / len(pos)
    var = sum(sum((v - auc) ** 2 for v in vs) / (len(vs) - 1) / len(vs) for vs in (v10, v01))
    d = 1.959963984540054 * math.sqrt(var)
    return float(auc), float(var), max(0.0, float(auc) - d), min(1.0, float(auc) + d)


def poisson():
    """P(Poisson(1) <= k) as whole 2^-64, k from 0, in double precision as long as it is below 1"""
    out, p, total = [], math.exp(-1), 0.0
    for k in range(1, 16):
        total += p
        out.append(int(math.ldexp(total, 53)) << 11 & M)
        p /= k
    return out


def bootstrap(seed, keys, value):
    """the interval of value(how often each row counts)"""
    h = hashlib.sha256(b"aihub bootstrap 1\n" + seed.encode()).digest()
    bucket = []
    for key in keys:
        x = 14695981039346656037  # FNV-1a
        for c in key.encode():
            x = (x ^ c) * 1099511628211 & M
        bucket.append(Rng((x ^ int.from_bytes(h[:8], "little")) - 0x9E3779B97F4A7C15).next() % 4096)
    draw, below = Rng(int.from_bytes(h[8:16], "little")), poisson()
    values = []
    for _ in range(1000):
        counts = [sum(u >= c for c in below) for u in (draw.next() for _ in range(4096))]
        values.append(value([counts[b] for b in bucket]))
    values.sort()
    at = lambda permille: values[(999 * permille + 500) // 1000]
    return at(25), at(975)


def accuracy(t, p):
    return lambda w: sum(n for n, a, b in zip(w, t, p) if a == b) / sum(w)


def macro_f1(t, p):
    def value(w):
        total = 0.0
        for k in range(3):
            hit = sum(n for n, a, b in zip(w, t, p) if a == b == k)
            both = sum(n * ((a == k) + (b == k)) for n, a, b in zip(w, t, p))
            total += 2 * hit / both
        return total / 3

    return value


def mae(t, p):
    return lambda w: math.fsum(n * abs(a - b) for n, a, b in zip(w, t, p)) / sum(w)


def brier(t, p):
    return lambda w: math.fsum(n * (a - b) ** 2 for n, a, b in zip(w, t, p)) / sum(w)


if __name__ == "__main__":
    poor = [int(c) for c in POOR]
    assert len(S100B) == len(poor) == 113 and sum(poor) == 41
    cases = []
    for scores, value, var in ((S100B, 0.73136856368563685, 0.0026686824571724378), ([int(c) for c in WFNS], 0.82367886178861793, 0.0014699147088236264)):
        assert len(scores) == 113
        v = delong(poor, scores)
        assert math.isclose(v[0], value, rel_tol=1e-12) and math.isclose(v[1], var, rel_tol=1e-10), v
        cases.append({"truth": poor, "score": scores, "auc": v[0], "lo": v[2], "hi": v[3]})
    assert [f"{cases[0][k]:.4f}" for k in ("auc", "lo", "hi")] == ["0.7314", "0.6301", "0.8326"]
    r = Rng(5)
    for i in range(30):
        n, ties = 4 + r.below(90), 1 + r.below(40)
        t = [0, 0, 1, 1] + [r.below(2) for _ in range(n)]
        p = [(r.below(ties) + y * r.below(ties)) / 64 for y in t]
        v = delong(t, p)
        cases.append({"truth": t, "score": p, "auc": v[0], "lo": v[2], "hi": v[3]})
    drawn = []
    for seed, n in (("round 1", 600), ("轮次", 1500)):
        t = [r.below(3) for _ in range(n)]
        p = [y if r.below(4) else r.below(3) for y in t]
        x = [r.below(1 << 20) / 1024 - 512 for _ in range(n)]
        y = [a + (r.below(1 << 12) / 4096 - 0.5) * r.below(9) for a in x]
        one = [c % 2 for c in t]
        q = [(c + r.below(1024)) / 2048 for c in one]
        keys = [f"row {seed} {i}" for i in range(n)]
        c = {"seed": seed, "keys": f"row {seed} ", "truth": t, "pred": p, "x": x, "y": y, "one": one, "q": q, "of": {}}
        for use, value in (("accuracy@1", accuracy(t, p)), ("f1@1", macro_f1(t, p)), ("mae@1", mae(x, y)), ("brier@1", brier(one, q))):
            v = value([1] * n)
            lo, hi = bootstrap(seed, keys, value)
            c["of"][use] = [v, min(lo, v), max(hi, v)]
        drawn.append(c)
    print(json.dumps({"delong": cases, "bootstrap": drawn}, separators=(",", ":"), ensure_ascii=False))
