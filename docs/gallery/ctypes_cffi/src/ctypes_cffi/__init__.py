"""One C function, called in four ways."""

import ctypes

from ctypes_cffi import _work

LIBRARY = _work.__file__


def _steps(loader):
    function = loader(LIBRARY).collatz_steps
    function.argtypes, function.restype = [ctypes.c_uint64], ctypes.c_uint64
    return function


#: Releases the GIL during the call. For every library that does not use Python itself.
by_cdll = _steps(ctypes.CDLL)

#: Holds the GIL during the call. Only for functions of Python's own C API.
by_pydll = _steps(ctypes.PyDLL)

#: Releases the GIL. cffi does so for every call.
by_cffi = _work.lib.collatz_steps

_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_uint64)
_with_progress = ctypes.CDLL(LIBRARY).collatz_steps_with_progress
_with_progress.argtypes, _with_progress.restype = [ctypes.c_uint64, _REPORT], ctypes.c_uint64


def by_cdll_with_callback(up_to):
    """Return the same. The library calls a Python function for each start, and each time takes the GIL for it."""
    seen = []
    n_steps = _with_progress(up_to, _REPORT(seen.append))
    assert len(seen) == up_to
    return n_steps
