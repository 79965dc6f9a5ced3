//! A native thread that waits for the GIL again and again, to measure how long a call makes others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gilcheck_core::clock;
use gilcheck_core::cpython::{current_thread, instrument, thread_exit};
use gilcheck_core::workload;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// A wait for the GIL: when it began, when the thread had the GIL, and how much of that time the thread was ready to run
/// and did not run.
type Wait = (u64, u64, u64);

/// The largest number of waits. More of them give no more information.
const MAX_WAITS: usize = 1 << 16;

/// Takes the GIL, releases it at once, pauses, and takes it again, until it is stopped.
#[pyclass(module = "pytest_gilcheck._native")]
struct GilWaiter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Wait>>>,
    /// The thread, as the ledger identifies it; 0 if it could not attach.
    ident: usize,
}

#[pymethods]
impl GilWaiter {
    /// Starts a thread that pauses for `gap_ns` between a release and the next wait.
    ///
    /// The thread is attached to the interpreter when this returns, so it competes with the next call from the beginning.
    #[new]
    fn new(py: Python<'_>, gap_ns: u64) -> PyResult<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stop_of_thread = Arc::clone(&stop);
        let (attached, is_attached) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("gilcheck-waiter".into())
            .spawn(move || wait_repeatedly(Duration::from_nanos(gap_ns), &stop_of_thread, &attached))
            .map_err(|error| PyRuntimeError::new_err(format!("cannot start the thread of the GIL waiter: {error}")))?;
        // An error means that the thread could not attach and has ended. It then has no waits.
        let ident = py.detach(move || is_attached.recv()).unwrap_or(0);
        Ok(Self { stop, thread: Some(thread), ident })
    }

    /// Stops the thread; returns its waits as (`start_ns`, `end_ns`, `delay_ns`). A second call returns none.
    fn stop(&mut self, py: Python<'_>) -> PyResult<Vec<Wait>> {
        self.stop.store(true, Relaxed);
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        py.detach(|| thread.join()).map_err(|_| PyRuntimeError::new_err("the thread of the GIL waiter panicked"))
    }
}

impl Drop for GilWaiter {
    fn drop(&mut self) {
        // The thread is not joined: it may need the GIL that the dropping thread holds. It may even want it when the
        // interpreter has ended.
        self.stop.store(true, Relaxed);
        if self.thread.is_some() && self.ident != 0 {
            thread_exit::hang_instead_of_exit(&[self.ident]);
        }
    }
}

fn wait_repeatedly(gap: Duration, stop: &AtomicBool, attached: &mpsc::Sender<usize>) -> Vec<Wait> {
    let mut waits = Vec::new();
    // Attaching fails while the interpreter is finalizing; there are no waits then.
    Python::try_attach(|py| {
        let delay_ns = || clock::run_delay_ns().unwrap_or(0);
        let _ = attached.send(current_thread());
        while !stop.load(Relaxed) && waits.len() < MAX_WAITS {
            let (start_ns, start_delay_ns) = py.detach(|| {
                thread::sleep(gap);
                let delay_ns = delay_ns();
                (clock::now_ns(), delay_ns)
            });
            let end_ns = clock::now_ns();
            waits.push((start_ns, end_ns, delay_ns().saturating_sub(start_delay_ns)));
        }
    });
    waits
}

/// Teaches the ledger to distinguish releases by the interpreter from releases by the function; returns whether it can.
///
/// It takes a few switch intervals, once in a process. The ledger is open.
#[pyfunction]
fn learn_drop_request(py: Python<'_>, switch_interval_ns: u64) -> PyResult<bool> {
    const N_RELEASES: u64 = 4;
    let mut waiter = GilWaiter::new(py, switch_interval_ns / 50)?;
    let code = pyo3::ffi::c_str!("for _ in range(20000): pass");
    let variable = 0u8;
    let thread = current_thread();
    instrument().recorder().set_boundary(thread, &raw const variable as usize);
    // Such a loop can only fail because of a signal. It then ends, with fewer samples, and the signal's exception is raised
    // after the clean-up. (It was taken for the end of the loop only: 3 of 200 interrupts were lost, and the checks went on.)
    let mut outcome = Ok(());
    let run_python = || {
        let end_ns = clock::now_ns() + 2 * N_RELEASES * switch_interval_ns;
        while clock::now_ns() < end_ns && outcome.is_ok() {
            outcome = py.run(code, None, None);
        }
    };
    let release_directly = || {
        for _ in 0..N_RELEASES {
            workload::work(switch_interval_ns * 3 / 2);
            py.detach(|| thread::sleep(Duration::from_nanos(switch_interval_ns / 10)));
        }
    };
    let is_learned = instrument().learn_drop_request(run_python, release_directly);
    instrument().recorder().set_boundary(thread, 0);
    waiter.stop(py)?;
    outcome?;
    py.check_signals()?;
    Ok(is_learned)
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<GilWaiter>()?;
    m.add_function(wrap_pyfunction!(learn_drop_request, m)?)
}
