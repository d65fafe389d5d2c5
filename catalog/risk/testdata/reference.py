"""Reference for catalog/risk: every measure by brute force over rows, sharing no
code with the product. `python3 reference.py` writes people.csv and golden.json."""
import csv, itertools, json, math, random
from collections import Counter, defaultdict
from fractions import Fraction

random.seed(20260301)
AREAS = ["Futian", "Nanshan", "Luohu", "Baoan"]
ILLS = ["flu", "asthma", "gout", "angina", "none"]
rows = []
for i in range(240):
    age = min(89, max(18, int(random.gauss(45, 16))))
    rows.append(dict(age=age, band=f"{age // 10 * 10}-{age // 10 * 10 + 9}", sex=random.choice("FM"),
                     area=random.choices(AREAS, [5, 3, 2, 1])[0], ill=random.choices(ILLS, [4, 2, 1, 1, 6])[0],
                     income=random.choice([3000, 5000, 8000, 12000, 20000]),
                     noisy=round(age + random.gauss(0, 6), 2), exact=float(age),
                     part=random.choices(["sample", "train", "test"], [2, 5, 3])[0]))
# masked areas: some rows have another one
for r in rows:
    r["shown"] = r["area"] if random.random() < 0.8 else random.choice(AREAS)
with open("people.csv", "w", newline="") as f:
    w = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
    w.writeheader()
    w.writerows(rows)

QUASI = ["band", "sex", "area"]
groups = defaultdict(list)
for r in rows:
    groups[tuple(r[q] for q in QUASI)].append(r)


def diversity(col, l, groups=groups):
    order = sorted({r[col] for r in rows})
    q = {v: sum(r[col] == v for r in rows) / len(rows) for v in order}
    out = dict(distinct=10**9, entropy=1e9, recursive=0.0, equal=0.0, ordered=0.0)
    for g in groups.values():
        p = {v: sum(r[col] == v for r in g) / len(g) for v in order}
        n = sorted((sum(r[col] == v for r in g) for v in order if p[v]), reverse=True)
        out["distinct"] = min(out["distinct"], len(n))
        out["entropy"] = min(out["entropy"], math.exp(-sum(x * math.log(x) for x in p.values() if x)))
        out["recursive"] = max(out["recursive"], n[0] / sum(n[l - 1:]) if len(n) >= l else math.inf)
        out["equal"] = max(out["equal"], sum(abs(p[v] - q[v]) for v in order) / 2)
        walk = [abs(sum(p[v] - q[v] for v in order[:i + 1])) for i in range(len(order))]
        out["ordered"] = max(out["ordered"], sum(walk) / (len(order) - 1))
    if math.isinf(out["recursive"]):
        out["recursive"] = 0
    return out


def attack(published, known):
    mine = [[r for r in g if r["part"] in published] for g in groups.values()]
    theirs = [[r for r in g if r["part"] in known] for g in groups.values()]
    pairs = [(len(a), len(b)) for a, b in zip(mine, theirs) if a]
    n = sum(a for a, _ in pairs)
    marketer = sum(a / b for a, b in pairs) / n
    return dict(rows=n, population=sum(map(len, theirs)), prosecutor=max(1 / a for a, _ in pairs), prosecutor_average=len(pairs) / n,
                journalist=max(1 / b for _, b in pairs), journalist_average=max(len(pairs) / sum(b for _, b in pairs), marketer),
                marketer=marketer, presence_least=min(a / b for a, b in pairs), presence_most=max(a / b for a, b in pairs))


sizes = Counter(len(g) for g in groups.values())
fine = Counter(Counter((r["age"], r["sex"], r["area"]) for r in rows).values())


def zayatz(hist, N):
    """Exact rational arithmetic."""
    n, c = sum(s * k for s, k in hist.items()), sum(hist.values())
    one = lambda s: Fraction(s * math.comb(N - s, n - 1), math.comb(N, n))
    cond = Fraction(hist[1], c) * one(1) / sum(Fraction(k, c) * one(s) for s, k in hist.items())
    return float(hist[1] * cond * N / n)


