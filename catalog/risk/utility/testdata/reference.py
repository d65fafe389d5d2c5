"""Reference for catalog/risk/utility, plain sums over rows.
`python3 reference.py` writes pairs.csv and golden.json."""
import csv, json, math, random
from collections import Counter

random.seed(11)
rows = []
for i in range(300):
    age = random.randint(18, 90)
    area = random.choices("ABCD", [5, 3, 2, 1])[0]
    ill = random.choices(["flu", "gout", "none"], [3, 1 + age / 40, 4])[0]
    rows.append(dict(age=age, age_m=f"{age // 20 * 20}", pay=round(random.lognormvariate(8, .5) + 30 * age, 2), pay_m=0,
                     area=area, area_m=area if random.random() < .8 else random.choice("ABCD"), ill=ill, ill_m=ill))
for r in rows:
    r["pay_m"] = round(r["pay"] + random.gauss(0, 900), 2)
with open("pairs.csv", "w", newline="") as f:
    w = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
    w.writeheader()
    w.writerows(rows)
N = len(rows)
H = lambda xs: -sum(c / N * math.log(c / N) for c in Counter(xs).values())


def decile(xs):
    s, cuts = sorted(xs), []
    for i in range(1, 10):
        if not cuts or s[i * N // 10] > cuts[-1]:
            cuts.append(s[i * N // 10])
    return lambda v: sum(c <= v for c in cuts)


def spread(x, y):
    """Rows of each class of whole numbers, evenly over their span."""
    out = [0] * N
    for m in set(y):
        at = [i for i in range(N) if y[i] == m]
        lo, hi = min(x[i] for i in at), max(x[i] for i in at)
        for n, i in enumerate(at):
            out[i] = lo + math.floor((hi - lo + 1) * ((n + .5) / len(at)))
    return out


def column(name, same, numbers, general=False):
    x, y = [r[name] for r in rows], [r[name + "_m"] for r in rows]
    out = dict(name=name, kept=(H(x) + H(y) - H(list(zip(x, y)))) / H(x), same_type=same, total_variation=0.0, jensen_shannon=0.0)
    if general:
        out["spread"], y = True, spread(x, y)
    if same or general:
        a, b = x, y
        if numbers:
            d = decile(x)
            a, b = [d(v) for v in x], [d(v) for v in y]
            mean = sum(x) / N
            sd = math.sqrt(sum((v - mean) ** 2 for v in x) / N)
            out["wasserstein"] = sum(abs(u - v) for u, v in zip(sorted(x), sorted(y))) / N / sd
        p, q = Counter(a), Counter(b)
        for v in p | q:
            s, t = p[v] / N, q[v] / N
            out["total_variation"] += abs(s - t) / 2
            out["jensen_shannon"] += sum(w * math.log2(w / ((s + t) / 2)) / 2 for w in (s, t) if w)
    return out


def binned(xs):
    if len(set(xs)) <= 50:
        return xs
    d = decile(xs)  # only numbers have as many here
    return [d(v) for v in xs]


def cramer(x, y):
    t, p, q = Counter(zip(x, y)), Counter(x), Counter(y)
    chi = sum((t[a, b] - p[a] * q[b] / N) ** 2 / (p[a] * q[b] / N) for a in p for b in q)
    return math.sqrt(chi / N / (min(len(p), len(q)) - 1))


def fold(seed, i):
    M = 2**64 - 1
    x = (seed + (i + 1) * 0x9e3779b97f4a7c15) & M
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & M
    x = (x ^ x >> 27) * 0x94d049bb133111eb & M
    return (x ^ x >> 31) % 5


def bayes(suffix, seed):
    cols = {n: binned([r[n + suffix] for r in rows]) for n in ("age", "pay", "area")}
    # the codes that a column may have, those without rows included
    wide = {n: (11 if len(set(r[n + suffix] for r in rows)) > 50 else len(set(v))) for n, v in cols.items()}
    right = 0
    labels = list(dict.fromkeys(r["ill"] for r in rows))
    for i in range(N):
        train = [j for j in range(N) if fold(seed, j) != fold(seed, i)]
        score = {}
        for y in labels:
            mine = [j for j in train if rows[j]["ill"] == y]
            score[y] = math.log(len(mine) + 1) + sum(math.log((sum(c[j] == c[i] for j in mine) + 1) / (len(mine) + wide[n])) for n, c in cols.items())
        right += max(labels, key=lambda y: score[y]) == rows[i]["ill"]
    return right / N


names = ["age", "pay", "area", "ill"]
pairs = [(a, b) for k, b in enumerate(names) for a in names[:k]]
change = {(a, b): abs(cramer(binned([r[a + "_m"] for r in rows]), binned([r[b + "_m"] for r in rows]))
                      - cramer(binned([r[a] for r in rows]), binned([r[b] for r in rows]))) for a, b in pairs}
worst = max(change, key=change.get)
with open("golden.json", "w") as f:
    json.dump(dict(rows=N, columns=[column("age", False, True, True), column("pay", True, True), column("area", True, False), column("ill", True, False)],
                   relation=dict(pairs=len(pairs), change=math.sqrt(sum(v * v for v in change.values()) / len(pairs)), largest=change[worst], a=worst[0], b=worst[1]),
                   baseline=[dict(truth="ill", folds=5, majority=max(Counter(r["ill"] for r in rows).values()) / N, before=bayes("", 42), after=bayes("_m", 42))]),
              f, indent=1)
    f.write("\n")
