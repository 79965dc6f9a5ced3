"""The wall clock on functions of known behaviour: inconclusive is allowed, wrong is not."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from pytest_gilcheck import UsageError, check, specimens

MS = 1_000_000
SHORTFALLS = {
    "chatter", "held-tail", "inner-lock", "memory-bandwidth", "own-thread-pool", "serialised-by-gil", "too-few-cores", "uneven-threads",
}  # fmt: skip


def rows(connection):
    return connection.execute(
        "with recursive c(x) as (select 1 union all select x+1 from c where x<3000) select x from c"
    ).fetchall()


def summed(connection):
    return connection.execute(
        "with recursive c(x) as (select 1 union all select x+1 from c where x<20000) select sum(x) from c"
    ).fetchall()


def named(verdict):
    """Return the losses that the verdict names."""
    return SHORTFALLS & set(verdict.reasons)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("specimen", "args", "wrong"),
    [
        (specimens.releases, (MS,), "serialised"),
        (specimens.releases, (200_000,), "serialised"),
        (specimens.sleeps, (2 * MS,), "serialised"),
        (specimens.holds, (MS,), "overlaps"),
        (specimens.yields, (MS,), "overlaps"),
        (specimens.serialises, (MS,), "overlaps"),
        (specimens.spawns, (2, MS), "overlaps"),
    ],
)
def test_overlap_when_the_truth_is_known_then_the_verdict_is_never_the_opposite(specimen, args, wrong):
    assert check(specimen, *args).overlap != wrong


@pytest.mark.parametrize("n_threads", [4, 8, 64])
@pytest.mark.parametrize(
    ("specimen", "wrong"),
    [(specimens.releases, "serialised"), (specimens.holds, "overlaps"), (specimens.serialises, "overlaps")],
)
def test_overlap_when_there_are_more_threads_than_cores_then_the_word_is_not_the_opposite(specimen, wrong, n_threads):
    """With 64 threads no whole round fits into the budget; as many threads as cores make the calls then."""
    assert check.options(threads=n_threads)(specimen, 200_000).overlap != wrong


@pytest.mark.parametrize(
    ("specimen", "args", "allowed"),
    [
        (specimens.holds, (MS,), {"serialised-by-gil"}),
        (specimens.serialises, (MS,), {"inner-lock"}),
        (specimens.pools, (2, 4 * MS), {"own-thread-pool"}),
        (specimens.memory_bound, (16_000_000, 1), {"memory-bandwidth"}),
        (specimens.releases, (MS,), set()),
    ],
)
def test_diagnosis_when_a_loss_is_named_then_it_is_the_right_one(specimen, args, allowed):
    verdict = check(specimen, *args)

    if verdict.overlap in ("overlaps", "serialised"):
        assert named(verdict) <= allowed


def test_diagnosis_when_one_connection_is_shared_then_an_inner_lock_or_nothing_is_named():
    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        verdict = check(summed, connection)

    assert verdict.overlap != "overlaps"
    assert named(verdict) <= {"inner-lock"}


def test_diagnosis_when_rows_are_fetched_one_by_one_then_chatter_or_nothing_is_named():
    with contextlib.ExitStack() as opened:

        def args_for(_index):
            connection = sqlite3.connect(":memory:", check_same_thread=False)
            opened.callback(connection.close)  # a connection that is not closed warns
            return (connection,)

        verdict = check.options(args_for=args_for)(rows)

    assert named(verdict) <= {"chatter"}


def test_diagnosis_when_one_generator_is_shared_then_an_inner_lock_or_nothing_is_named():
    numpy = pytest.importorskip("numpy")

    verdict = check(numpy.random.default_rng(1).standard_normal, 100_000)

    assert verdict.overlap != "overlaps"
    assert named(verdict) <= {"inner-lock"}


def test_ledger_when_calls_hold_then_never_two_are_outside_the_gil_at_once():
    verdict = check(specimens.holds, MS)

    assert verdict.both_released_share is None or verdict.both_released_share == 0


def test_args_for_when_it_fails_for_one_index_then_the_index_is_named():
    def args_for(index):
        if index == 1:
            raise LookupError("no file for it")
        return (MS,)

    with pytest.raises(LookupError) as raised:
        check.options(args_for=args_for)(specimens.releases)

    assert "args_for(1)" in "".join(raised.value.__notes__)


def test_call_when_it_raises_in_one_thread_only_then_thread_and_input_are_named():
    def call(index):
        if index == 1:
            raise ValueError("not this one")
        specimens.releases(MS)

    with pytest.raises(ValueError, match="not this one") as raised:
        check.options(args_for=lambda index: (index,))(call)

    notes = "".join(raised.value.__notes__)
    assert "thread 1" in notes
    assert "(1)" in notes


def test_call_when_it_skips_in_one_thread_then_the_skip_comes_through():
    def call(index):
        if index == 1:
            pytest.skip("not here")

    with pytest.raises(pytest.skip.Exception, match="not here"):
        check.options(args_for=lambda index: (index,))(call)


@pytest.mark.parametrize(("option", "value"), [("threads", 0), ("threads", 100_000), ("budget", 0), ("budget", -1)])
def test_options_when_they_make_no_sense_then_the_value_is_shown(option, value):
    with pytest.raises(UsageError, match=str(value)):
        check.options(**{option: value})


def test_overlap_when_the_budget_holds_no_round_then_it_says_so():
    verdict = check.options(budget="10us")(specimens.releases, MS)

    assert verdict.overlap == "inconclusive"
    assert "budget-too-small" in verdict.reasons


def test_overlap_when_one_thread_was_asked_for_then_it_says_so():
    verdict = check.options(threads=1)(specimens.releases, MS)

    assert (verdict.overlap, "one-thread" in verdict.reasons) == ("inconclusive", True)


def test_setup_when_set_then_each_call_gets_its_own_argument():
    arguments = []

    def setup():
        arguments.append([])
        return (arguments[-1],)

    def call(fresh):
        assert not fresh
        fresh.append(1)
        specimens.releases(MS)

    check.options(setup=setup)(call)

    assert all(len(fresh) <= 1 for fresh in arguments)
