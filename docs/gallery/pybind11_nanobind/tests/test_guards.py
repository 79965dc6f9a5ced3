"""pybind11 and nanobind hold the GIL during a call, unless the binding has a guard."""

import pytest
import with_nanobind
import with_pybind11

UP_TO = 60_000


@pytest.mark.parametrize("binding", [with_pybind11, with_nanobind], ids=lambda module: module.__name__)
def test_a_call_guard_releases_the_gil(gilcheck, binding):
    verdict = gilcheck(binding.steps, UP_TO)

    assert verdict.released
    assert verdict.result == binding.steps_holding(UP_TO)


@pytest.mark.parametrize("binding", [with_pybind11, with_nanobind], ids=lambda module: module.__name__)
def test_without_a_guard_the_gil_is_held(gilcheck, binding):
    assert gilcheck(binding.steps_holding, UP_TO).held


def test_a_scope_releases_the_gil(gilcheck):
    assert gilcheck(with_pybind11.steps_in_a_scope, UP_TO).released


@pytest.mark.gilcheck(releases=0.95)
def test_counting_leaves_the_gil_to_others():
    with_nanobind.steps(UP_TO)
