//! Turns events into totals.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::account::{Account, Accounts, Membership, State, add};
use super::log::{EventKind, EventLog};
use super::meter::Meter;
use crate::{clock, os};

/// The capacity of the log. No reader follows a longer timeline, and the totals do not need it.
const MAX_EVENTS: usize = 1 << 17;
const MAX_THREADS: usize = 1 << 10;

/// Follows the GIL from event to event.
#[derive(Debug)]
pub struct Recorder {
    recording: AtomicBool,
    /// Numbers the recordings, from 1 on.
    pub(super) epoch: AtomicU32,
    /// Whether a thread holds the GIL after the last event.
    locked: AtomicBool,
    /// The thread that took the GIL last.
    pub(super) holder: AtomicUsize,
    /// A waiting thread has set the drop request: the interpreter will release the GIL soon.
    drop_request_pending: AtomicBool,
    /// The number of events that contradict the state before them. If it is not 0, the totals are not reliable.
    n_impossible: AtomicU64,
    /// The number of spans that have begun and not ended, in all threads.
    pub(super) n_spans: AtomicUsize,
    pub(super) log: EventLog,
    pub(super) accounts: Accounts,
    meter: Meter,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Makes a recorder that is not recording.
    #[must_use]
    pub fn new() -> Self {
        Self {
            recording: AtomicBool::new(false),
            epoch: AtomicU32::new(0),
            locked: AtomicBool::new(false),
            holder: AtomicUsize::new(0),
            drop_request_pending: AtomicBool::new(false),
            n_impossible: AtomicU64::new(0),
            n_spans: AtomicUsize::new(0),
            log: EventLog::with_capacity(MAX_EVENTS),
            accounts: Accounts::with_capacity(MAX_THREADS),
            meter: Meter::default(),
        }
    }

