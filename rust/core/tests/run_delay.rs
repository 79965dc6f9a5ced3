//! The run delay of spans and of the threads that work for them, by what each did to the GIL.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use gilcheck_core::clock::{ProcessorAccount, now_ns};
use gilcheck_core::ledger::{Detail, OffProcessor, Recorder, State};

const OWN: usize = 0x7f00_0000_0040;

/// Makes a test of real time up to ten times in which it was left alone. A test that is preempted looks like a thread that was
/// kept off the processor: beside a full load at a low priority it was so each of ten times, and says nothing.
fn left_alone(test: impl Fn()) {
    let delay = || std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').nth(1)?.parse::<u64>().ok();
    let mut n_left_alone = 0;
    for _ in 0..100 {
        let before = delay();
        let Err(why) = catch_unwind(AssertUnwindSafe(&test)) else { return };
        n_left_alone += u32::from(delay() == before);
        if n_left_alone == 10 {
            resume_unwind(why);
        }
    }
    eprintln!("NOT TESTED: others took the processor each time");
}

fn wait_until(at_ns: u64) {
    while now_ns() < at_ns {}
}

/// The kernel's account of a thread that was ready for so long.
fn delayed(delay_ns: u64) -> ProcessorAccount {
    ProcessorAccount { thread_id: 1, cpu_ns: 1, delay_ns, n_runs: 1, n_sleeps: None }
}

#[test]
fn run_delay_is_split_where_no_wait_lies_between_two_readings() {
    left_alone(|| {
        let recorder = Recorder::new();
        recorder.start(1, OWN);
        let start = recorder.begin(OWN, Detail::Split(delayed(100))).expect("it holds");
        let at = |ns: u64| start.start_ns() + ns;

        wait_until(at(10_000));
        recorder.unlocked(at(10_000), false, OWN, false);
        recorder.read_delay(OWN, State::Holding, || Some(delayed(107))); // 7 while it held, or between the release and the reading
        wait_until(at(400_000));
        recorder.read_delay(OWN, State::Released, || Some(delayed(118))); // 11 without the GIL
        recorder.waits(at(500_000), OWN);
        recorder.unlocked(at(600_000), true, OWN, false);
        wait_until(at(700_000));

        let figures = recorder.end(&start, now_ns(), Some(delayed(131)), 10).expect("possible");

        let (held_delay_ns, free_delay_ns) =
            (figures.held_delay_ns.expect("split"), figures.free_delay_ns.expect("split"));
        assert!(held_delay_ns <= 7 && free_delay_ns >= 11);
        assert_eq!((held_delay_ns + free_delay_ns, figures.unsplit_delay_ns), (18, Some(13)));
        assert!(figures.instrument_ns > 0);
    });
}

/// Returns the delay by state of a call that holds for 5 ms and is free for 5 ms, of which the thread used the processor for
/// so long, was never ready, and slept so often in each part.
fn delays_by_state(used_ns: [u64; 2], n_sleeps: [Option<u64>; 2]) -> (u64, u64) {
    const PART_NS: u64 = 5_000_000;
    let account = |cpu_ns, n_sleeps| ProcessorAccount { cpu_ns, n_sleeps, ..delayed(0) };
    let passes = || wait_until(now_ns() + PART_NS);
    let recorder = recording();
    let start = recorder.begin(OWN, Detail::Split(account(1, Some(0)))).expect("it holds");
    passes();
    recorder.unlocked(now_ns(), false, OWN, false);
    let after_hold = account(1 + used_ns[0], n_sleeps[0]);
    recorder.read_delay(OWN, State::Holding, || Some(after_hold));
    passes();
    let slept = n_sleeps[0].zip(n_sleeps[1]).map(|(before, after)| before + after);
    let at_end = account(after_hold.cpu_ns + used_ns[1], slept);
    recorder.read_delay(OWN, State::Released, || Some(at_end));
    let end_ns = now_ns();
    recorder.unlocked(end_ns, true, OWN, false);
    let figures = recorder.end(&start, end_ns, Some(at_end), 10).expect("possible");
    (figures.held_delay_ns.expect("split"), figures.free_delay_ns.expect("split"))
}

