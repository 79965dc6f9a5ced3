"""Names of functions and checks, as lines show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gilcheck.report.names import LONGEST_FUNCTION, cut, cut_name, folded, short_function

_MAP = "std::map<std::string, std::vector<double, std::allocator<double> >, std::less<std::string> > const&"
LAMBDA = (
    f"double pybind11::detail::function_ref<double ({_MAP}, long)>::callback_fn<pybind11_init_pb(pybind11::module_&)::"
    f"{{lambda({_MAP}, long)#2}}>(long, {_MAP}, long)"
)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (LAMBDA, "pybind11_init_pb::{lambda}"),
        ("f()::{lambda(int)#1}::operator()(int) const::{lambda(long)#2}", "f::{lambda}"),
        ("double a::f<std::map<int, int> >(int) const", "a::f"),
        ("(anonymous namespace)::work(long)", "{anonymous}::work"),
        ("a::B::operator()(int) const", "a::B::operator()"),
        ("std::ostream& operator<< <char>(std::ostream&, char)", "operator<<"),
        ("operator()", "operator()"),
        ("work.constprop.0", "work"),
        ("_ZN4demo4work17h0123456789abcdefE", "_ZN4demo4work17h0123456789abcdefE"),
        ("demo::work::h0123456789abcdef", "demo::work"),
        ("demo::partial::{{closure}}", "demo::partial::{{closure}}"),
        ("<demo::Counter as core::iter::Iterator>::next", "demo::Counter::next"),
        ("__pyx_pw_3cyx_3partial", "cyx.partial"),
        ("__pyx_pw_3cyx_5Klass_3method", "cyx.Klass.method"),
        (
            "__pyx_pw_7pyarrow_3lib_12ChunkedArray_33to_numpy(_object*, long, _object*)",
            "pyarrow.lib.ChunkedArray.to_numpy",
        ),
        ("pyarrow.lib._ndarray_to_array(_object*, _object*) [clone ", "pyarrow.lib._ndarray_to_array"),
        ("f(int) [clone .isra.0] [clone .cold]", "f"),
        ("__pyx_f_3cyx_work", "cyx.work"),
        ("pb.pybind11_detail_function_record_v1_system_libstdcpp_gxx_abi_1xxx_use_cxx11_abi_1.held", "pb.held"),
        ("JSONDecoder.raw_decode", "JSONDecoder.raw_decode"),
        ("<module>", "<module>"),
        ("f.<locals>.<lambda>", "f.<locals>.<lambda>"),
    ],
)
def test_a_function_has_a_short_name(symbol, name):
    """What signature and templates add can be 300 characters."""
    assert short_function(symbol) == name


@given(st.text(min_size=1))
def test_any_symbol_has_a_name_that_fits_a_line(symbol):
    """Whatever a demangler writes."""
    assert len(short_function(symbol)) <= LONGEST_FUNCTION


@given(st.text(), st.integers(1, 90))
def test_a_cut_text_keeps_to_its_width(text, width):
    """And is whole where it fits."""
    assert len(cut(text, width)) <= width
    assert cut(text, width) == text or len(text) > width


@given(st.text(min_size=1), st.integers(1, 40))
def test_a_folded_name_loses_nothing(name, width):
    """And no line of it is too long."""
    lines = folded(name, width)

    assert "".join(lines) == name
    assert max(map(len, lines)) <= width


def test_a_name_breaks_between_its_words():
    """Never inside of one that fits a line."""
    assert folded("test_zlib_releases_the_gil", 12) == ["test_zlib_", "releases_", "the_gil"]


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [
        ("pytest_gilcheck.specimens.holds", 40, "pytest_gilcheck.specimens.holds"),
        ("pytest_gilcheck.specimens.releases_then_holds", 34, "…specimens.releases_then_holds"),
        ("pytest_gilcheck.specimens.releases_then_holds", 24, "…releases_then_holds"),
        ("package.releases_then_holds", 12, "…relea…holds"),
        ("text.search('needle', 12345)", 20, "text.searc…', 12345)"),
    ],
)
def test_name_of_a_check_loses_its_modules_before_its_own_letters(name, width, short):
    """``pytest_gilcheck.s…leases_then_holds`` named nothing."""
    assert cut_name(name, width) == short
