"""The WRMSSE of the M5 guide over levels of sums, in rational arithmetic: each level
is built as a dictionary of summed days, the root is the only step that rounds. No
library computes it from levels that a caller names."""
import itertools
import math
from fractions import Fraction as F

from common import value


def wrmsse(case, by, skip):
    levels = []
    for level in by.split(";"):
        groups = {}
        for i, s in enumerate(case):
            name = {"series": i, "total": 0}.get(level, tuple(s["ids"].get(x) for x in level.split(",")))
            groups.setdefault(name, []).append(s)
        of = []
        for g in groups.values():
            day = {}  # counted back from the last one known
            for s in g:
                for back, x in enumerate(reversed(s["past"])):
                    day[back] = day.get(back, 0) + F(x)
            sold = list(itertools.dropwhile(lambda x: x == 0, (day[b] for b in sorted(day, reverse=True))))
            naive = [(b - a) ** 2 for a, b in zip(sold, sold[1:])]
            errors = [sum(F(s["truth"][t]) - F(s["pred"][t]) for s in g) ** 2 for t in range(len(g[0]["truth"]))]
            if any(naive):
                scale = sum(naive) / len(naive)
                of.append((sum(F(s["weight"]) for s in g), math.sqrt(sum(errors) / len(errors) / scale)))
            elif not skip:
                return None
        weight = sum(w for w, _ in of)
        if not weight:
            return None
        levels.append(sum(w * F(r) for w, r in of) / weight)
    return sum(levels) / len(levels)


def levels(r):
    style, h, n = r.choice([0, 1, 1, 2, 3]), r.choice([1, 2, 4]), r.choice([1, 2, 3, 5, 8])
    v = lambda: value(r, style)
    case = []
    for _ in range(n):
        past = [0.0] * r.choice([0, 0, 2]) + [v() for _ in range(r.choice([1, 3, 6, 9]))]
        past = [7.0] * 3 if r.random() < 0.05 else past
        truth = [v() for _ in range(h)]
        pred = list(truth) if r.random() < 0.2 else [v() for _ in range(h)]
        ids = {"side": r.choice("ab"), "kind": r.choice(["x", "y", 'x"']), "deep": r.choice("st")}
        case.append({"weight": r.choice([0.0, 1.0, r.random()]), "past": past, "truth": truth, "pred": pred, "ids": ids})
    want = {}
    for by in ("total;series", "total;side;side,kind;series", r.choice(["kind", "deep,side,kind;side", "side;kind;deep;total"])):
        for skip in (False, True):
            want[f"wrmsse@1 by={by}" + " on_undefined=skip" * skip] = wrmsse(case, by, skip)
    return {"series": case}, want


FAMILIES = {"levels": (levels, ["rational arithmetic of M5's guide, by levels"])}
