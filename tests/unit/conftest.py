"""pytest's own configuration, made of real arguments and real files."""

import shlex

import pytest
from option_values import FILES


@pytest.fixture
def configured(pytester, monkeypatch):
    """pytest's configuration of a project whose `file` says something; with these arguments and this environment."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def configure(*arguments, file=None, example=None, tool_pytest=None, addopts=()):
        monkeypatch.setenv("PYTEST_ADDOPTS", shlex.join(addopts))
        name, lines = "empty.ini", ["[pytest]"]  # or pytest looks for files, and finds those of the example before
        if file is not None:
            name, table, write, _ = FILES[file]
            lines = [table, *write(example)]
        elif tool_pytest is not None:
            name, lines = "pyproject.toml", ["[tool.pytest]", tool_pytest]
        path = pytester.path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return pytester.parseconfig(f"--rootdir={pytester.path}", "-c", str(path), "-p", "gilcheck", *arguments)

    return configure


@pytest.fixture
def item(pytester, monkeypatch):
    """A collected test, in a class; unmarked."""
    with monkeypatch.context() as only_ours:
        only_ours.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        only_ours.setenv("PYTEST_PLUGINS", "pytest_gilcheck.plugin")
        (method,) = pytester.getitems("class TestIt:\n    def test_it(self): pass\n")
    return method
