"""What all reference generators share."""
import math

SIZES = [0, 1, 2, 3, 5, 8, 20, 60]


def size(r):
    return r.choice(SIZES)


def prob(r, style):
    if style == 0:
        return r.random()
    if style == 1:
        return r.randrange(5) / 4.0
    if style == 2:
        return 0.5
    return r.choice([0.0, 1.0, 2.0**-60, 1 - 2.0**-53, 2.0**-53, 0.25])


def value(r, style):
    u = r.random()
    if style == 0:
        return u
    if style == 1:
        return float(r.randrange(7)) - 3
    if style == 2:
        return 1048576.0 + u
    if style == 3:
        return (u - 0.5) * 2.0 ** (r.randrange(60) - 30)
    return 7.0


def clean(v):
    """a value for JSON; None is undefined"""
    if v is None:
        return None
    v = float(v)
    return None if math.isnan(v) or math.isinf(v) else v
