//! Two native threads for interpreters without a GIL: one samples which threads are attached, one collects garbage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gilcheck_core::Unavailable;
use gilcheck_core::clock;
use gilcheck_core::cpython::attach_hooks::{self, Recording};
use gilcheck_core::cpython::attach_log::Change;
use gilcheck_core::cpython::attachment::{self, Sample, WatchedThread};
use gilcheck_core::cpython::{current_thread, thread_exit};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;

create_exception!(
    _native,
    AttachmentUnavailable,
    PyException,
    "Which threads are attached cannot be read. `args` are the stable slug of the reason and one sentence."
);

/// (`start_ns`, `end_ns`, whether the watched thread was attached, how many other threads were, the watched thread's run delay
/// so far).
type RawSample = (u64, u64, bool, u32, Option<u64>);
/// (`start_ns`, `before_ns`, `after_ns`, `end_ns`, whether the thread is attached afterwards, its run delay before the hook's own
/// reading and after it).
type RawChange = (u64, u64, u64, u64, bool, Option<(u64, u64)>);
/// Changes, and from when on some may be missing.
type RawHistory = (Vec<RawChange>, Option<u64>);
/// A garbage collection: when it began, when it ended, and for how long its thread was ready to run and did not run.
type Collection = (u64, u64, u64);

/// The largest number of samples: 20 s of one every 80 µs. What comes after them counts as not known.
const MAX_SAMPLES: usize = 1 << 18;
/// The largest number of collections. More of them give no more information.
const MAX_COLLECTIONS: usize = 1 << 12;

fn unavailable(reason: &Unavailable) -> PyErr {
    AttachmentUnavailable::new_err((reason.slug(), reason.to_string()))
}

/// Returns the address of the calling thread's state. Raises `AttachmentUnavailable`.
#[pyfunction]
fn thread_state() -> PyResult<usize> {
    attachment::current_state().map_err(|reason| unavailable(&reason))
}

/// Returns the error for a thread whose changes are not recorded.
fn not_recorded(reason: &impl std::fmt::Display) -> PyErr {
    AttachmentUnavailable::new_err(("attachment-not-recorded", reason.to_string()))
}

fn raw_change(change: &Change) -> RawChange {
    let delay_ns = change.delay.map(|delay| (delay.at_ns, delay.after_ns));
    (change.start_ns, change.before_ns, change.after_ns, change.end_ns, change.attaches(), delay_ns)
}

/// Removes all hooks that are still in, at exit.
#[pyfunction]
fn stop_recording_attachment() {
    attach_hooks::remove_all();
}

/// Samples, from a native thread, whether the thread that makes this object is attached, and records in that thread where
/// native modules attach and detach it.
#[pyclass(module = "pytest_gilcheck._native")]
struct AttachmentSampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Sample>>>,
    recording: Option<Result<Recording, Unavailable>>,
}

#[pymethods]
impl AttachmentSampler {
    /// Starts to sample the calling thread about every `gap_ns`. Raises `AttachmentUnavailable`.
    ///
    /// Other threads count without those whose states, as `thread_state` gives them, are in `left_out`.
    ///
    /// The GIL is switched off, and the calling thread outlives the sampling: it calls `stop`.
    #[new]
    fn new(py: Python<'_>, gap_ns: u64, left_out: Vec<usize>) -> PyResult<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stop_of_thread = Arc::clone(&stop);
        let (known, is_known) = mpsc::channel();
        let (watched, is_watched) = mpsc::channel::<WatchedThread>();
        let thread = thread::Builder::new()
            .name("gilcheck-sampler".into())
            .spawn(move || {
                // The interpreter knows this thread while the list of threads is searched, which must have two for that.
                let watched = Python::try_attach(move |py| {
                    py.detach(move || {
                        let _ = known.send(());
                        is_watched.recv().ok()
                    })
                });
                watched
                    .flatten()
                    .map_or_else(Vec::new, |watched| watched.sample_until(&stop_of_thread, gap_ns, MAX_SAMPLES))
            })
            .map_err(|error| PyRuntimeError::new_err(format!("cannot start the sampling thread: {error}")))?;
        let _ = py.detach(move || is_known.recv());
        let found = WatchedThread::current(left_out).map_err(|reason| unavailable(&reason))?;
        let recording = found.record();
        let _ = watched.send(found);
        Ok(Self { stop, thread: Some(thread), recording: Some(recording) })
    }

