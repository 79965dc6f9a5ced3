"""The function in which threads wait for each other, as text."""

from dataclasses import replace

import pytest

from pytest_gilcheck.evidence import Place, SleepPlace, Sleeps, SleepSite
from pytest_gilcheck.report.asleep import all_sleeps, headline, site_text

WAIT = SleepSite(
    Place("/home/me/src/counter.c", 41, "counter_add", "/home/me/counter.so"),
    "pthread_mutex_lock",
    57,
    60,
    "/home/me",
    "pthread_mutex_lock(&lock);",
)


def test_text_names_what_waits_and_the_line_that_called_it():
    assert site_text(WAIT) == "pthread_mutex_lock, called at src/counter.c:41 (counter_add)"
    assert list(headline(WAIT, 80)) == [
        "  threads wait in pthread_mutex_lock, called at src/counter.c:41 (counter_add)",
        "      pthread_mutex_lock(&lock);",
    ]


def test_text_when_no_line_is_known_then_it_names_function_and_library():
    wait = replace(WAIT, place=Place(function="sqlite3_step", library="/usr/lib/libsqlite3.so.0"), source=None)

    assert site_text(wait) == "pthread_mutex_lock, called in sqlite3_step (libsqlite3.so.0)"
    assert list(headline(wait, 80)) == [
        "  threads wait in pthread_mutex_lock, called in sqlite3_step (libsqlite3.so.0)"
    ]


def test_text_when_python_code_waits_then_it_says_so():
    wait = replace(WAIT, place=Place(function="Python code"), through="threading.Lock.acquire", source=None)

    assert site_text(wait) == "threading.Lock.acquire, called in Python code"


def test_headline_when_nothing_is_known_then_there_is_none():
    assert list(headline(None, 80)) == []


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_headline_fits_the_width(width):
    wait = replace(WAIT, through="std::sync::poison::mutex::Mutex<alloc::vec::Vec<u8>>::lock")

    assert all(len(line) <= width for line in headline(wait, width))


def test_every_frame_of_every_stack_is_listed_the_most_frequent_first():
    sleeps = Sleeps(
        (SleepPlace(None, (WAIT.place,), 1), SleepPlace("futex", (Place(library="/lib/libc.so.6"),), 7)), 3, 1
    )

    assert list(all_sleeps(sleeps)) == [
        "  looked at: running 3 times, woken while looked at once",
        "  asleep in futex (7 times)",
        "    native  ? [/lib/libc.so.6]",
        "  asleep in another system call (once)",
        "    native  counter_add /home/me/src/counter.c:41 [/home/me/counter.so]",
    ]