#[test]
fn a_thread_that_neither_runs_nor_sleeps_nor_is_ready_was_stopped_with_its_processor() {
    left_alone(|| {
        const MS: u64 = 1_000_000;
        const NEVER: Option<u64> = Some(0);
        let (held_ns, free_ns) = delays_by_state([4 * MS, 5 * MS], [NEVER, NEVER]);
        assert!(held_ns >= MS && free_ns < MS, "{held_ns} {free_ns}");
        let (held_ns, free_ns) = delays_by_state([5 * MS, 3 * MS], [NEVER, NEVER]);
        assert!(held_ns < MS && free_ns >= 2 * MS, "{held_ns} {free_ns}");
        // It slept, or nobody knows.
        for n_sleeps in [Some(1), None] {
            let (held_ns, free_ns) = delays_by_state([4 * MS, 3 * MS], [n_sleeps, n_sleeps]);
            assert!(held_ns < MS / 10 && free_ns < MS / 10, "{held_ns} {free_ns}");
        }
        // The readings use the processor, too.
        let (held_ns, free_ns) = delays_by_state([9 * MS, 9 * MS], [NEVER, NEVER]);
        assert!(held_ns < MS / 10 && free_ns < MS / 10, "{held_ns} {free_ns}");
    });
}

#[test]
fn a_span_that_spares_its_thread_knows_the_delay_by_state_only_where_the_thread_was_always_read() {
    for (n_times, is_known) in [(3, true), (1_000, false)] {
        let recorder = recording();
        let start = recorder.begin(OWN, Detail::SplitSparingly(delayed(0))).expect("it holds");
        for _ in 0..n_times {
            recorder.unlocked(now_ns(), false, OWN, false);
            for before in [State::Holding, State::Released] {
                if recorder.splits_delay(OWN) {
                    recorder.read_delay(OWN, before, || Some(delayed(0)));
                }
            }
            recorder.unlocked(now_ns(), true, OWN, false);
        }
        let figures = recorder.end(&start, now_ns(), Some(delayed(0)), 10).expect("possible");

        assert_eq!(figures.held_delay_ns.is_some(), is_known, "{n_times}");
        assert!(!recorder.splits_delay(OWN));
    }
}

#[test]
fn a_reading_that_is_preempted_takes_nothing_from_the_state_before_it() {
    left_alone(|| {
        let recorder = Recorder::new();
        recorder.start(1, OWN);
        let start = recorder.begin(OWN, Detail::Split(delayed(0))).expect("it holds");
        let at = |ns: u64| start.start_ns() + ns;

        wait_until(at(20_000_000));
        recorder.unlocked(at(20_000_000), false, OWN, false);
        let mut is_first = true;
        let read = || {
            if std::mem::take(&mut is_first) {
                wait_until(at(50_000_000)); // preempted
            }
            Some(delayed(30_000_000))
        };
        recorder.read_delay(OWN, State::Holding, read);
        recorder.unlocked(at(60_000_000), true, OWN, false);
        let figures = recorder.end(&start, at(60_000_000), Some(delayed(30_000_000)), 10).expect("possible");

        let held_delay_ns = figures.held_delay_ns.expect("split");
        assert!(held_delay_ns < 1_000_000, "{held_delay_ns}");
    });
}

/// Another thread that works for a span: what it does, and the kernel's account of it.
struct Worker<'r> {
    recorder: &'r Recorder,
    account: ProcessorAccount,
}

const WORKER: usize = 0x7f00_0010_0040;

