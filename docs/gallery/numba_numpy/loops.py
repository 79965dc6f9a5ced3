"""The same loop, compiled by Numba in two ways."""

import numba


def _distance(points):
    """Return the mean distance of two points on a line."""
    total = 0.0
    for a in points:
        for b in points:
            total += abs(a - b)
    return total / points.size**2


#: Compiled code that needs no Python object. Numba holds the GIL all the same, unless it is told to release it.
distance_holding = numba.njit("float64(float64[::1])")(_distance)

#: One word more.
distance = numba.njit("float64(float64[::1])", nogil=True)(_distance)
