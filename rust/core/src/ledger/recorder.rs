//! From hand-overs to totals.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::account::{Account, Accounts, State, add};
use super::log::{EventLog, Kind};
use super::meter::{Meter, Part};
use crate::clock;

/// A timeline longer than this says nothing more to a reader; totals are exact without it.
const EVENTS: usize = 1 << 17;
const THREADS: usize = 1 << 10;

/// Follows the GIL from hand-over to hand-over.
#[derive(Debug)]
pub struct Recorder {
    recording: AtomicBool,
    pub(super) epoch: AtomicU32,
    /// The state that the last event left: is the GIL taken, and by which thread?
    locked: AtomicBool,
    pub(super) holder: AtomicUsize,
    /// A waiting thread has run out of patience: the interpreter will give way at its next chance.
    request_pending: AtomicBool,
    /// Events that the state before them does not allow. Not zero: nothing here can be trusted.
    n_impossible: AtomicU64,
    /// Spans that have begun and not ended, in all threads.
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
    /// A recorder that records nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            recording: AtomicBool::new(false),
            epoch: AtomicU32::new(0),
            locked: AtomicBool::new(false),
            holder: AtomicUsize::new(0),
            request_pending: AtomicBool::new(false),
            n_impossible: AtomicU64::new(0),
            n_spans: AtomicUsize::new(0),
            log: EventLog::with_capacity(EVENTS),
            accounts: Accounts::with_capacity(THREADS),
            meter: Meter::default(),
        }
    }

    /// Is it recording?
    #[inline]
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.recording.load(Relaxed)
    }

    /// Begins to record. The calling thread `thread` holds the GIL.
    pub fn start(&self, now_ns: u64, thread: usize) {
        let epoch = self.epoch.load(Relaxed).wrapping_add(1).max(1);
        self.epoch.store(epoch, Relaxed);
        self.log.clear();
        self.accounts.forget_all();
        self.n_spans.store(0, Relaxed);
        self.meter.clear();
        self.n_impossible.store(0, Relaxed);
        self.request_pending.store(false, Relaxed);
        self.locked.store(true, Relaxed);
        self.holder.store(thread, Relaxed);
        if let Some(account) = self.account(thread) {
            account.enter(State::Holding, now_ns);
        }
        self.recording.store(true, Relaxed);
    }

    /// Stops recording; totals stay readable.
    pub fn stop(&self) {
        self.recording.store(false, Relaxed);
    }

    /// Has anybody run out of patience waiting for the GIL since it was last taken?
    #[inline]
    #[must_use]
    pub fn request_pending(&self) -> bool {
        self.request_pending.load(Relaxed)
    }

    /// How many events contradicted the state before them?
    #[must_use]
    pub fn n_impossible(&self) -> u64 {
        self.n_impossible.load(Relaxed)
    }

    /// The accounts of all threads.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The count of threads that ran at once.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The calling thread, which holds the GIL, is counted by the meter from its next taking of the GIL; or no longer
    /// from its next letting go. Nothing happens while nothing is recorded.
    pub fn take_part(&self, thread: usize, takes_part: bool) {
        if let Some(account) = self.account(thread).filter(|_| self.is_recording()) {
            account.member.set(if takes_part { Part::Coming } else { Part::Leaving });
        }
    }

    /// The list of events.
    #[must_use]
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// A thread unlocked the GIL's mutex and left the GIL `locked` or not. Called under that mutex.
    ///
    /// Only a *change* is a hand-over: a thread that must exit unlocks the mutex without having taken anything.
    /// Returns what happened, if anything did.
    #[inline]
    #[allow(clippy::must_use_candidate)] // called for its effect first
    pub fn unlocked(&self, now_ns: u64, locked: bool, thread: usize, on_request: bool) -> Option<Kind> {
        if locked == self.locked.load(Relaxed) {
            return None;
        }
        self.locked.store(locked, Relaxed);
        if locked {
            self.taken(now_ns, thread);
            return Some(Kind::Take);
        }
        self.dropped(now_ns, thread, on_request);
        Some(if on_request { Kind::DropOnRequest } else { Kind::Drop })
    }

    #[inline]
    fn taken(&self, now_ns: u64, thread: usize) {
        self.holder.store(thread, Relaxed);
        self.request_pending.store(false, Relaxed);
        self.log.push(now_ns, Kind::Take, thread);
        let Some(account) = self.account(thread) else { return };
        let (before, stretch_ns) = (account.state(), now_ns.saturating_sub(account.since_ns()));
        match before {
            State::Waiting => add(&account.waiting_ns, stretch_ns),
            State::Holding => add(&self.n_impossible, 1),
            State::Released | State::Unknown => {}
        }
        account.enter(State::Holding, now_ns);
        self.meter.follow(&account.member, now_ns, State::Holding);
        if account.delay_fd.load(Relaxed) >= 0 {
            Self::tell_delay_apart(account, now_ns, before, stretch_ns);
        }
    }

    #[inline]
    fn dropped(&self, now_ns: u64, thread: usize, on_request: bool) {
        let (kind, next) =
            if on_request { (Kind::DropOnRequest, State::Waiting) } else { (Kind::Drop, State::Released) };
        self.log.push(now_ns, kind, thread);
        if self.holder.load(Relaxed) != thread {
            add(&self.n_impossible, 1);
        }
        let Some(account) = self.account(thread) else { return };
        let (before, since_ns) = (account.state(), account.since_ns());
        if before == State::Holding {
            add(&account.held_ns, now_ns.saturating_sub(since_ns));
            for level in account.levels.iter().take(account.depth.load(Relaxed)) {
                level.close_hold(since_ns, now_ns);
            }
        }
        add(if on_request { &account.n_on_request } else { &account.n_voluntary }, 1);
        account.enter(next, now_ns);
        self.meter.follow(&account.member, now_ns, next);
        if account.delay_fd.load(Relaxed) >= 0 {
            Self::tell_delay_apart(account, now_ns, before, now_ns.saturating_sub(since_ns));
        }
    }

    /// A thread begins to wait for the GIL. Called under the GIL's mutex.
    #[inline]
    pub fn waits(&self, now_ns: u64, thread: usize) {
        let Some(account) = self.account(thread) else { return };
        let (before, stretch_ns) = (account.state(), now_ns.saturating_sub(account.since_ns()));
        match before {
            State::Waiting => return, // it waits in a loop; the first time counts
            State::Holding => add(&self.n_impossible, 1),
            State::Released | State::Unknown => {}
        }
        account.enter(State::Waiting, now_ns);
        self.meter.follow(&account.member, now_ns, State::Waiting);
        self.log.push(now_ns, Kind::Wait, thread);
        if account.delay_fd.load(Relaxed) >= 0 {
            Self::tell_delay_apart(account, now_ns, before, stretch_ns);
        }
    }

    /// A waiting thread's patience ran out while the GIL was taken. Called under the GIL's mutex.
    #[inline]
    pub fn ran_out_of_patience(&self) {
        self.request_pending.store(true, Relaxed);
    }

    /// Attributes the time off the processor since the last reading to the stretch that ends here, which lasted
    /// `stretch_ns` and no longer: what exceeds it fell on the instrument's own reading, which belongs to no state.
    /// (8,000 hand-overs of a call beside busy processes: most of its delay fell on the readings, was booked on
    /// holding, and the call looked released.) Off the processor while waiting is waiting.
    #[cold]
    fn tell_delay_apart(account: &Account, now_ns: u64, before: State, stretch_ns: u64) {
        if let Some(delay_ns) = clock::run_delay_of(account.delay_fd.load(Relaxed)) {
            let in_stretch_ns = delay_ns.saturating_sub(account.last_delay_ns.load(Relaxed)).min(stretch_ns);
            match before {
                State::Holding => add(&account.held_delay_ns, in_stretch_ns),
                State::Released => add(&account.free_delay_ns, in_stretch_ns),
                State::Waiting | State::Unknown => {}
            }
            account.last_delay_ns.store(delay_ns, Relaxed);
        }
        let resumed_ns = clock::now_ns();
        add(&account.instrument_ns, resumed_ns.saturating_sub(now_ns));
        account.since_ns.store(resumed_ns, Relaxed);
    }

    /// The account of a thread in this recording.
    #[inline]
    pub(super) fn account(&self, thread: usize) -> Option<&Account> {
        let account = self.accounts.find_or_open(thread)?;
        let epoch = self.epoch.load(Relaxed);
        if account.epoch.load(Relaxed) != epoch {
            account.renew(epoch);
        }
        Some(account)
    }
}
