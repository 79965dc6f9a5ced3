"""Reports read and written entry by entry: stream, journal, merge, and what earlier versions wrote."""

import json
import os
import shutil
import threading
import tracemalloc
from itertools import product
from pathlib import Path

import pytest
from built import RACE, call, entries, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.commands import compare, merge, show
from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.judge import judge
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.journal import Journal
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry, to_line
from pytest_gilcheck.store.stream import Stream, merged

OBSERVATION = observation(call(20_000_000), name="f")
CHECK = CheckEntry("f", judge(OBSERVATION), OBSERVATION, "a.py::test_f", "a.py", 3)
AGREEMENT = AgreementEntry(RACE, "a.py::test_f", "a.py", 3, failed=True)
#: Reports that earlier versions wrote.
OLD = sorted((Path(__file__).parent / "reports").glob("*.json"))


def write(path, items, **end):
    """Write a report of these entries."""
    json_report.write(path, json_report.lines(items, **end))
    return path


@given(st.lists(entries, max_size=4), st.none() | st.text(), st.lists(st.text(), max_size=2))
def test_a_report_is_read_as_it_was_written(tmp_path_factory, items, interrupted, warnings):
    """Entries in their order, and how the run ended."""
    stream = Stream(write(tmp_path_factory.mktemp("d") / "x.json", items, interrupted=interrupted, warnings=warnings))

    assert list(stream) == items
    assert (stream.interrupted, stream.warnings) == (interrupted, tuple(warnings))
    assert stream.n_read == stream.size


@given(st.lists(entries, max_size=4))
def test_a_journal_gives_back_its_entries_and_becomes_a_report(tmp_path_factory, items):
    """Whether they come one by one or together."""
    path = tmp_path_factory.mktemp("d") / "x.json"
    journal = Journal()
    try:
        for entry in items[:2]:
            journal.extend([to_line(entry)])
        journal.extend(map(to_line, items[2:]))

        assert list(journal) == items
        assert len(journal) == len(items)
        json_report.write(path, journal.report())
    finally:
        journal.close()
    assert list(Stream(path)) == items


def test_a_closed_journal_leaves_no_file(tmp_path, monkeypatch):
    """One file while the session goes on, none afterwards."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    journal = Journal()
    journal.extend([])
    assert not [*tmp_path.iterdir()]

    journal.extend([to_line(CHECK), to_line(AGREEMENT)])
    assert len([*tmp_path.iterdir()]) == 1
    journal.close()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("n_before", "n_more"), [*product(range(3), range(3))])
def test_pieces_of_a_journal_make_a_whole_report(tmp_path, n_before, n_more):
    """What the native side writes when a call keeps the GIL past its deadline."""
    path = tmp_path / "x.json"
    journal = Journal()
    journal.extend([to_line(CHECK)] * n_before)

    pieces = journal.pieces([to_line(AGREEMENT)] * n_more, interrupted="deadline")
    path.write_text("".join(piece.read_text() if isinstance(piece, Path) else piece for piece in pieces))
    journal.close()

    stream = Stream(path)
    assert list(stream) == [CHECK] * n_before + [AGREEMENT] * n_more
    assert stream.interrupted == "deadline"


@pytest.mark.parametrize("cut", [1, 3, 20, 40, 200, 2_000])
def test_a_cut_report_is_refused_by_name(tmp_path, cut):
    """Within a line, and between two."""
    path = write(tmp_path / "x.json", [CHECK, AGREEMENT, CHECK])
    text = path.read_text()
    path.write_text(text[:-cut] if cut > 1 else text[: text.index('{"end"')])

    with pytest.raises(UsageError, match=r"x\.json .*cut off"):
        list(Stream(path))


def test_an_empty_file_is_refused_by_name(tmp_path):
    """No report at all."""
    (tmp_path / "x.json").touch()

    with pytest.raises(UsageError, match=r"x\.json is no JSON report, or is cut off"):
        list(Stream(tmp_path / "x.json"))


def test_reports_that_are_strung_together_are_refused_with_the_remedy(tmp_path):
    """`cat` merges JSON Lines, but not reports: keys of two would be the same."""
    path = write(tmp_path / "x.json", [CHECK])
    path.write_text(path.read_text() * 2)

    with pytest.raises(UsageError, match=r"x\.json goes on after its end, in line 4\..*gilcheck merge"):
        list(Stream(path))


def test_a_report_with_objects_of_several_lines_is_refused_with_the_remedy(tmp_path):
    """As `jq` writes them without -c."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(json.loads(json_report.first_line()), indent=2))

    with pytest.raises(UsageError, match=r"x\.json is not JSON Lines: .*jq -c"):
        list(Stream(path))


def test_empty_lines_are_passed_over(tmp_path):
    """Editors leave one at the end."""
    path = write(tmp_path / "x.json", [CHECK])
    path.write_text(path.read_text().replace("\n", "\n\n"))

    assert list(Stream(path)) == [CHECK]


def test_a_newer_report_is_refused_before_its_entries_are_read(tmp_path):
    """They may have any form."""
    path = write(tmp_path / "x.json", [CHECK])
    path.write_text(path.read_text().replace('"schema_version":3', '"schema_version":99', 1))

    with pytest.raises(UsageError, match="has schema_version 99; this gilcheck reads 1 to 3: update it"):
        next(iter(Stream(path)))


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_report_is_read_or_refused_and_never_crashes(tmp_path_factory, at, damage):
    """Any bytes anywhere."""
    path = tmp_path_factory.mktemp("d") / "x.json"
    text = "".join(json_report.lines([CHECK, AGREEMENT])).encode()
    path.write_bytes(text[: at % len(text)] + damage + text[at % len(text) + 3 :])

    try:
        list(Stream(path))
    except UsageError:
        pass


