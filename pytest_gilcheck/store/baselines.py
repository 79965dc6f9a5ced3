"""Baselines: reports of earlier runs in a folder, numbered, with a subfolder for each kind of interpreter."""

from __future__ import annotations

import difflib
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_gilcheck.evidence import UsageError
from pytest_gilcheck.store import json_report
from pytest_gilcheck.store.json_report import AgreementEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_gilcheck.store.json_report import Entry

_FILE = re.compile(r"(\d{4,})_(.+)\.json")


def kind_folder() -> str:
    """Return the name of this interpreter's subfolder."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}{'t' if 't' in getattr(sys, 'abiflags', '') else ''}"
    return f"{platform.system()}-{platform.python_implementation()}-{version}-{platform.machine()}"


def saved(storage: Path) -> list[Path]:
    """Return every baseline, oldest first, those of this kind of interpreter after all others.

    Raises `UsageError` where the folder cannot be read.
    """
    try:
        paths = [path for path in storage.glob("*/*.json") if _FILE.fullmatch(path.name)]
    except OSError as error:
        message = f"--gilcheck-storage={storage} cannot be read: {error}"
        raise UsageError(message) from None
    return sorted(
        paths, key=lambda path: (path.parent.name == kind_folder(), int(path.name.partition("_")[0]), path.parent.name)
    )


def find(storage: Path, wanted: str, base: Path) -> Path:
    """Return the file of a baseline; of several, the last one of this kind of interpreter.

    Args:
        storage: Folder of the baselines.
        wanted: ``last``, a number, a name, or the path of a report.
        base: Folder that a path is relative to.

    Returns:
        Path: The file.

    Raises:
        UsageError: There is none.
    """
    baselines = saved(storage)
    if wanted == "last":
        fitting = baselines
    elif wanted.isdecimal():
        fitting = [path for path in baselines if int(path.name.partition("_")[0]) == int(wanted)]
    else:
        fitting = [path for path in baselines if _name(path) == wanted]
        path = base / wanted
        if not fitting and path.is_file():
            return path
    if fitting:
        return fitting[-1]
    names = sorted({_name(path) for path in baselines})
    near = difflib.get_close_matches(wanted, names, n=1)
    known = f"; there are {', '.join(names[:20])}" if names else ", which has none"
    hint = f" Did you mean {near[0]!r}?" if near else ""
    what = "a baseline" if wanted == "last" else f"the baseline {wanted!r}"
    path_hint = (
        f" To run the tests in {wanted!r}, write --gilcheck-compare=last before it." if (base / wanted).is_dir() else ""
    )
    message = f"--gilcheck-compare={wanted}: {what} is not in {storage}{known}.{hint} Save one with --gilcheck-save=NAME.{path_hint}"
    raise UsageError(message)


def _name(path: Path) -> str:
    match = _FILE.fullmatch(path.name)
    return match[2] if match else path.stem


def save(storage: Path, name: str, lines: Iterable[str]) -> Path:
    """Save the lines of a report as the next baseline, and return its file. Raises `OSError`."""
    folder = storage / kind_folder()
    numbers = [int(path.name.partition("_")[0]) for path in folder.glob("*.json") if _FILE.fullmatch(path.name)]
    path = folder / f"{max(numbers, default=0) + 1:04}_{name}.json"
    json_report.write(path, lines)
    return path


def keyed(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Yield each entry under a key that is the same in the next run.

    The key has the origin, the test, the name and, from the second check of that name in its test on, the ordinal.
    """
    last_of_key: dict[str, int] = {}
    for entry in entries:
        # A marked test is checked under its own name.
        is_body = entry.test is not None and entry.name == entry.test.rpartition("/")[2]
        name = f"agreement of {entry.name}" if isinstance(entry, AgreementEntry) else ("" if is_body else entry.name)
        key = " ".join(filter(None, (f"[{entry.origin}]" if entry.origin else "", entry.test or "", name)))
        # Older reports have no ordinals, and merged ones may have the same twice.
        ordinal = last_of_key[key] = max(entry.ordinal or 1, last_of_key.get(key, 0) + 1)
        yield (key if ordinal == 1 else f"{key} #{ordinal}"), entry
