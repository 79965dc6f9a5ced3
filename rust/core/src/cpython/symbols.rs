//! The interpreter's functions and variables, resolved at run time: the limited API does not have all of them.

use std::ffi::{CStr, c_void};

use crate::{Unavailable, os};

type GetState = unsafe extern "C" fn() -> *mut c_void;
type SaveThread = unsafe extern "C" fn() -> *mut c_void;
type RestoreThread = unsafe extern "C" fn(*mut c_void);

/// The functions with which the GIL is found and verified.
#[derive(Clone, Copy, Debug)]
pub struct Symbols {
    thread_state_get: GetState,
    interpreter_state_get: GetState,
    save_thread: SaveThread,
    restore_thread: RestoreThread,
    /// The address of `_PyRuntime` and its size, 0 if not known.
    pub runtime: Option<(usize, usize)>,
}

impl Symbols {
    /// Resolves all symbols.
    pub fn resolve() -> Result<Self, Unavailable> {
        let function = |name: &'static CStr| {
            os::symbol(name).ok_or(Unavailable::MissingSymbol(name.to_str().unwrap_or("a function")))
        };
        // SAFETY: these four functions of CPython's C API have exactly these types in every version.
        unsafe {
            Ok(Self {
                thread_state_get: std::mem::transmute::<usize, GetState>(function(c"PyThreadState_Get")?),
                interpreter_state_get: std::mem::transmute::<usize, GetState>(function(c"PyInterpreterState_Get")?),
                save_thread: std::mem::transmute::<usize, SaveThread>(function(c"PyEval_SaveThread")?),
                restore_thread: std::mem::transmute::<usize, RestoreThread>(function(c"PyEval_RestoreThread")?),
                runtime: os::symbol(c"_PyRuntime").map(|address| (address, os::symbol_size_at(address))),
            })
        }
    }

    /// Returns the functions of an interpreter that a test has built.
    #[cfg(test)]
    pub const fn of_a_test(
        thread_state_get: GetState,
        interpreter_state_get: GetState,
        save_thread: SaveThread,
        restore_thread: RestoreThread,
    ) -> Self {
        Self { thread_state_get, interpreter_state_get, save_thread, restore_thread, runtime: None }
    }

    /// Returns an address inside the object that has the GIL's code.
    pub fn gil_code(&self) -> usize {
        self.save_thread as *const () as usize
    }

    /// Returns the address of the calling thread's state. The thread holds the GIL.
    pub fn thread_state(&self) -> usize {
        // SAFETY: the calling thread holds the GIL: `Instrument` requires it of all who enter this module.
        unsafe { (self.thread_state_get)() as usize }
    }

    /// Returns the address of the calling thread's interpreter state. The thread holds the GIL.
    pub fn interpreter_state(&self) -> usize {
        // SAFETY: as in `thread_state`.
        unsafe { (self.interpreter_state_get)() as usize }
    }

    /// Releases the GIL, runs `work` and takes the GIL again. The calling thread holds the GIL.
    pub fn without_gil<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: the calling thread holds the GIL, as in `thread_state`, and restores the state that it saved. `work`
        // does not touch Python objects: this crate has no access to them.
        unsafe {
            let saved = (self.save_thread)();
            let result = work();
            (self.restore_thread)(saved);
            result
        }
    }
}
