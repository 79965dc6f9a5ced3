//! What one thread of a crew does in a round: waits at the gate, makes its calls, and is stamped around them.

use gilcheck_core::clock::{self, RunDelay};
use gilcheck_core::gate::Gate as Core;
use gilcheck_core::interpreter::{current_thread, instrument};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

create_exception!(_native, BarrierBroken, PyException, "Another thread of the round failed, or the round was given up.");

/// A barrier at which the threads of a round begin together; waiting at it lets go of the GIL.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct Barrier {
    core: Core,
}

#[pymethods]
impl Barrier {
    /// A gate that opens for `n_threads` at a time.
    #[new]
    fn new(n_threads: usize) -> Self {
        Self { core: Core::new(n_threads) }
    }

    /// Waits for the others: when did it open, in `clock_ns`? Raises `BarrierBroken`.
    fn wait(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.core.wait()).ok_or_else(broken)
    }

    /// As `wait`, and then all begin together, each on a processor of its own if there are enough; `index` is the thread's.
    fn begin(&self, py: Python<'_>, index: usize, n_threads: usize) -> PyResult<u64> {
        py.detach(|| self.core.wait().map(|_| self.core.start(index, n_threads))).ok_or_else(broken)
    }

    /// Everybody who waits, or comes later, gets `BarrierBroken`.
    fn abort(&self) {
        self.core.break_down();
    }
}

fn broken() -> PyErr {
    BarrierBroken::new_err("another thread of the round failed")
}

/// What one thread did between the opening of the gate and its last call's return.
#[pyclass(frozen, get_all, module = "pytest_gilcheck._native")]
struct ThreadRun {
    opened_ns: u64,
    end_ns: u64,
    n_calls: usize,
    cpu_ns: u64,
    process_cpu_ns: u64,
    /// Not yet running when the others began; part of the delay.
    late_ns: u64,
    /// Ready to run and not running; None: the system does not tell.
    delay_ns: Option<u64>,
    /// Off the processor right after the end, when it may still have held the lock under which the GIL changes hands.
    after_ns: u64,
    /// Of the GIL; None: no ledger was open, or its record contradicts itself.
    held_ns: Option<u64>,
    waiting_ns: Option<u64>,
    n_releases_by_function: Option<u64>,
    /// The meter's sums at the end: two or more outside the GIL, two or more not waiting for it.
    totals: Option<(u64, u64)>,
    /// What the call raised; it is the last one made.
    error: Option<Py<PyAny>>,
}

/// A thread that lets the GIL go and reads a clock takes less, if nothing comes between.
const LONGEST_WITHOUT_A_BREAK_NS: u64 = 50_000;

/// Waits at `gate`, then makes `n_calls` calls of `function` in the calling thread, with the tuples of `arguments` in
/// turn, and tells where the time went. It is thread `index` of the `n_threads` that work between two openings.
///
/// `between` is called before each call, with the clock running: a function of one empty line of Python, so that the
/// evaluation loop gets its chance to handle signals, pending calls, and requests for the GIL, as it would in a loop
/// written in Python. Results are disposed of at once, as such a loop would: keeping them would need memory for all.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // one caller, which has them all
fn run_phase<'py>(
    py: Python<'py>,
    barrier: &Bound<'py, Barrier>,
    function: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyList>,
    kwargs: Option<&Bound<'py, PyDict>>,
    n_calls: usize,
    between: &Bound<'py, PyAny>,
    index: usize,
    n_threads: usize,
) -> PyResult<ThreadRun> {
    let tuples: Vec<Bound<'py, PyTuple>> =
        arguments.iter().map(|tuple| Ok(tuple.cast_into::<PyTuple>()?)).collect::<PyResult<_>>()?;
    if tuples.is_empty() {
        return Err(PyValueError::new_err("no arguments: a call without any takes an empty tuple"));
    }
    let recorder = instrument().recorder();
    let gate = barrier.get();
    let delay = RunDelay::of_this_thread();
    recorder.take_part(current_thread(), true);
    let started = py.detach(|| {
        gate.core.wait()?;
        let opened_ns = gate.core.start(index, n_threads);
        let running_ns = clock::now_ns();
        let delay_ns = delay.as_ref().and_then(RunDelay::read_ns);
        // Of all threads: whoever takes the GIL last has then counted all of the round, and nothing before it.
        Some((opened_ns, running_ns, delay_ns, clock::process_cpu_ns(), clock::thread_cpu_ns()))
    });
    let Some((opened_ns, running_ns, delay_before_ns, process_cpu_before_ns, cpu_before_ns)) = started else {
        recorder.take_part(current_thread(), false);
        return Err(broken());
    };
    let begun_ns = clock::now_ns();
    let begun = if recorder.is_recording() { recorder.begin(current_thread(), None).ok() } else { None };
    let mut error = None;
    let mut n_done = 0;
    for tuple in tuples.iter().cycle().take(n_calls) {
        n_done += 1;
        if let Err(raised) = between.call0().and_then(|_| function.call(tuple, kwargs)) {
            error = Some(raised.into_value(py).into_any());
            break;
        }
    }
    let end_ns = clock::now_ns();
    let figures = begun.and_then(|start| recorder.end(&start, end_ns, None, 0).ok());
    recorder.take_part(current_thread(), false);
    // Without the GIL: a thread that is due to be preempted is so on the way out of a system call, and beside busy
    // processes one that held it kept the others of its crew waiting for 3 ms. It is also the hand-over of our own at
    // which the meter stops counting this thread.
    let (after_ns, delay_end_ns, cpu_ns, process_cpu_ns) = py.detach(|| {
        let away_ns = clock::now_ns() - end_ns;
        let delay_ns = delay.as_ref().and_then(RunDelay::read_ns);
        // What came between the end and this reading is no part of the shift.
        let after_ns = if away_ns > LONGEST_WITHOUT_A_BREAK_NS { away_ns } else { 0 };
        (
            after_ns,
            delay_ns.map(|ns| ns.saturating_sub(after_ns)),
            clock::thread_cpu_ns() - cpu_before_ns,
            clock::process_cpu_ns() - process_cpu_before_ns,
        )
    });
    // Who did not run when the others began was kept off the processor until it did.
    let late_ns = running_ns.saturating_sub(opened_ns);
    let delay_ns = delay_end_ns.zip(delay_before_ns).map(|(end, start)| end.saturating_sub(start) + late_ns);
    Ok(ThreadRun {
        opened_ns,
        end_ns,
        n_calls: n_done,
        cpu_ns,
        process_cpu_ns,
        late_ns,
        delay_ns,
        after_ns,
        held_ns: figures.as_ref().map(|figures| figures.held_ns),
        // From when it runs, whoever has not begun wants the GIL.
        waiting_ns: figures.as_ref().map(|figures| figures.waiting_ns + begun_ns.saturating_sub(running_ns)),
        n_releases_by_function: figures.as_ref().map(|figures| figures.n_voluntary),
        totals: recorder.is_recording().then(|| recorder.meter().totals()),
        error,
    })
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("BarrierBroken", m.py().get_type::<BarrierBroken>())?;
    m.add_class::<Barrier>()?;
    m.add_class::<ThreadRun>()?;
    m.add_function(wrap_pyfunction!(run_phase, m)?)
}
