"""Processes have a GIL each. Waiting for one must release ours."""

import contextlib
import os
import subprocess
import sys

import pytest
import tools
from fibonacci import SPAWN, fib
from native_fibonacci import native_fib

FIRST_NUMBERS = [1, 1, 2, 3, 5, 8, 13, 21]


def test_a_pool_returns_the_numbers_in_order():
    with SPAWN.Pool(2) as pool:
        assert pool.map(fib, range(1, 9)) == FIRST_NUMBERS


def test_the_numbers_of_the_tutorials():
    numbers = [38, 37, 36, 35, 34, 33]

    assert [native_fib(n) for n in numbers] == [39088169, 24157817, 14930352, 9227465, 5702887, 3524578]


def test_python_code_holds_the_gil(gilcheck):
    assert gilcheck(fib, 20).held


def test_the_same_function_in_c_releases_it(gilcheck):
    verdict = gilcheck(native_fib, 31)

    assert verdict.released
    assert verdict.result == 1346269


def test_a_lock_keeps_lines_whole(tmp_path):
    lines = tools.lines_written_under_a_lock(tmp_path / "lines.txt")

    assert sorted(lines) == sorted([f"process {i} wrote this" for i in range(3)] * 20)


def test_a_semaphore_lets_two_of_four_in():
    assert 1 <= tools.most_processes_inside(n_workers=4, n_places=2) <= 2


def test_an_event_wakes_all_waiters():
    assert tools.waiters_that_saw_the_event(3) == 3


def test_a_queue_brings_what_a_child_sends():
    assert tools.message_from_a_child() == [42, None, "hello"]


def test_five_children_are_started_and_heard():
    assert tools.lines_of_children(5) == [[f"begin {i}", f"end {i}"] for i in range(5)]


def sleeper():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.05)"])


def wait_for_queue(queue):
    with contextlib.suppress(Exception):
        queue.get(timeout=0.03)


@pytest.mark.parametrize(
    ("wait", "make"),
    [
        pytest.param(lambda it: it.acquire(timeout=0.03), SPAWN.Lock, id="Lock.acquire"),
        pytest.param(lambda it: it.acquire(timeout=0.03), lambda: SPAWN.Semaphore(1), id="Semaphore.acquire"),
        pytest.param(lambda it: it.wait(timeout=0.03), SPAWN.Event, id="Event.wait"),
        pytest.param(wait_for_queue, SPAWN.Queue, id="Queue.get"),
    ],
)
def test_waiting_releases_the_gil(gilcheck, wait, make):
    tool = make()
    if hasattr(tool, "acquire"):
        tool.acquire()  # so that the next one has to wait

    assert gilcheck.options(overlap=False)(wait, tool).released


def test_waiting_for_a_child_releases_the_gil(gilcheck):
    wait = gilcheck.options(overlap=False, setup=lambda: (sleeper(),))

    assert wait(subprocess.Popen.wait).released


def test_os_system_releases_the_gil(gilcheck):
    assert gilcheck.options(overlap=False)(os.system, "sleep 0.03").released
