"""What came of comparing answers, as text: in one line, at length, and as the message of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Agreement

_HEADLINES = {
    "alone": "{name} alone contradicts the oracle",
    "shared": "{name} gives another answer when {n} threads call it on the same input (thread {thread})",
    "distinct": "{name} gives another answer when {n} threads call it on distinct inputs (thread {thread})",
    "mutates": "{name} changes its own arguments, so that no two calls share an input; let it work on a copy",
}

#: Agreement's words, as reports write them: a difference must not be overlooked.
WORDS = {"agree": "agree", "differ": "DIFFER"}


def headline(agreement: Agreement) -> str:
    """What was found, in one sentence without its end."""
    found = agreement.difference
    if found is None:
        return f"{agreement.name}: answers {WORDS.get(agreement.word, agreement.word)}"
    told = _HEADLINES.get(found.kind, "{name}: answers differ")
    return told.format(name=agreement.name, n=agreement.n_threads, thread=found.thread)


def amount(agreement: Agreement) -> str:
    """How much was compared?"""
    n_examples, n_calls = agreement.n_examples, agreement.n_calls
    examples = "1 example" if n_examples == 1 else f"{n_examples:,} examples"
    threads = "1 thread" if agreement.n_threads == 1 else f"{agreement.n_threads} threads"
    return f"{examples}, {n_calls:,} calls, {threads}"


def line(agreement: Agreement) -> str:
    """Everything that matters, in one line; long inputs are cut."""
    if agreement.difference is None:
        return f"{headline(agreement)} ({amount(agreement)})"
    return f"{headline(agreement)}: {agreement.difference.brief()}"


def message(agreement: Agreement) -> str:
    """A difference at length, and how to repeat it."""
    return "\n".join([headline(agreement), *_details(agreement)])


def report_lines(agreement: Agreement) -> Iterator[str]:
    """What was found out, line by line; the first line alone tells agreement or difference."""
    if agreement.difference is None:
        yield line(agreement)
        return
    yield f"{agreement.name}: answers DIFFER ({amount(agreement)})"
    yield f"  {headline(agreement)}"
    yield from _details(agreement)


def _details(agreement: Agreement) -> Iterator[str]:
    found = agreement.difference
    if found is None:
        return
    yield f"  input:    {found.inputs}"
    yield f"  expected: {found.expected}"
    yield f"  got:      {found.got}"
    yield f"  came again in {found.n_differ} of {found.n_replays} replays"
    yield f"  to repeat: agrees(..., inputs={found.inputs})" + (f" or blob={found.blob}" if found.blob else "")


def properties(agreement: Agreement) -> Iterator[tuple[str, str]]:
    """Name and value of what a JUnit file says of an agreement."""
    prefix = f"gilcheck.{agreement.name}"
    yield f"{prefix}.agreement", agreement.word
    for name in ("n_examples", "n_calls", "n_threads"):
        yield f"{prefix}.{name}", str(getattr(agreement, name))
    if agreement.difference is not None:
        yield f"{prefix}.difference", agreement.difference.brief()
