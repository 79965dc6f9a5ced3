"""What a project that evaluates splines in threads relies on."""

import numpy as np
import pytest
from scipy.interpolate import splev, splrep

KNOTS = np.linspace(0, 10, 1000)
SPLINE = splrep(KNOTS, np.sin(KNOTS))
POINTS = np.random.default_rng(0).random(100_000) * 10


def test_splev(gilcheck):
    verdict = gilcheck.options(overlap=False)(splev, POINTS, SPLINE)

    assert verdict.result == pytest.approx(np.sin(POINTS), abs=1e-6)
