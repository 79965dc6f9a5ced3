"""What came of comparing a function's answers, alone and under competition, with each other and with an oracle's."""

from __future__ import annotations

from dataclasses import dataclass


def _cut(text: str, longest: int) -> str:
    """Return the text in one line, without its middle where it is longer than `longest` characters."""
    text = " ".join(text.split())
    half = (longest - 5) // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A wrong answer, on the smallest input that was found to give it.

    Attributes:
        kind: ``alone`` (the function alone contradicts the oracle), ``shared`` (competing threads on one input contradict
            the function alone), ``distinct`` (threads on different inputs do) or ``mutates`` (a call changed its own
            arguments).
        inputs: Representation of the arguments, cut where it is long.
        expected: Representation of the right answer, cut where it is long.
        got: Representation of the wrong answer, cut where it is long.
        thread: Index of the thread with the wrong answer.
        n_differ: How many replays gave a wrong answer again.
        n_replays: How many more times the same example was run.
        blob: Text that repeats the one drawing of inputs that found it.
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
        """Return the difference in one line.

        Args:
            longest: How many characters each text may have; longer ones lose their middle.

        Returns:
            The inputs, both answers, and how often the wrong one came again.
        """
        again = f"; came again in {self.n_differ} of {self.n_replays} replays" if self.n_replays else ""
        inputs, expected, got = (_cut(text, longest) for text in (self.inputs, self.expected, self.got))
        return f"on {inputs}: expected {expected}, got {got}{again}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Outcome of comparing a function's answers.

    The counts include the runs that made a difference small and those that counted how often it comes.

    Attributes:
        name: Name of the function.
        word: ``agree`` or ``differ``.
        n_examples: Inputs that were compared.
        n_calls: Calls of the function, alone and in competing threads.
        n_threads: Threads that competed.
        difference: The wrong answer, if there is one.
    """

    name: str
    word: str
    n_examples: int
    n_calls: int
    n_threads: int
    difference: Difference | None = None
