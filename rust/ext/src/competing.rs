//! A phase of competing threads, in one of them: wait at the barrier, make the calls, stamp them.

use crate::deadline::CallClock;
use gilcheck_core::barrier::Barrier as CoreBarrier;
use gilcheck_core::clock;
use gilcheck_core::cpython::{current_thread, instrument};
use gilcheck_core::ledger::{Account, Detail};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

create_exception!(_native, BarrierBroken, PyException, "Another thread failed, or the phase was aborted.");

/// A barrier at which competing threads begin together. Waiting at it releases the GIL.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct Barrier {
    core: CoreBarrier,
}

#[pymethods]
impl Barrier {
    /// Makes a barrier for `n_threads` threads.
    #[new]
    fn new(n_threads: usize) -> Self {
        Self { core: CoreBarrier::new(n_threads) }
    }

    /// Waits for the other threads; returns when the barrier opened, in `clock_ns`. Raises `BarrierBroken`.
    fn wait(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.core.wait()).ok_or_else(broken)
    }

    /// Waits and lets all threads begin together, each on a processor of its own if there are enough.
    ///
    /// `index` is that of the calling thread. Returns the common moment, in `clock_ns`. Raises `BarrierBroken`.
    fn begin(&self, py: Python<'_>, index: usize, n_threads: usize) -> PyResult<u64> {
        py.detach(|| self.core.wait().map(|_| self.core.start(index, n_threads))).ok_or_else(broken)
    }

    /// Breaks the barrier: all threads that wait at it, now or later, get `BarrierBroken`.
    fn abort(&self) {
        self.core.abort();
    }
}

fn broken() -> PyErr {
    BarrierBroken::new_err("another thread failed, or the phase was aborted")
}

/// What one thread did in a phase, from the opening of the barrier to the return of its last call.
#[pyclass(frozen, get_all, module = "pytest_gilcheck._native")]
struct ThreadRun {
    opened_ns: u64,
    end_ns: u64,
    n_calls: usize,
    cpu_ns: u64,
    process_cpu_ns: u64,
    /// How long this thread did not run after the others had begun; part of `delay_ns`.
    late_ns: u64,
    /// How long the thread was ready to run and did not run; None if the system does not tell.
    delay_ns: Option<u64>,
    /// How long the thread was off the processor right after the end, perhaps with the lock under which the GIL changes
    /// hands.
    after_ns: u64,
    /// How long the thread held the GIL; None if no ledger was open or its record contradicts itself.
    held_ns: Option<u64>,
    waiting_ns: Option<u64>,
    n_releases_by_function: Option<u64>,
    /// The meter's sums at the end: two or more threads without the GIL, two or more not waiting for it.
    totals: Option<(u64, u64)>,
    stamps: Vec<Stamp>,
    /// The exception of the last call.
    error: Option<Py<PyAny>>,
}

/// A number of calls, one after the other, between two readings of their thread's accounts: `(start_ns, end_ns, n_calls,
/// cpu_ns, delay_ns, gap_ns, waiting_ns)`.
///
/// The accounts are read without the GIL, before `start_ns` and after `end_ns`. Of the delay, as much as `gap_ns` may lie
/// between the first reading and `start_ns`. Where the thread gave its processor away not once, the delay is all that it did
/// not run: the host stops a virtual processor, which the kernel's account does not show. `waiting_ns`, for the GIL, is None
/// without a ledger.
type Stamp = (u64, u64, usize, u64, u64, u64, Option<u64>);

/// A thread's accounts when they were last read, and when its next stamp begins.
struct Reading {
    cpu_ns: u64,
    delay_ns: u64,
    read_ns: u64,
    start_ns: u64,
    n_sleeps: Option<u64>,
    waiting_ns: Option<u64>,
    n_releases: Option<u64>,
}

/// A thread's accounts at the end of a stamp or before the first one, read without the GIL: to take it may be a sleep.
#[derive(Clone, Copy)]
struct Accounts {
    cpu_ns: u64,
    /// Its run delay; None if the system does not tell.
    delay_ns: Option<u64>,
    n_sleeps: Option<u64>,
}

impl Accounts {
    fn read(delay_ns: Option<u64>) -> Self {
        Self { cpu_ns: clock::thread_cpu_ns(), delay_ns, n_sleeps: clock::n_sleeps() }
    }
}

/// The stamps of one thread in one phase. Their memory is allocated before the phase begins.
struct Stamps {
    taken: Vec<Stamp>,
    n_stamp_calls: usize,
    n_calls: usize,
    last: Option<Reading>,
}

