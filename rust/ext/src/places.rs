//! The diagnosing pass: which lines let go of the GIL and take it back?

use gilcheck_core::interpreter::stacks::{self, Kept};
use gilcheck_core::places::{Frame, Resolver};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::ledger::name_of;

/// (file, line, function, library), each None where it is not known.
type PlaceTuple = (Option<String>, Option<u32>, Option<String>, Option<String>);
/// (monotonic nanoseconds, kind, nanoseconds spent on keeping it, frames from the innermost on).
type HandOverTuple = (u64, &'static str, u64, Vec<PlaceTuple>);

fn tuple(frame: &Frame) -> PlaceTuple {
    (frame.file.clone(), frame.line, frame.function.clone(), frame.library.clone())
}

/// Keeps the native stacks of the hand-overs of the calls that thread `thread` (its ident) measures from now on.
///
/// Raises `RuntimeError` where another pass is under way.
#[pyfunction]
fn keep_stacks(thread: usize) -> PyResult<()> {
    if stacks::begin(thread) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err("another diagnosing pass is under way in this process"))
}

/// Ends the pass: every hand-over kept, resolved, and how many did not fit.
#[pyfunction]
fn kept_stacks(py: Python<'_>) -> (Vec<HandOverTuple>, usize) {
    let (kept, n_dropped) = stacks::end();
    let resolved = py.detach(|| {
        let mut resolver = Resolver::new();
        kept.iter().map(|event| resolve(event, &mut resolver)).collect()
    });
    (resolved, n_dropped)
}

fn resolve(event: &Kept, resolver: &mut Resolver) -> HandOverTuple {
    let frames = event.addresses.iter().flat_map(|address| resolver.frames_at(*address).to_vec());
    (event.at_ns, name_of(event.kind), event.instrument_ns, frames.map(|frame| tuple(&frame)).collect())
}

/// Where is the native code that a call of `function` runs? None where it is not a builtin function or method.
#[pyfunction]
fn place_of(py: Python<'_>, function: &Bound<'_, PyAny>) -> Option<PlaceTuple> {
    // SAFETY: the GIL is held and `function` alive; the second call is made for builtin functions only.
    let entry = unsafe {
        if ffi::PyCFunction_Check(function.as_ptr()) == 0 {
            return None;
        }
        ffi::PyCFunction_GetFunction(function.as_ptr())
    }? as *const () as usize;
    Some(py.detach(|| tuple(&Resolver::new().function_at(entry))))
}

/// The files of this library and of the one that holds the interpreter's GIL.
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
    m.add_function(wrap_pyfunction!(libraries, m)?)
}
