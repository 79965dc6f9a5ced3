//! The operating system, as the rest of this crate uses it.
//!
//! Every supported system has a module with the same functions and types. They are re-exported here, and no other module
//! of this crate names a system. `linux` has everything the ledger needs. `unsupported` compiles everywhere: it has clocks
//! and processes, but no ledger, and [`check_supported`] says so with [`Unavailable::Platform`]. Support for another
//! system is a module of its own beside these two.
//!
//! - Loaded objects: [`object_at`], [`loaded_objects`], [`LoadedObject`] with its imports and its call frame information, [`KeptObject`], [`symbol`], [`real_function`], [`symbol_size_at`],
//!   [`code_at`].
//! - Memory: [`ProcessMemory`] reads without faults, [`write_word`] and [`write_words`] write read-only pages too.
//! - Threads: [`current_thread`], [`run_delay_ns`], [`processor_account`], [`processor_account_of`], [`n_sleeps`], [`move_to_processor`],
//!   [`walk_stack`], [`preserve_errno`], [`thread_state`], [`system_call_name`].
//! - Clocks and processes: [`monotonic_ns`], [`thread_cpu_ns`], [`process_cpu_ns`], [`call_in_forked_child`],
//!   [`write_message`], [`send_signal`], [`exit_now`].
//!
//! [`Memory`] and [`got`] are the same for every system.
//!
//! [`Unavailable::Platform`]: crate::Unavailable::Platform

pub mod got;
mod memory;

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(gilcheck_unsupported_os)
))]
#[path = "linux/mod.rs"]
mod system;
#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(gilcheck_unsupported_os)
)))]
#[path = "unsupported.rs"]
mod system;

#[cfg(unix)]
#[path = "unix.rs"]
mod process;
#[cfg(windows)]
#[path = "windows.rs"]
mod process;

#[cfg(test)]
pub use memory::FakeMemory;
pub use memory::Memory;
pub use process::{
    call_in_forked_child, current_thread, exit_now, monotonic_ns, process_cpu_ns, send_signal, sleep_for_ever,
    thread_cpu_ns, write_message,
};
pub use system::{
    KeptObject, LoadedObject, ProcessMemory, check_supported, code_at, loaded_objects, move_to_processor, n_sleeps,
    object_at, preserve_errno, processor_account, processor_account_of, real_function, run_delay_ns, sharpen_timer,
    symbol, symbol_size_at, system_call_name, thread_state, walk_stack, write_word, write_words,
};

/// Whether a thread runs, and where it sleeps.
#[allow(dead_code, reason = "only systems with a ledger show it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// It runs, or is ready to.
    Running,
    /// It is off its processor until something happens.
    Asleep {
        /// The number of the system call; negative if it is in none.
        system_call: i64,
        /// Its stack pointer at the call.
        sp: usize,
        /// The address of the instruction after the call.
        pc: usize,
    },
}

/// What the kernel knows of one thread since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessorAccount {
    /// The kernel's number of the thread.
    pub thread_id: u32,
    /// Its processor time.
    pub cpu_ns: u64,
    /// How long it was ready to run and did not run.
    pub delay_ns: u64,
    /// How often it was given a processor.
    pub n_runs: u64,
    /// How often it gave its processor away by itself: it slept, or waited. `None`: not known.
    pub n_sleeps: Option<u64>,
}
