"""The form of the JSON report: what is written is read again, and what is no report is refused by name."""

import json
import os
import stat
from pathlib import Path

import jsonschema
import pytest
from built import RACE, call, entries, observation, observations
from document_schema import HOME, schema, text
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import GilEvent, GilTimeline, Reason, Stamp, UsageError
from pytest_gilcheck.judge import judge
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry, End
from pytest_gilcheck.store.records import converter


def checked(evidence):
    """A check of this observation."""
    return CheckEntry(evidence.name, judge(evidence), evidence)


HELD = checked(observation(call(20_000_000)))


@given(entries)
def test_an_entry_comes_back_as_it_was_written(entry):
    """Every field of every record, with JSON in between, in one line."""
    line = json_report.to_line(entry)

    assert json_report.from_line(line, "x") == entry
    assert line.index("\n") == len(line) - 1


@given(st.none() | st.text(), st.lists(st.text(), max_size=2))
def test_the_end_comes_back_as_it_was_written(interrupted, warnings):
    """Why the run ended early, and its warnings."""
    line = json_report.end_line(interrupted=interrupted, warnings=warnings)

    assert json_report.from_line(line, "x") == End(interrupted, tuple(warnings))


@given(observations)
def test_a_saved_observation_gets_the_same_verdict(evidence):
    """Judging is repeatable from the file alone."""
    saved = json_report.from_line(json_report.to_line(checked(evidence)), "x")

    assert judge(saved.observation) == saved.verdict == judge(evidence)


def test_fields_for_other_tools_are_where_the_documentation_says():
    """``.check.name``, ``.check.verdict.gil``, ``.held_share``, ``.reasons``."""
    check = json.loads(json_report.to_line(checked(observation(call(20_000_000), notes=(Reason("tracer"),)))))["check"]

    verdict = check["verdict"]
    assert check["name"] == "f"
    assert verdict["gil"] == "held"
    assert (verdict["held_share"], verdict["held_share_low"], verdict["held_share_high"]) == (1.0, 1.0, 1.0)
    assert verdict["reasons"] == ["tracer"]
    assert "result" not in verdict


def test_fields_of_an_agreement_are_where_the_documentation_says():
    """``.agreement.agreement.word``, and the difference."""
    line = json_report.to_line(AgreementEntry(RACE, "a.py::test_add", "a.py", 7, failed=True))

    entry = json.loads(line)["agreement"]
    assert (entry["test"], entry["file"], entry["line"], entry["failed"]) == ("a.py::test_add", "a.py", 7, True)
    assert (entry["agreement"]["name"], entry["agreement"]["word"]) == ("counter.add", "differ")
    assert entry["agreement"]["difference"]["got"] == "742"


def test_a_long_timeline_is_cut_and_says_so():
    """Totals are exact without it."""
    events = tuple(GilEvent(at, "release", 0) for at in range(json_report.MAX_SAVED_EVENTS + 7))
    line = json_report.to_line(checked(observation(call(10, 10, timeline=GilTimeline(events, 2)))))

    timeline = json_report.from_line(line, "x").observation.calls[0].timeline

    assert (len(timeline.events), timeline.n_dropped) == (json_report.MAX_SAVED_EVENTS, 9)


