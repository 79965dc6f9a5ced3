//! Running totals of each thread, found by its `pthread_self` without a thread-local variable.
//!
//! A thread-local of a library that is loaded late is allocated at its first use, in the middle of the hook; a
//! small table with open addressing is not.

use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::meter::Member;

/// How deeply spans of one thread may nest.
pub const MAX_DEPTH: usize = 8;

/// What a thread is doing with the GIL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Nothing was seen of it yet.
    Unknown = 0,
    /// It holds the GIL.
    Holding = 1,
    /// It runs without the GIL.
    Released = 2,
    /// It wants the GIL and does not have it.
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

/// One level of nested spans: the longest hold since its floor.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) floor_ns: AtomicU64,
    pub(super) longest_ns: AtomicU64,
}

impl Level {
    /// A hold that began at `since_ns` ends at `now_ns`: is it the longest since the floor?
    #[inline]
    pub(super) fn close_hold(&self, since_ns: u64, now_ns: u64) {
        let hold_ns = now_ns.saturating_sub(since_ns.max(self.floor_ns.load(Relaxed)));
        if hold_ns > self.longest_ns.load(Relaxed) {
            self.longest_ns.store(hold_ns, Relaxed);
        }
    }
}

/// The totals of one thread. Written by that thread alone (its hooks, its spans); read by any.
#[derive(Debug, Default)]
pub struct Account {
    thread: AtomicUsize,
    /// The recording that these totals belong to; an older one means: begin anew.
    pub(super) epoch: AtomicU32,
    state: AtomicU8,
    pub(super) depth: AtomicUsize,
    pub(super) since_ns: AtomicU64,
    pub(super) held_ns: AtomicU64,
    pub(super) waiting_ns: AtomicU64,
    pub(super) instrument_ns: AtomicU64,
    pub(super) n_voluntary: AtomicU64,
    pub(super) n_on_request: AtomicU64,
    /// Open file of the scheduler's account while hand-overs are to be told from being descheduled; else -1.
    pub(super) delay_fd: AtomicI32,
    pub(super) last_delay_ns: AtomicU64,
    pub(super) held_delay_ns: AtomicU64,
    pub(super) free_delay_ns: AtomicU64,
    pub(super) member: Member,
    pub(super) levels: [Level; MAX_DEPTH],
}

impl Account {
    /// What the thread is doing.
    #[must_use]
    pub fn state(&self) -> State {
        State::from_byte(self.state.load(Relaxed))
    }

    /// When it began to do that.
    #[must_use]
    pub fn since_ns(&self) -> u64 {
        self.since_ns.load(Relaxed)
    }

    /// Nanoseconds of holding up to `now_ns`, the present hold included.
    #[must_use]
    pub fn held_ns_at(&self, now_ns: u64) -> u64 {
        let running = match self.state() {
            State::Holding => now_ns.saturating_sub(self.since_ns()),
            _ => 0,
        };
        self.held_ns.load(Relaxed) + running
    }

    #[inline]
    pub(super) fn enter(&self, state: State, now_ns: u64) {
        self.state.store(state as u8, Relaxed);
        self.since_ns.store(now_ns, Relaxed);
    }

    /// Begins anew for another recording.
    #[inline]
    pub(super) fn renew(&self, epoch: u32) {
        for total in [
            &self.held_ns,
            &self.waiting_ns,
            &self.instrument_ns,
            &self.n_voluntary,
            &self.n_on_request,
            &self.last_delay_ns,
            &self.held_delay_ns,
            &self.free_delay_ns,
        ] {
            total.store(0, Relaxed);
        }
        self.delay_fd.store(-1, Relaxed);
        self.member.forget();
        self.depth.store(0, Relaxed);
        self.state.store(State::Unknown as u8, Relaxed);
        self.epoch.store(epoch, Relaxed);
    }
}

#[inline]
pub(super) fn add(total: &AtomicU64, amount: u64) {
    // One writer: a plain load and store, without the price of a locked instruction.
    total.store(total.load(Relaxed).wrapping_add(amount), Relaxed);
}

/// All threads' accounts.
#[derive(Debug)]
pub struct Accounts {
    table: Box<[Account]>,
}

impl Accounts {
    /// Room for `capacity` threads (a power of two).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.next_power_of_two();
        Self { table: std::iter::repeat_with(Account::default).take(capacity).collect() }
    }

    #[inline]
    fn home(&self, thread: usize) -> usize {
        // Thread descriptors lie at multiples of a stack size: the low bits say nothing, so multiply and take the high ones.
        let spread = (thread as u64 >> 6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        #[allow(clippy::cast_possible_truncation)]
        {
            (spread >> 32) as usize & (self.table.len() - 1)
        }
    }

    /// Closes all accounts. Nothing is recorded at this moment.
    ///
    /// Threads come and go, and their descriptors' addresses with them: kept for ever, a thousand threads that ended long
    /// ago would leave no room for those that are.
    pub(super) fn forget_all(&self) {
        for account in &self.table {
            account.thread.store(0, Relaxed);
            account.epoch.store(0, Relaxed);
        }
    }

    /// The account of a thread, if it has one.
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

    /// The account of a thread, opened if need be; `None` where the table is full.
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
            // A waiting thread and one that begins a span may open accounts at the same moment.
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
