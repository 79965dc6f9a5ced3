//! The recorder agrees with a naive fold of the same events, for any possible sequence.

use gilcheck_core::ledger::{Detail, Recorder, SpanFigures, SpanStart, State};
use proptest::prelude::*;

/// Thread identifiers are aligned addresses.
const OWN: usize = 0x7f00_0000_0040;
const OTHERS: [usize; 2] = [0x7f00_0010_0040, 0x7f00_0020_0040];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// The thread waits for the GIL's mutex, for the GIL, for another thread to take the GIL, no longer for that.
    LockWait(usize),
    Wait(usize),
    SwitchWait(usize),
    Switched(usize),
    Take(usize),
    Release {
        by_interpreter: bool,
    },
}

/// What a thread does, in the words of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Running,
    WaitingForLock,
    WaitingForGil,
    WaitingForSwitch,
    Holding,
}

fn index(thread: usize) -> usize {
    [OWN, OTHERS[0], OTHERS[1]].iter().position(|other| *other == thread).expect("one of three")
}

/// Returns a possible sequence of events: each choice is one of those that are possible next.
fn history(start_ns: u64, choices: &[(u64, u8)]) -> Vec<(u64, Act)> {
    let threads = [OWN, OTHERS[0], OTHERS[1]];
    let mut doing = [Doing::Holding, Doing::Running, Doing::Running];
    let mut now_ns = start_ns;
    let mut acts: Vec<(u64, Act)> = Vec::new();
    let mut perform = |now_ns: u64, act: Act, doing: &mut [Doing; 3]| {
        match act {
            Act::LockWait(thread) => doing[index(thread)] = Doing::WaitingForLock,
            Act::Wait(thread) => doing[index(thread)] = Doing::WaitingForGil,
            Act::SwitchWait(thread) => doing[index(thread)] = Doing::WaitingForSwitch,
            Act::Switched(thread) => doing[index(thread)] = Doing::Running,
            Act::Take(thread) => doing[index(thread)] = Doing::Holding,
            Act::Release { .. } => {
                let holder = doing.iter().position(|doing| *doing == Doing::Holding).expect("only a holder releases");
                doing[holder] = Doing::Running;
            }
        }
        acts.push((now_ns, act));
    };
    for (after_ns, choice) in choices {
        now_ns += after_ns;
        let is_free = !doing.contains(&Doing::Holding);
        let mut possible = Vec::new();
        for (thread, doing) in threads.into_iter().zip(doing) {
            match doing {
                Doing::Running => {
                    possible.extend([Act::LockWait(thread), Act::Wait(thread), Act::SwitchWait(thread)]);
                    possible.extend(is_free.then_some(Act::Take(thread)));
                }
                Doing::WaitingForLock => {
                    possible.push(Act::Wait(thread));
                    possible.extend(is_free.then_some(Act::Take(thread)));
                }
                Doing::WaitingForGil => possible.extend(is_free.then_some(Act::Take(thread))),
                Doing::WaitingForSwitch => possible.push(Act::Switched(thread)),
                Doing::Holding => {
                    possible.extend([false, true].map(|by_interpreter| Act::Release { by_interpreter }));
                }
            }
        }
        perform(now_ns, possible[usize::from(*choice) % possible.len()], &mut doing);
    }
    // A span ends in its own thread, which holds the GIL again.
    if doing[0] != Doing::Holding {
        if doing.contains(&Doing::Holding) {
            now_ns += 1;
            perform(now_ns, Act::Release { by_interpreter: false }, &mut doing);
        }
        if doing[0] == Doing::WaitingForSwitch {
            now_ns += 1;
            perform(now_ns, Act::Switched(OWN), &mut doing);
        }
        now_ns += 1;
        perform(now_ns, Act::Take(OWN), &mut doing);
    }
    acts
}

