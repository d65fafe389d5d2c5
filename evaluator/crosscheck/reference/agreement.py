"""References for fairness, tests and agreement: fairlearn, scipy, statsmodels,
scikit-posthocs, krippendorff, pingouin.

Deviations: groups without a true yes have no recall, where fairlearn gives 0.
"""
import functools
import warnings

import numpy as np

warnings.simplefilter("ignore")


def fairness(rs):
    """many cases at once: a MetricFrame takes 10 ms however few rows it has, and
    keeps apart what its control feature, here the number of the case, keeps apart.
    fairlearn's functions of these names build the same frame, and are asked too
    about one case of each batch."""
    from fairlearn import metrics as fm

    cases = []
    for r in rs:
        n, k = r.choice([5, 20, 60]), r.choice([1, 2, 3])
        g = [r.randrange(k) for _ in range(n)]
        t = [int(r.random() < 0.5) for _ in range(n)]
        p = [x if r.random() < 0.7 else 1 - x for x in t]
        cases.append((g, t, p))
    asked = [i for i, (g, _, _) in enumerate(cases) if len(set(g)) > 1]
    flat = lambda j: [v for i in asked for v in cases[i][j]]
    number = [i for i in asked for _ in cases[i][0]]
    rates = {"rate": fm.selection_rate, "tpr": fm.true_positive_rate, "fpr": fm.false_positive_rate, "accuracy": lambda a, b: (np.array(a) == np.array(b)).mean()}
    if asked:
        f = fm.MetricFrame(metrics=rates, y_true=flat(1), y_pred=flat(2), sensitive_features=flat(0), control_features=number)
        gap, ratio, worst = f.difference(), f.ratio(), f.group_min()
    names = ("parity_difference@1", "parity_ratio@1", "worst_group_accuracy@1", "equalized_odds@1", "equalized_odds_mean@1", "equal_opportunity@1")
    for i, (g, t, p) in enumerate(cases):
        case = {"group": g, "truth": t, "pred": p}
        if i not in asked:
            yield case, {m + " min_n=1": None for m in names}
            continue
        d = gap.loc[i]
        v = [d["rate"], ratio.loc[i]["rate"] if any(p) else 1.0, worst.loc[i]["accuracy"]]
        if all(0 < sum(y for y, x in zip(t, g) if x == c) < g.count(c) for c in set(g)):
            v += [max(d["tpr"], d["fpr"]), (d["tpr"] + d["fpr"]) / 2, d["tpr"]]
        if i == asked[0]:
            of = [fm.demographic_parity_difference, fm.demographic_parity_ratio, None, fm.equalized_odds_difference, lambda *a, **k: fm.equalized_odds_difference(*a, agg="mean", **k), fm.equal_opportunity_difference]
            for j, named in enumerate(of[: len(v)]):
                if named and (j != 1 or any(p)):
                    v[j] = named(t, p, sensitive_features=g)
        yield case, {m + " min_n=1": x for m, x in zip(names, v)}


fairness.batch = 200


@functools.cache
def critical(k):
    """the studentised range over √2, to the three decimals that are in print"""
    from scipy import stats as st

    return round(st.studentized_range.ppf(0.95, k, np.inf) / 2**0.5, 3)


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
    w["mcnemar_mid"] = 2 * st.binom.cdf(min(b, c), b + c, 0.5) - st.binom.pmf(b, b + c, 0.5)
    w["nemenyi"] = critical(k) * (k * (k + 1) / 6 / rows) ** 0.5
    signs = [x for x in d if x]
    w["sign_test"] = float(st.binomtest(sum(x > 0 for x in signs), len(signs)).pvalue) if signs else 1.0
    w["holm"] = list(map(float, multipletests(p, method="holm")[1]))
    w["benjamini_hochberg"] = list(map(float, multipletests(p, method="fdr_bh")[1]))
    if any(d):
        x = st.wilcoxon(d, zero_method="wilcox", correction=False, method="asymptotic")
        w["wilcoxon_w"], w["wilcoxon_p"] = float(x.statistic), float(x.pvalue)
    if any(len(set(row)) > 1 for row in s):
        w["friedman"] = float(st.friedmanchisquare(*zip(*s)).statistic)
        w["kendall_w@1"] = w["friedman"] / rows / (k - 1)
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
        w["krippendorff@1 level=" + level] = float(kr.alpha(reliability_data=data, level_of_measurement=level)) if len(set(pairable)) > 1 else None
    counts = [[row.count(c) for c in range(1, 6)] for row in x]
    if len({v for row in x for v in row}) > 1:
        w["fleiss@1 categories=5"] = float(fleiss_kappa(np.array(counts)))
    if n > 2 and r.random() < 0.2 and "fleiss@1 categories=5" in w:
        from irrCAC.raw import CAC

        w["gwet_ac1@1 categories=5"] = CAC(pd.DataFrame(x), weights="identity", categories=[1, 2, 3, 4, 5], digits=12).gwet()["est"]["coefficient_value"]
    if n > 2 and r.random() < 0.2:
        y = [[v + r.random() for v in row] for row in x]
        df = pd.DataFrame([(i, j, v) for i, row in enumerate(y) for j, v in enumerate(row)], columns=["t", "r", "v"])
        icc = pg.intraclass_corr(df, "t", "r", "v")["ICC"].tolist()
        for i, v in enumerate(icc):
            w[f"icc@1 form={i % 3 + 1} average={'yes' if i > 2 else 'no'}"] = float(v)
        return {"x": x, "miss": miss, "counts": counts, "y": y}, w
    return {"x": x, "miss": miss, "counts": counts}, w


FAMILIES = {
    "fairness": (fairness, ["fairlearn"]),
    "tests": (tests, ["scipy", "statsmodels"]),
    "agreement": (agreement, ["krippendorff", "pingouin", "statsmodels", "irrCAC"]),
}
