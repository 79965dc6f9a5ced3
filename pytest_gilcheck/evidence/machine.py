"""The machine and interpreter as found: what limits the measurement, and what a reader needs to repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Which release of this package is at work?"""
    try:
        return version("pytest-gilcheck")
    except PackageNotFoundError:  # run from a folder of sources: whatever they are, no release vouches for them
        return "unknown (not installed)"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where was it measured? `n_cpus` are the processors that this process may use (affinity), `cpu_quota`
    the cores that its control group grants it (None: no limit), `load_1min` the system's load average when
    the check began. `gil` is ``enabled``, ``disabled`` or ``absent``. `clock_price_ns` is what one reading of
    the clock costs and `clock_resolution_ns` its smallest step, both measured by the instrument itself.
    `neighbours` names plugins and tools in this process that are known to disturb (slugs).
    """

    python: str
    implementation: str
    build: str
    platform: str
    architecture: str
    cpu: str
    n_cpus: int
    n_cpus_present: int
    cpu_quota: float | None
    load_1min: float | None
    gil: str
    switch_interval_ns: int
    clock_price_ns: int
    clock_resolution_ns: int
    gilcheck: str
    neighbours: tuple[str, ...] = ()

    @property
    def usable_cores(self) -> float:
        """How many cores may this process use at once? Affinity, and what its control group grants."""
        return min(self.n_cpus, self.cpu_quota or self.n_cpus)

    @property
    def has_gil(self) -> bool:
        """Can a call keep other threads out by holding it?"""
        return self.gil == "enabled"
