"""Documents piece by piece: journal, stream, merge, keys."""

import json
import tracemalloc

import jsonschema
import pytest
from built import call, observation, observations, verdicts
from document_schema import HOME, schema, text
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.judge import judge
from pytest_gilcheck.report import document
from pytest_gilcheck.report.document import Check, check_line
from pytest_gilcheck.report.stream import Journal, Stream, keyed, merged

MADE = observation(call(20_000_000), name="f")
CHECK = Check("f", judge(MADE), MADE, "a.py::test_f", "a.py", 3)
checks = st.builds(
    lambda seen, verdict, test, failed: Check(seen.name, verdict, seen, test, failed=failed),
    observations,
    verdicts,
    st.none() | st.text(min_size=1),
    st.booleans(),
)


def write(path, *lines, n=0):
    journal = Journal()
    for line in lines or [check_line(CHECK)] * n:
        journal.append(line)
    document.write(path, journal.parts())
    journal.close()
    return path


@given(st.lists(checks, max_size=3))
def test_a_journal_becomes_a_document_that_both_readers_read(tmp_path_factory, made):
    path = write(tmp_path_factory.mktemp("d") / "x.json", *map(check_line, made))

    assert list(Stream(path)) == made
    assert list(document.read(path).checks) == made


def test_the_published_schema_is_that_of_the_records():
    """``python docs/_ext/document_schema.py`` writes it anew."""
    assert HOME.read_text(encoding="utf-8") == text()


@given(st.lists(checks, max_size=2), st.none() | st.text())
def test_every_document_fits_the_schema(made, interrupted):
    jsonschema.validate(json.loads(document.to_json(made, interrupted=interrupted)), schema())


def test_the_schema_refuses_what_is_none():
    wrong = json.loads(document.to_json([CHECK]))
    wrong["checks"][0]["verdict"]["gil"] = "perhaps"

    with pytest.raises(jsonschema.ValidationError, match="perhaps"):
        jsonschema.validate(wrong, schema())


def test_a_document_laid_out_by_another_tool_is_read_too(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(json.loads(document.to_json([CHECK])), indent=4))

    assert list(Stream(path)) == [CHECK]


@pytest.mark.parametrize("cut", [3, 20, 200, 2_000])
def test_a_cut_document_is_refused_by_name(tmp_path, cut):
    path = write(tmp_path / "x.json", n=2)
    path.write_text(path.read_text()[:-cut])

    with pytest.raises(UsageError, match=r"x\.json .*(cut off|no JSON document)"):
        list(Stream(path))


def test_a_newer_document_is_refused_before_its_checks_are_read(tmp_path):
    path = write(tmp_path / "x.json", n=1)
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99', 1))

    with pytest.raises(UsageError, match="has schema_version 99; this gilcheck reads 1 to 1: update it"):
        next(iter(Stream(path)))


def test_merged_documents_keep_where_their_checks_came_from(tmp_path):
    one, two = write(tmp_path / "one.json", n=1), write(tmp_path / "two.json", n=2)

    document.write(tmp_path / "all.json", merged([("one", one), ("two", two)]))

    found = list(Stream(tmp_path / "all.json"))
    assert [check.origin for check in found] == ["one", "two", "two"]
    assert [key for key, _ in keyed(found)] == [
        "[one] a.py::test_f f",
        "[two] a.py::test_f f",
        "[two] a.py::test_f f #2",
    ]


def test_what_is_saved_in_need_is_a_whole_document(tmp_path):
    """Head, and what the native side writes after it."""
    journal = Journal()
    for n_before in range(3):
        for n_now in range(3):
            head = journal.path.read_text() if journal.path else ""
            path = tmp_path / "x.json"
            path.write_text(head + journal.ending([check_line(CHECK)] * n_now, interrupted="deadline"))
            stream = Stream(path)
            assert len(list(stream)) == n_before + n_now
            assert stream.interrupted == "deadline"
        journal.append(check_line(CHECK))
    journal.close()


def test_memory_of_reading_does_not_grow_with_the_document(tmp_path):
    """One check at a time is held, however many there are."""
    peaks = []
    for n in (20, 400):
        path = write(tmp_path / f"{n}.json", n=n)
        for _ in Stream(path):  # what is built once, is built before it is measured
            break
        tracemalloc.start()
        assert sum(1 for _ in Stream(path)) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 2 * peaks[0]
