"""Settings of all tests: hypothesis on a busy machine, and which plugins runs within tests see."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# A busy machine makes single examples slow, which says nothing about the code.
settings.register_profile("gilcheck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gilcheck")

# A shell starts background jobs with SIGINT ignored, and so would this process: tests that interrupt a child
# would then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: The entry points of plugins that are installed for tests beside them.
NEIGHBOURS = ("asyncio", "benchmark", "memray", "pytest_cov", "rerunfailures", "run-parallel", "timeout")


def without(*neighbours):
    """Return the arguments that keep these plugins out of a run."""
    return " ".join(f"-p no:{name}" for name in neighbours)


@pytest.fixture
def neighbours(pytester, monkeypatch):
    """Allow these plugins in the runs of this test, and no others."""

    def allow(*names):
        unknown = set(names) - set(NEIGHBOURS)
        assert not unknown, unknown
        # A plugin in these runs would take them for workers of the run around them: pytest-benchmark then measures nothing.
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PYTEST_ADDOPTS", without(*(name for name in NEIGHBOURS if name not in names)))

    return allow


@pytest.fixture(autouse=True)
def _without_neighbours(request):
    """Run as users do who have no other plugin installed."""
    if "pytester" in request.fixturenames:  # its own set-up would unset this variable
        request.getfixturevalue("neighbours")()
