"""Makes bca.json: BCa intervals of scipy.stats.bootstrap for given replicates.

    pip install scipy==1.17.1 && python bca.py >bca.json
"""

import json
import types

import numpy as np
from scipy import stats

rng = np.random.default_rng(3)
cases = []
for i in range(40):
    n = int(rng.integers(5, 60))
    x = [rng.normal(size=n), rng.lognormal(0, 1.5, n), rng.integers(0, 2, n).astype(float), rng.exponential(size=n) ** 2][i % 4].round(6)
    if len(set(x.tolist())) < 2:
        continue
    f = [np.mean, lambda v, axis=-1: np.sqrt(np.mean(np.square(v), axis=axis))][i % 2]
    drawn = np.array([f(x[rng.integers(0, n, n)]) for _ in range(300)]).round(9)
    old = types.SimpleNamespace(bootstrap_distribution=drawn)
    r = stats.bootstrap((x,), f, n_resamples=0, bootstrap_result=old, method="BCa", vectorized=True)
    jack = [float(f(np.delete(x, j))) for j in range(n)]
    cases.append({"values": drawn.tolist(), "estimate": float(f(x)), "jackknife": jack, "lo": float(r.confidence_interval.low), "hi": float(r.confidence_interval.high)})
print(json.dumps(cases, separators=(",", ":")))
