//! The word counter for Python: what the text is, how long the GIL is kept, which error to raise.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;

use gilcheck_core::counter::{self, Needle, Rule, controls, letters};
use pyo3::exceptions::{PyOSError, PyTypeError, PyUnicodeEncodeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyMemoryView, PySlice, PyString};

pyo3::import_exception!(pytest_gilcheck.evidence, UsageError);

/// Bytes that never change while somebody holds them.
enum Fixed<'py> {
    /// ASCII text as it lies in the interpreter; other text as the interpreter's own, cached UTF-8.
    Str(Bound<'py, PyString>),
    /// Bytes as they lie in the interpreter; or text with lone surrogates, encoded like any other characters.
    Bytes(Bound<'py, PyBytes>),
}

impl<'py> Fixed<'py> {
    fn of_str(string: &Bound<'py, PyString>) -> PyResult<Self> {
        let py = string.py();
        match string.to_str() {
            Ok(_) => Ok(Self::Str(string.clone())),
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
                let how = (intern!(py, "utf-8"), intern!(py, "surrogatepass"));
                Ok(Self::Bytes(string.call_method1(intern!(py, "encode"), how)?.cast_into()?))
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

/// The text of a call.
enum Text<'py> {
    Fixed(Fixed<'py>),
    /// Any other buffer: whoever owns it may write to it at any time.
    View(Bound<'py, PyAny>),
}

impl<'py> Text<'py> {
    /// Which bytes are meant, and are they those of a `str`?
    fn of(text: &Bound<'py, PyAny>) -> PyResult<(Self, bool)> {
        if let Ok(string) = text.cast::<PyString>() {
            return Ok((Self::Fixed(Fixed::of_str(string)?), true));
        }
        if let Ok(bytes) = text.cast::<PyBytes>() {
            return Ok((Self::Fixed(Fixed::Bytes(bytes.clone())), false));
        }
        let py = text.py();
        let kind = text.get_type().name()?;
        let Ok(view) = PyMemoryView::from(text) else {
            return Err(PyTypeError::new_err(format!(
                "text must be str, bytes or another buffer, got {kind} (for the words of a file: count_file)"
            )));
        };
        if view.getattr(intern!(py, "nbytes"))?.extract::<usize>()? == 0 {
            return Ok((Self::Fixed(Fixed::Bytes(PyBytes::new(py, b""))), false));
        }
        if !view.getattr(intern!(py, "c_contiguous"))?.is_truthy()? {
            return Err(PyTypeError::new_err(format!(
                "text must be a buffer without gaps, got a {kind} with strides: pass bytes(text)"
            )));
        }
        Ok((Self::View(view.call_method1(intern!(py, "cast"), ("B",))?), false))
    }
}

/// How much of a view is copied at a time: nobody waits long for the GIL meanwhile.
const COPY_BYTES: usize = 256 << 10;

/// Reads a view block by block. Each block is copied under the GIL, so that nobody changes it while it is counted.
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

/// Which word is looked for? `of_str`: the text's kind, where there is a text.
fn needle_of<'py>(needle: &Bound<'py, PyAny>, of_str: Option<bool>) -> PyResult<Fixed<'py>> {
    let remedy = match of_str {
        Some(true) => {
            if let Ok(string) = needle.cast::<PyString>() {
                return Fixed::of_str(string);
            }
            "str, as the text is (needle.decode())"
        }
        Some(false) => {
            if let Ok(bytes) = needle.cast::<PyBytes>() {
                return Ok(Fixed::Bytes(bytes.clone()));
            }
            "bytes, as the text is (needle.encode())"
        }
        None => {
            if let Ok(string) = needle.cast::<PyString>() {
                return Fixed::of_str(string);
            }
            if let Ok(bytes) = needle.cast::<PyBytes>() {
                return Ok(Fixed::Bytes(bytes.clone()));
            }
            "str or bytes"
        }
    };
    let kind = needle.get_type().name()?;
    Err(PyTypeError::new_err(format!("needle must be {remedy}, got {kind}: {}", needle.repr()?)))
}

fn prepare<'n>(word: &'n Fixed<'_>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<Needle<'n>> {
    let rule = if ignore_case { Rule::Folded } else { Rule::Exact };
    Needle::new(word.bytes()?, rule).map_err(|error| match needle.repr() {
        Ok(repr) => UsageError::new_err(format!(
            "needle {repr} {error}, which no word is or has: pass one word, without spaces and line ends"
        )),
        Err(unprintable) => unprintable,
    })
}

/// How is it counted, and is the GIL kept meanwhile?
#[derive(Clone, Copy)]
enum Way {
    Parallel,
    Sequential,
    Holding,
}

fn count_by(way: Way, text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    let py = text.py();
    let (text, is_str) = Text::of(text)?;
    let word = needle_of(needle, Some(is_str))?;
    let prepared = prepare(&word, needle, ignore_case)?;
    match text {
        Text::Fixed(fixed) => {
            let bytes = fixed.bytes()?;
            Ok(match way {
                Way::Parallel => py.detach(|| counter::count(bytes, &prepared)),
                Way::Sequential => py.detach(|| counter::count_sequential(bytes, &prepared)),
                Way::Holding => counter::count(bytes, &prepared),
            })
        }
        Text::View(view) => {
            let mut reader = ViewReader { view: view.unbind(), at: 0 };
            let mut count = || counter::count_stream(&mut reader, &prepared, &mut || true);
            let total = if matches!(way, Way::Holding) { count() } else { py.detach(count) };
            Ok(total?)
        }
    }
}

/// How many words of the text match the needle?
///
/// Counted by all cores, without the GIL. ASCII `str` and `bytes` are not copied, other `str` through its UTF-8 as the
/// interpreter caches it; other buffers block by block, each copied under the GIL, by one core.
#[pyfunction]
#[pyo3(signature = (text, needle, *, ignore_case = false))]
fn count(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    count_by(Way::Parallel, text, needle, ignore_case)
}

/// How many words of the text match the needle? Counted by the calling thread alone, without the GIL.
#[pyfunction]
#[pyo3(signature = (text, needle, *, ignore_case = false))]
fn count_sequential(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    count_by(Way::Sequential, text, needle, ignore_case)
}

/// How many words of the text match the needle? The same work as `count`, with the GIL kept from beginning to end.
#[pyfunction]
#[pyo3(signature = (text, needle, *, ignore_case = false))]
fn count_holding_gil(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    count_by(Way::Holding, text, needle, ignore_case)
}

/// How many words of the file match the needle? Without the GIL, in constant memory, by all cores.
#[pyfunction]
#[pyo3(signature = (path, needle, *, ignore_case = false))]
fn count_file(path: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>, ignore_case: bool) -> PyResult<usize> {
    let py = path.py();
    let word = needle_of(needle, None)?;
    let prepared = prepare(&word, needle, ignore_case)?;
    let encoded = py.import(intern!(py, "os"))?.call_method1(intern!(py, "fsencode"), (path,))?;
    let place = OsString::from_vec(encoded.cast::<PyBytes>()?.as_bytes().to_vec());
    // Ctrl-C is heard here: Python runs its signal handlers only where somebody asks.
    let mut interruption = None;
    let counted = py.detach(|| {
        let mut go_on = || {
            #[expect(clippy::redundant_closure_for_method_calls, reason = "the bare method has one lifetime, not any")]
            let heard = Python::attach(|py| py.check_signals());
            interruption = heard.err();
            interruption.is_none()
        };
        counter::count_file(&File::open(&place)?, &prepared, &mut go_on)
    });
    match (counted, interruption) {
        (_, Some(interruption)) => Err(interruption),
        (Ok(total), None) => Ok(total),
        (Err(error), None) => Err(os_error(path, &error)),
    }
}

/// The error that `open(path)` would raise.
fn os_error(path: &Bound<'_, PyAny>, error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(errno) => match path.py().import("os").and_then(|os| os.call_method1("strerror", (errno,))) {
            Ok(message) => PyOSError::new_err((errno, message.unbind(), path.clone().unbind())),
            Err(unexpected) => unexpected,
        },
        None if error.kind() == ErrorKind::InvalidInput => {
            UsageError::new_err(format!("path {path:?} has a null byte in it, and no file's name has: {error}"))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}

/// How many words of the text match, counted by all cores however short it is? The same number as `count`: for
/// measuring from which length that pays.
#[pyfunction]
fn count_parallel(text: &Bound<'_, PyAny>, needle: &Bound<'_, PyAny>) -> PyResult<usize> {
    let (text, is_str) = Text::of(text)?;
    let Text::Fixed(fixed) = text else {
        return Err(PyTypeError::new_err("text must be str or bytes: no other buffer is cut into chunks"));
    };
    let word = needle_of(needle, Some(is_str))?;
    let prepared = prepare(&word, needle, false)?;
    let bytes = fixed.bytes()?;
    Ok(needle.py().detach(|| counter::count_parallel(bytes, &prepared)))
}

/// How many words match if the text is cut after every `chunk_bytes` and counted by `n_threads` threads of their own?
/// The same number as `count`: for tests and measurements.
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
    let Text::Fixed(fixed) = text else {
        return Err(PyTypeError::new_err("text must be str or bytes: no other buffer is cut into chunks"));
    };
    let word = needle_of(needle, Some(is_str))?;
    let prepared = prepare(&word, needle, ignore_case)?;
    let bytes = fixed.bytes()?;
    let counted = needle.py().detach(|| counter::count_in_chunks(bytes, &prepared, chunk_bytes, n_threads));
    counted.ok_or_else(|| PyOSError::new_err(format!("the system does not grant {n_threads} threads")))
}

/// Is every byte of the text ASCII? Loads each, by one core or by all: as fast as the text can be read, for measuring
/// how near the counter comes to that.
#[pyfunction]
fn read(text: &Bound<'_, PyAny>, all_cores: bool) -> PyResult<bool> {
    let (Text::Fixed(fixed), _) = Text::of(text)? else {
        return Err(PyTypeError::new_err("text must be str or bytes: no other buffer is cut into chunks"));
    };
    let bytes = fixed.bytes()?;
    let read = if all_cores { controls::read_parallel } else { controls::read_sequential };
    Ok(text.py().detach(|| read(bytes)))
}

/// Turns a wheel so often for each of so many chunks, by one core or by all, as chunks of a text are counted: for
/// measuring what the threads themselves cost, and whether the cores are as fast together as alone.
#[pyfunction]
fn spin(py: Python<'_>, n_chunks: usize, n_turns: usize, all_cores: bool) -> u64 {
    let turn = if all_cores { controls::spin_parallel } else { controls::spin_sequential };
    py.detach(|| turn(n_chunks, n_turns))
}

/// Which code points are letters to the counter? First and last of each stretch.
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

/// Which characters does the counter fold, and to which?
#[pyfunction]
fn foldings() -> BTreeMap<char, char> {
    ('\0'..=char::MAX).map(|c| (c, letters::fold(c))).filter(|(c, folded)| c != folded).collect()
}

/// Adds the counter to `_native`, under names that begin with `reference_`.
///
/// The functions themselves say that they are `pytest_gilcheck.reference.count` and so on: under that name they are
/// reported, and pickled.
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
