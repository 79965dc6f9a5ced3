"""Stands for the word counter of the gallery, which a reader has built."""

from pytest_gilcheck.reference import count as search

__all__ = ["search"]
