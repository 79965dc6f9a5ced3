"""The result of a pytest session, and whether it passes the gate. Knows no pytest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_gilcheck.gate.comparison import baseline_entries, compare, fails, findings
from pytest_gilcheck.report.comparison import finding_lines
from pytest_gilcheck.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_gilcheck.evidence import BaselineEntry, Comparison, Finding, Tolerance


@dataclass(frozen=True)
class Failure:
    """One reason why the gate fails.

    Attributes:
        message: What failed and why, in one line.
        details: Lines below it: where the GIL is held now, which result is wrong.
        key: What it is about, the same in the next run: a check, or nothing.
        file: File of the test, relative to pytest's root.
        line: Line in which the test begins, from 1.
    """

    message: str
    details: tuple[str, ...] = ()
    key: str = ""
    file: str | None = None
    line: int | None = None

    @property
    def text(self) -> str:
        """Return the message and its details in one line."""
        return " ".join(" ".join([self.message, *self.details]).split())


@dataclass
class Session:
    """Everything that a pytest session found out.

    Attributes:
        journal: Checks and agreements, in the order in which their tests ended.
        n_not_run: Number of marked tests that ran unchecked.
        n_not_enforced: Number of checks whose claim is not met, in a run that enforces no claims.
        warnings: What else the user must know.
        notices: Information without consequence.
        failures: Why the gate fails, beyond failed tests and a run without checks.
        comparison: Comparison with the baseline, if there was one.
        findings: What it means for its checks.
        failed_findings: Those that fail the gate.
    """

    journal: Journal = field(default_factory=Journal)
    n_not_run: int = 0
    n_not_enforced: int = 0
    warnings: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    comparison: Comparison | None = None
    findings: tuple[Finding, ...] = ()
    failed_findings: tuple[Finding, ...] = ()

    def compare_with(
        self,
        name: str,
        baseline: dict[str, BaselineEntry],
        tolerances: Sequence[Tolerance] = (),
        *,
        fails_if_inconclusive: bool,
        was_to_run: Callable[[str], bool] = lambda _test: True,
    ) -> None:
        """Compare with a baseline, and fail the gate where a check became worse.

        Args:
            name: Name of the baseline.
            baseline: Its entries by their keys.
            tolerances: What else must not become worse, and by how much it may.
            fails_if_inconclusive: Whether a check that is gone, or that is not decided any more, fails the gate too.
            was_to_run: Returns whether this run was to make the checks of a test.
        """
        now = baseline_entries(self.journal, with_places=True)
        n_examples = len(self.journal) - len(now)
        comparison = compare(baseline, now, (name, "this run"), was_to_run=was_to_run, n_examples=n_examples)
        self.comparison, self.findings = comparison, findings(comparison, tolerances)
        self.failed_findings = tuple(
            finding for finding in self.findings if fails(finding, fails_if_inconclusive=fails_if_inconclusive)
        )
        if not comparison.n_checks and not self.failed_findings:
            self.failures.append(
                Failure(
                    f"nothing was compared with {name}: no check is in both runs (a gate that checked nothing fails)"
                )
            )
        for finding in self.failed_findings:
            message, *details = finding_lines(finding, name)
            entry = finding.check.entry
            self.failures.append(
                Failure(message, tuple(details), f"{finding.kind} {entry.key}", entry.file, entry.line)
            )

    def gate_failures(self, *, checking: bool) -> list[Failure]:
        """Return why the gate fails, beyond failed tests; nothing if it passes.

        `checking` says whether the run was started to check something (``--gilcheck``). If so, it fails where neither a check
        nor an agreement ran.
        """
        if not checking or len(self.journal):
            return self.failures
        if self.n_not_run:
            nothing = (
                f"no check ran: --gilcheck-only and --gilcheck-skip left out those of all {self.n_not_run} tests "
                "(a gate that checked nothing fails)"
            )
        else:
            nothing = (
                "no check ran: mark tests with @pytest.mark.gilcheck or use the `gilcheck` fixture "
                "(a gate that checked nothing fails)"
            )
        return [Failure(nothing), *self.failures]

    def close(self) -> None:
        """Delete the session's file."""
        self.journal.close()
