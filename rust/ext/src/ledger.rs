//! Opening the ledger and taking spans.

use gilcheck_core::clock::{self, RunDelay};
use gilcheck_core::interpreter::{current_thread, instrument, stacks};
use gilcheck_core::ledger::{Kind, SpanError, SpanStart};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

create_exception!(
    _native,
    LedgerUnavailable,
    PyException,
    "Why is there no exact record here? `args` are the stable slug and one sentence."
);

/// Opens the ledger, or counts one more user: address of the GIL, distance of its mutex, and whether hand-overs on
/// request are told apart by their way.
#[pyfunction]
fn open_ledger(switch_interval_us: usize) -> PyResult<(usize, usize, bool)> {
    let layout = instrument()
        .open(switch_interval_us)
        .map_err(|reason| LedgerUnavailable::new_err((reason.slug(), reason.to_string())))?;
    Ok((layout.gil, layout.mutex_offset, layout.knows_giveway))
}

/// One user less; the last one takes the hooks out. False: somebody hooked on top of ours, which stay in and do nothing.
#[pyfunction]
fn close_ledger() -> bool {
    instrument().close()
}

/// Is the ledger recording?
#[pyfunction]
fn ledger_is_recording() -> bool {
    instrument().recorder().is_recording()
}

/// For how long has the calling thread held the GIL since recording began? None while nothing is recorded.
#[pyfunction]
fn held_total_ns() -> Option<u64> {
    let recorder = instrument().recorder();
    if !recorder.is_recording() {
        return None;
    }
    recorder.accounts().find(current_thread()).map(|account| account.held_ns_at(clock::now_ns()))
}

/// Where the time of one span went; see `pytest_gilcheck.evidence.CallSpan`.
#[pyclass(frozen, get_all, module = "pytest_gilcheck._native")]
struct Span {
    start_ns: u64,
    end_ns: u64,
    thread: usize,
    cpu_ns: u64,
    process_cpu_ns: u64,
    delay_ns: Option<u64>,
    /// False: the figures of the GIL are zero and mean nothing.
    recorded: bool,
    /// Why not, although a ledger was open: slug and sentence.
    refused: Option<(&'static str, &'static str)>,
    held_ns: u64,
    waiting_ns: u64,
    instrument_ns: u64,
    held_delay_ns: Option<u64>,
    free_delay_ns: Option<u64>,
    longest_hold_ns: u64,
    n_releases_by_function: u64,
    n_releases_by_interpreter: u64,
    n_dropped: u64,
    /// (nanoseconds since the start, kind, thread).
    events: Vec<(u64, &'static str, usize)>,
}

/// A span that has begun.
struct Begun {
    recorded: Result<SpanStart, SpanError>,
    delay: Option<RunDelay>,
    delay_ns: Option<u64>,
    cpu_ns: u64,
    process_cpu_ns: u64,
    start_ns: u64,
}

/// Stable slug and one sentence.
fn refusal(error: SpanError) -> (&'static str, &'static str) {
    match error {
        SpanError::NotRecording => ("ledger-not-open", "the ledger was closed meanwhile"),
        SpanError::TooManyThreads => ("ledger-too-many-threads", "more threads than the ledger can follow (1024)"),
        SpanError::TooDeep => {
            ("ledger-too-deep", "spans of this thread are nested deeper than 8: measure fewer inside of each other")
        }
        SpanError::Inconsistent => ("ledger-inconsistent", "the record contradicts that this thread holds the GIL"),
    }
}

impl Begun {
    /// With `fine`, time off the processor is told apart by state, at the price of a system call a hand-over.
    fn now(fine: bool) -> Self {
        let delay = RunDelay::of_this_thread();
        let process_cpu_ns = clock::process_cpu_ns();
        let cpu_ns = clock::thread_cpu_ns();
        // Last: a kernel that preempts lazily does so on the way out of a system call (beside two busy processes in one
        // of ten); whatever of that came before the span has now come.
        let delay_ns = delay.as_ref().and_then(RunDelay::read_ns);
        let recorder = instrument().recorder();
        let mut begun =
            Self { recorded: Err(SpanError::NotRecording), delay, delay_ns, cpu_ns, process_cpu_ns, start_ns: 0 };
        let told_apart = match (fine, &begun.delay, delay_ns) {
            (true, Some(delay), Some(ns)) => Some((delay.fd(), ns)),
            _ => None,
        };
        begun.recorded = recorder.begin(current_thread(), told_apart);
        begun.start_ns = begun.recorded.as_ref().map_or_else(|_| clock::now_ns(), SpanStart::start_ns);
        begun
    }

