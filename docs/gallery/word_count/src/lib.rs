//! A word counter after the PyO3 guide's chapter on parallelism: what its readers write first.

use pyo3::prelude::*;
use rayon::prelude::*;

/// Words of one line, cut at single spaces, that are the needle.
fn in_line(line: &str, needle: &str) -> usize {
    line.split(' ').filter(|&word| word == needle).count()
}

fn in_lines(text: &str, needle: &str) -> usize {
    text.lines().map(|line| in_line(line, needle)).sum()
}

/// One core, and the GIL held.
#[pyfunction]
fn sequential(text: &str, needle: &str) -> usize {
    in_lines(text, needle)
}

/// One core, and the GIL released.
#[pyfunction]
fn sequential_released(py: Python<'_>, text: &str, needle: &str) -> usize {
    py.detach(|| in_lines(text, needle))
}

/// All cores, and the GIL held: the other cores work, but no other Python thread does.
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
