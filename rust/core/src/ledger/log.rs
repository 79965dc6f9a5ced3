//! The bounded list of events.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// What happened to the GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The thread let go of its own accord.
    Drop,
    /// The thread took it.
    Take,
    /// The thread begins to wait for it.
    Wait,
    /// The interpreter gave way because another thread had asked.
    DropOnRequest,
}

impl Kind {
    /// The kind that the low bits of a word stand for (as `kind as u64` made them).
    pub(crate) fn from_bits(bits: u64) -> Self {
        match bits & KIND_BITS {
            0 => Self::Drop,
            1 => Self::Take,
            2 => Self::Wait,
            _ => Self::DropOnRequest,
        }
    }
}

/// One event: when, what, which thread (its `pthread_self`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Monotonic nanoseconds.
    pub at_ns: u64,
    /// What happened.
    pub kind: Kind,
    /// The thread it happened to.
    pub thread: usize,
}

/// `pthread_self` is the address of a thread descriptor, aligned far beyond four bytes: its low bits are free.
const KIND_BITS: u64 = 0b11;

/// A list of events of fixed capacity, appended to under the GIL's mutex, readable at any time.
#[derive(Debug)]
pub struct EventLog {
    words: Box<[[AtomicU64; 2]]>,
    length: AtomicUsize,
    n_dropped: AtomicU64,
}

impl EventLog {
    /// A list that holds `capacity` events.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let words = std::iter::repeat_with(|| [AtomicU64::new(0), AtomicU64::new(0)]).take(capacity).collect();
        Self { words, length: AtomicUsize::new(0), n_dropped: AtomicU64::new(0) }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.length.store(0, Release);
        self.n_dropped.store(0, Relaxed);
    }

    /// Appends, or counts a drop where the list is full. Called under the GIL's mutex only.
    #[inline]
    pub fn push(&self, at_ns: u64, kind: Kind, thread: usize) {
        let index = self.length.load(Relaxed);
        let Some([time, what]) = self.words.get(index) else {
            self.n_dropped.store(self.n_dropped.load(Relaxed) + 1, Relaxed);
            return;
        };
        time.store(at_ns, Relaxed);
        what.store(thread as u64 & !KIND_BITS | kind as u64, Relaxed);
        self.length.store(index + 1, Release);
    }

    /// How many events are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length.load(Acquire)
    }

    /// Is nothing held?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events did not fit.
    #[must_use]
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped.load(Relaxed)
    }

    /// How many events lie beyond the first `limit` from `first` on: those that `since` leaves out.
    #[must_use]
    pub fn n_beyond(&self, first: usize, limit: usize) -> u64 {
        self.len().saturating_sub(first.saturating_add(limit)) as u64
    }

    /// The events from `first` to the present end, at most `limit` of them.
    pub fn since(&self, first: usize, limit: usize) -> impl Iterator<Item = Event> + '_ {
        let end = self.len().min(first.saturating_add(limit));
        self.words.get(first.min(end)..end).unwrap_or_default().iter().map(|[time, what]| {
            let what = what.load(Relaxed);
            #[allow(clippy::cast_possible_truncation)] // a pointer went in
            let thread = (what & !KIND_BITS) as usize;
            Event { at_ns: time.load(Relaxed), kind: Kind::from_bits(what), thread }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_as_they_went_in() {
        let log = EventLog::with_capacity(4);
        for (at_ns, kind) in [(1, Kind::Drop), (2, Kind::Take), (3, Kind::Wait), (4, Kind::DropOnRequest)] {
            log.push(at_ns, kind, 0x7f00_1234_5640);
        }

        let events: Vec<_> = log.since(1, 2).collect();

        assert_eq!(
            events,
            [
                Event { at_ns: 2, kind: Kind::Take, thread: 0x7f00_1234_5640 },
                Event { at_ns: 3, kind: Kind::Wait, thread: 0x7f00_1234_5640 },
            ]
        );
    }

    #[test]
    fn a_full_list_counts_what_it_drops() {
        let log = EventLog::with_capacity(1);

        log.push(1, Kind::Drop, 64);
        log.push(2, Kind::Take, 64);

        assert_eq!((log.len(), log.n_dropped()), (1, 1));
        log.clear();
        assert_eq!((log.len(), log.n_dropped()), (0, 0));
    }
}
