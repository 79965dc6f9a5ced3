//! A word counter as in the PyO3 guide's chapter on parallelism, and as readers of the guide write it first.

use std::path::PathBuf;
use std::{fs, io};

use pyo3::prelude::*;
use rayon::prelude::*;

/// Counts the words of one line, cut at single spaces, that equal the needle.
fn in_line(line: &str, needle: &str) -> usize {
    line.split(' ').filter(|&word| word == needle).count()
}

fn in_lines(text: &str, needle: &str) -> usize {
    text.lines().map(|line| in_line(line, needle)).sum()
}

fn in_par_lines(text: &str, needle: &str) -> usize {
    text.par_lines().map(|line| in_line(line, needle)).sum()
}

/// Reads a file and counts on all cores, as in the guide: it releases the GIL while it counts.
#[pyfunction]
fn search(py: Python<'_>, path: PathBuf, needle: &str) -> PyResult<usize> {
    let text = fs::read_to_string(path)?;
    Ok(py.detach(|| in_par_lines(&text, needle)))
}

/// The same, but it never releases the GIL.
#[pyfunction]
fn search_kept(path: PathBuf, needle: &str) -> PyResult<usize> {
    let text = fs::read_to_string(path)?;
    Ok(in_par_lines(&text, needle))
}

/// The same, but it releases the GIL while it reads, too.
#[pyfunction]
fn search_detached(py: Python<'_>, path: PathBuf, needle: &str) -> PyResult<usize> {
    let count = py.detach(|| -> io::Result<usize> {
        let text = fs::read_to_string(path)?;
        Ok(in_par_lines(&text, needle))
    })?;
    Ok(count)
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
    in_par_lines(text, needle)
}

#[pymodule]
fn _word_count(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(search, m)?)?;
    m.add_function(wrap_pyfunction!(search_kept, m)?)?;
    m.add_function(wrap_pyfunction!(search_detached, m)?)?;
    m.add_function(wrap_pyfunction!(sequential, m)?)?;
    m.add_function(wrap_pyfunction!(sequential_released, m)?)?;
    m.add_function(wrap_pyfunction!(parallel, m)?)
}
