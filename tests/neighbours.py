"""What runs beside a check while a test makes it."""

import contextlib
import subprocess
import sys
import threading

BUSY = "print(flush=True)\nwhile True: pass"


@contextlib.contextmanager
def thread(step):
    """Repeat `step` in a thread beside the block."""
    stop = threading.Event()

    def repeats():
        while not stop.is_set():
            step()

    beside = threading.Thread(target=repeats)
    beside.start()
    try:
        yield
    finally:
        stop.set()
        beside.join()


@contextlib.contextmanager
def busy_process():
    """Compute in another process."""
    process = subprocess.Popen([sys.executable, "-S", "-c", BUSY], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()
