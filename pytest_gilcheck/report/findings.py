"""Findings in the formats of other services: annotations of GitHub, code quality of GitLab, properties of JUnit."""

from __future__ import annotations

import hashlib
import json
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report.text import limit_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_gilcheck.evidence import Verdict
    from pytest_gilcheck.store.json_report import CheckEntry, Entry


class Found(NamedTuple):
    """One finding about an entry.

    Attributes:
        entry: The check or the agreement.
        severity: ``error``: the test failed, or the claim is not met. ``warning``: the check is inconclusive, or results
            differ in a test that passed nevertheless.
        message: What was found, in one line.
    """

    entry: Entry
    severity: str
    message: str


def found(entries: Iterable[Entry]) -> Iterator[Found]:
    """Yield the findings about these checks and agreements.

    A failed test has one for each check that does not meet its claim and each agreement that differs. If it has neither, one
    says why the test failed, at its last check: a test that makes several checks asserts each after it was made.
    """
    for _test, group in groupby(entries, key=lambda entry: (entry.origin, entry.test)):
        last_failed: CheckEntry | None = None
        has_error = False
        for entry in group:
            one = _of_agreement(entry) if isinstance(entry, AgreementEntry) else _of_check(entry)
            if one is not None:
                has_error |= one.severity == "error"
                yield one
            if entry.failed and not isinstance(entry, AgreementEntry):
                last_failed = entry
        if last_failed is not None and not has_error:
            yield Found(last_failed, "error", _of_failed_test(last_failed))


def _of_agreement(entry: AgreementEntry) -> Found | None:
    if entry.agreement.word == "agree":
        return None
    return Found(entry, "error" if entry.failed else "warning", f"{agreement_text.line(entry.agreement)}.")


def _of_check(check: CheckEntry) -> Found | None:
    verdict = check.verdict
    if verdict.claim_met is False:
        return Found(check, "error", _verdict_in_one_line(check))
    # Of a failed test the failure itself is the finding.
    if not check.failed and (verdict.word == "inconclusive" or (verdict.limits and verdict.claim_met is None)):
        return Found(check, "warning", _verdict_in_one_line(check))
    return None


def _of_failed_test(check: CheckEntry) -> str:
    """Return why the test of this check failed. The word of the check alone may be a good one."""
    if check.failure:
        return f"test failed: {check.failure}"
    return f"test failed. {_verdict_in_one_line(check)}"


def _verdict_in_one_line(check: CheckEntry) -> str:
    verdict = check.verdict
    parts = [f"{check.name}: {verdict.word}.", verdict.diagnosis]
    parts += [f"{limit_text(limit)}." for limit in verdict.limits if not limit.met]
    return " ".join([*parts, *(f"[{slug}]" for slug in verdict.reasons)])


def github(entries: Iterable[Entry], prefix: str = "") -> Iterator[str]:
    """Yield GitHub's workflow commands, a line for each finding.

    Args:
        entries: Checks and agreements.
        prefix: Path from the root of the repository to pytest's root, with a slash at its end.

    Yields:
        str: A line without its line end.
    """
    for entry, severity, message in found(entries):
        place = None if entry.file is None else prefix + entry.file
        yield _command(severity, f"gilcheck: {entry.name}", message, place, entry.line)


def github_failure(message: str, file: str | None, line: int | None, prefix: str = "") -> str:
    """Return the same for one failure of the gate, at its test if it has one."""
    return _command("error", "gilcheck", message, None if file is None else prefix + file, line)


def _command(severity: str, title: str, message: str, file: str | None, line: int | None) -> str:
    properties = []
    if file:
        properties.append(f"file={_property(file)}")
        if line:
            properties.append(f"line={line}")
    properties.append(f"title={_property(title)}")
    return f"::{severity} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab(entries: Iterable[Entry], failures: Iterable[tuple[str, str, str | None, int | None]] = ()) -> Iterator[str]:
    """Yield GitLab's code quality report in parts: a JSON array with an item for each finding.

    Args:
        entries: Checks and agreements.
        failures: Of each failure of the gate its key, its message, and file and line of its test.

    Yields:
        str: A part of the text.
    """
    yield "["
    separator = "\n"
    for finding in chain(map(_gitlab_finding, found(entries)), (_gitlab_failure(*failure) for failure in failures)):
        yield separator + json.dumps(finding, ensure_ascii=False)
        separator = ",\n"
    yield "\n]\n"


def _gitlab_finding(finding: Found) -> dict[str, Any]:
    entry, severity, message = finding
    kind = ("agreement",) if isinstance(entry, AgreementEntry) else ()
    ordinal = (entry.ordinal,) if entry.ordinal and entry.ordinal > 1 else ()
    identity = (entry.origin, entry.test, entry.name, severity, *kind, *ordinal)
    return _code_quality(message, identity, severity, entry.file, entry.line)


def _gitlab_failure(key: str, message: str, file: str | None, line: int | None) -> dict[str, Any]:
    return _code_quality(message, ("gate", key or message), "error", file, line)


def _code_quality(
    message: str, identity: tuple[object, ...], severity: str, file: str | None, line: int | None
) -> dict[str, Any]:
    """Return one item. GitLab takes two findings of the same identity, also in two runs, for one."""
    return {
        "description": message,
        "check_name": "gilcheck",
        "fingerprint": hashlib.sha256("\0".join(map(str, identity)).encode()).hexdigest(),
        "severity": "major" if severity == "error" else "minor",
        "location": {"path": file or "unknown", "lines": {"begin": line or 1}},
    }


def junit_properties(verdict: Verdict, ordinal: int | None = 1) -> Iterator[tuple[str, str]]:
    """Yield name and value of each property that a JUnit file has for a check, the second of its name with its ordinal."""
    prefix = f"gilcheck.{verdict.name}{f'#{ordinal}' if ordinal and ordinal > 1 else ''}"
    yield f"{prefix}.gil", verdict.gil
    for name in ("held_share", "speedup", "efficiency"):
        estimate = getattr(verdict, name)
        if estimate.value is not None:
            yield f"{prefix}.{name}", f"{estimate.value:.6g} [{estimate.low:.6g}, {estimate.high:.6g}]"
    if verdict.longest_hold_ns is not None:
        yield f"{prefix}.longest_hold_ns", str(verdict.longest_hold_ns)
    for limit in verdict.limits:
        yield f"{prefix}.limit.{limit.name}", limit_text(limit)
    if verdict.reasons:
        yield f"{prefix}.reasons", " ".join(verdict.reasons)
