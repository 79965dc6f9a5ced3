"""Verifies that extension functions release the GIL.

Public names are imported when they are first used. A pytest run that has the plugin installed and checks nothing imports
neither the native module nor hypothesis nor a library for reports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_gilcheck import reference, specimens
    from pytest_gilcheck.agree import strategies
    from pytest_gilcheck.checker.public import agrees, check
    from pytest_gilcheck.evidence import (
        CheckFailed,
        DeadlineExceeded,
        Estimate,
        Inconclusive,
        NotApplicable,
        UsageError,
        Verdict,
    )

__all__ = [
    "Agreement",
    "CheckFailed",
    "DeadlineExceeded",
    "Disagreement",
    "Estimate",
    "Inconclusive",
    "NotApplicable",
    "UsageError",
    "Verdict",
    "agrees",
    "check",
    "reference",
    "specimens",
    "strategies",
]

#: Public name -> its module and its name there. An empty name means the module itself.
_HOMES = {
    "Agreement": ("evidence", "Agreement"),
    "CheckFailed": ("evidence", "CheckFailed"),
    "Disagreement": ("evidence", "Disagreement"),
    "DeadlineExceeded": ("evidence", "DeadlineExceeded"),
    "Estimate": ("evidence", "Estimate"),
    "Inconclusive": ("evidence", "Inconclusive"),
    "NotApplicable": ("evidence", "NotApplicable"),
    "UsageError": ("evidence", "UsageError"),
    "Verdict": ("evidence", "Verdict"),
    "agrees": ("checker.public", "agrees"),
    "check": ("checker.public", "check"),
    "reference": ("reference", ""),
    "specimens": ("specimens", ""),
    "strategies": ("agree.strategies", ""),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module_name, attribute = _HOMES[name]
    module = importlib.import_module(f"{__name__}.{module_name}")
    return getattr(module, attribute) if attribute else module


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
