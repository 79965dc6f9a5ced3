"""`pytest_gilcheck.check` in a plain test: neither the marker nor a fixture announces it, and it is reported all the same."""

import json

import pytest

PLAIN = """
def test_before():
    pass

def test_it():
    assert check.options(overlap=False)(specimens.releases, 5 * MS).released

def test_after():
    pass
"""


def checks(pytester):
    """Return the test and the name of each check in the JSON report."""
    lines = map(json.loads, (pytester.path / "report.json").read_text().splitlines())
    return [(line["check"]["test"], line["check"]["name"]) for line in lines if "check" in line]


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_check_in_a_plain_test_is_reported_as_that_tests(project, pytester, workers):
    """In this process and in a worker, whose controller could not know of it."""
    if workers:
        pytest.importorskip("xdist")
    result = project(PLAIN, "--gilcheck-json=report.json", *workers, subprocess=bool(workers))

    result.assert_outcomes(passed=3)
    assert checks(pytester) == [("test_a.py::test_it", "pytest_gilcheck.specimens.releases")]


def test_a_check_of_a_thread_that_a_test_starts_is_reported(project, pytester):
    """The hooks around tests are registered from that thread, once."""
    body = """
def test_it():
    import threading
    def run():
        check.options(overlap=False)(specimens.releases, 5 * MS)
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
"""
    result = project(body, "--gilcheck-json=report.json")

    result.assert_outcomes(passed=1)
    assert checks(pytester) == [("test_a.py::test_it", "pytest_gilcheck.specimens.releases")] * 2


def test_an_inconclusive_verdict_in_a_plain_test_follows_the_policy(project, blinded):
    """Also in the test that registers the hooks which decide that."""
    body = f"{blinded}\ndef test_it():\n    assert check.options(overlap=False)(len, '').released\n"
    result = project(body, "--gilcheck-inconclusive=skip", "-rs")

    result.assert_outcomes(skipped=1)


def test_a_fixture_that_is_asked_for_by_its_name_checks_and_is_reported(project, pytester):
    """``request.getfixturevalue``: collection could not see it."""
    body = """
def test_it(request):
    request.getfixturevalue("gilcheck").options(overlap=False)(specimens.releases, 5 * MS)
"""
    result = project(body, "--gilcheck-json=report.json")

    result.assert_outcomes(passed=1)
    assert checks(pytester) == [("test_a.py::test_it", "pytest_gilcheck.specimens.releases")]
