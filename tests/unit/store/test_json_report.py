"""The document: what goes in comes out, and what is none is refused by name."""

import json
import os
import stat

import pytest
from built import RACE, agreements, call, observation, observations, verdicts
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import GilEvent, GilTimeline, Reason, UsageError
from pytest_gilcheck.judge import judge
from pytest_gilcheck.store import json_report


@given(st.lists(st.tuples(observations, verdicts), max_size=2), st.lists(agreements, max_size=2), st.none() | st.text())
def test_document_comes_back_as_it_was(checks, compared, interrupted):
    """Every field of every record; JSON in between."""
    made = json_report.from_json(
        json_report.to_json(
            [json_report.Check(seen.name, verdict, seen) for seen, verdict in checks],
            [json_report.AgreementEntry(agreement, test=agreement.name) for agreement in compared],
            interrupted=interrupted,
        )
    )

    assert [entry.agreement for entry in made.agreements] == compared
    assert [entry.test for entry in made.agreements] == [agreement.name for agreement in compared]

    assert [(check.observation, check.verdict) for check in made.checks] == checks
    assert [check.name for check in made.checks] == [seen.name for seen, _ in checks]
    assert made.tool.startswith("pytest-gilcheck ")
    assert (made.interrupted, made.schema_version) == (interrupted, json_report.SCHEMA_VERSION)


@given(observations)
def test_saved_observation_gets_the_same_verdict(made):
    """Judging is repeatable from the file alone."""
    saved = json_report.from_json(json_report.to_json([checked(made)])).checks[0]

    assert judge(saved.observation) == saved.verdict == judge(made)


def test_fields_for_other_tools_stand_where_promised():
    """``checks[].name``, ``.verdict.gil``, ``.held_share``, ``.reasons``."""
    made = observation(call(20_000_000), notes=(Reason("tracer"),))

    check = json.loads(json_report.to_json([checked(made)]))["checks"][0]

    assert check["name"] == "f"
    assert check["verdict"]["gil"] == "held"
    assert (
        check["verdict"]["held_share"],
        check["verdict"]["held_share_low"],
        check["verdict"]["held_share_high"],
    ) == (1.0, 1.0, 1.0)
    assert check["verdict"]["reasons"] == ["tracer"]
    assert "result" not in check["verdict"]


def test_agreements_stand_in_a_list_of_their_own():
    """``agreements[].agreement.word``, and the difference; the checks' fields stay where they were."""
    made = json.loads(
        json_report.to_json([], [json_report.AgreementEntry(RACE, "a.py::test_add", "a.py", 7, failed=True)])
    )

    assert made["checks"] == []
    (entry,) = made["agreements"]
    assert (entry["test"], entry["file"], entry["line"], entry["failed"]) == ("a.py::test_add", "a.py", 7, True)
    assert (entry["agreement"]["name"], entry["agreement"]["word"]) == ("counter.add", "differ")
    assert entry["agreement"]["difference"]["got"] == "742"


def test_a_document_of_the_first_version_has_no_agreements():
    """And is read all the same."""
    old = json.loads(saved())
    old["schema_version"] = 1
    del old["agreements"], old["checks"][0]["observation"]["agreement"]

    made = json_report.from_json(json.dumps(old))

    assert (made.agreements, made.schema_version) == ((), 1)
    assert made.checks == json_report.from_json(saved()).checks


def test_long_timelines_are_cut_and_say_so():
    """Totals are exact without them."""
    events = tuple(GilEvent(at, "release", 0) for at in range(json_report.MAX_SAVED_EVENTS + 7))
    made = observation(call(10, 10, timeline=GilTimeline(events, 2)))

    timeline = json_report.from_json(json_report.to_json([checked(made)])).checks[0].observation.calls[0].timeline

    assert (len(timeline.events), timeline.n_dropped) == (json_report.MAX_SAVED_EVENTS, 9)


def checked(made):
    """A check of this observation."""
    return json_report.Check(made.name, judge(made), made)


def saved():
    """A document's text."""
    made = observation(call(20_000_000))
    return json_report.to_json([checked(made)])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON document, or is cut off"),
        (saved()[:-40], "cut off"),
        ("[]", "has no schema_version"),
        ('{"checks": []}', "has no schema_version"),
        ('"text"', "has no schema_version"),
        ('{"schema_version": 4}', "has schema_version 4; this gilcheck reads 1 to 3: update it"),
        ('{"schema_version": "1"}', "has schema_version '1'"),
        ('{"schema_version": true}', "has schema_version True"),
        ('{"schema_version": 0}', "has schema_version 0"),
        ('{"schema_version": 1, "checks": [{"name": "f"}]}', "check 1 has not the form of"),
        ('{"schema_version": 1, "checks": 7}', "has no list of checks"),
        ('{"schema_version": 2, "checks": []}', "has no list of agreements"),
        ('{"schema_version": 2, "checks": [], "agreements": [{"agreement": 1}]}', "agreement 1 has not the form of"),
        (saved().replace('"gil":"held"', '"gul":"held"'), "check 1 has not the form of"),
    ],
)
def test_what_is_no_document_is_refused_by_name(text, says):
    """Truncated, foreign, newer, broken."""
    with pytest.raises(UsageError, match=says) as raised:
        json_report.from_json(text, "x.json")
    assert str(raised.value).startswith("x.json ")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_damaged_documents_are_read_or_refused_never_crash(at, damage):
    """Any bytes anywhere."""
    text = saved()
    broken = text[: at % len(text)] + damage.decode("latin-1") + text[at % len(text) + 3 :]

    try:
        json_report.from_json(broken)
    except UsageError:
        pass


def test_unknown_fields_of_a_known_version_are_passed_over():
    """A later minor version may say more."""
    more = json.loads(saved())
    more["more"] = more["checks"][0]["verdict"]["more"] = 1

    assert json_report.from_json(json.dumps(more)).checks[0].verdict.gil == "held"


@pytest.mark.parametrize("name", ["\udcff", "ünïcode", "a\nb", "\0"])
def test_any_name_can_be_saved(tmp_path, name):
    """Shells hand on bytes that are no text."""
    made = observation(call(20_000_000), name=name)

    json_report.write(tmp_path / "x.json", json_report.to_json([checked(made)]))

    assert json_report.read(tmp_path / "x.json").checks[0].name == name


def test_file_is_made_with_its_folders_and_usual_permissions(tmp_path):
    """As `open` would make it."""
    path = tmp_path / "a" / "b" / "x.json"
    mask = os.umask(0o027)
    try:
        json_report.write(path, saved())
    finally:
        os.umask(mask)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]


def test_a_file_that_cannot_be_written_is_left_as_it_was(tmp_path, monkeypatch):
    """Whole or not at all, and nothing left over."""
    path = tmp_path / "x.json"
    json_report.write(path, "old")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json_report.Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        json_report.write(path, "new")

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("path", ["/dev/full", "/proc/no/such/place/x.json"])
def test_a_place_without_room_is_an_error_of_the_system(path):
    """For the caller to tell."""
    with pytest.raises(OSError, match="No space|No such file"):
        json_report.write(json_report.Path(path), saved())


def test_reading_what_is_not_there_or_no_text_is_refused(tmp_path):
    """By its name."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("none", "binary", "."):
        with pytest.raises(UsageError, match="cannot be read"):
            json_report.read(tmp_path / name)
