"""Times metrics of units against their references, paired in one run.

    structured.py PROGRAM [coco|cer|track …]

PROGRAM is the built evaluator/bench/structured. Times are processor seconds of
one thread of this process, and of all threads of ours; each side runs several
times in turns and its least counts. Reading files counts for neither.
"""
import contextlib
import importlib.metadata
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(v, "1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crosscheck", "reference"))
ROUNDS = 3
SCLITE = shutil.which("sclite", path=os.environ["PATH"] + ":/usr/lib/sctk/bin")  # as Debian's sctk has it


def versions(*names):
    out = []
    for n in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            out.append(f"{n} {importlib.metadata.version(n)}")
    return ", ".join(out)


def pair(program, name, task, peers):
    """peers: name -> function giving its values; one that times a part of itself says so in .took"""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(task, f)
    best, values = {}, {}
    try:
        for _ in range(ROUNDS):
            for peer, run in peers.items():
                start = time.process_time()
                values[peer] = run()
                took = getattr(run, "took", time.process_time() - start)
                best[peer] = min(best.get(peer, took), took)
            env = dict(os.environ, GOMAXPROCS="1")
            o = json.loads(subprocess.run([program, f.name, "5"], capture_output=True, check=True, env=env).stdout)
            best["aihub"] = min(best.get("aihub", o["cpu"]), o["cpu"])
            values["aihub"] = o["values"]
    finally:
        os.unlink(f.name)
    for peer in peers:
        off = max((abs(values["aihub"][k] - v) for k, v in values[peer].items()), default=0)
        print(f"{name:<34} {peer:<40} {best[peer]:9.4f} s   aihub {best['aihub']:9.5f} s   {best[peer] / best['aihub']:7.1f}x   largest difference {off:.1e}{bar(name, peer)(best[peer] / best['aihub'])}", flush=True)


def coco(program):
    """2,000 images, 80 classes, about 14,000 objects (1.2 % crowds), 200,000 detections with ties"""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    r = random.Random(1)
    images, anns, dets, out = [], [], [], []
    for i in range(1, 2001):
        im = {"id": i, "truth": [], "pred": []}
        images.append({"id": i, "width": 640, "height": 480})
        for _ in range(r.randrange(14)):
            w, h = r.choice([12, 40, 120, 250]) * (0.5 + r.random()), r.choice([12, 40, 120, 250]) * (0.5 + r.random())
            b = [r.random() * 500, r.random() * 350, w, h]
            c, crowd = min(79, int(r.expovariate(0.08))), int(r.random() < 0.012)
            anns.append({"id": len(anns) + 1, "image_id": i, "category_id": c, "bbox": b, "area": w * h * 0.7, "iscrowd": crowd})
            im["truth"].append({"class": c, "box": b, "area": w * h * 0.7, "crowd": bool(crowd)})
        for _ in range(100):
            t = r.choice(im["truth"]) if im["truth"] and r.random() < 0.5 else None
            if t:
                e = r.choice([2, 10, 40])
                b = [t["box"][0] + r.uniform(-e, e), t["box"][1] + r.uniform(-e, e), max(1, t["box"][2] + r.uniform(-e, e)), max(1, t["box"][3] + r.uniform(-e, e))]
                c = t["class"]
            else:
                b, c = [r.random() * 500, r.random() * 350, 10 + r.random() * 200, 10 + r.random() * 200], r.randrange(80)
            s = round(r.random(), 3)
            dets.append({"id": len(dets) + 1, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3], "score": s, "iscrowd": 0})
            im["pred"].append({"class": c, "box": b, "score": s})
        out.append(im)
    cats = [{"id": c} for c in range(80)]

    def run():
        with contextlib.redirect_stdout(io.StringIO()):
            g, d = COCO(), COCO()
            g.dataset, d.dataset = {"images": images, "annotations": anns, "categories": cats}, {"images": images, "annotations": dets, "categories": cats}
            g.createIndex()
            d.createIndex()
            e = COCOeval(g, d, "bbox")
            start = time.process_time()
            e.evaluate()
            e.accumulate()
            took = time.process_time() - start
            e.summarize()
        run.took = took
        return dict(zip(["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"], map(float, e.stats)))

    pair(program, "COCO, 200k detections", {"kind": "coco", "images": out}, {versions("pycocotools") + " evaluate+accumulate": run})


def before_rapidfuzz(path):
    """the old Levenshtein, beside the new one of the same name"""
    new = {k: sys.modules.pop(k) for k in list(sys.modules) if k.startswith("Levenshtein")}
    sys.path.insert(0, path)
    try:
        import Levenshtein as old
    finally:
        sys.path.pop(0)
        for k in list(sys.modules):
            if k.startswith("Levenshtein"):
                del sys.modules[k]
        sys.modules.update(new)
    return old


