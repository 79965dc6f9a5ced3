//! The spans that are being measured now: the longest hold in each, and what other threads do to the GIL meanwhile.
//!
//! A span begins and ends in its own thread, which holds the GIL then. Every other change is made under the GIL's mutex by a
//! thread that takes or releases the GIL, and so holds it too. So each field has one writer at a time, and nothing here depends on the length of a log.

use super::account::{Account, State, add};
use super::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, sized};
use super::followed::OffProcessor;

/// The number of spans that can be measured in detail at the same time, in all threads.
const MAX_SPANS: usize = sized(32, 2);
/// The number of other threads that one span follows one by one. The last row counts all further threads together.
const MAX_OTHERS: usize = sized(64, 2);

/// What one other thread did to the GIL within a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherThread {
    /// Its identifier; 0 for all threads together that have no row of their own.
    pub thread: usize,
    /// How long it held the GIL within the span.
    pub held_ns: u64,
    /// Its longest hold within the span.
    pub longest_hold_ns: u64,
    /// How often it took the GIL and released it within the span.
    pub n_holds: u64,
    /// How long the span's thread waited for the GIL while this thread held it.
    pub waited_on_ns: u64,
    /// How long it waited for the GIL itself within the span, as far as it has taken the GIL since.
    pub waiting_ns: u64,
    /// The part of that during which nobody held the GIL: it was not on the processor to take it.
    pub idle_waiting_ns: u64,
    /// A part of `waiting_ns` of which that is not known.
    pub unknown_waiting_ns: u64,
    /// What the kernel knows of it within the span; `None` if that is not known.
    pub off_processor: Option<OffProcessor>,
}

#[derive(Debug, Default)]
struct Row {
    thread: AtomicUsize,
    held_ns: AtomicU64,
    longest_hold_ns: AtomicU64,
    n_holds: AtomicU64,
    waited_on_ns: AtomicU64,
    waiting_ns: AtomicU64,
    idle_waiting_ns: AtomicU64,
    unknown_waiting_ns: AtomicU64,
}

impl Row {
    fn clear(&self, thread: usize) {
        for figure in [
            &self.held_ns,
            &self.longest_hold_ns,
            &self.n_holds,
            &self.waited_on_ns,
            &self.waiting_ns,
            &self.idle_waiting_ns,
            &self.unknown_waiting_ns,
        ] {
            figure.store(0, Relaxed);
        }
        self.thread.store(thread, Relaxed);
    }

    fn figures(&self) -> OtherThread {
        OtherThread {
            thread: self.thread.load(Relaxed),
            held_ns: self.held_ns.load(Relaxed),
            longest_hold_ns: self.longest_hold_ns.load(Relaxed),
            n_holds: self.n_holds.load(Relaxed),
            waited_on_ns: self.waited_on_ns.load(Relaxed),
            waiting_ns: self.waiting_ns.load(Relaxed),
            idle_waiting_ns: self.idle_waiting_ns.load(Relaxed),
            unknown_waiting_ns: self.unknown_waiting_ns.load(Relaxed),
            off_processor: None,
        }
    }
}

#[derive(Debug)]
struct ActiveSpan {
    owner: AtomicUsize,
    start_ns: AtomicU64,
    /// For how long somebody had had the GIL when the span began.
    busy_at_start_ns: AtomicU64,
    longest_hold_ns: AtomicU64,
    n_others: AtomicUsize,
    others: [Row; MAX_OTHERS],
}

impl ActiveSpan {
    fn new() -> Self {
        Self {
            owner: AtomicUsize::new(0),
            start_ns: AtomicU64::new(0),
            busy_at_start_ns: AtomicU64::new(0),
            longest_hold_ns: AtomicU64::new(0),
            n_others: AtomicUsize::new(0),
            others: std::array::from_fn(|_| Row::default()),
        }
    }

    /// Returns the part of a stretch that began at `since_ns` and ends at `now_ns` which lies within the span.
    fn within(&self, since_ns: u64, now_ns: u64) -> u64 {
        now_ns.saturating_sub(since_ns.max(self.start_ns.load(Relaxed)))
    }

