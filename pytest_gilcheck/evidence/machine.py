"""The machine and the interpreter: what limits the measurement, and what a reader needs to repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Return the release of this package."""
    try:
        return version("pytest-gilcheck")
    except PackageNotFoundError:  # run from a folder of sources, which are no release
        return "unknown (not installed)"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and interpreter that a check was measured on.

    Attributes:
        python: Version of the interpreter.
        implementation: Name of the interpreter.
        build: How the interpreter was built.
        platform: Name of the system.
        architecture: Kind of processor.
        cpu: Name of the processor.
        n_cpus: Processors that this process may use (affinity).
        n_cpus_present: Processors that there are.
        cpu_quota: Cores that the control group grants this process. None: no limit.
        load_1min: The system's load average when the check began.
        gil: ``enabled``, ``disabled`` or ``absent``.
        switch_interval_ns: The interpreter's switch interval.
        clock_price_ns: What one reading of the clock costs, measured by the instrument itself.
        clock_resolution_ns: The smallest step of the clock, measured by the instrument itself.
        gilcheck: Release of this package.
        neighbours: Slugs of plugins and tools in this process that are known to disturb.
        is_free_threaded: Whether the interpreter is a free-threaded build, with its GIL on or off.
        gil_decided_by: What decides in such a build whether there is a GIL: the option, the variable, or the import that
            switched it on. Empty: nothing but the build.
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
    is_free_threaded: bool = False
    gil_decided_by: str = ""

    @property
    def usable_cores(self) -> float:
        """How many cores this process may use at once, by affinity and by its control group."""
        return min(self.n_cpus, self.cpu_quota or self.n_cpus)

    @property
    def has_gil(self) -> bool:
        """Whether a call can keep other threads out by holding the GIL."""
        return self.gil == "enabled"
