"""Stands for the word counter of the gallery, which a reader has built."""

from pytest_gilcheck import reference, specimens

WORK_NS = 2_000_000


def search(text, needle):
    """Count in one thread's time: the reference alone uses all cores for a long text, so that callers share them."""
    specimens.releases(WORK_NS)
    return reference.count(text, needle)
