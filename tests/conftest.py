"""All rings: how hypothesis behaves on a machine under load; runs within tests see no other plugin than they ask for."""

import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# A busy machine makes single examples slow, which says nothing about the code.
settings.register_profile("gilcheck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gilcheck")

# A shell hands it down as ignored to what it starts in the background, and so would we: tests that interrupt a child
# then wait for it in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Plugins that are installed for the tests of living together: the names of their entry points.
NEIGHBOURS = ("asyncio", "benchmark", "memray", "pytest_cov", "rerunfailures", "run-parallel", "timeout")


def without(*neighbours):
    """Arguments that keep these plugins out of a run."""
    return " ".join(f"-p no:{name}" for name in neighbours)


@pytest.fixture
def neighbours(pytester, monkeypatch):
    """Lets these plugins into the runs of this test, and no others."""

    def let_in(*names):
        unknown = set(names) - set(NEIGHBOURS)
        assert not unknown, unknown
        monkeypatch.setenv("PYTEST_ADDOPTS", without(*(name for name in NEIGHBOURS if name not in names)))

    return let_in


@pytest.fixture(autouse=True)
def _alone(request):
    """As users run who have nothing else installed."""
    if "pytester" in request.fixturenames:  # which itself unsets what is set here
        request.getfixturevalue("neighbours")()
