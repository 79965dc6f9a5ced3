"""The result of a pytest session, and whether it passes the gate. Knows no pytest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_gilcheck.gate.comparison import baseline_entries, compare, failures
from pytest_gilcheck.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_gilcheck.evidence import BaselineEntry, Comparison, Tolerance


@dataclass
class Session:
    """Everything that a pytest session found out.

    Attributes:
        journal: Checks and agreements, in the order in which their tests ended.
        n_not_run: Number of marked tests that ran unchecked.
        warnings: What else the user must know.
        notices: Information without consequence.
        failures: Why the gate fails, beyond failed tests and a run without checks.
        comparison: Comparison with the baseline, if there was one.
    """

    journal: Journal = field(default_factory=Journal)
    n_not_run: int = 0
    warnings: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    comparison: Comparison | None = None

    def compare_with(
        self,
        name: str,
        baseline: dict[str, BaselineEntry],
        tolerances: Sequence[Tolerance],
        *,
        fails_if_inconclusive: bool,
    ) -> None:
        """Compare with a baseline, and fail the gate where a tolerance is overrun.

        Args:
            name: Name of the baseline.
            baseline: Its entries by their keys.
            tolerances: What must not become worse, and by how much it may.
            fails_if_inconclusive: Whether a tolerance that cannot be judged fails the gate too. Otherwise it is a warning.
        """
        self.comparison = compare(baseline, baseline_entries(self.journal), (name, "this run"))
        overrun, inconclusive = failures(self.comparison, tolerances)
        self.failures += overrun
        if fails_if_inconclusive:
            self.failures += inconclusive
        else:
            self.warnings += inconclusive

    def gate_failures(self, *, checking: bool) -> list[str]:
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
        return [nothing, *self.failures]

    def close(self) -> None:
        """Delete the session's file."""
        self.journal.close()
