# cython: language_level=3
"""Smooth a row of numbers: three functions that differ in what they do to the GIL."""


# The annotation says that this function *may* be called without the GIL. It releases nothing.
cdef double smooth(double* numbers, Py_ssize_t n, int passes) noexcept nogil:
    cdef Py_ssize_t i
    cdef int turn
    for turn in range(passes):
        for i in range(1, n - 1):
            numbers[i] = (numbers[i - 1] + numbers[i] + numbers[i + 1]) / 3
    return numbers[n // 2]


def middle(double[::1] numbers, int passes=20):
    """Return the middle number after so many passes. Releases the GIL."""
    cdef double[::1] copy = numbers.copy()
    cdef double result
    with nogil:
        result = smooth(&copy[0], copy.shape[0], passes)
    return result


def middle_annotated(double[::1] numbers, int passes=20):
    """Return the same. Its author thinks that `nogil` behind `smooth` is enough. It holds the GIL."""
    cdef double[::1] copy = numbers.copy()
    return smooth(&copy[0], copy.shape[0], passes)


def middle_retaking(double[::1] numbers, int passes=20):
    """Return the same. It releases the GIL, and takes it back for half of the work."""
    cdef double[::1] copy = numbers.copy()
    cdef double result
    with nogil:
        smooth(&copy[0], copy.shape[0], passes // 2)
        with gil:
            result = smooth(&copy[0], copy.shape[0], passes - passes // 2)
    return result
