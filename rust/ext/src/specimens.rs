//! Functions whose use of the GIL is exact by construction. No other code here misbehaves on purpose.
//!
//! All but one work for a fixed *processor* time: a specimen that is descheduled works on afterwards, as real code does.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gilcheck_core::workload::{self, work};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Works for `ns` with the GIL held.
#[pyfunction]
fn holds(ns: u64) {
    work(ns);
}

/// Works for `ns` with the GIL released.
#[pyfunction]
fn releases(py: Python<'_>, ns: u64) {
    py.detach(|| work(ns));
}

/// Computes what one thread alone computes in about `ns`, with the GIL released.
///
/// It is the only specimen that takes longer on a slower core, for instance beside another hyper-thread, as real code does.
#[pyfunction]
fn computes(py: Python<'_>, ns: u64) -> u32 {
    py.detach(|| workload::compute(workload::steps_in(ns)))
}

/// Works for `released_ns` without the GIL, then for `held_ns` with it.
#[pyfunction]
fn releases_then_holds(py: Python<'_>, released_ns: u64, held_ns: u64) {
    py.detach(|| work(released_ns));
    work(held_ns);
}

/// Releases and takes the GIL `n_times` and works for `ns` each time in between.
///
/// With 0 ns it does nothing in between: reading the processor time costs more than a release and a take, and would hide
/// what recording adds to them.
#[pyfunction]
fn chatters(py: Python<'_>, n_times: u64, ns: u64) {
    for _ in 0..n_times {
        py.detach(|| {
            if ns > 0 {
                work(ns);
            }
        });
    }
}

/// Sleeps for `ns` with the GIL released, without processor time.
#[pyfunction]
fn sleeps(py: Python<'_>, ns: u64) {
    py.detach(|| thread::sleep(Duration::from_nanos(ns)));
}

/// Releases the GIL and starts `n_threads` threads, which attach and work for `ns` each with the GIL held.
#[pyfunction]
fn spawns(py: Python<'_>, n_threads: usize, ns: u64) -> PyResult<()> {
    let failed = py.detach(|| {
        let threads: Vec<_> = (0..n_threads).map(|_| thread::spawn(move || Python::attach(|_py| work(ns)))).collect();
        threads.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count()
    });
    if failed == 0 { Ok(()) } else { Err(PyRuntimeError::new_err(format!("{failed} of {n_threads} threads panicked"))) }
}

/// Counts to `n`, at most 1000, with the GIL released, in a counter that all threads share: right alone, wrong under
/// competition.
///
/// The first step and some later ones yield the processor, so that competitors collide on one processor too. They yield
/// between steps, not within them: threads that alternate evenly, as beside busy processes, would otherwise read and write
/// in lock-step and all count right. Not every step yields, because beside busy processes a yield costs a whole time slice.
#[pyfunction]
fn races(py: Python<'_>, n: u64) -> u64 {
    const YIELDS_EVERY: u64 = 64;
    static SHARED: AtomicU64 = AtomicU64::new(0);
    py.detach(|| {
        SHARED.store(0, Relaxed);
        for step in 0..n.min(1000) {
            SHARED.store(SHARED.load(Relaxed) + 1, Relaxed);
            if step % YIELDS_EVERY == 0 {
                thread::yield_now();
            }
        }
        SHARED.load(Relaxed)
    })
}

/// Works for `ns` with the GIL released, under a lock that all its callers share: released, but serialised.
#[pyfunction]
fn serialises(py: Python<'_>, ns: u64) {
    static INNER: Mutex<()> = Mutex::new(());
    py.detach(|| {
        let _inner = INNER.lock().unwrap_or_else(PoisonError::into_inner);
        work(ns);
    });
}

/// Copies `n_bytes` between two buffers of the calling thread `n_times`, with the GIL released; returns a byte of the copy.
///
/// If `n_bytes` is much larger than the caches, memory bounds its speed.
#[pyfunction]
fn memory_bound(py: Python<'_>, n_bytes: usize, n_times: usize) -> u8 {
    thread_local! {
        static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    }
    py.detach(|| {
        BUFFERS.with_borrow_mut(|(from, to)| {
            // They are kept between calls, because making new pages is another bottleneck in the kernel.
            from.resize(n_bytes, 1);
            to.resize(n_bytes, 0);
            for _ in 0..n_times {
                std::hint::black_box(&mut *to).copy_from_slice(std::hint::black_box(from));
            }
            to.last().copied().unwrap_or_default()
        })
    })
}

/// Releases the GIL and splits `ns` of work among `n_threads` new threads that never attach: a function with a pool.
#[pyfunction]
fn pools(py: Python<'_>, n_threads: usize, ns: u64) {
    let n_threads = n_threads.max(1);
    py.detach(|| {
        thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| work(ns / n_threads as u64));
            }
        });
    });
}

/// Never returns, with the GIL held (`holding`) or released. It serves to test deadlines and cannot be interrupted.
#[pyfunction]
fn never_returns(py: Python<'_>, holding: bool) {
    let for_ever = || {
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    };
    if holding { for_ever() } else { py.detach(for_ever) }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    // They have the public name, under which `pickle` finds them in a child process.
    let specimens = PyModule::new(m.py(), "pytest_gilcheck.specimens")?;
    specimens.add_function(wrap_pyfunction!(holds, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(releases, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(computes, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(releases_then_holds, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(chatters, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(sleeps, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(spawns, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(races, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(serialises, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(memory_bound, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(pools, &specimens)?)?;
    specimens.add_function(wrap_pyfunction!(never_returns, &specimens)?)?;
    m.add("specimens", &specimens)
}
