"""Documents piece by piece: journal, stream, merge, keys."""

import itertools
import json
import os
import threading
import tracemalloc
from pathlib import Path

import jsonschema
import pytest
from built import RACE, agreements, call, observation, observations, verdicts
from document_schema import HOME, schema, text
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.judge import judge
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.journal import Journal
from pytest_gilcheck.store.json_report import AgreementEntry, Check, line_of
from pytest_gilcheck.store.stream import Stream, keyed, merged

MADE = observation(call(20_000_000), name="f")
CHECK = Check("f", judge(MADE), MADE, "a.py::test_f", "a.py", 3)
ANSWERS = AgreementEntry(RACE, "a.py::test_f", "a.py", 3, failed=True)
checks = st.builds(
    lambda seen, verdict, test, failed: Check(seen.name, verdict, seen, test, failed=failed),
    observations,
    verdicts,
    st.none() | st.text(min_size=1),
    st.booleans(),
)
compared = st.builds(AgreementEntry, agreements, st.none() | st.text(min_size=1), failed=st.booleans())


def write(path, checks=(), agreements=(), *, n=0, n_agreements=0):
    journal = Journal()
    # Mixed, as in a session.
    for line in agreements or [line_of(ANSWERS)] * n_agreements:
        journal.append_agreement(line)
    for line in checks or [line_of(CHECK)] * n:
        journal.append(line)
    json_report.write(path, journal.parts())
    journal.close()
    return path


@given(st.lists(checks, max_size=3), st.lists(compared, max_size=3))
def test_a_journal_becomes_a_document_that_both_readers_read(tmp_path_factory, made, answers):
    path = write(tmp_path_factory.mktemp("d") / "x.json", [*map(line_of, made)], [*map(line_of, answers)])

    assert list(Stream(path)) == [*made, *answers]
    whole = json_report.read(path)
    assert (list(whole.checks), list(whole.agreements)) == (made, answers)


@given(st.lists(checks, max_size=2), st.lists(compared, max_size=2))
def test_a_journal_gives_back_what_it_keeps(made, answers):
    journal = Journal()
    journal.keep(map(line_of, made), map(line_of, answers))
    try:
        assert list(journal) == [*made, *answers]
        assert len(journal) == len(made) + len(answers)
    finally:
        journal.close()


def test_the_published_schema_is_that_of_the_records():
    """``python docs/_ext/document_schema.py`` writes it anew."""
    assert HOME.read_text(encoding="utf-8") == text()


@given(st.lists(checks, max_size=2), st.lists(compared, max_size=2), st.none() | st.text())
def test_every_document_fits_the_schema(made, answers, interrupted):
    jsonschema.validate(json.loads(json_report.to_json(made, answers, interrupted=interrupted)), schema())


def test_the_schema_refuses_what_is_none():
    wrong = json.loads(json_report.to_json([CHECK]))
    wrong["checks"][0]["verdict"]["gil"] = "perhaps"

    with pytest.raises(jsonschema.ValidationError, match="perhaps"):
        jsonschema.validate(wrong, schema())


def test_the_schema_refuses_an_agreement_that_is_none():
    wrong = json.loads(json_report.to_json([], [ANSWERS]))
    wrong["agreements"][0]["agreement"]["word"] = "nearly"

    with pytest.raises(jsonschema.ValidationError, match="nearly"):
        jsonschema.validate(wrong, schema())


def test_a_document_laid_out_by_another_tool_is_read_too(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(json.loads(json_report.to_json([CHECK], [ANSWERS])), indent=4))

    assert list(Stream(path)) == [CHECK, ANSWERS]


def test_a_document_of_the_first_version_is_read_line_by_line(tmp_path):
    """As it was written before there were agreements."""
    path = write(tmp_path / "x.json", n=2)
    text = path.read_text().replace('"schema_version": 2', '"schema_version": 1', 1)
    path.write_text(text.replace('\n], "agreements": [\n', "", 1))

    assert list(Stream(path)) == [CHECK, CHECK]


