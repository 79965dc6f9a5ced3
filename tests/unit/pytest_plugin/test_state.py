"""What is kept of the test that runs now."""

from dataclasses import replace

from built import RACE
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Agreement
from pytest_gilcheck.pytest_plugin.state import Running
from pytest_gilcheck.store.json_report import Answers

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
def test_one_difference_outweighs_all_agreement(found):
    running = Running()
    for results in found:
        running.note_agreement(f, Answers(AGREE if results == "agree" else DIFFER), adds_up=False)

    assert running.results_of(f) == ("differ" if "differ" in found else "agree" if found else "not_checked")


def test_functions_are_known_again_by_what_they_are():
    """Methods are made anew each time; equality of other objects means nothing."""
    running, odd, other, items = Running(), Odd(), Odd(), []
    for function in (odd, odd.method, items.append):
        running.note_agreement(function, Answers(AGREE), adds_up=False)

    assert running.results_of(odd.method) == running.results_of(items.append) == running.results_of(odd) == "agree"
    for function in (other, other.method, [].append, f):
        assert running.results_of(function) == "not_checked"


def test_single_examples_of_a_test_add_up():
    """What was tried is counted; the later difference, which is the smaller one, stays."""
    running = Running()
    smaller = replace(DIFFER, difference=replace(DIFFER.difference, inputs="(0,)"))
    for made in (AGREE, DIFFER, smaller, AGREE):
        running.note_agreement(f, Answers(made, "t"), adds_up=True)

    (entry,) = running.agreements
    assert (entry.agreement.n_examples, entry.agreement.n_calls) == (1 + 35 + 35 + 1, 25 + 1_240 + 1_240 + 25)
    assert entry.agreement.difference.inputs == "(0,)"
    assert entry.agreement.results == "differ"


def test_other_tests_other_functions_and_whole_drawings_stay_apart():
    running = Running()
    running.note_agreement(f, Answers(AGREE, "t"), adds_up=True)
    running.note_agreement(f, Answers(AGREE, "other"), adds_up=True)
    running.note_agreement(f, Answers(replace(AGREE, name="g"), "other"), adds_up=True)
    running.note_agreement(f, Answers(replace(AGREE, name="g"), "other"), adds_up=False)

    assert len(running.agreements) == 4


def test_lines_are_taken_once():
    running = Running()
    running.note_agreement(f, Answers(AGREE, "t"), adds_up=False)

    assert running.lines() == running.lines() != ([], [])
    _, (line,) = running.take_lines(failed=True)
    assert '"failed":true' in line
    assert running.take_lines(failed=True) == ([], [])


def test_what_was_compared_is_forgotten_with_its_test():
    """Also the function itself, which may hold much."""
    running = Running()
    running.note_agreement(f, Answers(AGREE, "t"), adds_up=False)
    running.end()

    assert running.results_of(f) == "not_checked"
    assert not running.compared
