"""What a run imports that has the plugin installed and checks nothing."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "pytest_gilcheck._native",
    "pytest_gilcheck.checker.checker",
    "pytest_gilcheck.run",
    "pytest_gilcheck.judge",
    "hypothesis",
    "rich",
    "cattrs",
    "cloudpickle",
    "fasteners",
)
LIST = """
import json, sys
import pytest
class Lister:
    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        json.dump(sorted(sys.modules), open("modules.json", "w"))
sys.exit(pytest.main(sys.argv[1:], plugins=[Lister()]))
"""


def imported_by_run(pytester, *arguments):
    """Return the modules that a run has imported."""
    pytester.makepyfile(lister=LIST, test_plain="def test_it(): pass\n")
    # hypothesis' own plugin imports hypothesis, whether or not ours is there.
    command = [sys.executable, "lister.py", "test_plain.py", "-p", "no:hypothesispytest", *arguments]
    assert subprocess.run(command, cwd=pytester.path, check=False, capture_output=True).returncode == 0
    return set(json.loads((pytester.path / "modules.json").read_text()))


def test_a_run_without_checks_imports_nothing_heavy(pytester):
    """It imports neither the native module nor a library that only checks need."""
    modules = imported_by_run(pytester)

    assert "pytest_gilcheck.plugin" in modules
    assert not modules & set(HEAVY)


def test_collecting_imports_nothing_for_running_tests(pytester):
    """``--co`` runs no test: the hooks of a session and of its tests, and what they need, are not imported."""
    ours = {name for name in imported_by_run(pytester, "--co") if name.startswith("pytest_gilcheck.")}

    assert {name.removeprefix("pytest_gilcheck.") for name in ours} == {
        "declare",
        "declare.options",
        "plugin",
        "pytest_plugin",
        "pytest_plugin.fixtures",
        "pytest_plugin.hooks",
        "pytest_plugin.hookspecs",
        "pytest_plugin.options",
    }


def test_a_plain_run_imports_no_hooks_around_tests(pytester):
    """They are registered where a test can check something."""
    modules = imported_by_run(pytester)

    assert "pytest_gilcheck.pytest_plugin.session_hooks" in modules
    assert not modules & {"pytest_gilcheck.pytest_plugin.item_hooks", "pytest_gilcheck.pytest_plugin.current_test"}


def test_switched_off_the_plugin_is_not_imported(pytester):
    """``-p no:gilcheck``."""
    assert not [name for name in imported_by_run(pytester, "-p", "no:gilcheck") if name.startswith("pytest_gilcheck")]


def test_importing_the_package_imports_nothing_heavy():
    """Public names are imported when they are asked for."""
    code = "import sys, pytest_gilcheck as g; assert 'pytest_gilcheck._native' not in sys.modules; g.check; assert 'pytest' not in sys.modules; assert callable(g.check)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors():
    """They are refused as in any module."""
    import pytest_gilcheck

    with pytest.raises(AttributeError, match="has no attribute 'chekc'"):
        pytest_gilcheck.chekc  # noqa: B018
    assert "check" in dir(pytest_gilcheck)
