"""Agreements as text: in one line, as a report section, as the message of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_gilcheck.evidence import Agreement

_HEADLINES = {
    "alone": "{name} returns another result than the reference, even in one thread",
    "shared": "{name} returns another result when {n} threads call it on the same input (thread {thread})",
    "distinct": "{name} returns another result when {n} threads call it on distinct inputs (thread {thread})",
    "mutates": "{name} changes its own arguments, so that no two calls can share an input; let it work on a copy",
}

#: Agreement's words, as reports write them: a difference must not be overlooked.
WORDS = {"agree": "agree", "differ": "DIFFER"}


def headline(agreement: Agreement) -> str:
    """Return the outcome in one sentence, without its full stop."""
    difference = agreement.difference
    if difference is None:
        return f"{agreement.name}: results {WORDS.get(agreement.word, agreement.word)}"
    text = _HEADLINES.get(difference.kind, "{name}: results differ")
    return text.format(name=agreement.name, n=agreement.n_threads, thread=difference.thread)


def amount(agreement: Agreement) -> str:
    """Return how much was compared."""
    n_examples, n_calls = agreement.n_examples, agreement.n_calls
    examples = "1 example" if n_examples == 1 else f"{n_examples:,} examples"
    threads = "1 thread" if agreement.n_threads == 1 else f"{agreement.n_threads} threads"
    return f"{examples}, {n_calls:,} calls, {threads}"


def line(agreement: Agreement) -> str:
    """Return the outcome and its amount or its difference in one line; long inputs are cut."""
    if agreement.difference is None:
        return f"{headline(agreement)} ({amount(agreement)})"
    return f"{headline(agreement)}: {agreement.difference.brief()}"


def message(agreement: Agreement) -> str:
    """Return a difference at length, and how to repeat it."""
    return "\n".join([headline(agreement), *_details(agreement)])


def report_lines(agreement: Agreement) -> Iterator[str]:
    """Yield the report section of an agreement, line by line; the first line says whether results agree."""
    if agreement.difference is None:
        yield line(agreement)
        return
    yield f"{agreement.name}: results DIFFER ({amount(agreement)})"
    yield f"  {headline(agreement)}"
    yield from _details(agreement)


def _details(agreement: Agreement) -> Iterator[str]:
    difference = agreement.difference
    if difference is None:
        return
    yield f"  input:    {difference.inputs}"
    yield f"  expected: {difference.expected}"
    yield f"  got:      {difference.got}"
    yield f"  came again in {difference.n_differ} of {difference.n_replays} replays"
    blob = f" or blob={difference.blob}" if difference.blob else ""
    yield f"  to repeat: agrees(..., inputs={difference.inputs}){blob}"


def junit_properties(agreement: Agreement) -> Iterator[tuple[str, str]]:
    """Yield name and value of each property that a JUnit file has for an agreement."""
    prefix = f"gilcheck.{agreement.name}"
    yield f"{prefix}.agreement", agreement.word
    for name in ("n_examples", "n_calls", "n_threads"):
        yield f"{prefix}.{name}", str(getattr(agreement, name))
    if agreement.difference is not None:
        yield f"{prefix}.difference", agreement.difference.brief()
