//! The reasons why a process has no ledger.

use std::fmt;

use crate::cpython::attach_log::Broken;

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
    /// A loaded module's GOT entry of this function leads to somebody else's.
    HookedByOthers(&'static str),
    /// A loaded module keeps the address of this function in its data, from where it may call it.
    KeptInData(&'static str),
    /// A module was unloaded while its imports were looked for.
    ObjectUnloaded,
}

/// Why the record of a thread that attaches and detaches is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    /// The process was forked meanwhile, and this is the child.
    ForkedChild,
    /// The recording was ended by another thread than the one that it is of.
    OtherThread,
    /// Another thread has been watched since.
    TakenOver,
    /// A module was loaded or unloaded meanwhile.
    ModulesLoaded,
    /// Another tool has changed a slot meanwhile.
    SlotsChanged,
    /// The record contradicts itself.
    Broken(Broken),
}

impl fmt::Display for NotRecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForkedChild => f.write_str("this process was forked while a check ran in its parent"),
            Self::OtherThread => f.write_str("another thread ended the recording"),
            Self::TakenOver => f.write_str("another check recorded its own thread at the same time"),
            Self::ModulesLoaded => f.write_str("a native module was loaded or unloaded while the calls were made"),
            Self::SlotsChanged => {
                f.write_str("another tool has changed how a loaded module attaches and detaches threads")
            }
            Self::Broken(Broken::Order) => f.write_str("two recorded calls overlap in time"),
            Self::Broken(Broken::Word) => f.write_str("the thread was neither attached nor detached"),
            Self::Broken(Broken::Unseen) => f.write_str("the thread attached or detached where nothing is recorded"),
            Self::Broken(Broken::Unexpected(function)) => {
                write!(f, "{} did not attach or detach the thread as it must", function.name())
            }
            Self::Broken(Broken::Foreign(function)) => {
                write!(f, "{} was called for another thread state, as for another interpreter", function.name())
            }
        }
    }
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
            Self::HookedByOthers(_) | Self::KeptInData(_) | Self::ObjectUnloaded => "attachment-not-recorded",
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
            Self::HookedByOthers(name) => {
                write!(f, "another tool has changed how a loaded module calls {name}")
            }
            Self::KeptInData(name) => {
                write!(f, "a loaded module keeps the address of {name} in its data, from where it may call it unseen")
            }
            Self::ObjectUnloaded => f.write_str("a native module was unloaded while its imports were looked for"),
        }
    }
}

impl std::error::Error for Unavailable {}