@pytest.mark.parametrize("cut", [3, 20, 200, 2_000])
@pytest.mark.parametrize("n_agreements", [0, 8])
def test_a_cut_document_is_refused_by_name(tmp_path, cut, n_agreements):
    path = write(tmp_path / "x.json", n=2, n_agreements=n_agreements)
    path.write_text(path.read_text()[:-cut])

    with pytest.raises(UsageError, match=r"x\.json .*(cut off|no JSON document)"):
        list(Stream(path))


def test_a_newer_document_is_refused_before_its_checks_are_read(tmp_path):
    path = write(tmp_path / "x.json", n=1)
    path.write_text(path.read_text().replace('"schema_version": 3', '"schema_version": 99', 1))

    with pytest.raises(UsageError, match="has schema_version 99; this gilcheck reads 1 to 3: update it"):
        next(iter(Stream(path)))


def test_merged_documents_keep_where_their_checks_came_from(tmp_path):
    one = write(tmp_path / "one.json", n=1, n_agreements=1)
    two = write(tmp_path / "two.json", n=2, n_agreements=1)

    json_report.write(tmp_path / "all.json", merged([("one", one), ("two", two)]))

    found = list(Stream(tmp_path / "all.json"))
    assert [entry.origin for entry in found] == ["one", "two", "two", "one", "two"]
    assert [key for key, _ in keyed(found)] == [
        "[one] a.py::test_f f",
        "[two] a.py::test_f f",
        "[two] a.py::test_f f #2",
        "[one] a.py::test_f agreement of counter.add",
        "[two] a.py::test_f agreement of counter.add",
    ]
    jsonschema.validate(json.loads((tmp_path / "all.json").read_text()), schema())


def test_a_pipe_can_be_merged(tmp_path):
    """It is read once."""
    path = write(tmp_path / "x.json", n=1, n_agreements=1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(path.read_text()))
    writer.start()

    made = json.loads("".join(merged([("pipe", pipe)])))

    writer.join()
    assert (len(made["checks"]), len(made["agreements"])) == (1, 1)


def test_what_is_saved_in_need_is_a_whole_document(tmp_path):
    """Head, and what the native side writes after it."""
    journal = Journal()
    path = tmp_path / "x.json"
    for n_before in range(3):
        for n_now, n_agreed in itertools.product(range(3), range(3)):
            more = [line_of(CHECK)] * n_now, [line_of(ANSWERS)] * n_agreed
            pieces = journal.pieces(*more, interrupted="deadline")
            path.write_text("".join(p.read_text() if isinstance(p, Path) else p for p in pieces))
            stream = Stream(path)
            assert list(stream) == [CHECK] * (n_before + n_now) + [ANSWERS] * (n_before + n_agreed)
            assert stream.interrupted == "deadline"
        journal.keep([line_of(CHECK)], [line_of(ANSWERS)])
    journal.close()


def test_memory_of_merging_does_not_grow_with_the_documents(tmp_path):
    """Agreements, which come last, wait on disk."""
    peaks = []
    for n in (20, 400):
        path = write(tmp_path / f"{n}.json", n=n, n_agreements=n)
        for _ in merged([("a", path)]):
            pass
        tracemalloc.start()
        assert sum(1 for _ in merged([("a", path)])) >= 2 * n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 2 * peaks[0]


def test_memory_of_reading_does_not_grow_with_the_document(tmp_path):
    """One check at a time is held, however many there are."""
    peaks = []
    for n in (20, 400):
        path = write(tmp_path / f"{n}.json", n=n, n_agreements=n)
        for _ in Stream(path):  # what is built once, is built before it is measured
            pass
        tracemalloc.start()
        assert sum(1 for _ in Stream(path)) == 2 * n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 2 * peaks[0]
