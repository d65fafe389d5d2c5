"""Makes the data of bench-score, and times the reference tools on it in CPU seconds.

usage: reference.py make DIR ROWS CSVROWS | reference.py files DIR ROWS | reference.py named DIR | reference.py time DIR ROWS CSVROWS
"""
import json
import sys
import time

import numpy as np


def draw(rng, n):
    y = rng.integers(0, 2, n, dtype=np.int32)
    p = (np.float32(0.3) * y + np.float32(0.7) * rng.random(n, dtype=np.float32)).astype(np.float32)
    return y, p


def parquet(d, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    kept = dict(compression="none", write_statistics=False)
    no = lambda name, t: pa.field(name, t, nullable=False)
    ls = pa.schema([no("id", pa.int64()), no("y", pa.int32())])
    ps = pa.schema([no("id", pa.int64()), no("c", pa.string()), no("p", pa.float32())])
    names = pa.array(["0", "1"])
    with pq.ParquetWriter(d + "/labels.parquet", ls, use_dictionary=False, **kept) as lw, pq.ParquetWriter(d + "/preds.parquet", ps, use_dictionary=["c"], **kept) as pw:
        for at in range(0, rows, 1 << 20):
            n = min(1 << 20, rows - at)
            y, p = draw(rng, n)
            ids = np.arange(at, at + n, dtype=np.int64)
            lw.write_table(pa.table([ids, y], schema=ls))
            pw.write_table(pa.table([ids, names.take(pa.array(p >= 0.5).cast(pa.int32())), p], schema=ps))


def named(d):
    """the predictions under the ids of a run, in their order"""
    import pyarrow as pa
    import pyarrow.parquet as pq

    order, text = np.fromfile(d + "/order", np.int64), np.fromfile(d + "/ids", np.uint8)
    t = pq.read_table(d + "/preds.parquet").combine_chunks()
    at = pa.py_buffer(np.arange(len(order) + 1, dtype=np.int64) * 32)
    ids = pa.LargeStringArray.from_buffers(len(order), at, pa.py_buffer(text)).cast(pa.string())
    no = lambda name, t: pa.field(name, t, nullable=False)
    schema = pa.schema([no("id", pa.string()), no("c", pa.string()), no("p", pa.float32())])
    t = pa.table([ids, t["c"].take(pa.array(order)), t["p"].take(pa.array(order))], schema=schema)
    pq.write_table(t, d + "/named.parquet", use_dictionary=["c"], compression="none", write_statistics=False)


def make(d, rows, csv):
    rng = np.random.default_rng(2)
    y, p = draw(rng, rows)
    y10 = rng.integers(0, 10, rows, dtype=np.int32)
    h10 = np.where(rng.random(rows) < 0.75, y10, rng.integers(0, 10, rows)).astype(np.int32)
    for name, a in (("y", y), ("p", p), ("y10", y10), ("h10", h10)):
        a.tofile(d + "/" + name)
    parquet(d, rows)
    y, p = draw(rng, csv)
    keys = rng.permutation(csv)
    order = rng.permutation(csv)
    with open(d + "/truth.csv", "w") as f:
        f.write("id,y\n")
        f.writelines("k%d,%d\n" % (k, v) for k, v in zip(keys.tolist(), y.tolist()))
    with open(d + "/predictions.csv", "w") as f:
        f.write("id,c,p\n")
        f.writelines("k%d,%d,%.7g\n" % (keys[i], p[i] >= 0.5, p[i]) for i in order.tolist())


def timed(out, name, f, times=3):
    best = None
    for _ in range(times):
        t = time.process_time()
        v = f()
        t = time.process_time() - t
        best = t if best is None else min(best, t)
    out[name] = {"seconds": best, "value": None if v is None else float(v)}


def measure(d, rows, csv):
    import pandas as pd
    import sklearn
    from sklearn import metrics as m

    y, p = np.fromfile(d + "/y", np.int32), np.fromfile(d + "/p", np.float32)
    y10, h10 = np.fromfile(d + "/y10", np.int32), np.fromfile(d + "/h10", np.int32)
    h = (p >= 0.5).astype(np.int32)
    p64 = p.astype(np.float64)
    out = {}
    timed(out, "accuracy", lambda: m.accuracy_score(y10, h10))
    timed(out, "f1", lambda: m.f1_score(y10, h10, average="macro"))
    timed(out, "log_loss", lambda: m.log_loss(y, p64))
    timed(out, "auc", lambda: m.roc_auc_score(y, p))
    timed(out, "binary_accuracy", lambda: m.accuracy_score(y, h))
    timed(out, "brier", lambda: m.brier_score_loss(y, p64))

    def join():
        t = pd.read_csv(d + "/truth.csv")
        q = pd.read_csv(d + "/predictions.csv")
        j = t.merge(q, on="id", validate="one_to_one")
        return m.accuracy_score(j.y, j.c) + m.log_loss(j.y, j.p) + m.roc_auc_score(j.y, j.p)

    timed(out, "csv", join, 1)
    print(json.dumps({"sklearn": sklearn.__version__, "numpy": np.__version__, "pandas": pd.__version__, "times": out}))


cmd, d = sys.argv[1:3]
n = [int(x) for x in sys.argv[3:]]
{"make": make, "files": parquet, "named": named, "time": measure}[cmd](d, *n)
