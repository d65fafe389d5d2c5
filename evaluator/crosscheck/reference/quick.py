"""The references asked 100,000 times: their arithmetic as it is, without what
takes most of the time of a small case and computes nothing.

scikit-learn asks whether its input is a data frame of one of many libraries, how
its own functions are declared, and, once for each of its metrics, of what type
the same two arrays are; it sets filters for warnings that nobody reads, hundreds
of times a case; statsmodels collects garbage in every call. Ours are lists and
numpy arrays.
"""
import functools
import gc
import inspect
import sys
import warnings

gc.collect = lambda *a: 0
inspect.signature = functools.lru_cache(maxsize=None)(inspect.signature)


class Quiet:
    """warnings.catch_warnings, where all warnings are ignored anyway"""

    def __init__(self, *a, **k):
        pass

    def __enter__(self):
        return []

    def __exit__(self, *a):
        pass


def again(f, of=64):
    """f, which answers from memory when it is given the very same objects: the
    arrays of one case, which nobody changes"""
    seen = {}

    @functools.wraps(f)
    def call(*a, **k):
        key = (tuple(map(id, a)), tuple((n, id(v)) for n, v in k.items()))
        hit = seen.get(key)
        if hit is None:
            if len(seen) >= of:
                seen.clear()
            hit = seen[key] = (f(*a, **k), a, k)  # kept alive, so that no id is given twice
        return hit[0]

    return call


def loaded():
    """what is imported by now is made quick"""
    gc.freeze()
    warnings.simplefilter("ignore")
    warnings.catch_warnings = Quiet
    warnings.simplefilter = warnings.filterwarnings = lambda *a, **k: None
    if "sklearn" in sys.modules:
        import sklearn
        from sklearn.utils import validation

        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
        validation._nw_into_df_or_series = lambda x: False
        for name in ("_check_targets", "attach_unique", "cached_unique", "check_array", "column_or_1d", "type_of_target", "unique_labels"):
            for module in [m for n, m in sys.modules.items() if n.startswith("sklearn.metrics")]:
                if hasattr(module, name):
                    setattr(module, name, again(getattr(module, name)))
