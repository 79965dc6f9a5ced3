"""What a pytest session found out, and whether it passes the gate. Plain records, no pytest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gilcheck.evidence import Observation, Verdict


@dataclass
class Session:
    """The checks of a session in the order in which they ended; `n_not_run` marked tests ran unchecked."""

    checks: list[tuple[Observation, Verdict]] = field(default_factory=list)
    n_not_run: int = 0
    warnings: list[str] = field(default_factory=list)

    def failure(self, *, asked: bool) -> str | None:
        """Why does the gate fail, beyond failed tests? `asked`: the run was to check something (``--gilcheck``)."""
        if asked and not self.checks:
            return "no check ran: mark tests with @pytest.mark.gilcheck or use the `gilcheck` fixture (a gate that checked nothing fails)"
        return None
