#!/usr/bin/env python3
"""Writes identifiers.golden: identifiers with check digits computed here, by
other formulas than the Go code's. Run: python3 reference.py > identifiers.golden"""
import random

r = random.Random(20240229)


def resident():
    # ISO 7064 MOD 11-2 as a recursion: p starts at 0, p = (p + digit) * 2 mod 11.
    day = r.randint(1, 28)
    body = "%s%02d%02d%04d%02d%02d%03d" % (r.choice(["11", "31", "44", "51", "65"]), r.randint(1, 20), r.randint(1, 30),
                                         r.randint(1930, 2015), r.randint(1, 12), day, r.randint(0, 999))
    p = 0
    for d in body:
        p = (p + int(d)) * 2 % 11
    c = (12 - p) % 11
    return body + ("X" if c == 10 else str(c))


def uscc():
    # GB 32100-2015: weights 3^i mod 31, check value 31 - sum mod 31 (31 counts as 0).
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = r.choice("159") + r.choice("123") + r.choice(["11", "44", "33"]) + "0101" + "".join(r.choice(alphabet) for _ in range(9))
    total = sum(alphabet.index(ch) * pow(3, i, 31) for i, ch in enumerate(body))
    c = (31 - total % 31) % 31
    return body + alphabet[c]


def card():
    n = r.choice([16, 19])
    body = "62" + "".join(str(r.randint(0, 9)) for _ in range(n - 3))
    table = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    odd = True
    total = 0
    for d in reversed(body):
        total += table[int(d)] if odd else int(d)
        odd = not odd
    return body + str(-total % 10)


for kind, make in (("resident", resident), ("uscc", uscc), ("bank_card", card)):
    for _ in range(200):
        print(kind, make(), sep="\t")
