"""What to do where the native module cannot be imported."""

from __future__ import annotations

from collections.abc import Collection

#: The first part of the ABI tag of a wheel for all builds with a GIL.
_STABLE_ABI = "abi3"
#: The same for all builds from this version on, free-threaded or not; before, each free-threaded version has a wheel of its
#: own, and before the second one there is none.
_STABLE_FREE_THREADED = "abi3t"
_FIRST_WITH_STABLE_FREE_THREADED = (3, 15)
_FIRST_FREE_THREADED = (3, 14)


def why_not_imported(error: str, found: Collection[str], python: tuple[int, int], *, is_free_threaded: bool) -> str:
    """Return what keeps the native module from being imported, and the remedy.

    Args:
        error: What the import said.
        found: File names of the native modules that are installed.
        python: Major and minor version of the interpreter.
        is_free_threaded: Whether the interpreter is a free-threaded build.

    Returns:
        One sentence or several.
    """
    version = f"{python[0]}.{python[1]}"
    if "subinterpreter" in error:
        return f"pytest-gilcheck cannot be used in a subinterpreter: run the check in the main interpreter ({error})"
    if not found:
        return (
            "the native module of pytest-gilcheck is not installed (this is a source tree, or another package's folder): "
            "install it with `python -m pip install .` in the source tree, and run Python from another folder"
        )
    files = ", ".join(sorted(found))
    for_free_threaded = [name for name in found if _is_for_free_threaded(name)]
    if is_free_threaded and not for_free_threaded:
        tag = f"cp{python[0]}{python[1]}t" if python < _FIRST_WITH_STABLE_FREE_THREADED else _STABLE_FREE_THREADED
        remedy = f"install a wheel with the tag {tag}, or use python{version}"
        if python < _FIRST_FREE_THREADED:
            remedy = f"there is no wheel for {version}t, use python3.14t or python{version}"
        return (
            f"this is a free-threaded CPython {version}t, and the installed pytest-gilcheck ({files}) is for builds with a "
            f"GIL: {remedy}"
        )
    usable = [name for name in found if name not in for_free_threaded or _is_for_all(name, python)]
    if not is_free_threaded and not usable:
        return (
            f"this is a CPython {version} with a GIL, and the installed pytest-gilcheck ({files}) is for free-threaded "
            f"builds: install the wheel with the tag cp310-{_STABLE_ABI}, `python -m pip install --force-reinstall "
            "pytest-gilcheck`"
        )
    return (
        f"the native module of pytest-gilcheck ({files}) cannot be imported by CPython {version}: {error}. "
        "Install a wheel for this interpreter and system, `python -m pip install --force-reinstall pytest-gilcheck`"
    )


def _tag(name: str) -> str:
    """Return the ABI tag in a native module's name: `314t` of `_native.cpython-314t-x86_64-linux-gnu.so`."""
    tag = name.partition(".")[2].removeprefix("cpython-").removeprefix("cp")
    return tag.partition("-")[0].removesuffix(".so").removesuffix(".pyd")


def _is_for_free_threaded(name: str) -> bool:
    """Return whether a native module's name ends as those of free-threaded builds."""
    return _tag(name).endswith("t")


def _is_for_all(name: str, python: tuple[int, int]) -> bool:
    """Return whether a native module is for builds of this version with a GIL and without."""
    return _tag(name) == _STABLE_FREE_THREADED and python >= _FIRST_WITH_STABLE_FREE_THREADED
