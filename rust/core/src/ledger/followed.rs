//! How long other threads were kept off the processor within a span.
//!
//! A function may give its work to a thread that it keeps. While that thread works, the span's own thread sleeps, and its
//! account says nothing of the work. So every thread that hands over the GIL is read while a span is open that splits its run
//! delay. The span's thread reads those that are known by then at the beginning, and those with a row at the end, from
//! outside and by the kernel's number: what passes before their first reading within the span and after the last one is then
//! known, too.

use super::account::{Account, State};
use super::active::OtherThread;
use super::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence, sized};
use super::recorder::Recorder;
use super::spans::SpanStart;
use crate::clock::{self, ProcessorAccount};

/// So many threads are read from outside, which takes about 4 µs for each.
pub(super) const MAX_FOLLOWED: usize = sized(16, 2);

/// A birth is counted back from processor time and delay. It is known no better than this.
const BIRTH_SLACK_NS: u64 = 50_000;

/// What the kernel knows of another thread within a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the Python record `OffProcessor` documents the names")]
pub struct OffProcessor {
    pub held_delay_ns: u64,
    pub free_delay_ns: u64,
    pub unsplit_delay_ns: u64,
    pub late_delay_ns: u64,
    pub free_cpu_ns: u64,
    pub instrument_ns: u64,
    pub alone_ready_ns: u64,
}

/// A copy of what a thread's readings gave, all at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Readings {
    kernel_thread: u32,
    n_not_read: u32,
    held_delay_ns: u64,
    free_delay_ns: u64,
    unsplit_delay_ns: u64,
    free_cpu_ns: u64,
    instrument_ns: u64,
    last_reading_ns: u64,
    last_delay_ns: u64,
    last_cpu_ns: u64,
}

impl Account {
    /// The thread begins to write what a reading gave.
    pub(super) fn begin_change(&self) {
        self.version.store(self.version.load(Relaxed).wrapping_add(1), Relaxed);
        fence(Release);
    }

    /// The thread has written it.
    pub(super) fn end_change(&self) {
        self.version.store(self.version.load(Relaxed).wrapping_add(1), Release);
    }

    /// Copies what the thread's readings gave; `None` if it is writing them.
    fn readings(&self) -> Option<Readings> {
        const N_ATTEMPTS: usize = sized(8, 1);
        for _ in 0..N_ATTEMPTS {
            let version = self.version.load(Acquire);
            let copy = Readings {
                kernel_thread: self.kernel_thread.load(Relaxed),
                n_not_read: self.n_not_read.load(Relaxed),
                held_delay_ns: self.held_delay_ns.load(Relaxed),
                free_delay_ns: self.free_delay_ns.load(Relaxed),
                unsplit_delay_ns: self.unsplit_delay_ns.load(Relaxed),
                free_cpu_ns: self.free_cpu_ns.load(Relaxed),
                instrument_ns: self.instrument_ns.load(Relaxed),
                last_reading_ns: self.last_reading_ns.load(Relaxed),
                last_delay_ns: self.last_delay_ns.load(Relaxed),
                last_cpu_ns: self.last_cpu_ns.load(Relaxed),
            };
            fence(Acquire);
            if version.is_multiple_of(2) && self.version.load(Relaxed) == version {
                return Some(copy);
            }
        }
        None
    }

