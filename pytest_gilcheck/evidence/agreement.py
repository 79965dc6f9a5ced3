"""What came of comparing a function's answers, alone and under competition, with each other and with an oracle's."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gilcheck.evidence.errors import CheckFailed


def _cut(text: str, longest: int) -> str:
    """In one line, without its middle where it is too long."""
    text = " ".join(text.split())
    half = (longest - 5) // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Which answer was wrong?

    `kind` is ``alone`` (the function alone contradicts the oracle), ``shared`` (competing threads on one input contradict
    the function alone), ``distinct`` (threads on different inputs do) or ``mutates`` (a call changed its own arguments).
    `thread` is the index of the thread with the wrong answer. `inputs`, `expected` and `got` are representations, cut
    where they are long. In `n_replays` further runs of the same example it came `n_differ` times. `blob` repeats the one
    drawing that found it.
    """

    kind: str
    inputs: str
    expected: str
    got: str
    thread: int | None = None
    n_differ: int = 0
    n_replays: int = 0
    blob: str | None = None

    def brief(self, longest: int = 80) -> str:
        """The same in one line, each text cut to `longest` characters."""
        again = f"; came again in {self.n_differ} of {self.n_replays} replays" if self.n_replays else ""
        inputs, expected, got = (_cut(text, longest) for text in (self.inputs, self.expected, self.got))
        return f"on {inputs}: expected {expected}, got {got}{again}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How much was compared, and what came of it? `word` is ``agree`` or ``differ``; `n_examples` inputs, `n_calls`
    calls of the function, alone and in `n_threads` competing threads; what was tried again to make a difference
    small, and to say how often it comes, counts as well."""

    name: str
    word: str
    n_examples: int
    n_calls: int
    n_threads: int
    difference: Difference | None = None


class Disagreement(CheckFailed):
    """Which answer was wrong? `difference` says it; the message also says how to repeat it."""

    def __init__(self, message: str, difference: Difference) -> None:
        super().__init__(message)
        self.difference = difference


class OracleFailed(Exception):  # noqa: N818  (says what failed: nothing is known of the function)
    """On which input did the oracle itself raise? Its exception is the cause."""
