//! Measures spans: the differences of a thread's totals between two moments.

use std::sync::atomic::Ordering::Relaxed;

use super::account::{MAX_DEPTH, State};
use super::log::GilEvent;
use super::recorder::Recorder;
use crate::clock;

/// The totals at the beginning of a span.
#[derive(Clone, Copy, Debug)]
pub struct SpanStart {
    thread: usize,
    epoch: u32,
    start_ns: u64,
    held_ns: u64,
    waiting_ns: u64,
    instrument_ns: u64,
    held_delay_ns: u64,
    free_delay_ns: u64,
    n_releases_by_function: u64,
    n_releases_by_interpreter: u64,
    n_impossible: u64,
    n_dropped: u64,
    first_event: usize,
}

impl SpanStart {
    /// Returns when the span began, in monotonic nanoseconds.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }
}

/// The time of a span by state. The rest, its length less `held_ns`, `waiting_ns` and `instrument_ns`, is released.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the Python record `CallSpan` documents the names")]
pub struct SpanFigures {
    pub held_ns: u64,
    pub waiting_ns: u64,
    pub instrument_ns: u64,
    pub held_delay_ns: Option<u64>,
    pub free_delay_ns: Option<u64>,
    pub longest_hold_ns: u64,
    pub n_releases_by_function: u64,
    pub n_releases_by_interpreter: u64,
    pub n_dropped: u64,
    pub events: Vec<GilEvent>,
}

/// Why a span has no exact figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// Nothing is being recorded.
    NotRecording,
    /// There are more threads than accounts.
    TooManyThreads,
    /// The thread's spans are nested deeper than 8.
    TooDeep,
    /// The account contradicts that the thread holds the GIL, or the span began in another recording.
    Inconsistent,
}

impl Recorder {
    /// Begins a span in the calling thread, which holds the GIL.
    ///
    /// `delay` is the handle of the thread's run delay and its present value. With it the span's run delay is split by
    /// state, which costs one system call for each event.
    ///
    /// # Errors
    ///
    /// [`SpanError`] if the span cannot have exact figures.
    pub fn begin(&self, thread: usize, delay: Option<(i32, u64)>) -> Result<SpanStart, SpanError> {
        if !self.is_recording() {
            return Err(SpanError::NotRecording);
        }
        let account = self.account(thread).ok_or(SpanError::TooManyThreads)?;
        let depth = account.depth.load(Relaxed);
        let level = account.levels.get(depth).ok_or(SpanError::TooDeep)?;
        if self.holder.load(Relaxed) != thread {
            return Err(SpanError::Inconsistent);
        }
        match account.state() {
            State::Holding => {}
            State::Unknown => account.enter(State::Holding, clock::now_ns()),
            State::Released | State::Waiting => return Err(SpanError::Inconsistent),
        }
        if let Some((handle, delay_ns)) = delay {
            account.last_delay_ns.store(delay_ns, Relaxed);
            account.delay_handle.store(handle, Relaxed);
        }
        level.longest_ns.store(0, Relaxed);
        account.depth.store(depth + 1, Relaxed);
        // A recording may last a whole session, so the log is cleared when no span needs it. (A full log hid the threads
        // that a function starts: their holds are derived from events.)
        if self.n_spans.fetch_add(1, Relaxed) == 0 {
            self.log.clear();
        }
        let n_dropped = self.log.n_dropped();
        let first_event = self.log.len();
        let start_ns = clock::now_ns();
        level.start_ns.store(start_ns, Relaxed);
        Ok(SpanStart {
            thread,
            epoch: self.epoch.load(Relaxed),
            start_ns,
            held_ns: account.held_ns_at(start_ns),
            waiting_ns: account.waiting_ns.load(Relaxed),
            instrument_ns: account.instrument_ns.load(Relaxed),
            held_delay_ns: account.held_delay_ns.load(Relaxed),
            free_delay_ns: account.free_delay_ns.load(Relaxed),
            n_releases_by_function: account.n_releases_by_function.load(Relaxed),
            n_releases_by_interpreter: account.n_releases_by_interpreter.load(Relaxed),
            n_impossible: self.n_impossible(),
            n_dropped,
            first_event,
        })
    }

    /// Ends a span in the thread that began it, which holds the GIL again. Spans of a thread end innermost first.
    ///
    /// The caller stamps `end_ns` before it does anything else. `final_delay_ns` is the thread's run delay at the end, if
    /// `begin` was given one.
    ///
    /// # Errors
    ///
    /// [`SpanError::Inconsistent`] if the figures are not reliable.
    pub fn end(
        &self,
        start: &SpanStart,
        end_ns: u64,
        final_delay_ns: Option<u64>,
        max_events: usize,
    ) -> Result<SpanFigures, SpanError> {
        let account = self.accounts.find(start.thread).ok_or(SpanError::Inconsistent)?;
        if account.epoch.load(Relaxed) != start.epoch || self.epoch.load(Relaxed) != start.epoch {
            return Err(SpanError::Inconsistent);
        }
        // It saturates, so that ending a span twice cannot wrap around.
        let _ = self.n_spans.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1)));
        let splits_delay = account.delay_handle.swap(-1, Relaxed) >= 0;
        let depth = account.depth.load(Relaxed).saturating_sub(1);
        account.depth.store(depth, Relaxed);
        let level = account.levels.get(depth.min(MAX_DEPTH - 1)).ok_or(SpanError::TooDeep)?;
        if account.state() != State::Holding || self.n_impossible() != start.n_impossible {
            return Err(SpanError::Inconsistent);
        }
        let since_ns = account.since_ns();
        level.close_hold(since_ns, end_ns);
        let (mut held_delay_ns, mut free_delay_ns) = (None, None);
        if let (true, Some(delay_ns)) = (splits_delay, final_delay_ns) {
            let last_hold_ns = end_ns.saturating_sub(since_ns.max(start.start_ns));
            let new_delay_ns = delay_ns.saturating_sub(account.last_delay_ns.load(Relaxed)).min(last_hold_ns);
            held_delay_ns = Some(account.held_delay_ns.load(Relaxed) - start.held_delay_ns + new_delay_ns);
            free_delay_ns = Some(account.free_delay_ns.load(Relaxed) - start.free_delay_ns);
        }
        Ok(SpanFigures {
            held_ns: account.held_ns_at(end_ns) - start.held_ns,
            waiting_ns: account.waiting_ns.load(Relaxed) - start.waiting_ns,
            instrument_ns: account.instrument_ns.load(Relaxed) - start.instrument_ns,
            held_delay_ns,
            free_delay_ns,
            longest_hold_ns: level.longest_ns.load(Relaxed),
            n_releases_by_function: account.n_releases_by_function.load(Relaxed) - start.n_releases_by_function,
            n_releases_by_interpreter: account.n_releases_by_interpreter.load(Relaxed)
                - start.n_releases_by_interpreter,
            n_dropped: self.log.n_dropped() - start.n_dropped + self.log.n_beyond(start.first_event, max_events),
            events: self
                .log
                .since(start.first_event, max_events)
                .filter(|event| event.at_ns >= start.start_ns && event.at_ns <= end_ns)
                .collect(),
        })
    }
}
