"""What a check raises: misuse, an undecided value, a failed check, a call that never came back."""

from __future__ import annotations


class UsageError(ValueError):
    """How was the tool misused? The message shows the value, what was expected and the remedy."""


class Inconclusive(AssertionError):  # noqa: N818  (a word of the glossary, not only an error)
    """Which value was asked for that the evidence does not decide?

    Raised where a plain ``bool`` or comparison would have to guess. Under pytest the option
    ``--gilcheck-inconclusive`` turns it into a failure (default), a skip or a warning. An
    ``AssertionError``, so that outside of pytest, too, an undecided check reads as a check not passed.
    """

    def __init__(self, message: str, slugs: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.slugs = slugs


class NotApplicable(Inconclusive):
    """Which question has no meaning here? (On an interpreter without a GIL nothing can be released.)"""


class CheckFailed(AssertionError):  # noqa: N818  (reads as an assertion in a traceback)
    """Which claim does the evidence contradict?"""


class DeadlineExceeded(CheckFailed):
    """Which call did not come back in time? It was abandoned in its thread; its stacks were dumped."""
