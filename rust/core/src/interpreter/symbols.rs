//! The interpreter's functions and variables, resolved at run time: the limited API does not promise them all.

use std::ffi::{CStr, c_void};

use super::Unavailable;

type GetState = unsafe extern "C" fn() -> *mut c_void;
type Save = unsafe extern "C" fn() -> *mut c_void;
type Restore = unsafe extern "C" fn(*mut c_void);

/// What is needed to find and verify the GIL.
#[derive(Clone, Copy, Debug)]
pub struct Symbols {
    thread_state_get: GetState,
    interpreter_state_get: GetState,
    save_thread: Save,
    restore_thread: Restore,
    /// `_PyRuntime`: address and, where the symbol tells, size.
    pub runtime: Option<(usize, usize)>,
}

fn resolve(name: &CStr) -> Option<usize> {
    // SAFETY: `name` is a C string; dlsym looks it up among the objects that are loaded globally.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address as usize)
}

impl Symbols {
    /// Resolves all of them.
    pub fn resolve() -> Result<Self, Unavailable> {
        let function = |name: &'static CStr| {
            resolve(name).ok_or(Unavailable::MissingSymbol(name.to_str().unwrap_or("a function")))
        };
        // SAFETY: these four are functions of CPython's C API of exactly these types in every version.
        unsafe {
            Ok(Self {
                thread_state_get: std::mem::transmute::<usize, GetState>(function(c"PyThreadState_Get")?),
                interpreter_state_get: std::mem::transmute::<usize, GetState>(function(c"PyInterpreterState_Get")?),
                save_thread: std::mem::transmute::<usize, Save>(function(c"PyEval_SaveThread")?),
                restore_thread: std::mem::transmute::<usize, Restore>(function(c"PyEval_RestoreThread")?),
                runtime: resolve(c"_PyRuntime").map(|address| (address, super::elf::size_of_symbol_at(address))),
            })
        }
    }

    /// Where the code of the GIL lies: an address inside the object that has it.
    pub fn gil_code(&self) -> usize {
        self.save_thread as *const () as usize
    }

    /// The calling thread's state. The GIL must be held.
    pub fn thread_state(&self) -> usize {
        // SAFETY: the caller holds the GIL, as every path into this module does (see `instrument`).
        unsafe { (self.thread_state_get)() as usize }
    }

    /// The calling thread's interpreter. The GIL must be held.
    pub fn interpreter_state(&self) -> usize {
        // SAFETY: as above.
        unsafe { (self.interpreter_state_get)() as usize }
    }

    /// Drops the GIL, does `work` without it, takes it again.
    pub fn without_gil<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: the GIL is held; the state that was saved is restored in the same thread, and `work` cannot touch
        // Python objects, of which this crate knows none.
        unsafe {
            let saved = (self.save_thread)();
            let done = work();
            (self.restore_thread)(saved);
            done
        }
    }
}
