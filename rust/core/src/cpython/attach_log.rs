//! What the hooks write down of one thread that attaches and detaches, and the laws that it must satisfy.
//!
//! The watched thread alone writes. The log has a fixed size: a change for which there is no room is counted, and what comes
//! after it is not known. Nothing is allocated while it is written.

use std::ffi::CStr;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::attachment::{ATTACHED, DETACHED, SUSPENDED};
use super::hook::NO_ADDRESS;
use crate::clock::DelayReading;

/// The functions by which a thread attaches and detaches, in the order of the hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Function {
    /// `PyEval_SaveThread`.
    SaveThread,
    /// `PyEval_RestoreThread`.
    RestoreThread,
    /// `PyEval_ReleaseThread`.
    ReleaseThread,
    /// `PyEval_AcquireThread`.
    AcquireThread,
    /// `PyGILState_Ensure`.
    Ensure,
    /// `PyGILState_Release`.
    Release,
    /// `PyThreadState_Swap`.
    Swap,
}

impl Function {
    /// All of them, in the order of the hooks.
    pub const ALL: [Self; 7] = [
        Self::SaveThread,
        Self::RestoreThread,
        Self::ReleaseThread,
        Self::AcquireThread,
        Self::Ensure,
        Self::Release,
        Self::Swap,
    ];

    /// Returns its name as a C string.
    #[must_use]
    pub const fn symbol(self) -> &'static CStr {
        match self {
            Self::SaveThread => c"PyEval_SaveThread",
            Self::RestoreThread => c"PyEval_RestoreThread",
            Self::ReleaseThread => c"PyEval_ReleaseThread",
            Self::AcquireThread => c"PyEval_AcquireThread",
            Self::Ensure => c"PyGILState_Ensure",
            Self::Release => c"PyGILState_Release",
            Self::Swap => c"PyThreadState_Swap",
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.symbol().to_str().unwrap_or("a function")
    }

    /// Returns whether a thread may be attached (first) before and (second) after it; `None`: either.
    fn expected(self) -> (Option<bool>, Option<bool>) {
        match self {
            Self::SaveThread | Self::ReleaseThread => (Some(true), Some(false)),
            Self::RestoreThread | Self::AcquireThread => (Some(false), Some(true)),
            Self::Ensure => (None, Some(true)),
            Self::Release => (Some(true), None),
            Self::Swap => (None, None),
        }
    }
}

/// One call of such a function by the watched thread.
///
/// `start_ns <= before_ns <= after_ns <= end_ns`: the function ran from `before_ns` to `after_ns`. The rest is the hook's own
/// reading of the run delay, which is made while the thread is detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which function was called.
    pub function: Function,
    /// When the hook began.
    pub start_ns: u64,
    /// When it called the function.
    pub before_ns: u64,
    /// When the function returned.
    pub after_ns: u64,
    /// When the hook ended.
    pub end_ns: u64,
    /// The word of the thread's state before the function and after it.
    pub words: [i32; 2],
    /// Whether it was about another thread state than the watched one.
    pub is_foreign: bool,
    /// The run delay at the beginning of the reading and after it; `None`: not read.
    pub delay: Option<DelayReading>,
}

impl Change {
    fn is_attached(word: i32) -> Option<bool> {
        match word {
            ATTACHED => Some(true),
            DETACHED | SUSPENDED => Some(false),
            _ => None,
        }
    }

    /// Returns whether the thread is attached after it. (`history` gives changes with known words only.)
    #[must_use]
    pub fn attaches(&self) -> bool {
        self.words[1] == ATTACHED
    }
}

/// Why a log says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Two calls overlap, or one ends before it begins.
    Order,
    /// A word of the thread's state has a value that is none.
    Word,
    /// The thread's state has changed between two calls.
    Unseen,
    /// A function did not do what it is for.
    Unexpected(Function),
    /// A function was called for another thread state, as for another interpreter.
    Foreign(Function),
}

/// The changes of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// They alternate between attached and detached, and begin with one that detaches.
    pub changes: Vec<Change>,
    /// From here on changes may be missing, because the log was full.
    pub missing_from_ns: Option<u64>,
}

#[derive(Debug, Default)]
struct Slot {
    stamps: [AtomicU64; 4],
    words: [AtomicI32; 2],
    delays: [AtomicU64; 2],
    /// The function, [`FOREIGN`] and [`HAS_DELAY`].
    flags: AtomicU64,
}

const FOREIGN: u64 = 1 << 8;
const HAS_DELAY: u64 = 1 << 9;

/// So many changes fit: 2 MB, of which the system provides what is written to.
const CAPACITY: usize = 1 << 15;

