"""The survey of the machine, with control groups in folders of the tests."""

import sys
import threading
from importlib import metadata

import pytest

from pytest_gilcheck.plan.survey import cpu_quota, neighbours, survey


@pytest.fixture
def system(tmp_path):
    """Write files below a root and a membership file, and return the quota."""

    def grant(membership, **files):
        for name, text in files.items():
            path = tmp_path.joinpath("root", *name.split("__"))
            path.parent.mkdir(parents=True, exist_ok=True)
            # Keywords cannot hold a dot.
            path.with_name(path.name.replace("_max", ".max").replace("cpu_cfs", "cpu.cfs")).write_text(text)
        (tmp_path / "membership").write_text(membership)
        return cpu_quota(tmp_path / "root", tmp_path / "membership")

    return grant


def test_quota_when_the_own_group_has_one_then_it_counts(system):
    """It is the quota divided by the period."""
    assert system("0::/ours\n", ours__cpu_max="150000 100000\n") == 1.5


def test_quota_when_parents_have_one_then_the_smallest_counts(system):
    """A group's own may be larger than its parent's."""
    assert system("0::/a/b\n", a__b__cpu_max="400000 100000", a__cpu_max="50000 100000", cpu_max="max 100000") == 0.5


def test_quota_when_no_group_has_one_then_it_is_none(system):
    """``max`` at every level."""
    assert system("0::/a\n", a__cpu_max="max 100000\n") is None


def test_quota_when_control_groups_are_of_version_one_then_it_is_read_too(system):
    """Quota and period have files of their own; -1 is no limit."""
    v1 = {"cpu__ours__cpu_cfs_quota_us": "200000", "cpu__ours__cpu_cfs_period_us": "100000"}

    assert system("4:cpu,cpuacct:/ours\n2:memory:/ours\n", **v1) == 2.0
    assert system("4:cpu:/ours\n", cpu__ours__cpu_cfs_quota_us="-1") is None


@pytest.mark.parametrize("membership", ["", "nonsense\n", "0::/gone\n", "0::/../../etc\n", "1:name=systemd:/x\n"])
def test_quota_when_the_membership_cannot_be_read_then_it_is_none(system, membership):
    """It is never an error: the figure is only for the reader."""
    assert system(membership) is None


@pytest.mark.parametrize("text", ["", "1", "x y", "100 0", "1 2 3"])
def test_quota_when_its_file_is_broken_then_it_is_none(system, text):
    """It is never an error."""
    assert system("0::/ours\n", ours__cpu_max=text) is None


def test_quota_when_there_is_no_membership_file_then_it_is_none(tmp_path):
    """As on systems without control groups."""
    assert cpu_quota(tmp_path, tmp_path / "none") is None


def test_neighbours_when_tools_disturb_then_they_are_named(monkeypatch):
    """A profile function, and a short switch interval."""
    monkeypatch.setattr(sys, "getprofile", lambda: print)
    monkeypatch.setattr(sys, "getswitchinterval", lambda: 1e-6)

    assert {"short-switch-interval", "profiler"} <= set(neighbours())


def test_neighbours_when_tools_hook_native_functions_then_they_are_named(monkeypatch):
    """Importing them is not enough: their pytest plugins do that in every run."""
    for name in ("memray", "scalene"):
        monkeypatch.setitem(sys.modules, name, object())
    assert "native-hooks" not in neighbours()

    with monkeypatch.context() as with_scalene:
        with_scalene.setenv("LD_PRELOAD", "/somewhere/libscalene.so")
        assert "native-hooks" in neighbours()


def test_neighbours_when_memray_tracks_then_it_is_named(tmp_path):
    """With the real memray. The profile function of another tool is not taken for its own."""
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


def test_survey_of_this_machine_is_complete():
    """Every figure lies within its range."""
    machine = survey((24, 20))

    assert 1 <= machine.n_cpus <= machine.n_cpus_present
    assert (machine.clock_price_ns, machine.clock_resolution_ns) == (24, 20)
    assert machine.gil == "enabled"
    assert machine.switch_interval_ns == round(sys.getswitchinterval() * 1e9)


def test_survey_when_the_package_is_not_installed_then_its_version_is_unknown(monkeypatch):
    """Sources on the path without metadata can be measured too."""

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    # Not `discover`, which 3.10 does not ask here.
    monkeypatch.setattr(metadata.Distribution, "from_name", missing)

    assert survey((24, 20)).gilcheck == "unknown (not installed)"
