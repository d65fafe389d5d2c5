"""References for rankings, labels, links and clusters: trec_eval (pytrec_eval),
scikit-learn, and a few lines of NumPy or SciPy for links, MUC, B-cubed and CEAF-e
(the coval of the package index is another program).

Deviations: queries without a relevant document count 0 as in trec_eval -c, but
a run in which no query has one is undefined; two empty label sets have Jaccard
1, where scikit-learn gives 0; a NaN score is undefined, where PyKEEN lets it
win; pairs and MUC are undefined when all items of one side are alone.
"""
import math
import warnings
from fractions import Fraction as F

import numpy as np

warnings.simplefilter("ignore")


def runs(r):
    import pytrec_eval

    qrel, run = {}, {}
    for q in range(r.choice([1, 1, 2, 4])):
        docs = ["d%d" % i for i in range(r.choice([1, 3, 8, 20]))]
        judged = [d for d in docs if r.random() < 0.7] or docs[:1]
        qrel["q%d" % q] = {d: r.choice([-1, 0, 0, 1, 1, 2, 3]) for d in judged}
        if max(qrel["q%d" % q].values()) < 0:  # trec_eval ends the process
            qrel["q%d" % q][judged[0]] = 0
        grain = r.choice([2, 8, 1 << 20])
        run["q%d" % q] = {d: r.randrange(grain) / grain for d in docs if r.random() < 0.9}
    names = {"map@1": "map", "mrr@1": "recip_rank", "r_precision@1": "Rprec", "bpref@1": "bpref", "ndcg@1 k=5": "ndcg_cut_5", "ndcg@1 k=0": "ndcg",
             "precision_at_k@1 k=5": "P_5", "recall_at_k@1 k=5": "recall_5", "success_at_k@1 k=5": "success_5"}
    ev = pytrec_eval.RelevanceEvaluator(qrel, {"map", "recip_rank", "Rprec", "bpref", "ndcg", "ndcg_cut.5", "P.5", "recall.5", "success.5"})
    res = ev.evaluate({q: d for q, d in run.items() if d})
    some = any(v > 0 for d in qrel.values() for v in d.values())
    w = {}
    # the expected reciprocal rank and rank-biased precision are none of trec_eval's
    err = rbp = F(0)
    for q, judged in qrel.items():
        on = F(1)
        ids = sorted(run[q], key=lambda d: (run[q][d], d), reverse=True)
        for i, d in enumerate(ids):
            g = max(0, judged.get(d, 0))
            rbp += F(0.2) * F(0.8) ** i * (g > 0)
            if i < 5:
                stop = F(2**g - 1, 8)
                err += on * stop / (i + 1)
                on *= 1 - stop
    w["err@1 max_grade=3 k=5"], w["rbp@1 persistence=0.8"] = (x / len(qrel) if some else None for x in (err, rbp))
    for use, k in names.items():
        v = [res.get(q, {}).get(k, 0.0) for q in qrel]
        w[use] = sum(v) / len(v) if some else None
    return {"rel": [qrel[q] for q in qrel], "docs": [run[q] for q in qrel]}, w


def labels(r):
    from sklearn import metrics as sk

    n, k = r.choice([1, 2, 5, 20]), r.choice([2, 3, 6])
    t = [[int(r.random() < 0.4) for _ in range(k)] for _ in range(n)]
    p = [[x if r.random() < 0.7 else 1 - x for x in row] for row in t]
    g = r.choice([3, 1 << 20])
    s = [[r.randrange(g) / g for _ in row] for row in t]
    a, b, c = map(np.array, (t, p, s))
    jac = [1.0 if not (x | y).any() else (x & y).sum() / (x | y).sum() for x, y in zip(a, b)]
    return {"truth": t, "pred": p, "score": s}, {
        "hamming_loss@1": sk.hamming_loss(a, b), "subset_accuracy@1": sk.accuracy_score(a, b), "multilabel_jaccard@1": sum(jac) / n,
        "lrap@1": sk.label_ranking_average_precision_score(a, c), "coverage_error@1": sk.coverage_error(a, c), "label_ranking_loss@1": sk.label_ranking_loss(a, c),
        "label_map@1": np.mean([sk.average_precision_score(a[:, j], c[:, j]) for j in range(k) if a[:, j].any()]) if a.any() else None,
    }


