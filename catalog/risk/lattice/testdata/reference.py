"""Reference for catalog/risk/lattice: every node of a small lattice, each class
counted from the rows, no pruning, no roll-up, no code shared with the product.
`python3 reference.py` writes golden.json beside it."""
import itertools, json, math, random
from collections import Counter, defaultdict

random.seed(7)
AGES = range(18, 90)
HIER = {
    "age": [[str(a), f"{a // 5 * 5}+", f"{a // 10 * 10}+", f"{a // 20 * 20}+", "*"] for a in AGES],
    "sex": [["F", "*"], ["M", "*"]],
    "area": [[a, r, "*"] for a, r in [("Futian", "in"), ("Nanshan", "in"), ("Luohu", "in"), ("Baoan", "out"), ("Dapeng", "out")]],
    "work": [[w, g, s, "*"] for w, g, s in [("nurse", "care", "public"), ("doctor", "care", "public"), ("teacher", "school", "public"),
                                            ("driver", "road", "trade"), ("courier", "road", "trade"), ("cook", "food", "trade")]],
}
NAMES = list(HIER)
rows = []
for _ in range(700):
    rows.append((str(min(89, max(18, int(random.gauss(45, 15))))), random.choice("FM"),
                 random.choices([l[0] for l in HIER["area"]], [6, 4, 3, 2, 1])[0], random.choice([l[0] for l in HIER["work"]]),
                 random.choices(["flu", "gout", "angina", "none"], [3, 1, 1, 5])[0]))
ILLS = sorted({r[4] for r in rows})
WHOLE = {v: sum(r[4] == v for r in rows) / len(rows) for v in ILLS}
LINE = {q: {l[0]: l for l in HIER[q]} for q in NAMES}
SAME = {q: [Counter(l[k] for l in HIER[q]) for k in range(len(HIER[q][0]))] for q in NAMES}


def search(k, limit, arithmetic=False, l=0, t=0):
    out = []
    for node in itertools.product(*(range(len(HIER[q][0])) for q in NAMES)):
        groups = defaultdict(list)
        for r in rows:
            groups[tuple(LINE[q][v][n] for q, v, n in zip(NAMES, r, node))].append(r)
        lost, out_rows, sizes = [0.0] * 4, 0, []
        for key, g in groups.items():
            p = {v: sum(r[4] == v for r in g) / len(g) for v in ILLS}
            bad = len(g) < k or len({r[4] for r in g}) < l or (t and sum(abs(p[v] - WHOLE[v]) for v in ILLS) / 2 > t)
            if bad:
                out_rows += len(g)
            else:
                sizes.append(len(g))
            for d, q in enumerate(NAMES):
                lost[d] += len(g) * (1 if bad else SAME[q][node[d]][key[d]] / len(HIER[q]))
        if out_rows > int(limit * len(rows)):
            continue
        share = [(x - len(rows) / len(HIER[q])) / (len(rows) - len(rows) / len(HIER[q])) for x, q in zip(lost, NAMES)]
        loss = sum(share) / 4 if arithmetic else math.prod(1 + x for x in share) ** 0.25 - 1
        out.append(dict(levels=list(node), loss=loss, suppressed=out_rows, rows=len(rows) - out_rows, classes=len(sizes),
                        k=min(sizes, default=0), largest=max(sizes, default=0)))
    out.sort(key=lambda n: (n["loss"], n["levels"]))
    return out[:10]


CASES = [dict(k=5, limit=0.05), dict(k=5, limit=0.05, arithmetic=True), dict(k=2, limit=0), dict(k=20, limit=0.1),
         dict(k=3, limit=0.1, l=3), dict(k=3, limit=0.1, t=0.307), dict(k=701, limit=0.5)]
with open("golden.json", "w") as f:
    json.dump(dict(hierarchies={q: "\n".join(";".join(l) for l in HIER[q]) for q in NAMES}, rows=rows,
                   cases=[dict(c, best=search(**c)) for c in CASES]), f, separators=(",", ":"))
    f.write("\n")
