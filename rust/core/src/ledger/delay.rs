//! Splits a thread's run delay, the time in which it is ready and does not run, by what it does to the GIL meanwhile.

use super::account::{Account, State, add};
use super::atomic::Ordering::Relaxed;
use super::recorder::Recorder;
use crate::clock::{self, ProcessorAccount};

/// So often a thread without a span of its own, or with one that spares it, is read within a span that splits: 64 times, and once more for each 250 µs. A
/// reading takes about 4 µs, so that a thread that hands over the GIL all the time pays 2 % of its time, and not all of it.
const MOST_READINGS: u64 = 64;
const READING_EVERY_NS: u64 = 250_000;

impl Recorder {
    /// Returns whether the run delay of a thread is split by state: it has a span that asks for it, or somebody has one, and
    /// may have given this thread its work.
    #[inline]
    #[must_use]
    pub fn splits_delay(&self, thread: usize) -> bool {
        self.n_splitting.load(Relaxed) != 0 && self.accounts.find(thread).is_some_and(|account| self.may_read(account))
    }

    /// Returns whether the calling thread, which has this account, may be read once more.
    #[cold]
    fn may_read(&self, account: &Account) -> bool {
        if account.n_splitting.load(Relaxed) > account.n_sparing.load(Relaxed) {
            return true;
        }
        let number = self.split_number.load(Relaxed);
        if account.readings_since.load(Relaxed) != number {
            account.readings_since.store(number, Relaxed);
            account.n_readings.store(0, Relaxed);
        }
        let n_more = u64::from(account.n_readings.load(Relaxed)).checked_sub(MOST_READINGS);
        let may = n_more.is_none_or(|n_more| {
            n_more < clock::now_ns().saturating_sub(self.split_began_ns.load(Relaxed)) / READING_EVERY_NS
        });
        if !may {
            account.n_not_read.store(account.n_not_read.load(Relaxed).wrapping_add(1), Relaxed);
        }
        may
    }

    /// Reads the calling thread's run delay and adds what is new to the state `before`. The GIL's mutex is not held.
    ///
    /// It is called after each release, before the GIL's mutex is locked for a take, and after a take for which the thread
    /// has waited: what is new then fell on the wait. Under the mutex no system call may be made: the thread would be
    /// preempted with it in hand.
    #[cold]
    pub fn read_delay(&self, thread: usize, before: State, read: impl FnMut() -> Option<ProcessorAccount>) {
        let Some(account) = self.account(thread) else { return };
        account.n_readings.store(account.n_readings.load(Relaxed).saturating_add(1), Relaxed);
        let start_ns = clock::now_ns();
        let reading = clock::account_at(start_ns, read);
        let end_ns = clock::now_ns();
        account.begin_change();
        if let Some((reading, after)) = reading {
            if account.is_first_reading(&reading) {
                account.begin_readings(start_ns, &after);
                self.know(thread);
            } else {
                account.note_run(start_ns, before, &reading);
                Self::add_delay(account, start_ns, before, &reading);
            }
            account.keep(&after);
        }
        account.is_read_before_hold.store(reading.is_some() && before != State::Holding, Relaxed);
        account.last_reading_ns.store(end_ns, Relaxed);
        let since_ns = if before == State::Waiting { account.hold_began_ns.load(Relaxed) } else { start_ns };
        add(&account.instrument_ns, end_ns.saturating_sub(since_ns));
        if before == State::Waiting {
            account.enter(State::Holding, end_ns); // the reading is no part of the hold that has begun
            account.hold_began_ns.store(end_ns, Relaxed);
        }
        account.end_change();
    }

    /// Returns whether the calling thread, which has just taken the GIL, has waited for it since its delay was last read.
    #[inline]
    #[must_use]
    pub fn has_waited(&self, thread: usize) -> bool {
        self.accounts.find(thread).is_some_and(|account| account.has_waited.load(Relaxed))
    }

