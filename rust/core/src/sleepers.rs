//! Looks at some threads again and again, by another thread, and keeps where they sleep.
//!
//! A thread that waits for a lock is off its processor inside a system call. Nothing is done to it: no signal, no hook, and no
//! stop. So it may wake while it is looked at, and what was read of it then is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::{self, ProcessorAccount};
use crate::os::{self, Memory, ProcessMemory, ThreadState};
use crate::places::unwind::{Snapshot, Unwinder};

/// Where threads slept, and what else they did when they were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sleeps {
    /// The stacks, those that are the same counted together.
    pub stacks: Vec<SleepStack>,
    /// How often a thread ran, or was ready to.
    pub n_running: usize,
    /// How often a thread slept and did something else before its stack was copied, or could not be read.
    pub n_unread: usize,
}

/// A stack of threads that sleep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SleepStack {
    /// The number of the system call.
    pub system_call: i64,
    /// The program counter and the return addresses, innermost first, as far as they are certain.
    pub addresses: Vec<usize>,
    /// How often it was seen.
    pub n: usize,
}

impl SleepStack {
    /// Returns the name of the system call; `None` for one in which threads rarely sleep.
    #[must_use]
    pub fn system_call_name(&self) -> Option<&'static str> {
        os::system_call_name(self.system_call)
    }
}

/// So much of a stack is copied: a lock is rarely waited for from so far in.
const COPIED_BYTES: usize = 16 * 1024;
/// So many copies are kept at most: 16 MiB.
const MAX_SNAPSHOTS: usize = 1024;
/// Memory is readable or not by such pieces.
const PAGE_BYTES: usize = 4096;

/// What one look at a thread shows.
#[derive(Debug)]
enum Look {
    Running,
    Unread,
    Asleep(i64, Snapshot),
}

/// A thread that looks at others until it is stopped.
#[derive(Debug)]
pub struct SleepSampler {
    stop: Arc<AtomicBool>,
    /// What each look shows, and when it ended.
    thread: JoinHandle<Vec<(u64, Look)>>,
}

impl SleepSampler {
    /// Starts to look at these threads of this process, about every `gap_ns`, at most `most` times at each.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn start(thread_ids: Vec<u32>, gap_ns: u64, most: usize) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stop_of_thread = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("gilcheck-sampler".into())
            .spawn(move || look_repeatedly(&thread_ids, Duration::from_nanos(gap_ns), most, &stop_of_thread))?;
        Ok(Self { stop, thread })
    }

    /// Lets the thread end soon.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Waits for the thread's end, walks the stacks that it copied from `start_ns` to `end_ns`, and returns them.
    #[must_use]
    pub fn finish(self, start_ns: u64, end_ns: u64) -> Sleeps {
        self.stop();
        let looks = self.thread.join().unwrap_or_default();
        let mut sleeps = Sleeps::default();
        let Some(mut unwinder) = Unwinder::new() else { return sleeps };
        for (_, look) in looks.into_iter().filter(|(at_ns, _)| (start_ns..=end_ns).contains(at_ns)) {
            match look {
                Look::Running => sleeps.n_running += 1,
                Look::Unread => sleeps.n_unread += 1,
                Look::Asleep(system_call, snapshot) => sleeps.add(system_call, unwinder.addresses(&snapshot)),
            }
        }
        sleeps
    }
}

impl Sleeps {
    fn add(&mut self, system_call: i64, addresses: Vec<usize>) {
        let same = |stack: &&mut SleepStack| stack.system_call == system_call && stack.addresses == addresses;
        match self.stacks.iter_mut().find(same) {
            Some(stack) => stack.n += 1,
            None => self.stacks.push(SleepStack { system_call, addresses, n: 1 }),
        }
    }
}

fn look_repeatedly(thread_ids: &[u32], gap: Duration, most: usize, stop: &AtomicBool) -> Vec<(u64, Look)> {
    let Ok(memory) = ProcessMemory::open() else { return Vec::new() };
    let (mut looks, mut n_snapshots) = (Vec::new(), 0);
    for _ in 0..most {
        if stop.load(Relaxed) || n_snapshots + thread_ids.len() > MAX_SNAPSHOTS {
            break;
        }
        for thread_id in thread_ids {
            let look = look_at(&Watched { thread_id: *thread_id, memory: &memory });
            n_snapshots += usize::from(matches!(look, Look::Asleep(..)));
            looks.push((clock::now_ns(), look));
        }
        thread::sleep(gap);
    }
    looks
}

