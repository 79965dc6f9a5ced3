"""A process that checks one call beside one neighbour: a JSON request on standard input, a JSON answer."""

from __future__ import annotations

import concurrent.futures
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.living.neighbours import NEIGHBOURS, OWN_POOL

#: The neighbour is well under way before the check begins.
_UNDER_WAY_SECONDS = 0.05
#: A check may take so many of its calls if that is more than the usual limit.
_CALLS_IN_LIMIT = 10


def main() -> None:
    """Answer the one request."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a call under test may print
    request = json.load(sys.stdin)
    try:
        answer = {"outcome": "ok", **_checked(request)}
    except ModuleNotFoundError as error:
        answer = {"outcome": "absent", "detail": str(error)}
    except Exception as error:  # noqa: BLE001  (any failure of a check is a result of this benchmark)
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        answer = {"outcome": "raised", "detail": f"{text} ({Path(last.filename).name}:{last.lineno})"}
    answers.write(json.dumps(answer))
    answers.close()


def _checked(request: dict[str, Any]) -> dict[str, Any]:
    from pytest_gilcheck import check
    from pytest_gilcheck.declare.settings import TIME_LIMIT_NS

    checker = check.options(name=request["case"], **request["options"])
    measured = _statement(request, checker) if "call" in request else _specimen(request, checker)
    with NEIGHBOURS[request["neighbour"]]():
        time.sleep(_UNDER_WAY_SECONDS)  # threads of the neighbour start one after the other
        begin = time.perf_counter()
        verdict = measured()
        seconds = time.perf_counter() - begin
    share = verdict.held_share
    return {
        "gil": verdict.gil,
        "share": (share.low, share.value, share.high),
        "grade": verdict.instrument.grade,
        "reasons": list(verdict.reasons),
        "n_calls": verdict.n_calls,
        "seconds": seconds,
        "limit_seconds": max(TIME_LIMIT_NS, _CALLS_IN_LIMIT * (verdict.span_ns or 0)) / 1e9,
        "detail": "; ".join(f"{note.slug}: {note.detail}" for note in verdict.notes),
    }


def _specimen(request: dict[str, Any], checker: Any) -> Callable[[], Any]:
    from pytest_gilcheck import _native

    function, args = getattr(_native.specimens, request["function"]), request["args"]
    if request["neighbour"] != OWN_POOL:
        return lambda: checker(function, *args)
    pool = concurrent.futures.ThreadPoolExecutor(1)
    pool.submit(int).result()  # its thread is there before the first call, and stays
    return lambda: checker(lambda: pool.submit(function, *args).result())


def _statement(request: dict[str, Any], checker: Any) -> Callable[[], Any]:
    from pytest_gilcheck.commands.statement import Statement
    from pytest_gilcheck.run import Call

    statement = Statement(request["call"], request["setup"])
    return lambda: checker.of_call(Call(eval, args_for=statement.args_for))
