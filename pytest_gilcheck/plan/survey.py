"""Surveys the machine and the interpreter."""

from __future__ import annotations

import os
import platform
import sys
import threading
from pathlib import Path

from pytest_gilcheck.evidence import Machine, own_version
from pytest_gilcheck.plan.gil_switch import forced_by, is_free_threaded, is_gil_enabled, switched_on_by


def n_cpus() -> int:
    """Return the number of processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def cpu_quota(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return how many cores the control group grants: the smallest grant up to the root; None: no limit."""
    grants: list[float] = []
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if controllers == "":
            group = root / path.lstrip("/")
            for folder in (group, *group.parents):
                grants += _grant(folder / "cpu.max")
                if folder == root:
                    break
        elif "cpu" in controllers.split(","):
            grants += _grant_v1(root / "cpu" / path.lstrip("/"))
    return min(grants, default=None)


def _grant(limit: Path) -> list[float]:
    try:
        quota, period = limit.read_text().split()
        return [] if quota == "max" else [int(quota) / int(period)]
    except (OSError, ValueError, ZeroDivisionError):
        return []


def _grant_v1(group: Path) -> list[float]:
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text())
        return [] if quota <= 0 else [quota / int((group / "cpu.cfs_period_us").read_text())]
    except (OSError, ValueError, ZeroDivisionError):
        return []


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _gil() -> str:
    return "enabled" if is_gil_enabled() else "disabled"


#: The interpreter's own interval is 5 ms; pytest-run-parallel sets 1 µs while it runs tests in threads.
_SHORT_SWITCH_INTERVAL_SECONDS = 0.001


def neighbours() -> tuple[str, ...]:
    """Return the slugs of tools in this process that disturb a measurement."""
    slugs = []
    if sys.gettrace() is not None:
        slugs.append("tracer")
    if sys.getprofile() is not None:
        slugs.append("profiler")
    if sys.getswitchinterval() < _SHORT_SWITCH_INTERVAL_SECONDS:
        slugs.append("short-switch-interval")
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("threading"):
        slugs.append("gevent")
    if _hooks_native_functions():
        slugs.append("native-hooks")
    return tuple(slugs)


def _hooks_native_functions() -> bool:
    """Return whether memray tracks now, or scalene's allocator was loaded first.

    Both are often installed, and imported by their pytest plugins, without doing anything.
    """
    # memray has no function that says so. While it tracks, new threads get a profile function of its own.
    tracks = getattr(threading.getprofile(), "__module__", None)
    return str(tracks).startswith("memray.") or "libscalene" in os.environ.get("LD_PRELOAD", "")


def stolen_ns(stat: Path = Path("/proc/stat"), root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return for how long, since the machine began, the host or a quota has kept processors from what was ready to run.

    It is a sum over all processors, in steps of a clock tick. None: the system does not report it.
    """
    stolen = _steal_ns(stat)
    try:
        membership = Path("/proc/self/cgroup").read_text()
    except OSError:
        membership = ""
    group = next((line[3:] for line in membership.splitlines() if line.startswith("0::")), "/")
    throttled = _throttled_ns(root / group.lstrip("/") / "cpu.stat")
    return None if stolen is None and throttled is None else (stolen or 0) + (throttled or 0)


def ready_ns(tasks: Path = Path("/proc/self/task")) -> int | None:
    """Return for how long the threads of this process that live now have been ready to run and not running, in all.

    None: the system does not report it. (What it reports of the whole machine, in ``/proc/pressure``, is up to two seconds
    old.)
    """
    try:
        delays = [_delay_ns(task / "schedstat") for task in tasks.iterdir()]
    except OSError:
        return None
    known = [delay for delay in delays if delay is not None]
    return sum(known) if any(known) else None


def own_ready_ns() -> int | None:
    """Return for how long the calling thread has been ready to run and not running. None: the system does not report it."""
    return _delay_ns(Path("/proc/thread-self/schedstat"))


def _delay_ns(schedstat: Path) -> int | None:
    try:
        return int(schedstat.read_text().split()[1])
    except (OSError, ValueError, IndexError):  # a thread that has ended meanwhile
        return None


def _steal_ns(stat: Path) -> int | None:
    try:
        fields = stat.read_text().partition("\n")[0].split()
        return int(fields[8]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _throttled_ns(stat: Path) -> int | None:
    try:
        figures = dict(line.split() for line in stat.read_text().splitlines())
        return int(figures["throttled_usec"]) * 1000
    except (OSError, ValueError, KeyError):
        return None


def survey(clock_quality: tuple[int, int]) -> Machine:
    """Return a record of the machine; `clock_quality` is the price and the resolution of the clock in nanoseconds."""
    price_ns, resolution_ns = clock_quality
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        load = None
    return Machine(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        build=" ".join(platform.python_build()),
        platform=platform.platform(),
        architecture=platform.machine(),
        cpu=_cpu_name(),
        n_cpus=n_cpus(),
        n_cpus_present=os.cpu_count() or 1,
        cpu_quota=cpu_quota(),
        load_1min=load,
        gil=_gil(),
        switch_interval_ns=round(sys.getswitchinterval() * 1e9),
        clock_price_ns=price_ns,
        clock_resolution_ns=resolution_ns,
        gilcheck=own_version(),
        neighbours=neighbours(),
        is_free_threaded=is_free_threaded(),
        gil_decided_by=switched_on_by() or (forced_by() if is_free_threaded() else ""),
    )
