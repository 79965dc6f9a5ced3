"""Each tool of multiprocessing in one function: what the parent asks of its children, and what came of it."""

import subprocess
import sys
import time
from pathlib import Path

from fibonacci import SPAWN


def _print_lines(lock, path, name):
    for _ in range(20):
        with lock, Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name} ")
            file.flush()
            time.sleep(0.0005)
            file.write("wrote this\n")


def lines_written_under_a_lock(path):
    """Let three processes write to one file, and return its lines. The lock keeps each line whole."""
    lock = SPAWN.Lock()
    _run(_print_lines, [(lock, path, f"process {i}") for i in range(3)])
    return Path(path).read_text(encoding="utf-8").splitlines()


def _enter(semaphore, inside, most):
    with semaphore:
        with inside.get_lock():
            inside.value += 1
            most.value = max(most.value, inside.value)
        time.sleep(0.05)
        with inside.get_lock():
            inside.value -= 1


def most_processes_inside(n_workers, n_places):
    """Let these workers pass a semaphore with so many places, and return how many were inside at the same time at most."""
    semaphore, inside, most = SPAWN.Semaphore(n_places), SPAWN.Value("i", 0), SPAWN.Value("i", 0)
    _run(_enter, [(semaphore, inside, most)] * n_workers)
    return most.value


def _wait_for(event, queue):
    event.wait()
    queue.put(event.is_set())


def waiters_that_saw_the_event(n_waiters):
    """Let these processes wait for an event, set it, and return how many of them saw it."""
    event, queue = SPAWN.Event(), SPAWN.Queue()
    processes = [SPAWN.Process(target=_wait_for, args=(event, queue)) for _ in range(n_waiters)]
    for process in processes:
        process.start()
    event.set()
    seen = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return sum(seen)


def _send(queue):
    queue.put([42, None, "hello"])


def message_from_a_child():
    """Return what a child process puts into a queue."""
    queue = SPAWN.Queue()
    process = SPAWN.Process(target=_send, args=(queue,))
    process.start()
    message = queue.get(timeout=60)
    process.join()
    return message


def lines_of_children(n_children):
    """Start so many programs at once, and return what each prints."""
    code = "import sys, time; print('begin', sys.argv[1]); time.sleep(0.05); print('end', sys.argv[1])"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(n_children)
    ]
    return [child.communicate()[0].splitlines() for child in children]


def _run(function, arguments):
    processes = [SPAWN.Process(target=function, args=some) for some in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
