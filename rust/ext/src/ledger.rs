//! Opens the ledger and measures spans.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::deadline::CallClock;
use gilcheck_core::clock::{self, ProcessorAccount};
use gilcheck_core::cpython::{current_thread, instrument, stacks, thread_exit};
use gilcheck_core::ledger::{Detail, EventKind, Followed, OtherThread, SpanError, SpanStart};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

create_exception!(
    _native,
    LedgerUnavailable,
    PyException,
    "The ledger is not available. `args` are the stable slug of the reason and one sentence."
);

/// Opens the ledger, or adds a user to an open one.
///
/// Returns the address of the GIL, the offset of its mutex, and whether releases by the interpreter are distinguished.
/// Raises `LedgerUnavailable`.
#[pyfunction]
fn open_ledger(switch_interval_us: usize) -> PyResult<(usize, usize, bool)> {
    let layout = instrument()
        .open(switch_interval_us)
        .map_err(|reason| LedgerUnavailable::new_err((reason.slug(), reason.to_string())))?;
    Ok((layout.gil, layout.mutex_offset, layout.knows_drop_request))
}

/// Removes a user; the last one removes the hooks.
///
/// Returns False if somebody else has put a hook over ours, which then stay in and only pass calls on.
#[pyfunction]
fn close_ledger() -> bool {
    instrument().close()
}

/// Returns whether the ledger is recording.
#[pyfunction]
fn ledger_is_recording() -> bool {
    instrument().recorder().is_recording()
}

/// Returns how long the calling thread has held the GIL since the recording began; None if there is no recording.
#[pyfunction]
fn held_total_ns() -> Option<u64> {
    let recorder = instrument().recorder();
    if !recorder.is_recording() {
        return None;
    }
    recorder.accounts().find(current_thread()).map(|account| account.held_ns_at(clock::now_ns()))
}

/// `held_delay_ns`, `free_delay_ns`, `unsplit_delay_ns`, `late_delay_ns`, `free_cpu_ns`, `instrument_ns`, `alone_ready_ns` of
/// another thread.
type Off = (u64, u64, u64, u64, u64, u64, u64);
/// (thread, `held_ns`, `longest_hold_ns`, `n_holds`, `waited_on_ns`, `waiting_ns`, `idle_waiting_ns`, how long it was kept off
/// the processor) of another thread.
type Other = (usize, u64, u64, u64, u64, u64, u64, Option<Off>);

