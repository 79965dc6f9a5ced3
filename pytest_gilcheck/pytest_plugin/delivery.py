"""The end of a session: writes what was asked for."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.gate.session import Failure
from pytest_gilcheck.report import findings
from pytest_gilcheck.report.comparison import comparison_lines
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.report.trace import trace
from pytest_gilcheck.store import baselines, json_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_gilcheck.declare.config import Config
    from pytest_gilcheck.gate.session import Session


def deliver(session: Session, options: Config, root: Path, started_in: Path, *, interrupted: str | None) -> None:
    """Write everything that was asked for.

    What cannot be written is reported and fails the run, and everything else is still written. Markdown and HTML
    come last, because they say what went wrong before.

    Args:
        session: What was found.
        options: What was asked for.
        root: pytest's root, to which the folder of the baselines is relative.
        started_in: Where pytest was started, to which the paths of reports are relative: tests may change the directory.
        interrupted: Why the run ended early; None if it did not.
    """
    journal = session.journal
    if options.json:
        _write(session, "--gilcheck-json", started_in, options.json, _json_report(session, interrupted))
    if options.gitlab:
        failures = ((failure.key, failure.text, failure.file, failure.line) for failure in session.failures)
        _write(session, "--gilcheck-gitlab", started_in, options.gitlab, findings.gitlab(journal, failures))
    if options.trace:
        _write(session, "--gilcheck-trace", started_in, options.trace, trace(journal))
    name = options.save or (datetime.now(timezone.utc).strftime("auto-%Y%m%d-%H%M%S") if options.autosave else None)
    if name:
        _save(session, name, root / options.storage, interrupted)
    if options.markdown:
        _write(session, "--gilcheck-markdown", started_in, options.markdown, _markdown(session, is_on=options.is_on))
    if options.html:
        _write(session, "--gilcheck-html", started_in, options.html, _html(session, interrupted, is_on=options.is_on))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if is_for_github(options) and summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.writelines(_markdown(session, is_on=options.is_on))
        except OSError as error:
            session.warnings.append(f"GITHUB_STEP_SUMMARY={summary} was not written: {error}")


def is_for_github(options: Config) -> bool:
    """Return whether GitHub Actions reads what is printed."""
    return options.github == "yes" or (options.github == "auto" and os.environ.get("GITHUB_ACTIONS") == "true")


def github_lines(session: Session, root: Path, *, is_on: bool) -> Iterator[str]:
    """Return GitHub's annotations for this session."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    inside = workspace and root.resolve().is_relative_to(Path(workspace).resolve())
    prefix = root.resolve().relative_to(Path(workspace).resolve()).as_posix() if workspace and inside else "."
    yield from findings.github(session.journal, "" if prefix == "." else f"{prefix}/")
    for failure in session.gate_failures(checking=is_on):
        yield findings.github_failure(failure.text, failure.file, failure.line, "" if prefix == "." else f"{prefix}/")


def _json_report(session: Session, interrupted: str | None) -> Iterator[str]:
    warnings = [*session.warnings, *(failure.message for failure in session.failures)]
    return session.journal.report(interrupted=interrupted, warnings=warnings)


def _markdown(session: Session, *, is_on: bool) -> Iterator[str]:
    comparison = session.comparison
    lines = markdown(
        session.journal,
        comparison=None
        if comparison is None
        else comparison_lines(comparison, session.findings, left_out=session.failed_findings),
        failures=[(failure.message, *failure.details) for failure in session.gate_failures(checking=is_on)],
    )
    return (f"{line}\n" for line in lines)


def _html(session: Session, interrupted: str | None, *, is_on: bool) -> Iterator[str]:
    from pytest_gilcheck.report.html import html  # noqa: PLC0415  (a run that writes no page does not pay for it)

    notes = [f"the run was interrupted ({interrupted}): what is shown was measured before"] if interrupted else []
    return html(
        session.journal,
        comparison=session.comparison,
        findings=session.findings,
        failures=[(failure.message, *failure.details) for failure in session.gate_failures(checking=is_on)],
        notes=[*notes, *session.warnings, *session.notices],
    )


def _write(session: Session, option: str, started_in: Path, path: str, parts: Iterable[str]) -> None:
    try:
        json_report.write(started_in / path, parts)
    except OSError as error:
        session.failures.append(Failure(f"{option}={path} was not written: {error}"))


def _save(session: Session, name: str, storage: Path, interrupted: str | None) -> None:
    if interrupted or not len(session.journal):
        why = f"the run was interrupted ({interrupted})" if interrupted else "no check ran"
        session.failures.append(Failure(f"the baseline {name!r} was not saved: {why}"))
        return
    try:
        path = baselines.save(storage, name, _json_report(session, interrupted))
    except OSError as error:
        session.failures.append(Failure(f"the baseline {name!r} was not saved in {storage}: {error}"))
    else:
        session.notices.append(f"saved as baseline {path}")
