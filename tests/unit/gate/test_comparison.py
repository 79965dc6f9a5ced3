"""What is kept of a run to compare it."""

from built import RACE, call, observation
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.gate.comparison import baseline_entries
from pytest_gilcheck.judge import judge
from pytest_gilcheck.judge.drift import baseline_entry
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry


@given(st.lists(st.sampled_from([1_000_000, 20_000_000]), min_size=1, max_size=5))
def test_checks_of_one_machine_share_what_is_told_of_it(spans):
    """And each stands where it would stand alone."""
    seen = [observation(call(span)) for span in spans]
    checks = [CheckEntry("f", judge(one), one, test=f"test_{n}") for n, one in enumerate(seen)]

    found = baseline_entries([*checks, AgreementEntry(RACE, "test_race")])

    *of_checks, of_answers = found.values()
    assert of_checks == [
        baseline_entry(key, check.observation, check.verdict) for key, check in zip(found, checks, strict=False)
    ]
    assert len({id(one.machine_class) for one in of_checks}) == 1
    assert (of_answers.agreement, of_answers.machine_class) == ("differ", ())
