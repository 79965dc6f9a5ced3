//! Which line of whose source is an address of native code?
//!
//! Asked after a diagnosing pass, never in the hook: debug information is read from files. One address gives several
//! frames where calls were inlined, the innermost first. Without debug information a frame has the nearest symbol and
//! the library; what a Cython module's C code was made from is named in its place (see [`cython`]).

mod cython;

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::interpreter::stacks;

/// One frame of source, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Path of the source file, as the compiler wrote it down.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Demangled name.
    pub function: Option<String>,
    /// Path of the loaded object that holds the code.
    pub library: Option<String>,
}

/// Resolves addresses, each of them once.
#[derive(Debug, Default)]
pub struct Resolver {
    known: HashMap<usize, Vec<Frame>>,
    sources: cython::Sources,
}

/// Debug information is cached by what was loaded when it was read: a library that came since would not be seen.
fn forget_stale_maps() {
    static SEEN: Mutex<u64> = Mutex::new(0);
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let now = stacks::n_loadings();
    if *seen != now {
        *seen = now;
        backtrace::clear_symbol_cache();
    }
}

impl Resolver {
    /// A resolver that knows what is loaded now.
    #[must_use]
    pub fn new() -> Self {
        forget_stale_maps();
        Self::default()
    }

    /// The frames at a return address: at least one, which may know nothing.
    pub fn frames_at(&mut self, return_address: usize) -> &[Frame] {
        let sources = &mut self.sources;
        self.known.entry(return_address).or_insert_with(|| resolved(return_address, sources))
    }

    /// The frame of a function that begins at `entry`: of what is inlined at its beginning, only the function itself.
    pub fn function_at(&mut self, entry: usize) -> Frame {
        // A return address stands behind the call; the entry is looked up as if a call of one byte stood there.
        self.frames_at(entry + 1).last().cloned().unwrap_or_default()
    }
}

fn resolved(return_address: usize, sources: &mut cython::Sources) -> Vec<Frame> {
    let exported = stacks::exported_at(return_address - 1);
    let library = exported.as_ref().map(|(file, _)| library_path(file));
    let mut frames = Vec::new();
    backtrace::resolve(return_address as *mut c_void, |symbol| {
        let mut frame = Frame {
            file: symbol.filename().map(|path| path.display().to_string()),
            line: symbol.lineno(),
            // Without the hash that Rust appends to tell versions of one function apart.
            function: symbol.name().map(|name| format!("{name:#}")),
            library: library.clone(),
        };
        sources.lead_back(&mut frame);
        frames.push(frame);
    });
    if frames.is_empty() {
        frames.push(Frame { function: exported.and_then(|(_, symbol)| symbol), library, ..Frame::default() });
    }
    frames
}

/// The dynamic linker knows the program itself by the name that it was started with.
fn library_path(file: &str) -> String {
    if Path::new(file).is_absolute() {
        return file.to_owned();
    }
    let program = std::env::current_exe().map(|path| path.display().to_string());
    program.unwrap_or_else(|_| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn known_function() -> u32 {
        std::hint::black_box(line!())
    }

    #[test]
    fn a_function_of_this_program_has_its_name_file_and_line() {
        let frame = Resolver::new().function_at(known_function as *const () as usize);

        assert!(frame.function.as_deref().is_some_and(|name| name.ends_with("tests::known_function")), "{frame:?}");
        assert!(frame.file.as_deref().is_some_and(|file| file.ends_with("places/mod.rs")), "{frame:?}");
        let line = known_function();
        assert!(frame.line.is_some_and(|found| (line - 1..=line).contains(&found)), "{frame:?}");
        assert!(frame.library.is_some_and(|path| Path::new(&path).is_absolute()));
    }

    #[test]
    fn an_address_of_nothing_gives_a_frame_that_knows_nothing() {
        assert_eq!(Resolver::new().frames_at(16), [Frame::default()]);
    }

    #[test]
    fn a_function_of_the_c_library_has_symbol_and_library() {
        let frame = Resolver::new().function_at(libc::getpid as *const () as usize);

        assert!(frame.function.is_some_and(|name| name.contains("getpid")));
        assert!(frame.library.is_some_and(|library| library.contains("libc")));
    }
}
