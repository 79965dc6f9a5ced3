"""The lines of the longest hold, as text."""

from dataclasses import replace

import pytest
from built import observation, verdict_on

from pytest_gilcheck.evidence import BusiestPlace, GilEventPlace, HoldPlace, Place, Places, Site, SourceLine, Where
from pytest_gilcheck.report.where import all_frames, headline, is_of_python, lines, place_text, short_path, source_of

AT = Site(Place("/home/me/src/lib.rs", 31, "demo::partial", "/home/me/demo.so"))
BACK = Site(Place("/home/me/src/lib.rs", 33, "demo::partial", "/home/me/demo.so"))
AFTER = Where(3_000_000, let_go=AT, taken=BACK, root="/home/me")


def text(where):
    return "\n".join(lines(where))


def test_the_hold_after_a_re_take():
    assert list(lines(AFTER)) == [
        "  where         released at src/lib.rs:31 (demo::partial)",
        "                taken at src/lib.rs:33 (demo::partial)",
        "                held for 3 ms until the return",
    ]


def test_the_hold_before_the_first_release():
    where = replace(AFTER, let_go=None, dropped=AT)

    assert list(lines(where)) == [
        "  where         held for 3 ms from the start of the call",
        "                released at src/lib.rs:31 (demo::partial)",
        "                taken at src/lib.rs:33 (demo::partial)",
    ]


def test_a_call_that_never_lets_go_names_its_library_and_where_its_time_went():
    function = Place("Modules/mathmodule.c", 2107, "math.factorial", "/usr/lib/math.so")
    busiest = BusiestPlace((Place("/home/me/x.py", 4, "f"),), function, 0.994)

    section = text(Where(3_000_000, function=function, busiest=busiest, root="/home/me"))

    assert "held from start to end: Modules/mathmodule.c:2107 (math.factorial)" in section
    assert "99.4 % of it at x.py:4 (f) in Modules/mathmodule.c:2107 (math.factorial)" in section


def headed(where, width=80):
    return next(headline(replace(verdict_on(observation()), where=where), width))


def test_a_hold_that_ends_in_the_file_in_which_it_begins_names_it_once():
    """Two paths of one file did not fit the line, and both lost their middle."""
    end = Site(Place("/home/me/src/lib.rs", 41, "demo::partial", "/home/me/demo.so"))
    elsewhere = replace(end, place=replace(end.place, file="/home/me/src/other.rs"))

    assert headed(replace(AFTER, dropped=end)) == "  held for 3 ms from src/lib.rs:33 (demo::partial) to line 41"
    assert headed(replace(AFTER, dropped=elsewhere)).endswith("(demo::partial) to src/other.rs:41")


def test_a_hold_after_a_block_that_releases_is_said_to_be_after_its_line():
    """`held from lib.rs:33`, and below it the line that releases the GIL: readers looked twice."""
    where = replace(AFTER, let_go=BACK)

    assert headed(where) == "  held for 3 ms after src/lib.rs:33 (demo::partial) to the return"
    assert headed(replace(where, dropped=AT)) == "  held for 3 ms after src/lib.rs:33 (demo::partial) to line 31"


def test_a_hold_of_a_block_that_takes_the_gil_back_has_one_line():
    """`held for 11.3 ms from demo.pyx:36 to line 36`."""
    closure = replace(BACK, place=replace(BACK.place, function="{closure#0}"))

    assert headed(replace(AFTER, dropped=BACK)) == "  held for 3 ms at src/lib.rs:33 (demo::partial)"
    assert headed(replace(AFTER, taken=closure, dropped=BACK)) == "  held for 3 ms at src/lib.rs:33"


def test_a_place_without_a_name_is_that_of_its_module():
    """`an unknown functi…311-x86_64-linux-gnu.so)`; two of them are not known to be one line."""
    unknown = Site(Place(None, None, None, "/venv/demo_words.cpython-311-x86_64-linux-gnu.so"))

    assert (
        headed(replace(AFTER, let_go=unknown, taken=unknown))
        == "  held for 3 ms from an unknown function (demo_words.so) to the return"
    )


def test_a_library_with_a_long_name_does_not_hide_the_function():
    """``in with_nanobind…obind.cpython-311-x86_64-linux-gnu.so)``"""
    library = "/home/me/with_nanobind.cpython-311-x86_64-linux-gnu.so"
    where = Where(3_000_000, function=Place(None, None, "with_nanobind.steps_holding", library), root="/home/me")

    assert headed(where) == "  held from start to end in with_nanobind.steps_holding"
    assert headed(where, 120).endswith("steps_holding (with_nanobind.cpython-311-x86_64-linux-gnu.so)")


def test_a_caller_is_said_once():
    line = Place("/home/me/x.py", 4, "f")
    where = replace(AFTER, let_go=replace(AT, called_from=line), taken=replace(BACK, called_from=line))

    assert text(where).count("called at x.py:4 (f)") == 1


def test_without_debug_information_symbol_and_library_are_named():
    assert place_text(Place(None, None, "work", "/usr/lib/libwork.so")) == "work (libwork.so)"


def test_paths_are_short_and_know_their_end():
    assert short_path("/home/me/src/lib.rs", "/home/me") == "src/lib.rs"
    assert short_path("/home/me2/a/src/lib.rs", "/home/me") == "…/a/src/lib.rs"
    assert short_path("/venv/lib/python3.12/site-packages/demo/core.py", "/home/me") == "site-packages/demo/core.py"
    assert short_path("lib.rs", "") == "lib.rs"


def test_all_frames_leave_nothing_out():
    places = Places(
        (GilEventPlace("release", (AT.place, Place()), (Place("x.py", 4, "f"),), 7),),
        (HoldPlace(None, None, 0, 7, 9),),
        n_dropped=2,
    )

    section = "\n".join(all_frames(places))

    for part in ("/home/me/src/lib.rs:31", "demo::partial", "[?]", "x.py:4", "7 times", "2 more GIL events"):
        assert part in section


@pytest.mark.parametrize(("text", "shown"), [("{", None), ("    }", None), ("x = f()", "x = f()")])
def test_a_line_that_is_only_a_brace_is_not_shown(text, shown):
    """Debug information begins a C function there."""
    where = replace(AFTER, sources=(SourceLine("/home/me/src/lib.rs", 33, text),))

    assert source_of(where, BACK.place) == shown


def test_nothing_is_said_without_a_pass():
    assert text(None) == ""


def test_all_frames_say_no_line_that_is_not_known():
    event = GilEventPlace("release", (Place("/home/me/any.rs", None, "call", "/home/me/demo.so"),))

    section = "\n".join(all_frames(Places((event,))))

    assert "any.rs [/home/me/demo.so]" in section
    assert "(release, once)" in section


@pytest.mark.parametrize(
    ("path", "is_python_s"),
    [
        ("/usr/lib/python3.12/json/decoder.py", True),
        ("/usr/lib/python3.12/lib-dynload/math.so", True),
        ("/usr/lib/libpython3.12.so.1.0", True),
        ("/opt/bin/python3.13t", True),
        ("/venv/lib/python3.12/site-packages/demo/core.py", False),
        ("/home/me/python3.12/work.py", False),
    ],
)
def test_code_of_python_is_known_by_its_place(path, is_python_s):
    """Nobody is told to release the GIL in the standard library."""
    assert is_of_python(Place(path, 3)) is is_python_s
    assert is_of_python(Place(None, None, "f", path)) is is_python_s