/// The time of one span by state. `pytest_gilcheck.evidence.CallSpan` documents the names.
#[pyclass(frozen, get_all, module = "pytest_gilcheck._native")]
struct Span {
    start_ns: u64,
    end_ns: u64,
    thread: usize,
    cpu_ns: u64,
    process_cpu_ns: u64,
    delay_ns: Option<u64>,
    /// Whether the figures of the GIL are valid; if not, they are zero.
    recorded: bool,
    /// Why they are not, although a ledger was open: slug and sentence.
    refused: Option<(&'static str, &'static str)>,
    held_ns: u64,
    waiting_ns: u64,
    instrument_ns: u64,
    held_delay_ns: Option<u64>,
    free_delay_ns: Option<u64>,
    unsplit_delay_ns: Option<u64>,
    longest_hold_ns: u64,
    n_releases_by_function: u64,
    n_releases_by_interpreter: u64,
    n_dropped: u64,
    /// (nanoseconds since the start, kind, thread).
    events: Vec<(u64, &'static str, usize)>,
    /// What each other thread did.
    others: Vec<Other>,
}

/// A span that has begun.
struct StartedSpan {
    record: Result<SpanStart, SpanError>,
    /// The threads that may work for the span's own, if its run delay is split.
    followed: Option<Followed>,
    delay_ns: Option<u64>,
    cpu_ns: u64,
    process_cpu_ns: u64,
    start_ns: u64,
}

/// Returns the stable slug and one sentence.
fn refusal(error: SpanError) -> (&'static str, &'static str) {
    match error {
        SpanError::NotRecording => ("ledger-not-open", "the ledger was closed during the span"),
        SpanError::TooManyThreads => {
            ("ledger-too-many-threads", "there are more threads than the ledger can follow (1024)")
        }
        SpanError::TooManySpans => {
            ("ledger-too-many-spans", "more than 32 spans are being measured: end some of them first")
        }
        SpanError::Lost => (
            "ledger-lost",
            "another tool has changed the functions that the interpreter calls, so the record may be incomplete",
        ),
        SpanError::Inconsistent => ("ledger-inconsistent", "the record contradicts that this thread holds the GIL"),
    }
}

impl StartedSpan {
    /// Begins a span. Where `split` is given, its run delay is split by state, which costs a few system calls for each event.
    fn start(split: Option<fn(ProcessorAccount) -> Detail>) -> Self {
        let process_cpu_ns = clock::process_cpu_ns();
        let cpu_ns = clock::thread_cpu_ns();
        // Read last: a kernel that preempts lazily does it at the end of a system call (beside two busy processes, at one of
        // ten). A preemption that was due before the span has then happened.
        let recorder = instrument().recorder();
        let mut followed = None;
        let account = clock::account_at(clock::now_ns(), || {
            followed = split.map(|_| recorder.follow(current_thread(), clock::processor_account_of));
            clock::processor_account()
        });
        let account = account.map(|(_, after)| after);
        let delay_ns = account.map(|account| account.delay_ns);
        let detail = split.zip(account).map_or(Detail::Full, |(split, account)| split(account));
        let record = recorder.begin(current_thread(), detail).and_then(|start| {
            if instrument().is_intact() {
                return Ok(start);
            }
            recorder.abandon(&start);
            Err(SpanError::Lost)
        });
        let start_ns = record.as_ref().map_or_else(|_| clock::now_ns(), SpanStart::start_ns);
        Self { record, followed, delay_ns, cpu_ns, process_cpu_ns, start_ns }
    }

    /// Gives the span up.
    fn abandon(self) {
        if let Ok(start) = self.record {
            instrument().recorder().abandon(&start);
        }
    }

    /// Ends the span. If it cannot be recorded it still has its stamps: the call was made, and its result is not lost.
    fn end(self, end_ns: u64, max_events: usize) -> Span {
        // Read first: a thread that is due to be preempted is preempted at the end of a system call. After another system
        // call, the span's delay contained milliseconds that came after the span.
        let at_end = clock::account_at(end_ns, clock::processor_account).map(|(account, _)| account);
        let cpu_ns = clock::thread_cpu_ns() - self.cpu_ns;
        let process_cpu_ns = clock::process_cpu_ns() - self.process_cpu_ns;
        let figures = self.record.and_then(|start| {
            let recorder = instrument().recorder();
            let mut figures = recorder.end(&start, end_ns, at_end, max_events)?;
            if let Some(followed) = self.followed {
                recorder.end_following(&followed, &start, end_ns, &mut figures.others, clock::processor_account_of);
            }
            if instrument().is_intact() { Ok(figures) } else { Err(SpanError::Lost) }
        });
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
            delay_ns: at_end.zip(self.delay_ns).map(|(end, start_ns)| end.delay_ns.saturating_sub(start_ns)),
            recorded,
            refused,
            held_ns: figures.held_ns,
            waiting_ns: figures.waiting_ns,
            instrument_ns: figures.instrument_ns,
            held_delay_ns: figures.held_delay_ns,
            free_delay_ns: figures.free_delay_ns,
            unsplit_delay_ns: figures.unsplit_delay_ns,
            longest_hold_ns: figures.longest_hold_ns,
            n_releases_by_function: figures.n_releases_by_function,
            n_releases_by_interpreter: figures.n_releases_by_interpreter,
            n_dropped: figures.n_dropped,
            events: figures
                .events
                .iter()
                .map(|event| (event.at_ns - self.start_ns, kind_name(event.kind), event.thread))
                .collect(),
            others: figures.others.iter().map(other_thread).collect(),
        }
    }
}

fn other_thread(other: &OtherThread) -> Other {
    let off = other.off_processor.map(|off| {
        (
            off.held_delay_ns,
            off.free_delay_ns,
            off.unsplit_delay_ns,
            off.late_delay_ns,
            off.free_cpu_ns,
            off.instrument_ns,
            off.alone_ready_ns,
        )
    });
    (
        other.thread,
        other.held_ns,
        other.longest_hold_ns,
        other.n_holds,
        other.waited_on_ns,
        other.waiting_ns,
        other.idle_waiting_ns,
        off,
    )
}

