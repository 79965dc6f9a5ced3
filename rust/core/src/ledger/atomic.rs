//! The ledger's atomic types: the standard library's, or loom's, which runs a model in every order of its threads' steps.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

/// Returns `size`, or a size that a model can have.
pub const fn sized(size: usize, in_model: usize) -> usize {
    if cfg!(loom) { in_model } else { size }
}
