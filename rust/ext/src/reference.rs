//! The word counter for Python: extracts the text, decides about the GIL, maps the errors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

use gilcheck_counter::{self as counter, Needle, Rule, controls, letters};
use pyo3::exceptions::{PyOSError, PyTypeError, PyUnicodeEncodeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyMemoryView, PySlice, PyString};

pyo3::import_exception!(pytest_gilcheck.evidence, UsageError);

/// Bytes that do not change while this object holds them.
enum Immutable<'py> {
    /// ASCII text without a copy; other text through the UTF-8 that the interpreter caches.
    Str(Bound<'py, PyString>),
    /// Bytes without a copy; or text with lone surrogates, encoded as if they were characters.
    Bytes(Bound<'py, PyBytes>),
}

impl<'py> Immutable<'py> {
    fn of_str(string: &Bound<'py, PyString>) -> PyResult<Self> {
        let py = string.py();
        match string.to_str() {
            Ok(_) => Ok(Self::Str(string.clone())),
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
                let encoding = (intern!(py, "utf-8"), intern!(py, "surrogatepass"));
                Ok(Self::Bytes(string.call_method1(intern!(py, "encode"), encoding)?.cast_into()?))
            }
            Err(error) => Err(error),
        }
    }

    fn bytes(&self) -> PyResult<&[u8]> {
        match self {
            Self::Str(string) => Ok(string.to_str()?.as_bytes()),
            Self::Bytes(bytes) => Ok(bytes.as_bytes()),
        }
    }
}

/// The text argument.
enum Text<'py> {
    Immutable(Immutable<'py>),
    /// Any other buffer: its owner may write to it at any time.
    View(Bound<'py, PyAny>),
}

impl<'py> Text<'py> {
    /// Returns the text's bytes, and whether it is a `str`.
    fn of(text: &Bound<'py, PyAny>) -> PyResult<(Self, bool)> {
        if let Ok(string) = text.cast::<PyString>() {
            return Ok((Self::Immutable(Immutable::of_str(string)?), true));
        }
        if let Ok(bytes) = text.cast::<PyBytes>() {
            return Ok((Self::Immutable(Immutable::Bytes(bytes.clone())), false));
        }
        let py = text.py();
        let kind = text.get_type().name()?;
        let Ok(view) = PyMemoryView::from(text) else {
            return Err(PyTypeError::new_err(format!(
                "text must be str, bytes or another buffer, got {kind} (for the words of a file: count_file)"
            )));
        };
        if view.getattr(intern!(py, "nbytes"))?.extract::<usize>()? == 0 {
            return Ok((Self::Immutable(Immutable::Bytes(PyBytes::new(py, b""))), false));
        }
        if !view.getattr(intern!(py, "c_contiguous"))?.is_truthy()? {
            return Err(PyTypeError::new_err(format!(
                "text must be a buffer without gaps, got a {kind} with strides: pass bytes(text)"
            )));
        }
        Ok((Self::View(view.call_method1(intern!(py, "cast"), ("B",))?), false))
    }
}

/// How much of a view is copied at a time, so that no thread waits long for the GIL.
const COPY_BYTES: usize = 256 << 10;

/// Reads a view block by block. Each block is copied under the GIL, so nobody changes it while it is counted.
struct ViewReader {
    view: Py<PyAny>,
    at: usize,
}

impl Read for ViewReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let copied = Python::attach(|py| -> PyResult<usize> {
            let end = isize::try_from(self.at + buffer.len().min(COPY_BYTES))?;
            let slice = PySlice::new(py, isize::try_from(self.at)?, end, 1);
            let part = self.view.bind(py).get_item(slice)?.call_method0(intern!(py, "tobytes"))?;
            let bytes = part.cast::<PyBytes>()?.as_bytes();
            buffer[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        })
        .map_err(io::Error::other)?;
        self.at += copied;
        Ok(copied)
    }
}

/// Returns the needle's bytes. `of_str`: whether the text is a `str`, if there is a text.
fn needle_of<'py>(needle: &Bound<'py, PyAny>, of_str: Option<bool>) -> PyResult<Immutable<'py>> {
    let expected = match of_str {
        Some(true) => {
            if let Ok(string) = needle.cast::<PyString>() {
                return Immutable::of_str(string);
            }
            "str, as the text is (needle.decode())"
        }
        Some(false) => {
            if let Ok(bytes) = needle.cast::<PyBytes>() {
                return Ok(Immutable::Bytes(bytes.clone()));
            }
            "bytes, as the text is (needle.encode())"
        }
        None => {
            if let Ok(string) = needle.cast::<PyString>() {
                return Immutable::of_str(string);
            }
            if let Ok(bytes) = needle.cast::<PyBytes>() {
                return Ok(Immutable::Bytes(bytes.clone()));
            }
            "str or bytes"
        }
    };
    let kind = needle.get_type().name()?;
    Err(PyTypeError::new_err(format!("needle must be {expected}, got {kind}: {}", needle.repr()?)))
}

