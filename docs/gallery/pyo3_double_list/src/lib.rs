//! Doubles a list, and takes its time: half of it without the GIL, half of it with the GIL.

use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

fn duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Doubles the numbers and stores them as `result[index]`. Each of its two halves takes `seconds`.
#[pyfunction]
#[pyo3(signature = (list, result, index, seconds = 1.0))]
fn double_list(
    py: Python<'_>,
    list: &Bound<'_, PyList>,
    result: &Bound<'_, PyList>,
    index: usize,
    seconds: f64,
) -> PyResult<()> {
    let half = duration(seconds)?;
    let numbers: Vec<i64> = list.extract()?;
    let doubled = py.detach(|| {
        thread::sleep(half);
        let doubled: Vec<i64> = numbers.iter().map(|number| number * 2).collect();
        Python::attach(|_py| {
            // The name sounds harmless. From here on every other Python thread waits.
            thread::sleep(half);
        });
        doubled
    });
    result.set_item(index, doubled)
}

/// The same, but the second half does without the GIL, too.
#[pyfunction]
#[pyo3(signature = (list, result, index, seconds = 1.0))]
fn double_list_detached(
    py: Python<'_>,
    list: &Bound<'_, PyList>,
    result: &Bound<'_, PyList>,
    index: usize,
    seconds: f64,
) -> PyResult<()> {
    let half = duration(seconds)?;
    let numbers: Vec<i64> = list.extract()?;
    let doubled: Vec<i64> = py.detach(|| {
        thread::sleep(half);
        let doubled = numbers.iter().map(|number| number * 2).collect();
        thread::sleep(half);
        doubled
    });
    result.set_item(index, doubled)
}

#[pymodule]
fn gil(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(double_list, m)?)?;
    m.add_function(wrap_pyfunction!(double_list_detached, m)?)
}
