"""The machine as found: control groups from folders of our own."""

import sys
import threading
from importlib import metadata

import pytest

from pytest_gilcheck.plan.survey import cpu_quota, neighbours, survey


@pytest.fixture
def system(tmp_path):
    """Writes files below a root and a membership file, and asks for the grant."""

    def grant(membership, **files):
        for name, text in files.items():
            path = tmp_path.joinpath("root", *name.split("__"))
            path.parent.mkdir(parents=True, exist_ok=True)
            # Keywords cannot hold a dot.
            path.with_name(path.name.replace("_max", ".max").replace("cpu_cfs", "cpu.cfs")).write_text(text)
        (tmp_path / "membership").write_text(membership)
        return cpu_quota(tmp_path / "root", tmp_path / "membership")

    return grant


def test_a_grant_of_ours_counts(system):
    """Quota over period."""
    assert system("0::/ours\n", ours__cpu_max="150000 100000\n") == 1.5


def test_the_smallest_grant_up_to_the_root_counts(system):
    """A group's own may be larger than what its parent grants."""
    assert system("0::/a/b\n", a__b__cpu_max="400000 100000", a__cpu_max="50000 100000", cpu_max="max 100000") == 0.5


def test_no_limit_is_none(system):
    """``max`` at every level."""
    assert system("0::/a\n", a__cpu_max="max 100000\n") is None


def test_the_first_version_is_read_too(system):
    """Quota and period in files of their own; -1 is no limit."""
    v1 = {"cpu__ours__cpu_cfs_quota_us": "200000", "cpu__ours__cpu_cfs_period_us": "100000"}

    assert system("4:cpu,cpuacct:/ours\n2:memory:/ours\n", **v1) == 2.0
    assert system("4:cpu:/ours\n", cpu__ours__cpu_cfs_quota_us="-1") is None


@pytest.mark.parametrize("membership", ["", "nonsense\n", "0::/gone\n", "0::/../../etc\n", "1:name=systemd:/x\n"])
def test_what_cannot_be_read_is_no_limit(system, membership):
    """Never an error: the figure is only for the reader."""
    assert system(membership) is None


@pytest.mark.parametrize("text", ["", "1", "x y", "100 0", "1 2 3"])
def test_a_broken_grant_is_no_limit(system, text):
    """As above."""
    assert system("0::/ours\n", ours__cpu_max=text) is None


def test_no_membership_file_is_no_limit(tmp_path):
    """As on systems without control groups."""
    assert cpu_quota(tmp_path, tmp_path / "none") is None


def test_neighbours_are_named(monkeypatch):
    """Tools in this process that disturb."""
    monkeypatch.setattr(sys, "getprofile", lambda: print)
    monkeypatch.setattr(sys, "getswitchinterval", lambda: 1e-6)

    assert {"short-switch-interval", "profiler"} <= set(neighbours())


def test_tools_that_hook_native_functions_are_named_while_they_do(monkeypatch):
    """Not for being imported: their pytest plugins import them in every run."""
    for name in ("memray", "scalene"):
        monkeypatch.setitem(sys.modules, name, object())
    assert "native-hooks" not in neighbours()

    with monkeypatch.context() as with_scalene:
        with_scalene.setenv("LD_PRELOAD", "/somewhere/libscalene.so")
        assert "native-hooks" in neighbours()


def test_memray_is_named_while_it_tracks(tmp_path):
    """The real one; no other tool's profile function is taken for it."""
    memray = pytest.importorskip("memray", reason="memray has no wheel for this system")
    assert "native-hooks" not in neighbours()

    with memray.Tracker(tmp_path / "tracked.bin"):
        assert "native-hooks" in neighbours()

    assert "native-hooks" not in neighbours()
    before = threading.getprofile()
    threading.setprofile(print)
    try:
        assert "native-hooks" not in neighbours()
    finally:
        threading.setprofile(before)


def test_survey_of_this_machine_is_whole():
    """Every figure within its range."""
    machine = survey((24, 20))

    assert 1 <= machine.n_cpus <= machine.n_cpus_present
    assert (machine.clock_price_ns, machine.clock_resolution_ns) == (24, 20)
    assert machine.gil == "enabled"
    assert machine.switch_interval_ns == round(sys.getswitchinterval() * 1e9)


def test_the_version_of_what_is_not_installed_is_unknown(monkeypatch):
    """Sources on the path, and no metadata beside them: measured all the same."""
    monkeypatch.setattr(metadata.Distribution, "discover", lambda **_: iter(()))

    assert survey((24, 20)).gilcheck == "unknown (not installed)"
