"""The suite that the commands of the pages run."""

import mylib
import pytest

TEXT = bytes(10**6)


def test_search(gilcheck):
    assert gilcheck(mylib.search, TEXT, b"zen").result == 0


@pytest.mark.gilcheck(releases=0.9)
def test_search_leaves_the_gil_to_others():
    mylib.search(TEXT, b"zen")


def test_results(gilcheck):
    gilcheck.agrees(mylib.search, bytes.count, inputs=(TEXT, b"zen"))
