"""What a pytest session found out, and whether it passes the gate. No pytest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_gilcheck.store.journal import Journal

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Comparison


@dataclass
class Session:
    """The checks and agreements of a session in the order in which their tests ended; `n_not_run` marked tests ran unchecked.

    `failures` are reasons for the gate to fail beyond failed tests, `notices` what is said without consequence.
    """

    journal: Journal = field(default_factory=Journal)
    n_not_run: int = 0
    warnings: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    comparison: Comparison | None = None

    def gate(self, *, asked: bool) -> list[str]:
        """Why does the gate fail, beyond failed tests? `asked`: the run was to check something (``--gilcheck``). An agreement
        counts as a check that ran."""
        if asked and not len(self.journal):
            nothing = "no check ran: mark tests with @pytest.mark.gilcheck or use the `gilcheck` fixture (a gate that checked nothing fails)"
            if self.n_not_run:
                nothing = (
                    f"no check ran: --gilcheck-only and --gilcheck-skip left out those of all {self.n_not_run} tests "
                    "(a gate that checked nothing fails)"
                )
            return [nothing, *self.failures]
        return self.failures

    def close(self) -> None:
        """Takes its file away."""
        self.journal.close()
