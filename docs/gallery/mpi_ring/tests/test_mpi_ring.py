"""Processes that pass messages have a GIL each; what matters here is what their waits do to it."""

import shutil
import subprocess
import sys

import pytest
from mpi4py import MPI
from ring import around_the_ring, fib, map_over_ranks


@pytest.fixture
def mpiexec():
    """Return a function that runs a module of this project on some ranks, and returns the lines that it prints."""
    program = shutil.which("mpiexec")
    if program is None:
        pytest.skip("no mpiexec: pip install mpich, or apt install mpich")

    def run(n_ranks, module):
        command = [program, "-n", str(n_ranks), sys.executable, "-m", module]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_the_message_comes_back_with_every_name(mpiexec, n_ranks):
    names, numbers = mpiexec(n_ranks, "ring")

    assert names == ", then ".join(f"rank {rank} of {n_ranks}" for rank in range(n_ranks))
    assert numbers == "[21, 13, 8, 5, 3]"


def test_waiting_for_another_rank_releases_the_gil(mpiexec):
    assert mpiexec(2, "waiting") == ["ask: released"]


def test_a_ring_of_one_and_a_map_over_it():
    assert around_the_ring(MPI.COMM_SELF) == ["rank 0 of 1"]
    assert map_over_ranks(MPI.COMM_SELF, fib, [3, 1, 2]) == [2, 1, 1]


def test_a_buffer_is_sent_without_the_gil(gilcheck):
    sent, received = bytearray(10_000_000), bytearray(10_000_000)
    sent[-1] = 7

    verdict = gilcheck.options(overlap=False)(MPI.COMM_SELF.Sendrecv, sent, 0, recvbuf=received, source=0)

    assert verdict.released
    assert received[-1] == 7


def test_an_object_is_pickled_first_which_holds_the_gil(gilcheck):
    value = list(range(100_000))

    verdict = gilcheck.options(overlap=False)(MPI.COMM_SELF.sendrecv, value, 0, source=0)

    assert verdict.held_share > 0.5
    assert verdict.result == value