/// Returns the name of a kind of event in Python.
pub fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Take => "take",
        EventKind::Release => "release",
        EventKind::ReleaseByInterpreter => "release_by_interpreter",
        EventKind::Wait => "wait",
    }
}

/// Calls `function` once; returns its result and the span of the call, which ends before the result is freed.
///
/// The call is thread 0 of `calls`. An exception of the call is raised as it is.
#[pyfunction]
#[pyo3(signature = (function, args, kwargs, fine, max_events, calls))]
fn call<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    fine: bool,
    max_events: usize,
    calls: &Bound<'py, CallClock>,
) -> PyResult<(Bound<'py, PyAny>, Span)> {
    let (thread, variable) = (current_thread(), 0u8);
    let started = StartedSpan::start(if fine { Some(Detail::Split) } else { None });
    // During a diagnosing pass, stacks are recorded from here on, up to this frame.
    stacks::set_boundary(thread, Some(&raw const variable as usize));
    instrument().recorder().set_boundary(thread, &raw const variable as usize);
    calls.get().begin_at(0, started.start_ns);
    // `Bound::call` would have a frame of its own within the boundary, which would be taken for one of the function's.
    // SAFETY: the thread is attached. The pointers are those of live objects, of a tuple for `args` and of a dict or null for
    // `kwargs`, as PyObject_Call requires. It returns a new reference, or null with an exception set.
    let result = unsafe {
        let kwargs = kwargs.map_or(std::ptr::null_mut(), Bound::as_ptr);
        Bound::from_owned_ptr_or_err(py, ffi::PyObject_Call(function.as_ptr(), args.as_ptr(), kwargs))
    };
    let end_ns = clock::now_ns();
    calls.get().end(0);
    instrument().recorder().set_boundary(thread, 0);
    stacks::set_boundary(thread, None);
    let span = started.end(end_ns, max_events);
    Ok((result?, span))
}

/// Sleeps for `duration_ns` without the GIL; returns a span that says what other threads did to the GIL meanwhile.
#[pyfunction]
fn watch_neighbours(py: Python<'_>, duration_ns: u64) -> Span {
    let started = StartedSpan::start(Some(Detail::Split));
    py.detach(|| thread::sleep(Duration::from_nanos(duration_ns)));
    started.end(clock::now_ns(), 0)
}

/// Lets these threads hang where the interpreter ends them during its finalization; returns whether that can be done.
///
/// Frames of native code lie on their stacks, through which the interpreter's way to end a thread aborts the process.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "PyO3 extracts a list into a vector")]
fn hang_threads_at_exit(threads: Vec<usize>) -> bool {
    thread_exit::hang_instead_of_exit(&threads)
}

/// A span of a block of code that has not ended. `call` is for calls.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct OpenSpan {
    thread: usize,
    started: Mutex<Option<StartedSpan>>,
}

#[pymethods]
impl OpenSpan {
    /// Begins a span in the calling thread.
    #[new]
    fn new() -> Self {
        Self { thread: current_thread(), started: Mutex::new(Some(StartedSpan::start(Some(Detail::SplitSparingly)))) }
    }

    /// Ends the span, in the thread that began it. Spans of a thread may end in any order.
    ///
    /// Raises `RuntimeError` in another thread, and where the span has ended already.
    fn end(&self, max_events: usize) -> PyResult<Span> {
        let end_ns = clock::now_ns();
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner).take();
        let started = started.ok_or_else(|| PyRuntimeError::new_err("this span has ended already"))?;
        if current_thread() != self.thread {
            started.abandon();
            return Err(PyRuntimeError::new_err("this span began in another thread"));
        }
        Ok(started.end(end_ns, max_events))
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
    m.add_function(wrap_pyfunction!(call, m)?)?;
    m.add_function(wrap_pyfunction!(watch_neighbours, m)?)?;
    m.add_function(wrap_pyfunction!(hang_threads_at_exit, m)?)
}
