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
    result.stdout.fnmatch_lines(["E*CheckFailed: work: held 100 % of the call, allowed at most 60 %*"])
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


def test_comparison_when_a_release_is_lost_then_it_fails_in_the_last_lines(project, pytester):
    """Nothing but the name of the baseline is needed; the last lines have test, function, was, is and the line."""
    assert project(RELEASED, "--gilcheck-save=main").ret == 0
    assert project(RELEASED, "--gilcheck-compare=main").ret == 0

    result = project(HELD, "--gilcheck-compare=main", "--gilcheck-gitlab=q.json")

    (finding,) = json.loads((pytester.path / "q.json").read_text())
    assert finding["location"] == {"path": "test_a.py", "lines": {"begin": 5}}
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["gilcheck: this run compared with 0001_main.json: 1 check in both: 1 worse"])
    *_, worse, where, last = [line for line in result.stdout.lines if line]
    assert worse.startswith("gilcheck: WORSE: test_a.py::test_it work: GIL released -> held, held share ")
    assert worse.endswith("-> 100 %")
    assert "specimens.holds" in where
    assert "1 passed, 1 gate failure in" in last


def test_comparison_when_only_figures_changed_then_it_fails_on_request_only(project):
    """Shares depend on the input, speed-ups on the machine."""
    partial = """
def test_it(gilcheck):
    gilcheck.options(name="work", overlap=False)(specimens.releases_then_holds, {0} * MS, {1} * MS)
"""
    project(partial.format(8, 2), "--gilcheck-save=main")

    assert project(partial.format(2, 8), "--gilcheck-compare=main").ret == 0
    result = project(partial.format(2, 8), "--gilcheck-compare=main", "--gilcheck-compare-fail=held_share:0.1")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["gilcheck: WORSE: test_a.py::test_it work: held share *->*(limit: held_share:0.1)"])


def test_comparison_when_nothing_was_decided_before_then_it_is_said_and_passes(project, blinded):
    """An inconclusive baseline is no baseline."""
    assert project(blinded + RELEASED, "--gilcheck-save=main").ret == 0

    both = project(blinded + RELEASED, "--gilcheck-compare=main")
    now_held = project(HELD, "--gilcheck-compare=main")

    assert (both.ret, now_held.ret) == (0, 0)
    both.stdout.fnmatch_lines(["  test_a.py::test_it work: GIL inconclusive in both runs, not compared"])
    now_held.stdout.fnmatch_lines(
        ["  test_a.py::test_it work: GIL inconclusive in 0001_main.json, held now, not compared"]
    )


@pytest.mark.parametrize(("policy", "status"), [("fail", 1), ("warn", 0), ("skip", 0)])
def test_comparison_when_a_check_is_not_decided_any_more_then_the_policy_says_what_happens(
    project, blinded, policy, status
):
    """And it is said in any case."""
    project(RELEASED, "--gilcheck-save=main")

    result = project(blinded + RELEASED, "--gilcheck-compare=main", f"--gilcheck-inconclusive={policy}")

    assert result.ret == status
    result.stdout.fnmatch_lines(
        ["*INCONCLUSIVE: test_a.py::test_it work: GIL released in 0001_main.json, inconclusive now"]
    )


TWO_TESTS = RELEASED + RELEASED.replace("test_it", "test_other")


def test_comparison_when_a_check_is_gone_then_it_fails(project):
    """Under the default policy."""
    project(TWO_TESTS, "--gilcheck-save=main")

    result = project(RELEASED, "--gilcheck-compare=main")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["gilcheck: GONE: test_a.py::test_other work: GIL released in 0001_main.json, and not *"]
    )
    assert project(RELEASED, "--gilcheck-compare=main", "--gilcheck-inconclusive=warn").ret == 0


@pytest.mark.parametrize("part", ["test_a.py::test_it", "-ktest_it", "--deselect=test_a.py::test_other"])
@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_comparison_when_only_some_tests_are_run_then_the_others_are_not_gone(project, part, workers):
    """Nor with workers, whose controller collects nothing itself."""
    if workers:
        pytest.importorskip("xdist")
    project(TWO_TESTS, "--gilcheck-save=main")

    result = project(TWO_TESTS, "--gilcheck-compare=main", part, *workers, subprocess=bool(workers))

    assert result.ret == 0
    result.stdout.fnmatch_lines(["  1 check of 0001_main.json not compared: *"])


def test_comparison_when_a_test_failed_before_its_check_then_that_is_one_failure(project):
    """pytest says what failed; the check is not gone."""
    project(TWO_TESTS, "--gilcheck-save=main")

    result = project(f"{RELEASED}\ndef test_other():\n    assert False\n", "--gilcheck-compare=main")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*GONE*")