/// Looks at a thread. What is returned of one that sleeps is of one sleep: it did not run from the first reading to the last.
///
/// The kernel counts how often a thread was given a processor. It shows the registers of one that sleeps now. Where the thread
/// sleeps at the second and at the fourth reading, and the count is the same at the first and at the last one, it has not
/// run between them, and so has not written to its stack.
fn look_at(thread: &impl Visible) -> Look {
    let Some(before) = thread.account() else { return Look::Unread };
    let Some(state) = thread.state() else { return Look::Unread };
    let ThreadState::Asleep { system_call, sp, pc } = state else { return Look::Running };
    let stack = thread.copied_from(sp);
    let is_same = thread.state() == Some(state);
    let is_known = before.n_runs != u64::MAX;
    if is_same && is_known && thread.account() == Some(before) {
        return Look::Asleep(system_call, Snapshot { pc, sp, stack });
    }
    Look::Unread
}

/// What can be seen of a thread from outside.
trait Visible {
    /// Returns the kernel's account of it; `None` if there is none.
    fn account(&self) -> Option<ProcessorAccount>;
    /// Returns whether it runs, and where it sleeps; `None` if that is hidden.
    fn state(&self) -> Option<ThreadState>;
    /// Returns its memory from an address on.
    fn copied_from(&self, address: usize) -> Vec<u8>;
}

/// A thread of this process.
struct Watched<'m> {
    thread_id: u32,
    memory: &'m ProcessMemory,
}

impl Visible for Watched<'_> {
    fn account(&self) -> Option<ProcessorAccount> {
        clock::processor_account_of(self.thread_id)
    }

    fn state(&self) -> Option<ThreadState> {
        os::thread_state(self.thread_id)
    }

    fn copied_from(&self, address: usize) -> Vec<u8> {
        copied_from(address, self.memory)
    }
}

/// Returns the memory from an address on, up to the first page that is not readable.
fn copied_from(address: usize, memory: &impl Memory) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(COPIED_BYTES);
    while bytes.len() < COPIED_BYTES {
        let (start, next) = (bytes.len(), address + bytes.len());
        bytes.resize(start + PAGE_BYTES - next % PAGE_BYTES, 0);
        if !memory.read(next, &mut bytes[start..]) {
            bytes.truncate(start);
            break;
        }
    }
    bytes
}

