"""The frame that is the author's, on built stacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import BusiestPlace, GilEventPlace, HoldPlace, Place, Places, Site
from pytest_gilcheck.judge.places import site, where

LIBPYTHON, OWN, LIB = "/usr/lib/libpython3.12.so", "/site/pytest_gilcheck/_native.so", "/home/me/demo.so"

HOOK = Place("rust/core/src/interpreter/hooks.rs", 9, "unlock_from", OWN)
DROP_GIL = Place("Python/ceval_gil.c", 1, "drop_gil", LIBPYTHON)
SAVE = Place("Python/ceval.c", 2, "PyEval_SaveThread", LIBPYTHON)
EVAL = Place("Python/ceval.c", 3, "_PyEval_EvalFrameDefault", LIBPYTHON)
VECTORCALL = Place("Objects/methodobject.c", 4, "cfunction_vectorcall_NOARGS", LIBPYTHON)
SLEEP = Place("Modules/timemodule.c", 5, "pysleep", LIBPYTHON)
AUTHOR = Place("/home/me/src/lib.rs", 31, "demo::partial", LIB)
GLUE = [
    Place(
        "/home/me/.cargo/registry/src/x/pyo3-0.30.1/src/marker.rs",
        571,
        "detach<(), demo::partial::{closure_env#0}>",
        LIB,
    ),
    Place(None, None, "pyo3::marker::Python::detach", LIB),
    Place(None, None, "<pyo3::internal::state::SuspendAttach as core::ops::drop::Drop>::drop", LIB),
    Place("/rustc/5980/library/core/src/ptr/mod.rs", 805, "drop_in_place<demo::Guard>", LIB),
    Place("/usr/include/pybind11/gil.h", 120, "gil_scoped_release", LIB),
    Place(None, None, "pybind11::gil_scoped_release::gil_scoped_release(bool)", LIB),
    Place("/x/nanobind/nb_misc.h", 20, "gil_scoped_release", LIB),
    Place("demo.c", 900, "__Pyx_PyGILState_Ensure", LIB),
    Place("demo.c", 901, "__pyx_pw_4demo_1work", LIB),
    Place("/usr/include/c++/12/bits/unique_ptr.h", 396, "~unique_ptr", LIB),
    Place("/home/me/.cargo/git/checkouts/pyo3-d2f/6a1b2c3/src/marker.rs", 571, "detach<()>", LIB),
    Place("pyo3-0.30.1/src/marker.rs", 571, "detach<()>", LIB),
    Place("/home/me/vendor/pyo3/src/marker.rs", 571, "detach<()>", LIB),
    Place("library/core/src/ops/function.rs", 250, "call_once<demo::{closure#0}>", LIB),
    Place("demo.cpp", 902, "__Pyx_CyFunction_CallAsMethod", LIB),
]
CALL_GLUE = Place("/x/index.crates.io-1/pyo3-0.30.1/src/types/any.rs", 1, "call<&Bound<PyTuple>>", OWN)
LINE = Place("/home/me/test_x.py", 12, "test_x")


def event_place(*native, python=(), kind="release"):
    return GilEventPlace(kind, native, python)


def seen(*events, holds=()):
    return Places(events, tuple(holds), interpreter=LIBPYTHON, own=OWN)


def found(*native, python=()):
    return site(event_place(*native, python=python), seen())


def test_the_author_is_found_under_hook_and_interpreter():
    assert found(HOOK, DROP_GIL, SAVE, AUTHOR, VECTORCALL) == Site(AUTHOR)


@pytest.mark.parametrize("glue", GLUE, ids=lambda place: place.function)
def test_binding_glue_is_folded_away(glue):
    assert found(HOOK, DROP_GIL, SAVE, glue, AUTHOR, VECTORCALL) == Site(AUTHOR)


@given(
    st.lists(st.sampled_from([DROP_GIL, SAVE, *GLUE]), max_size=12),
    st.lists(st.sampled_from([VECTORCALL, *GLUE, LINE])),
)
def test_whatever_is_folded_does_not_change_what_is_found(inner, outer):
    assert found(HOOK, *inner, AUTHOR, *outer).place == AUTHOR


def test_the_innermost_of_two_own_frames_wins():
    caller = Place("/home/me/src/lib.rs", 90, "demo::outer", LIB)

    assert found(HOOK, SAVE, AUTHOR, caller).place == AUTHOR


def test_a_specimen_in_our_own_library_is_no_hook():
    specimen = Place("rust/ext/src/specimens.rs", 27, "releases", OWN)

    assert found(HOOK, HOOK, SAVE, specimen).place == specimen


def test_a_function_of_the_interpreter_is_named_at_the_python_line_that_called_it():
    assert found(HOOK, DROP_GIL, SAVE, SLEEP, VECTORCALL, EVAL, python=(LINE,)) == Site(LINE, via=SLEEP)


def test_without_any_other_frame_the_interpreter_s_function_is_the_place():
    assert found(HOOK, DROP_GIL, SAVE, SLEEP, VECTORCALL) == Site(SLEEP)


def test_an_extension_called_by_python_code_is_the_author_and_the_line_its_caller():
    assert found(HOOK, SAVE, AUTHOR, VECTORCALL, EVAL, python=(LINE,)) == Site(AUTHOR, called_from=LINE)


def test_python_code_called_by_an_extension_is_further_in_than_it():
    assert found(HOOK, SAVE, SLEEP, VECTORCALL, EVAL, AUTHOR, python=(LINE,)) == Site(LINE, via=SLEEP)


def test_a_stack_of_nothing_names_nothing():
    assert found() == Site(None)


CALLEE = Place("/home/me/x.py", 12, "x.parses")


def test_a_hand_over_of_python_code_whose_line_is_not_known_is_somewhere_in_what_was_called():
    """Its line would be that of the ``def``, and what called it is nobody's business."""
    handed_over = event_place(HOOK, DROP_GIL, EVAL, VECTORCALL, CALL_GLUE, kind="release_by_interpreter")

    assert site(handed_over, Places(function=CALLEE, interpreter=LIBPYTHON, own=OWN)) == Site(
        Place("/home/me/x.py", None, "x.parses")
    )
    assert site(handed_over, seen()) == Site(Place(function="Python code"))


