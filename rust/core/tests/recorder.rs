//! The recorder agrees with a naive fold of the same events, for any possible sequence.

use gilcheck_core::ledger::{EventKind, Recorder, SpanError, SpanStart, State};
use proptest::prelude::*;

/// Thread identifiers are aligned addresses.
const OWN: usize = 0x7f00_0000_0040;
const OTHERS: [usize; 2] = [0x7f00_0010_0040, 0x7f00_0020_0040];

#[derive(Clone, Copy, Debug)]
enum Act {
    Wait(usize),
    Take(usize),
    Release { by_interpreter: bool },
}

/// Returns a possible sequence of events: each choice is one of those that are possible next.
fn history(start_ns: u64, choices: &[(u64, u8)]) -> Vec<(u64, Act)> {
    let mut holder = Some(OWN);
    let mut waiting: Vec<usize> = Vec::new();
    let mut now_ns = start_ns;
    let mut acts = Vec::new();
    for (after_ns, choice) in choices {
        now_ns += after_ns;
        let threads = [OWN, OTHERS[0], OTHERS[1]];
        let mut possible: Vec<Act> = threads
            .into_iter()
            .filter(|thread| holder != Some(*thread) && !waiting.contains(thread))
            .map(Act::Wait)
            .collect();
        match holder {
            Some(_) => possible.extend([Act::Release { by_interpreter: false }, Act::Release { by_interpreter: true }]),
            None => possible.extend(threads.map(Act::Take)),
        }
        let act = possible[usize::from(*choice) % possible.len()];
        match act {
            Act::Wait(thread) => waiting.push(thread),
            Act::Take(thread) => {
                waiting.retain(|other| *other != thread);
                holder = Some(thread);
            }
            Act::Release { by_interpreter } => {
                let thread = holder.take().expect("only a holder releases");
                if by_interpreter {
                    waiting.push(thread);
                }
            }
        }
        acts.push((now_ns, act));
    }
    // A span ends in its own thread, which holds the GIL again.
    if holder != Some(OWN) {
        if holder.is_some() {
            now_ns += 1;
            acts.push((now_ns, Act::Release { by_interpreter: false }));
        }
        now_ns += 1;
        acts.push((now_ns, Act::Take(OWN)));
    }
    acts
}

