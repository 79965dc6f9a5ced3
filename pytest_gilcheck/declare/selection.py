"""Which tests do ``--gilcheck-only`` and ``--gilcheck-skip`` mean?

Imported by every pytest run that has the plugin installed: as `options`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re


def is_selected(nodeid: str, given: dict[str, Any]) -> bool:
    """Is this test to be checked, as far as ``--gilcheck-only`` and ``--gilcheck-skip`` say?"""
    if given["only"] and not any(_fits(nodeid, pattern) for pattern in given["only"]):
        return False
    return not any(_fits(nodeid, pattern) for pattern in given["skip"])


def _fits(nodeid: str, pattern: str) -> bool:
    """Whole, by its last part, or by that part without parameters. Brackets stand for themselves: ids are full of them."""
    form = _pattern(pattern)
    file, _, inside = nodeid.partition("::")
    last = (
        nodeid.rpartition("::")[2]
        if "[" not in nodeid
        else inside.partition("[")[0].rpartition("::")[2] + "[" + inside.partition("[")[2]
    )
    return any(form.fullmatch(text) for text in (nodeid, nodeid.partition("[")[0], file, last, last.partition("[")[0]))


def covers(pattern: str, narrower: str) -> bool:
    """Does the first fit whatever the second fits? A star in the second is a letter that only a star of the first takes."""
    return _pattern(pattern).fullmatch(narrower) is not None


def _pattern(pattern: str) -> re.Pattern[str]:
    import re  # noqa: PLC0415  (only where a pattern is given)

    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