    /// A span that cannot be recorded still has its stamps: the call has run, and its result is not lost.
    fn end(self, end_ns: u64, max_events: usize) -> Span {
        // First, as a thread that is due to be preempted is so on the way out of a system call: read after another one,
        // milliseconds off the processor that came after the span counted as its.
        let final_delay_ns = self.delay.as_ref().and_then(RunDelay::read_ns);
        let cpu_ns = clock::thread_cpu_ns() - self.cpu_ns;
        let process_cpu_ns = clock::process_cpu_ns() - self.process_cpu_ns;
        let figures =
            self.recorded.and_then(|start| instrument().recorder().end(&start, end_ns, final_delay_ns, max_events));
        let refused = match &figures {
            Ok(_) | Err(SpanError::NotRecording) => None,
            Err(error) => Some(refusal(*error)),
        };
        let recorded = figures.is_ok();
        let figures = figures.unwrap_or_default();
        Span {
            start_ns: self.start_ns,
            end_ns,
            thread: current_thread(),
            cpu_ns,
            process_cpu_ns,
            delay_ns: final_delay_ns.zip(self.delay_ns).map(|(end, start)| end.saturating_sub(start)),
            recorded,
            refused,
            held_ns: figures.held_ns,
            waiting_ns: figures.waiting_ns,
            instrument_ns: figures.instrument_ns,
            held_delay_ns: figures.held_delay_ns,
            free_delay_ns: figures.free_delay_ns,
            longest_hold_ns: figures.longest_hold_ns,
            n_releases_by_function: figures.n_voluntary,
            n_releases_by_interpreter: figures.n_on_request,
            n_dropped: figures.n_dropped,
            events: figures
                .events
                .iter()
                .map(|event| (event.at_ns - self.start_ns, name_of(event.kind), event.thread))
                .collect(),
        }
    }
}

pub fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Take => "take",
        Kind::Drop => "release",
        Kind::DropOnRequest => "release_by_interpreter",
        Kind::Wait => "wait",
    }
}

/// Calls `function` once and stamps the span around the call itself: it ends before the result is disposed of.
///
/// An exception of the call is raised as it is.
#[pyfunction]
#[pyo3(signature = (function, args, kwargs, fine, max_events))]
fn call<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    fine: bool,
    max_events: usize,
) -> PyResult<(Bound<'py, PyAny>, Span)> {
    let (thread, in_this_frame) = (current_thread(), 0u8);
    let begun = Begun::now(fine);
    // Costs a comparison where no diagnosing pass runs; in one, stacks are kept from here on, down to this frame.
    stacks::bound(thread, Some(&raw const in_this_frame as usize));
    // Not `Bound::call`: a frame of its own would lie within the boundary, and pass for one of the callee's.
    // SAFETY: the GIL is held, the pointers are of live objects of the types that are asked for (no keywords: null), and the
    // result is a new reference, or null with an exception set.
    let result = unsafe {
        let kwargs = kwargs.map_or(std::ptr::null_mut(), Bound::as_ptr);
        Bound::from_owned_ptr_or_err(py, ffi::PyObject_Call(function.as_ptr(), args.as_ptr(), kwargs))
    };
    let end_ns = clock::now_ns();
    stacks::bound(thread, None);
    let span = begun.end(end_ns, max_events);
    Ok((result?, span))
}

/// A block being measured; see `call` for calls.
#[pyclass(module = "pytest_gilcheck._native", unsendable)]
struct OpenSpan {
    begun: Option<Begun>,
}

#[pymethods]
impl OpenSpan {
    /// Begins a span in the calling thread.
    #[new]
    fn new() -> Self {
        Self { begun: Some(Begun::now(false)) }
    }

    /// Ends it, in the same thread, innermost span first.
    fn end(&mut self, max_events: usize) -> PyResult<Span> {
        let end_ns = clock::now_ns();
        let begun = self.begun.take().ok_or_else(|| PyRuntimeError::new_err("this span has ended already"))?;
        Ok(begun.end(end_ns, max_events))
    }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("LedgerUnavailable", m.py().get_type::<LedgerUnavailable>())?;
    m.add_class::<Span>()?;
    m.add_class::<OpenSpan>()?;
    m.add_function(wrap_pyfunction!(open_ledger, m)?)?;
    m.add_function(wrap_pyfunction!(close_ledger, m)?)?;
    m.add_function(wrap_pyfunction!(ledger_is_recording, m)?)?;
    m.add_function(wrap_pyfunction!(held_total_ns, m)?)?;
    m.add_function(wrap_pyfunction!(call, m)?)
}
