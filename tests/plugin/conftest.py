"""Projects of their own, with small budgets: what is tested here is the plugin, not figures."""

import pytest


@pytest.fixture
def project(pytester):
    """Writes a test module and runs pytest on it; `n` counts what the body was asked to do."""

    def run(body, *arguments, ini="", subprocess=False):
        pytester.makeini(f"[pytest]\n{ini}")
        pytester.makepyfile(
            test_a="import pytest\n"
            "from pytest_gilcheck import specimens, check, Inconclusive, UsageError\n"
            "MS = 1_000_000\n"
            f"{body}"
        )
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return start("-p", "no:cacheprovider", "--gilcheck-budget=1ms", *arguments)

    return run


BLINDED = """
from pytest_gilcheck.evidence import Verdict
@pytest.fixture(autouse=True)
def blind(monkeypatch):
    # Nothing that is seen decides: as on a machine whose instruments are all unavailable.
    import dataclasses
    import pytest_gilcheck.checker.checker as module
    import sys
    module = sys.modules["pytest_gilcheck.checker.checker"]
    judge = module.judge
    monkeypatch.setattr(module, "judge", lambda seen: judge(dataclasses.replace(seen, calls=())))
"""


@pytest.fixture
def blinded():
    """A prelude under which every verdict is inconclusive (not-measured)."""
    return BLINDED


DECIDED = """
@pytest.fixture(autouse=True)
def decided(monkeypatch):
    # What a call does is known, and not measured: a busy machine leaves nothing inconclusive.
    import dataclasses
    import sys
    import built
    seen = {specimens.holds: built.call(held_ns=20 * MS), specimens.releases: built.call(free_ns=20 * MS)}
    def measure(call, settings, name, *_):
        observation = built.observation(*[seen[call.function]] * 9)
        return dataclasses.replace(observation, name=name, claim=settings.claim), None
    monkeypatch.setattr(sys.modules["pytest_gilcheck.checker.checker"], "measure", measure)
"""


@pytest.fixture
def decided():
    """A prelude under which checks of `holds` and `releases` are not measured, and have their word at any load."""
    return DECIDED
