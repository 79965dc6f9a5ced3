"""Who decides whether a free-threaded interpreter runs with its GIL: an option, a variable, or a module.

A module that does not say that it can do without the GIL switches it on when it is imported, for the rest of the process. The
interpreter only warns, and filters often hide that. The plugin imports this module early in such a build, and in no other.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

#: Steps of a loader of native modules: with the single-phase kind the first one switches the GIL on, else the second.
_STEPS = ("create_dynamic", "exec_dynamic")


class SwitchedOn(NamedTuple):
    """The import that switched the GIL on: `module`, and `importer`, the ``file:line`` of the statement, if it is known."""

    module: str
    importer: str


_switched_on: list[SwitchedOn] = []


def is_free_threaded() -> bool:
    """Return whether the interpreter is a free-threaded build, with its GIL on or off."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def is_gil_enabled() -> bool:
    """Return whether the interpreter has a GIL now."""
    is_enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    return is_enabled()


def watch_imports(loader: Any = None) -> None:
    """Notice from now on which import switches the GIL on. It does nothing where there is no GIL to switch.

    `loader` is the module that loads native modules; None: the interpreter's own.
    """
    if loader is None:
        if not is_free_threaded() or is_gil_enabled():
            return
        import _imp  # noqa: PLC0415  (as late as the decision)

        loader = _imp
    for name in _STEPS:
        step = getattr(loader, name)
        if not hasattr(step, "gilcheck_watches"):
            setattr(loader, name, _watched(step))


def _watched(step: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        was_enabled = is_gil_enabled()
        try:
            return step(*args, **kwargs)
        finally:
            if not was_enabled and is_gil_enabled() and not _switched_on:
                what = args[0]  # a spec, or the module itself
                name = getattr(what, "name", None) or getattr(what, "__name__", None) or "a module"
                _switched_on.append(SwitchedOn(str(name), _importer()))

    watched.gilcheck_watches = True  # type: ignore[attr-defined]
    return watched


def _importer() -> str:
    """Return the place of the innermost import statement on this thread's stack."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (documented, if specialised)
    while frame is not None and (
        frame.f_code.co_filename.startswith("<frozen importlib") or frame.f_code.co_filename == __file__
    ):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def forced_by(options: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Return the option or variable that decides whether there is a GIL, as its user wrote it; empty where none does.

    `options` are those of ``-X``, `environment` the variables; None: those of this process.
    """
    options = sys._xoptions if options is None else options  # noqa: SLF001  (documented)
    if environment is None:
        environment = {} if sys.flags.ignore_environment else os.environ
    if "gil" in options:
        return f"-X gil={options['gil']}"
    value = environment.get("PYTHON_GIL", "")
    return f"PYTHON_GIL={value}" if value else ""


def switched_on_by() -> str:
    """Return who switched the GIL of this free-threaded build on; empty where there is no such build, or no GIL."""
    if not is_free_threaded() or not is_gil_enabled():
        return ""
    if forced := forced_by():
        return forced
    if _switched_on:
        module, importer = _switched_on[0]
        return f"the import of {module}{f' in {importer}' if importer else ''}"
    return "a module that was imported before gilcheck (python -W error::RuntimeWarning names it)"
