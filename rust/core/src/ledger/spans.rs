//! Measures spans: the differences of a thread's totals between two moments.

use super::account::{Account, State};
use super::active::OtherThread;
use super::atomic::Ordering::Relaxed;
use super::log::GilEvent;
use super::recorder::Recorder;
use crate::clock::{self, ProcessorAccount};

/// How much of a span is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Its totals.
    Totals,
    /// Also its longest hold, its events and what other threads did.
    Full,
    /// Also its run delay by state. The kernel's account of the thread at the beginning is given. Each release and each take
    /// costs a few system calls, in other threads, too.
    Split(ProcessorAccount),
    /// The same, but the thread is read no more often than other threads are. Where it does more, its run delay by state is
    /// not known.
    SplitSparingly(ProcessorAccount),
}

impl Detail {
    /// Returns the kernel's account at the beginning of a span whose run delay is split.
    fn at_start(&self) -> Option<&ProcessorAccount> {
        match self {
            Self::Totals | Self::Full => None,
            Self::Split(account) | Self::SplitSparingly(account) => Some(account),
        }
    }

    fn is_sparing(&self) -> bool {
        matches!(self, Self::SplitSparingly(_))
    }
}

#[derive(Clone, Copy, Debug)]
struct Totals {
    held_ns: u64,
    waiting_ns: u64,
    instrument_ns: u64,
    held_delay_ns: u64,
    free_delay_ns: u64,
    unsplit_delay_ns: u64,
    n_releases_by_function: u64,
    n_releases_by_interpreter: u64,
    n_not_read: u32,
}

impl Totals {
    fn of(account: &Account, now_ns: u64) -> Self {
        Self {
            held_ns: account.held_ns_at(now_ns),
            waiting_ns: account.waiting_ns.load(Relaxed),
            instrument_ns: account.instrument_ns.load(Relaxed),
            held_delay_ns: account.held_delay_ns.load(Relaxed),
            free_delay_ns: account.free_delay_ns.load(Relaxed),
            unsplit_delay_ns: account.unsplit_delay_ns.load(Relaxed),
            n_releases_by_function: account.n_releases_by_function.load(Relaxed),
            n_releases_by_interpreter: account.n_releases_by_interpreter.load(Relaxed),
            n_not_read: account.n_not_read.load(Relaxed),
        }
    }
}

/// The totals at the beginning of a span.
#[derive(Clone, Copy, Debug)]
pub struct SpanStart {
    thread: usize,
    epoch: u32,
    start_ns: u64,
    detail: Detail,
    totals: Totals,
    n_impossible: u64,
    n_dropped: u64,
    first_event: usize,
    /// Where the span stands among the active ones; `None` without detail.
    active: Option<usize>,
}

impl SpanStart {
    /// Returns when the span began, in monotonic nanoseconds.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Returns the thread that began the span.
    #[must_use]
    pub fn thread(&self) -> usize {
        self.thread
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
    pub unsplit_delay_ns: Option<u64>,
    pub longest_hold_ns: u64,
    pub n_releases_by_function: u64,
    pub n_releases_by_interpreter: u64,
    pub n_dropped: u64,
    pub events: Vec<GilEvent>,
    pub others: Vec<OtherThread>,
}

/// Why a span has no exact figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// Nothing is being recorded.
    NotRecording,
    /// There are more threads than accounts.
    TooManyThreads,
    /// More spans are being measured in detail than there is room for.
    TooManySpans,
    /// The account contradicts that the thread holds the GIL, or the span began in another recording.
    Inconsistent,
    /// Another tool has changed the functions that the interpreter calls, so that releases and takes may be missing.
    Lost,
}

impl Recorder {
    /// Begins a span in the calling thread, which holds the GIL.
    ///
    /// # Errors
    ///
    /// [`SpanError`] if the span cannot have exact figures.
    pub fn begin(&self, thread: usize, detail: Detail) -> Result<SpanStart, SpanError> {
        if !self.is_recording() {
            return Err(SpanError::NotRecording);
        }
        let account = self.account(thread).ok_or(SpanError::TooManyThreads)?;
        if self.holder.load(Relaxed) != thread {
            return Err(SpanError::Inconsistent);
        }
        match account.state() {
            State::Holding => {}
            State::Unknown => account.enter(State::Holding, clock::now_ns()),
            State::Released | State::Waiting => return Err(SpanError::Inconsistent),
        }
        // A recording may last a whole session, so the log is cleared when no span needs it: it serves timelines alone.
        if self.n_spans.fetch_add(1, Relaxed) == 0 {
            self.log.clear();
        }
        let (n_dropped, first_event) = (self.log.n_dropped(), self.log.len());
        let start_ns = clock::now_ns();
        let active = match detail {
            Detail::Totals => None,
            Detail::Full | Detail::Split(_) | Detail::SplitSparingly(_) => {
                let active = self.active.begin(thread, start_ns, self.busy_at(start_ns));
                if active.is_none() {
                    self.ended();
                    return Err(SpanError::TooManySpans);
                }
                active
            }
        };
        if let Some(reading) = detail.at_start() {
            self.begin_splitting(account, start_ns, reading, detail.is_sparing());
        }
        Ok(SpanStart {
            thread,
            epoch: self.epoch.load(Relaxed),
            start_ns,
            detail,
            totals: Totals::of(account, start_ns),
            n_impossible: self.n_impossible(),
            n_dropped,
            first_event,
            active,
        })
    }