#[cfg(all(test, not(gilcheck_unsupported_os)))]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;
    #[cfg(target_arch = "x86_64")]
    use crate::places::Resolver;

    /// Waits for a lock.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    fn waits_for(lock: &Mutex<()>) -> u32 {
        drop(lock.lock().expect("not poisoned"));
        std::hint::black_box(line!())
    }

    /// Runs `work` in another thread, which is then looked at `most` times, and lets that end with `release`.
    ///
    /// `None` on a system that does not show where its threads sleep. An emulator shows its own code there.
    fn sleeps_of(work: impl FnOnce() + Send, release: impl FnOnce(), most: usize) -> Option<Sleeps> {
        let (end, wait) = mpsc::channel::<()>();
        let shown = looks_at(move || _ = wait.recv(), move || drop(end), 20)?;
        shown.stacks.iter().find(|stack| os::object_at(stack.addresses[0]).is_some())?;
        looks_at(work, release, most)
    }

    fn looks_at(work: impl FnOnce() + Send, release: impl FnOnce(), most: usize) -> Option<Sleeps> {
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                tell.send(clock::processor_account().map(|account| account.thread_id)).expect("it listens");
                work();
            });
            let Some(thread_id) = told.recv().expect("it tells") else {
                release();
                return None;
            };
            let sampler = SleepSampler::start(vec![thread_id], 1_000_000, most).expect("a thread");
            while !sampler.thread.is_finished() {
                thread::sleep(Duration::from_millis(1));
            }
            release();
            Some(sampler.finish(0, u64::MAX))
        })
    }

    #[cfg(target_arch = "x86_64")]
    fn functions(stack: &SleepStack) -> Vec<String> {
        let mut resolver = Resolver::new();
        let frames = stack.addresses.iter().flat_map(|address| resolver.frames_at(*address).to_vec());
        frames.map(|frame| frame.function.unwrap_or_default()).collect()
    }

    #[cfg(target_arch = "x86_64")] // Rust's library keeps frame pointers, which are found there only
    #[test]
    fn the_stack_of_a_thread_that_waits_for_a_lock_has_the_function_and_its_line() {
        let lock = Mutex::new(());
        let mut held = Some(lock.lock().expect("nobody else"));

        let Some(sleeps) = sleeps_of(|| _ = waits_for(&lock), || drop(held.take()), 30) else { return };

        let stack = sleeps.stacks.iter().max_by_key(|stack| stack.n).expect("it sleeps");
        assert_eq!(stack.system_call_name(), Some("futex"));
        let frames: Vec<_> = {
            let mut resolver = Resolver::new();
            stack.addresses.iter().flat_map(|address| resolver.frames_at(*address).to_vec()).collect()
        };
        let own = frames.iter().find(|frame| frame.function.as_deref().is_some_and(|name| name.ends_with("waits_for")));
        let own = own.unwrap_or_else(|| panic!("{frames:#?}"));
        assert!(own.file.as_deref().is_some_and(|file| file.ends_with("sleepers.rs")), "{own:?}");
        let last = { waits_for(&Mutex::new(())) };
        assert!(own.line.is_some_and(|line| (last - 2..=last).contains(&line)), "{own:?} {last}");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_stack_of_a_thread_of_the_c_library_ends_at_its_beginning() {
        let (go, wait) = mpsc::channel::<()>();

        let Some(sleeps) = sleeps_of(move || _ = wait.recv(), || drop(go), 30) else { return };

        let stack = sleeps.stacks.iter().max_by_key(|stack| stack.n).expect("it sleeps");
        let names = functions(stack);
        assert!(names.iter().any(|name| name.contains("recv")), "{names:?}");
        assert!(stack.addresses.len() < 32, "{names:?}");
    }

    #[test]
    fn a_thread_that_runs_has_no_stack() {
        let end = AtomicBool::new(false);
        let work = || {
            while !end.load(Relaxed) {
                std::hint::spin_loop();
            }
        };

        let Some(sleeps) = sleeps_of(work, || end.store(true, Relaxed), 20) else { return };

        assert_eq!((sleeps.stacks.len(), sleeps.n_unread), (0, 0));
        assert!(sleeps.n_running > 0);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_thread_that_wakes_again_and_again_is_never_taken_for_one_sleep() {
        // It sleeps in two functions by turns: a stack of both would be one that never was.
        #[inline(never)]
        fn sleeps_here() {
            thread::sleep(Duration::from_micros(30));
            std::hint::black_box(());
        }
        #[inline(never)]
        fn yields_there(end: &AtomicBool) {
            let mut word = [0u8; 4096];
            std::hint::black_box(&mut word);
            while !end.load(Relaxed) {
                thread::sleep(Duration::from_micros(30));
                sleeps_here();
            }
        }
        let end = AtomicBool::new(false);

        let Some(sleeps) = sleeps_of(|| yields_there(&end), || end.store(true, Relaxed), 200) else { return };

        for stack in &sleeps.stacks {
            let names = functions(stack);
            let own = names.iter().position(|name| name.contains("sleeps_here") || name.contains("yields_there"));
            assert!(own.is_some(), "{names:?}");
        }
    }

    #[test]
    fn a_thread_that_does_not_exist_cannot_be_read() {
        let sampler = SleepSampler::start(vec![u32::MAX >> 4], 1_000, 3).expect("a thread");
        while !sampler.thread.is_finished() {
            thread::yield_now();
        }

        assert_eq!(sampler.finish(0, u64::MAX), Sleeps { n_unread: 3, ..Sleeps::default() });
    }

    #[test]
    fn looks_before_the_start_and_after_the_end_are_left_out() {
        let sampler = SleepSampler::start(vec![u32::MAX >> 4], 1_000, 3).expect("a thread");
        let started_ns = clock::now_ns();

        let (end_ns, start_ns) = (started_ns - 1_000_000_000, started_ns + 60_000_000_000);

        assert_eq!(sampler.finish(start_ns, u64::MAX), Sleeps::default());
        let sampler = SleepSampler::start(vec![u32::MAX >> 4], 1_000, 3).expect("a thread");
        assert_eq!(sampler.finish(0, end_ns), Sleeps::default());
    }

    /// Waits for a lock; the addresses of the frames that called it, as the thread itself finds them before.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    fn walks_and_waits_for(lock: &Mutex<()>, own: &Mutex<Vec<usize>>) -> u32 {
        let mut frames = [0; 24];
        let n_frames = os::walk_stack(0, &mut frames);
        own.lock().expect("not poisoned").extend(&frames[..n_frames]);
        drop(lock.lock().expect("not poisoned"));
        std::hint::black_box(line!())
    }

    #[cfg(target_arch = "x86_64")] // Rust's library keeps frame pointers, which are found there only
    #[test]
    fn a_stack_seen_from_outside_is_the_one_that_the_thread_sees_itself() {
        let (lock, own) = (Mutex::new(()), Mutex::new(Vec::new()));
        let mut held = Some(lock.lock().expect("nobody else"));

        let Some(sleeps) = sleeps_of(|| _ = walks_and_waits_for(&lock, &own), || drop(held.take()), 30) else { return };

        let own = own.into_inner().expect("not poisoned");
        let seen = &sleeps.stacks.iter().max_by_key(|stack| stack.n).expect("it sleeps").addresses;
        // The thread's own walk begins in the walker, within the waiting function; what called that is the same.
        let known: Vec<_> = own.iter().rev().take_while(|address| seen.contains(address)).collect();
        assert!(known.len() >= 3, "{own:x?} {seen:x?}");
        let in_seen: Vec<_> =
            seen.iter().rev().skip_while(|address| !own.contains(address)).take(known.len()).collect();
        assert_eq!(in_seen, known, "{own:x?} {seen:x?}");
    }

    #[test]
    fn a_copy_ends_where_memory_does() {
        let Ok(memory) = ProcessMemory::open() else { return };
        let own = [7u8; 64];

        let copied = copied_from(own.as_ptr() as usize, &memory);

        assert_eq!(copied[..64], own);
        assert!(copied_from(8, &memory).is_empty());
    }
}

