"""Extension modules that tests compile, and the lines of their sources."""

import importlib.machinery
import importlib.util
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest


def line_of(source: str, mark: str) -> int:
    """Return the number of the only line with this mark."""
    (line,) = [number for number, text in enumerate(source.splitlines(), 1) if mark in text]
    return line


def imported(name, path):
    """Return the extension module in this file."""
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def compiled(folder, source, *flags, compiler=None):
    """Return the library compiled from `source`, with debug information and optimised as releases are."""
    program = shutil.which(compiler or "cc")
    include = sysconfig.get_paths()["include"]
    if program is None or not (Path(include) / "Python.h").is_file():
        pytest.skip(f"no {compiler or 'C'} compiler, or no headers of this interpreter, here")
    library = source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    command = [
        program,
        "-shared",
        "-fPIC",
        "-O2",
        "-g",
        "-w",
        f"-I{include}",
        f"-I{folder}",
        str(source),
        "-o",
        str(library),
        *flags,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library
