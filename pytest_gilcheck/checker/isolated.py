"""Measures one call in a child process."""

from __future__ import annotations

import contextlib
import pickle
import sys
import time
from dataclasses import replace
from functools import partial
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.measure import Exclusive, measure, unguarded
from pytest_gilcheck.evidence import Observation, Reason, UsageError
from pytest_gilcheck.evidence.errors import is_hidden
from pytest_gilcheck.run import Rescue
from pytest_gilcheck.run.child import STUCK_STATUS, in_child
from pytest_gilcheck.status import events
from pytest_gilcheck.status.callback import status_callback
from pytest_gilcheck.status.events import StatusEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.run import Call

__tracebackhide__ = is_hidden


def measure_in_child(
    call: Call, settings: Settings, name: str, rescue: Rescue, exclusive: Exclusive
) -> tuple[Observation, Any]:
    """Measure one call in a child process; return the observation, and what the first measured call returned.

    Raises what the call raises there, `UsageError` where it cannot be sent to another process, and `DeadlineExceeded` or
    `CheckFailed` where the child process does not return.
    """
    import cloudpickle  # noqa: PLC0415  (only needed here)

    del rescue  # the parent lives on: nothing needs saving
    try:
        with _by_value(call.function):
            payload = cloudpickle.dumps((call, settings, name))
    except Exception as error:
        message = (
            f"{call.describe()} cannot be sent to a child process ({type(error).__name__}: {error}). Make what it needs inside the "
            "function or in setup=, or measure it without isolate."
        )
        raise UsageError(message) from error
    begun_ns = time.perf_counter_ns()
    with status_callback() as on_status, exclusive() if settings.overlap else unguarded() as is_exclusive:
        waited_ns = time.perf_counter_ns() - begun_ns
        report = None if on_status is None else partial(on_status, StatusEvent(events.CHILD))
        reply = in_child(payload, deadline_seconds=settings.deadline / 1e9, what=name, meanwhile=report)
    observation, result, failure = pickle.loads(reply)  # noqa: S301  (made by our own child a moment ago)
    if failure is not None:
        raise failure
    if not is_exclusive:
        note = Reason.of("xdist-neighbours", waited_ns=waited_ns)
        observation = replace(observation, notes=(*observation.notes, note))
    return observation, result


@contextlib.contextmanager
def _by_value(function: object) -> Iterator[None]:
    """Send the function's module as code, if the child cannot import it.

    pytest imports test modules under names that cannot be imported elsewhere (``--import-mode=importlib``).
    """
    import cloudpickle  # noqa: PLC0415  (only needed here)

    module = sys.modules.get(getattr(function, "__module__", None) or "")
    root = module.__name__.partition(".")[0] if module else "builtins"
    if module is None or root in sys.builtin_module_names or PathFinder.find_spec(root) is not None:
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def serve_child(call_file: Path, observation_file: Path) -> None:
    """Measure the call in `call_file` and write its observation to `observation_file`; the child's side."""
    import cloudpickle  # noqa: PLC0415  (only needed here)

    call, settings, name = pickle.loads(call_file.read_bytes())  # noqa: S301  (written by our own parent)
    observation: Observation | None = None
    result: Any = None
    failure: BaseException | None = None
    try:
        observation, result = measure(call, settings, name, Rescue(status=STUCK_STATUS))
    except BaseException as raised:  # noqa: BLE001  (raised again in the parent)
        failure = raised
    try:
        reply = cloudpickle.dumps((observation, result, failure))
    except Exception as unpicklable:  # noqa: BLE001  (a note replaces what cannot be sent)
        sent_failure = None if failure is None else RuntimeError(f"{type(failure).__name__}: {failure}")
        note = Reason.of("result-not-sent", error=str(unpicklable))
        if observation is not None:
            observation = replace(observation, notes=(*observation.notes, note))
        reply = cloudpickle.dumps((observation, None, sent_failure))
    observation_file.write_bytes(reply)
