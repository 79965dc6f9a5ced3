"""Tells cffi what to build: a module with the C library in it."""

from pathlib import Path

import cffi

builder = cffi.FFI()
builder.cdef("uint64_t collatz_steps(uint64_t up_to);")
builder.set_source(
    "ctypes_cffi._work",
    (Path(__file__).parent / "work.c").read_text(encoding="utf-8"),
    extra_compile_args=["-g", "-O2"],
)
