//! Linux on x86-64 and aarch64, with glibc or musl.

mod asleep;
mod elf;
mod memory;
mod objects;
mod thread;

pub use asleep::{system_call_name, thread_state};
pub use memory::{ProcessMemory, write_word, write_words};
pub use objects::{
    KeptObject, LoadedObject, code_at, loaded_objects, object_at, real_function, symbol, symbol_size_at,
};
pub use thread::{
    move_to_processor, n_sleeps, preserve_errno, processor_account, processor_account_of, run_delay_ns, sharpen_timer,
    walk_stack,
};

use crate::Unavailable;

/// Returns that the ledger is available here.
#[allow(clippy::unnecessary_wraps, reason = "has the signature of all systems")]
pub fn check_supported() -> Result<(), Unavailable> {
    Ok(())
}
