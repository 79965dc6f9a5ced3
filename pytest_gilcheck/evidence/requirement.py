"""What can be required of a check: one table, from which the judge, the reports, the settings and the gate derive.

The declaration of options may import this module at the start of every pytest run. It therefore imports nothing else of
the package and makes no dataclass.
"""

from __future__ import annotations

from typing import NamedTuple

#: Words that say whether the GIL is released, from best to worst.
DECIDED_WORDS = ("released", "partial", "held")

#: Words that say whether a call detaches its thread from an interpreter without a GIL, from best to worst.
DECIDED_ATTACHMENTS = ("detached", "partial", "attached")


class Requirement(NamedTuple):
    """One requirement of a check: a limit that its author claims, a comparison with a baseline, or both.

    `name` is the setting, the marker's keyword and, with hyphens, the option; it is empty where nobody can claim it.
    `claim` is the field of `Claim` that holds the limit, in the unit of the figure.
    """

    #: Field of `BaselineEntry` or `Verdict` that it bounds.
    figure: str
    #: ``word``, ``share``, ``factor`` or ``ns``.
    unit: str
    #: ``is``, ``at least`` or ``at most``.
    sense: str
    #: What a sentence calls it.
    title: str
    #: Whether a larger figure is a better one; words have their order instead.
    more_is_better: bool = False
    name: str = ""
    claim: str = ""
    #: Whether a run can be compared with a baseline in it: it means the same on every machine.
    is_compared: bool = False
    #: Words that compare, from best to worst.
    words: tuple[str, ...] = ()

    @property
    def bounds_the_rest(self) -> bool:
        """Return whether the limit is one of what the figure leaves: a call *releases* what it does not hold."""
        return self.unit == "share" and (self.sense == "at least") is not self.more_is_better


REQUIREMENTS = (
    Requirement(
        "gil",
        "word",
        "is",
        "expected",
        name="expect",
        claim="gil",
        is_compared=True,
        words=DECIDED_WORDS,
    ),
    Requirement("held_share", "share", "at least", "releases", name="releases", claim="releases"),
    Requirement(
        "held_share", "share", "at most", "held share", name="max_held_share", claim="max_held_share", is_compared=True
    ),
    Requirement("longest_hold_share", "share", "at most", "longest hold over the call", is_compared=True),
    # A time belongs to one machine and compares with no baseline.
    Requirement("longest_hold_ns", "ns", "at most", "longest hold", name="longest_hold", claim="longest_hold_ns"),
    Requirement(
        "speedup",
        "factor",
        "at least",
        "speed-up",
        more_is_better=True,
        name="min_speedup",
        claim="min_speedup",
        is_compared=True,
    ),
    Requirement(
        "efficiency",
        "factor",
        "at least",
        "efficiency",
        more_is_better=True,
        name="min_efficiency",
        claim="min_efficiency",
        is_compared=True,
    ),
    Requirement("overlap", "word", "is", "overlap", is_compared=True, words=("overlaps", "serialised")),
    Requirement("agreement", "word", "is", "agreement", is_compared=True, words=("agree", "differ")),
)

#: Requirements that a claim can make, by the name of their setting.
CLAIMABLE = {requirement.name: requirement for requirement in REQUIREMENTS if requirement.name}

_COMPARABLE = [requirement for requirement in REQUIREMENTS if requirement.is_compared]

#: Words that compare, from best to worst, by their field. Any other word (inconclusive, not measured) compares with none.
WORDS = {requirement.figure: requirement.words for requirement in _COMPARABLE if requirement.unit == "word"}

#: Figures without a dimension that compare, by their field; True: more is better.
FIGURES = {requirement.figure: requirement.more_is_better for requirement in _COMPARABLE if requirement.unit != "word"}

#: Every field that can be compared.
COMPARED = (*WORDS, *FIGURES)
