//! The running totals of each thread, found by the thread's identifier without a thread-local variable.
//!
//! A thread-local variable of a library that is loaded late is allocated at its first use, inside the hook. A small table
//! with open addressing needs no allocation.

use super::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What a thread does with the GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// The thread has not appeared yet.
    Unknown = 0,
    /// The thread holds the GIL.
    Holding = 1,
    /// The thread runs without the GIL.
    Released = 2,
    /// The thread waits for the GIL.
    Waiting = 3,
}

impl State {
    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Holding,
            2 => Self::Released,
            3 => Self::Waiting,
            _ => Self::Unknown,
        }
    }
}

/// Whether the meter counts a thread.
///
/// The meter starts and stops counting a thread at that thread's own takes and releases, under the GIL's mutex, so that its
/// sums have one writer at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Membership {
    /// The meter does not count the thread.
    None = 0,
    /// The meter counts the thread from its next take on.
    FromNextTake = 1,
    /// The meter counts the thread.
    Counted = 2,
    /// The meter counts the thread until its next release.
    UntilNextRelease = 3,
}

/// One thread's part in the meter.
#[derive(Debug, Default)]
pub(super) struct Member {
    membership: AtomicU8,
    /// The [`State`] that the meter counts the thread in.
    pub(super) counted_as: AtomicU8,
}

impl Member {
    pub(super) fn set(&self, membership: Membership) {
        self.membership.store(membership as u8, Relaxed);
    }

    #[inline]
    pub(super) fn is(&self, membership: Membership) -> bool {
        self.membership.load(Relaxed) == membership as u8
    }

    fn clear(&self) {
        self.set(Membership::None);
        self.counted_as.store(State::Unknown as u8, Relaxed);
    }
}

/// The totals of one thread. Only that thread writes them, in its hooks and spans; all threads may read them.
#[derive(Debug, Default)]
pub struct Account {
    thread: AtomicUsize,
    /// The recording that these totals belong to. Totals of an earlier recording are reset before they are used.
    pub(super) epoch: AtomicU32,
    state: AtomicU8,
    pub(super) since_ns: AtomicU64,
    pub(super) held_ns: AtomicU64,
    pub(super) waiting_ns: AtomicU64,
    pub(super) instrument_ns: AtomicU64,
    pub(super) n_releases_by_function: AtomicU64,
    pub(super) n_releases_by_interpreter: AtomicU64,
    /// Waits that began (and ended) without the GIL's mutex, so that neither the log nor the active spans have them yet: for
    /// another thread to take the GIL, and for the GIL's mutex. 0 if there is none.
    pub(super) switch_wait_ns: (AtomicU64, AtomicU64),
    pub(super) lock_wait_ns: AtomicU64,
    /// Whether the log has the first of these already; the active spans get it at the next take.
    pub(super) switch_wait_is_logged: AtomicBool,
    /// The address of a variable of the function that makes the measured call; 0 if none is measured.
    pub(super) boundary: AtomicUsize,
    /// How many spans of the thread split its run delay by state.
    pub(super) n_splitting: AtomicUsize,
    /// How many of these spare it readings.
    pub(super) n_sparing: AtomicUsize,
    /// The last reading of the run delay: its value, and when it ended.
    pub(super) last_delay_ns: AtomicU64,
    pub(super) last_reading_ns: AtomicU64,
    /// When the thread's last hold began and ended, and when its last wait began.
    pub(super) hold_began_ns: AtomicU64,
    pub(super) hold_ended_ns: AtomicU64,
    pub(super) wait_began_ns: AtomicU64,
    /// Whether the thread has waited for the GIL since that reading.
    pub(super) has_waited: AtomicBool,
    pub(super) held_delay_ns: AtomicU64,
    pub(super) free_delay_ns: AtomicU64,
    /// Run delay of stretches in which the thread also waited for the GIL: an unknown part of it is part of a wait.
    pub(super) unsplit_delay_ns: AtomicU64,
    /// Processor time without the GIL, at most.
    pub(super) free_cpu_ns: AtomicU64,
    /// The last reading of what else the kernel knows of the thread: its number, its processor time, how often it ran.
    pub(super) kernel_thread: AtomicU32,
    pub(super) last_cpu_ns: AtomicU64,
    pub(super) last_n_runs: AtomicU64,
    /// How often it slept up to then; `u64::MAX` if that is not known.
    pub(super) last_n_sleeps: AtomicU64,
    /// Odd while the thread writes what a reading gave: another thread that copies the account then copies it again.
    pub(super) version: AtomicU32,
    /// The first reading: when it was, its values, and when the thread was born; 0 if that is not known.
    pub(super) first_reading_ns: AtomicU64,
    pub(super) first_delay_ns: AtomicU64,
    pub(super) first_cpu_ns: AtomicU64,
    pub(super) born_ns: AtomicU64,
    /// The totals at that reading: delay while holding, free, unsplit; free processor time; the instrument's time.
    pub(super) totals_at_first: [AtomicU64; 5],
    pub(super) n_not_read_at_first: AtomicU32,
    /// Whether the thread was read between its last two holds, so that its delay before the present one is known.
    pub(super) is_read_before_hold: AtomicBool,
    /// The last stretch in which the thread ran without the GIL and was ready for a while: from when on that may have been,
    /// and for how long it was.
    pub(super) ready_from_ns: AtomicU64,
    pub(super) ready_ns: AtomicU64,
    /// How often the thread was read since a span began that splits (which one), and how often it was not, to be spared.
    pub(super) n_readings: AtomicU32,
    pub(super) readings_since: AtomicU32,
    pub(super) n_not_read: AtomicU32,
    /// When the thread began to wait for the GIL's condition, and for how long somebody had the GIL up to then; `u64::MAX`
    /// while it waits for the mutex.
    pub(super) gil_wait_began_ns: AtomicU64,
    pub(super) busy_at_wait_ns: AtomicU64,
    pub(super) member: Member,
}