/// Reports events to the recorder as the hooks do.
fn play(recorder: &Recorder, acts: &[(u64, Act)]) {
    let mut holder = OWN;
    for (at_ns, act) in acts {
        match act {
            Act::LockWait(thread) => {
                assert!(recorder.is_about_to_take(*thread));
                recorder.waits_for_lock(*at_ns, *thread);
            }
            Act::Wait(thread) => recorder.waits(*at_ns, *thread),
            Act::SwitchWait(thread) => recorder.waits_for_switch(*at_ns, *thread),
            Act::Switched(thread) => recorder.switched(*at_ns, *thread),
            Act::Take(thread) => {
                holder = *thread;
                recorder.unlocked(*at_ns, true, holder, false);
            }
            Act::Release { by_interpreter } => {
                recorder.unlocked(*at_ns, false, holder, *by_interpreter);
            }
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Naive {
    held: u64,
    waiting: u64,
    longest: u64,
    n_releases_by_function: u64,
    n_releases_by_interpreter: u64,
    /// (held, longest hold, holds, own waits meanwhile) of both other threads.
    others: [(u64, u64, u64, u64); 2],
}

/// Folds the events, as an observer writes them down who sees the three threads all the time.
fn naive(start_ns: u64, end_ns: u64, acts: &[(u64, Act)]) -> Naive {
    let mut sums = Naive::default();
    let mut state = [State::Holding, State::Unknown, State::Unknown];
    let mut since = [start_ns; 3];
    let mut holder = OWN;
    let mut rest = acts.to_vec();
    if holder == OWN {
        rest.push((end_ns, Act::Release { by_interpreter: false }));
    }
    let n_real = acts.len();
    for (number, (at_ns, act)) in rest.into_iter().enumerate() {
        let (thread, next) = match act {
            Act::LockWait(thread) | Act::Wait(thread) | Act::SwitchWait(thread) => (thread, State::Waiting),
            Act::Switched(thread) => (thread, State::Released),
            Act::Take(thread) => {
                holder = thread;
                (thread, State::Holding)
            }
            Act::Release { by_interpreter } => {
                if holder == OWN && number < n_real {
                    let n = if by_interpreter {
                        &mut sums.n_releases_by_interpreter
                    } else {
                        &mut sums.n_releases_by_function
                    };
                    *n += 1;
                }
                (holder, State::Released)
            }
        };
        let who = index(thread);
        if (state[who], next) == (State::Waiting, State::Waiting) {
            continue; // it waited for the mutex, and waits on
        }
        let stretch = at_ns - since[who];
        match (state[who], who) {
            (State::Holding, 0) => {
                sums.held += stretch;
                sums.longest = sums.longest.max(stretch);
            }
            (State::Waiting, 0) => sums.waiting += stretch,
            (State::Holding, other) => {
                let row = &mut sums.others[other - 1];
                let waited = if state[0] == State::Waiting { at_ns - since[who].max(since[0]) } else { 0 };
                *row = (row.0 + stretch, row.1.max(stretch), row.2 + 1, row.3 + waited);
            }
            _ => {}
        }
        (state[who], since[who]) = (next, at_ns);
    }
    sums
}

fn figures_as_naive(figures: &SpanFigures) -> Naive {
    let others = OTHERS.map(|thread| {
        figures
            .others
            .iter()
            .find(|row| row.thread == thread)
            .map_or((0, 0, 0, 0), |row| (row.held_ns, row.longest_hold_ns, row.n_holds, row.waited_on_ns))
    });
    Naive {
        held: figures.held_ns,
        waiting: figures.waiting_ns,
        longest: figures.longest_hold_ns,
        n_releases_by_function: figures.n_releases_by_function,
        n_releases_by_interpreter: figures.n_releases_by_interpreter,
        others,
    }
}

fn begin_span() -> (Recorder, SpanStart) {
    let recorder = Recorder::new();
    recorder.start(gilcheck_core::clock::now_ns(), OWN);
    let start = recorder.begin(OWN, Detail::Full).expect("a fresh recorder");
    (recorder, start)
}

fn choices() -> impl Strategy<Value = Vec<(u64, u8)>> {
    prop::collection::vec((0u64..1000, any::<u8>()), 0..60)
}

/// How long both other threads waited for the GIL's condition while nobody had the GIL, and for its mutex alone, up to their takes.
fn naive_idle_waits(start_ns: u64, acts: &[(u64, Act)]) -> [(u64, u64); 2] {
    let mut sums = [(0, 0); 2];
    let mut present = [(0, 0); 3];
    let mut doing = [Doing::Holding, Doing::Running, Doing::Running];
    let mut last_ns = start_ns;
    for (at_ns, act) in acts {
        let is_free = !doing.contains(&Doing::Holding);
        for (doing, (idle_ns, unknown_ns)) in doing.iter().zip(&mut present) {
            match doing {
                Doing::WaitingForGil if is_free => *idle_ns += at_ns - last_ns,
                Doing::WaitingForLock => *unknown_ns += at_ns - last_ns,
                _ => {}
            }
        }
        last_ns = *at_ns;
        let (who, next) = match act {
            Act::LockWait(thread) => (index(*thread), Doing::WaitingForLock),
            Act::Wait(thread) => (index(*thread), Doing::WaitingForGil),
            Act::SwitchWait(thread) => (index(*thread), Doing::WaitingForSwitch),
            Act::Switched(thread) => (index(*thread), Doing::Running),
            Act::Take(thread) => (index(*thread), Doing::Holding),
            Act::Release { .. } => {
                (doing.iter().position(|doing| *doing == Doing::Holding).expect("somebody holds"), Doing::Running)
            }
        };
        if let (Act::Take(_), 1..) = (act, who) {
            sums[who - 1].0 += present[who].0;
            sums[who - 1].1 += present[who].1;
        }
        if next != Doing::WaitingForGil {
            present[who] = (0, 0);
        }
        doing[who] = next;
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_span_equals_the_naive_fold(choices in choices(), rest_ns in 0u64..1000) {
        let (recorder, start) = begin_span();
        let acts = history(start.start_ns(), &choices);
        play(&recorder, &acts);
        let end_ns = acts.last().map_or(start.start_ns(), |(at_ns, _)| *at_ns) + rest_ns;

        let figures = recorder.end(&start, end_ns, None, usize::MAX).expect("a possible history");

        prop_assert_eq!(figures_as_naive(&figures), naive(start.start_ns(), end_ns, &acts));
        let idle_waits = OTHERS.map(|thread| {
            let row = figures.others.iter().find(|row| row.thread == thread);
            row.map_or((0, 0), |row| (row.idle_waiting_ns, row.unknown_waiting_ns))
        });
        prop_assert_eq!(idle_waits, naive_idle_waits(start.start_ns(), &acts));
        prop_assert!(figures.events.is_sorted_by_key(|event| event.at_ns));
        prop_assert_eq!(figures.n_dropped, 0);
        prop_assert_eq!(recorder.n_impossible(), 0);
    }

    #[test]
    fn nested_spans_are_each_their_own_part(before in choices(), inside in choices(), after in choices()) {
        let (recorder, outer) = begin_span();
        let first = history(outer.start_ns(), &before);
        // The clock stamps the inner span, so it must be past the scripted time.
        let last_ns = |acts: &[(u64, Act)], from: u64| acts.last().map_or(from, |(at_ns, _)| *at_ns);
        while gilcheck_core::clock::now_ns() <= last_ns(&first, outer.start_ns()) {}
        play(&recorder, &first);
        let inner = recorder.begin(OWN, Detail::Full).expect("a second level");
        let second = history(inner.start_ns(), &inside);
        play(&recorder, &second);
        let inner_end = last_ns(&second, inner.start_ns());
        let inner_figures = recorder.end(&inner, inner_end, None, usize::MAX).expect("possible");
        let third = history(inner_end, &after);
        play(&recorder, &third);
        let end_ns = last_ns(&third, inner_end) + 1;

        let figures = recorder.end(&outer, end_ns, None, usize::MAX).expect("possible");

        let expected = naive(inner.start_ns(), inner_end, &second);
        prop_assert_eq!(inner_figures.held_ns, expected.held);
        prop_assert_eq!(inner_figures.longest_hold_ns, expected.longest);
        let all: Vec<_> = first.iter().chain(&second).chain(&third).copied().collect();
        let expected = naive(outer.start_ns(), end_ns, &all);
        prop_assert_eq!((figures.held_ns, figures.waiting_ns, figures.longest_hold_ns), (expected.held, expected.waiting, expected.longest));
    }

    #[test]
    fn events_beyond_the_limit_are_counted(choices in choices(), limit in 0usize..20) {
        let (recorder, start) = begin_span();
        let acts = history(start.start_ns(), &choices);
        play(&recorder, &acts);
        let end_ns = acts.last().map_or(start.start_ns(), |(at_ns, _)| *at_ns);

        let figures = recorder.end(&start, end_ns, None, limit).expect("possible");

        let n_events = recorder.log().len();
        prop_assert_eq!(figures.events.len(), n_events.min(limit));
        prop_assert_eq!(usize::try_from(figures.n_dropped).expect("few"), n_events.saturating_sub(limit));
    }
}
