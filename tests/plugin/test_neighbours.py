"""Other plugins in the same run: each together with ours, in a process of their own."""

from importlib.util import find_spec

import pytest

CHECK = """
def test_free(gilcheck):
    assert gilcheck.options(overlap=False)(specimens.releases, 5 * MS).released
"""

NEIGHBOURS = {
    "pytest_benchmark": ("def test_b(benchmark): assert benchmark(len, '') == 0\n", (), 2),
    "xdist": ("", ("-n1",), 1),
    "pytest_timeout": ("", ("--timeout=60",), 1),
    "pytest_cov": ("", ("--cov=.", "--cov-report="), 1),
    "pytest_asyncio": ("@pytest.mark.asyncio\nasync def test_a(): pass\n", ("--asyncio-mode=strict",), 2),
    "pytest_memray": ("", ("--memray",), 1),
    "hypothesis": (
        "from hypothesis import given, settings, strategies as st\n@settings(max_examples=3, deadline=None)\n@given(st.integers())\ndef test_h(gilcheck_session, n): assert gilcheck_session.options(overlap=False)(specimens.holds, MS).held\n",
        (),
        2,
    ),
    "unittest": (
        "import unittest\nclass TestU(unittest.TestCase):\n    def test_u(self):\n        self.assertTrue(check.options(overlap=False, name='in-unittest')(specimens.releases, 5 * MS).released)\n",
        (),
        2,
    ),
}


def needs(name):
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_both_do_their_work(project, name):
    needs(name)
    body, arguments, n = NEIGHBOURS[name]

    result = project(CHECK + body, "--gilcheck", *arguments, subprocess=True)

    result.assert_outcomes(passed=n)
    result.stdout.fnmatch_lines(["*= gilcheck =*", "*releases*released*"])
    if name == "unittest":
        result.stdout.fnmatch_lines(["*in-unittest*released*"])


def test_run_parallel_keeps_its_threads_off_our_items(project):
    needs("pytest_run_parallel")

    result = project(CHECK + "def test_o(thread_index): pass\n", "--gilcheck", "--parallel-threads=2", subprocess=True)

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*releases*released*"])
    assert "short-switch-interval" not in result.stdout.str()


def test_run_parallel_is_noticed_where_it_cannot_be_kept_off(project):
    needs("pytest_run_parallel")
    body = "seen = []\ndef test_o():\n    seen.extend(check.options(overlap=False)(specimens.releases, 5 * MS).reasons)\n    assert 'short-switch-interval' in seen\n"

    project(body, "--parallel-threads=2", subprocess=True).assert_outcomes(passed=1)


def test_rerun_tests_report_their_last_attempt_only(project, pytester):
    needs("pytest_rerunfailures")
    body = "tries = []\n" + CHECK + "    tries.append(1)\n    assert len(tries) == 2\n"

    result = project(body, "--gilcheck", "--reruns=1", "--gilcheck-json=o.json", subprocess=True)

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["gilcheck: *test_free was run again: 1 checks of the failed attempt are not in this report"]
    )
    assert (pytester.path / "o.json").read_text().count('"name":"releases","test"') == 1
