"""Stands for the reader's extension on the pages: releases the GIL for long inputs, and holds it for short ones."""

import math
from pathlib import Path

from pytest_gilcheck import specimens

N_LONG = 100_000
WORK_NS = 20_000_000
#: A page that shows a regression makes this file.
CHANGED = Path("mylib.changed").exists()


def search(text, word):
    if CHANGED:
        specimens.holds(WORK_NS)
    elif len(text) >= N_LONG:
        specimens.releases(WORK_NS)
    # The quicker question first: this is the part that holds the GIL.
    return text.count(word) if word[:1] in text else 0


def checksum(data, start):
    return sum(data, start)


def total(numbers):
    return math.fsum(numbers)


def sort(numbers):
    specimens.releases(WORK_NS)
    numbers.sort()


def parse(document):
    specimens.releases(WORK_NS)
    return document.split()


def query(connection):
    specimens.releases(WORK_NS)
    return connection.execute("select 1").fetchone()


class Index:
    """With a method, a property and an operator that release the GIL."""

    def __init__(self, text):
        self.text = text

    def find(self, word):
        return search(self.text, word)

    @property
    def size(self):
        specimens.releases(WORK_NS)
        return len(self.text)

    def __contains__(self, word):
        return search(self.text, word) > 0

    @classmethod
    def of_file(cls, path):
        specimens.releases(WORK_NS)
        return cls(Path(path).read_bytes())
