"""How a C function is called decides what the call does to the GIL."""

import ctypes_cffi
import pytest

UP_TO = 30_000


@pytest.mark.parametrize("call", [ctypes_cffi.by_cdll, ctypes_cffi.by_cffi], ids=["CDLL", "cffi"])
def test_cdll_and_cffi_release_the_gil(gilcheck, call):
    verdict = gilcheck(call, UP_TO)

    assert verdict.released
    assert verdict.result == ctypes_cffi.by_pydll(UP_TO)


def test_pydll_holds_the_gil(gilcheck):
    assert gilcheck(ctypes_cffi.by_pydll, UP_TO).held


def test_a_callback_takes_the_gil_each_time(gilcheck):
    verdict = gilcheck.options(overlap=False)(ctypes_cffi.by_cdll_with_callback, 2_000)

    # One release around the call, and one after each callback.
    assert verdict.n_releases.by_function == 2_001
    assert verdict.result == ctypes_cffi.by_cdll(2_000)


@pytest.mark.gilcheck(releases=0.95)
def test_cffi_leaves_the_gil_to_others():
    ctypes_cffi.by_cffi(UP_TO)
