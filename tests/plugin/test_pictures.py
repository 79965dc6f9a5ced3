"""The page and the trace that a run writes, and that are made of its JSON report later."""

import json
import subprocess
import sys

import pytest

HELD = """
@pytest.mark.parametrize("x", ["<script>alert(1)</script>"])
def test_it(gilcheck, x):
    gilcheck.options(name="work", overlap=False)(specimens.holds, 2 * MS)
"""
RELEASED = HELD.replace("holds", "releases")


def gilcheck(path, *arguments):
    command = [sys.executable, "-m", "pytest_gilcheck", *map(str, arguments)]
    return subprocess.run(command, cwd=path, capture_output=True, text=True, check=False)


def test_run_writes_a_page_and_a_trace(project, pytester):
    """An option for a report turns checks on, as those for the others do."""
    result = project(HELD, "--gilcheck-html=out/o.html", "--gilcheck-trace=t.json")

    result.assert_outcomes(passed=1)
    page = (pytester.path / "out" / "o.html").read_text(encoding="utf-8")
    assert "test_it[&lt;script&gt;alert(1)&lt;/script&gt;]" in page
    assert '<span class="word held">held</span>' in page
    assert page.count("<script") == 2
    events = json.loads((pytester.path / "t.json").read_text())["traceEvents"]
    assert {"held"} <= {event["name"] for event in events}


def test_page_has_the_comparison_and_why_the_gate_fails(project, pytester, decided):
    project(decided + RELEASED, "--gilcheck-json=before.json")

    result = project(decided + HELD, "--gilcheck-compare=before.json", "--gilcheck-html=o.html")

    assert result.ret == 1
    page = (pytester.path / "o.html").read_text(encoding="utf-8")
    assert "The gate fails" in page
    assert '<li class="finding worse">WORSE: ' in page
    assert '<span class="word change worse">worse</span>' in page


def test_page_that_cannot_be_written_fails_the_run(project, pytester):
    (pytester.path / "file").write_text("")

    result = project(HELD, "--gilcheck", "--gilcheck-html=file/o.html", "--gilcheck-trace=t.json")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["gilcheck: --gilcheck-html=file/o.html was not written: *"])
    assert (pytester.path / "t.json").exists()


def test_page_of_a_run_under_xdist_has_the_checks_of_all_workers(project, pytester):
    """The controller writes it."""
    pytest.importorskip("xdist")
    body = RELEASED + RELEASED.replace("test_it", "test_other")
    project(body, "--gilcheck-html=o.html", "-n2", "-p", "xdist", subprocess=True)

    page = (pytester.path / "o.html").read_text(encoding="utf-8")
    assert page.count('class="check"') == 2


def test_show_makes_both_of_a_json_report(project, pytester):
    """What it writes is what the run writes, but for how the run ended. The exit status is that of the checks."""
    project(RELEASED, "--gilcheck-json=o.json", "--gilcheck-html=o.html", "--gilcheck-trace=t.json")

    page = gilcheck(pytester.path, "show", "o.json", "--html", "again.html")
    trace = gilcheck(pytester.path, "show", "o.json", "--trace", "-")

    assert (page.returncode, page.stdout, page.stderr) == (0, "", "")
    assert (pytester.path / "again.html").read_text() == (pytester.path / "o.html").read_text()
    assert trace.stdout == (pytester.path / "t.json").read_text()


def test_show_compares_on_the_page(project, pytester, decided):
    project(decided + RELEASED, "--gilcheck-json=before.json")
    project(decided + HELD, "--gilcheck-json=after.json")

    gilcheck(pytester.path, "show", "after.json", "--compare", "before.json", "--html", "o.html")

    assert '<span class="word change worse">worse</span>' in (pytester.path / "o.html").read_text()


def test_show_says_what_goes_together(project, pytester):
    project(RELEASED, "--gilcheck-json=o.json")

    for arguments, says in [
        (["--html", "a", "--trace", "b"], "not allowed with argument"),
        (["--html", "a", "-f", "table"], "not allowed with argument"),
        (["--compare", "o.json"], "write --html PATH too"),
        (["--html", "o.json/a"], "was not written"),
    ]:
        result = gilcheck(pytester.path, "show", "o.json", *arguments)
        assert result.returncode == 2
        assert says in result.stderr
