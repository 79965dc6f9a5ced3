//! A native thread that reads the accounts of competing threads while they make their calls.

use std::sync::{Mutex, PoisonError};

use gilcheck_core::readings::AccountReader as CoreReader;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// What the kernel knew at one moment: `(at_ns, [(cpu_ns, delay_ns), ...])`, with the threads in the order of the reader.
type Reading = (u64, Vec<(u64, u64)>);

/// Reads the processor time and the run delay of some threads of this process again and again. It never has the GIL.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct AccountReader {
    thread_ids: Vec<u32>,
    gap_ns: u64,
    most: usize,
    reader: Mutex<Option<CoreReader>>,
}

#[pymethods]
impl AccountReader {
    /// Makes a reader of the threads with these numbers of the kernel. It reads about every `gap_ns`, at most `most` times.
    #[new]
    fn new(thread_ids: Vec<u32>, gap_ns: u64, most: usize) -> Self {
        Self { thread_ids, gap_ns, most, reader: Mutex::new(None) }
    }

    /// Begins to read, once. Raises `RuntimeError` if the system gives no thread.
    fn start(&self) -> PyResult<()> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.is_none() {
            let started = CoreReader::start(self.thread_ids.clone(), self.gap_ns, self.most);
            *reader = Some(started.map_err(|error| {
                PyRuntimeError::new_err(format!("cannot start the thread that reads accounts: {error}"))
            })?);
        }
        Ok(())
    }

    /// Lets the reader end soon. Any thread may call this, and more than once.
    fn stop(&self) {
        if let Some(reader) = &*self.reader.lock().unwrap_or_else(PoisonError::into_inner) {
            reader.stop();
        }
    }

    /// Waits for the reader's end; returns what it has read, and the processor time that it took for that.
    ///
    /// Nothing if it was not started, or a second time.
    fn finish(&self, py: Python<'_>) -> (Vec<Reading>, u64) {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(reader) = reader else { return (Vec::new(), 0) };
        let readings = py.detach(|| reader.finish());
        let taken = readings.taken.into_iter().map(|reading| {
            let accounts = reading.accounts.iter().map(|account| (account.cpu_ns, account.delay_ns)).collect();
            (reading.at_ns, accounts)
        });
        (taken.collect(), readings.cpu_ns)
    }
}

impl Drop for AccountReader {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<AccountReader>()
}
