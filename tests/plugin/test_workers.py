"""pytest-xdist: real workers, and workers that die."""

import json

import pytest

pytest.importorskip("xdist")

SUITE = """
@pytest.mark.parametrize("n", range(4))
def test_free(gilcheck, n):
    assert gilcheck.options(overlap=False)(specimens.releases, 5 * MS).released

@pytest.mark.gilcheck(expect="held", overlap=False)
def test_marked():
    specimens.holds(5 * MS)

def test_with_rounds(gilcheck):
    gilcheck(specimens.holds, MS)
"""


def words(pytester, name):
    lines = map(json.loads, (pytester.path / name).read_text().splitlines())
    checks = [line["check"] for line in lines if "check" in line]
    return {(check["test"], check["name"], check["verdict"]["gil"]) for check in checks}


def test_workers_give_the_same_verdicts_in_one_report(project, pytester):
    alone = project(SUITE, "--gilcheck", "--gilcheck-json=alone.json")
    shared = project(SUITE, "--gilcheck", "--gilcheck-json=shared.json", "-n4", subprocess=True)

    assert (alone.ret, shared.ret) == (0, 0)
    assert words(pytester, "alone.json") == words(pytester, "shared.json")
    assert len(words(pytester, "alone.json")) == 6
    assert shared.stdout.str().count("= gilcheck =") == 1


def test_a_worker_that_dies_leaves_what_it_knew(project, pytester):
    """A call that keeps the GIL for ever ends its worker; another one goes on."""
    body = (
        SUITE
        + """
def test_stuck(gilcheck):
    gilcheck.options(name="before", overlap=False)(specimens.holds, 5 * MS)
    gilcheck.options(deadline=1)(specimens.never_returns, True)
"""
    )
    result = project(body, "--gilcheck", "--gilcheck-json=o.json", "-n2", subprocess=True)

    assert result.ret == 1
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(
        ["gilcheck: worker gw* died in a check*1 check that its last test had made before it are in this report"]
    )
    assert ("test_a.py::test_stuck", "before", "held") in words(pytester, "o.json")
    assert len(words(pytester, "o.json")) == 7


@pytest.mark.parametrize(
    "killed",
    ["gilcheck.options(overlap=False)(os._exit, 9)", "gilcheck(os.kill, os.getpid(), 9)", "os.kill(os.getpid(), 9)"],
)
def test_a_worker_that_is_killed_costs_its_own_test_only(project, pytester, killed):
    body = (
        SUITE
        + f"""
def test_killed(gilcheck):
    import os
    {killed}
"""
    )
    result = project(body, "--gilcheck", "--gilcheck-json=o.json", "-n2", subprocess=True)

    result.assert_outcomes(passed=6, failed=1)
    assert len(words(pytester, "o.json")) == 6


def test_marker_with_a_mistake_fails_its_own_test_in_a_worker(project):
    """An error at collection ended the workers, and all that was shown was an internal error of xdist."""
    body = (
        SUITE
        + """
@pytest.mark.gilcheck(thread=4)
def test_mistaken(): pass
"""
    )
    result = project(body, "--gilcheck", "-n2", subprocess=True)

    result.assert_outcomes(passed=6, errors=1)
    result.stdout.fnmatch_lines(["*@pytest.mark.gilcheck: unknown option 'thread'; did you mean 'threads'?*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_gate_on_workers_decides_as_without(project):
    """One comparison, in the controller."""
    project(SUITE, "--gilcheck-save=main", "-n2", subprocess=True)

    same = project(SUITE, "--gilcheck-compare=main", "-n2", subprocess=True)
    worse = project(
        SUITE.replace(
            "assert gilcheck.options(overlap=False)(specimens.releases, 5 * MS).released",
            "gilcheck.options(overlap=False, name='pytest_gilcheck.specimens.releases')(specimens.holds, 5 * MS)",
        ),
        "--gilcheck-compare=main",
        "-n2",
        subprocess=True,
    )

    assert (same.ret, worse.ret) == (0, 1)
    worse.stdout.fnmatch_lines(["*6 checks in both: 4 worse, 2 same"])
    assert "4 gate failures" in worse.stdout.lines[-1]
