"""What merely having the plugin costs: nothing that a run without checks does not need."""

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


def modules_after(pytester, *arguments):
    """Return the modules that a run imports."""
    pytester.makepyfile(lister=LIST, test_plain="def test_it(): pass\n")
    # hypothesis' own plugin imports hypothesis, whether or not ours is there.
    command = [sys.executable, "lister.py", "test_plain.py", "-p", "no:hypothesispytest", *arguments]
    assert subprocess.run(command, cwd=pytester.path, check=False, capture_output=True).returncode == 0
    return set(json.loads((pytester.path / "modules.json").read_text()))


def test_a_run_without_checks_imports_nothing_heavy(pytester):
    """Neither the native module nor any library that only checks need."""
    modules = modules_after(pytester)

    assert "pytest_gilcheck.plugin" in modules
    assert not modules & set(HEAVY)


def test_switched_off_it_is_not_imported_at_all(pytester):
    """-p no:gilcheck."""
    assert not [name for name in modules_after(pytester, "-p", "no:gilcheck") if name.startswith("pytest_gilcheck")]


def test_importing_the_package_touches_nothing():
    """Public names come when they are asked for."""
    code = "import sys, pytest_gilcheck as g; assert 'pytest_gilcheck._native' not in sys.modules; g.check; assert 'pytest' not in sys.modules; assert callable(g.check)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors():
    """As in any module."""
    import pytest_gilcheck

    with pytest.raises(AttributeError, match="has no attribute 'chekc'"):
        pytest_gilcheck.chekc  # noqa: B018
    assert "check" in dir(pytest_gilcheck)