impl Worker<'_> {
    fn new(recorder: &Recorder) -> Worker<'_> {
        Worker {
            recorder,
            account: ProcessorAccount {
                thread_id: 77,
                cpu_ns: 900_000,
                delay_ns: 5_000_000,
                n_runs: 9,
                n_sleeps: None,
            },
        }
    }

    /// A worker that was met and read in an earlier span.
    fn met(recorder: &Recorder) -> Worker<'_> {
        let mut worker = Worker::new(recorder);
        worker.within(|worker| {
            worker.takes();
            worker.releases();
            worker.is_read(State::Holding);
        });
        worker
    }

    /// It passes so much time, and was ready for a part of it.
    fn passes(&mut self, ns: u64, delay_ns: u64) {
        wait_until(now_ns() + ns);
        self.account.delay_ns += delay_ns;
        self.account.n_runs += 1;
    }

    fn is_read(&self, before: State) {
        assert!(self.recorder.splits_delay(WORKER));
        self.recorder.read_delay(WORKER, before, || Some(self.account));
    }

    fn takes(&self) {
        assert!(self.recorder.is_about_to_take(WORKER));
        self.is_read(State::Released);
        self.recorder.unlocked(now_ns(), true, WORKER, false);
    }

    fn releases(&self) {
        self.recorder.unlocked(now_ns(), false, WORKER, false);
    }

    /// A span of the own thread in which only `acts` happens, and what is known of the worker then.
    fn within(&mut self, acts: impl FnOnce(&mut Self)) -> (u64, Option<OffProcessor>) {
        let (recorder, account) = (self.recorder, self.account);
        let followed = recorder.follow(OWN, |number| (number == account.thread_id).then_some(account));
        let start = recorder.begin(OWN, Detail::Split(delayed(0))).expect("it holds");
        recorder.unlocked(now_ns(), false, OWN, false);
        recorder.read_delay(OWN, State::Holding, || Some(delayed(0)));
        acts(self);
        recorder.read_delay(OWN, State::Released, || Some(delayed(0)));
        recorder.unlocked(now_ns(), true, OWN, false);
        let end_ns = now_ns();
        let mut figures = recorder.end(&start, end_ns, Some(delayed(0)), 10).expect("possible");
        let account = self.account;
        recorder.end_following(&followed, &start, end_ns, &mut figures.others, |number| {
            (number == account.thread_id).then_some(account)
        });
        let row = figures.others.iter().find(|row| row.thread == WORKER);
        row.map_or((0, None), |row| (row.held_ns, row.off_processor))
    }
}

fn recording() -> Recorder {
    let recorder = Recorder::new();
    recorder.start(now_ns(), OWN);
    recorder
}

#[test]
fn the_delay_of_a_worker_is_split_as_that_of_the_spans_own_thread() {
    left_alone(|| {
        let recorder = recording();
        let mut worker = Worker::met(&recorder);
        worker.passes(1_000_000, 700_000); // between two calls

        let (held_ns, off) = worker.within(|worker| {
            worker.passes(500_000, 300_000);
            worker.takes();
            worker.passes(1_000_000, 600_000);
            worker.releases();
            worker.is_read(State::Holding);
            worker.passes(400_000, 200_000);
            worker.takes();
            worker.releases();
            worker.is_read(State::Holding);
            worker.passes(500_000, 150_000);
        });

        let off = off.expect("it is known");
        assert!(held_ns >= 1_000_000);
        let free_ns = off.free_delay_ns + off.unsplit_delay_ns;
        assert!((free_ns + off.held_delay_ns).abs_diff(1_100_000) < 50_000, "{off:?}");
        assert!(off.held_delay_ns.abs_diff(600_000) < 50_000 && off.unsplit_delay_ns < 100_000, "{off:?}");
        assert!(off.late_delay_ns.abs_diff(150_000) < 100_000, "{off:?}");
        assert!(off.instrument_ns > 0);
    });
}

#[test]
fn a_worker_that_has_let_go_and_was_not_read_yet_was_perhaps_delayed_in_its_hold() {
    left_alone(|| {
        let recorder = recording();
        let mut worker = Worker::met(&recorder);

        let (_, off) = worker.within(|worker| {
            worker.takes();
            worker.passes(2_000_000, 1_000_000);
            worker.releases();
            worker.passes(300_000, 0);
        });

        let off = off.expect("it is known");
        assert!(off.held_delay_ns + off.unsplit_delay_ns == 1_000_000, "{off:?}");
        assert!(off.unsplit_delay_ns >= 300_000 && off.unsplit_delay_ns < 800_000, "{off:?}");
        assert_eq!(off.late_delay_ns, 0);
    });
}

#[test]
fn a_worker_that_was_met_for_the_first_time_may_have_been_delayed_before() {
    let recorder = recording();
    let mut worker = Worker::new(&recorder);

    let (_, off) = worker.within(|worker| {
        worker.passes(400_000, 300_000);
        worker.takes();
        worker.releases();
        worker.is_read(State::Holding);
    });

    let off = off.expect("it is known");
    assert_eq!(off.free_delay_ns, 0);
    assert!(off.unsplit_delay_ns >= 400_000 && off.free_cpu_ns >= 400_000, "{off:?}");
}

