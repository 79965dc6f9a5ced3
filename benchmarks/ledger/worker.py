"""A process that measures cases: one JSON line in, one JSON line out.

A call under test may print, crash or never return. Answers go through a private copy of standard output, and the driver
watches the process and the clock.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from benchmarks.ledger.cases import Case
from benchmarks.ledger.measurement import COUNTER, OWN, RATIO
from benchmarks.ledger.rivals import Call, RivalVerdict, counter_test, ratio_test

RIVALS: dict[str, Callable[[Call], RivalVerdict]] = {RATIO: ratio_test, COUNTER: counter_test}


def answer(case: Case, witness: str, adapter: str) -> dict[str, Any]:
    """Return fields of `Measurement`: the answer of a witness, or what the case raised as an outcome.

    Raises ``ValueError`` for a witness that does not exist.
    """
    if witness not in (*OWN, *RIVALS):
        message = f"no witness {witness!r}: expected {', '.join((*OWN, *RIVALS))}"
        raise ValueError(message)
    try:
        if witness in OWN:
            fields: dict[str, Any] = importlib.import_module(adapter).measure(case, witness)
        else:
            fields = _rival_answer(case, witness)
    except ModuleNotFoundError as error:
        return {"outcome": "absent", "detail": str(error)}
    except Exception as error:  # noqa: BLE001  (any failure of any case is a result of this benchmark)
        return {"outcome": "raised", "detail": "".join(traceback.format_exception_only(type(error), error)).strip()}
    return {"outcome": "ok", **fields}


def _rival_answer(case: Case, witness: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(compile(case.setup, f"<setup of {case.id}>", "exec"), names)  # noqa: S102  (the cases are this project's own)
    call: Call = eval(f"lambda: ({case.call})", names)  # noqa: S307  (as above)
    begin = time.perf_counter_ns()
    verdict = RIVALS[witness](call)
    seconds = (time.perf_counter_ns() - begin) / 1e9
    return {"gil": verdict.gil, "figure": verdict.figure, "seconds": seconds, "detail": verdict.detail}


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver handles Ctrl-C, and ends this process
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        gc.collect()  # what the last case left behind does not count for this one
        reply = answer(Case(**job["case"]), job["witness"], job["adapter"])
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
