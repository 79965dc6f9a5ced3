"""The bars of the reference counter: ``python -m benches.counter`` (with the gallery's `word_count` installed).

Every ratio is of pairs: the two sides run in turn, in one process and on the same text, and the median of their
ratios is given with its quartiles. Texts: 100 MB of the Zen of Python over and over, 100 MB of random words; words that
are common, rare and absent in them. What is not installed (`rg`) is left out and said so.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_gilcheck import _native, reference

TEXT_BYTES = 100_000_000
BLOCK_BYTES = 64 << 20
N_CALLS = 20_000
CALM_S = 0.15
CALM_SHARE = 0.9

# The bars that are upper bounds.
MOST_TIMES_STR_COUNT = 3
MOST_MEBIBYTES = 8


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured? `ratio` is the median over pairs, between its quartiles; `met` None: for information."""

    bar: str
    case: str
    ratio: float
    low: float
    high: float
    detail: str
    met: bool | None = None


def zen() -> str:
    """The Zen of Python, as the interpreter ships it."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return codecs.decode(this.s, "rot13") + "\n"


def random_words(size: int) -> str:
    """Words of random letters, ten to a line, about a tenth of them one of four common ones, one in 100,000 rare."""
    rng = random.Random(5)  # noqa: S311  (a benchmark's text)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(5_000)]
    vocabulary = [word for word in vocabulary if word not in {"is", "better", "implementation", "xylophones"}]
    common = ["is", "better", "implementation", "the"]
    lines = []
    for n in range(10_000):
        words = rng.choices(vocabulary, k=9) + rng.choices(common)
        rng.shuffle(words)
        lines.append(" ".join(["Rare", *words] if n == 0 else words))
    block = "\n".join(lines) + "\n"
    return (block * (size // len(block) + 1))[:size]


class Quiet:
    """Are the cores ours? Pairs begin when nothing else wants to run, and how many began without that is told."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.n_pairs = 0
        self.n_disturbed = 0

    def wait(self) -> None:
        """Waits until the cores have done next to nothing for a moment, but not for ever."""
        self.n_pairs += 1
        give_up = time.perf_counter() + self.patience_s
        while self.patience_s:
            idle, total = self._ticks()
            time.sleep(CALM_S)
            idle_later, total_later = self._ticks()
            if idle_later - idle >= CALM_SHARE * (total_later - total):
                return
            if time.perf_counter() > give_up:
                break
        self.n_disturbed += 1

    @staticmethod
    def _ticks() -> tuple[int, int]:
        """Of all cores, since the machine was started: idle ones, and all."""
        with contextlib.suppress(OSError):
            ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
            return ticks[3] + ticks[4], sum(ticks)
        return 0, 0


QUIET = Quiet(patience_s=0)


def paired(first: Callable[[], object], second: Callable[[], object], n_pairs: int) -> tuple[list[float], list[float]]:
    """How many seconds did each take, in turn? The order changes from pair to pair; one pair before does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for n in range(n_pairs + 1):
        order = (0, 1) if n % 2 else (1, 0)
        QUIET.wait()
        for side in order:
            begin = time.perf_counter()
            (first, second)[side]()
            taken = time.perf_counter() - begin
            if n:
                times[side].append(taken)
    return times


def row(bar: str, case: str, times: tuple[list[float], list[float]], bound: float | None, detail: str = "") -> Row:
    """How many times as long did the second take? `bound`: at least so many times."""
    ratios = sorted(b / a for a, b in zip(*times, strict=True))
    low, ratio, high = statistics.quantiles(ratios, n=4)
    medians = " against ".join(f"{statistics.median(side) * 1e3:.3g} ms" for side in times)
    told = f"{medians}; {detail}" if detail else medians
    return Row(bar, case, ratio, low, high, told, None if bound is None else ratio >= bound)


def against_par_lines(texts: dict[str, str], needles: dict[str, dict[str, str]], n_pairs: int) -> Iterable[Row]:
    """`count` against the guide's `par_lines`."""
    try:
        import word_count
    except ImportError:
        print("the gallery's word_count is not installed: no comparison with par_lines", file=sys.stderr)
        return
    for name, text in texts.items():
        for frequency, needle in needles[name].items():
            assert reference.count(text, needle) == word_count.parallel(text, needle)  # noqa: S101  (else no comparison)
            for ignore_case in (False, True):
                word = needle.lower() if ignore_case else needle
                times = paired(
                    lambda t=text, n=word, i=ignore_case: reference.count(t, n, ignore_case=i),
                    lambda t=text, n=needle: word_count.parallel(t, n),
                    n_pairs,
                )
                speed = f"{len(text) / statistics.median(times[0]) / 1e9:.1f} GB/s"
                case = f"{name}, {frequency} `{needle}`" + (", `ignore_case`" if ignore_case else "")
                yield row("count, times as fast as `par_lines`", case, times, None if ignore_case else 10, speed)


