"""The references asked 100,000 times: their arithmetic as it is, without what
takes most of the time of a small case and computes nothing.

scikit-learn asks whether its input is a data frame of one of many libraries and
how its own functions are declared; statsmodels collects garbage in every call.
Ours are lists and numpy arrays.
"""
import functools
import gc
import inspect
import sys

gc.collect = lambda *a: 0
inspect.signature = functools.lru_cache(maxsize=None)(inspect.signature)


def loaded():
    """what is imported by now is made quick"""
    gc.freeze()
    if "sklearn" in sys.modules:
        import sklearn
        from sklearn.utils import validation

        sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
        validation._nw_into_df_or_series = lambda x: False
