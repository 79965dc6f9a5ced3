//! The one folder that reads the interpreter's memory and re-points its functions. Unsafe, small, and closed:
//! any doubt about what memory holds ends in [`Unavailable`], never in a guess.
//!
//! - [`memory`]: reads that cannot fault.
//! - [`symbols`]: the interpreter's functions, resolved at run time.
//! - [`locate`]: finds the GIL by its shape and verifies it by taking and dropping it.
//! - [`objects`]: what is loaded where, and the functions in it.
//! - [`elf`] and [`slots`]: the dynamic relocations through which the interpreter calls the C library.
//! - [`hooks`]: the two functions that stand in these slots while a check runs.
//! - [`giveway`]: tells a hand-over on request from a voluntary one.
//! - [`stacks`]: keeps the native stacks of hand-overs while a diagnosing pass asks for them.
//! - [`instrument`]: puts all of it in, and takes it out again.

mod elf;
mod giveway;
mod hooks;
mod instrument;
mod locate;
mod memory;
mod objects;
mod slots;
pub mod stacks;
mod symbols;

pub use instrument::{Instrument, Layout, current_thread, instrument};

use std::fmt;

/// Why the ledger cannot be had here. The slug is stable; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// This operating system or processor has no implementation.
    Platform(&'static str),
    /// A function of the interpreter or of the C library was not found.
    MissingSymbol(&'static str),
    /// The system refuses to read even this process's own memory.
    MemoryUnreadable,
    /// No structure in the interpreter has the shape of a GIL.
    ShapeNotFound,
    /// Several structures have it.
    ShapeAmbiguous(usize),
    /// The structure did not change as a GIL must when it was dropped and taken.
    NotVerified(&'static str),
    /// The interpreter's own table of offsets says something else.
    OffsetsDisagree,
    /// The object that holds the GIL code calls the C library through no slot (linked statically).
    NoSlot(&'static str),
    /// The slots' memory page cannot be made writable.
    PageLocked,
    /// No mutex inside the GIL was seen unlocked at every hand-over.
    MutexNotSeen,
    /// The process is a forked child of one in which hooks were in.
    ForkedChild,
}

impl Unavailable {
    /// The stable name of the reason.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Platform(_) => "ledger-platform",
            Self::MissingSymbol(_) => "ledger-missing-symbol",
            Self::MemoryUnreadable => "ledger-memory-unreadable",
            Self::ShapeNotFound | Self::ShapeAmbiguous(_) => "ledger-shape-not-found",
            Self::NotVerified(_) | Self::OffsetsDisagree | Self::MutexNotSeen => "ledger-not-verified",
            Self::NoSlot(_) => "ledger-no-slot",
            Self::PageLocked => "ledger-page-locked",
            Self::ForkedChild => "ledger-forked-child",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(what) => write!(f, "no ledger on {what}"),
            Self::MissingSymbol(name) => write!(f, "{name} is not exported"),
            Self::MemoryUnreadable => {
                f.write_str("the system refuses process_vm_readv and /proc/self/mem for this very process")
            }
            Self::ShapeNotFound => f.write_str("no structure in the interpreter has the shape of a GIL"),
            Self::ShapeAmbiguous(n) => write!(f, "{n} structures in the interpreter have the shape of a GIL"),
            Self::NotVerified(what) => write!(f, "the structure found does not behave as a GIL: {what}"),
            Self::OffsetsDisagree => {
                f.write_str("the interpreter's own table of offsets disagrees with what was found")
            }
            Self::NoSlot(name) => write!(f, "the interpreter calls {name} through no dynamic relocation"),
            Self::PageLocked => f.write_str("the page of the dynamic relocations cannot be made writable"),
            Self::MutexNotSeen => f.write_str("no mutex inside the GIL was unlocked at every hand-over"),
            Self::ForkedChild => f.write_str("this process was forked while a check ran in its parent"),
        }
    }
}

impl std::error::Error for Unavailable {}