    /// Returns whether events are recorded.
    #[inline]
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.recording.load(Relaxed)
    }

    /// Begins a recording. The calling thread `thread` holds the GIL.
    pub fn start(&self, now_ns: u64, thread: usize) {
        let epoch = self.epoch.load(Relaxed).wrapping_add(1).max(1);
        self.epoch.store(epoch, Relaxed);
        self.log.clear();
        self.accounts.close_all();
        self.n_spans.store(0, Relaxed);
        self.meter.clear();
        self.n_impossible.store(0, Relaxed);
        self.drop_request_pending.store(false, Relaxed);
        self.locked.store(true, Relaxed);
        self.holder.store(thread, Relaxed);
        if let Some(account) = self.account(thread) {
            account.enter(State::Holding, now_ns);
        }
        self.recording.store(true, Relaxed);
    }

    /// Ends the recording. The totals stay readable.
    pub fn stop(&self) {
        self.recording.store(false, Relaxed);
    }

    /// Returns whether a waiting thread has set the drop request since the GIL was last taken.
    #[inline]
    #[must_use]
    pub fn drop_request_pending(&self) -> bool {
        self.drop_request_pending.load(Relaxed)
    }

    /// Returns the number of events that contradict the state before them.
    #[must_use]
    pub fn n_impossible(&self) -> u64 {
        self.n_impossible.load(Relaxed)
    }

    /// Returns the accounts of all threads.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Returns the meter of threads that run at the same time.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Lets the meter count the calling thread from its next take on, or no longer from its next release on.
    ///
    /// The thread holds the GIL. Without a recording nothing happens.
    pub fn set_metered(&self, thread: usize, is_metered: bool) {
        if let Some(account) = self.account(thread).filter(|_| self.is_recording()) {
            let membership = if is_metered { Membership::FromNextTake } else { Membership::UntilNextRelease };
            account.member.set(membership);
        }
    }

    /// Returns the list of events.
    #[must_use]
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// Records that a thread unlocks the GIL's mutex and leaves the GIL taken or not. Called under that mutex.
    ///
    /// It is an event only if that has *changed*: a thread that must exit unlocks the mutex without having taken the GIL.
    /// Returns what the thread did, if it is an event.
    #[inline]
    #[allow(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn unlocked(&self, now_ns: u64, is_taken: bool, thread: usize, by_interpreter: bool) -> Option<EventKind> {
        if is_taken == self.locked.load(Relaxed) {
            return None;
        }
        self.locked.store(is_taken, Relaxed);
        if is_taken {
            self.taken(now_ns, thread);
            return Some(EventKind::Take);
        }
        let kind = if by_interpreter { EventKind::ReleaseByInterpreter } else { EventKind::Release };
        self.released(now_ns, thread, kind);
        Some(kind)
    }

    #[inline]
    fn taken(&self, now_ns: u64, thread: usize) {
        self.holder.store(thread, Relaxed);
        self.drop_request_pending.store(false, Relaxed);
        self.log.push(now_ns, EventKind::Take, thread);
        let Some(account) = self.account(thread) else { return };
        let (before, stretch_ns) = (account.state(), now_ns.saturating_sub(account.since_ns()));
        match before {
            State::Waiting => add(&account.waiting_ns, stretch_ns),
            State::Holding => add(&self.n_impossible, 1),
            State::Released | State::Unknown => {}
        }
        self.enter(account, now_ns, before, State::Holding, stretch_ns);
    }

    #[inline]
    fn released(&self, now_ns: u64, thread: usize, kind: EventKind) {
        self.log.push(now_ns, kind, thread);
        if self.holder.load(Relaxed) != thread {
            add(&self.n_impossible, 1);
        }
        let Some(account) = self.account(thread) else { return };
        let (before, since_ns) = (account.state(), account.since_ns());
        let stretch_ns = now_ns.saturating_sub(since_ns);
        if before == State::Holding {
            add(&account.held_ns, stretch_ns);
            for level in account.levels.iter().take(account.depth.load(Relaxed)) {
                level.close_hold(since_ns, now_ns);
            }
        }
        let (n_releases, next) = match kind {
            // The interpreter waits for the GIL at once, until another thread has taken it.
            EventKind::ReleaseByInterpreter => (&account.n_releases_by_interpreter, State::Waiting),
            _ => (&account.n_releases_by_function, State::Released),
        };
        add(n_releases, 1);
        self.enter(account, now_ns, before, next, stretch_ns);
    }

    /// Records that a thread begins to wait for the GIL. Called under the GIL's mutex.
    #[inline]
    pub fn waits(&self, now_ns: u64, thread: usize) {
        let Some(account) = self.account(thread) else { return };
        let (before, stretch_ns) = (account.state(), now_ns.saturating_sub(account.since_ns()));
        match before {
            State::Waiting => return, // it waits in a loop, and the first wait counts
            State::Holding => add(&self.n_impossible, 1),
            State::Released | State::Unknown => {}
        }
        self.log.push(now_ns, EventKind::Wait, thread);
        self.enter(account, now_ns, before, State::Waiting, stretch_ns);
    }

    /// Records that a waiting thread sets the drop request. Called under the GIL's mutex.
    #[inline]
    pub fn drop_requested(&self) {
        self.drop_request_pending.store(true, Relaxed);
    }

    /// Ends a stretch of `stretch_ns` in state `before` and begins one in state `next`.
    #[inline]
    fn enter(&self, account: &Account, now_ns: u64, before: State, next: State, stretch_ns: u64) {
        account.enter(next, now_ns);
        self.meter.enter(&account.member, now_ns, next);
        if account.delay_handle.load(Relaxed) >= 0 {
            Self::add_delay(account, now_ns, before, stretch_ns);
        }
    }

    /// Adds the run delay since the last reading to the state `before`, at most `stretch_ns`.
    ///
    /// A longer delay was caused by the reading itself, which belongs to no state. (In a call with 8,000 releases beside
    /// busy processes most of the delay was, counted as holding, and made the call look released.) A delay while the
    /// thread waits for the GIL is part of the wait.
    #[cold]
    fn add_delay(account: &Account, now_ns: u64, before: State, stretch_ns: u64) {
        if let Some(delay_ns) = os::read_run_delay(account.delay_handle.load(Relaxed)) {
            let new_delay_ns = delay_ns.saturating_sub(account.last_delay_ns.load(Relaxed)).min(stretch_ns);
            match before {
                State::Holding => add(&account.held_delay_ns, new_delay_ns),
                State::Released => add(&account.free_delay_ns, new_delay_ns),
                State::Waiting | State::Unknown => {}
            }
            account.last_delay_ns.store(delay_ns, Relaxed);
        }
        let end_ns = clock::now_ns();
        add(&account.instrument_ns, end_ns.saturating_sub(now_ns));
        account.since_ns.store(end_ns, Relaxed);
    }

    /// Returns the account of a thread in this recording.
    #[inline]
    pub(super) fn account(&self, thread: usize) -> Option<&Account> {
        let account = self.accounts.find_or_open(thread)?;
        let epoch = self.epoch.load(Relaxed);
        if account.epoch.load(Relaxed) != epoch {
            account.reset(epoch);
        }
        Some(account)
    }
}