#[test]
fn a_worker_that_was_born_within_the_span_was_delayed_within_it() {
    let recorder = recording();
    let mut worker = Worker::new(&recorder);
    worker.account = ProcessorAccount { thread_id: 78, cpu_ns: 100_000, delay_ns: 300_000, n_runs: 0, n_sleeps: None };

    let (_, off) = worker.within(|worker| {
        worker.passes(500_000, 0);
        worker.takes();
        worker.releases();
        worker.is_read(State::Holding);
    });

    let off = off.expect("it is known");
    assert_eq!((off.free_delay_ns, off.unsplit_delay_ns), (300_000, 0));
    assert!(off.free_cpu_ns >= 100_000);
}

#[test]
fn a_thread_that_hands_over_all_the_time_is_not_read_each_time_and_nothing_is_said_of_it() {
    left_alone(|| {
        let recorder = recording();
        let mut worker = Worker::new(&recorder);

        let (_, off) = worker.within(|worker| {
            let mut n_readings = 0;
            for _ in 0..5_000 {
                if recorder.splits_delay(WORKER) {
                    worker.is_read(State::Released);
                    n_readings += 1;
                }
                recorder.unlocked(now_ns(), true, WORKER, false);
                worker.releases();
            }
            assert!((64..2_500).contains(&n_readings), "{n_readings}");
        });
        assert_eq!(off, None);

        let (_, off) = worker.within(|worker| {
            worker.takes();
            worker.releases();
            worker.is_read(State::Holding);
        });
        assert!(off.is_some());
    });
}

#[test]
fn nothing_is_said_of_a_worker_that_has_ended_or_of_another_one_with_its_name() {
    let recorder = recording();
    let mut worker = Worker::new(&recorder);
    let acts = |worker: &mut Worker<'_>| {
        worker.takes();
        worker.releases();
        worker.is_read(State::Holding);
    };
    assert!(worker.within(acts).1.is_some());

    let (_, off) = worker.within(|worker| {
        acts(worker);
        worker.account.thread_id = 78; // the kernel does not know 77 any more
    });
    assert_eq!(off, None);

    // Another thread has its identifier, and an account of its own.
    worker.account = ProcessorAccount { thread_id: 79, cpu_ns: 5, delay_ns: 7, n_runs: 4, n_sleeps: None };
    let (_, off) = worker.within(acts);
    let off = off.expect("it is known");
    assert!(off.held_delay_ns == 0 && off.free_delay_ns == 0 && off.unsplit_delay_ns <= 7, "{off:?}");
}

#[test]
fn a_delay_of_the_spans_thread_after_the_worker_was_read_is_its_alone() {
    left_alone(|| {
        let recorder = recording();
        let mut worker = Worker::met(&recorder);
        // A delay that is longer than the time since the worker was read began before it.
        for (is_longer, n_runs, is_alone) in [(false, 2, true), (true, 2, false), (false, 3, false)] {
            let account = worker.account;
            let read = |number: u32| (number == account.thread_id).then_some(account);
            let followed = recorder.follow(OWN, read);
            let own = |delay_ns, n_runs| ProcessorAccount { thread_id: 1, cpu_ns: 1, delay_ns, n_runs, n_sleeps: None };
            let start = recorder.begin(OWN, Detail::Split(own(0, 1))).expect("it holds");
            recorder.unlocked(now_ns(), false, OWN, false);
            recorder.read_delay(OWN, State::Holding, || Some(own(0, 1)));
            let own_read_ns = now_ns();
            worker.passes(1_000_000, 0);
            worker.takes();
            worker.passes(1_000_000, 0);
            worker.releases();
            worker.is_read(State::Holding);
            let worker_read_ns = now_ns();
            worker.passes(1_000_000, 0);
            let delay_ns = if is_longer { now_ns() - u64::midpoint(own_read_ns, worker_read_ns) } else { 800_000 };
            recorder.read_delay(OWN, State::Released, || Some(own(delay_ns, n_runs)));
            recorder.unlocked(now_ns(), true, OWN, false);
            let end_ns = now_ns();
            let mut figures = recorder.end(&start, end_ns, Some(delayed(delay_ns)), 10).expect("possible");
            recorder.end_following(&followed, &start, end_ns, &mut figures.others, read);

            let off = figures.others[0].off_processor.expect("it is known");
            assert_eq!(figures.free_delay_ns, Some(delay_ns));
            if is_alone {
                assert_eq!(off.alone_ready_ns, 800_000);
            } else {
                assert!(off.alone_ready_ns < delay_ns - 100_000, "{off:?}");
            }
        }
    });
}
