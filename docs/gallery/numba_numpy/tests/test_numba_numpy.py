"""What Numba's functions and NumPy's do to the GIL."""

import operator

import pytest

np = pytest.importorskip("numpy", reason="install numpy")

NUMBERS = np.random.default_rng(1).random(1_000_000)
OBJECTS = NUMBERS[:100_000].astype(object)


@pytest.fixture(scope="module")
def loops():
    pytest.importorskip("numba", reason="install numba")
    import loops

    return loops


def test_numba_with_nogil_releases_the_gil(gilcheck, loops):
    verdict = gilcheck(loops.distance, NUMBERS[:4_000])

    assert verdict.released
    assert verdict.result == loops.distance_holding(NUMBERS[:4_000])


def test_numba_without_nogil_holds_the_gil(gilcheck, loops):
    assert gilcheck(loops.distance_holding, NUMBERS[:4_000]).held


@pytest.mark.parametrize(
    ("function", "arguments", "word"),
    [
        pytest.param(np.sin, (NUMBERS,), "released", id="ufunc"),
        pytest.param(np.sort, (NUMBERS,), "released", id="sort"),
        pytest.param(np.cumsum, (NUMBERS,), "released", id="cumsum"),
        pytest.param(np.add, (OBJECTS, OBJECTS), "held", id="ufunc of objects"),
        pytest.param(np.sort, (OBJECTS,), "held", id="sort of objects"),
        pytest.param(operator.methodcaller("tolist"), (NUMBERS,), "held", id="tolist"),
        pytest.param(np.sin, (NUMBERS[:400],), "held", id="ufunc of 400 numbers"),
    ],
)
def test_numpy(gilcheck, function, arguments, word):
    verdict = gilcheck.options(overlap=False)(function, *arguments)

    assert verdict.gil == word


@pytest.mark.gilcheck(releases=0.9)
def test_sorting_leaves_nine_tenths_of_the_time_to_others():
    np.sort(NUMBERS)