@pytest.mark.parametrize("glue", GLUE, ids=lambda place: place.function)
def test_where_glue_is_all_there_is_the_function_called_is_named_or_its_library(glue):
    handed_over = event_place(HOOK, SAVE, glue, VECTORCALL, CALL_GLUE)
    callee = Place(None, None, "demo.work", LIB)

    assert site(handed_over, Places(function=callee, interpreter=LIBPYTHON, own=OWN)) == Site(callee)
    assert site(handed_over, seen()) == Site(Place(library=LIB))


def test_what_called_is_never_the_place():
    assert found(HOOK, SAVE, CALL_GLUE) == Site(None)
    assert found(HOOK, SAVE, VECTORCALL, CALL_GLUE) == Site(None)


def test_a_function_is_not_found_in_the_glue_that_wraps_it():
    wrapped = Place("/x/pyo3-0.30.1/src/impl_/trampoline.rs", 81, "demo.work", LIB)
    hold = HoldPlace(None, None, None, 1, 50)

    made = where(Places(holds=(hold,), function=wrapped, busiest=BusiestPlace((LINE,), wrapped, 0.9)))

    assert made is not None and made.busiest is not None
    assert made.function == made.busiest.native == Place(None, None, "demo.work", LIB)


def test_the_longest_hold_after_a_re_take():
    take = event_place(HOOK, SAVE, AUTHOR, kind="take")
    made = where(
        seen(event_place(HOOK, SAVE, AUTHOR), take, holds=[HoldPlace(None, None, 0, 1, 5), HoldPlace(0, 1, None, 1, 9)])
    )

    assert made is not None
    assert (made.let_go, made.taken, made.dropped, made.longest_hold_ns) == (Site(AUTHOR), Site(AUTHOR), None, 9)
    assert made.n_places == 1


def test_the_longest_hold_from_the_start_of_the_call():
    take = event_place(HOOK, SAVE, AUTHOR, kind="take")
    made = where(
        seen(
            event_place(HOOK, SAVE, AUTHOR), take, holds=[HoldPlace(None, None, 0, 1, 50), HoldPlace(0, 1, None, 1, 9)]
        )
    )

    assert made is not None
    assert (made.let_go, made.taken, made.dropped, made.longest_hold_ns) == (None, Site(AUTHOR), Site(AUTHOR), 50)


def test_a_call_that_never_lets_go_has_no_site():
    made = where(seen(holds=[HoldPlace(None, None, None, 1, 50)]))

    assert made is not None
    assert (made.let_go, made.taken, made.dropped, made.n_places) == (None, None, None, 0)


def test_without_a_pass_there_is_nothing_to_say():
    assert where(None) is None


WRAPPER = Place(None, None, "__pyx_pw_4demo_1work", LIB)


def test_a_cython_function_without_debug_information_is_the_author():
    """All that is left of it is Cython's wrapper, into which it was inlined; it was named as Python code."""
    assert found(HOOK, DROP_GIL, SAVE, WRAPPER, VECTORCALL, EVAL, python=(LINE,)) == Site(WRAPPER, called_from=LINE)
    assert found(HOOK, SAVE, AUTHOR, WRAPPER, EVAL, python=(LINE,)).place == AUTHOR
    assert found(HOOK, SAVE, SLEEP, VECTORCALL, EVAL, WRAPPER, python=(LINE,)) == Site(LINE, via=SLEEP)


def test_the_longest_hold_is_the_one_that_is_as_long_as_in_the_judged_calls():
    """An interrupt made another hold of the pass 1.8 ms long."""
    let_go, taken = event_place(HOOK, SAVE, AUTHOR), event_place(HOOK, SAVE, AUTHOR, kind="take")
    before, after = HoldPlace(None, None, 0, 1, 4_800), HoldPlace(0, 1, None, 1, 1_800_000)
    places = seen(let_go, taken, holds=[before, after])

    assert where(places, 4_750).dropped == Site(AUTHOR)
    assert where(places, 4_750).longest_hold_ns == 4_750
    assert where(places, 1_700_000).dropped is None
    assert where(places).longest_hold_ns == 1_800_000


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_whichever_hold_is_meant_its_length_is_that_of_the_judged_calls(pass_ns, judged_ns):
    """Two figures of one report are one figure."""
    assert where(seen(holds=[HoldPlace(None, None, None, 1, pass_ns)]), judged_ns).longest_hold_ns == judged_ns
