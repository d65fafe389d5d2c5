"""References that are programs: NIST's sclite and md-eval, of the package sctk.

md-eval sorts what happens at one instant by a rule that is no order, so that no two
edges of turns, collars and scored stretches of a case coincide. It matches speakers
before it leaves out collars and overlaps, pyannote and we after: with either, missed
and false alarm time alone are compared. Its seconds have two decimals, and so have all
times here.
"""
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter

from speech import noisy, sentence


def program(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/lib/sctk/bin:/usr/local/bin")
    if path is None:
        raise ImportError(f"{name} of the package sctk is not installed")
    return path


def sclite(rs):
    path = program("sclite")
    cases = []
    for r in rs:
        refs, hyps = [], []
        for _ in range(r.choice([1, 1, 2, 4])):
            s = sentence(r, False)
            refs.append(s)
            hyps.append(noisy(r, s, False) if r.random() < 0.9 else sentence(r, False))
        cases.append((refs, hyps))
    with tempfile.TemporaryDirectory() as d:
        for name, side in (("ref", 0), ("hyp", 1)):
            with open(os.path.join(d, name), "w") as f:
                for i, c in enumerate(cases):
                    for j, s in enumerate(c[side]):
                        f.write(" ".join(s) + f" (c{i}-{j})\n")
        out = subprocess.run([path, "-r", "ref", "trn", "-h", "hyp", "trn", "-i", "rm", "-o", "pra", "stdout"], cwd=d, capture_output=True, text=True, check=True).stdout
    counts = {}
    for at, *n in re.findall(r"id: \(c(\d+)-\d+\)\nScores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", out):
        have = counts.setdefault(int(at), [0, 0, 0, 0, 0])
        for k, v in enumerate(n):
            have[k] += int(v)
        have[4] += 1
    tag = " align=sclite normalize=none case=keep punctuation=keep"
    for i, (refs, hyps) in enumerate(cases):
        c, s, d, n, seen = counts[i]
        if seen != len(refs) or c + s + d != sum(map(len, refs)):
            raise RuntimeError(f"sclite answered for {seen} of {len(refs)} utterances")
        of = lambda x: x / (c + s + d) if c + s + d else None
        w = {"wer@1" + tag: of(s + d + n), "wer_sub@1" + tag: of(s), "wer_del@1" + tag: of(d), "wer_ins@1" + tag: of(n)}
        yield {"ref": [" ".join(x) for x in refs], "hyp": [" ".join(x) for x in hyps], "units": "words"}, w


sclite.batch = 100


def mdeval(rs):
    path = program("md-eval.pl")
    cases = []
    for r in rs:
        while True:
            edges = []

            def turns(names):
                out, end = [], {}
                for _ in range(r.randrange(1, 7)):
                    n = r.choice(names)
                    a = end.get(n, 0) + r.randrange(100, 400)
                    b = a + r.randrange(30, 300)
                    end[n] = b
                    edges.extend((a, b))
                    out.append((n, a, b))
                return out

            ref, hyp = turns("ABC"), turns("xyz")
            scored = []
            at = 0 if r.random() < 0.5 else None
            if at is not None:
                for _ in range(r.randrange(1, 4)):
                    at += r.randrange(20, 500)
                    scored.append((at, at + r.randrange(100, 900)))
                    at = scored[-1][1]
                    edges.extend(scored[-1])
            apart = sorted(edges)
            # md-eval divides by what is scored, and ends where that is nothing
            spoken = Counter(t for _, a, b in ref for t in range(a, b))
            one = {t for t, n in spoken.items() if n == 1}
            near = {t for _, a, b in ref for e in (a, b) for t in range(e - 25, e + 25)}
            inside = {t for a, b in scored for t in range(a, b)} if scored else one
            if (one - near) & inside and all(abs(a - b) not in (0, 25, 50) for i, a in enumerate(apart) for b in apart[i + 1 :]):
                break
        cases.append((ref, hyp, scored))
    want = [{} for _ in cases]
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "uem"), "w") as f:
            for i, (ref, hyp, scored) in enumerate(cases):
                for a, b in scored or [(0, 100 + max(t[2] for t in ref + hyp))]:
                    f.write(f"f{i} 1 {a / 100:.2f} {b / 100:.2f}\n")
        for name, side in (("ref", 0), ("hyp", 1)):
            with open(os.path.join(d, name), "w") as f:
                for i, c in enumerate(cases):
                    for n, a, b in c[side]:
                        f.write(f"SPEAKER f{i} 1 {a / 100:.2f} {(b - a) / 100:.2f} <NA> <NA> {n} <NA>\n")
        for collar in (0, 0.25):
            for overlap in ("score", "skip"):
                args = [path, "-af", "-c", str(collar), "-u", "uem", "-r", "ref", "-s", "hyp"] + (["-1"] if overlap == "skip" else [])
                out = subprocess.run(args, cwd=d, capture_output=True, text=True, check=True).stdout
                tag = f" collar={collar} overlap={overlap}"
                for part in out.split("*** Performance analysis for Speaker Diarization for ")[1:]:
                    at = re.match(r"f=f(\d+) ", part)
                    if not at:
                        continue
                    time = lambda name: float(re.search(name + r" =\s*([\d.]+) secs", part).group(1))
                    total = time("SCORED SPEAKER TIME")
                    w = want[int(at.group(1))]
                    keys = {"der_missed@1": time("MISSED SPEAKER TIME"), "der_false_alarm@1": time("FALARM SPEAKER TIME")}
                    if not collar and overlap == "score":
                        keys["der_confusion@1"] = time("SPEAKER ERROR TIME")
                        keys["der@1"] = sum(keys.values())
                    for k, v in keys.items():
                        w[k + tag] = v / total if total else None
    for (ref, hyp, scored), w in zip(cases, want):
        second = lambda ts: [(n, a / 100, b / 100) for n, a, b in ts]
        yield {"ref": second(ref), "hyp": second(hyp), "scored": [[a / 100, b / 100] for a, b in scored] or None}, w


mdeval.batch = 50

FAMILIES = {
    "sclite": (sclite, ["sclite (sctk)"]),
    "mdeval": (mdeval, ["md-eval (sctk)"]),
}
