//! A native thread that asks for the GIL again and again: what does a call do to others?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gilcheck_core::clock::{self, RunDelay};
use gilcheck_core::interpreter::instrument;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// One request: when it was made, when it was granted, how much of that time the thread was off the processor
/// although it could have run.
type Knock = (u64, u64, u64);

/// More requests than this tell nothing more.
const MAX_KNOCKS: usize = 1 << 16;

/// Asks for the GIL, gives it back at once, pauses, and asks again, until it is stopped.
#[pyclass(module = "pytest_gilcheck._native")]
struct GilWaiter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Knock>>>,
}

#[pymethods]
impl GilWaiter {
    /// Starts to ask, with `gap_ns` between giving back and asking again. Its thread has its Python state when this
    /// returns: a call that begins now is asked from its first moment on.
    #[new]
    fn new(py: Python<'_>, gap_ns: u64) -> PyResult<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let (attached, is_attached) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("gilcheck-knocker".into())
            .spawn(move || knock(Duration::from_nanos(gap_ns), &told, &attached))
            .map_err(|error| PyRuntimeError::new_err(format!("no thread for the native waiter: {error}")))?;
        // An error: the thread could not attach and has ended; it then has no requests to give.
        let _ = py.detach(move || is_attached.recv());
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Stops it and gives its requests: (`asked_ns`, `got_ns`, `delay_ns`). A second call gives none.
    fn stop(&mut self, py: Python<'_>) -> PyResult<Vec<Knock>> {
        self.stop.store(true, Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        py.detach(|| thread.join()).map_err(|_| PyRuntimeError::new_err("the native waiter panicked"))
    }
}

impl Drop for GilWaiter {
    fn drop(&mut self) {
        // Not joined: it may need the GIL that the dropping thread holds.
        self.stop.store(true, Relaxed);
    }
}

fn knock(gap: Duration, stop: &AtomicBool, attached: &mpsc::Sender<()>) -> Vec<Knock> {
    let mut knocks = Vec::new();
    // Nobody to ask in an interpreter that is about to end: no requests then.
    Python::try_attach(|py| {
        let delay = RunDelay::of_this_thread();
        let delay_ns = || delay.as_ref().and_then(RunDelay::read_ns).unwrap_or(0);
        let _ = attached.send(());
        while !stop.load(Relaxed) && knocks.len() < MAX_KNOCKS {
            let (asked_ns, delay_before_ns) = py.detach(|| {
                thread::sleep(gap);
                let delay_ns = delay_ns();
                (clock::now_ns(), delay_ns)
            });
            let got_ns = clock::now_ns();
            knocks.push((asked_ns, got_ns, delay_ns().saturating_sub(delay_before_ns)));
        }
    });
    knocks
}

/// Teaches the ledger to tell hand-overs on request from voluntary ones; True where it can. Takes a few switch
/// intervals (`switch_interval_ns`), once a process; the ledger is open.
#[pyfunction]
fn learn_drop_request(py: Python<'_>, switch_interval_ns: u64) -> PyResult<bool> {
    const N_HANDOVERS: u64 = 4;
    let mut knocker = GilWaiter::new(py, switch_interval_ns / 50)?;
    let code = pyo3::ffi::c_str!("for _ in range(20000): pass");
    let run_python = || {
        let end_ns = clock::now_ns() + 2 * N_HANDOVERS * switch_interval_ns;
        // An error in so plain a loop is a signal's: the loop ends, and fewer samples are learned from.
        while clock::now_ns() < end_ns && py.run(code, None, None).is_ok() {}
    };
    let contend = || {
        for _ in 0..N_HANDOVERS {
            clock::work(switch_interval_ns * 3 / 2);
            py.detach(|| thread::sleep(Duration::from_nanos(switch_interval_ns / 10)));
        }
    };
    let learned = instrument().learn_giveway(run_python, contend);
    knocker.stop(py)?;
    py.check_signals()?;
    Ok(learned)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<GilWaiter>()?;
    m.add_function(wrap_pyfunction!(learn_drop_request, m)?)
}
