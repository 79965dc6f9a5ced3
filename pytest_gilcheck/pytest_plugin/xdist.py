"""The checks and agreements of several processes in one report: what pytest-xdist's controller does for its workers.

A worker sends its checks with each test's report. A worker that dies in a check has left the checks of that test in a
file whose place the controller chose.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gilcheck.pytest_plugin.session_state import DESELECTED_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_gilcheck.gate.session import Session

#: Key of a worker's input: the file in which it leaves its entries if it must die.
RESCUE_KEY = "gilcheck_rescue"


class Workers:
    """xdist's hooks in the controller.

    Args:
        session: Returns what the session has found.
        deselected: Takes the ids of tests that the run leaves out.
    """

    def __init__(self, session: Callable[[], Session], deselected: set[str]) -> None:
        self._session = session
        self._deselected = deselected
        self._folder: Path | None = None

    def pytest_configure_node(self, node: Any) -> None:
        """Choose the file of a worker before it starts."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="gilcheck-"))
        node.workerinput[RESCUE_KEY] = str(self._rescue_path(node))

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what a worker sends at its end, and the entries that it has left when it died."""
        self._deselected.update(getattr(node, "workeroutput", {}).get(DESELECTED_KEY, ()))
        path = self._rescue_path(node) if self._folder else None
        if path is None or not path.exists():
            return
        session, n = self._session(), 0
        try:
            for line in _lines_of_failed_test(path):
                session.journal.extend([line])
                n += 1
        except ValueError as unreadable:
            session.warnings.append(f"what worker {node.gateway.id} saved before it died is lost: {unreadable}")
        saved = f"{n} check{'' if n == 1 else 's'} that its last test had made before it"
        reason = f" ({error})" if error else ""
        session.warnings.append(
            f"worker {node.gateway.id} died in a check that kept the GIL past its deadline{reason}; {saved} are in this report"
        )
        path.unlink()

    def close(self) -> None:
        """Delete the files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _rescue_path(self, node: Any) -> Path:
        assert self._folder is not None  # noqa: S101  (narrowing: made before the first worker)
        return self._folder / f"{node.gateway.id}.json"


def _lines_of_failed_test(path: Path) -> Iterator[str]:
    """Yield the entries of a JSON report as lines, all as those of a failed test.

    Args:
        path: A JSON report.

    Yields:
        Lines with their ends.

    Raises:
        UsageError: The file cannot be read as a JSON report.
    """
    from dataclasses import replace  # noqa: PLC0415  (only where a worker has died: every controller imports this module)

    from pytest_gilcheck.store.json_report import to_line  # noqa: PLC0415  (as above)
    from pytest_gilcheck.store.stream import Stream  # noqa: PLC0415  (as above)

    for entry in Stream(path):
        yield to_line(replace(entry, failed=True))
