"""Counts the words of the interpreter that point into the native module: exact, where a time is only close."""

from __future__ import annotations

from pathlib import Path

POINTER_SIZE = 8
Range = tuple[int, int]


def ranges(maps: str, name: str) -> list[Range]:
    """Return where the object whose file name contains `name` is mapped, from the text of ``/proc/self/maps``."""
    mapped = []
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) > 5 and name in Path(fields[5]).name:  # noqa: PLR2004  (the sixth field is the file)
            low, high = fields[0].split("-")
            mapped.append((int(low, 16), int(high, 16)))
    return mapped


def n_pointing(data: bytes, targets: list[Range]) -> int:
    """Return how many aligned words of `data` are addresses within `targets`."""
    words = memoryview(data[: len(data) // POINTER_SIZE * POINTER_SIZE]).cast("Q")
    return sum(any(low <= word < high for low, high in targets) for word in words if word)


def n_pointers_into_native() -> int:
    """Return how many words of the interpreter's own file mappings are addresses in the native module; Linux only.

    Raises ``RuntimeError`` where the native module is not loaded: a count of 0 would then prove nothing.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    native = ranges(maps, "_native.abi3")
    interpreter = ranges(maps, "libpython") or ranges(maps, "python3")
    if not native or not interpreter:
        message = f"{len(native)} mappings of the native module and {len(interpreter)} of the interpreter found"
        raise RuntimeError(message)
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        total = 0
        for low, high in interpreter:
            memory.seek(low)
            total += n_pointing(memory.read(high - low), native)
    return total
