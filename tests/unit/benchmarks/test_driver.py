"""Whatever a case does to its process, every question gets its answer and nothing stays behind."""

import os

import pytest

from benchmarks.ledger.cases import Case
from benchmarks.ledger.driver import batches, plan, run
from benchmarks.ledger.load import busy


def case(name, call, package="p"):
    return Case(
        id=name,
        package=package,
        setup="import os, scripted_adapter\nanswer = dict(gil='held', n_calls=1)",
        call=call,
        truth="held",
    )


def asked(cases, adapter, **options):
    answers = {}
    run(
        plan(cases, ["ledger"], options.pop("loads", [0]), 1, seed=1),
        lambda m: answers.__setitem__((m.case, m.load), m),
        adapter=adapter,
        **{"timeout_s": 60, **options},
    )
    return answers


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_run_when_cases_fail_in_every_way_then_the_others_still_answer(fake_adapter):
    answers = asked(
        [
            case("fine", "print('noise on standard output')"),
            case("dies", "os._exit(7)"),
            case("aborts", "os.abort()"),
            case("raises", "1 / 0"),
            case("absent", "__import__('no_such_package')"),
        ],
        fake_adapter,
    )

    assert {name: m.outcome for (name, _), m in answers.items()} == {
        "fine": "ok",
        "dies": "crash",
        "aborts": "crash",
        "raises": "raised",
        "absent": "absent",
    }
    assert answers["fine", 0].gil == "held"
    assert answers["raises", 0].detail == "ZeroDivisionError: division by zero"
    assert "status 7" in answers["dies", 0].detail


def test_run_when_a_case_never_returns_then_it_is_a_timeout(fake_adapter):
    answers = asked([case("hangs", "scripted_adapter.never()")], fake_adapter, timeout_s=2)

    assert answers["hangs", 0].outcome == "timeout"


def test_run_when_what_keeps_answers_raises_then_no_worker_is_left(fake_adapter, tmp_path):
    pid_file = tmp_path / "pid"
    writes = case("writes", f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))")

    def full(_):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        run(plan([writes], ["ledger"], [0], 1, seed=0), full, adapter=fake_adapter, timeout_s=60)

    assert is_gone(int(pid_file.read_text()))


def test_run_when_loaded_then_every_load_gets_its_answer(fake_adapter):
    assert set(asked([case("a", "0"), case("b", "0")], fake_adapter, loads=[0, 1])) == {
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("b", 1),
    }


def test_busy_when_the_block_raises_then_every_process_is_dead():
    pids = []

    def breaks():
        with busy(2) as test_state:
            pids.extend(test_state)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks()

    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


def test_plan_when_made_twice_then_the_same_and_with_another_seed_another_order():
    cases = [case(str(i), "0") for i in range(6)]

    def order(seed):
        return [job.key for block in plan(cases, ["ledger", "ratio"], [0, 2], 2, seed=seed) for job in block.jobs]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == sorted(order(2))


def test_plan_when_questions_are_answered_then_only_the_others_are_asked():
    cases = [case("a", "0"), case("b", "0")]
    keys = [job.key for block in plan(cases, ["ledger"], [0, 2], 1, seed=0) for job in block.jobs]
    rest = [job.key for block in plan(cases, ["ledger"], [0, 2], 1, seed=0, done=keys[:3]) for job in block.jobs]

    assert rest == keys[3:]


def test_batches_when_blocks_are_of_one_group_then_they_share_a_worker():
    blocks = plan([case("a", "0"), case("b", "0", package="q")], ["ledger"], [0, 2], 2, seed=0)

    sizes = [len(batch) for batch in batches(blocks)]

    assert sizes == [4, 4]
