//! The diagnosing pass: which lines release and take the GIL.

use gilcheck_core::cpython::stacks::{self, StackRecord};
use gilcheck_core::places::{Frame, Resolver};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::ledger::kind_name;

/// (file, line, function, library), each None if it is not known.
pub type PlaceTuple = (Option<String>, Option<u32>, Option<String>, Option<String>);
/// (monotonic nanoseconds, kind, nanoseconds that the recording took, frames from the innermost on).
type StackTuple = (u64, &'static str, u64, Vec<PlaceTuple>);

pub fn to_tuple(frame: &Frame) -> PlaceTuple {
    (frame.file.clone(), frame.line, frame.function.clone(), frame.library.clone())
}

/// Begins to record the native stacks of releases and takes in the calls that `thread`, an identifier, measures.
///
/// Raises `RuntimeError` if another pass is running.
#[pyfunction]
fn keep_stacks(thread: usize) -> PyResult<()> {
    if stacks::begin_pass(thread) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err("another diagnosing pass is running in this process"))
}

/// Ends the pass; returns the recorded stacks with their source lines, and the number of those that did not fit.
#[pyfunction]
fn kept_stacks(py: Python<'_>) -> (Vec<StackTuple>, usize) {
    let (records, n_dropped) = stacks::end_pass();
    let resolved = py.detach(|| {
        let mut resolver = Resolver::new();
        records.iter().map(|record| resolve(record, &mut resolver)).collect()
    });
    (resolved, n_dropped)
}

fn resolve(record: &StackRecord, resolver: &mut Resolver) -> StackTuple {
    let frames = record.addresses.iter().flat_map(|address| resolver.frames_at(*address).to_vec());
    (record.at_ns, kind_name(record.kind), record.instrument_ns, frames.map(|frame| to_tuple(&frame)).collect())
}

/// Returns the place of the native code that a call of `function` runs; None if it is not a builtin function or method.
#[pyfunction]
fn place_of(py: Python<'_>, function: &Bound<'_, PyAny>) -> Option<PlaceTuple> {
    // SAFETY: the thread is attached and `function` is alive. PyCFunction_GetFunction requires a builtin function, and
    // PyCFunction_Check has just said that it is one.
    let entry = unsafe {
        if ffi::PyCFunction_Check(function.as_ptr()) == 0 {
            return None;
        }
        ffi::PyCFunction_GetFunction(function.as_ptr())
    }? as *const () as usize;
    Some(py.detach(|| to_tuple(&Resolver::new().function_at(entry))))
}

/// Returns the place of the native code that begins at an address, such as that of a foreign function.
#[pyfunction]
fn place_at(py: Python<'_>, address: usize) -> PlaceTuple {
    py.detach(|| to_tuple(&Resolver::new().function_at(address)))
}

/// Returns the files of this library and of the one that has the interpreter's GIL.
#[pyfunction]
fn libraries() -> (Option<String>, Option<String>) {
    let ours = place_of as *const () as usize;
    let path = |address| Resolver::new().function_at(address).library;
    (path(ours), path(ffi::PyEval_SaveThread as *const () as usize))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(keep_stacks, m)?)?;
    m.add_function(wrap_pyfunction!(kept_stacks, m)?)?;
    m.add_function(wrap_pyfunction!(place_of, m)?)?;
    m.add_function(wrap_pyfunction!(place_at, m)?)?;
    m.add_function(wrap_pyfunction!(libraries, m)?)
}
