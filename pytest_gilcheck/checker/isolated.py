"""The same measurement in a process of its own."""

from __future__ import annotations

import contextlib
import pickle
import sys
from dataclasses import replace
from functools import partial
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.checker.measure import NOT_ALONE, Alone, measure, unguarded
from pytest_gilcheck.evidence import Observation, Reason, UsageError
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


def measure_in_child(
    call: Call, settings: Settings, name: str, rescue: Rescue, alone: Alone
) -> tuple[Observation, Any]:
    """What is seen of the call by a child process, and what its first measured call returned there.

    Raises what the call raised, `UsageError` where it cannot travel, `DeadlineExceeded` or `CheckFailed` where the child did
    not come back.
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
    with status_callback() as tell, alone() if settings.overlap else unguarded() as is_alone:
        told = None if tell is None else partial(tell, StatusEvent(events.CHILD))
        answer = in_child(payload, deadline_seconds=settings.deadline / 1e9, what=name, meanwhile=told)
    observation, result, failure = pickle.loads(answer)  # noqa: S301  (made by our own child a moment ago)
    if failure is not None:
        raise failure
    if not is_alone:
        observation = replace(observation, notes=(*observation.notes, NOT_ALONE))
    return observation, result


@contextlib.contextmanager
def _by_value(function: object) -> Iterator[None]:
    """Sends what a module that the child cannot import defines as code: pytest imports test modules under names that
    lead nowhere (``--import-mode=importlib``)."""
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


def serve_child(given: Path, made: Path) -> None:
    """The child's side: measures the call in the file `given` and writes what was seen to `made`."""
    import cloudpickle  # noqa: PLC0415  (only needed here)

    call, settings, name = pickle.loads(given.read_bytes())  # noqa: S301  (written by our own parent)
    observation: Observation | None = None
    result: Any = None
    failure: BaseException | None = None
    try:
        observation, result = measure(call, settings, name, Rescue(status=STUCK_STATUS))
    except BaseException as raised:  # noqa: BLE001  (raised again in the parent)
        failure = raised
    try:
        answer = cloudpickle.dumps((observation, result, failure))
    except Exception as unpicklable:  # noqa: BLE001  (said in place of what cannot be sent)
        sent = None if failure is None else RuntimeError(f"{type(failure).__name__}: {failure}")
        note = Reason.of("result-not-sent", error=str(unpicklable))
        if observation is not None:
            observation = replace(observation, notes=(*observation.notes, note))
        answer = cloudpickle.dumps((observation, None, sent))
    made.write_bytes(answer)
