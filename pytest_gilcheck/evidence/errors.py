"""What a check raises: misuse, an inconclusive value, a failed check, a call that never came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_gilcheck.evidence.agreement import Difference


class UsageError(ValueError):
    """The tool was misused. The message shows the value, what was expected and the remedy."""


class Inconclusive(AssertionError):  # noqa: N818  (a word of the glossary, not only an error)
    """The evidence does not decide the value that was asked for.

    Raised where a plain ``bool`` or comparison would have to guess. Under pytest the option ``--gilcheck-inconclusive``
    turns it into a failure (default), a skip or a warning. It is an ``AssertionError``, so that an inconclusive check
    reads as a check not passed outside of pytest, too.

    Args:
        message: The value, and why the evidence does not decide it.
        slugs: Reasons, each an entry of ``docs/messages.md``.
    """

    def __init__(self, message: str, slugs: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.slugs = slugs


class NotApplicable(Inconclusive):
    """The question has no meaning here: on an interpreter without a GIL nothing can be released."""


class CheckFailed(AssertionError):  # noqa: N818  (reads as an assertion in a traceback)
    """The evidence contradicts a claim."""


class DeadlineExceeded(CheckFailed):
    """A call did not come back in time. It was abandoned in its thread, and its stacks were dumped."""


class Disagreement(CheckFailed):
    """A function's answers are wrong under competition, or differ from an oracle's.

    Args:
        message: Which answer is wrong, and how to repeat it.
        difference: The same as a record.
    """

    def __init__(self, message: str, difference: Difference) -> None:
        super().__init__(message)
        self.difference = difference


class OracleFailed(Exception):  # noqa: N818  (says what failed: nothing is known of the function)
    """The oracle itself raised on an input, so nothing is known of the function. Its exception is the cause."""


def is_hidden(excinfo: Any) -> bool:
    """Return whether pytest leaves the frames of this package out of a traceback.

    A module asks for it by the name ``__tracebackhide__``. The frames are left out where the mistake is the user's own or
    the call raised: they explain nothing there. They are shown where this package itself went wrong.

    Args:
        excinfo: The exception, as pytest's ``ExceptionInfo``, or None.

    Returns:
        Whether the frames are left out.
    """
    error = getattr(excinfo, "value", None)
    if error is None or isinstance(error, (UsageError, Inconclusive, CheckFailed, OracleFailed)):
        return True
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    raised_in = str(traceback.tb_frame.f_globals.get("__name__")) if traceback is not None else ""
    # Native functions have no frame: what they raise seems to come from where `run` and `agree` call them.
    return not raised_in.startswith("pytest_gilcheck.") or raised_in.startswith(_CALLERS)


#: The folders that call the functions of users.
_CALLERS = ("pytest_gilcheck.run.", "pytest_gilcheck.agree.")

# Tracebacks name them as users import them.
for _public in (UsageError, Inconclusive, NotApplicable, CheckFailed, DeadlineExceeded, Disagreement):
    _public.__module__ = "pytest_gilcheck"
