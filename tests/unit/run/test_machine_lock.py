"""The lock that processes share: shared, exclusive, and released when its holder dies."""

import errno
import fcntl
import os
import select
import subprocess
import sys
import threading
import time

import pytest

from pytest_gilcheck.run.machine_lock import MachineLock

INSIDE = "PYTEST_GILCHECK_INSIDE"
HOLDER = """
import sys, pathlib
from pytest_gilcheck.run.machine_lock import MachineLock
lock = MachineLock(pathlib.Path(sys.argv[1]))
with getattr(lock, sys.argv[2])() as is_held:
    print(is_held, flush=True)
    sys.stdin.read(1)
print("released", flush=True)
"""


@pytest.fixture(autouse=True)
def _outside_of_tests(monkeypatch):
    """What a test starts takes no part, and this is a test."""
    monkeypatch.delenv(INSIDE, raising=False)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lock"


@pytest.fixture
def other(folder):
    """Starts another process that holds the lock until a byte arrives, or until it is killed."""
    started = []

    def start(how, *, waits=False):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), how],
            env={name: value for name, value in os.environ.items() if name != INSIDE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        if not waits:
            assert process.stdout.readline() == b"True\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def release(process):
    process.stdin.write(b".")
    process.stdin.flush()
    assert process.stdout.readline() == b"released\n"


@pytest.mark.parametrize(
    ("theirs", "ours", "is_expected"),
    [
        ("shared", "shared", True),
        ("shared", "exclusive", False),
        ("exclusive", "shared", False),
        ("exclusive", "exclusive", False),
    ],
)
def test_lock_when_another_process_holds_it_then_only_two_shared_holders_go_on(
    other, folder, theirs, ours, is_expected
):
    other(theirs)

    with getattr(MachineLock(folder), ours)(wait_seconds=0.05) as is_held:
        assert is_held is is_expected


@pytest.mark.parametrize("theirs", ["shared", "exclusive"])
def test_lock_when_its_holder_dies_then_the_system_releases_it(other, folder, theirs):
    process = other(theirs)
    process.kill()
    process.wait()

    with MachineLock(folder).exclusive(wait_seconds=10) as is_held:
        assert is_held


def test_exclusive_when_two_ask_within_shared_then_they_do_not_wait_for_each_other(other, folder):
    """Each releases what it shares before it asks."""
    theirs = other("shared")
    ours = MachineLock(folder)
    with ours.shared():
        with ours.exclusive(wait_seconds=0.05) as is_held:
            assert not is_held  # the other one is still in its ordinary test
        release(theirs)
        with ours.exclusive(wait_seconds=10) as is_held:
            assert is_held
        with MachineLock(folder / "other").exclusive() as is_held:
            assert not is_held  # still within the test


def test_exclusive_when_it_ends_within_shared_then_the_lock_is_shared_again(other, folder):
    ours = MachineLock(folder)
    with ours.shared():
        with ours.exclusive() as is_held:
            assert is_held
        waiting = other("exclusive", waits=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
    assert waiting.stdout.readline() == b"True\n"


def test_shared_when_another_process_waits_for_exclusive_then_it_waits_outside(other, folder):
    """Many tests, of which one always runs, do not keep a check waiting for ever."""
    first = other("shared")
    other("exclusive", waits=True)
    ours = MachineLock(folder)
    for _ in range(1000):
        with ours.shared(wait_seconds=0.05) as is_held:
            if not is_held:
                break
        time.sleep(0.01)  # a poll, ended by the other process's coming into the turnstile
    else:
        pytest.fail("a later shared holder always got in")
    release(first)


def test_exclusive_when_a_long_test_goes_on_then_others_come_in_meanwhile(other, folder):
    """One test of 25 s once kept a check waiting, and with it every test of a third worker."""
    first = other("shared")
    waiting = other("exclusive", waits=True)
    ours = MachineLock(folder)
    was_kept_out = False
    while True:
        with ours.shared(wait_seconds=0.05) as is_held:
            if is_held and was_kept_out:
                break  # while the other one waits, unless it has said that it waits no longer
            was_kept_out |= not is_held
    assert not select.select([waiting.stdout], [], [], 0)[0]
    release(first)
    assert waiting.stdout.readline() == b"True\n"


def test_exclusive_when_others_never_end_then_it_gives_up_after_its_limit(other, folder):
    """And lets others in again."""
    other("shared")
    ours = MachineLock(folder)

    with ours.exclusive(wait_seconds=0.2) as is_held:
        assert not is_held
    with ours.shared(wait_seconds=0.05) as is_held:
        assert is_held


def test_lock_when_a_test_starts_a_process_then_that_takes_no_part(folder):
    """The test holds the lock for it, and waits for it."""
    with MachineLock(folder).shared() as is_held:
        assert is_held
        assert os.environ[INSIDE] == str(os.getpid())
        with MachineLock(folder).exclusive(wait_seconds=60) as is_exclusive:
            assert not is_exclusive
    assert INSIDE not in os.environ


# pytest's own watchdog of hanging tests is a thread. CPython 3.15 raises the warning as an error, earlier ones clear it.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize(("is_in_test", "wait_seconds"), [(True, 600), (False, 0.05)])
def test_lock_when_a_process_is_forked_then_the_parent_keeps_it(other, folder, is_in_test, wait_seconds):
    """A forked child holds nothing of its parent's; in a test it takes no part, and does not wait for its own parent."""
    lock = MachineLock(folder)
    with lock.shared() if is_in_test else lock.exclusive():
        child = os.fork()
        if not child:
            with lock.exclusive(wait_seconds=wait_seconds) as is_held:
                os._exit(1 if is_held else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        waiting = other("exclusive", waits=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
    assert waiting.stdout.readline() == b"True\n"


def test_exclusive_when_threads_of_one_process_ask_then_one_after_the_other_holds_it(folder):
    lock = MachineLock(folder)
    n_inside, seen, held = 0, [], []

    def enter():
        nonlocal n_inside
        with lock.exclusive(wait_seconds=30) as is_held:
            n_inside += 1
            seen.append(n_inside)
            held.append(is_held)
            n_inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (seen, held) == ([1] * 8, [True] * 8)


def test_lock_when_its_folder_cannot_be_made_then_it_is_not_held(tmp_path):
    with MachineLock(tmp_path / "no" / "such").exclusive() as is_held:
        assert not is_held


def test_lock_when_its_folder_is_another_users_then_it_is_not_held(folder, monkeypatch):
    folder.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)

    with MachineLock(folder).shared() as is_held:
        assert not is_held


def test_lock_when_the_file_system_has_none_then_it_is_not_held(folder, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)

    with MachineLock(folder).exclusive() as is_held:
        assert not is_held


def test_lock_when_the_platform_has_none_then_it_is_not_held(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fasteners", None)  # importing it raises, as without `fcntl`

    with MachineLock(folder).exclusive() as is_exclusive, MachineLock(folder).shared() as is_shared:
        assert (is_exclusive, is_shared) == (False, False)
