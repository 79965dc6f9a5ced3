//! Sends helpers to other cores than the caller's.
//!
//! In a virtual machine, Linux takes a core that sleeps for one that its host has taken away, and does not wake a thread
//! there (`available_idle_cpu` is false for it): the helper is queued behind its own caller, and stays there until the
//! balancer comes by, milliseconds later. Seen on two idle cores: texts up to 16 MB were never counted by both. A
//! thread that may not run on the caller's core goes where it should.

use std::sync::{Mutex, PoisonError};

/// The system's numbers of a pool's threads, as far as they have started.
#[derive(Debug, Default)]
pub(super) struct ThreadIds(Mutex<Vec<i32>>);

impl ThreadIds {
    /// To be called by a thread that begins.
    pub(super) fn add_own(&self) {
        // SAFETY: takes nothing, and always succeeds.
        let own = unsafe { libc::gettid() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(own);
    }

    /// Lets these threads run where the caller may, except where it does just now. False if nothing is left: the caller
    /// has one core only.
    ///
    /// What the system refuses is let be: it costs time and no more.
    pub(super) fn away_from_caller(&self) -> bool {
        // SAFETY: a set of cores is plain bits, for which zeros are the empty set.
        let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: the set is ours, and as large as said.
        if unsafe { libc::sched_getaffinity(0, size, &raw mut cores) } != 0 {
            return true;
        }
        // SAFETY: takes nothing.
        let Ok(here) = usize::try_from(unsafe { libc::sched_getcpu() }) else {
            return true;
        };
        if here < 8 * size {
            // SAFETY: the number lies inside of the set.
            unsafe { libc::CPU_CLR(here, &mut cores) };
        }
        // SAFETY: the set is ours.
        if unsafe { libc::CPU_COUNT(&cores) } == 0 {
            return false;
        }
        for &id in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // SAFETY: the set is ours, and as large as said. A thread of that number is a helper of this process:
            // helpers end only with it.
            unsafe { libc::sched_setaffinity(id, size, &raw const cores) };
        }
        true
    }
}