#[cfg(test)]
mod look_tests {
    use std::cell::Cell;

    use super::*;

    const ASLEEP: ThreadState = ThreadState::Asleep { system_call: 202, sp: 0x8000, pc: 0x1000 };
    const ACCOUNT: ProcessorAccount =
        ProcessorAccount { thread_id: 7, cpu_ns: 5, delay_ns: 6, n_runs: 9, n_sleeps: None };

    /// A thread whose account and state are the first ones before its stack is copied, and the second ones afterwards.
    struct Scripted {
        accounts: [Option<ProcessorAccount>; 2],
        states: [Option<ThreadState>; 2],
        is_copied: Cell<bool>,
    }

    impl Visible for Scripted {
        fn account(&self) -> Option<ProcessorAccount> {
            self.accounts[usize::from(self.is_copied.get())]
        }

        fn state(&self) -> Option<ThreadState> {
            self.states[usize::from(self.is_copied.get())]
        }

        fn copied_from(&self, address: usize) -> Vec<u8> {
            assert_eq!(address, 0x8000);
            self.is_copied.set(true);
            vec![1, 2, 3]
        }
    }

    fn looked_at(accounts: [Option<ProcessorAccount>; 2], states: [Option<ThreadState>; 2]) -> Look {
        look_at(&Scripted { accounts, states, is_copied: Cell::new(false) })
    }

    #[test]
    fn a_thread_that_sleeps_on_is_asleep_with_the_copy_of_its_stack() {
        let look = looked_at([Some(ACCOUNT); 2], [Some(ASLEEP); 2]);

        let Look::Asleep(202, snapshot) = look else { panic!("{look:?}") };
        assert_eq!(snapshot, Snapshot { pc: 0x1000, sp: 0x8000, stack: vec![1, 2, 3] });
    }

    #[test]
    fn a_thread_that_wakes_while_it_is_looked_at_is_not_read() {
        let woken = Some(ProcessorAccount { n_runs: 10, ..ACCOUNT });
        let elsewhere = Some(ThreadState::Asleep { system_call: 202, sp: 0x8000, pc: 0x2000 });
        let deeper = Some(ThreadState::Asleep { system_call: 202, sp: 0x7ff0, pc: 0x1000 });

        // It sleeps again at the same place; runs; sleeps elsewhere; has ended.
        assert!(matches!(looked_at([Some(ACCOUNT), woken], [Some(ASLEEP); 2]), Look::Unread));
        for after in [Some(ThreadState::Running), elsewhere, deeper, None] {
            assert!(matches!(looked_at([Some(ACCOUNT); 2], [Some(ASLEEP), after]), Look::Unread), "{after:?}");
        }
    }

    #[test]
    fn a_thread_that_the_system_hides_is_not_read() {
        let uncounted = Some(ProcessorAccount { n_runs: u64::MAX, ..ACCOUNT });

        assert!(matches!(looked_at([None; 2], [Some(ASLEEP); 2]), Look::Unread));
        assert!(matches!(looked_at([Some(ACCOUNT); 2], [None; 2]), Look::Unread));
        assert!(matches!(looked_at([uncounted; 2], [Some(ASLEEP); 2]), Look::Unread));
    }

    #[test]
    fn a_thread_that_runs_has_nothing_to_read() {
        assert!(matches!(looked_at([Some(ACCOUNT); 2], [Some(ThreadState::Running); 2]), Look::Running));
    }
}
