"""References for fairness, tests and agreement: fairlearn, scipy, statsmodels,
scikit-posthocs, krippendorff, pingouin.

Deviations: groups without a true yes have no recall, where fairlearn gives 0.
"""
import warnings

import numpy as np

warnings.simplefilter("ignore")


def fairness(r):
    from fairlearn import metrics as fm

    n, k = r.choice([5, 20, 60]), r.choice([1, 2, 3])
    g = [r.randrange(k) for _ in range(n)]
    t = [int(r.random() < 0.5) for _ in range(n)]
    p = [x if r.random() < 0.7 else 1 - x for x in t]
    w = {m + " min_n=1": None for m in ("parity_difference@1", "parity_ratio@1", "equalized_odds@1", "equalized_odds_mean@1", "equal_opportunity@1", "worst_group_accuracy@1")}
    there = sorted(set(g))
    if len(there) > 1:
        w["parity_difference@1 min_n=1"] = fm.demographic_parity_difference(t, p, sensitive_features=g)
        w["parity_ratio@1 min_n=1"] = fm.demographic_parity_ratio(t, p, sensitive_features=g) if any(p) else 1.0
        f = fm.MetricFrame(metrics=lambda a, b: (np.array(a) == np.array(b)).mean(), y_true=t, y_pred=p, sensitive_features=g)
        w["worst_group_accuracy@1 min_n=1"] = f.group_min()
        whole = all(0 < sum(y for y, x in zip(t, g) if x == c) < g.count(c) for c in there)
        if whole:
            w["equalized_odds@1 min_n=1"] = fm.equalized_odds_difference(t, p, sensitive_features=g)
            w["equalized_odds_mean@1 min_n=1"] = fm.equalized_odds_difference(t, p, sensitive_features=g, agg="mean")
            w["equal_opportunity@1 min_n=1"] = fm.equal_opportunity_difference(t, p, sensitive_features=g)
        else:
            del w["equalized_odds@1 min_n=1"], w["equalized_odds_mean@1 min_n=1"], w["equal_opportunity@1 min_n=1"]
    return {"group": g, "truth": t, "pred": p}, w


def tests(r):
    from scipy import stats as st
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests

    b, c = r.randrange(30), r.randrange(30)
    m = r.choice([1, 2, 5, 12])
    p = [r.choice([r.random(), 0.04, r.random() ** 4]) for _ in range(m)]
    n = r.choice([1, 3, 10, 30])
    d = [r.choice([r.random() - 0.4, float(r.randrange(-2, 4))]) for _ in range(n)]
    k, rows = r.choice([3, 4, 6]), r.choice([2, 5, 10])
    s = [[r.choice([r.random(), float(r.randrange(3))]) for _ in range(k)] for _ in range(rows)]
    w = {"mcnemar": mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0}
    signs = [x for x in d if x]
    w["sign_test"] = float(st.binomtest(sum(x > 0 for x in signs), len(signs)).pvalue) if signs else 1.0
    w["holm"] = list(map(float, multipletests(p, method="holm")[1]))
    w["benjamini_hochberg"] = list(map(float, multipletests(p, method="fdr_bh")[1]))
    if any(d):
        x = st.wilcoxon(d, zero_method="wilcox", correction=False, method="asymptotic")
        w["wilcoxon_w"], w["wilcoxon_p"] = float(x.statistic), float(x.pvalue)
    if any(len(set(row)) > 1 for row in s):
        w["friedman"] = float(st.friedmanchisquare(*zip(*s)).statistic)
    return {"b": b, "c": c, "p": p, "d": d, "s": s}, w


def agreement(r):
    import krippendorff as kr
    import pandas as pd
    import pingouin as pg
    from statsmodels.stats.inter_rater import fleiss_kappa

    n, k = r.choice([2, 5, 12]), r.choice([2, 3, 4])
    x = [[r.randrange(1, 6) for _ in range(k)] for _ in range(n)]
    if r.random() < 0.7:
        for row in x:
            for j in range(1, k):
                if r.random() < 0.7:
                    row[j] = row[0]
    miss = [[None if r.random() < 0.1 else v for v in row] for row in x]
    w = {}
    data = np.array([[np.nan if v is None else v for v in row] for row in miss], float).T
    pairable = [v for row in miss if sum(q is not None for q in row) > 1 for v in row if v is not None]
    for level in ("nominal", "ordinal", "interval", "ratio"):
        w["krippendorff " + level] = float(kr.alpha(reliability_data=data, level_of_measurement=level)) if len(set(pairable)) > 1 else None
    counts = [[row.count(c) for c in range(1, 6)] for row in x]
    if len({v for row in x for v in row}) > 1:
        w["fleiss"] = float(fleiss_kappa(np.array(counts)))
    if n > 2 and r.random() < 0.2 and "fleiss" in w:
        from irrCAC.raw import CAC

        w["gwet"] = CAC(pd.DataFrame(x), weights="identity", categories=[1, 2, 3, 4, 5], digits=12).gwet()["est"]["coefficient_value"]
    if n > 2 and r.random() < 0.2:
        y = [[v + r.random() for v in row] for row in x]
        df = pd.DataFrame([(i, j, v) for i, row in enumerate(y) for j, v in enumerate(row)], columns=["t", "r", "v"])
        icc = pg.intraclass_corr(df, "t", "r", "v")["ICC"].tolist()
        w["icc"] = list(map(float, icc))
        return {"x": x, "miss": miss, "counts": counts, "y": y}, w
    return {"x": x, "miss": miss, "counts": counts}, w


FAMILIES = {
    "fairness": (fairness, ["fairlearn"]),
    "tests": (tests, ["scipy", "statsmodels"]),
    "agreement": (agreement, ["krippendorff", "pingouin", "statsmodels", "irrCAC"]),
}
