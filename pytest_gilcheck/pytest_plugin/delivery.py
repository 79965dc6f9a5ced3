"""The end of a session: writes what was asked for."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.report import findings
from pytest_gilcheck.report.markdown import markdown
from pytest_gilcheck.store import baselines, json_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_gilcheck.gate.session import Session


def deliver(session: Session, given: Mapping[str, Any], root: Path, *, asked: bool, interrupted: str | None) -> None:
    """Writes everything that was asked for; what cannot be written is said, fails the run, and keeps nothing else back.

    Markdown and annotations come last: they tell what went wrong before.
    """
    journal = session.journal
    if given["json"]:
        _written(session, "--gilcheck-json", Path(given["json"]), _document(session, interrupted))
    if given["gitlab"]:
        _written(session, "--gilcheck-gitlab", Path(given["gitlab"]), findings.gitlab(journal))
    name = given["save"] or (datetime.now(timezone.utc).strftime("auto-%Y%m%d-%H%M%S") if given["autosave"] else None)
    if name:
        _save(session, name, root / given["storage"], interrupted)
    if given["markdown"]:
        _written(session, "--gilcheck-markdown", Path(given["markdown"]), _markdown(session, asked=asked))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if for_github(given) and summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.writelines(_markdown(session, asked=asked))
        except OSError as error:
            session.warnings.append(f"GITHUB_STEP_SUMMARY={summary} was not written: {error}")


def for_github(given: Mapping[str, Any]) -> bool:
    """Does GitHub Actions read what is printed?"""
    return given["github"] == "yes" or (given["github"] == "auto" and os.environ.get("GITHUB_ACTIONS") == "true")


def github_lines(session: Session, root: Path, *, asked: bool) -> Iterator[str]:
    """GitHub's annotations for this session."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    inside = workspace and root.resolve().is_relative_to(Path(workspace).resolve())
    prefix = root.resolve().relative_to(Path(workspace).resolve()).as_posix() if workspace and inside else "."
    yield from findings.github(session.journal, "" if prefix == "." else f"{prefix}/")
    yield from findings.github_failures(session.gate_failures(checking=asked))


def _document(session: Session, interrupted: str | None) -> Iterator[str]:
    warnings = [*session.warnings, *session.failures]
    return session.journal.report(interrupted=interrupted, warnings=warnings)


def _markdown(session: Session, *, asked: bool) -> Iterator[str]:
    lines = markdown(session.journal, comparison=session.comparison, failures=session.gate_failures(checking=asked))
    return (f"{line}\n" for line in lines)


def _written(session: Session, option: str, path: Path, parts: Iterable[str]) -> None:
    try:
        json_report.write(path, parts)
    except OSError as error:
        session.failures.append(f"{option}={path} was not written: {error}")


def _save(session: Session, name: str, storage: Path, interrupted: str | None) -> None:
    if interrupted or not len(session.journal):
        why = f"the run was interrupted ({interrupted})" if interrupted else "no check ran"
        session.failures.append(f"the baseline {name!r} was not saved: {why}")
        return
    try:
        path = baselines.save(storage, name, _document(session, interrupted))
    except OSError as error:
        session.failures.append(f"the baseline {name!r} was not saved in {storage}: {error}")
    else:
        session.notices.append(f"saved as baseline {path}")
