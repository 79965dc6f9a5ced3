"""What is kept of the test that runs now."""

from dataclasses import replace

from built import RACE
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Agreement
from pytest_gilcheck.pytest_plugin.current_test import TestState
from pytest_gilcheck.store.json_report import AgreementEntry

AGREE = Agreement("f", "agree", n_examples=1, n_calls=25, n_threads=4)
DIFFER = replace(RACE, name="f")


def f():
    """A function."""


class Odd:
    """An object that is called, and equals everything."""

    __hash__ = None

    def __eq__(self, other):
        return True

    def method(self):
        """One."""


@given(st.lists(st.sampled_from(["agree", "differ"]), max_size=4))
def test_one_difference_outweighs_all_agreement(outcomes):
    test_state = TestState()
    for results in outcomes:
        test_state.add_agreement(f, AgreementEntry(AGREE if results == "agree" else DIFFER), adds_up=False)

    assert test_state.agreement_of(f) == ("differ" if "differ" in outcomes else "agree" if outcomes else "not_checked")


def test_functions_are_known_again_by_what_they_are():
    """Methods are made anew each time; equality of other objects means nothing."""
    test_state, odd, other, items = TestState(), Odd(), Odd(), []
    for function in (odd, odd.method, items.append):
        test_state.add_agreement(function, AgreementEntry(AGREE), adds_up=False)

    assert (
        test_state.agreement_of(odd.method)
        == test_state.agreement_of(items.append)
        == test_state.agreement_of(odd)
        == "agree"
    )
    for function in (other, other.method, [].append, f):
        assert test_state.agreement_of(function) == "not_checked"


def test_single_examples_of_a_test_add_up():
    """What was tried is counted; the later difference, which is the smaller one, stays."""
    test_state = TestState()
    smaller = replace(DIFFER, difference=replace(DIFFER.difference, inputs="(0,)"))
    for agreement in (AGREE, DIFFER, smaller, AGREE):
        test_state.add_agreement(f, AgreementEntry(agreement, "t"), adds_up=True)

    (entry,) = test_state.agreements
    assert (entry.agreement.n_examples, entry.agreement.n_calls) == (1 + 35 + 35 + 1, 25 + 1_240 + 1_240 + 25)
    assert entry.agreement.difference.inputs == "(0,)"
    assert entry.agreement.word == "differ"


def test_other_tests_other_functions_and_whole_drawings_stay_apart():
    test_state = TestState()
    test_state.add_agreement(f, AgreementEntry(AGREE, "t"), adds_up=True)
    test_state.add_agreement(f, AgreementEntry(AGREE, "other"), adds_up=True)
    test_state.add_agreement(f, AgreementEntry(replace(AGREE, name="g"), "other"), adds_up=True)
    test_state.add_agreement(f, AgreementEntry(replace(AGREE, name="g"), "other"), adds_up=False)

    assert len(test_state.agreements) == 4


def test_lines_are_taken_once():
    test_state = TestState()
    test_state.add_agreement(f, AgreementEntry(AGREE, "t"), adds_up=False)

    assert test_state.lines() == test_state.lines() != []
    (line,) = test_state.take_lines(failed=True)
    assert '"failed":true' in line
    assert test_state.take_lines(failed=True) == []


def test_what_was_compared_is_forgotten_with_its_test():
    """Also the function itself, which may hold much."""
    test_state = TestState()
    test_state.add_agreement(f, AgreementEntry(AGREE, "t"), adds_up=False)
    test_state.end()

    assert test_state.agreement_of(f) == "not_checked"
    assert not test_state.compared