impl Account {
    /// Returns what the thread does now.
    #[must_use]
    pub fn state(&self) -> State {
        State::from_byte(self.state.load(Relaxed))
    }

    /// Returns since when the thread does that.
    #[must_use]
    pub fn since_ns(&self) -> u64 {
        self.since_ns.load(Relaxed)
    }

    /// Returns how long the thread has held the GIL up to `now_ns`, including the present hold.
    #[must_use]
    pub fn held_ns_at(&self, now_ns: u64) -> u64 {
        let present_ns = match self.state() {
            State::Holding => now_ns.saturating_sub(self.since_ns()),
            _ => 0,
        };
        self.held_ns.load(Relaxed) + present_ns
    }

    /// Returns for how long the thread has waited for the GIL, in waits that have ended.
    #[must_use]
    pub fn waiting_ns(&self) -> u64 {
        self.waiting_ns.load(Relaxed)
    }

    /// Returns how often the thread has released the GIL by a decision of its own.
    #[must_use]
    pub fn n_releases_by_function(&self) -> u64 {
        self.n_releases_by_function.load(Relaxed)
    }

    #[inline]
    pub(super) fn enter(&self, state: State, now_ns: u64) {
        self.state.store(state as u8, Relaxed);
        self.since_ns.store(now_ns, Relaxed);
    }