/// A log of the changes of one thread at a time.
#[derive(Debug)]
pub struct AttachLog {
    thread: AtomicUsize,
    state: AtomicUsize,
    /// The address of the word that says whether the thread is attached.
    word: AtomicUsize,
    /// How many changes there were. More than fit is possible.
    n_changes: AtomicUsize,
    begun_ns: AtomicU64,
    /// How long readings of the run delay took.
    reading_ns: AtomicU64,
    slots: Box<[Slot]>,
}

impl Default for AttachLog {
    fn default() -> Self {
        Self::new()
    }
}

impl AttachLog {
    /// Makes a log of no thread.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            thread: AtomicUsize::new(NO_ADDRESS),
            state: AtomicUsize::new(NO_ADDRESS),
            word: AtomicUsize::new(NO_ADDRESS),
            n_changes: AtomicUsize::new(0),
            begun_ns: AtomicU64::new(0),
            reading_ns: AtomicU64::new(0),
            slots: (0..capacity).map(|_| Slot::default()).collect(),
        }
    }

    /// Begins anew, with this thread, the address of its state, and that of its word.
    pub fn begin(&self, thread: usize, state: usize, word: usize, now_ns: u64) {
        self.n_changes.store(0, Relaxed);
        self.begun_ns.store(now_ns, Relaxed);
        self.reading_ns.store(0, Relaxed);
        self.state.store(state, Relaxed);
        self.word.store(word, Relaxed);
        self.thread.store(thread, Release);
    }

    /// Returns whether it is of this thread.
    #[inline]
    #[must_use]
    pub fn is_of(&self, thread: usize) -> bool {
        self.thread.load(Acquire) == thread
    }

    /// Returns the address of the watched thread's state.
    #[inline]
    #[must_use]
    pub fn state(&self) -> usize {
        self.state.load(Relaxed)
    }

    /// Returns the address of its word.
    #[inline]
    #[must_use]
    pub fn word(&self) -> usize {
        self.word.load(Relaxed)
    }

    /// Returns whether the run delay may be read now: readings take at most a tenth of the time, besides the first ones.
    #[inline]
    #[must_use]
    pub fn may_read_delay(&self, now_ns: u64) -> bool {
        const FIRST_NS: u64 = 500_000;
        let spent_ns = self.reading_ns.load(Relaxed);
        spent_ns <= FIRST_NS + now_ns.saturating_sub(self.begun_ns.load(Relaxed)) / 10
    }

    /// Adds a change, by the watched thread.
    pub fn push(&self, change: &Change) {
        let index = self.n_changes.load(Relaxed);
        if let Some(slot) = self.slots.get(index) {
            let stamps = [change.start_ns, change.before_ns, change.after_ns, change.end_ns];
            for (stamp, value) in slot.stamps.iter().zip(stamps) {
                stamp.store(value, Relaxed);
            }
            for (word, value) in slot.words.iter().zip(change.words) {
                word.store(value, Relaxed);
            }
            let mut flags = change.function as u64 | if change.is_foreign { FOREIGN } else { 0 };
            if let Some(delay) = change.delay {
                flags |= HAS_DELAY;
                slot.delays[0].store(delay.at_ns, Relaxed);
                slot.delays[1].store(delay.after_ns, Relaxed);
                // A reading that was interrupted has cost no more. (Beside busy processes one took 4 ms, and none was made for the
                // next 40 ms.)
                let whole_ns = change.end_ns.saturating_sub(change.start_ns);
                let other_ns =
                    change.after_ns.saturating_sub(change.before_ns) + delay.after_ns.saturating_sub(delay.at_ns);
                self.reading_ns.store(self.reading_ns.load(Relaxed) + whole_ns.saturating_sub(other_ns), Relaxed);
            }
            slot.flags.store(flags, Relaxed);
        }
        self.n_changes.store(index + 1, Release);
    }

    fn change(&self, index: usize) -> Change {
        let slot = &self.slots[index];
        let [start_ns, before_ns, after_ns, end_ns] = [0, 1, 2, 3].map(|stamp| slot.stamps[stamp].load(Relaxed));
        let flags = slot.flags.load(Relaxed);
        let [at_ns, after_reading_ns] = [0, 1].map(|delay| slot.delays[delay].load(Relaxed));
        Change {
            #[allow(clippy::cast_possible_truncation, reason = "the mask leaves three bits")]
            function: Function::ALL[(flags & 7) as usize % Function::ALL.len()],
            start_ns,
            before_ns,
            after_ns,
            end_ns,
            words: [0, 1].map(|word| slot.words[word].load(Relaxed)),
            is_foreign: flags & FOREIGN != 0,
            delay: (flags & HAS_DELAY != 0).then_some(DelayReading { at_ns, after_ns: after_reading_ns }),
        }
    }

    /// Returns the changes of a thread that was attached when the log began and is now. The thread does not write meanwhile.
    ///
    /// Calls that change nothing, as a nested `PyGILState_Ensure`, are left out.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the log contradicts itself, so that no part of it is believed.
    pub fn history(&self) -> Result<History, Broken> {
        let n_changes = self.n_changes.load(Acquire);
        let n_kept = n_changes.min(self.slots.len());
        let mut changes: Vec<Change> = Vec::with_capacity(n_kept);
        let (mut is_attached, mut last_ns) = (true, self.begun_ns.load(Relaxed));
        for change in (0..n_kept).map(|index| self.change(index)) {
            if change.is_foreign {
                return Err(Broken::Foreign(change.function));
            }
            let stamps = [last_ns, change.start_ns, change.before_ns, change.after_ns, change.end_ns];
            if !stamps.is_sorted() {
                return Err(Broken::Order);
            }
            let [Some(was), Some(is)] = change.words.map(Change::is_attached) else { return Err(Broken::Word) };
            if was != is_attached {
                return Err(Broken::Unseen);
            }
            let (before, after) = change.function.expected();
            if before.is_some_and(|expected| expected != was) || after.is_some_and(|expected| expected != is) {
                return Err(Broken::Unexpected(change.function));
            }
            if was != is {
                changes.push(change);
            }
            (is_attached, last_ns) = (is, change.end_ns);
        }
        let missing_from_ns = (n_kept < n_changes).then_some(last_ns);
        if missing_from_ns.is_none() && !is_attached {
            return Err(Broken::Unseen);
        }
        Ok(History { changes, missing_from_ns })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGUN_NS: u64 = 1_000;

    fn change(function: Function, at_ns: u64, words: [i32; 2]) -> Change {
        let (start_ns, before_ns, after_ns, end_ns) = (at_ns, at_ns + 1, at_ns + 2, at_ns + 3);
        Change { function, start_ns, before_ns, after_ns, end_ns, words, is_foreign: false, delay: None }
    }

    fn detach(at_ns: u64) -> Change {
        change(Function::SaveThread, at_ns, [ATTACHED, DETACHED])
    }

    fn attach(at_ns: u64) -> Change {
        change(Function::RestoreThread, at_ns, [DETACHED, ATTACHED])
    }

    fn log_of(capacity: usize, changes: &[Change]) -> AttachLog {
        let log = AttachLog::with_capacity(capacity);
        log.begin(7, 0x1000, 0x1028, BEGUN_NS);
        for change in changes {
            log.push(change);
        }
        log
    }

    fn history_of(changes: &[Change]) -> Result<History, Broken> {
        log_of(64, changes).history()
    }

    proptest! {
        /// Whatever a thread does by these functions comes back, but for what changes nothing.
        #[test]
        fn a_lawful_history_comes_back(
            steps in prop::collection::vec((0u64..1_000, any::<bool>(), any::<bool>(), prop::option::of((any::<u32>(), any::<u32>()))), 0..40)
        ) {
            let (mut at_ns, mut is_attached, mut written, mut expected) = (BEGUN_NS, true, Vec::new(), Vec::new());
            for (gap_ns, is_nested, is_suspended, delay) in steps {
                at_ns += gap_ns + 3;
                let delay = delay.map(|(at, more)| DelayReading { at_ns: at.into(), after_ns: u64::from(at) + u64::from(more) });
                let away = if is_suspended { SUSPENDED } else { DETACHED };
                let next = match (is_attached, is_nested) {
                    (true, true) => change(Function::Ensure, at_ns, [ATTACHED, ATTACHED]),
                    (true, false) => Change { delay, ..change(Function::SaveThread, at_ns, [ATTACHED, away]) },
                    (false, _) => Change { delay, ..change(Function::RestoreThread, at_ns, [away, ATTACHED]) },
                };
                written.push(next);
                if next.words[0] != next.words[1] {
                    expected.push(next);
                    is_attached = !is_attached;
                }
            }
            if !is_attached {
                let last = attach(at_ns + 10);
                written.push(last);
                expected.push(last);
            }

            let history = history_of(&written);

            prop_assert_eq!(history, Ok(History { changes: expected.clone(), missing_from_ns: None }));
            prop_assert!(expected.iter().enumerate().all(|(index, change)| change.attaches() == (index % 2 == 1)));
        }

        /// A full log never passes for a complete one, and what it has is in order.
        #[test]
        fn a_full_log_says_from_when_on_changes_are_missing(n_pairs in 0usize..20, capacity in 0usize..20) {
            let changes: Vec<_> = (0..n_pairs)
                .flat_map(|pair| [detach(BEGUN_NS + 100 * pair as u64), attach(BEGUN_NS + 100 * pair as u64 + 50)])
                .collect();

            let history = log_of(capacity, &changes).history().expect("in order");

            let n_kept = changes.len().min(capacity);
            prop_assert_eq!(&history.changes[..], &changes[..n_kept]);
            let last_ns = changes[..n_kept].last().map_or(BEGUN_NS, |change| change.end_ns);
            prop_assert_eq!(history.missing_from_ns, (n_kept < changes.len()).then_some(last_ns));
        }

        /// One change that was not seen breaks the history of all others.
        #[test]
        fn a_missing_change_is_noticed(n_pairs in 1usize..20, missing: prop::sample::Index) {
            let mut changes: Vec<_> = (0..n_pairs)
                .flat_map(|pair| [detach(BEGUN_NS + 100 * pair as u64), attach(BEGUN_NS + 100 * pair as u64 + 50)])
                .collect();
            changes.remove(missing.index(changes.len()));

            prop_assert_eq!(history_of(&changes), Err(Broken::Unseen));
        }
    }

    #[test]
    fn a_log_that_begins_anew_has_forgotten_the_thread_before() {
        let log = log_of(64, &[detach(BEGUN_NS)]);
        assert_eq!(log.history(), Err(Broken::Unseen));

        log.begin(8, 0x2000, 0x2028, BEGUN_NS);

        assert_eq!(log.history(), Ok(History { changes: vec![], missing_from_ns: None }));
        assert!(log.is_of(8) && !log.is_of(7));
        assert_eq!((log.state(), log.word()), (0x2000, 0x2028));
    }

    #[test]
    fn what_contradicts_itself_is_not_believed() {
        let late = Change { before_ns: BEGUN_NS + 9, ..detach(BEGUN_NS) };
        let foreign = Change { is_foreign: true, ..attach(BEGUN_NS + 100) };
        for (changes, broken) in [
            (vec![late], Broken::Order),
            (vec![detach(BEGUN_NS - 1)], Broken::Order),
            (vec![detach(BEGUN_NS + 50), attach(BEGUN_NS + 52)], Broken::Order),
            (vec![attach(BEGUN_NS)], Broken::Unseen),
            (vec![detach(BEGUN_NS)], Broken::Unseen),
            (vec![detach(BEGUN_NS), foreign], Broken::Foreign(Function::RestoreThread)),
            (vec![change(Function::SaveThread, BEGUN_NS, [ATTACHED, 3])], Broken::Word),
            (
                vec![change(Function::SaveThread, BEGUN_NS, [ATTACHED, ATTACHED])],
                Broken::Unexpected(Function::SaveThread),
            ),
            (
                vec![detach(BEGUN_NS), change(Function::Ensure, BEGUN_NS + 9, [DETACHED, DETACHED])],
                Broken::Unexpected(Function::Ensure),
            ),
            (
                vec![detach(BEGUN_NS), change(Function::Release, BEGUN_NS + 9, [DETACHED, DETACHED])],
                Broken::Unexpected(Function::Release),
            ),
        ] {
            assert_eq!(history_of(&changes), Err(broken), "{changes:?}");
        }
    }

    #[test]
    fn a_callback_into_python_attaches_for_its_time() {
        let changes = [
            detach(BEGUN_NS),
            change(Function::Ensure, BEGUN_NS + 10, [DETACHED, ATTACHED]),
            change(Function::Release, BEGUN_NS + 20, [ATTACHED, DETACHED]),
            attach(BEGUN_NS + 30),
        ];

        assert_eq!(history_of(&changes).map(|history| history.changes), Ok(changes.to_vec()));
    }

    #[test]
    fn readings_of_the_delay_take_a_tenth_of_the_time_at_most() {
        let log = log_of(64, &[]);
        assert!(log.may_read_delay(BEGUN_NS));

        let delay = Some(DelayReading { at_ns: 0, after_ns: 0 });
        log.push(&Change { end_ns: BEGUN_NS + 600_000, delay, ..detach(BEGUN_NS) });

        assert!(!log.may_read_delay(BEGUN_NS + 600_000));
        assert!(log.may_read_delay(BEGUN_NS + 1_100_000));

        // A reading that was interrupted for 8 ms took no longer than any other one.
        let delay = Some(DelayReading { at_ns: 0, after_ns: 8_000_000 });
        log.push(&Change { end_ns: BEGUN_NS + 9_005_000, delay, ..attach(BEGUN_NS + 1_000_000) });
        assert!(log.may_read_delay(BEGUN_NS + 9_005_000));
    }
}