def test_what_is_not_there_or_no_text_is_refused_by_name(tmp_path):
    """A missing file, bytes, a folder."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("none", "binary", "."):
        with pytest.raises(UsageError, match="cannot be read"):
            list(Stream(tmp_path / name))


def test_a_merged_report_says_where_its_entries_came_from(tmp_path):
    """Entries that were merged before keep their origin."""
    one = write(tmp_path / "one.json", [AGREEMENT, CHECK], interrupted="deadline")
    two = write(tmp_path / "two.json", [CHECK], warnings=["careful"])
    for number, sources in enumerate(([("one", one), ("two", two)], [("all", tmp_path / "0.json")])):
        json_report.write(tmp_path / f"{number}.json", merged(sources))

    stream = Stream(tmp_path / "1.json")
    assert [(type(entry), entry.origin) for entry in stream] == [
        (AgreementEntry, "one"),
        (CheckEntry, "one"),
        (CheckEntry, "two"),
    ]
    assert stream.interrupted == "all: one: deadline"
    assert stream.warnings == ("all: two: careful",)


def test_a_pipe_can_be_merged(tmp_path):
    """It is read once."""
    path = write(tmp_path / "x.json", [CHECK, AGREEMENT])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(path.read_text()))
    writer.start()

    _, *lines, _ = merged([("pipe", pipe)])

    writer.join()
    assert len(lines) == 2


@pytest.mark.parametrize("read", [Stream, lambda path: merged([("a", path)])], ids=["reading", "merging"])
def test_memory_does_not_grow_with_the_report(tmp_path, read):
    """One entry at a time is held, however many there are."""
    peaks = []
    for n in (20, 400):
        path = write(tmp_path / f"{n}.json", [AGREEMENT, CHECK] * n)
        for _ in read(path):  # what is built once is built before the measurement
            pass
        tracemalloc.start()
        assert sum(1 for _ in read(path)) >= 2 * n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 8 * peaks[0]  # twenty times as many entries


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_an_old_report_is_shown_compared_and_merged(tmp_path, capsys, path):
    """Judged again it keeps its words; beside itself and in a new report it is the same."""
    items = list(Stream(path))
    checks = [entry for entry in items if isinstance(entry, CheckEntry)]
    merged_path = tmp_path / "all.json"

    for check in checks:
        verdict = judge(check.observation)
        assert (verdict.gil, verdict.overlap) == (check.verdict.gil, check.verdict.overlap)
    assert show.main(["-f", "table", str(path)]) in (0, 1, 3)
    shown = capsys.readouterr().out
    assert all(entry.name[:8] in shown for entry in items)
    assert merge.main(["-o", str(merged_path), str(path)]) == 0
    assert [entry.origin for entry in Stream(merged_path)] == [path.stem] * len(items)
    assert compare.main([str(path), str(path)]) in (0, 3)
    compared = capsys.readouterr().out
    assert f"{len(items)} check{'' if len(items) == 1 else 's'} in both" in compared
    assert "worse" not in compared
    assert "better" not in compared


def test_an_old_report_is_read_in_todays_words():
    """Agreements, and what the ledger counts."""
    _, agree, differ = Stream(Path(__file__).parent / "reports" / "agreements-v2.json")
    (held,) = Stream(Path(__file__).parent / "reports" / "held-v1.json")

    assert (agree.agreement.word, differ.agreement.word) == ("agree", "differ")
    assert differ.agreement.difference.got == "2"
    assert held.verdict.gil == "held"
    assert held.verdict.agreement == "not_checked"
    assert held.verdict.machine.architecture == "x86_64"
    assert held.observation.gil_waits.n_releases_by_interpreter > 0


def test_the_layout_of_an_old_report_does_not_matter(tmp_path):
    """In one line, or indented by another tool."""
    (path,) = (path for path in OLD if path.stem == "agreements-v2")
    for indent in (None, 4):
        (tmp_path / "x.json").write_text(json.dumps(json.loads(path.read_text()), indent=indent))

        assert list(Stream(tmp_path / "x.json")) == list(Stream(path))


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('"checks"', '"chequers"', "has no list of checks"),
        ('"agreements"', '"arguments"', "has no list of agreements"),
        ('"gil"', '"gul"', "check 1 has not the form of"),
        ('"blob"', '"blab"', None),
        ('"n_examples":100', '"n_examples":"many"', "agreement 1 has not the form of"),
        ('"schema_version": 2', '"schema_version": 3', "is not JSON Lines"),
    ],
)
def test_a_broken_old_report_is_refused_by_name(tmp_path, right, wrong, says):
    """Fields that have a default may be missing."""
    path = tmp_path / "x.json"
    text = next(path for path in OLD if path.stem == "agreements-v2").read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))

    if says is None:
        assert len(list(Stream(path))) == 3
        return
    with pytest.raises(UsageError, match=rf"x\.json {says}"):
        list(Stream(path))


@pytest.mark.parametrize("cut", [3, 20, 200, 2_000])
def test_a_cut_old_report_is_refused_by_name(tmp_path, cut):
    """It is one object."""
    path = Path(shutil.copy(OLD[0], tmp_path / "x.json"))
    path.write_text(path.read_text()[:-cut])

    with pytest.raises(UsageError, match=r"x\.json is no JSON report, or is cut off"):
        list(Stream(path))


def test_old_reports_of_each_version_are_kept():
    """And the README names them."""
    assert {json.loads(path.read_text())["schema_version"] for path in OLD} == {1, 2}
    readme = (Path(__file__).parent / "reports" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in readme for path in OLD)