    fn row(&self, thread: usize) -> &Row {
        let n_others = self.n_others.load(Relaxed);
        if let Some(row) = self.others[..n_others].iter().find(|row| row.thread.load(Relaxed) == thread) {
            return row;
        }
        let row = &self.others[n_others.min(MAX_OTHERS - 1)];
        if n_others < MAX_OTHERS {
            row.clear(if n_others == MAX_OTHERS - 1 { 0 } else { thread });
            self.n_others.store(n_others + 1, Relaxed);
        }
        row
    }
}

/// All spans that are being measured in detail.
#[derive(Debug)]
pub(super) struct ActiveSpans {
    /// A bit for each span in use.
    used: AtomicU64,
    spans: Box<[ActiveSpan]>,
}

impl ActiveSpans {
    pub(super) fn new() -> Self {
        Self { used: AtomicU64::new(0), spans: std::iter::repeat_with(ActiveSpan::new).take(MAX_SPANS).collect() }
    }

    pub(super) fn clear(&self) {
        self.used.store(0, Relaxed);
    }

    /// Begins a span of `owner`, which holds the GIL; `None` if there is no room.
    ///
    /// Somebody has had the GIL for `busy_ns` since the recording began.
    pub(super) fn begin(&self, owner: usize, start_ns: u64, busy_ns: u64) -> Option<usize> {
        let used = self.used.load(Relaxed);
        let index = used.trailing_ones() as usize;
        let span = self.spans.get(index)?;
        span.owner.store(owner, Relaxed);
        span.start_ns.store(start_ns, Relaxed);
        span.busy_at_start_ns.store(busy_ns, Relaxed);
        span.longest_hold_ns.store(0, Relaxed);
        span.n_others.store(0, Relaxed);
        self.used.store(used | 1 << index, Relaxed);
        Some(index)
    }

    /// Ends a span in its owner, which has held the GIL from `since_ns` to `end_ns`; returns the longest hold and what the
    /// other threads did.
    pub(super) fn end(&self, index: usize, since_ns: u64, end_ns: u64) -> (u64, Vec<OtherThread>) {
        let Some(span) = self.spans.get(index) else { return (0, Vec::new()) };
        self.used.store(self.used.load(Relaxed) & !(1 << index), Relaxed);
        let longest_hold_ns = span.longest_hold_ns.load(Relaxed).max(span.within(since_ns, end_ns));
        let n_others = span.n_others.load(Relaxed).min(MAX_OTHERS);
        (longest_hold_ns, span.others[..n_others].iter().map(Row::figures).collect())
    }

    fn in_use(&self) -> impl Iterator<Item = &ActiveSpan> {
        let mut used = self.used.load(Relaxed);
        std::iter::from_fn(move || {
            let span = self.spans.get(used.trailing_zeros() as usize)?; // of 0 it is 64, where no span is
            used &= used - 1;
            Some(span)
        })
    }