/// Returns how long `thread` has waited for the GIL, and how often it has released it; None without a ledger.
fn waits_and_releases(thread: usize) -> (Option<u64>, Option<u64>) {
    let recorder = instrument().recorder();
    let account = if recorder.is_recording() { recorder.accounts().find(thread) } else { None };
    (account.map(Account::waiting_ns), account.map(Account::n_releases_by_function))
}

impl Stamps {
    fn new(n_calls: usize, n_stamp_calls: usize) -> Self {
        let n_stamp_calls = n_stamp_calls.max(1);
        Self { taken: Vec::with_capacity(n_calls / n_stamp_calls + 1), n_stamp_calls, n_calls: 0, last: None }
    }

    /// Begins a stamp with what was read of the accounts. Nothing is stamped where there is no delay.
    fn begin(&mut self, reading: Option<Reading>) {
        self.n_calls = 0;
        self.last = reading;
    }

    /// Notes that one more call has ended; returns whether the stamp is long enough to end here.
    ///
    /// Calls that have not let the GIL go cannot have run together with others, and are stamped as one: reading the
    /// accounts would let go of the GIL, and change which thread has it when.
    fn is_full(&mut self) -> bool {
        self.n_calls += 1;
        self.n_calls >= self.n_stamp_calls
            && self.taken.len() + 1 < self.taken.capacity()
            && self.last.as_ref().is_some_and(|last| {
                last.n_releases.is_none() || waits_and_releases(current_thread()).1 != last.n_releases
            })
    }

    /// Ends the stamp at `end_ns`. The thread has waited for the GIL for `waiting_ns` until then.
    fn end(&mut self, end_ns: u64, waiting_ns: Option<u64>, at_end: Accounts) {
        if let (Some(last), Some(delay_ns)) = (&self.last, at_end.delay_ns) {
            let waiting_ns = waiting_ns.zip(last.waiting_ns).map(|(end, start)| end.saturating_sub(start));
            let cpu_ns = at_end.cpu_ns.saturating_sub(last.cpu_ns);
            let slept = last.n_sleeps.is_none() || last.n_sleeps != at_end.n_sleeps;
            let stopped_ns = if slept { 0 } else { end_ns.saturating_sub(last.start_ns + cpu_ns) };
            self.taken.push((
                last.start_ns,
                end_ns,
                self.n_calls,
                cpu_ns,
                delay_ns.saturating_sub(last.delay_ns).max(stopped_ns),
                last.start_ns.saturating_sub(last.read_ns),
                waiting_ns,
            ));
        }
    }

    /// Ends the stamp at `end_ns`, reads the accounts without the GIL, and begins the next one.
    fn cut(&mut self, py: Python<'_>, end_ns: u64) {
        let (waiting_ns, _) = waits_and_releases(current_thread());
        let (at_end, reading) = py.detach(|| {
            let delay = clock::run_delay_at(end_ns, clock::run_delay_ns);
            let read_ns = clock::now_ns();
            let at_end = Accounts::read(delay.map(|delay| delay.at_ns));
            (at_end, delay.map(|delay| Reading::new(at_end, delay.after_ns, read_ns)))
        });
        self.end(end_ns, waiting_ns, at_end);
        self.begin(reading);
    }
}

impl Reading {
    /// A stamp begins now: while the thread still is without the GIL. Its next wait for the GIL belongs to the stamp, because
    /// without the reading it would have come a little later, within a call.
    fn new(Accounts { cpu_ns, n_sleeps, .. }: Accounts, delay_ns: u64, read_ns: u64) -> Self {
        let (waiting_ns, n_releases) = waits_and_releases(current_thread());
        Self { cpu_ns, delay_ns, read_ns, start_ns: clock::now_ns(), n_sleeps, waiting_ns, n_releases }
    }
}

/// Releasing the GIL and reading a clock takes less than this, if the thread is not descheduled.
const LONGEST_UNDISTURBED_NS: u64 = 50_000;

