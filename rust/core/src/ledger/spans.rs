//! From totals to spans: what a thread's account says of the time between two moments.

use std::sync::atomic::Ordering::Relaxed;

use super::account::{MAX_DEPTH, State};
use super::log::Event;
use super::recorder::Recorder;
use crate::clock;

/// What is remembered at the beginning of a span.
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
    n_voluntary: u64,
    n_on_request: u64,
    n_impossible: u64,
    n_dropped: u64,
    first_event: usize,
}

impl SpanStart {
    /// When did it begin?
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }
}

/// Where the time of a span went. `end_ns - start_ns = held + waiting + released + instrument`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the Python record `CallSpan`, where they are explained
pub struct SpanFigures {
    pub start_ns: u64,
    pub end_ns: u64,
    pub held_ns: u64,
    pub waiting_ns: u64,
    pub instrument_ns: u64,
    pub held_delay_ns: Option<u64>,
    pub free_delay_ns: Option<u64>,
    pub longest_hold_ns: u64,
    pub n_voluntary: u64,
    pub n_on_request: u64,
    pub n_dropped: u64,
    pub events: Vec<Event>,
}

/// Why a span could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// Nothing is recorded now.
    NotRecording,
    /// More threads than accounts.
    TooManyThreads,
    /// Spans nested deeper than eight.
    TooDeep,
    /// The thread's account contradicts that it holds the GIL, or the span began in another recording.
    Inconsistent,
}

impl Recorder {
    /// Begins a span in the calling thread, which holds the GIL.
    ///
    /// With `delay`, the thread's open scheduler account and its present value, time off the processor is told
    /// apart by state, at the price of one system call for each hand-over.
    ///
    /// # Errors
    /// [`SpanError`] where no exact span can be had.
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
        if let Some((fd, value)) = delay {
            account.last_delay_ns.store(value, Relaxed);
            account.delay_fd.store(fd, Relaxed);
        }
        level.longest_ns.store(0, Relaxed);
        account.depth.store(depth + 1, Relaxed);
        // A recording may last for a whole session, the list holds the events of a moment: where no span needs it any
        // more it begins anew. (Full, it hid the threads that a callee brings: their holds are told from events.)
        if self.n_spans.fetch_add(1, Relaxed) == 0 {
            self.log.clear();
        }
        let n_dropped = self.log.n_dropped();
        let first_event = self.log.len();
        let start_ns = clock::now_ns();
        level.floor_ns.store(start_ns, Relaxed);
        Ok(SpanStart {
            thread,
            epoch: self.epoch.load(Relaxed),
            start_ns,
            held_ns: account.held_ns_at(start_ns),
            waiting_ns: account.waiting_ns.load(Relaxed),
            instrument_ns: account.instrument_ns.load(Relaxed),
            held_delay_ns: account.held_delay_ns.load(Relaxed),
            free_delay_ns: account.free_delay_ns.load(Relaxed),
            n_voluntary: account.n_voluntary.load(Relaxed),
            n_on_request: account.n_on_request.load(Relaxed),
            n_impossible: self.n_impossible(),
            n_dropped,
            first_event,
        })
    }

    /// Ends a span in the thread that began it, which holds the GIL again. `end_ns` is stamped by the caller, before
    /// anything else. Spans of a thread end in the reverse order of their beginnings.
    ///
    /// `final_delay_ns` is the scheduler's account at the end, where `begin` was given one.
    ///
    /// # Errors
    /// [`SpanError::Inconsistent`] where the figures cannot be trusted.
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
        // Saturating, so that ending one span twice cannot wrap around.
        let _ = self.n_spans.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1)));
        let told_apart = account.delay_fd.swap(-1, Relaxed) >= 0;
        let depth = account.depth.load(Relaxed).saturating_sub(1);
        account.depth.store(depth, Relaxed);
        let level = account.levels.get(depth.min(MAX_DEPTH - 1)).ok_or(SpanError::TooDeep)?;
        if account.state() != State::Holding || self.n_impossible() != start.n_impossible {
            return Err(SpanError::Inconsistent);
        }
        let since_ns = account.since_ns();
        level.close_hold(since_ns, end_ns);
        let (mut held_delay_ns, mut free_delay_ns) = (None, None);
        if let (true, Some(delay_ns)) = (told_apart, final_delay_ns) {
            let last_ns = end_ns.saturating_sub(since_ns.max(start.start_ns));
            let running_ns = delay_ns.saturating_sub(account.last_delay_ns.load(Relaxed)).min(last_ns);
            held_delay_ns = Some(account.held_delay_ns.load(Relaxed) - start.held_delay_ns + running_ns);
            free_delay_ns = Some(account.free_delay_ns.load(Relaxed) - start.free_delay_ns);
        }
        Ok(SpanFigures {
            start_ns: start.start_ns,
            end_ns,
            held_ns: account.held_ns_at(end_ns) - start.held_ns,
            waiting_ns: account.waiting_ns.load(Relaxed) - start.waiting_ns,
            instrument_ns: account.instrument_ns.load(Relaxed) - start.instrument_ns,
            held_delay_ns,
            free_delay_ns,
            longest_hold_ns: level.longest_ns.load(Relaxed),
            n_voluntary: account.n_voluntary.load(Relaxed) - start.n_voluntary,
            n_on_request: account.n_on_request.load(Relaxed) - start.n_on_request,
            n_dropped: self.log.n_dropped() - start.n_dropped + self.log.n_beyond(start.first_event, max_events),
            events: self
                .log
                .since(start.first_event, max_events)
                .filter(|event| event.at_ns >= start.start_ns && event.at_ns <= end_ns)
                .collect(),
        })
    }
}
