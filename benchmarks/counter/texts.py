"""The texts: 100 MB of natural and of random text, a large file, and words that are common, rare or absent in them."""

from __future__ import annotations

import codecs
import contextlib
import io
import random
from pathlib import Path

TEXT_BYTES = 100_000_000
BLOCK_BYTES = 64 << 20

NEEDLES = {
    "zen": {
        "common": "is",
        "common, longer": "better",
        "common, longest": "implementation",
        "rare": "Python,",
        "absent": "xylophones",
    },
    "random words": {"common": "is", "common, longer": "better", "rare": "Rare", "absent": "xylophones"},
}


def zen() -> str:
    """Return the Zen of Python, as the interpreter ships it."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return codecs.decode(this.s, "rot13") + "\n"


def random_words(size: int) -> str:
    """Return words of random letters, ten to a line; a tenth are one of four common words, one in 100,000 is rare."""
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


def texts() -> dict[str, str]:
    """Return both texts, under the names in `NEEDLES`."""
    once = zen()
    return {"zen": once * (TEXT_BYTES // len(once)), "random words": random_words(TEXT_BYTES)}


def write_large(path: Path, size: int) -> int:
    """Write about `size` bytes of lines, and return how many contain the word `better`."""
    line = "Now is better than never, and more is better.\n"
    block = line * (BLOCK_BYTES // len(line))
    with path.open("w") as file:
        for _ in range(size // len(block)):
            file.write(block)
    return size // len(block) * (BLOCK_BYTES // len(line))
