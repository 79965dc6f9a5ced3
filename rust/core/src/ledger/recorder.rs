//! Turns events into totals.

use super::account::{Account, Accounts, Membership, State, add};
use super::active::ActiveSpans;
use super::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, sized};
use super::log::{EventKind, EventLog};
use super::meter::Meter;
use crate::clock;

/// The capacity of the log. No reader follows a longer timeline, and the totals do not need it.
const MAX_EVENTS: usize = sized(1 << 17, 16);
const MAX_THREADS: usize = sized(1 << 10, 2);

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
    /// How many of these split their run delay: without any, a hook need not look for its thread's.
    pub(super) n_splitting: AtomicUsize,
    pub(super) log: EventLog,
    pub(super) accounts: Accounts,
    pub(super) active: ActiveSpans,
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
            n_splitting: AtomicUsize::new(0),
            log: EventLog::with_capacity(MAX_EVENTS),
            accounts: Accounts::with_capacity(MAX_THREADS),
            active: ActiveSpans::new(),
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
        self.n_splitting.store(0, Relaxed);
        self.active.clear();
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
        let Some(account) = self.account(thread) else {
            self.log.push(now_ns, EventKind::Take, thread);
            return;
        };
        self.log_wait(account, thread);
        self.finish_switch_wait(account, thread);
        self.log.push(now_ns, EventKind::Take, thread);
        match account.state() {
            State::Waiting => {
                add(&account.waiting_ns, now_ns.saturating_sub(account.since_ns()));
                self.active.add_wait(thread, account.since_ns(), now_ns);
            }
            State::Holding => add(&self.n_impossible, 1),
            State::Released | State::Unknown => {}
        }
        account.enter(State::Holding, now_ns);
        account.hold_began_ns.store(now_ns, Relaxed);
        self.meter.enter(&account.member, now_ns, State::Holding);
    }

    #[inline]
    fn released(&self, now_ns: u64, thread: usize, kind: EventKind) {
        self.log.push(now_ns, kind, thread);
        if self.holder.load(Relaxed) != thread {
            add(&self.n_impossible, 1);
        }
        let Some(account) = self.account(thread) else { return };
        if account.state() == State::Holding {
            let since_ns = account.since_ns();
            add(&account.held_ns, now_ns.saturating_sub(since_ns));
            self.active.add_hold(thread, since_ns, now_ns, |owner| self.accounts.find(owner));
        }
        add(
            match kind {
                EventKind::ReleaseByInterpreter => &account.n_releases_by_interpreter,
                _ => &account.n_releases_by_function,
            },
            1,
        );
        // Whoever decided on the release: from here to its next wait the thread runs without the GIL. (Releases under a
        // drop request were taken for the interpreter's, and what followed for waiting. A function that held for 10 ms and
        // then worked for 300 ms without the GIL was held throughout as soon as another Python thread was busy.)
        account.enter(State::Released, now_ns);
        account.hold_ended_ns.store(now_ns, Relaxed);
        self.meter.enter(&account.member, now_ns, State::Released);
    }

    /// Records that a thread waits on the GIL's condition variable. Called under the GIL's mutex.
    #[inline]
    pub fn waits(&self, now_ns: u64, thread: usize) {
        let Some(account) = self.account(thread) else { return };
        match account.state() {
            // It waits in a loop, and the first wait counts; or it began to wait for the mutex.
            State::Waiting => {
                self.log_wait(account, thread);
                return;
            }
            State::Holding => add(&self.n_impossible, 1),
            State::Released | State::Unknown => {}
        }
        self.log_wait(account, thread);
        self.log.push(now_ns, EventKind::Wait, thread);
        account.has_waited.store(true, Relaxed);
        account.wait_began_ns.store(now_ns, Relaxed);
        account.enter(State::Waiting, now_ns);
        self.meter.enter(&account.member, now_ns, State::Waiting);
    }

    /// Returns whether a thread that locks the GIL's mutex does so to take the GIL. The mutex is not held.
    ///
    /// A thread that holds the GIL locks the mutex to release it, and goes on holding the GIL while it waits for the mutex.
    #[inline]
    #[must_use]
    pub fn is_about_to_take(&self, thread: usize) -> bool {
        self.account(thread).is_some_and(|account| account.state() != State::Holding)
    }

    /// Records that a thread waits for the GIL's mutex on its way to the GIL. It does not have the mutex.
    #[inline]
    pub fn waits_for_lock(&self, now_ns: u64, thread: usize) {
        let Some(account) = self.account(thread) else { return };
        if account.state() != State::Waiting {
            account.lock_wait_ns.store(now_ns, Relaxed);
            account.wait_began_ns.store(now_ns, Relaxed);
            account.has_waited.store(true, Relaxed);
            account.enter(State::Waiting, now_ns);
        }
    }

    /// Records that a thread waits for another one to take the GIL, after a release under a drop request (forced
    /// switching). The GIL's mutex is not held.
    #[inline]
    pub fn waits_for_switch(&self, now_ns: u64, thread: usize) {
        let Some(account) = self.account(thread) else { return };
        if account.state() == State::Released {
            account.switch_wait_ns.0.store(now_ns, Relaxed);
            account.switch_wait_ns.1.store(0, Relaxed);
            account.switch_wait_is_logged.store(false, Relaxed);
            account.has_waited.store(true, Relaxed);
            account.enter(State::Waiting, now_ns);
        }
    }

    /// Records that the other thread has taken the GIL: this one runs without it. The GIL's mutex is not held.
    #[inline]
    pub fn switched(&self, now_ns: u64, thread: usize) {
        let Some(account) = self.account(thread) else { return };
        if account.state() == State::Waiting && account.switch_wait_ns.0.load(Relaxed) != 0 {
            add(&account.waiting_ns, now_ns.saturating_sub(account.since_ns()));
            account.switch_wait_ns.1.store(now_ns, Relaxed);
            account.enter(State::Released, now_ns);
        }
    }

    /// Adds the waits that the thread noted without the GIL's mutex to the log. Called under that mutex.
    #[inline]
    fn log_wait(&self, account: &Account, thread: usize) {
        let (begin_ns, end_ns) = (account.switch_wait_ns.0.load(Relaxed), account.switch_wait_ns.1.load(Relaxed));
        if begin_ns != 0 && !account.switch_wait_is_logged.load(Relaxed) {
            self.log.push(begin_ns, EventKind::Wait, thread);
            if end_ns != 0 {
                self.log.push(end_ns, EventKind::Release, thread);
            }
            account.switch_wait_is_logged.store(true, Relaxed);
        }
        let begin_ns = account.lock_wait_ns.load(Relaxed);
        if begin_ns != 0 {
            self.log.push(begin_ns, EventKind::Wait, thread);
            account.lock_wait_ns.store(0, Relaxed);
        }
    }

    /// Adds the wait for another thread to the active spans as well. Called under the GIL's mutex, in a thread that has the GIL.
    #[inline]
    fn finish_switch_wait(&self, account: &Account, thread: usize) {
        let (begin_ns, end_ns) = (account.switch_wait_ns.0.load(Relaxed), account.switch_wait_ns.1.load(Relaxed));
        if begin_ns != 0 {
            if end_ns != 0 {
                self.active.add_wait(thread, begin_ns, end_ns);
            }
            account.switch_wait_ns.0.store(0, Relaxed);
        }
    }

    /// Records that a waiting thread sets the drop request. Called under the GIL's mutex.
    #[inline]
    pub fn drop_requested(&self) {
        self.drop_request_pending.store(true, Relaxed);
    }

    /// Sets the address of a variable of the function that makes a measured call in the calling thread; 0 if it has ended.
    #[inline]
    pub fn set_boundary(&self, thread: usize, variable: usize) {
        if let Some(account) = self.accounts.find(thread) {
            account.boundary.store(variable, Relaxed);
        }
    }

    /// Returns that address; 0 if no call is measured in `thread`.
    #[inline]
    #[must_use]
    pub fn boundary(&self, thread: usize) -> usize {
        self.accounts.find(thread).map_or(0, |account| account.boundary.load(Relaxed))
    }

    /// Returns whether the run delay of a thread is split by state.
    #[inline]
    #[must_use]
    pub fn splits_delay(&self, thread: usize) -> bool {
        self.n_splitting.load(Relaxed) != 0
            && self.accounts.find(thread).is_some_and(|account| account.n_splitting.load(Relaxed) != 0)
    }

    /// Reads the calling thread's run delay and adds what is new to the state `before`. The GIL's mutex is not held.
    ///
    /// It is called after each release, before the GIL's mutex is locked for a take, and after a take for which the thread
    /// has waited: what is new then fell on the wait. Under the mutex no system call may be made: the thread would be
    /// preempted with it in hand.
    #[cold]
    pub fn read_delay(&self, thread: usize, before: State, read: impl FnMut() -> Option<u64>) {
        let Some(account) = self.account(thread) else { return };
        let start_ns = clock::now_ns();
        if let Some(reading) = clock::run_delay_at(start_ns, read) {
            Self::add_delay(account, start_ns, before, reading.at_ns);
            account.last_delay_ns.store(reading.after_ns, Relaxed);
        }
        let end_ns = clock::now_ns();
        account.last_reading_ns.store(end_ns, Relaxed);
        let since_ns = if before == State::Waiting { account.hold_began_ns.load(Relaxed) } else { start_ns };
        add(&account.instrument_ns, end_ns.saturating_sub(since_ns));
        if before == State::Waiting {
            account.enter(State::Holding, end_ns); // the reading is no part of the hold that has begun
            account.hold_began_ns.store(end_ns, Relaxed);
        }
    }

    /// Returns whether the calling thread, which has just taken the GIL, has waited for it since its delay was last read.
    #[inline]
    #[must_use]
    pub fn has_waited(&self, thread: usize) -> bool {
        self.accounts.find(thread).is_some_and(|account| account.has_waited.load(Relaxed))
    }

    /// Adds the run delay since the last reading to the state in which the thread was from then on.
    ///
    /// It is at most the time since the last reading. More was caused by that reading itself, which belongs to no state. (In
    /// a call with 8,000 releases beside busy processes most of the delay was, counted as holding, and made the call look
    /// released.) A reading is made a little after the event that ends a state, or before the one that begins it. The thread
    /// does nothing in between, so what passes there, if it is long, is delay, too, and of the other state. (A thread that
    /// releases the GIL wakes the one that waits, which then preempts it before the reading: 15 ms of delay were counted to a
    /// hold of 10 ms, and nothing of it was left.)
    pub(super) fn add_delay(account: &Account, now_ns: u64, before: State, delay_ns: u64) {
        let last_ns = account.last_reading_ns.load(Relaxed);
        let mut left_ns =
            delay_ns.saturating_sub(account.last_delay_ns.load(Relaxed)).min(now_ns.saturating_sub(last_ns));
        account.last_delay_ns.store(delay_ns, Relaxed);
        let has_waited = account.has_waited.swap(false, Relaxed);
        let mut take = |most_ns: u64| {
            let part_ns = left_ns.min(most_ns);
            left_ns -= part_ns;
            part_ns
        };
        match before {
            State::Waiting => {
                add(&account.free_delay_ns, take(account.wait_began_ns.load(Relaxed).saturating_sub(last_ns)));
            }
            State::Holding if has_waited => add(&account.unsplit_delay_ns, left_ns),
            State::Holding => {
                let is_over = account.state() != State::Holding;
                let after_ns = if is_over { now_ns.saturating_sub(account.hold_ended_ns.load(Relaxed)) } else { 0 };
                let before_ns = account.hold_began_ns.load(Relaxed).saturating_sub(last_ns);
                add(&account.free_delay_ns, take(after_ns) + take(before_ns));
                add(&account.held_delay_ns, left_ns);
            }
            State::Released | State::Unknown => {
                let (began_ns, ended_ns) = (&account.switch_wait_ns.0, &account.switch_wait_ns.1);
                let waited_ns =
                    if has_waited { ended_ns.load(Relaxed).saturating_sub(began_ns.load(Relaxed)) } else { 0 };
                add(&account.unsplit_delay_ns, take(waited_ns));
                add(&account.free_delay_ns, left_ns);
            }
        }
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