def links(r):
    n = r.choice([1, 2, 5, 20])
    true, others = [], []
    g = r.choice([1, 3, 1 << 20])
    for _ in range(n):
        true.append(r.randrange(g) / g)
        others.append([r.randrange(g) / g for _ in range(r.choice([0, 1, 5, 30]))])
    if r.random() < 0.05:
        true[0] = None  # NaN
    strata = [r.choice(["1-1", "1-N", "N-1"]) for _ in true]
    w = {}
    for ties in ("realistic", "optimistic", "pessimistic"):
        rank = []
        for s, o in zip(true, others):
            o = np.array(o)
            opt = 1 + (o > (s or 0)).sum()
            pess = 1 + (o >= (s or 0)).sum()
            rank.append({"realistic": (opt + pess) / 2, "optimistic": opt, "pessimistic": pess}[ties])
        rank = np.array(rank, float)
        e = np.mean([(len(o) + 2) / 2 for o in others])
        bad = None in true
        v = {"link_mrr@1": np.mean(1 / rank), "link_mr@1": rank.mean(), "link_hits@1": (rank <= 3).mean(),
             "link_gmr@1": math.exp(np.log(rank).mean()), "link_amri@1": 1 - (rank.mean() - 1) / (e - 1) if e > 1 else None,
             "link_amr@1": rank.mean() / e, "link_median_rank@1": np.median(rank)}
        # adjusted for chance: what a rank drawn among the candidates would give
        hit, rr = (np.mean([np.mean(f(np.arange(1, len(o) + 2))) for o in others]) for f in (lambda x: x <= 3, lambda x: 1 / x))
        v["link_adjusted_hits@1"] = (v["link_hits@1"] - hit) / (1 - hit) if hit < 1 else None
        v["link_adjusted_mrr@1"] = (v["link_mrr@1"] - rr) / (1 - rr) if rr < 1 else None
        each = [[i for i, s in enumerate(strata) if s == name] for name in sorted(set(strata))]
        v["link_mrr_strata@1"] = np.mean([np.mean(1 / rank[i]) for i in each])
        v["link_hits_strata@1"] = np.mean([np.mean(rank[i] <= 3) for i in each])
        for k, x in v.items():
            w[f"{k} k=3 ties={ties}"] = None if bad else x
    return {"true": true, "others": others, "stratum": strata}, w


def clusters(r):
    from scipy.optimize import linear_sum_assignment
    from sklearn import metrics as sk

    n = r.choice([1, 2, 3, 6, 15, 40])
    a = [r.randrange(r.choice([1, 3, n])) for _ in range(n)]
    b = [x if r.random() < 0.6 else r.randrange(r.choice([1, 3, n])) for x in a]
    mode = r.randrange(8)
    if mode == 0:
        b = list(a)
    if mode == 1:
        b = list(range(n))
    w = {"ari@1": sk.adjusted_rand_score(a, b), "nmi@1": sk.normalized_mutual_info_score(a, b), "ami@1": sk.adjusted_mutual_info_score(a, b),
         "v_measure@1": sk.v_measure_score(a, b), "homogeneity@1": sk.homogeneity_score(a, b), "completeness@1": sk.completeness_score(a, b)}
    (_, fp), (fn, tp) = sk.pair_confusion_matrix(a, b)
    w["er_pairwise_precision@1"] = tp / (tp + fp) if tp + fp and tp + fn else None
    w["er_pairwise_recall@1"] = tp / (tp + fn) if tp + fp and tp + fn else None
    w["er_pairwise_f1@1"] = 2 * tp / (2 * tp + fp + fn) if tp + fp and tp + fn else None
    key = [[i for i in range(n) if a[i] == c] for c in sorted(set(a))]
    sys = [[i for i in range(n) if b[i] == c] for c in sorted(set(b))]
    K, S = [set(c) for c in key], [set(c) for c in sys]
    b3 = lambda A, B: (sum(len(x & y) ** 2 / len(x) for x in A for y in B), n)
    muc = lambda A, B: (sum(len(x) - sum(bool(x & y) for y in B) for x in A), sum(len(x) - 1 for x in A))
    phi = np.array([[2 * len(x & y) / (len(x) + len(y)) for y in S] for x in K])
    best = phi[linear_sum_assignment(-phi)].sum()

    def f(num_p, den_p, num_r, den_r):
        if not den_p or not den_r:
            return None
        p, q = num_p / den_p, num_r / den_r
        return 2 * p * q / (p + q) if p + q else 0.0

    w["b_cubed_f1@1"] = f(*b3(S, K), *b3(K, S))
    w["muc_f1@1"] = f(*muc(S, K), *muc(K, S))
    w["ceaf_e_f1@1"] = f(best, len(S), best, len(K))
    three = [w[m] for m in ("b_cubed_f1@1", "muc_f1@1", "ceaf_e_f1@1")]
    w["conll_f1@1"] = None if None in three else sum(three) / 3
    return {"ref": a, "hyp": b}, w


FAMILIES = {
    "runs": (runs, ["pytrec_eval-terrier"]),
    "labels": (labels, ["scikit-learn"]),
    "links": (links, ["numpy"]),
    "clusters": (clusters, ["scikit-learn", "scipy"]),
}
