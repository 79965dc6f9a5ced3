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


def _import_native() -> Any:
    """Return the native module.

    Returns:
        The module.

    Raises:
        ImportError: It cannot be imported; the message says which build to install.
    """
    try:
        return importlib.import_module(f"{__name__}._native")
    # SystemError: 3.13t begins to load a module that was built for a GIL, and finds that its objects have another layout.
    except (ImportError, SystemError) as error:
        # Only an error needs them.
        import sys  # noqa: PLC0415
        import sysconfig  # noqa: PLC0415
        from pathlib import Path  # noqa: PLC0415

        from pytest_gilcheck.report.native_module import why_not_imported  # noqa: PLC0415

        found = {path.name for path in Path(__file__).parent.glob("_native.*") if path.suffix in (".so", ".pyd")}
        is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
        message = why_not_imported(str(error), found, sys.version_info[:2], is_free_threaded=is_free_threaded)
        raise ImportError(message, name=getattr(error, "name", None), path=getattr(error, "path", None)) from error


def __getattr__(name: str) -> Any:
    if name == "_native":  # `from pytest_gilcheck import _native` asks here before it imports
        return _import_native()
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    if name == "reference":  # it takes its functions from the native module by name, which does not ask here
        _import_native()
    module_name, attribute = _HOMES[name]
    module = importlib.import_module(f"{__name__}.{module_name}")
    return getattr(module, attribute) if attribute else module


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
