"""Limits, baselines, reports and what fails a gate."""

import json

import pytest

HELD = """
def test_it(gilcheck):
    gilcheck.options(name="work", overlap=False)(specimens.holds, 5 * MS)
"""
RELEASED = HELD.replace("holds", "releases")


def test_a_limit_of_the_run_fails_a_fixtures_check_and_shows_the_margin(project):
    result = project(HELD, "--gilcheck", "--gilcheck-max-held-share=60%")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*CheckFailed: work: FAILED: held 100 % of the call, allowed at most 60 %*"])
    assert result.ret == 1


def test_the_margin_is_shown_and_kept_on_passes_too(project, pytester):
    result = project(RELEASED, "--gilcheck", "--gilcheck-longest-hold=2ms", "--gilcheck-json=o.json")

    result.assert_outcomes(passed=1)
    (limit,) = json.loads((pytester.path / "o.json").read_text().splitlines()[1])["check"]["verdict"]["limits"]
    assert limit["name"] == "longest_hold"
    assert limit["met"] is True
    assert 0 < limit["margin"] < 2_000_000
    result.stdout.fnmatch_lines(["*margin*", "test_it *released*", "  work*"])


def test_nearer_words_win(project):
    """options() over the command line over the ini file."""
    body = HELD.replace("overlap=False", "overlap=False, max_held_share=1.0")

    project(body, "--gilcheck", "--gilcheck-max-held-share=0.5").assert_outcomes(passed=1)
    ini = "gilcheck_max_held_share = 0.5"
    project(HELD, "--gilcheck", ini=ini).assert_outcomes(failed=1)
    project(HELD, "--gilcheck", "--gilcheck-max-held-share=1", ini=ini).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("pattern", "n_run"), [("test_one", 1), ("test_*", 2), ("test_a.py", 2), ("test_a.py::test_two", 1)]
)
def test_only_and_skip_leave_tests_unmeasured(project, pattern, n_run):
    body = RELEASED.replace("test_it", "test_one") + RELEASED.replace("test_it", "test_two")

    assert project(body, "--gilcheck", "-qq", f"--gilcheck-only={pattern}").stdout.str().count("released") == 1
    skipping = project(body, "--gilcheck", "-qq", f"--gilcheck-skip={pattern}")
    assert (skipping.ret == 1) is (n_run == 2)  # then no check ran


def test_a_regression_against_the_baseline_fails_and_names_function_limit_margin(project):
    assert project(RELEASED, "--gilcheck", "--gilcheck-save=main").ret == 0
    gate = (
        "--gilcheck",
        "--gilcheck-compare=main",
        "--gilcheck-compare-fail=gil",
        "--gilcheck-compare-fail=held_share:0.1",
    )
    assert project(RELEASED, *gate).ret == 0

    result = project(HELD, *gate)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "gilcheck: this run compared with 0001_main.json: 1 check in both; 3 worse,*",
            "gilcheck: WORSE: test_a.py::test_it work: held_share*->*limit: held_share:0.1, margin -0.*",
            "gilcheck: WORSE: test_a.py::test_it work: gil released -> held (limit: gil)",
        ]
    )


def test_another_class_of_machine_is_said_aloud(project, pytester):
    project(RELEASED, "--gilcheck", "--gilcheck-save=main")
    (path,) = (pytester.path / ".gilcheck").rglob("*.json")
    path.write_text(path.read_text().replace('"cpu":"', '"cpu":"another '))

    project(RELEASED, "--gilcheck", "--gilcheck-compare").stdout.fnmatch_lines(
        ["*ANOTHER CLASS OF MACHINE: cpu another *"]
    )


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--gilcheck-compare=nothing", "the baseline 'nothing' is not in*Save one with --gilcheck-save=NAME."),
        ("--gilcheck-compare-fail=gil", "a baseline is not in*"),
        ("--gilcheck-compare-fail=held:5", "expected a word*or a figure*got 'held:5'"),
        ("--gilcheck-compare-fail=results", "'results' is called 'agreement' now, got 'results'"),
        ("--gilcheck-compare-fail=speedup:-1", "*got 'speedup:-1'"),
        ("--gilcheck-save=7", "expected a letter*got '7'"),
        ("--gilcheck-min-speedup=fast", "expected a number above 0, got 'fast'"),
        ("--gilcheck-github=perhaps", "expected one of auto, yes, no, got 'perhaps'"),
    ],
)
def test_bad_values_stop_the_run_before_it_begins(project, option, says):
    result = project(RELEASED, "--gilcheck", option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --gilcheck-*: {says}"])


def test_a_truncated_baseline_stops_the_run(project, pytester):
    project(RELEASED, "--gilcheck", "--gilcheck-save=main")
    (path,) = (pytester.path / ".gilcheck").rglob("*.json")
    path.write_text(path.read_text()[:-200])

    result = project(RELEASED, "--gilcheck", "--gilcheck-compare")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *0001_main.json*cut off*"])


def test_what_cannot_be_written_keeps_nothing_else_back(project, pytester):
    """A folder where a file stands: nobody can write there, not even root."""
    (pytester.path / "file").write_text("")

    result = project(
        RELEASED, "--gilcheck", "--gilcheck-json=file/o.json", "--gilcheck-markdown=o.md", "--gilcheck-gitlab=o.json"
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(["gilcheck: --gilcheck-json=file/o.json was not written: *"])
    assert "was not written" in (pytester.path / "o.md").read_text()
    assert json.loads((pytester.path / "o.json").read_text()) == []


def test_github_gets_annotations_and_a_summary(project, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))

    result = project(HELD, "--gilcheck", "--gilcheck-max-held-share=0.5")

    result.stdout.fnmatch_lines(
        [
            f"::error file={pytester.path.name}/test_a.py,line=5,title=gilcheck%3A work::work: held. *FAILED: held 100 %25 of the call, allowed at most 50 %25.*"
        ]
    )
    assert "work | held | 100 % |" in (pytester.path / "summary.md").read_text()


def test_gitlab_and_junit_get_the_same_findings(project, pytester):
    project(HELD, "--gilcheck", "--gilcheck-max-held-share=0.5", "--gilcheck-gitlab=q.json", "--junit-xml=j.xml")

    (entry,) = json.loads((pytester.path / "q.json").read_text())
    assert (entry["severity"], entry["location"]) == ("major", {"path": "test_a.py", "lines": {"begin": 5}})
    junit = (pytester.path / "j.xml").read_text()
    assert '<property name="gilcheck.work.gil" value="held" />' in junit
    assert "FAILED: held 100 % of the call, allowed at most 50 %" in junit


def test_reports_when_their_checks_were_taken_then_they_do_not_keep_them(pytester):
    """pytest keeps every report until its end: a session of 1,000 checks took 50 MB more."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_terminal_summary(terminalreporter):
            kept = [r for rs in terminalreporter.stats.values() for r in rs if hasattr(r, "gilcheck")]
            terminalreporter.write_line(f"reports that keep checks: {len(kept)}")
        """
    )
    pytester.makepyfile(
        """
        from pytest_gilcheck import specimens

        def test_it(gilcheck):
            gilcheck.options(overlap=False)(specimens.releases, 100_000)
        """
    )

    result = pytester.runpytest("--gilcheck", "--gilcheck-json=out.json")

    result.stdout.fnmatch_lines(["reports that keep checks: 0"])
    assert '"name"' in (pytester.path / "out.json").read_text()
