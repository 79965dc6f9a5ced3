"""Rounds of which all is known, for tests of what is made of them."""

from __future__ import annotations

import dataclasses

from pytest_gilcheck.evidence import Arm, Round

MS = 1_000_000


def arm(wall_ns: int, *, n_threads: int = 1, cpu_ns: int | None = None, delay_ns: int = 0, waiting_ns: int = 0) -> Arm:
    cpu_ns = wall_ns * n_threads if cpu_ns is None else cpu_ns
    return Arm(
        wall_ns,
        wall_ns * n_threads,
        cpu_ns,
        cpu_ns,
        delay_ns,
        waiting_ns,
        n_releases_by_function=0,
        both_released_ns=0,
        both_not_waiting_ns=wall_ns,
    )


def one_round(competing_ns: int, *, released_ns: int = 2 * MS, held_ns: int = 4 * MS, delay_ns: int = 0) -> Round:
    return Round(
        n_threads=2,
        n_calls=2,
        n_control_calls=2,
        control_ns=MS,
        serial=arm(4 * MS),
        competing=arm(competing_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=delay_ns),
        control=arm(4 * MS),
        released=arm(released_ns, n_threads=2, cpu_ns=4 * MS),
        held=arm(held_ns, n_threads=2, cpu_ns=4 * MS),
    )


def locked_round(off_ns: int, *, released: Arm, **serial: int | None) -> Round:
    """Two threads that sleep for each other, each kept off the processor for half of `off_ns`; the controls, too."""
    wall_ns = 4 * MS + off_ns
    return dataclasses.replace(
        one_round(wall_ns),
        serial=dataclasses.replace(arm(4 * MS), **serial),
        competing=arm(wall_ns, n_threads=2, cpu_ns=4 * MS, delay_ns=off_ns),
        released=released,
    )


DISTURBED = arm(5 * MS, n_threads=2, cpu_ns=4 * MS, delay_ns=4 * MS)