fn prepare<'n>(word: &'n Immutable<'_>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<Needle<'n>> {
    let rule = if ignore_case { Rule::Folded } else { Rule::Exact };
    Needle::new(word.bytes()?, rule).map_err(|error| match needle.repr() {
        Ok(repr) => UsageError::new_err(format!(
            "needle {repr} {error}, so no word can match it: pass one word, without spaces and line ends"
        )),
        Err(unprintable) => unprintable,
    })
}

/// How the words are counted.
#[derive(Clone, Copy)]
enum Mode {
    Parallel,
    Sequential,
    /// In parallel, with the GIL held.
    HoldingGil,
}

fn count_by(mode: Mode, text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    let py = text.py();
    let (text, is_str) = Text::of(text)?;
    let word = needle_of(needle, Some(is_str))?;
    let prepared = prepare(&word, needle, ignore_case)?;
    match text {
        Text::Immutable(fixed) => {
            let bytes = fixed.bytes()?;
            Ok(match mode {
                Mode::Parallel => py.detach(|| counter::count(bytes, &prepared)),
                Mode::Sequential => py.detach(|| counter::count_sequential(bytes, &prepared)),
                Mode::HoldingGil => counter::count(bytes, &prepared),
            })
        }
        Text::View(view) => {
            let mut reader = ViewReader { view: view.unbind(), at: 0 };
            let mut count = || counter::count_stream(&mut reader, &prepared, &mut || true);
            let total = if matches!(mode, Mode::HoldingGil) { count() } else { py.detach(count) };
            Ok(total?)
        }
    }
}

/// Returns how many words of the text match the needle.
///
/// All cores count, without the GIL. ASCII `str` and `bytes` are not copied; other `str` is read through the UTF-8 that the
/// interpreter caches. Of other buffers one core counts block by block, and each block is copied under the GIL.
#[pyfunction]
#[pyo3(signature = (text, needle, *, ignore_case = false))]
fn count(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    count_by(Mode::Parallel, text, needle, ignore_case)
}

/// Returns how many words of the text match the needle. The calling thread counts alone, without the GIL.
#[pyfunction]
#[pyo3(signature = (text, needle, *, ignore_case = false))]
fn count_sequential(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    count_by(Mode::Sequential, text, needle, ignore_case)
}

/// Returns how many words of the text match the needle. Does the same work as `count`, with the GIL held.
#[pyfunction]
#[pyo3(signature = (text, needle, *, ignore_case = false))]
fn count_holding_gil(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    count_by(Mode::HoldingGil, text, needle, ignore_case)
}

/// Returns how many words of the file match the needle. All cores count, without the GIL, in constant memory.
#[pyfunction]
#[pyo3(signature = (path, needle, *, ignore_case = false))]
fn count_file(path: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    let py = path.py();
    let word = needle_of(needle, None)?;
    let prepared = prepare(&word, needle, ignore_case)?;
    let decoded = py.import(intern!(py, "os"))?.call_method1(intern!(py, "fsdecode"), (path,))?;
    let file_name: OsString = decoded.extract()?;
    // Python runs its signal handlers (for Ctrl-C) only where code asks for it.
    let mut interruption = None;
    let counted = py.detach(|| {
        let mut go_on = || {
            #[expect(clippy::redundant_closure_for_method_calls, reason = "the bare method has one lifetime, not any")]
            let result = Python::attach(|py| py.check_signals());
            interruption = result.err();
            interruption.is_none()
        };
        counter::count_file(&File::open(&file_name)?, &prepared, &mut go_on)
    });
    match (counted, interruption) {
        (_, Some(interruption)) => Err(interruption),
        (Ok(total), None) => Ok(total),
        (Err(error), None) => Err(os_error(path, &error)),
    }
}

/// Returns the error that `open(path)` would raise.
fn os_error(path: &Bound<'_, PyAny>, error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(errno) => match path.py().import("os").and_then(|os| os.call_method1("strerror", (errno,))) {
            Ok(message) => PyOSError::new_err((errno, message.unbind(), path.clone().unbind())),
            Err(unexpected) => unexpected,
        },
        None if error.kind() == ErrorKind::InvalidInput => {
            UsageError::new_err(format!("path {path:?} contains a null byte, so no file can have this name: {error}"))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}

