//! The deadline for Python.

use std::path::PathBuf;
use std::time::Duration;

use gilcheck_core::clock;
use gilcheck_core::cpython::instrument;
use gilcheck_core::ledger::State;
use gilcheck_core::watchdog::{Ending, Piece as CorePiece, Watchdog as CoreWatchdog};
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

/// Ends the process if it is not disarmed in time.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct Watchdog {
    core: CoreWatchdog,
}

#[pymethods]
impl Watchdog {
    /// Arms a deadline `after_ns` from now for calls in `threads`, which are identifiers of threads.
    #[new]
    #[pyo3(signature = (after_ns, threads, *, signal, message_fd, message, save_path, save_pieces, status))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        after_ns: u64,
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
        let save = save_path.map(|path| (path, save_pieces.into_iter().map(CorePiece::from).collect()));
        let ending = Ending { signal, message_fd, message, save, status };
        Ok(Self { core: CoreWatchdog::arm(Duration::from_nanos(after_ns), is_stuck, ending)? })
    }

    /// Moves the deadline to `after_ns` from now.
    fn put_off(&self, after_ns: u64) {
        self.core.put_off(Duration::from_nanos(after_ns));
    }

    /// Removes the deadline.
    fn disarm(&self) {
        self.core.disarm();
    }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Watchdog>()
}
