"""A report on disk may be anything: what is no report is refused by name, and nothing else is ever raised."""

import json
from pathlib import Path

import pytest
from built import entries
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry
from pytest_gilcheck.store.stream import Stream

OLD = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "reports").glob("*.json"))]

#: Any JSON, also the numbers that Python's reader takes and JSON does not have.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

reports = st.lists(entries, max_size=2).map(lambda made: "".join(json_report.lines(made)))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Where a report is written."""
    return tmp_path_factory.mktemp("any") / "report.json"


def is_read_or_refused(path, content):
    """Read the report to its end: it has entries, or is refused by its name."""
    path.write_bytes(content)
    stream = Stream(path)
    try:
        for entry in stream:
            assert isinstance(entry, (CheckEntry, AgreementEntry))
            # It can be written again: a merge does that.
            json_report.to_line(entry)
    except UsageError as error:
        assert str(path) in str(error)


def replaced(value, at, by):
    """Return the JSON value with its part number `at`, counted from the outside, replaced; and the rest of the count."""
    if at == 0:
        return by, -1
    at -= 1
    if isinstance(value, dict):
        made = {}
        for key, item in value.items():
            made[key], at = replaced(item, at, by) if at >= 0 else (item, at)
        return made, at
    if isinstance(value, list):
        parts = []
        for item in value:
            part, at = replaced(item, at, by) if at >= 0 else (item, at)
            parts.append(part)
        return parts, at
    return value, at


@given(content=st.binary(max_size=200))
def test_a_report_of_any_bytes_is_read_or_refused(path, content):
    """Text or not."""
    is_read_or_refused(path, content)


@given(first=json_values, more=st.lists(json_values, max_size=3), version=st.integers(-1, 4) | json_values)
def test_a_report_of_any_json_lines_is_read_or_refused(path, first, more, version):
    """With and without a version, of any kind."""
    record = {**first, "schema_version": version} if isinstance(first, dict) else first
    kinds = ("check", "agreement", "end")
    lines = [record, {"schema_version": 3}, *more, *({kind: value} for kind, value in zip(kinds, more, strict=False))]
    for number in range(len(lines)):
        is_read_or_refused(path, "".join(json.dumps(line) + "\n" for line in lines[number:]).encode())


@given(text=reports | st.sampled_from(OLD), data=st.data())
def test_a_report_that_was_damaged_is_read_or_refused(path, text, data):
    """Cut off, with bytes changed, left out or written twice."""
    content = text.encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)) | st.just(len(content)))
    between = data.draw(st.binary(max_size=8) | st.sampled_from([b"", content[start:end] * 2, b"null", b"[", b"1e999"]))

    is_read_or_refused(path, content[:start] + between + content[end:])


@given(text=reports | st.sampled_from(OLD), at=st.integers(1, 400), by=json_values, line=st.integers(0, 5))
def test_a_report_with_another_value_somewhere_is_read_or_refused(path, text, at, by, line):
    """Of any type, in any place."""
    lines = text.splitlines() if text.startswith('{"schema_version":3') else [text]
    line %= len(lines)
    lines[line] = json.dumps(replaced(json.loads(lines[line]), at, by)[0])

    is_read_or_refused(path, "\n".join(lines).encode())


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5_000, '{"schema_version":3}\n' + "[" * 100_000]
)
def test_a_report_beyond_the_reader_is_refused(path, text):
    """Nested deeper than Python's stack, or with a number of more digits than Python reads."""
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match="is no JSON report, or is cut off"):
        list(Stream(path))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_report_with_a_deep_value_is_read_or_refused(path, version):
    """As deep as Python's own reader goes."""
    for depth in (300, 900, 1_500):
        deep = "[" * depth + "]" * depth
        record = f'{{"schema_version":{version},"checks":[{{"name":{deep}}}],"agreements":[{deep}]}}'
        is_read_or_refused(path, f'{record}\n{{"check":{deep}}}\n'.encode())
