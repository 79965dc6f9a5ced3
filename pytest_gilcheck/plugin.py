"""The entry point that pytest loads: hands over the fixtures and hooks of `pytest_gilcheck.pytest_plugin`."""

from __future__ import annotations

from pytest_gilcheck.pytest_plugin.fixtures import gilcheck, gilcheck_session
from pytest_gilcheck.pytest_plugin.hooks import (
    pytest_addhooks,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_sessionstart,
)

__all__ = [
    "gilcheck",
    "gilcheck_session",
    "pytest_addhooks",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_sessionstart",
]
