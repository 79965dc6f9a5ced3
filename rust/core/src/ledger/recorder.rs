//! Turns events into totals.

use super::account::{Account, Accounts, Membership, State, add};
use super::active::ActiveSpans;
use super::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, sized};
use super::log::{EventKind, EventLog};
use super::meter::Meter;

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
