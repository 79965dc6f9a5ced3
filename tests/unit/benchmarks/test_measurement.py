"""No measurement is lost, doubled or misread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ledger.measurement import Measurement, MeasurementFile, read_measurements

text = st.text(max_size=30)
shares = st.none() | st.floats(0, 1)
measurements = st.builds(
    Measurement,
    python=text,
    case=text,
    digest=text,
    witness=st.sampled_from(["ledger", "ratio"]),
    load=st.integers(0, 4),
    repeat=st.integers(0, 9),
    outcome=text,
    gil=text,
    held_share=shares,
    n_calls=st.none() | st.integers(0),
    reasons=st.lists(st.tuples(text, text), max_size=3).map(tuple),
    detail=text,
)


def measured(**changes):
    fields = {
        "python": "3.11.7",
        "case": "a",
        "digest": "d",
        "witness": "ledger",
        "load": 0,
        "repeat": 0,
        "outcome": "ok",
    }
    return Measurement(**{**fields, **changes})


@given(st.lists(measurements, max_size=5, unique_by=lambda m: m.key))
def test_read_measurements_when_written_then_the_same_come_back(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("kept") / "m.jsonl"
    kept = MeasurementFile(path)
    for one in some:
        kept.append(one)
    kept.close()

    assert read_measurements([path]) == some


def test_measurement_file_when_a_run_was_cut_off_in_a_line_then_the_line_goes_and_the_next_is_whole(tmp_path):
    path = tmp_path / "m.jsonl"
    kept = MeasurementFile(path)
    kept.append(measured())
    kept.close()
    with path.open("a") as file:
        file.write('{"python": "3.11')

    assert read_measurements([path]) == [measured()]

    kept = MeasurementFile(path)
    kept.append(measured(repeat=1))
    kept.close()

    assert read_measurements([path]) == [measured(), measured(repeat=1)]


def test_read_measurements_when_a_question_was_answered_twice_then_the_last_answer_counts(tmp_path):
    path = tmp_path / "m.jsonl"
    kept = MeasurementFile(path)
    kept.append(measured(gil="held"))
    kept.append(measured(gil="released"))
    kept.close()

    assert [m.gil for m in read_measurements([path])] == ["released"]


def test_read_measurements_when_a_whole_line_is_broken_then_the_error_names_its_place(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text("{}\n")

    with pytest.raises(ValueError, match=r"m.jsonl:1: not a measurement"):
        read_measurements([path])