@pytest.mark.parametrize("more", [{}, {"more": 1}])
def test_unknown_fields_of_a_known_version_are_ignored(more):
    """A later gilcheck may write more."""
    record = json.loads(json_report.to_line(HELD))
    record |= more
    record["check"] |= more
    record["check"]["verdict"] |= more

    assert json_report.from_line(json.dumps(record), "x") == HELD


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "no JSON report, or is cut off"),
        (json_report.to_line(HELD)[:-40], "no JSON report, or is cut off"),
        ("7", "has none of these, or several: check, agreement, end"),
        ("{}", "has none of these, or several"),
        ('{"check": {}, "end": {}}', "has none of these, or several"),
        ('{"check": {"name": "f"}}', "has not the form of schema_version 3"),
        ('{"agreement": 1}', "has not the form of schema_version 3"),
        ('{"end": {"warnings": 7}}', "has not the form of schema_version 3"),
        (json_report.to_line(HELD).replace('"gil":"held"', '"gul":"held"'), "has not the form of schema_version 3"),
    ],
)
def test_a_line_of_another_form_is_refused_by_name(line, says):
    """Cut off, foreign, broken."""
    with pytest.raises(UsageError, match=says) as raised:
        json_report.from_line(line, "x.json line 7")
    assert str(raised.value).startswith("x.json line 7 ")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[]", "has no schema_version"),
        ('"text"', "has no schema_version"),
        ('{"checks": []}', "has no schema_version"),
        ('{"schema_version": 4}', "has schema_version 4; this gilcheck reads 1 to 3: update it"),
        ('{"schema_version": "1"}', "has schema_version '1'"),
        ('{"schema_version": true}', "has schema_version True"),
        ('{"schema_version": 0}', "has schema_version 0"),
    ],
)
def test_a_version_that_is_not_known_is_refused_by_name(line, says):
    """Also one that is missing."""
    with pytest.raises(UsageError, match=says) as raised:
        json_report.versioned(line, "x.json")
    assert str(raised.value).startswith("x.json ")


@given(st.lists(entries, max_size=3))
def test_json_array_has_the_same_objects_as_the_lines(items):
    """One document, for tools that read no JSON Lines; none are an empty array."""
    array = json.loads("".join(json_report.json_array(items)))

    assert array == [json.loads(json_report.to_line(entry)) for entry in items]


def test_the_published_schema_is_that_of_the_records():
    """``python docs/_ext/document_schema.py`` writes it anew."""
    assert HOME.read_text(encoding="utf-8") == text()


#: Made once: the schema is checked, too, which takes longer than a line.
SCHEMA = jsonschema.Draft202012Validator(schema())


@given(st.lists(entries, max_size=2), st.none() | st.text())
def test_every_line_fits_the_schema(items, interrupted):
    """The first and the last one too."""
    for line in json_report.lines(items, interrupted=interrupted, warnings=["careful"]):
        SCHEMA.validate(json.loads(line))


@pytest.mark.parametrize(
    ("entry", "right", "wrong"),
    [
        (HELD, '"gil":"held"', '"gil":"perhaps"'),
        (AgreementEntry(RACE), '"word":"differ"', '"word":"nearly"'),
        (HELD, '{"check":', '{"chequer":'),
    ],
)
def test_the_schema_refuses_a_line_of_another_form(entry, right, wrong):
    """An unknown word, an unknown kind of line."""
    line = json_report.to_line(entry)
    assert right in line

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(line.replace(right, wrong)), schema())


@pytest.mark.parametrize("name", ["\udcff", "ünïcode", "a\nb", "\0"])
def test_any_name_can_be_written(tmp_path, name):
    """Shells hand on bytes that are no text."""
    path = tmp_path / "x.json"

    json_report.write(path, [json_report.to_line(checked(observation(call(20_000_000), name=name)))])

    assert json_report.from_line(path.read_text(encoding="utf-8"), "x").name == name


def test_a_file_is_written_with_its_folders_and_usual_permissions(tmp_path):
    """As `open` would make it."""
    path = tmp_path / "a" / "b" / "x.json"
    mask = os.umask(0o027)
    try:
        json_report.write(path, ["text"])
    finally:
        os.umask(mask)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path, monkeypatch):
    """Whole or not at all, and nothing left over."""
    path = tmp_path / "x.json"
    json_report.write(path, ["old"])

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        json_report.write(path, ["new"])

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("path", ["/dev/full", "/proc/no/such/place/x.json"])
def test_a_place_without_room_raises_the_error_of_the_system(path):
    """The caller reports it."""
    with pytest.raises(OSError, match="No space|No such file"):
        json_report.write(Path(path), ["text"])


def test_a_stamp_of_an_interpreter_without_a_gil_comes_back():
    """Nobody knows there how long a thread waited for the GIL. (The tables of every run with overlap ended in an error.)"""
    made, stamp = converter(), Stamp(0, 12_849, 5_016_264, 1, 5_011_882, 0, 2_629, None)

    assert made.structure(made.unstructure(stamp), Stamp) == stamp
    with pytest.raises(TypeError, match="8 integers of a stamp"):
        made.structure([None, *made.unstructure(stamp)[1:]], Stamp)
