"""A process that measures rows of one package: JSON on standard input, one JSON line for each row on standard output.

It is the one place where the census touches the library. Each size is measured by the public command. The place at which
a call releases the GIL is not part of a report on a call that releases it, so one more call is made for its stacks.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

#: A machine with other work needs longer than the command's 3 s, and a row must not lose its place to that.
TIME_LIMIT = "20s"
_LONGEST_COMPLAINT = 300


def measure(setup: str, statement: str) -> dict[str, Any]:
    """Return what the command `gilcheck --no-overlap` says of a statement.

    The entry has the word, the held share, the time of a call and the place to look at; or ``outcome`` is why there is none.
    """
    from pytest_gilcheck.__main__ import main
    from pytest_gilcheck.store import json_report

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        status = main(["--no-overlap", "-q", "--time-limit", TIME_LIMIT, "--json", str(path), "-s", setup, statement])
        if not path.exists():
            return {"outcome": f"exit status {status}"}
        entry = json_report.from_line(path.read_text(encoding="utf-8").splitlines()[1], str(path))
    verdict = entry.verdict  # type: ignore[union-attr]  # the second line of the report on one check is that check
    return {
        "outcome": "ok",
        "gil": verdict.gil,
        "held_share": verdict.held_share.value,
        "span_ns": verdict.span_ns,
        "n_releases": verdict.n_releases.by_function,
        "where": _where_held(verdict),
        "reasons": [note.slug for note in verdict.notes],
    }


def _where_held(verdict: Any) -> str:
    from pytest_gilcheck.report.where import line_to_look_at, place_text

    place = verdict.where and line_to_look_at(verdict.where)
    return _named(place_text(place)) if place else ""


def _where_released(setup: str, statement: str) -> str:
    """Return the place of the first release by the function in one more call; empty where it is not known."""
    from pytest_gilcheck.checker.find_places import find_places
    from pytest_gilcheck.checker.stages import Stages
    from pytest_gilcheck.commands.statement import Statement
    from pytest_gilcheck.declare.settings import Settings
    from pytest_gilcheck.judge.places import site
    from pytest_gilcheck.observe import clock_quality, exact_ledger
    from pytest_gilcheck.plan import survey
    from pytest_gilcheck.report.where import site_text
    from pytest_gilcheck.run import Call, CompetingThreads, Rescue

    code = Statement(statement, setup)
    call = Call(eval, setup=code.setup_of_call, args_for=code.args_for, name="census")
    settings = Settings().changed({"time_limit": TIME_LIMIT, "overlap": False}, where="census")
    begun_ns = time.perf_counter_ns()
    with exact_ledger(), CompetingThreads(1) as competing:
        machine = survey(clock_quality())
        rescue = Rescue(None, list)
        stages = Stages(
            call, settings, "census", machine, rescue, begun_ns=begun_ns, competing=competing, on_status=None
        )
        stages.pilot()
        places = find_places(stages)
    if places is None:
        return ""
    released = [event for event in places.events if event.kind == "release"]
    return _named(site_text(site(max(released, key=lambda event: event.n), places))) if released else ""


def _named(text: str) -> str:
    """Return a place, or nothing where it is the row's own statement: as a line, or as the code object that was called."""
    return "" if text in ("an unknown place", "the statement", "code") else text


def _measure_row(row: dict[str, Any], answers: IO[str], *, places: bool) -> None:
    """Write the answer for each size as it comes. Sizes between the ends are of interest where the word changes."""
    sizes, words = row["sizes"], set()
    for size in dict.fromkeys([sizes[0], sizes[-1], *sizes[1:-1]]):
        if size not in (sizes[0], sizes[-1]) and len(words) == 1:
            break
        setup = f"n = {size!r}\n{row['setup']}"
        try:
            answer = measure(setup, row["statement"])
            if places and size == sizes[-1] and answer.get("gil") == "released":
                answer["where"] = _where_released(setup, row["statement"])
        except Exception as error:  # noqa: BLE001  (any failure of any row is a result of the census)
            answer = {"outcome": f"{type(error).__name__}: {error}"}
        words.add(answer.get("gil"))
        answers.write(json.dumps({"size": size, **answer}) + "\n")
        answers.flush()


def _preload(setup: str) -> None:
    """Import what a setup imports, and the library's own modules: every row's process then has them."""
    import pytest_gilcheck.checker.measure
    import pytest_gilcheck.commands.measure
    import pytest_gilcheck.store.json_report  # noqa: F401  (as above)

    tree = ast.parse(setup)
    tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(tree, "<imports>", "exec"), {})  # noqa: S102  (the rows are this project's own)


def _row_in_a_child(row: dict[str, Any], *, places: bool, timeout_s: float) -> dict[str, Any]:
    """Return the answers of a process that was forked for this row, and how it ended."""
    with tempfile.TemporaryFile("w+") as answers, tempfile.TemporaryFile("w+b") as complaints:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(complaints.fileno(), 1)
            os.dup2(complaints.fileno(), 2)
            _measure_row(row, answers, places=places)
            # Libraries with threads of their own may hang at exit.
            os._exit(0)
        ended, until = 0, time.monotonic() + timeout_s
        while not ended and time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0 if ended else 0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if not ended:
            os.waitpid(child, 0)
        answers.seek(0)
        complaints.seek(0)
        said = complaints.read()[-_LONGEST_COMPLAINT:].decode(errors="replace").strip()
        problem = f"no answer within {timeout_s:g} s" if not ended else f"wait status {status}: {said}"
        return {
            "answers": [json.loads(line) for line in answers.read().splitlines()],
            "problem": problem if not ended or status or said else "",
            "died": not ended or status != 0,
        }


def main() -> None:
    """Measure the rows of one package, each in a process of its own, and write a line for each."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.load(sys.stdin)
    _preload(job["rows"][0]["setup"] if len(job["rows"]) > 1 else "")
    for row in job["rows"]:
        done = _row_in_a_child(row, places=job["places"], timeout_s=job["timeout_s"])
        lines.write(json.dumps(done) + "\n")
        lines.flush()


if __name__ == "__main__":
    main()
