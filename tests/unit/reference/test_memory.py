"""The memory of a count beyond its text is constant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: The documented bound, beyond the text.
PROMISED_BYTES = 8 << 20

PRELUDE = """if True:
    import resource, sys
    from pytest_gilcheck import reference
    def peak_bytes():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))
    def forget_peak():
        # From here on, VmHWM is the highest resident size since now.
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
"""


def run(code: str, *arguments: object) -> int:
    """Run the code in a process of its own, and return the number that it prints."""
    script = PRELUDE + "\n".join("    " + line for line in code.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], check=True, capture_output=True, text=True, timeout=120
    )
    return int(done.stdout)


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 2 GiB that takes no room: words at its ends, a hole of null bytes between them."""
    path = tmp_path_factory.mktemp("memory") / "sparse"
    with path.open("wb") as file:
        file.write(b"zen ")
        file.truncate((2 << 30) - 5)
        file.seek(0, 2)
        file.write(b"\nzen\n")
    return path


@pytest.mark.parametrize("kind", ["str", "bytes"])
def test_count_when_the_text_is_in_memory_then_it_is_not_copied(kind: str) -> None:
    """The peak of the resident memory during the call is compared with the one before."""
    code = f"""
text = "Now is better than never.\\n" * 4_000_000
text = text if {kind == "str"} else text.encode()
needle = "better" if {kind == "str"} else b"better"
forget_peak()
before = peak_bytes()
assert reference.count(text, needle) == 4_000_000
print(peak_bytes() - before)
"""
    assert run(code) <= PROMISED_BYTES


def test_count_file_when_the_address_space_is_limited_then_a_file_of_2_gib_counts(sparse: Path) -> None:
    """The whole process has a quarter of the file's size: the file can be neither mapped nor read at once."""
    code = """
forget_peak()
before = peak_bytes()
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
assert reference.count_file(sys.argv[1], "zen") == 2
print(peak_bytes() - before)
"""
    assert run(code, sparse) <= PROMISED_BYTES