    /// Resets the totals for another recording.
    #[inline]
    pub(super) fn reset(&self, epoch: u32) {
        for total in [
            &self.held_ns,
            &self.waiting_ns,
            &self.instrument_ns,
            &self.n_releases_by_function,
            &self.n_releases_by_interpreter,
            &self.last_delay_ns,
            &self.held_delay_ns,
            &self.free_delay_ns,
            &self.unsplit_delay_ns,
            &self.last_reading_ns,
            &self.hold_began_ns,
            &self.hold_ended_ns,
            &self.wait_began_ns,
            &self.switch_wait_ns.0,
            &self.switch_wait_ns.1,
            &self.lock_wait_ns,
            &self.free_cpu_ns,
            &self.last_cpu_ns,
            &self.last_n_runs,
            &self.last_n_sleeps,
            &self.first_reading_ns,
            &self.first_delay_ns,
            &self.first_cpu_ns,
            &self.born_ns,
            &self.ready_from_ns,
            &self.ready_ns,
            &self.gil_wait_began_ns,
            &self.busy_at_wait_ns,
        ] {
            total.store(0, Relaxed);
        }
        self.n_splitting.store(0, Relaxed);
        self.n_sparing.store(0, Relaxed);
        for count in [&self.kernel_thread, &self.version, &self.n_readings, &self.readings_since, &self.n_not_read] {
            count.store(0, Relaxed);
        }
        self.is_read_before_hold.store(false, Relaxed);
        self.has_waited.store(false, Relaxed);
        self.switch_wait_is_logged.store(false, Relaxed);
        self.boundary.store(0, Relaxed);
        self.member.clear();
        self.state.store(State::Unknown as u8, Relaxed);
        self.epoch.store(epoch, Relaxed);
    }
}

/// Adds to a total that has one writer: a load and a store are enough, and cheaper than a locked instruction.
#[inline]
pub(super) fn add(total: &AtomicU64, amount: u64) {
    total.store(total.load(Relaxed).wrapping_add(amount), Relaxed);
}

/// The accounts of all threads.
#[derive(Debug)]
pub struct Accounts {
    table: Box<[Account]>,
}

impl Accounts {
    /// Makes room for `capacity` threads, rounded up to a power of two.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.next_power_of_two();
        Self { table: std::iter::repeat_with(Account::default).take(capacity).collect() }
    }

    #[inline]
    fn home(&self, thread: usize) -> usize {
        // Thread descriptors lie at multiples of a stack size, so their low bits are equal: multiply and use the high bits.
        let spread = (thread as u64 >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        #[allow(clippy::cast_possible_truncation)]
        {
            (spread >> 32) as usize & (self.table.len() - 1)
        }
    }

    /// Closes all accounts. Nothing is recorded meanwhile.
    ///
    /// Otherwise the accounts of threads that have ended would fill the table.
    pub(super) fn close_all(&self) {
        for account in &self.table {
            account.thread.store(0, Relaxed);
            account.epoch.store(0, Relaxed);
        }
    }

    /// Returns the account of a thread, if it has one.
    #[must_use]
    pub fn find(&self, thread: usize) -> Option<&Account> {
        let home = self.home(thread);
        for step in 0..self.table.len() {
            let account = &self.table[(home + step) & (self.table.len() - 1)];
            match account.thread.load(Relaxed) {
                key if key == thread => return Some(account),
                0 => return None,
                _ => {}
            }
        }
        None
    }

    /// Returns the account of a thread and opens it if necessary; `None` if the table is full.
    #[inline]
    #[must_use]
    pub fn find_or_open(&self, thread: usize) -> Option<&Account> {
        let home = self.home(thread);
        for step in 0..self.table.len() {
            let account = &self.table[(home + step) & (self.table.len() - 1)];
            let key = account.thread.load(Relaxed);
            if key == thread {
                return Some(account);
            }
            // A waiting thread and a thread that begins a span may open accounts at the same time.
            if key == 0 && account.thread.compare_exchange(0, thread, Relaxed, Relaxed).is_ok() {
                return Some(account);
            }
            if account.thread.load(Relaxed) == thread {
                return Some(account);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_finds_its_own_account_again() {
        let accounts = Accounts::with_capacity(4);
        let first = std::ptr::from_ref(accounts.find_or_open(0x1000).expect("room"));

        assert_eq!(std::ptr::from_ref(accounts.find_or_open(0x1000).expect("there")), first);
        assert_ne!(std::ptr::from_ref(accounts.find_or_open(0x2000).expect("room")), first);
        assert!(accounts.find(0x3000).is_none());
    }

    #[test]
    fn a_full_table_refuses() {
        let accounts = Accounts::with_capacity(2);
        assert!(accounts.find_or_open(0x1000).is_some());
        assert!(accounts.find_or_open(0x2000).is_some());

        assert!(accounts.find_or_open(0x3000).is_none());
    }
}