def against_ripgrep(paths: dict[str, Path], needles: dict[str, dict[str, str]], n_pairs: int) -> Iterable[Row]:
    """`count_file` against ripgrep, its whole process; the time of one that does nothing is told beside."""
    program = shutil.which("rg")
    if program is None:
        print("rg is not installed: no comparison with ripgrep", file=sys.stderr)
        return

    def run(*arguments: str) -> str:
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout

    for name, path in paths.items():
        for frequency, needle in needles[name].items():
            times = paired(
                lambda p=path, n=needle: reference.count_file(p, n),
                lambda p=path, n=needle: run("-cow", n, str(p)),
                n_pairs,
            )
            bare, _ = paired(lambda: run("--version"), lambda: None, n_pairs)
            detail = (
                f"{statistics.median(bare) * 1e3:.2g} ms of it starting; counts {reference.count_file(path, needle)}"
            )
            detail += f" and {int(run('-cow', needle, str(path)) or 0)}"
            bound = 5 if frequency.startswith("common") else 1
            yield row("count_file, times as fast as `rg -cow`", f"{name}, {frequency} `{needle}`", times, bound, detail)


def cores(texts: dict[str, str], needles: dict[str, dict[str, str]], n_pairs: int) -> Iterable[Row]:
    """All cores against one, and what the memory gives: the same text read twice, by one core and by all."""
    for name, text in texts.items():
        for frequency, needle in needles[name].items():
            times = paired(
                lambda t=text, n=needle: reference.count(t, n),
                lambda t=text, n=needle: reference.count_sequential(t, n),
                n_pairs,
            )
            speed = f"{len(text) / statistics.median(times[0]) / 1e9:.1f} GB/s"
            yield row(f"count, {os.cpu_count()} cores against 1", f"{name}, {frequency} `{needle}`", times, 1.8, speed)
    text = texts["zen"]
    # One letter: two loads and few instructions a block. What does it say of memory? As fast as this machine can read.
    times = paired(lambda: reference.count(text, "a"), lambda: reference.count_sequential(text, "a"), n_pairs)
    speeds = [f"{len(text) / statistics.median(side) / 1e9:.1f} GB/s" for side in times]
    yield row("memory: the cheapest needle", "zen, `a`", times, None, f"{speeds[0]} and {speeds[1]}")


def small_texts(n_pairs: int) -> Iterable[Row]:
    """Calls on 100 bytes against `str.count`, which has less to do."""
    text = zen()[:100]
    for needle in ("is", "better", "absent"):
        for label, subject, word in (("str", text, needle), ("bytes", text.encode(), needle.encode())):
            times = paired(
                lambda s=subject, w=word: [s.count(w) for _ in range(N_CALLS)],
                lambda s=subject, w=word, count=reference.count: [count(s, w) for _ in range(N_CALLS)],
                n_pairs,
            )
            found = row("100 bytes, times as long as `str.count`", f"{label}, `{needle}`", times, None)
            each = " against ".join(f"{statistics.median(side) / N_CALLS * 1e9:.0f} ns" for side in times)
            yield Row(
                found.bar, found.case, found.ratio, found.low, found.high, each, found.ratio <= MOST_TIMES_STR_COUNT
            )


def where_threads_pay(n_pairs: int) -> Iterable[Row]:
    """From which length are several threads faster? The counter's threshold stands on this table."""
    text = zen() * 20_000
    for exponent in range(18, 25):
        part = text[: 1 << exponent]
        times = paired(
            lambda p=part: [_native.reference_count_parallel(p, "better") for _ in range(20)],
            lambda p=part: [reference.count_sequential(p, "better") for _ in range(20)],
            n_pairs,
        )
        yield row("where threads pay: all cores against 1", f"{len(part) >> 10} KiB", times, None, "20 calls")


MEMORY = """
import resource, sys
from pytest_gilcheck import reference
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))
{prepare}
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")
before = peak()
{call}
print(peak() - before)
"""