def cer(program):
    """Chinese of 3,500 symbols after Zipf, 12 % noise: short utterances, and long documents"""
    import Levenshtein

    r = random.Random(2)
    zipf = [1 / (k + 1) for k in range(3500)]

    def text(n):
        return [chr(0x4E00 + k) for k in r.choices(range(3500), zipf, k=n)]

    def noise(s):
        out = []
        for c in s:
            k = r.random()
            if k < 0.04:
                out += text(1)
            elif k < 0.08:
                continue
            else:
                out.append(c)
                if k < 0.12:
                    out += text(1)
        return out

    for name, count, length in (("CER, 20,000 utterances", 20000, 23), ("CER, 40 documents", 40, 2400)):
        refs = [text(max(1, int(r.gauss(length, length / 4)))) for _ in range(count)]
        hyps = ["".join(noise(s)) for s in refs]
        refs = ["".join(s) for s in refs]
        v = versions("Levenshtein")

        def distance():
            d = Levenshtein.distance
            return {"errors": sum(d(a, b) for a, b in zip(refs, hyps))}

        peers = {}
        if os.environ.get("LEVENSHTEIN_0_12"):  # a directory with python-Levenshtein 0.12, as Debian 12 has it
            old = before_rapidfuzz(os.environ["LEVENSHTEIN_0_12"])
            peers["python-Levenshtein 0.12.2 distance"] = lambda: {"errors": sum(map(old.distance, refs, hyps))}
            peers["python-Levenshtein 0.12.2 editops"] = lambda: {"errors": sum(len(old.editops(a, b)) for a, b in zip(refs, hyps))}

        def editops():
            d = Levenshtein.editops
            return {"errors": sum(len(d(a, b)) for a, b in zip(refs, hyps))}

        if SCLITE:
            peers["sclite, reading its files"] = sclite(refs, hyps)
        pair(program, name + " (S/D/I)", {"kind": "cer", "ref": refs, "hyp": hyps}, {v + " distance": distance, v + " editops": editops, **peers})


def sclite(refs, hyps):
    """a run of sclite over transcripts of single characters; its errors weigh 4, 3 and 3, and are not compared"""
    d = tempfile.mkdtemp()
    for name, texts in (("ref", refs), ("hyp", hyps)):
        with open(os.path.join(d, name), "w") as f:
            f.writelines(f"{' '.join(s)} (a_{i:06d})\n" for i, s in enumerate(texts))

    def run():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([SCLITE, "-r", d + "/ref", "trn", "-h", d + "/hyp", "trn", "-i", "rm", "-e", "utf-8", "-o", "sum", "stdout"], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        run.took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {}

    return run


def track(program):
    """5 sequences of 600 frames with 20 objects"""
    import vision

    r = random.Random(3)
    seqs = []
    for _ in range(5):
        objs = [[r.random() * 1500, r.random() * 900, 40 + r.random() * 60, 80 + r.random() * 100] for _ in range(20)]
        ids, frames = list(range(20)), []
        for _ in range(600):
            f = {"truth": [], "pred": []}
            for i, b in enumerate(objs):
                b[0] += r.random() * 6 - 3
                b[1] += r.random() * 6 - 3
                if r.random() < 0.9:
                    f["truth"].append([i, list(b)])
                if r.random() < 0.85:
                    f["pred"].append([ids[i], [b[0] + r.random() * 12, b[1] + r.random() * 12, b[2] + r.random() * 4, b[3] + r.random() * 4]])
            if r.random() < 0.05:
                a, b = r.sample(range(20), 2)
                ids[a], ids[b] = ids[b], ids[a]
            for _ in range(r.randrange(3)):
                f["pred"].append([1000 + r.randrange(50), [r.random() * 1500, r.random() * 900, 60.0, 120.0]])
            frames.append({"truth": f["truth"], "pred": list({p[0]: p for p in f["pred"]}.values())})
        seqs.append(frames)
    ds = [vision.data(s) for s in seqs]
    h, c, i = vision.trackers()

    def run():
        H = h.combine_sequences({k: h.eval_sequence(d) for k, d in enumerate(ds)})
        C = c.combine_sequences({k: c.eval_sequence(d) for k, d in enumerate(ds)})
        I = i.combine_sequences({k: i.eval_sequence(d) for k, d in enumerate(ds)})
        return {"hota": float(H["HOTA"].mean()), "mota": float(C["MOTA"]), "idf1": float(I["IDF1"])}

    flat = [[{k: [[p[0], *p[1]] for p in f[k]] for k in f} for f in s] for s in seqs]
    # Ours measures overlaps too, which TrackEval is given.
    pair(program, "HOTA+CLEAR+ID, 3,000 frames", {"kind": "track", "sequences": flat}, {versions("trackeval"): run})


# peer -> how many times faster than it we are to be, in the run whose name begins so
BARS = {
    ("COCO", "pycocotools"): 50,
    ("CER, 20,000", "python-Levenshtein"): 2,
    ("CER, 40", "python-Levenshtein"): 20,
    ("CER", "sclite"): 300,
    ("HOTA", "trackeval"): 30,
}


def bar(name, peer):
    least = next((v for (n, p), v in BARS.items() if name.startswith(n) and peer.startswith(p)), None)
    return lambda ratio: "" if least is None else f"   >= {least}x  {'yes' if ratio >= least else 'NO'}"


def main():
    program, tasks = sys.argv[1], sys.argv[2:] or ["coco", "cer", "track"]
    for t in tasks:
        try:
            {"coco": coco, "cer": cer, "track": track}[t](program)
        except ImportError as e:
            print(f"{t}: not measured, {e}", flush=True)


if __name__ == "__main__":
    main()
