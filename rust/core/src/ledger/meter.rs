//! Measures how long calls of several threads run at the same time.
//!
//! It counts at the events themselves, so no log can be too short for it.

use super::account::{Member, Membership, State, add};
use super::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The counted threads by state, and the sums.
#[derive(Debug, Default)]
pub struct Meter {
    since_ns: AtomicU64,
    n_released: AtomicUsize,
    n_holding: AtomicUsize,
    both_released_ns: AtomicU64,
    both_running_ns: AtomicU64,
}

impl Meter {
    /// Returns for how long two or more counted threads ran without the GIL, and for how long two or more did not wait
    /// for it.
    #[must_use]
    pub fn totals_ns(&self) -> (u64, u64) {
        (self.both_released_ns.load(Relaxed), self.both_running_ns.load(Relaxed))
    }

    pub(super) fn clear(&self) {
        for sum in [&self.since_ns, &self.both_released_ns, &self.both_running_ns] {
            sum.store(0, Relaxed);
        }
        self.n_released.store(0, Relaxed);
        self.n_holding.store(0, Relaxed);
    }

    /// Accounts for a thread that enters `state`. Called under the GIL's mutex.
    #[inline]
    pub(super) fn enter(&self, member: &Member, now_ns: u64, state: State) {
        if !member.is(Membership::None) {
            self.enter_counted(member, now_ns, state);
        }
    }

    #[cold]
    fn enter_counted(&self, member: &Member, now_ns: u64, state: State) {
        let mut next = state;
        if member.is(Membership::FromNextTake) {
            if state != State::Holding {
                return;
            }
            member.set(Membership::Counted);
        } else if member.is(Membership::UntilNextRelease) {
            member.set(Membership::None);
            next = State::Unknown;
        }
        let n_released = self.n_released.load(Relaxed);
        let n_holding = self.n_holding.load(Relaxed);
        let passed_ns = now_ns.saturating_sub(self.since_ns.swap(now_ns, Relaxed));
        if n_released >= 2 {
            add(&self.both_released_ns, passed_ns);
        }
        if n_released + n_holding >= 2 {
            add(&self.both_running_ns, passed_ns);
        }
        let before = member.counted_as.swap(next as u8, Relaxed);
        let leaves = |state: State| usize::from(before == state as u8);
        let enters = |state: State| usize::from(next == state);
        self.n_released.store((n_released + enters(State::Released)).saturating_sub(leaves(State::Released)), Relaxed);
        self.n_holding.store((n_holding + enters(State::Holding)).saturating_sub(leaves(State::Holding)), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Holding, Released, Waiting};

    #[test]
    fn time_counts_while_two_threads_are_released() {
        let (meter, one, two) = (Meter::default(), Member::default(), Member::default());
        one.set(Membership::FromNextTake);
        two.set(Membership::FromNextTake);

        meter.enter(&one, 0, Released); // before its first take: not counted
        meter.enter(&one, 100, Holding);
        meter.enter(&one, 110, Released);
        meter.enter(&two, 110, Holding); // one released, one holding: 110..150
        meter.enter(&two, 150, Released); // two released: 150..250
        meter.enter(&one, 250, Waiting);
        meter.enter(&two, 300, Waiting);
        meter.enter(&one, 310, Holding);
        one.set(Membership::UntilNextRelease);
        meter.enter(&one, 320, Released);
        meter.enter(&two, 330, Holding);
        meter.enter(&two, 340, Released);

        assert_eq!(meter.totals_ns(), (100, 140));
    }

    #[test]
    fn a_thread_that_is_no_member_is_not_counted() {
        let (meter, one, two) = (Meter::default(), Member::default(), Member::default());
        one.set(Membership::FromNextTake);

        for (at_ns, state) in [(0, Holding), (10, Released), (500, Holding)] {
            meter.enter(&one, at_ns, state);
            meter.enter(&two, at_ns, state);
        }

        assert_eq!(meter.totals_ns(), (0, 0));
    }
}