def memory(path: Path, n_lines: int) -> Iterable[Row]:
    """Peak of the resident memory during the call, less that before it, in a process of its own."""
    limit = 1 << 30
    line = '"Now is better than never.\\n" * 4_000_000'
    cases = {
        "str, 104 MB": (f"text = {line}", 'assert reference.count(text, "better") == 4_000_000'),
        "bytes, 104 MB": (f"text = ({line}).encode()", 'assert reference.count(text, b"better") == 4_000_000'),
        "bytearray, 104 MB": (
            f"text = bytearray(({line}).encode())",
            'assert reference.count(text, b"better") == 4_000_000',
        ),
        f"file of {path.stat().st_size / (1 << 30):.1f} GiB, RLIMIT_AS {limit >> 30} GiB": (
            f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))",
            f'assert reference.count_file({str(path)!r}, "better") == {n_lines}',
        ),
    }
    for case, (prepare, call) in cases.items():
        code = MEMORY.format(prepare=prepare, call=call)
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        mebibytes = int(done.stdout) / (1 << 20)
        told = f"{time.perf_counter() - begin:.1f} s with the start of the process"
        yield Row(
            "private memory above the text, MiB",
            case,
            mebibytes,
            mebibytes,
            mebibytes,
            told,
            mebibytes <= MOST_MEBIBYTES,
        )


def write_large(path: Path, size: int) -> int:
    """Writes about `size` bytes of lines; how many hold the word `better`?"""
    line = "Now is better than never, and more is better.\n"
    block = line * (BLOCK_BYTES // len(line))
    with path.open("w") as file:
        for _ in range(size // len(block)):
            file.write(block)
    return size // len(block) * (BLOCK_BYTES // len(line))


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    words = {True: "yes", False: "**no**", None: ""}
    lines = ["| what | case | figure | quartiles | medians | bar met |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {r.bar} | {r.case} | {r.ratio:.3g} | {r.low:.3g} to {r.high:.3g} | {r.detail} | {words[r.met]} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> int:
    """Measures everything and prints the table. Exit status 1: a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15, help="pairs for each ratio (default 15)")
    parser.add_argument("--large-gib", type=float, default=4.0, help="size of the generated file (default 4)")
    parser.add_argument("--json", type=Path, help="where the rows are written too")
    parser.add_argument(
        "--patience", type=float, default=1.0, help="seconds to wait for quiet before a pair (default 1)"
    )
    parser.add_argument("--only", default="", help="one part: par_lines, ripgrep, cores, small, threads or memory")
    arguments = parser.parse_args()
    QUIET.patience_s = arguments.patience
    zen_text = zen()
    texts = {"zen": zen_text * (TEXT_BYTES // len(zen_text)), "random words": random_words(TEXT_BYTES)}
    needles = {
        "zen": {"common": "is", "common, longer": "better", "common, longest": "implementation", "rare": "Python,", "absent": "xylophones"},
        "random words": {"common": "is", "common, longer": "better", "rare": "Rare", "absent": "xylophones"},
    }  # fmt: skip
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name.replace(" ", "-")) for name in texts}
        for name, text in texts.items():
            paths[name].write_text(text)
        n_pairs = arguments.pairs
        large = Path(folder, "large")
        parts = {
            "par_lines": lambda: against_par_lines(texts, needles, n_pairs),
            "ripgrep": lambda: against_ripgrep(paths, needles, n_pairs),
            "cores": lambda: cores(texts, needles, n_pairs),
            "small": lambda: small_texts(n_pairs),
            "threads": lambda: where_threads_pay(n_pairs),
            "memory": lambda: memory(large, write_large(large, int(arguments.large_gib * (1 << 30)))),
        }
        for part in [arguments.only] if arguments.only else parts:
            rows += parts[part]()
    bench = {"python": platform.python_version(), "machine": platform.machine(), "n_cpus": os.cpu_count(), "cpu": cpu()}
    print(f"{bench['cpu']}, {bench['n_cpus']} cores, Python {bench['python']}, {arguments.pairs} pairs;", end=" ")
    print(f"{QUIET.n_disturbed} of {QUIET.n_pairs} pairs began while other processes ran, or unasked\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps({"bench": bench, "rows": [asdict(r) for r in rows]}, indent=1) + "\n")
    return int(any(r.met is False for r in rows))


def cpu() -> str:
    """What does the processor call itself?"""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or "unknown processor"


if __name__ == "__main__":
    sys.exit(main())
