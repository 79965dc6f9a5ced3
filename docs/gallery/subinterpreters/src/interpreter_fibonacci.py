"""Fibonacci numbers in one interpreter, and in several of one process: ``python -m interpreter_fibonacci``."""

import time
from concurrent import interpreters
from concurrent.futures import InterpreterPoolExecutor, ThreadPoolExecutor
from statistics import median


def fib(n):
    """Return the nth Fibonacci number, the slow way."""
    return 1 if n <= 2 else fib(n - 1) + fib(n - 2)


def new_interpreter():
    """Return a new interpreter that has imported this module, so that no call has to."""
    interpreter = interpreters.create()
    interpreter.exec("import interpreter_fibonacci")
    return interpreter


def numbers_through_a_queue(numbers):
    """Return the Fibonacci numbers that another interpreter puts into a queue, in the order in which they come."""
    results = interpreters.create_queue()
    interpreter = new_interpreter()
    try:
        interpreter.prepare_main(numbers=tuple(numbers), results=results)
        interpreter.exec("for n in numbers: results.put(interpreter_fibonacci.fib(n))")
        return [results.get(timeout=60) for _ in numbers]
    finally:
        interpreter.close()


def times_as_fast(executor, n, n_rounds=9):
    """Return how many times as fast two workers return two numbers as one returns them: the median of some rounds."""
    ratios = []
    with executor(1) as one, executor(2) as two:
        for workers in (one, two):
            list(workers.map(fib, [10] * 2))  # starts the workers
        for _ in range(n_rounds):
            seconds = []
            for workers in (one, two):
                begin = time.perf_counter()
                list(workers.map(fib, [n] * 2))
                seconds.append(time.perf_counter() - begin)
            ratios.append(seconds[0] / seconds[1])
    return median(ratios)


def main():
    """Print how much faster two workers of each kind are."""
    for name, executor in {"threads": ThreadPoolExecutor, "interpreters": InterpreterPoolExecutor}.items():
        print(f"2 {name:12} {times_as_fast(executor, 24):.2f} times as fast as one")


if __name__ == "__main__":
    main()
