"""The block `with nogil` releases the GIL, the annotation `nogil` does not. All results are the same."""

from array import array

import cython_nogil
import pytest

NUMBERS = array("d", range(200_000))


def test_middle_releases_the_gil(gilcheck):
    verdict = gilcheck(cython_nogil.middle, NUMBERS)

    assert verdict.released
    assert verdict.result == cython_nogil.middle_annotated(NUMBERS)


def test_the_annotation_alone_holds_the_gil(gilcheck):
    assert gilcheck(cython_nogil.middle_annotated, NUMBERS).held


def test_a_function_that_takes_the_gil_back_is_partial(gilcheck):
    verdict = gilcheck(cython_nogil.middle_retaking, NUMBERS)

    assert verdict.gil == "partial"
    assert verdict.held_share > 0.05
    assert verdict.held_share < 0.95


@pytest.mark.gilcheck(releases=0.9)
def test_smoothing_leaves_nine_tenths_of_the_time_to_others():
    cython_nogil.middle(NUMBERS)


def test_no_ordinary_test_sees_a_difference():
    expected = cython_nogil.middle(NUMBERS)

    assert cython_nogil.middle_annotated(NUMBERS) == cython_nogil.middle_retaking(NUMBERS) == expected
