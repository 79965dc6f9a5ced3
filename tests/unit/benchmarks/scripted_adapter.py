"""A stand-in for the library: the case's set-up defines ``answer``, and its call is made."""

import threading


def measure(case, _witness):
    names = {}
    exec(case.setup, names)  # noqa: S102  (the test's own text)
    eval(case.call, names)
    return names["answer"]


def never():
    threading.Event().wait()
