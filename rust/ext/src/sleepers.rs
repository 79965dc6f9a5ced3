//! A native thread that keeps where competing threads sleep while they make their calls.

use std::sync::{Mutex, PoisonError};

use gilcheck_core::places::Resolver;
use gilcheck_core::sleepers::SleepSampler as CoreSampler;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::places::{PlaceTuple, to_tuple};

/// (name of the system call or None, frames from the innermost on, how often it was seen).
type SleepTuple = (Option<&'static str>, Vec<PlaceTuple>, usize);

/// Looks at some threads of this process again and again. It never has the GIL.
#[pyclass(frozen, module = "pytest_gilcheck._native")]
struct SleepSampler {
    thread_ids: Vec<u32>,
    gap_ns: u64,
    most: usize,
    sampler: Mutex<Option<CoreSampler>>,
}

#[pymethods]
impl SleepSampler {
    /// Makes a sampler of the threads with these numbers of the kernel. It looks about every `gap_ns`, at most `most` times.
    #[new]
    fn new(thread_ids: Vec<u32>, gap_ns: u64, most: usize) -> Self {
        Self { thread_ids, gap_ns, most, sampler: Mutex::new(None) }
    }

    /// Begins to look, once. Raises `RuntimeError` if the system gives no thread.
    fn start(&self) -> PyResult<()> {
        let mut sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner);
        if sampler.is_none() {
            let started = CoreSampler::start(self.thread_ids.clone(), self.gap_ns, self.most);
            *sampler = Some(started.map_err(|error| {
                PyRuntimeError::new_err(format!("cannot start the thread that looks at others: {error}"))
            })?);
        }
        Ok(())
    }

    /// Lets the sampler end soon. Any thread may call this, and more than once.
    fn stop(&self) {
        if let Some(sampler) = &*self.sampler.lock().unwrap_or_else(PoisonError::into_inner) {
            sampler.stop();
        }
    }

    /// Waits for the sampler's end; returns what it saw from `start_ns` to `end_ns`: the stacks of threads that slept, how
    /// often one ran, and how often one could not be read.
    ///
    /// Nothing if it was not started, or a second time.
    fn finish(&self, py: Python<'_>, start_ns: u64, end_ns: u64) -> (Vec<SleepTuple>, usize, usize) {
        let sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(sampler) = sampler else { return (Vec::new(), 0, 0) };
        py.detach(|| {
            let sleeps = sampler.finish(start_ns, end_ns);
            let mut resolver = Resolver::new();
            let stacks = sleeps.stacks.iter().map(|stack| {
                let frames = stack.addresses.iter().flat_map(|address| resolver.frames_at(*address).to_vec());
                (stack.system_call_name(), frames.map(|frame| to_tuple(&frame)).collect(), stack.n)
            });
            (stacks.collect(), sleeps.n_running, sleeps.n_unread)
        })
    }
}

impl Drop for SleepSampler {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<SleepSampler>()
}