def test_two_checks_of_one_name_in_a_test_keep_apart(project, pytester):
    """In the baseline, in GitLab's fingerprints and in the JSON report."""
    two = """
def test_it(gilcheck):
    work = gilcheck.options(name="work", overlap=False)
    work(specimens.releases, 5 * MS)
    work(specimens.{0}, 5 * MS)
"""
    project(two.format("releases"), "--gilcheck-save=main")

    result = project(two.format("holds"), "--gilcheck-compare=main", "--gilcheck-json=o.json")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*1 worse, 1 same", "gilcheck: WORSE: test_a.py::test_it work #2: GIL released -> held,*"]
    )
    lines = map(json.loads, (pytester.path / "o.json").read_text().splitlines())
    assert [line["check"]["ordinal"] for line in lines if "check" in line] == [1, 2]


def test_checks_under_given_are_not_compared_and_that_is_said(project):
    """Their number and their inputs differ from run to run."""
    body = """
from hypothesis import given, settings, strategies as st
@settings(max_examples={}, deadline=None)
@given(n=st.integers(1, 100))
def test_it(gilcheck_session, n):
    gilcheck_session.options(overlap=False)(specimens.releases, n * 1000)
""" + RELEASED.replace("test_it", "test_other")
    project(body.format(5), "--gilcheck-save=main")

    result = project(body.format(2), "--gilcheck-compare=main")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*1 check in both: 1 same", "  2 checks under @given not compared: *"])


@pytest.mark.parametrize(
    "option", ["--gilcheck-max-held-share=0.5", "--gilcheck-longest-hold=1ms", "--gilcheck-save=main"]
)
def test_option_on_the_command_line_when_it_only_has_a_meaning_while_checks_run_then_it_turns_them_on(project, option):
    """A limit without --gilcheck was once ignored in silence, and so was a baseline to save."""
    result = project("@pytest.mark.gilcheck(overlap=False)\ndef test_it():\n    specimens.holds(5 * MS)\n", option)

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*not run*")


def test_limit_in_a_file_waits_for_the_switch_and_that_is_said(project):
    """No limit is ignored in silence: neither for marked tests nor for checks of the fixture."""
    result = project(
        HELD + "@pytest.mark.gilcheck\ndef test_marked(): pass\n",
        ini="gilcheck_max_held_share = 0.5\ngilcheck_compare = main\ngilcheck_save = other",
    )

    result.assert_outcomes(passed=2)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "gilcheck: 1 check not run (run them with --gilcheck)",
            "gilcheck: 1 check does not keep the limits (enforce them with --gilcheck)",
        ]
    )


def test_report_path_when_a_test_changes_the_directory_then_it_stays_where_pytest_was_started(project, pytester):
    """Also that of a report that is saved because a call never returns (see tests/live)."""
    body = RELEASED + "\ndef test_moves(tmp_path):\n    import os\n    os.chdir(tmp_path)\n"

    paths = {"json": "o.json", "markdown": "o.md", "gitlab": "g.json", "html": "o.html", "trace": "t.json"}
    project(body, *(f"--gilcheck-{name}={path}" for name, path in paths.items()), subprocess=True)

    assert {*paths.values()} <= {path.name for path in pytester.path.iterdir()}


def test_report_path_when_a_call_never_returns_then_it_stays_where_pytest_was_started(project, pytester):
    """The path of the rescued report was relative to wherever the test had gone."""
    body = """
def test_moves(gilcheck, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gilcheck.options(deadline=1)(specimens.never_returns, True)
"""
    project(body, "--gilcheck-json=o.json", subprocess=True)

    assert (pytester.path / "o.json").exists()


def test_annotation_when_a_test_failed_for_another_reason_then_it_says_that_reason(project, monkeypatch):
    """`::error ... released` stood at a test that failed because overlap was undecided."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    body = """
def test_it(gilcheck):
    assert gilcheck.options(name="work", overlap=False)(specimens.releases, 5 * MS).overlaps
"""
    result = project(body, "--gilcheck")

    (annotation,) = [line for line in result.stdout.lines if line.startswith("::error")]
    assert "title=gilcheck%3A work::test failed: " in annotation
    assert "whether calls overlap is not measured" in annotation


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
        RELEASED, "--gilcheck", "--gilcheck-json=file/o.json", "--gilcheck-markdown=o.md", "--gilcheck-gitlab=q.json"
    )

    assert result.ret == 1
    result.stdout.fnmatch_lines(["gilcheck: --gilcheck-json=file/o.json was not written: *"])
    assert "was not written" in (pytester.path / "o.md").read_text()
    (finding,) = json.loads((pytester.path / "q.json").read_text())
    assert "was not written" in finding["description"]


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
