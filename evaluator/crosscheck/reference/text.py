"""References for text: sacrebleu, rouge_score (with our tokenizer for Chinese),
seqeval, and a few lines of SQuAD's rules.

Deviations: no reference token, or no true span, is undefined.
"""
import collections
import re
import string

from speech import noisy, sentence

MARKS = [",", ".", "!", "，", "。", "3.5", "1,000", "-", "5-3", "&amp;", "(x)", "don't", "\u3000", "Ａ", "𠀀", "[", "a/b", "\u2003", "x.", ".5"]


def passage(r):
    zh = r.random() < 0.5
    s = sentence(r, zh)[:20]
    h = noisy(r, s, zh)
    for side in (s, h):
        for _ in range(r.choice([0, 0, 1, 3])):
            side.insert(r.randrange(len(side) + 1), r.choice(MARKS))
    j = "" if zh else " "
    return j.join(s), j.join(h)


def bleu(r):
    import sacrebleu

    n = r.choice([1, 1, 2, 5])
    two = r.random() < 0.3
    ps = [passage(r) for _ in range(n)]
    refs = [[a for a, _ in ps]]
    hyps = [b for _, b in ps]
    if two:
        refs.append([passage(r)[0] for _ in ps])
    w = {}
    for tok in ("13a", "zh"):
        for eff in ("no", "yes"):
            m = sacrebleu.BLEU(tokenize=tok, effective_order=eff == "yes")
            o = m.corpus_score(hyps, refs)
            w[f"bleu@1 tokenize={tok} effective_order={eff}"] = o.score if o.ref_len else None
    return {"refs": list(map(list, zip(*refs))), "hyp": hyps}, w


def chrf(r):
    import sacrebleu

    ps = [passage(r) for _ in range(r.choice([1, 1, 3]))]
    refs, hyps = [[a for a, _ in ps]], [b for _, b in ps]
    w = {}
    for wo in (0, 2):
        v = sacrebleu.CHRF(word_order=wo).corpus_score(hyps, refs).score
        w[f"chrf@1 word_order={wo}"] = v if any("".join(a.split()) for a in refs[0]) else None
    return {"refs": list(map(list, zip(*refs))), "hyp": hyps}, w


class Han:
    def tokenize(self, s):
        return re.findall(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df]|[a-z0-9ａ-ｚＡ-Ｚ]+", s.lower())


def rouge(r):
    from rouge_score import rouge_scorer

    ps = [passage(r) for _ in range(r.choice([1, 2]))]
    w = {}
    for tok, t in (("word", None), ("han", Han())):
        sc = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=t)
        got = [sc.score(a, b) for a, b in ps]
        for use, k in (("rouge1@1", "rouge1"), ("rouge2@1", "rouge2"), ("rouge_l@1", "rougeL")):
            w[f"{use} tokenize={tok}"] = sum(g[k].fmeasure for g in got) / len(got)
    return {"refs": [[a] for a, _ in ps], "hyp": [b for _, b in ps]}, w


def spans(r):
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    tags = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
    ref, hyp = [], []
    for _ in range(r.choice([1, 1, 2, 4])):
        n = r.choice([1, 2, 5, 12])
        a = [r.choice(tags) for _ in range(n)]
        ref.append(a)
        hyp.append([x if r.random() < 0.6 else r.choice(tags) for x in a])
    w = {}
    for mode, kw in (("lenient", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        try:
            f = f1_score(ref, hyp, zero_division=0, **kw), precision_score(ref, hyp, zero_division=0, **kw), recall_score(ref, hyp, zero_division=0, **kw)
        except Exception:
            continue  # seqeval fails on strict sequences without spans
        from seqeval.metrics.sequence_labeling import get_entities
        from seqeval.scheme import Entities

        if mode == "lenient":
            any_true = any(get_entities(x) for x in ref)
        else:
            any_true = any(len(e) for e in Entities(ref, IOB2).entities)
        if not any_true:
            f = (None,) * 3
        w[f"span_f1@1 average=micro {mode}"], w[f"span_f1@1 average=precision {mode}"], w[f"span_f1@1 average=recall {mode}"] = f
    return {"ref": ref, "hyp": hyp}, w


def cmrc(golds, hyps):
    """CMRC 2018's script, written out: Han characters and, between them, NLTK's words;
    the longest common run. Two empty answers are equal, where it gives 0."""
    from nltk.tokenize import NLTKWordTokenizer

    marks = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
    bare = lambda s: "".join(c for c in s.lower().strip() if c not in marks)

    def cut(s):
        out = []
        for part in re.split("([\u4e00-\u9fa5])", bare(s)):
            out += [part] if re.fullmatch("[\u4e00-\u9fa5]", part) else NLTKWordTokenizer().tokenize(part)
        return out

    def f1(a, b):
        runs = lambda x, k: {tuple(x[i : i + k]) for i in range(len(x) - k + 1)}
        k = max((k for k in range(1, min(len(a), len(b)) + 1) if runs(a, k) & runs(b, k)), default=0)
        return 2 * k / (len(a) + len(b)) if a or b else 1.0

    n = len(hyps)
    return {
        "qa_em@1 units=cmrc": sum(any(bare(x) == bare(h) for x in g) for g, h in zip(golds, hyps)) / n,
        "qa_f1@1 units=cmrc": sum(max(f1(cut(x), cut(h)) for x in g) for g, h in zip(golds, hyps)) / n,
    }


def answers(r):
    def norm(s):
        s = "".join(c for c in s.lower() if c not in string.punctuation)
        return " ".join(w for w in s.split() if w not in ("a", "an", "the")).split()

    def f1(a, b):
        if not a or not b:
            return float(a == b)
        c = sum((collections.Counter(a) & collections.Counter(b)).values())
        return 2 * c / (len(a) + len(b))

    golds, hyps, em, ff, zem, zff = [], [], [], [], [], []
    han = Han().tokenize
    for _ in range(r.choice([1, 2, 5])):
        a, b = passage(r)
        g = [a] + ([passage(r)[0]] if r.random() < 0.3 else [])
        if r.random() < 0.1:
            g, b = [""], r.choice(["", b])
        golds.append(g)
        hyps.append(b)
        em.append(max(norm(x) == norm(b) for x in g))
        ff.append(max(f1(norm(x), norm(b)) for x in g))
        zem.append(max(han(x) == han(b) for x in g))
        zff.append(max(f1(han(x), han(b)) for x in g))
    n = len(hyps)
    if not any(set(s) & set("!\"#$%&'(),.;<>?@[]{|}…‘【】") for s in hyps + sum(golds, [])):
        more = cmrc(golds, hyps)
    else:  # NLTK cuts words at these by rules of English
        more = {}
    return {"golds": golds, "hyp": hyps}, more | {
        "qa_em@1 units=words": sum(em) / n, "qa_f1@1 units=words": sum(ff) / n,
        "qa_em@1 units=mixed": sum(zem) / n, "qa_f1@1 units=mixed": sum(zff) / n,
    }


FAMILIES = {
    "bleu": (bleu, ["sacrebleu"]),
    "chrf": (chrf, ["sacrebleu"]),
    "rouge": (rouge, ["rouge_score"]),
    "spans": (spans, ["seqeval"]),
    "answers": (answers, ["SQuAD's rules, written out"]),
}
