//! The Python binding of the native crates: extract the arguments, detach, call, map the error.

mod account_reader;
mod attachment;
mod competing;
mod deadline;
mod gil_waiter;
mod ledger;
mod places;
mod reference;
mod sleepers;
mod specimens;

use gilcheck_core::clock;
use pyo3::prelude::*;

/// Returns the monotonic time in nanoseconds.
#[pyfunction]
fn clock_ns() -> u64 {
    clock::now_ns()
}

/// Returns what one reading of the clock costs, and its smallest step, in nanoseconds.
#[pyfunction]
fn clock_quality(py: Python<'_>) -> (u64, u64) {
    let quality = py.detach(clock::quality);
    (quality.price_ns, quality.resolution_ns)
}

/// Returns the processor time of the calling thread in nanoseconds.
#[pyfunction]
fn thread_cpu_ns() -> u64 {
    clock::thread_cpu_ns()
}

/// Returns the processor time of the whole process in nanoseconds.
#[pyfunction]
fn process_cpu_ns() -> u64 {
    clock::process_cpu_ns()
}

// Nothing here needs the GIL for its own safety, so importing this module does not have to enable it in a free-threaded
// interpreter.
#[pymodule(gil_used = false)]
fn _native(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_function(wrap_pyfunction!(clock_ns, m)?)?;
    m.add_function(wrap_pyfunction!(clock_quality, m)?)?;
    m.add_function(wrap_pyfunction!(thread_cpu_ns, m)?)?;
    m.add_function(wrap_pyfunction!(process_cpu_ns, m)?)?;
    account_reader::register(m)?;
    attachment::register(m)?;
    competing::register(m)?;
    ledger::register(m)?;
    gil_waiter::register(m)?;
    places::register(m)?;
    sleepers::register(m)?;
    specimens::register(m)?;
    reference::register(m)?;
    deadline::register(m)
}