    /// Returns the totals at the thread's first reading, which those of an earlier thread with its identifier may be.
    fn at_first_reading(&self) -> Readings {
        let [held_delay_ns, free_delay_ns, unsplit_delay_ns, free_cpu_ns, instrument_ns] =
            [0, 1, 2, 3, 4].map(|index| self.totals_at_first[index].load(Relaxed));
        Readings {
            kernel_thread: self.kernel_thread.load(Relaxed),
            n_not_read: self.n_not_read_at_first.load(Relaxed),
            held_delay_ns,
            free_delay_ns,
            unsplit_delay_ns,
            free_cpu_ns,
            instrument_ns,
            ..Readings::default()
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct FollowedThread {
    thread: usize,
    at_ns: u64,
    readings: Readings,
    delay_ns: u64,
    cpu_ns: u64,
}

/// The threads that are known when a span begins, and what the kernel knows of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Followed([FollowedThread; MAX_FOLLOWED]);

impl Recorder {
    /// Lets the spans to come follow a thread, if there is room.
    pub(super) fn know(&self, thread: usize) {
        if self.known.iter().any(|known| known.load(Relaxed) == thread) {
            return;
        }
        let _ = self.known.iter().any(|known| known.compare_exchange(0, thread, Relaxed, Relaxed).is_ok());
    }

    /// Reads the threads that are known, for a span of `owner` that begins at once. `owner` holds the GIL.
    pub fn follow(&self, owner: usize, mut read: impl FnMut(u32) -> Option<ProcessorAccount>) -> Followed {
        let mut followed = Followed::default();
        for (known, place) in self.known.iter().zip(&mut followed.0) {
            let thread = known.load(Relaxed);
            if thread == 0 || thread == owner {
                continue;
            }
            let account = self.accounts.find(thread).filter(|account| self.is_present(account));
            let kernel_thread = account.map_or(0, |account| account.kernel_thread.load(Relaxed));
            let at_ns = clock::now_ns();
            let reading = if kernel_thread == 0 { None } else { read(kernel_thread) };
            if let (Some(reading), Some(readings)) = (reading, account.and_then(Account::readings)) {
                *place = FollowedThread { thread, at_ns, readings, delay_ns: reading.delay_ns, cpu_ns: reading.cpu_ns };
            } else if reading.is_none() {
                let _ = known.compare_exchange(thread, 0, Relaxed, Relaxed); // it has ended
            }
        }
        followed
    }

    fn is_present(&self, account: &Account) -> bool {
        account.epoch.load(Relaxed) == self.epoch.load(Relaxed)
    }

    /// Adds to the rows of a span that has just ended how long each thread was kept off the processor. The span's thread,
    /// which calls this, still holds the GIL.
    pub fn end_following(
        &self,
        followed: &Followed,
        start: &SpanStart,
        end_ns: u64,
        others: &mut [OtherThread],
        mut read: impl FnMut(u32) -> Option<ProcessorAccount>,
    ) {
        let Some(owner) = self.accounts.find(start.thread()) else { return };
        for row in others.iter_mut().take(MAX_FOLLOWED).filter(|row| row.thread != 0) {
            let account = self.accounts.find(row.thread).filter(|account| self.is_present(account));
            row.off_processor = account.and_then(|account| {
                let followed = followed.0.iter().find(|followed| followed.thread == row.thread);
                off_processor(owner, account, followed, start.start_ns(), end_ns, row, &mut read)
            });
        }
    }
}

/// Returns what is known of the thread with this account between `start_ns` and `end_ns`, in a span of `owner`.
///
/// Delay within a wait is none of it: there it is not the processor that is missing, unless nobody has the GIL, and that is
/// known by itself.
fn off_processor(
    owner: &Account,
    account: &Account,
    followed: Option<&FollowedThread>,
    start_ns: u64,
    end_ns: u64,
    row: &OtherThread,
    read: &mut impl FnMut(u32) -> Option<ProcessorAccount>,
) -> Option<OffProcessor> {
    let kernel = read(Some(account.kernel_thread.load(Relaxed)).filter(|number| *number != 0)?)?;
    let read_ns = clock::now_ns();
    let now = account.readings()?;
    if now.kernel_thread != kernel.thread_id {
        return None;
    }
    let followed = followed.filter(|followed| followed.readings.kernel_thread == now.kernel_thread);
    let base = match followed {
        Some(followed) => followed.readings,
        None if account.first_reading_ns.load(Relaxed) >= start_ns => account.at_first_reading(),
        None => return None,
    };
    if now.n_not_read != base.n_not_read {
        return None;
    }
    let mut off = OffProcessor {
        held_delay_ns: now.held_delay_ns - base.held_delay_ns,
        free_delay_ns: now.free_delay_ns - base.free_delay_ns,
        unsplit_delay_ns: now.unsplit_delay_ns - base.unsplit_delay_ns + row.unknown_waiting_ns,
        free_cpu_ns: now.free_cpu_ns - base.free_cpu_ns,
        instrument_ns: now.instrument_ns - base.instrument_ns,
        ..OffProcessor::default()
    };
    // What was read for the first time within the span may have passed before it.
    let (mut from_delay_ns, mut from_cpu_ns) = (now.last_delay_ns, now.last_cpu_ns);
    if let Some(followed) = followed {
        if now.last_reading_ns > followed.at_ns {
            let mut before_ns = followed.delay_ns.saturating_sub(base.last_delay_ns);
            for part_ns in [&mut off.free_delay_ns, &mut off.unsplit_delay_ns] {
                let part_before_ns = before_ns.min(*part_ns);
                *part_ns -= part_before_ns;
                before_ns -= part_before_ns;
            }
            off.free_cpu_ns = off.free_cpu_ns.saturating_sub(followed.cpu_ns.saturating_sub(base.last_cpu_ns));
        } else {
            from_delay_ns = from_delay_ns.max(followed.delay_ns);
            from_cpu_ns = from_cpu_ns.max(followed.cpu_ns);
        }
        // The span begins a little after that reading, and somebody may have been preempted in between.
        off.doubt_free(start_ns.saturating_sub(followed.at_ns));
    } else {
        let (delay_ns, cpu_ns) = (account.first_delay_ns.load(Relaxed), account.first_cpu_ns.load(Relaxed));
        let first_ns = account.first_reading_ns.load(Relaxed).saturating_sub(start_ns);
        if account.born_ns.load(Relaxed) + BIRTH_SLACK_NS >= start_ns {
            off.free_delay_ns += delay_ns;
        } else {
            off.unsplit_delay_ns += delay_ns.min(first_ns);
        }
        off.free_cpu_ns += cpu_ns.min(first_ns);
    }
    // What passed after its last reading.
    let mut late_ns = kernel.delay_ns.saturating_sub(from_delay_ns);
    let mut late_cpu_ns = kernel.cpu_ns.saturating_sub(from_cpu_ns);
    let hold_ended_ns = account.hold_ended_ns.load(Relaxed);
    let mut active_until_ns = now.last_reading_ns;
    if hold_ended_ns > now.last_reading_ns {
        // It has let go and has not read its account yet: whatever passed since then may be of the hold, or of the rest.
        active_until_ns = hold_ended_ns;
        let is_one_stretch = account.is_read_before_hold.load(Relaxed) && !account.has_waited.load(Relaxed);
        let before_ns = account.hold_began_ns.load(Relaxed).saturating_sub(now.last_reading_ns);
        let around_ns = read_ns.saturating_sub(hold_ended_ns) + before_ns;
        let unsplit_ns = if is_one_stretch { late_ns.min(around_ns) } else { late_ns };
        off.unsplit_delay_ns += unsplit_ns;
        off.held_delay_ns += late_ns - unsplit_ns;
        late_ns = 0;
        late_cpu_ns = if is_one_stretch { late_cpu_ns.min(around_ns) } else { late_cpu_ns };
    } else if account.state() == State::Waiting {
        off.unsplit_delay_ns += late_ns;
        late_ns = 0;
    }
    off.free_cpu_ns += late_cpu_ns;
    off.late_delay_ns = late_ns.saturating_sub(read_ns.saturating_sub(end_ns));
    off.unsplit_delay_ns += late_ns - off.late_delay_ns;
    let (from_ns, own_ready_ns) = (owner.ready_from_ns.load(Relaxed), owner.ready_ns.load(Relaxed));
    let beside_ns = active_until_ns.saturating_sub(from_ns).saturating_add(late_cpu_ns);
    off.alone_ready_ns = own_ready_ns.saturating_sub(beside_ns);
    Some(off)
}

impl OffProcessor {
    fn doubt_free(&mut self, ns: u64) {
        let ns = ns.min(self.free_delay_ns);
        self.free_delay_ns -= ns;
        self.unsplit_delay_ns += ns;
    }
}
