"""Generates cases and what the reference says about them, one JSON per line.

    python3 generate.py FAMILY CASES [SEED [FIRST]]   cases of a family, from number FIRST
    python3 generate.py --list                        the families, their references

The first line says the references' versions, or what is missing here.
"""
import importlib
import importlib.metadata
import json
import os
import random
import sys

for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(v, "1")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import quick  # before what it makes quick

MODULES = {
    "tabular": ["classes", "abstain", "binary", "multi", "numbers", "positive", "bounds"],
    "speech": ["errors", "diarisation", "trials"],
    "text": ["bleu", "chrf", "rouge", "spans", "answers"],
    "lists": ["runs", "labels", "links", "clusters"],
    "vision": ["coco", "segm", "pixels", "panoptic", "tracks"],
    "agreement": ["fairness", "tests", "agreement"],
    "more": ["keypoints", "lvis", "ter", "lsum", "relaxed", "distributions", "survival", "shapes", "pictures", "timings"],
    "programs": ["sclite", "mdeval"],
    "rest": ["probes", "words", "likelihoods", "generated", "solutions", "series", "slices", "terms", "signals", "voc"],
    "levels": ["levels"],
}


def version(name):
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return name


def plain(v):
    """what JSON can hold; NaN and infinities are undefined"""
    if v is None or isinstance(v, (str, bool)):
        return v
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, int):
        return v
    f = float(v)
    return f if f - f == 0 else None


def main():
    if sys.argv[1] == "--list":
        print(" ".join(f for fs in MODULES.values() for f in fs))
        return
    family, cases = sys.argv[1], int(sys.argv[2])
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    module = next(m for m, fs in MODULES.items() if family in fs)
    try:
        make, refs = importlib.import_module(module).FAMILIES[family]
        probe = random.Random("probe")
        list(make([probe])) if hasattr(make, "batch") else make(probe)
        quick.loaded()
    except ImportError as e:
        print(json.dumps({"family": family, "missing": str(e)}))
        return
    print(json.dumps({"family": family, "references": [version(x) for x in refs]}))
    many = getattr(make, "batch", 1)
    for i in range(first, cases, many):
        rs = [random.Random(f"{family} {seed} {j}") for j in range(i, min(cases, i + many))]
        for case, want in make(rs) if many > 1 else map(make, rs):
            print(json.dumps({"in": plain(case), "want": plain(want)}, ensure_ascii=False, separators=(",", ":")))


main()
