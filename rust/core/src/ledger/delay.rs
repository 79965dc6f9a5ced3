//! Splits a thread's run delay, the time in which it is ready and does not run, by what it does to the GIL meanwhile.

use super::account::{Account, State, add};
use super::atomic::Ordering::Relaxed;
use super::recorder::Recorder;
use crate::clock;

impl Recorder {
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
}
