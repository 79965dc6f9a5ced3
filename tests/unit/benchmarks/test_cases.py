"""Cases have distinct keys, and are selected and grouped so that none disturbs another."""

import dataclasses
import json

import pytest

from benchmarks.ledger.cases import Case, grouped, read_cases, select, specimen_cases, truth_of_share

CASE = Case(id="a", package="p", setup="x = 1", call="x", truth="held")


def test_read_cases_when_read_then_ids_are_unique_and_every_truth_names_its_source():
    cases = read_cases()

    assert len(cases) > 150
    assert len({case.id for case in cases}) == len(cases)
    assert all(case.evidence for case in cases)


def test_read_cases_when_compiled_then_every_setup_is_code_and_every_call_an_expression():
    for case in read_cases():
        compile(case.setup, case.id, "exec")
        compile(case.call, case.id, "eval")


def test_read_cases_when_a_truth_is_no_word_then_it_is_shown(tmp_path):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([{**CASE.to_json(), "truth": "maybe"}]))

    with pytest.raises(ValueError, match="a has truth 'maybe', expected released, held or partial"):
        read_cases(path)


def test_digest_when_what_runs_changes_then_it_changes_and_not_with_a_note():
    assert dataclasses.replace(CASE, notes="seen").digest == CASE.digest
    for change in ({"setup": "x = 2"}, {"call": "x + 1"}, {"env": {"A": "1"}}):
        assert dataclasses.replace(CASE, **change).digest != CASE.digest


@pytest.mark.parametrize(
    ("share", "word"),
    [(0.0, "released"), (0.05, "released"), (0.0501, "partial"), (0.9499, "partial"), (0.95, "held"), (1.0, "held")],
)
def test_truth_of_share_when_at_a_border_then_the_border_belongs_to_the_plain_word(share, word):
    assert truth_of_share(share) == word


def test_specimen_cases_when_listed_then_all_three_words_occur_at_every_length():
    by_length = {}
    for case in specimen_cases():
        by_length.setdefault(case.nominal_ns, set()).add(case.truth)

    assert set(by_length) == {20_000, 200_000, 1_000_000, 5_000_000, 20_000_000}
    assert all(words == {"released", "held", "partial"} for words in by_length.values())


def test_select_when_given_patterns_and_packages_then_both_must_fit():
    other = dataclasses.replace(CASE, id="b", package="q")

    assert select([CASE, other], ["[ab]"], ["q"]) == [other]
    assert select([CASE, other]) == [CASE, other]


def test_select_when_the_truth_is_for_other_versions_then_the_case_is_left_out():
    old = dataclasses.replace(CASE, id="old", python=">=3.10,<3.13")

    assert select([CASE, old], python="3.13.0") == [CASE]
    assert select([CASE, old], python="3.12.1") == [CASE, old]


def test_select_when_nothing_is_left_then_it_says_what_was_asked_for():
    with pytest.raises(ValueError, match=r"no case matches ids \['z\*'\]"):
        select([CASE], ["z*"])


def test_grouped_when_package_and_environment_agree_then_cases_share_and_lonely_ones_never_do():
    same = dataclasses.replace(CASE, id="b")
    elsewhere = dataclasses.replace(CASE, id="c", env={"A": "1"})
    lonely = dataclasses.replace(CASE, id="d", alone=True)

    assert list(grouped([CASE, elsewhere, same, lonely])) == [[CASE, same], [elsewhere], [lonely]]