/// Returns how many words of the text match. All cores count, however short it is.
///
/// It serves to measure from which length several cores pay.
#[pyfunction]
fn count_parallel(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>) -> PyResult<usize> {
    let (text, is_str) = Text::of(text)?;
    let Text::Immutable(fixed) = text else {
        return Err(PyTypeError::new_err("text must be str or bytes: other buffers cannot be cut into chunks"));
    };
    let word = needle_of(needle, Some(is_str))?;
    let prepared = prepare(&word, needle, false)?;
    let bytes = fixed.bytes()?;
    Ok(needle.py().detach(|| counter::count_parallel(bytes, &prepared)))
}

/// Returns how many words of the text match, counted in chunks of `chunk_bytes` by `n_threads` new threads.
///
/// It serves tests and measurements.
#[pyfunction]
fn count_in_chunks(
    text: &Bound<'_, PyAny>,
    needle: &Bound<'_, PyAny>,
    chunk_bytes: usize,
    n_threads: usize,
    ignore_case: bool,
) -> PyResult<usize> {
    if chunk_bytes == 0 || n_threads == 0 {
        return Err(UsageError::new_err(format!(
            "chunk_bytes and n_threads must be at least 1, got {chunk_bytes} and {n_threads}"
        )));
    }
    let (text, is_str) = Text::of(text)?;
    let Text::Immutable(fixed) = text else {
        return Err(PyTypeError::new_err("text must be str or bytes: other buffers cannot be cut into chunks"));
    };
    let word = needle_of(needle, Some(is_str))?;
    let prepared = prepare(&word, needle, ignore_case)?;
    let bytes = fixed.bytes()?;
    let counted = needle.py().detach(|| counter::count_in_chunks(bytes, &prepared, chunk_bytes, n_threads));
    counted.ok_or_else(|| PyOSError::new_err(format!("the system does not allow {n_threads} threads")))
}

/// Returns whether every byte of the text is ASCII. One core or all load every byte.
///
/// It serves to measure how close the counter comes to the speed of reading.
#[pyfunction]
fn read(text: &Bound<'_, PyAny>, all_cores: bool) -> PyResult<bool> {
    let (Text::Immutable(fixed), _) = Text::of(text)? else {
        return Err(PyTypeError::new_err("text must be str or bytes: other buffers cannot be cut into chunks"));
    };
    let bytes = fixed.bytes()?;
    let read = if all_cores { controls::read_parallel } else { controls::read_sequential };
    Ok(text.py().detach(|| read(bytes)))
}

/// Makes `n_steps` steps of arithmetic for each of `n_chunks` chunks, with one core or all; returns a checksum.
///
/// It serves to measure what the threads themselves cost, and whether the cores are as fast together as alone.
#[pyfunction]
fn spin(py: Python<'_>, n_chunks: usize, n_steps: usize, all_cores: bool) -> u64 {
    let spin = if all_cores { controls::spin_parallel } else { controls::spin_sequential };
    py.detach(|| spin(n_chunks, n_steps))
}

/// Returns the first and the last code point of each range of letters.
#[pyfunction]
fn letter_stretches() -> Vec<(u32, u32)> {
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    for code in ('\0'..=char::MAX).filter(|&c| letters::is_letter(c)).map(u32::from) {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == code => *last = code,
            _ => stretches.push((code, code)),
        }
    }
    stretches
}

/// Returns the characters that folding changes, and what it changes them to.
#[pyfunction]
fn foldings() -> BTreeMap<char, char> {
    ('\0'..=char::MAX).map(|c| (c, letters::fold(c))).filter(|(c, folded)| c != folded).collect()
}

/// Adds the counter to `_native`, under names that begin with `reference_`.
///
/// The functions' own names are `pytest_gilcheck.reference.count` and so on: reports and `pickle` use these.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let home = PyModule::new(m.py(), "pytest_gilcheck.reference")?;
    let functions: [Bound<'_, PyCFunction>; 10] = [
        wrap_pyfunction!(count, &home)?,
        wrap_pyfunction!(count_sequential, &home)?,
        wrap_pyfunction!(count_holding_gil, &home)?,
        wrap_pyfunction!(count_file, &home)?,
        wrap_pyfunction!(count_parallel, &home)?,
        wrap_pyfunction!(count_in_chunks, &home)?,
        wrap_pyfunction!(read, &home)?,
        wrap_pyfunction!(spin, &home)?,
        wrap_pyfunction!(letter_stretches, &home)?,
        wrap_pyfunction!(foldings, &home)?,
    ];
    for function in functions {
        let name: String = function.getattr("__name__")?.extract()?;
        m.add(format!("reference_{name}").as_str(), function)?;
    }
    m.add("REFERENCE_UNICODE_VERSION", letters::UNICODE_VERSION)?;
    m.add("REFERENCE_PARALLEL_FROM", counter::PARALLEL_FROM)
}
