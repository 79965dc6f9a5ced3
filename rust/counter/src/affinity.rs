//! Keeps helper threads off the caller's core.
//!
//! In a virtual machine Linux takes a sleeping core for one that its host has withdrawn and does not wake a thread there
//! (`available_idle_cpu` is false for it). The helper is queued behind its own caller until the load balancer runs,
//! milliseconds later. On two idle cores, texts of up to 16 MB were never counted by both. A thread that may not run on
//! the caller's core is woken on another one.

/// The system's ids of the pool's threads that have started.
#[cfg(target_os = "linux")]
#[derive(Debug, Default)]
pub(crate) struct ThreadIds(std::sync::Mutex<Vec<i32>>);

#[cfg(target_os = "linux")]
impl ThreadIds {
    /// Adds the calling thread.
    pub(crate) fn add_current(&self) {
        // SAFETY: gettid has no precondition and always succeeds.
        let id = unsafe { libc::gettid() };
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(id);
    }

    /// Lets these threads run on the caller's cores except the one that it runs on now.
    ///
    /// Returns false if no core is left, because the caller may use one only. Refusals of the system are ignored: they
    /// cost time, not correctness.
    pub(crate) fn move_away_from_caller(&self) -> bool {
        // SAFETY: cpu_set_t is an array of integers, for which zero bytes are valid (the empty set).
        let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: the pointer is to a local variable of `size` bytes.
        if unsafe { libc::sched_getaffinity(0, size, &raw mut cores) } != 0 {
            return true;
        }
        // SAFETY: sched_getcpu has no precondition.
        let Ok(current) = usize::try_from(unsafe { libc::sched_getcpu() }) else {
            return true;
        };
        if current < 8 * size {
            // SAFETY: the check above keeps the index within the bits of the set.
            unsafe { libc::CPU_CLR(current, &mut cores) };
        }
        // SAFETY: CPU_COUNT only reads the set.
        if unsafe { libc::CPU_COUNT(&cores) } == 0 {
            return false;
        }
        for &id in self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            // SAFETY: the pointer is to a local variable of `size` bytes. The ids are those of this pool's threads,
            // which live as long as the process that made them.
            unsafe { libc::sched_setaffinity(id, size, &raw const cores) };
        }
        true
    }
}

/// Nothing: no thread is moved here.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub(crate) struct ThreadIds;

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unused_self, reason = "has the signatures of the implementation for Linux")]
impl ThreadIds {
    /// Does nothing: the scheduler of this system places threads.
    pub(crate) fn add_current(&self) {}

    /// Returns true: no thread is moved.
    pub(crate) fn move_away_from_caller(&self) -> bool {
        true
    }
}