    /// Accounts for a hold of `thread` from `since_ns` to `now_ns`. Called under the GIL's mutex.
    #[inline]
    pub(super) fn add_hold<'a>(
        &self,
        thread: usize,
        since_ns: u64,
        now_ns: u64,
        account_of: impl Fn(usize) -> Option<&'a Account>,
    ) {
        if self.used.load(Relaxed) == 0 {
            return;
        }
        for span in self.in_use() {
            let hold_ns = span.within(since_ns, now_ns);
            let owner = span.owner.load(Relaxed);
            let longest_hold_ns = if owner == thread {
                &span.longest_hold_ns
            } else {
                let row = span.row(thread);
                add(&row.held_ns, hold_ns);
                add(&row.n_holds, 1);
                if let Some(account) = account_of(owner).filter(|account| account.state() == State::Waiting) {
                    add(&row.waited_on_ns, span.within(since_ns.max(account.since_ns()), now_ns));
                }
                &row.longest_hold_ns
            };
            if hold_ns > longest_hold_ns.load(Relaxed) {
                longest_hold_ns.store(hold_ns, Relaxed);
            }
        }
    }

    /// Accounts for a wait of `thread` from `since_ns` to `now_ns`. Called under the GIL's mutex by a thread that has just taken
    /// the GIL: the mutex alone does not keep another thread from beginning or ending a span meanwhile.
    #[inline]
    pub(super) fn add_wait(&self, thread: usize, since_ns: u64, now_ns: u64) {
        if self.used.load(Relaxed) == 0 {
            return;
        }
        for span in self.in_use() {
            if span.owner.load(Relaxed) != thread {
                add(&span.row(thread).waiting_ns, span.within(since_ns, now_ns));
            }
        }
    }

    /// Accounts for the part of a wait of `thread` from `began_ns` to `now_ns` in which nobody had the GIL. Somebody had had it
    /// for `busy_at_wait_ns` when the wait began, and for `busy_ns` now. Called as `add_wait`.
    #[inline]
    pub(super) fn add_idle_wait(&self, thread: usize, began_ns: u64, busy_at_wait_ns: u64, now_ns: u64, busy_ns: u64) {
        if began_ns >= now_ns || self.used.load(Relaxed) == 0 {
            return;
        }
        for span in self.in_use() {
            if span.owner.load(Relaxed) != thread {
                let taken_ns = busy_ns.saturating_sub(busy_at_wait_ns.max(span.busy_at_start_ns.load(Relaxed)));
                let idle_ns = span.within(began_ns, now_ns).saturating_sub(taken_ns);
                add(&span.row(thread).idle_waiting_ns, idle_ns);
            }
        }
    }

    /// Accounts for a part of a wait, of which it is not known whether somebody had the GIL. Called as `add_wait`.
    #[inline]
    pub(super) fn add_unknown_wait(&self, thread: usize, since_ns: u64, until_ns: u64) {
        if since_ns >= until_ns || self.used.load(Relaxed) == 0 {
            return;
        }
        for span in self.in_use() {
            if span.owner.load(Relaxed) != thread {
                add(&span.row(thread).unknown_waiting_ns, span.within(since_ns, until_ns));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody<'a>(_thread: usize) -> Option<&'a Account> {
        None
    }

    #[test]
    fn spans_that_overlap_without_nesting_have_longest_holds_of_their_own() {
        let spans = ActiveSpans::new();
        let first = spans.begin(1, 0, 0).expect("room");
        spans.add_hold(1, 0, 50, nobody);
        let second = spans.begin(1, 100, 0).expect("room");
        spans.add_hold(1, 90, 120, nobody);

        assert_eq!(spans.end(first, 200, 205), (50, vec![]));
        assert_eq!(spans.end(second, 200, 210), (20, vec![]));
    }

    #[test]
    fn holds_of_others_are_counted_within_the_span_alone() {
        let spans = ActiveSpans::new();
        let span = spans.begin(1, 100, 0).expect("room");

        spans.add_hold(2, 50, 130, nobody);
        spans.add_hold(2, 140, 150, nobody);
        spans.add_wait(3, 90, 110);

        let (longest_hold_ns, others) = spans.end(span, 160, 200);
        let rows: Vec<_> = others
            .iter()
            .map(|row| (row.thread, row.held_ns, row.longest_hold_ns, row.n_holds, row.waiting_ns))
            .collect();
        assert_eq!(longest_hold_ns, 40);
        assert_eq!(rows, [(2, 40, 30, 2, 0), (3, 0, 0, 0, 10)]);
    }

    #[test]
    fn threads_without_a_row_of_their_own_are_counted_together() {
        let spans = ActiveSpans::new();
        let span = spans.begin(1, 0, 0).expect("room");

        for thread in 2..102 {
            spans.add_hold(thread, 0, 10, nobody);
        }

        let (_, others) = spans.end(span, 0, 10);
        assert_eq!(others.len(), MAX_OTHERS);
        let last = others.last().expect("rows");
        assert_eq!((last.thread, last.n_holds), (0, 100 - (MAX_OTHERS as u64 - 1)));
    }

    #[test]
    fn there_is_room_for_so_many_spans_and_for_more_after_one_has_ended() {
        let spans = ActiveSpans::new();
        let indices: Vec<_> = (0..MAX_SPANS).map(|_| spans.begin(1, 0, 0).expect("room")).collect();

        assert_eq!(spans.begin(1, 0, 0), None);
        spans.end(indices[3], 0, 0);
        assert_eq!(spans.begin(1, 0, 0), Some(indices[3]));
    }
}
