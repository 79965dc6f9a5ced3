//! For how long did calls of several threads run at once? Counted at the hand-overs themselves, so that no log can
//! be too short for it.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::account::{State, add};

/// A thread's part in the count. It is entered and left under the GIL's mutex only, at a hand-over of the thread's
/// own: then the sums have one writer at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Part {
    None = 0,
    /// Is counted from its next taking of the GIL.
    Coming = 1,
    Counted = 2,
    /// Is no longer counted from its next letting go.
    Leaving = 3,
}

/// One thread's part and what it is counted as.
#[derive(Debug, Default)]
pub(super) struct Member {
    part: AtomicU8,
    counted_as: AtomicU8,
}

impl Member {
    pub(super) fn set(&self, part: Part) {
        self.part.store(part as u8, Relaxed);
    }

    pub(super) fn forget(&self) {
        self.set(Part::None);
        self.counted_as.store(State::Unknown as u8, Relaxed);
    }

    #[inline]
    fn is(&self, part: Part) -> bool {
        self.part.load(Relaxed) == part as u8
    }
}

/// The counted threads and the sums.
#[derive(Debug, Default)]
pub struct Meter {
    since_ns: AtomicU64,
    n_outside: AtomicUsize,
    n_holding: AtomicUsize,
    outside_ns: AtomicU64,
    able_ns: AtomicU64,
}

impl Meter {
    /// Nanoseconds with two or more counted threads outside the GIL, and with two or more that were not waiting for it.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.outside_ns.load(Relaxed), self.able_ns.load(Relaxed))
    }

    pub(super) fn clear(&self) {
        for sum in [&self.since_ns, &self.outside_ns, &self.able_ns] {
            sum.store(0, Relaxed);
        }
        self.n_outside.store(0, Relaxed);
        self.n_holding.store(0, Relaxed);
    }

    /// A thread entered `state`. Called under the GIL's mutex.
    #[inline]
    pub(super) fn follow(&self, member: &Member, now_ns: u64, state: State) {
        if !member.is(Part::None) {
            self.moves(member, now_ns, state);
        }
    }

    #[cold]
    fn moves(&self, member: &Member, now_ns: u64, state: State) {
        let mut next = state;
        if member.is(Part::Coming) {
            if state != State::Holding {
                return;
            }
            member.set(Part::Counted);
        } else if member.is(Part::Leaving) {
            member.set(Part::None);
            next = State::Unknown;
        }
        let n_outside = self.n_outside.load(Relaxed);
        let n_holding = self.n_holding.load(Relaxed);
        let passed_ns = now_ns.saturating_sub(self.since_ns.swap(now_ns, Relaxed));
        if n_outside >= 2 {
            add(&self.outside_ns, passed_ns);
        }
        if n_outside + n_holding >= 2 {
            add(&self.able_ns, passed_ns);
        }
        let before = member.counted_as.swap(next as u8, Relaxed);
        let leaves = |state: State| usize::from(before == state as u8);
        let enters = |state: State| usize::from(next == state);
        self.n_outside.store((n_outside + enters(State::Released)).saturating_sub(leaves(State::Released)), Relaxed);
        self.n_holding.store((n_holding + enters(State::Holding)).saturating_sub(leaves(State::Holding)), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Holding, Released, Waiting};

    #[test]
    fn only_time_with_two_outside_counts_as_such() {
        let (meter, one, two) = (Meter::default(), Member::default(), Member::default());
        one.set(Part::Coming);
        two.set(Part::Coming);

        meter.follow(&one, 0, Released); // still before its first taking: not counted
        meter.follow(&one, 100, Holding);
        meter.follow(&one, 110, Released);
        meter.follow(&two, 110, Holding); // one outside, one holding: 110..150
        meter.follow(&two, 150, Released); // two outside: 150..250
        meter.follow(&one, 250, Waiting);
        meter.follow(&two, 300, Waiting);
        meter.follow(&one, 310, Holding);
        one.set(Part::Leaving);
        meter.follow(&one, 320, Released);
        meter.follow(&two, 330, Holding);
        meter.follow(&two, 340, Released);

        assert_eq!(meter.totals(), (100, 140));
    }

    #[test]
    fn a_thread_that_takes_no_part_is_not_counted() {
        let (meter, one, two) = (Meter::default(), Member::default(), Member::default());
        one.set(Part::Coming);

        for (at_ns, state) in [(0, Holding), (10, Released), (500, Holding)] {
            meter.follow(&one, at_ns, state);
            meter.follow(&two, at_ns, state);
        }

        assert_eq!(meter.totals(), (0, 0));
    }
}
