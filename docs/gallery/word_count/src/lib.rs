//! A word counter as in the PyO3 guide's chapter on parallelism, and as readers of the guide write it first.

use pyo3::prelude::*;
use rayon::prelude::*;

/// Counts the words of one line, cut at single spaces, that equal the needle.
fn in_line(line: &str, needle: &str) -> usize {
    line.split(' ').filter(|&word| word == needle).count()
}

fn in_lines(text: &str, needle: &str) -> usize {
    text.lines().map(|line| in_line(line, needle)).sum()
}

/// Counts on one core and holds the GIL.
#[pyfunction]
fn sequential(text: &str, needle: &str) -> usize {
    in_lines(text, needle)
}

/// Counts on one core and releases the GIL.
#[pyfunction]
fn sequential_released(py: Python<'_>, text: &str, needle: &str) -> usize {
    py.detach(|| in_lines(text, needle))
}

/// Counts on all cores and holds the GIL: all cores work, but no other Python thread runs.
#[pyfunction]
fn parallel(text: &str, needle: &str) -> usize {
    text.par_lines().map(|line| in_line(line, needle)).sum()
}

#[pymodule]
fn _word_count(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(sequential, m)?)?;
    m.add_function(wrap_pyfunction!(sequential_released, m)?)?;
    m.add_function(wrap_pyfunction!(parallel, m)?)
}