    /// Ends a span in the thread that began it, which holds the GIL again. Spans may overlap in any order.
    ///
    /// The caller stamps `end_ns` before it does anything else. `at_end` is the kernel's account of the thread, with its run
    /// delay at that moment, for a span that splits it.
    ///
    /// # Errors
    ///
    /// [`SpanError::Inconsistent`] if the figures are not reliable.
    pub fn end(
        &self,
        start: &SpanStart,
        end_ns: u64,
        at_end: Option<ProcessorAccount>,
        max_events: usize,
    ) -> Result<SpanFigures, SpanError> {
        let account = self.accounts.find(start.thread).ok_or(SpanError::Inconsistent)?;
        if account.epoch.load(Relaxed) != start.epoch || self.epoch.load(Relaxed) != start.epoch {
            return Err(SpanError::Inconsistent);
        }
        self.ended();
        let since_ns = account.since_ns();
        let (longest_hold_ns, others) =
            start.active.map_or((0, Vec::new()), |active| self.active.end(active, since_ns, end_ns));
        let is_split = start.detail.at_start().is_some();
        if is_split {
            if let Some(reading) = at_end {
                account.begin_change();
                Self::add_delay(account, end_ns, State::Holding, &reading);
                account.keep(&reading);
                account.last_reading_ns.store(end_ns, Relaxed);
                account.end_change();
            }
            self.ended_splitting(account, start.detail.is_sparing());
        }
        if account.state() != State::Holding || self.n_impossible() != start.n_impossible {
            return Err(SpanError::Inconsistent);
        }
        let (before, now) = (start.totals, Totals::of(account, end_ns));
        let is_read = at_end.is_some() && !(start.detail.is_sparing() && now.n_not_read != before.n_not_read);
        let split = |ns: u64| (is_split && is_read).then_some(ns);
        let mut events: Vec<_> = self
            .log
            .since(start.first_event, max_events)
            .filter(|event| event.at_ns >= start.start_ns && event.at_ns <= end_ns)
            .collect();
        // Waits that were noted without the GIL's mutex are logged later, with their own times.
        events.sort_by_key(|event| event.at_ns);
        Ok(SpanFigures {
            held_ns: now.held_ns - before.held_ns,
            waiting_ns: now.waiting_ns - before.waiting_ns,
            instrument_ns: now.instrument_ns - before.instrument_ns,
            held_delay_ns: split(now.held_delay_ns - before.held_delay_ns),
            free_delay_ns: split(now.free_delay_ns - before.free_delay_ns),
            unsplit_delay_ns: split(now.unsplit_delay_ns - before.unsplit_delay_ns),
            longest_hold_ns,
            n_releases_by_function: now.n_releases_by_function - before.n_releases_by_function,
            n_releases_by_interpreter: now.n_releases_by_interpreter - before.n_releases_by_interpreter,
            n_dropped: self.log.n_dropped() - start.n_dropped + self.log.n_beyond(start.first_event, max_events),
            events,
            others,
        })
    }

    /// Gives up a span in whatever thread: its figures are not wanted any more, or cannot be had there.
    pub fn abandon(&self, start: &SpanStart) {
        if self.epoch.load(Relaxed) != start.epoch {
            return;
        }
        self.ended();
        if let Some(active) = start.active {
            self.active.end(active, 0, 0);
        }
        if let (Some(_), Some(account)) = (start.detail.at_start(), self.accounts.find(start.thread)) {
            self.ended_splitting(account, start.detail.is_sparing());
        }
    }

    fn begin_splitting(&self, account: &Account, start_ns: u64, reading: &ProcessorAccount, is_sparing: bool) {
        self.split_number.fetch_add(1, Relaxed);
        self.split_began_ns.store(start_ns, Relaxed);
        let is_first_span = account.n_splitting.fetch_add(1, Relaxed) == 0;
        account.n_sparing.fetch_add(usize::from(is_sparing), Relaxed);
        account.begin_change();
        if account.is_first_reading(reading) {
            account.begin_readings(start_ns, reading);
        } else {
            // An outer span splits too: what is new belongs to it, and to its holding. Without one it may be of anything, and
            // matters to the spans of other threads alone.
            account.is_read_before_hold.store(!is_first_span && account.is_read_before_hold.load(Relaxed), Relaxed);
            Self::add_delay(account, start_ns, State::Holding, reading);
        }
        account.keep(reading);
        account.last_reading_ns.store(start_ns, Relaxed);
        account.is_read_before_hold.store(true, Relaxed);
        account.has_waited.store(false, Relaxed);
        if is_first_span {
            account.ready_ns.store(0, Relaxed);
        }
        account.end_change();
        self.n_splitting.fetch_add(1, Relaxed);
    }

    fn ended_splitting(&self, account: &Account, is_sparing: bool) {
        for (n, less) in
            [(&account.n_splitting, 1), (&self.n_splitting, 1), (&account.n_sparing, usize::from(is_sparing))]
        {
            let _ = n.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(less)));
        }
    }

    /// Counts one span less. It saturates, so that ending a span twice cannot wrap around.
    fn ended(&self) {
        let _ = self.n_spans.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(1)));
    }
}