/// Waits at `barrier`, then makes `n_calls` calls of `function` in the calling thread, with the tuples of `arguments` in
/// turn. The thread has number `index` of the `n_threads` that work in this phase, and in `calls`.
///
/// `between` is called before each call, with the clock running. It is an empty Python function: the evaluation loop gets
/// the chance to handle signals, pending calls and drop requests, as in a loop written in Python. Results are dropped at
/// once, as in such a loop.
///
/// After each `n_stamp_calls` calls that have let the GIL go the thread's accounts are read, without the GIL. That takes
/// some 5 µs, which belong to no stamp.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "its one caller has all of them")]
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
    calls: &Bound<'py, CallClock>,
    n_stamp_calls: usize,
) -> PyResult<ThreadRun> {
    let tuples: Vec<Bound<'py, PyTuple>> =
        arguments.iter().map(|tuple| Ok(tuple.cast_into::<PyTuple>()?)).collect::<PyResult<_>>()?;
    if tuples.is_empty() {
        return Err(PyValueError::new_err(
            "arguments must have at least one tuple: pass [()] for calls without arguments",
        ));
    }
    let recorder = instrument().recorder();
    let (barrier, calls) = (barrier.get(), calls.get());
    recorder.set_metered(current_thread(), true);
    let mut stamps = Stamps::new(n_calls, n_stamp_calls);
    let start = py.detach(|| {
        barrier.core.wait()?;
        let opened_ns = barrier.core.start(index, n_threads);
        let running_ns = clock::now_ns();
        let delay_ns = clock::run_delay_ns();
        let read_ns = clock::now_ns();
        // All threads read the process's time: the one that takes the GIL last has then counted the whole phase and
        // nothing before it.
        let process_cpu_ns = clock::process_cpu_ns();
        let at_start = Accounts::read(delay_ns);
        stamps.begin(delay_ns.map(|delay_ns| Reading::new(at_start, delay_ns, read_ns)));
        Some((opened_ns, running_ns, delay_ns, process_cpu_ns, at_start.cpu_ns))
    });
    let Some((opened_ns, running_ns, start_delay_ns, start_process_cpu_ns, start_cpu_ns)) = start else {
        recorder.set_metered(current_thread(), false);
        return Err(broken());
    };
    let first_call_ns = clock::now_ns();
    let span = if recorder.is_recording() { recorder.begin(current_thread(), Detail::Totals).ok() } else { None };
    let mut error = None;
    let (mut n_done, mut n_cuts) = (0, 0);
    let mut now_ns = first_call_ns;
    for tuple in tuples.iter().cycle().take(n_calls) {
        n_done += 1;
        calls.begin_at(index, now_ns);
        if let Err(raised) = between.call0().and_then(|_| function.call(tuple, kwargs)) {
            error = Some(raised.into_value(py).into_any());
            break;
        }
        now_ns = clock::now_ns();
        if stamps.is_full() && n_done < n_calls {
            stamps.cut(py, now_ns);
            n_cuts += 1;
            now_ns = clock::now_ns();
        }
    }
    let end_ns = clock::now_ns();
    calls.end(index);
    let (waiting_ns, _) = waits_and_releases(current_thread());
    let figures = span.and_then(|start| recorder.end(&start, end_ns, None, 0).ok());
    recorder.set_metered(current_thread(), false);
    // These system calls are made without the GIL. A thread that is due to be preempted is preempted at the end of a
    // system call; with the GIL, one kept the others waiting for 3 ms beside busy processes. This release is also the one
    // at which the meter stops counting this thread.
    let (after_ns, at_end, process_cpu_ns) = py.detach(|| {
        let passed_ns = clock::now_ns() - end_ns;
        let delay_ns = clock::run_delay_ns();
        // A delay between the end and this reading does not belong to the phase.
        let after_ns = if passed_ns > LONGEST_UNDISTURBED_NS { passed_ns } else { 0 };
        let at_end = Accounts::read(delay_ns.map(|ns| ns.saturating_sub(after_ns)));
        (after_ns, at_end, clock::process_cpu_ns() - start_process_cpu_ns)
    });
    stamps.end(end_ns, waiting_ns, at_end);
    // A thread that did not run when the others began was kept off the processor until it did.
    let late_ns = running_ns.saturating_sub(opened_ns);
    let delay_ns = at_end.delay_ns.zip(start_delay_ns).map(|(end, start)| end.saturating_sub(start) + late_ns);
    Ok(ThreadRun {
        opened_ns,
        end_ns,
        n_calls: n_done,
        cpu_ns: at_end.cpu_ns - start_cpu_ns,
        process_cpu_ns,
        late_ns,
        delay_ns,
        after_ns,
        held_ns: figures.as_ref().map(|figures| figures.held_ns),
        // A thread that runs and has not begun its first call waits for the GIL.
        waiting_ns: figures.as_ref().map(|figures| figures.waiting_ns + first_call_ns.saturating_sub(running_ns)),
        // Each reading of the accounts has let the GIL go once.
        n_releases_by_function: figures.as_ref().map(|figures| figures.n_releases_by_function.saturating_sub(n_cuts)),
        totals: recorder.is_recording().then(|| recorder.meter().totals_ns()),
        stamps: stamps.taken,
        error,
    })
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("BarrierBroken", m.py().get_type::<BarrierBroken>())?;
    m.add_class::<Barrier>()?;
    m.add_class::<ThreadRun>()?;
    m.add_function(wrap_pyfunction!(run_phase, m)?)
}