    /// Ends the recording, in the thread that made this object. Returns what was recorded: changes from attached to detached and
    /// back, and from when on some may be missing, or None.
    ///
    /// Raises `AttachmentUnavailable`: changes may be missing anywhere. It is called once.
    fn recorded(&mut self) -> PyResult<RawHistory> {
        let recording = self.recording.take().ok_or_else(|| PyRuntimeError::new_err("the recording has ended"))?;
        let history = recording.map_err(|reason| not_recorded(&reason))?.end();
        let history = history.map_err(|reason| not_recorded(&reason))?;
        Ok((history.changes.iter().map(raw_change).collect(), history.missing_from_ns))
    }

    /// Stops the thread; returns its samples. A second call returns none.
    fn stop(&mut self, py: Python<'_>) -> PyResult<Vec<RawSample>> {
        self.stop.store(true, Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        let samples =
            py.detach(|| thread.join()).map_err(|_| PyRuntimeError::new_err("the sampling thread panicked"))?;
        let raw =
            |sample: &Sample| (sample.start_ns, sample.end_ns, sample.is_attached, sample.n_others, sample.delay_ns);
        Ok(samples.iter().map(raw).collect())
    }
}

impl Drop for AttachmentSampler {
    fn drop(&mut self) {
        // Only where an interrupt came before `stop`. The thread is not joined: it may still want to attach.
        self.stop.store(true, Relaxed);
    }
}

/// Collects garbage in a native thread, again and again: each collection stops every other thread first.
#[pyclass(module = "pytest_gilcheck._native")]
struct GarbageCollector {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<PyResult<Vec<Collection>>>>,
    /// The thread, as the ledger identifies it; 0 if it could not attach.
    ident: usize,
}

#[pymethods]
impl GarbageCollector {
    /// Starts a thread that pauses for `gap_ns` between two collections.
    #[new]
    fn new(py: Python<'_>, gap_ns: u64) -> PyResult<Self> {
        let collect = py.import("gc")?.getattr("collect")?.unbind();
        let stop = Arc::new(AtomicBool::new(false));
        let stop_of_thread = Arc::clone(&stop);
        let (attached, is_attached) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("gilcheck-collector".into())
            .spawn(move || collect_repeatedly(&collect, Duration::from_nanos(gap_ns), &stop_of_thread, &attached))
            .map_err(|error| PyRuntimeError::new_err(format!("cannot start the collecting thread: {error}")))?;
        // An error means that the thread could not attach and has ended. It then has no collections.
        let ident = py.detach(move || is_attached.recv()).unwrap_or(0);
        Ok(Self { stop, thread: Some(thread), ident })
    }

    /// Stops the thread; returns its collections as (`start_ns`, `end_ns`, `delay_ns`). A second call returns none.
    fn stop(&mut self, py: Python<'_>) -> PyResult<Vec<Collection>> {
        self.stop.store(true, Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        py.detach(|| thread.join()).map_err(|_| PyRuntimeError::new_err("the collecting thread panicked"))?
    }
}

impl Drop for GarbageCollector {
    fn drop(&mut self) {
        // The thread is not joined: it may wait for the dropping thread to detach.
        self.stop.store(true, Relaxed);
        if self.thread.is_some() && self.ident != 0 {
            thread_exit::hang_instead_of_exit(&[self.ident]);
        }
    }
}

fn collect_repeatedly(
    collect: &Py<PyAny>,
    gap: Duration,
    stop: &AtomicBool,
    attached: &mpsc::Sender<usize>,
) -> PyResult<Vec<Collection>> {
    let collected = Python::try_attach(|py| {
        let delay_ns = || clock::run_delay_ns().unwrap_or(0);
        let mut collections = Vec::new();
        let _ = attached.send(current_thread());
        while !stop.load(Relaxed) && collections.len() < MAX_COLLECTIONS {
            py.detach(|| thread::sleep(gap));
            let (start_delay_ns, start_ns) = (delay_ns(), clock::now_ns());
            collect.call0(py)?;
            let end_ns = clock::now_ns();
            collections.push((start_ns, end_ns, delay_ns().saturating_sub(start_delay_ns)));
        }
        Ok(collections)
    });
    // Attaching fails while the interpreter is finalizing; there are no collections then.
    collected.unwrap_or_else(|| Ok(Vec::new()))
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("AttachmentUnavailable", m.py().get_type::<AttachmentUnavailable>())?;
    m.add_function(wrap_pyfunction!(thread_state, m)?)?;
    m.add_function(wrap_pyfunction!(stop_recording_attachment, m)?)?;
    m.add_class::<AttachmentSampler>()?;
    m.add_class::<GarbageCollector>()
}
