"""A Rust function and a Python function double the same list at the same time."""

import threading
import time

import gil


def double_list_py(numbers, result, index, seconds=0.1):
    """Sleep, then store the doubled numbers as `result[index]`."""
    time.sleep(seconds)
    result[index] = [number * 2 for number in numbers]


def run(double_list=gil.double_list, seconds=1.0):
    """Run both in threads. Return the two results, and what ended when, in order."""
    result, ends = [None, None], []

    def both(name, function, *arguments):
        function([1, 2, 3], result, *arguments)
        ends.append(name)

    threads = [
        threading.Thread(target=both, args=("Rust", double_list, 0, seconds)),
        threading.Thread(target=both, args=("Python", double_list_py, 1, seconds / 10)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result, ends


if __name__ == "__main__":
    print(*run())
