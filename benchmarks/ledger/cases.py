"""The calls that are measured, and what is true of them."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

CASES_FILE = Path(__file__).with_name("cases.json")
SPECIMENS = "specimens"
SPECIMEN_SPANS_NS = (20_000, 200_000, 1_000_000, 5_000_000, 20_000_000)

RELEASED_AT_MOST = 0.05
HELD_AT_LEAST = 0.95


@dataclass(frozen=True)
class Case:
    """One call, and what is known of it.

    `setup` defines what the expression `call` needs; `env` must be set before the interpreter starts. `truth`
    is ``released``, ``held`` or ``partial`` and holds for the versions in `python`; `evidence` is its source.
    `independent_truth`: it was written from the source before anything was measured. `expected_held_share` is
    known closely where `exact_share` is set, else it is a reading on one machine. `alone`: the case changes a
    setting of the process or thread for good, and must not share one with others. `correction` says what was
    changed in this copy, and why. `also_under_load`: words that are right, too, where other threads or processes want
    the processors, because the call itself then holds for longer.
    """

    id: str
    package: str
    setup: str
    call: str
    truth: str
    python: str = ">=3.10"
    env: Mapping[str, str] = field(default_factory=dict)
    expected_held_share: float | None = None
    evidence: str = ""
    evidence_basis: str = ""
    independent_truth: bool = False
    concurrency: str = "independent"
    alone: bool = False
    notes: str = ""
    correction: str = ""
    nominal_ns: int | None = None
    also_under_load: tuple[str, ...] = ()

    def words(self, *, is_loaded: bool) -> tuple[str, ...]:
        """Return the words that are right."""
        return (self.truth, *self.also_under_load) if is_loaded else (self.truth,)

    @property
    def exact_share(self) -> bool:
        """Whether the held share is known by construction."""
        return self.package == SPECIMENS

    @property
    def digest(self) -> str:
        """The version of the case; figures of another version must not be mixed in."""
        text = json.dumps([self.setup, self.call, sorted(self.env.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def group(self) -> tuple[object, ...]:
        """The key of cases that may share a process."""
        return (self.package, tuple(sorted(self.env.items())), self.id if self.alone else "")

    def runs_on(self, python: str) -> bool:
        """Return whether the truth applies to this version of Python (``3.11.7``)."""
        return SpecifierSet(self.python).contains(python, prereleases=True)

    def to_json(self) -> dict[str, Any]:
        """Return the case as a worker reads it."""
        return asdict(self)


def read_cases(path: Path = CASES_FILE) -> list[Case]:
    """Return the real calls; raise ``ValueError`` for a word that is not one of the three."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    cases = [Case(**{**entry, "also_under_load": tuple(entry.get("also_under_load", ()))}) for entry in entries]
    for case in cases:
        for word in case.words(is_loaded=True):
            if word not in ("released", "held", "partial"):
                message = f"{path.name}: {case.id} has truth {word!r}, expected released, held or partial"
                raise ValueError(message)
    return cases


def truth_of_share(share: float) -> str:
    """Return the word for a held share; the thresholds are part of the words' meaning."""
    if share <= RELEASED_AT_MOST:
        return "released"
    return "held" if share >= HELD_AT_LEAST else "partial"


def specimen_cases() -> list[Case]:
    """Return native calls with a held share that is known by construction."""
    cases = []
    for span_ns in SPECIMEN_SPANS_NS:
        half, fifth = span_ns // 2, span_ns // 5
        for call, share in (
            (f"holds({span_ns})", 1.0),
            (f"releases({span_ns})", 0.0),
            (f"releases_then_holds({half}, {span_ns - half})", 0.5),
            (f"releases_then_holds({span_ns - fifth}, {fifth})", 0.2),
        ):
            cases.append(
                Case(
                    id=call.replace(", ", "+"),
                    package=SPECIMENS,
                    setup="from pytest_gilcheck import specimens",
                    call=f"specimens.{call}",
                    truth=truth_of_share(share),
                    expected_held_share=share,
                    evidence="by construction",
                    independent_truth=True,
                    nominal_ns=span_ns,
                )
            )
    return cases


def select(
    cases: Iterable[Case], patterns: Iterable[str] = (), packages: Iterable[str] = (), python: str | None = None
) -> list[Case]:
    """Return the selected cases; `patterns` are shell patterns of ids, `packages` exact names, and empty means all.

    Raises ``ValueError`` where nothing is left: a benchmark of nothing would meet every bar.
    """
    python = python or platform.python_version()
    patterns, packages = list(patterns), list(packages)
    chosen = [
        case
        for case in cases
        if (not patterns or any(fnmatchcase(case.id, pattern) for pattern in patterns))
        and (not packages or case.package in packages)
        and case.runs_on(python)
    ]
    if not chosen:
        asked = f"ids {patterns or '*'}, packages {packages or '*'} on Python {python}"
        message = f"no case matches {asked}: see cases.json for the names"
        raise ValueError(message)
    return chosen


def grouped(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Return the cases that share a process, so that imports are paid once."""
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    yield from groups.values()
