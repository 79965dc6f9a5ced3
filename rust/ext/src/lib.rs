//! The Python face of the native core: extract, detach, call, map the error.

mod crew;
mod knocker;
mod ledger;
mod places;
mod reference;
mod specimens;
mod watchdog;

use gilcheck_core::clock;
use pyo3::prelude::*;

/// Monotonic nanoseconds.
#[pyfunction]
fn clock_ns() -> u64 {
    clock::now_ns()
}

/// What one reading of the clock costs, and its smallest step, in nanoseconds.
#[pyfunction]
fn clock_quality(py: Python<'_>) -> (u64, u64) {
    let quality = py.detach(clock::quality);
    (quality.price_ns, quality.resolution_ns)
}

/// Processor time of the calling thread.
#[pyfunction]
fn thread_cpu_ns() -> u64 {
    clock::thread_cpu_ns()
}

/// Processor time of the whole process.
#[pyfunction]
fn process_cpu_ns() -> u64 {
    clock::process_cpu_ns()
}

// Nothing here relies on the GIL for its own safety, so that importing this module must not switch it on in a
// free-threaded interpreter.
#[pymodule(gil_used = false)]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_function(wrap_pyfunction!(clock_ns, m)?)?;
    m.add_function(wrap_pyfunction!(clock_quality, m)?)?;
    m.add_function(wrap_pyfunction!(thread_cpu_ns, m)?)?;
    m.add_function(wrap_pyfunction!(process_cpu_ns, m)?)?;
    crew::register(m)?;
    ledger::register(m)?;
    knocker::register(m)?;
    places::register(m)?;
    specimens::register(m)?;
    reference::register(m)?;
    watchdog::register(m)
}