def pitman(hist, N):
    """Maximises the likelihood itself, sum by sum, on a grid that narrows."""
    n, u = sum(s * k for s, k in hist.items()), sum(hist.values())

    def like(t, a):
        return (sum(math.log(t + i * a) for i in range(1, u)) - sum(math.log(t + i) for i in range(1, n))
                + sum(k * sum(math.log(i - a) for i in range(1, s)) for s, k in hist.items()))
    (tl, th), (al, ah) = (-4.0, 14.0), (0.005, 0.995)
    for _ in range(60):
        grid = [(like(math.exp(tl + (th - tl) * i / 12), al + (ah - al) * j / 12), tl + (th - tl) * i / 12, al + (ah - al) * j / 12)
                for i in range(13) for j in range(13)]
        _, t, a = max(grid)
        wt, wa = (th - tl) * 0.35, (ah - al) * 0.35
        tl, th, al, ah = t - wt, t + wt, max(0.005, a - wa), min(0.995, a + wa)
    t = math.exp(t)
    return math.exp(math.lgamma(t + 1) - math.lgamma(t + a)) * N ** a, t, a


def link(pairs):
    """pairs: (raw column, masked column, whether numbers)."""
    n = len(rows)
    cols = []
    for rc, mc, numeric in pairs:
        raw, msk = [r[rc] for r in rows], [r[mc] for r in rows]
        if numeric:
            e = [b - a for a, b in zip(raw, msk)]
            sd = math.sqrt(sum(x * x for x in e) / n - (sum(e) / n) ** 2)
            cols.append(lambda i, j, raw=raw, msk=msk, sd=sd: -((msk[j] - raw[i]) / sd) ** 2 / 2)
        else:
            def weight(i, j, raw=raw, msk=msk):
                others = [k for k in range(n) if k != i]
                nr = sum(raw[k] == raw[i] for k in others)
                nm = sum(msk[k] == msk[j] for k in others)
                both = sum(raw[k] == raw[i] and msk[k] == msk[j] for k in others)
                return math.log(((both * (n - 1) / nm if both else 0) + 1) / (nr + 1))
            cols.append(weight)
    total = 0.0
    for i in range(n):
        memo = {}
        def score(j):
            key = tuple(rows[j][mc] for _, mc, _ in pairs)
            if key not in memo:
                memo[key] = sum(f(i, j) for f in cols)
            return memo[key]
        s = [score(j) for j in range(n)]
        top = max(s)
        if s[i] >= top - 1e-9:
            total += 1 / sum(x >= s[i] - 1e-9 for x in s)
    return total / n


by_sex = {x: [r for r in rows if r["sex"] == x] for x in "FM"}
tail = {1: 300, 2: 80, 3: 40, 4: 25, 6: 15, 10: 8, 25: 4, 80: 2, 200: 1}  # classes by size
sample = [r for r in rows if r["part"] == "sample"]
train = Counter(tuple(r[q] for q in QUASI) for r in rows if r["part"] == "train")
mine = Counter(tuple(r[q] for q in QUASI) for r in sample)
golden = dict(
    sizes={str(s): k for s, k in sorted(sizes.items())},
    ill=diversity("ill", 2), ill_by_sex=diversity("ill", 3, by_sex), income=diversity("income", 3),
    attack=attack({"sample"}, {"sample", "train", "test"}), itself=attack({"sample"}, {"sample"}),
    overlap=[sum(train[tuple(r[q] for q in QUASI)] > 0 for r in sample),
             sum(train[k] == 1 and v == 1 for k, v in mine.items())],
    tail={str(s): k for s, k in tail.items()},
    fine={str(s): k for s, k in sorted(fine.items())},
    zayatz={str(N): zayatz(fine, N) for N in (300, 1000, 100000)},
    pitman={str(N): pitman(tail, N)[0] for N in (20000, 100000, 17000000)},
    link_class=link([("band", "band", False), ("sex", "sex", False), ("area", "area", False)]),
    link_changed=link([("band", "band", False), ("area", "shown", False)]),
    link_noise=link([("exact", "noisy", True), ("sex", "sex", False)]),
)
with open("golden.json", "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
