"""Counts threads that are ready to run, from files as the system has them."""

from __future__ import annotations

import sys
import threading

import pytest

from pytest_gilcheck.run import counted_ready
from pytest_gilcheck.run.ready_threads import n_ready


def tasks(folder, **states):
    for number, state in states.items():
        (folder / number.strip("_")).mkdir(parents=True)
        (folder / number.strip("_") / "stat").write_bytes(b"1 (a) R (b) " + state.encode() + b" 1 2 3")
    return folder


def test_ready_when_names_hold_anything_then_only_states_count(tmp_path):
    there = tasks(tmp_path, _1="R", _2="S", _3="R", _4="D")
    assert n_ready(there) == 2
    assert n_ready(there, without=3) == 1


def test_ready_when_a_thread_ends_meanwhile_then_it_is_not_counted(tmp_path):
    there = tasks(tmp_path, _1="R")
    (there / "2").mkdir()
    assert n_ready(there) == 1


def test_ready_when_the_system_shows_no_threads_then_nothing_is_counted(tmp_path):
    assert n_ready(tmp_path / "absent") is None
    counts = []
    with counted_ready(counts, tmp_path / "absent"):
        pass
    assert counts == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_counts_when_a_thread_sleeps_beside_the_block_then_they_are_taken_and_the_thread_is_gone_afterwards():
    before, counts = threading.active_count(), []
    enough = threading.Event()
    threading.Timer(0.2, enough.set).start()
    with counted_ready(counts):
        enough.wait()
    assert counts
    assert all(count >= 0 for count in counts)
    assert threading.active_count() <= before
