#!/usr/bin/env python3
"""Writes pseudonym.golden: pseudonyms under subkeys, computed with Python's hmac
and OpenSSL's CMAC. Run: python3 reference.py > pseudonym.golden"""
import hashlib
import hmac
import subprocess

key = bytes(range(32))


def openssl(*args, data):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


def subkey(crypto, technique, domain):
    label = ("%d:%s%s" % (len(technique), technique, domain)).encode()
    if crypto == "aes":
        return hmac.new(key, label, hashlib.sha256).digest()
    return openssl("dgst", "-sm3", "-mac", "HMAC", "-macopt", "hexkey:" + key.hex(), "-binary", data=label)


def cmac(crypto, k, value):
    name = {"aes": "AES-256-CBC", "sm": "SM4-CBC"}[crypto]
    if crypto == "sm":
        k = k[:16]
    out = openssl("mac", "-cipher", name, "-macopt", "hexkey:" + k.hex(), "-in", "-", "CMAC", data=value)
    return out.decode().strip().lower()


for crypto in ("aes", "sm"):
    for domain in ("id", "人员", "x"):
        for value in ("1", "张伟", "11010519491231002X", "a longer value with spaces", "", "0123456789abcde", "0123456789abcdef"):
            print(crypto, domain, value, cmac(crypto, subkey(crypto, "pseudonym", domain), value.encode()), sep="\t")
