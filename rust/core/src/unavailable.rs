//! The reasons why a process has no ledger.

use std::fmt;

/// Why there is no ledger in this process, or, where there is no GIL, no reading of who is attached. The slug is stable; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The ledger does not support this operating system or processor.
    Platform(&'static str),
    /// A function of the interpreter or the C library was not found.
    MissingSymbol(&'static str),
    /// The system does not let this process read its own memory.
    MemoryUnreadable,
    /// No structure in the interpreter has the shape of a GIL.
    ShapeNotFound,
    /// This many structures in the interpreter have the shape of a GIL.
    ShapeAmbiguous(usize),
    /// The structure did not change as a GIL does when it was released and taken.
    NotVerified(&'static str),
    /// The interpreter's own table of offsets contradicts what was found.
    OffsetsDisagree,
    /// The object with the GIL code does not call this function through its GOT (it is linked statically).
    NoGotEntry(&'static str),
    /// The page with the GOT entries cannot be made writable.
    PageLocked,
    /// No mutex inside the GIL was unlocked at every release and take.
    MutexNotFound,
    /// The process was forked from one in which the hooks were installed.
    ForkedChild,
    /// The calling thread's interpreter has a GIL of its own, and the ledger records another one.
    OtherInterpreter,
    /// This many words of a thread state say whether the thread is attached; it must be one.
    AttachmentNotFound(usize),
    /// The list of thread states cannot be followed.
    ThreadListNotFound,
}

impl Unavailable {
    /// Returns the stable name of the reason.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Platform(_) => "ledger-platform",
            Self::MissingSymbol(_) => "ledger-missing-symbol",
            Self::MemoryUnreadable => "ledger-memory-unreadable",
            Self::ShapeNotFound | Self::ShapeAmbiguous(_) => "ledger-shape-not-found",
            Self::NotVerified(_) | Self::OffsetsDisagree | Self::MutexNotFound => "ledger-not-verified",
            Self::NoGotEntry(_) => "ledger-no-slot",
            Self::PageLocked => "ledger-page-locked",
            Self::ForkedChild => "ledger-forked-child",
            Self::OtherInterpreter => "ledger-other-interpreter",
            Self::AttachmentNotFound(_) | Self::ThreadListNotFound => "attachment-not-found",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(system) => write!(f, "the ledger does not support {system}"),
            Self::MissingSymbol(name) => write!(f, "the process does not export {name}"),
            Self::MemoryUnreadable => f.write_str(
                "the system does not let this process read its own memory (process_vm_readv, /proc/self/mem)",
            ),
            Self::ShapeNotFound => f.write_str("no structure in the interpreter has the shape of a GIL"),
            Self::ShapeAmbiguous(n) => write!(f, "{n} structures in the interpreter have the shape of a GIL"),
            Self::NotVerified(contradiction) => {
                write!(f, "the structure that was found does not behave as a GIL: {contradiction}")
            }
            Self::OffsetsDisagree => {
                f.write_str("the interpreter's own table of offsets contradicts the structure that was found")
            }
            Self::NoGotEntry(name) => write!(f, "the interpreter does not call {name} through a dynamic relocation"),
            Self::PageLocked => f.write_str("the page of the dynamic relocations cannot be made writable"),
            Self::MutexNotFound => f.write_str("no mutex inside the GIL was unlocked at every release and take"),
            Self::OtherInterpreter => {
                f.write_str("this interpreter has a GIL of its own, and another interpreter's GIL is being recorded")
            }
            Self::AttachmentNotFound(0) => {
                f.write_str("no word of a thread state changes as the thread attaches and detaches")
            }
            Self::AttachmentNotFound(n) => {
                write!(f, "{n} words of a thread state change as the thread attaches and detaches")
            }
            Self::ThreadListNotFound => f.write_str("the interpreter's list of threads cannot be followed"),
            Self::ForkedChild => f.write_str("this process was forked while a check ran in its parent"),
        }
    }
}

impl std::error::Error for Unavailable {}
