"""The tests that people write by hand restore the interpreter, and give the words for which they are built."""

import ctypes
import gc
import sys
import threading
import time

import pytest

from benchmarks.ledger.rivals import counter_test, ratio_test


def test_counter_when_the_call_sleeps_without_the_gil_then_it_moves():
    assert counter_test(lambda: time.sleep(0.002)).gil == "released"


def test_counter_when_the_call_sleeps_with_the_gil_then_it_never_moves():
    sleep = ctypes.PyDLL(None).usleep

    verdict = counter_test(lambda: sleep(2000))

    assert (verdict.gil, verdict.figure) == ("held", 0.0)


def test_counter_when_the_call_raises_in_the_middle_then_interval_and_collector_are_as_before():
    interval = sys.getswitchinterval()
    answers = iter([None, None])

    with pytest.raises(StopIteration):
        counter_test(lambda: next(answers))

    assert sys.getswitchinterval() == interval
    assert gc.isenabled()


def test_ratio_when_a_thread_raises_then_the_error_reaches_the_caller():
    def fails():
        time.sleep(0.01)
        if threading.current_thread() is not threading.main_thread():
            raise OSError(9, "of the thread")

    with pytest.raises(OSError, match="of the thread"):
        ratio_test(fails)


def test_ratio_when_taken_then_the_border_decides_the_word():
    verdict = ratio_test(lambda: time.sleep(0.001))

    assert (verdict.gil == "released") == (verdict.figure >= 1.5)
