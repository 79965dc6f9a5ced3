"""Functions with a known overlap, and functions with a known cause of a shortfall."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_gilcheck import specimens

MS = 1_000_000


@dataclass(frozen=True)
class Case:
    """A call, the true word on its overlap, and the cause of its shortfall (None: no cause may be named)."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    truth: str | None
    cause: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def _query(connection: sqlite3.Connection, sql: str, n: int) -> list[Any]:
    return connection.execute(
        f"with recursive c(x) as (select 1 union all select x+1 from c where x<{n}) {sql} from c"  # noqa: S608  (a number of ours)
    ).fetchall()


def _connection(_index: int = 0) -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


def specimen_cases() -> list[Case]:
    """Return specimens of 0.2 ms and more whose truth needs no measurement."""
    return [
        *(Case(f"releases {ns}", specimens.releases, (ns,), "overlaps") for ns in (200_000, MS, 5 * MS)),
        *(Case(f"sleeps {ns}", specimens.sleeps, (ns,), "overlaps") for ns in (MS, 5 * MS)),
        *(
            Case(f"holds {ns}", specimens.holds, (ns,), "serialised", "serialised-by-gil")
            for ns in (200_000, MS, 5 * MS)
        ),
        Case("yields", specimens.yields, (MS,), "serialised", "serialised-by-gil"),
        *(
            Case(f"serialises {ns}", specimens.serialises, (ns,), "serialised", "inner-lock")
            for ns in (200_000, MS, 5 * MS)
        ),
    ]


def real_cases() -> list[Case]:
    """Return real packages and specimens that each show one cause; whether some of them overlap depends on the machine."""
    cases = [
        Case("sqlite, one connection", _query, (_connection(), "select sum(x)", 20_000), "serialised", "inner-lock"),
        Case(
            "sqlite rows",
            _query,
            (),
            None,
            "chatter",
            {"args_for": lambda index: (_connection(index), "select x", 3000)},
        ),
        Case("memory_bound", specimens.memory_bound, (16_000_000, 1), None, "memory-bandwidth", {"budget": 1.0}),
        Case("pools", specimens.pools, (2, 4 * MS), None, "own-thread-pool", {"budget": 1.0}),
        # Two threads that hold for half of their time may come to take turns, and lose nothing: they hold for two thirds.
        Case("held in part", specimens.releases_then_holds, (500_000, MS), None, "held-tail"),
    ]
    try:
        import numpy as np
    except ImportError:
        return cases
    big = np.ones(4_000_000)
    cases.append(
        Case("numpy generator", np.random.default_rng(1).standard_normal, (100_000,), "serialised", "inner-lock")
    )
    cases.append(
        Case(
            "large copy",
            np.copyto,
            (),
            None,
            "memory-bandwidth",
            {"args_for": lambda _index: (np.empty_like(big), big), "budget": 1.0},
        )
    )
    return cases


def pool_cases() -> list[Case]:
    """Return a function of a real package that uses all cores by itself (rayon)."""
    try:
        import rustworkx
    except ImportError:
        return []
    graph = rustworkx.directed_gnp_random_graph(300, 5 / 300, seed=1)
    function = functools.partial(rustworkx.digraph_betweenness_centrality, graph, parallel_threshold=1)
    return [Case("rustworkx betweenness", function, (), None, "own-thread-pool", {"budget": 1.0})]
