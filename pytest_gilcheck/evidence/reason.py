"""Why a verdict is not plainer than it is: a slug that the documentation explains, and the facts of this case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why? `slug` names an entry of ``docs/messages.md``; `detail` gives this case's values in one sentence."""

    slug: str
    detail: str = ""
