//! The events of a recording, in a list of fixed capacity.

use super::atomic::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// What a thread did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The function that the thread runs released the GIL.
    Release,
    /// The thread took the GIL.
    Take,
    /// The thread began to wait for the GIL.
    Wait,
    /// The interpreter released the GIL because another thread had requested it.
    ReleaseByInterpreter,
}

impl EventKind {
    /// Returns the kind whose number is in the low bits of a word.
    pub(crate) fn from_bits(bits: u64) -> Self {
        match bits & KIND_BITS {
            0 => Self::Release,
            1 => Self::Take,
            2 => Self::Wait,
            _ => Self::ReleaseByInterpreter,
        }
    }
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GilEvent {
    /// When it happened, in monotonic nanoseconds.
    pub at_ns: u64,
    /// What the thread did.
    pub kind: EventKind,
    /// The thread, by its identifier.
    pub thread: usize,
}

/// The bits of a word that hold the kind. The other bits hold the thread: its identifier is the address of a descriptor
/// that is aligned to far more than four bytes, so its low bits are zero.
const KIND_BITS: u64 = 0b11;

/// A list of events with a fixed capacity. It is written under the GIL's mutex and readable at any time.
#[derive(Debug)]
pub struct EventLog {
    words: Box<[[AtomicU64; 2]]>,
    length: AtomicUsize,
    n_dropped: AtomicU64,
}

impl EventLog {
    /// Makes a list with room for `capacity` events.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let words = std::iter::repeat_with(|| [AtomicU64::new(0), AtomicU64::new(0)]).take(capacity).collect();
        Self { words, length: AtomicUsize::new(0), n_dropped: AtomicU64::new(0) }
    }

    /// Removes all events.
    pub fn clear(&self) {
        self.length.store(0, Release);
        self.n_dropped.store(0, Relaxed);
    }

    /// Appends an event; if the list is full, counts it as dropped. Called under the GIL's mutex only.
    #[inline]
    pub fn push(&self, at_ns: u64, kind: EventKind, thread: usize) {
        let index = self.length.load(Relaxed);
        let Some([time, what]) = self.words.get(index) else {
            self.n_dropped.store(self.n_dropped.load(Relaxed) + 1, Relaxed);
            return;
        };
        time.store(at_ns, Relaxed);
        what.store(thread as u64 & !KIND_BITS | kind as u64, Relaxed);
        self.length.store(index + 1, Release);
    }

    /// Returns the number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length.load(Acquire)
    }

    /// Returns whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of events that did not fit.
    #[must_use]
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped.load(Relaxed)
    }

    /// Returns the number of events that `since` leaves out with the same arguments.
    #[must_use]
    pub fn n_beyond(&self, first: usize, limit: usize) -> u64 {
        self.len().saturating_sub(first.saturating_add(limit)) as u64
    }

    /// Returns the events from index `first` on, at most `limit` of them.
    pub fn since(&self, first: usize, limit: usize) -> impl Iterator<Item = GilEvent> + '_ {
        let end = self.len().min(first.saturating_add(limit));
        self.words.get(first.min(end)..end).unwrap_or_default().iter().map(|[time, what]| {
            let what = what.load(Relaxed);
            #[allow(clippy::cast_possible_truncation, reason = "`push` converted it from a usize")]
            let thread = (what & !KIND_BITS) as usize;
            GilEvent { at_ns: time.load(Relaxed), kind: EventKind::from_bits(what), thread }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_as_they_went_in() {
        let log = EventLog::with_capacity(4);
        for (at_ns, kind) in
            [(1, EventKind::Release), (2, EventKind::Take), (3, EventKind::Wait), (4, EventKind::ReleaseByInterpreter)]
        {
            log.push(at_ns, kind, 0x7f00_1234_5640);
        }

        let events: Vec<_> = log.since(1, 2).collect();

        assert_eq!(
            events,
            [
                GilEvent { at_ns: 2, kind: EventKind::Take, thread: 0x7f00_1234_5640 },
                GilEvent { at_ns: 3, kind: EventKind::Wait, thread: 0x7f00_1234_5640 },
            ]
        );
    }

    #[test]
    fn a_full_list_counts_what_it_drops() {
        let log = EventLog::with_capacity(1);

        log.push(1, EventKind::Release, 64);
        log.push(2, EventKind::Take, 64);

        assert_eq!((log.len(), log.n_dropped()), (1, 1));
        log.clear();
        assert_eq!((log.len(), log.n_dropped()), (0, 0));
    }
}
