"""Limits: met, missed or inconclusive, and with how much room."""

from built import estimates
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Claim, Estimate
from pytest_gilcheck.judge.claim import claim_met, limits_of

shares = estimates(st.floats(0, 1))
factors = estimates(st.floats(0, 8))
bounds = st.floats(0, 1)


def limits(claim, share=None, longest=None, speedup=None, word="overlaps"):
    found = {"gil": "partial", "held_share": share, "longest_hold_ns": longest, "speedup": speedup, "efficiency": None}
    found = {figure: Estimate() if value is None else value for figure, value in found.items()}
    return limits_of(claim, found, machine_may_fall_short=word in ("inconclusive", "not_measured"))


@given(shares, bounds)
def test_margin_has_the_sign_of_the_answer(share, most):
    (limit,) = limits(Claim(max_held_share=most), share)

    assert {True: limit.margin >= 0, False: limit.margin < 0, None: limit.margin == 0}[limit.met]
    assert limit.met is claim_met([limit])


@given(shares, bounds, bounds)
def test_a_stricter_limit_never_leaves_more_room(share, one, other):
    strict, lax = sorted((one, other))
    (narrow,), (wide,) = (limits(Claim(max_held_share=most), share) for most in (strict, lax))

    assert narrow.margin <= wide.margin
    assert not (narrow.met is True and wide.met is not True)


@given(factors, st.floats(0.01, 8))
def test_a_rate_without_a_word_is_never_missed(speedup, least):
    """The machine may be what falls short."""
    for word in ("inconclusive", "not_measured"):
        (limit,) = limits(Claim(min_speedup=least), speedup=speedup, word=word)
        assert limit.met is not False


def test_what_was_not_measured_has_no_margin_and_no_answer():
    for claim in (Claim(max_held_share=1), Claim(longest_hold_ns=1), Claim(min_speedup=1), Claim(min_efficiency=1)):
        (limit,) = limits(claim)
        assert (limit.met, limit.margin, limit.found) == (None, None, None)


@given(shares, bounds)
def test_releases_is_the_mirror_of_held_share(share, least):
    (released,), (held,) = (
        limits(Claim(releases=least), share),
        limits(Claim(max_held_share=round(1 - least, 12)), share),
    )

    if abs(released.margin) > 1e-9:  # at the very border rounding decides
        assert released.met is held.met
