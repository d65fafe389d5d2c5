#!/usr/bin/env python3
"""Writes pseudonym.golden: pseudonyms and the sub-keys they are made under,
computed with Python's hmac. Run: python3 reference.py > pseudonym.golden"""
import hashlib
import hmac

key = bytes(range(32))


def subkey(technique, domain):
    label = "%d:%s%s" % (len(technique), technique, domain)
    return hmac.new(key, label.encode(), hashlib.sha256).digest()


for domain in ("id", "人员", ""):
    for value in ("1", "张伟", "11010519491231002X", "a longer value with spaces", ""):
        print(domain, value, hmac.new(subkey("pseudonym", domain), value.encode(), hashlib.sha256).hexdigest()[:32], sep="\t")