    /// Adds the run delay since the last reading, and for how long the processor itself was stopped, to the state in which the
    /// thread was from then on.
    ///
    /// It is at most the time since the last reading. More was caused by that reading itself, which belongs to no state. (In
    /// a call with 8,000 releases beside busy processes most of the delay was, counted as holding, and made the call look
    /// released.) A reading is made a little after the event that ends a state, or before the one that begins it. The thread
    /// does nothing in between, so what passes there, if it is long, is delay, too, and of the other state. (A thread that
    /// releases the GIL wakes the one that waits, which then preempts it before the reading: 15 ms of delay were counted to a
    /// hold of 10 ms, and nothing of it was left.)
    pub(super) fn add_delay(account: &Account, now_ns: u64, before: State, reading: &ProcessorAccount) {
        let last_ns = account.last_reading_ns.load(Relaxed);
        let delay_ns = reading.delay_ns.saturating_sub(account.last_delay_ns.load(Relaxed));
        let added_ns = delay_ns + account.stopped_ns(now_ns, before, reading);
        let mut left_ns = added_ns.min(now_ns.saturating_sub(last_ns));
        account.last_delay_ns.store(reading.delay_ns, Relaxed);
        let has_waited = account.has_waited.swap(false, Relaxed);
        // A thread whose span does not split was perhaps not read before this hold: it waited when the span of another
        // thread began. Its delay is then that of a wait, of a hold, or of what lies between two spans.
        let is_one_stretch = account.is_read_before_hold.load(Relaxed);
        let mut take = |most_ns: u64| {
            let part_ns = left_ns.min(most_ns);
            left_ns -= part_ns;
            part_ns
        };
        match before {
            State::Waiting => {
                add(&account.free_delay_ns, take(account.wait_began_ns.load(Relaxed).saturating_sub(last_ns)));
            }
            State::Holding if has_waited || !is_one_stretch => add(&account.unsplit_delay_ns, left_ns),
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

impl Account {
    /// Returns whether the thread was not read before: another one may have had its identifier, and its account.
    pub(super) fn is_first_reading(&self, reading: &ProcessorAccount) -> bool {
        self.last_reading_ns.load(Relaxed) == 0 || self.kernel_thread.load(Relaxed) != reading.thread_id
    }

    /// Begins the readings of a thread. What passed before the first one lies in no span for certain, but for a thread that
    /// was given a processor once in all: it was born ready, ran, and did nothing else.
    pub(super) fn begin_readings(&self, now_ns: u64, reading: &ProcessorAccount) {
        self.has_waited.store(false, Relaxed);
        let totals =
            [&self.held_delay_ns, &self.free_delay_ns, &self.unsplit_delay_ns, &self.free_cpu_ns, &self.instrument_ns];
        for (at_first, total) in self.totals_at_first.iter().zip(totals) {
            at_first.store(total.load(Relaxed), Relaxed);
        }
        self.n_not_read_at_first.store(self.n_not_read.load(Relaxed), Relaxed);
        self.first_reading_ns.store(now_ns, Relaxed);
        self.first_delay_ns.store(reading.delay_ns, Relaxed);
        self.first_cpu_ns.store(reading.cpu_ns, Relaxed);
        let age_ns = reading.cpu_ns.saturating_add(reading.delay_ns);
        self.born_ns.store(if reading.n_runs <= 1 { now_ns.saturating_sub(age_ns) } else { 0 }, Relaxed);
    }

    /// Notes where a stretch without the GIL was run and where its delay lies, before the reading at its end is kept.
    ///
    /// A thread that was given a processor once since the last reading was ready until then, and ran from then on: its delay
    /// ended so long before this reading as it has used the processor, at most.
    fn note_run(&self, now_ns: u64, before: State, reading: &ProcessorAccount) {
        if before == State::Holding {
            return;
        }
        let cpu_ns = reading.cpu_ns.saturating_sub(self.last_cpu_ns.load(Relaxed));
        add(&self.free_cpu_ns, cpu_ns);
        self.ready_ns.store(0, Relaxed);
        if before == State::Waiting || self.has_waited.load(Relaxed) {
            return;
        }
        let last_ns = self.last_reading_ns.load(Relaxed);
        let ready_ns =
            reading.delay_ns.saturating_sub(self.last_delay_ns.load(Relaxed)).min(now_ns.saturating_sub(last_ns));
        let n_runs = reading.n_runs.saturating_sub(self.last_n_runs.load(Relaxed));
        let from_ns = if n_runs <= 1 { now_ns.saturating_sub(ready_ns + cpu_ns).max(last_ns) } else { last_ns };
        self.ready_from_ns.store(from_ns, Relaxed);
        self.ready_ns.store(ready_ns, Relaxed);
    }

    /// Returns for how long the thread's processor was stopped since the last reading, at least: the thread neither ran nor
    /// was it ready, and it gave its processor away not once.
    ///
    /// The host takes a virtual processor away so, and no run delay shows it: a hold of 10.0 ms lasted for 10.6 ms, and a share
    /// of 0.5 came out as 0.512 without a margin. The processor time contains a part of the readings, so that this is no
    /// more than it was. In a stretch with a wait the thread sleeps, and nothing is known.
    fn stopped_ns(&self, now_ns: u64, before: State, reading: &ProcessorAccount) -> u64 {
        let slept = reading.n_sleeps.is_none_or(|n_sleeps| n_sleeps != self.last_n_sleeps.load(Relaxed));
        if slept || before == State::Waiting || self.has_waited.load(Relaxed) {
            return 0;
        }
        let ready_ns = reading.delay_ns.saturating_sub(self.last_delay_ns.load(Relaxed));
        let cpu_ns = reading.cpu_ns.saturating_sub(self.last_cpu_ns.load(Relaxed));
        now_ns.saturating_sub(self.last_reading_ns.load(Relaxed)).saturating_sub(ready_ns).saturating_sub(cpu_ns)
    }

    /// Keeps a reading, from which the next one is counted.
    pub(super) fn keep(&self, reading: &ProcessorAccount) {
        self.kernel_thread.store(reading.thread_id, Relaxed);
        self.last_delay_ns.store(reading.delay_ns, Relaxed);
        self.last_cpu_ns.store(reading.cpu_ns, Relaxed);
        self.last_n_runs.store(reading.n_runs, Relaxed);
        self.last_n_sleeps.store(reading.n_sleeps.unwrap_or(u64::MAX), Relaxed);
    }
}