/// Reports events to the recorder as the hooks do.
fn play(recorder: &Recorder, acts: &[(u64, Act)]) {
    let mut holder = OWN;
    for (at_ns, act) in acts {
        match act {
            Act::Wait(thread) => recorder.waits(*at_ns, *thread),
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
}

/// Folds the events of the thread `OWN`.
fn naive(start_ns: u64, end_ns: u64, acts: &[(u64, Act)]) -> Naive {
    let mut sums = Naive::default();
    let (mut state, mut since, mut holder) = (State::Holding, start_ns, OWN);
    let close = |state: State, from: u64, to: u64, sums: &mut Naive| match state {
        State::Holding => {
            sums.held += to - from;
            sums.longest = sums.longest.max(to - from);
        }
        State::Waiting => sums.waiting += to - from,
        State::Released | State::Unknown => {}
    };
    for (at_ns, act) in acts {
        let next = match act {
            Act::Wait(OWN) => Some(State::Waiting),
            Act::Take(thread) => {
                holder = *thread;
                (holder == OWN).then_some(State::Holding)
            }
            Act::Release { by_interpreter } if holder == OWN => {
                if *by_interpreter {
                    sums.n_releases_by_interpreter += 1;
                } else {
                    sums.n_releases_by_function += 1;
                }
                Some(if *by_interpreter { State::Waiting } else { State::Released })
            }
            Act::Wait(_) | Act::Release { .. } => None,
        };
        if let Some(next) = next {
            close(state, since, *at_ns, &mut sums);
            (state, since) = (next, *at_ns);
        }
    }
    close(state, since, end_ns, &mut sums);
    sums
}

fn begin_span() -> (Recorder, SpanStart) {
    let recorder = Recorder::new();
    recorder.start(gilcheck_core::clock::now_ns(), OWN);
    let start = recorder.begin(OWN, None).expect("a fresh recorder");
    (recorder, start)
}

fn choices() -> impl Strategy<Value = Vec<(u64, u8)>> {
    prop::collection::vec((0u64..1000, any::<u8>()), 0..60)
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

        let expected = naive(start.start_ns(), end_ns, &acts);
        let actual = Naive {
            held: figures.held_ns,
            waiting: figures.waiting_ns,
            longest: figures.longest_hold_ns,
            n_releases_by_function: figures.n_releases_by_function,
            n_releases_by_interpreter: figures.n_releases_by_interpreter,
        };
        prop_assert_eq!(actual, expected);
        prop_assert_eq!(figures.events.len(), acts.len());
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
        let inner = recorder.begin(OWN, None).expect("a second level");
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

        prop_assert_eq!(figures.events.len(), acts.len().min(limit));
        prop_assert_eq!(usize::try_from(figures.n_dropped).expect("few"), acts.len().saturating_sub(limit));
    }
}

#[test]
fn impossible_events_make_a_span_inconsistent() {
    type Event = dyn Fn(&Recorder, u64);
    let impossible: [&Event; 3] = [
        // A release by a thread that does not hold; waiting while holding; a second take by the holder.
        &|recorder, now| {
            recorder.unlocked(now, false, OTHERS[0], false);
        },
        &|recorder, now| recorder.waits(now, OWN),
        &|recorder, now| {
            recorder.unlocked(now, false, OTHERS[0], false);
            recorder.unlocked(now, true, OWN, false);
        },
    ];
    for act in impossible {
        let (recorder, start) = begin_span();

        act(&recorder, start.start_ns() + 1);

        assert_eq!(recorder.end(&start, start.start_ns() + 2, None, 10), Err(SpanError::Inconsistent));
        assert!(recorder.n_impossible() > 0);
    }
}

#[test]
fn unlocking_without_a_change_is_no_event() {
    let (recorder, start) = begin_span();

    recorder.unlocked(start.start_ns() + 1, true, OTHERS[0], false);

    let figures = recorder.end(&start, start.start_ns() + 2, None, 10).expect("nothing happened");
    assert_eq!((figures.held_ns, figures.events.len()), (2, 0));
}

#[test]
fn a_span_begins_only_during_a_recording_and_while_its_thread_holds() {
    let recorder = Recorder::new();
    assert_eq!(recorder.begin(OWN, None).err(), Some(SpanError::NotRecording));
    recorder.start(1, OWN);
    assert_eq!(recorder.begin(OTHERS[0], None).err(), Some(SpanError::Inconsistent));
    recorder.stop();
    assert_eq!(recorder.begin(OWN, None).err(), Some(SpanError::NotRecording));
}

#[test]
fn a_span_of_an_earlier_recording_cannot_end_in_a_later_one() {
    let (recorder, start) = begin_span();
    recorder.stop();
    recorder.start(start.start_ns() + 1, OWN);

    assert_eq!(recorder.end(&start, start.start_ns() + 2, None, 10), Err(SpanError::Inconsistent));
}

#[test]
fn the_ninth_level_is_refused_and_the_others_go_on() {
    let (recorder, first) = begin_span();
    let mut levels = vec![first];
    for _ in 1..8 {
        levels.push(recorder.begin(OWN, None).expect("eight levels"));
    }

    assert_eq!(recorder.begin(OWN, None).err(), Some(SpanError::TooDeep));

    while let Some(start) = levels.pop() {
        let end_ns = gilcheck_core::clock::now_ns();
        let figures = recorder.end(&start, end_ns, None, 10).expect("in reverse order");
        assert_eq!(figures.held_ns, end_ns - start.start_ns());
    }
}

#[test]
fn a_recording_of_any_length_keeps_room_for_the_next_span() {
    let recorder = Recorder::new();
    recorder.start(1, OWN);
    for at_ns in 0..200_000 {
        recorder.unlocked(at_ns, at_ns % 2 == 1, OWN, false);
    }
    assert!(recorder.log().n_dropped() > 0);

    let start = recorder.begin(OWN, None).expect("it holds");
    recorder.unlocked(start.start_ns() + 1, false, OWN, false);
    recorder.unlocked(start.start_ns() + 2, true, OTHERS[0], false);
    recorder.unlocked(start.start_ns() + 3, false, OTHERS[0], false);
    recorder.unlocked(start.start_ns() + 4, true, OWN, false);

    let figures = recorder.end(&start, start.start_ns() + 5, None, 10).expect("possible");
    assert_eq!((figures.events.len(), figures.n_dropped, figures.held_ns), (4, 0, 2));
    assert_eq!(figures.events[1].kind, EventKind::Take);
    assert_eq!(figures.events[1].thread, OTHERS[0]);
}

#[test]
fn threads_that_ended_leave_room_for_those_of_the_next_recording() {
    let recorder = Recorder::new();
    for round in 1..4usize {
        recorder.start(1, OWN);
        for thread in 1..1024usize {
            recorder.waits(2, (round * 10_000 + thread) * 0x1000);
        }
        assert!(recorder.begin(OWN, None).is_ok(), "round {round}");
        recorder.waits(3, 0xdead_0000_0000);
        recorder.stop();
    }
}

#[test]
fn a_drop_request_is_pending_until_the_next_take() {
    let (recorder, start) = begin_span();
    assert!(!recorder.drop_request_pending());
    recorder.drop_requested();
    assert!(recorder.drop_request_pending());
    recorder.unlocked(start.start_ns() + 1, false, OWN, true);
    assert!(recorder.drop_request_pending());
    recorder.unlocked(start.start_ns() + 2, true, OTHERS[0], false);
    assert!(!recorder.drop_request_pending());
}
