"""Findings in the formats of other services: annotations of GitHub, code quality of GitLab, properties of JUnit."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pytest_gilcheck.report import agreement as agreement_text
from pytest_gilcheck.report.text import limit_text
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_gilcheck.evidence import Verdict
    from pytest_gilcheck.store.json_report import CheckEntry, Entry


def severity(entry: Entry) -> str | None:
    """Return how serious a finding is, or None where there is nothing to find.

    ``error``: the test failed, or the claim is not met. ``warning``: the check is inconclusive, or results differ in a test
    that passed nevertheless.
    """
    if isinstance(entry, AgreementEntry):
        return None if entry.agreement.word == "agree" else ("error" if entry.failed else "warning")
    return _severity_of_check(entry)


def _severity_of_check(check: CheckEntry) -> str | None:
    if check.failed or check.verdict.claim_met is False:
        return "error"
    if check.verdict.gil == "inconclusive" or (check.verdict.limits and check.verdict.claim_met is None):
        return "warning"
    return None


def message(entry: Entry) -> str:
    """Return a finding in one line."""
    return f"{agreement_text.line(entry.agreement)}." if isinstance(entry, AgreementEntry) else _message_of_check(entry)


def _message_of_check(check: CheckEntry) -> str:
    verdict = check.verdict
    parts = [f"{check.name}: {verdict.gil}.", verdict.diagnosis]
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
    for entry in entries:
        level = severity(entry)
        if level is None:
            continue
        properties = []
        if entry.file:
            properties.append(f"file={_property(prefix + entry.file)}")
            if entry.line:
                properties.append(f"line={entry.line}")
        properties.append(f"title={_property(f'gilcheck: {entry.name}')}")
        yield f"::{level} {','.join(properties)}::{_data(message(entry))}"


def github_failures(failures: Iterable[str]) -> Iterator[str]:
    """Yield the same for failures of the gate as a whole."""
    for failure in failures:
        yield f"::error title=gilcheck::{_data(failure)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield GitLab's code quality report in parts: a JSON array with an item for each finding."""
    yield "["
    separator = "\n"
    for entry in entries:
        level = severity(entry)
        if level is None:
            continue
        kind = ("agreement",) if isinstance(entry, AgreementEntry) else ()
        identity = "\0".join(map(str, (entry.origin, entry.test, entry.name, level, *kind)))
        finding = {
            "description": message(entry),
            "check_name": "gilcheck",
            "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
            "severity": "major" if level == "error" else "minor",
            "location": {"path": entry.file or "unknown", "lines": {"begin": entry.line or 1}},
        }
        yield separator + json.dumps(finding, ensure_ascii=False)
        separator = ",\n"
    yield "\n]\n"


def junit_properties(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield name and value of each property that a JUnit file has for a check."""
    prefix = f"gilcheck.{verdict.name}"
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
