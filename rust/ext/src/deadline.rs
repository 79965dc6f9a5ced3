//! The deadline for Python.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gilcheck_core::clock;
use gilcheck_core::cpython::instrument;
use gilcheck_core::ledger::State;
use gilcheck_core::watchdog::{CallClock as CoreCallClock, Ending, Piece as CorePiece, Watchdog as CoreWatchdog};
use pyo3::prelude::*;

/// After the deadline, a thread that has held the GIL for longer than this is stuck.
const LONG_HOLD_NS: u64 = 500_000_000;

/// Bytes, or the path of a file.
#[derive(FromPyObject)]
enum Piece {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl From<Piece> for CorePiece {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Bytes(bytes) => Self::Bytes(bytes),
            Piece::File(path) => Self::File(path),
        }
    }
}

/// When the present call of each thread began; a deadline looks at it.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
pub struct CallClock {
    core: Arc<CoreCallClock>,
}

impl CallClock {
    /// A call of thread `index` begins at `now_ns`.
    #[inline]
    pub fn begin_at(&self, index: usize, now_ns: u64) {
        self.core.begin_at(index, now_ns);
    }
}

#[pymethods]
impl CallClock {
    /// Makes a clock for `n_threads` threads, which are numbered from 0 on.
    #[new]
    fn new(n_threads: usize) -> Self {
        Self { core: Arc::new(CoreCallClock::new(n_threads)) }
    }

    /// A call of thread `index` begins now.
    fn begin(&self, index: usize) {
        self.begin_at(index, clock::now_ns());
    }

    /// The call of thread `index` has ended.
    #[inline]
    pub fn end(&self, index: usize) {
        self.core.end(index);
    }

    /// Returns the thread whose present call has run longest, and for how many nanoseconds; None without any call.
    fn longest(&self) -> Option<(usize, u64)> {
        self.core.longest_at(clock::now_ns())
    }
}

/// Ends the process if it is not disarmed in time.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct Watchdog {
    core: CoreWatchdog,
}

#[pymethods]
impl Watchdog {
    /// Arms a deadline of `after_ns` for each call on the clock `calls`, in `threads`, which are identifiers of threads.
    #[new]
    #[pyo3(signature = (after_ns, calls, threads, *, signal, message_fd, message, save_path, save_pieces, status))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        after_ns: u64,
        calls: &Bound<'_, CallClock>,
        threads: Vec<usize>,
        signal: i32,
        message_fd: i32,
        message: String,
        save_path: Option<PathBuf>,
        save_pieces: Vec<Piece>,
        status: i32,
    ) -> PyResult<Self> {
        let is_stuck = move || {
            let recorder = instrument().recorder();
            if !recorder.is_recording() {
                // Without a record: no Python code that could disarm it has run for a second.
                return true;
            }
            threads.iter().filter_map(|thread| recorder.accounts().find(*thread)).any(|account| {
                account.state() == State::Holding && clock::now_ns().saturating_sub(account.since_ns()) > LONG_HOLD_NS
            })
        };
        let calls = Arc::clone(&calls.get().core);
        let save = save_path.map(|path| (path, save_pieces.into_iter().map(CorePiece::from).collect()));
        let ending = Ending { signal, message_fd, message, save, status };
        Ok(Self { core: CoreWatchdog::arm(Duration::from_nanos(after_ns), calls, is_stuck, ending)? })
    }

    /// Removes the deadline, and waits until its thread has ended.
    fn disarm(&self, py: Python<'_>) {
        py.detach(|| self.core.disarm());
    }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<CallClock>()?;
    m.add_class::<Watchdog>()
}
