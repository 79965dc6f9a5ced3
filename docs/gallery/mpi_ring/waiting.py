"""Does waiting for a message release the GIL? ``mpiexec -n 2 python -m waiting``.

Rank 1 answers late. Rank 0 checks the wait, as often as the check wants it, and then tells rank 1 to end.
"""

import time

from mpi4py import MPI

from pytest_gilcheck import check

WORLD = MPI.COMM_WORLD
ANSWERING = 1


def ask(seconds):
    """Ask rank 1 for an answer, which it sends after so many seconds, and wait for it."""
    WORLD.send(seconds, ANSWERING)
    return WORLD.recv(source=ANSWERING)


def answer():
    """Answer every question until it is None."""
    while (seconds := WORLD.recv(source=0)) is not None:
        time.sleep(seconds)
        WORLD.send("here I am", 0)


def main():
    """Print the verdict at rank 0."""
    if WORLD.Get_rank() == ANSWERING:
        answer()
        return
    try:
        verdict = check.options(overlap=False)(ask, 0.02)
        print(f"ask: {verdict.gil}")
    finally:
        WORLD.send(None, ANSWERING)


if __name__ == "__main__":
    main()
