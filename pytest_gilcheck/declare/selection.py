"""The tests that ``--gilcheck-only`` and ``--gilcheck-skip`` select."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_selected(nodeid: str, only: Sequence[str], skip: Sequence[str]) -> bool:
    """Return whether this test is checked: one of the patterns `only` fits it, if there are any, and none of `skip`."""
    if only and not any(_fits(nodeid, pattern) for pattern in only):
        return False
    return not any(_fits(nodeid, pattern) for pattern in skip)


def _fits(nodeid: str, pattern: str) -> bool:
    """Return whether a pattern fits an id as a whole, its file, its last part, or that part without parameters.

    Brackets in a pattern stand for themselves, because ids are full of them.
    """
    form = _compiled(pattern)
    file, _, inside = nodeid.partition("::")
    last = (
        nodeid.rpartition("::")[2]
        if "[" not in nodeid
        else inside.partition("[")[0].rpartition("::")[2] + "[" + inside.partition("[")[2]
    )
    return any(form.fullmatch(text) for text in (nodeid, nodeid.partition("[")[0], file, last, last.partition("[")[0]))


def covers(pattern: str, narrower: str) -> bool:
    """Return whether the first pattern fits whatever the second fits.

    A star of the second counts as a letter that only a star of the first takes.
    """
    return _compiled(pattern).fullmatch(narrower) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
