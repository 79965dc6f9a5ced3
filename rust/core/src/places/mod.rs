//! Resolves addresses of native code to source lines.
//!
//! It happens after a diagnosing pass, never in the hook, because debug information is read from files. If calls were
//! inlined, one address has several frames, the innermost first. Without debug information a frame has the nearest symbol
//! and the library. A frame in C code that Cython generated has the line of the `.pyx` file instead (see [`cython`]).

mod cython;
pub mod unwind;

use std::collections::HashMap;
use std::path::Path;

use addr2line::{Loader, demangle_auto};

use crate::os;

/// One frame of source code, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The path of the source file, as the compiler recorded it.
    pub file: Option<String>,
    /// The line, from 1 on.
    pub line: Option<u32>,
    /// The demangled name of the function.
    pub function: Option<String>,
    /// The path of the loaded object.
    pub library: Option<String>,
}

/// Resolves addresses, and keeps the results and the debug information of each file.
///
/// It serves one pass: the next one may find other objects at the same addresses.
#[derive(Default)]
pub struct Resolver {
    frames: HashMap<usize, Vec<Frame>>,
    libraries: Libraries,
    sources: cython::Sources,
}

/// Debug information by file; None if the file is not a program or library that can be read.
type Libraries = HashMap<String, Option<Loader>>;

impl Resolver {
    /// Makes an empty resolver.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the frames of a return address: at least one, whose fields may all be unknown.
    pub fn frames_at(&mut self, return_address: usize) -> &[Frame] {
        let (libraries, sources) = (&mut self.libraries, &mut self.sources);
        self.frames.entry(return_address).or_insert_with(|| resolve(return_address, libraries, sources))
    }

    /// Returns the frame of the function that begins at `entry`, without the calls that are inlined at its beginning.
    pub fn function_at(&mut self, entry: usize) -> Frame {
        // A return address follows a call, so the entry is looked up as if a call of one byte preceded it.
        self.frames_at(entry + 1).last().cloned().unwrap_or_default()
    }
}

fn resolve(return_address: usize, libraries: &mut Libraries, sources: &mut cython::Sources) -> Vec<Frame> {
    // The call precedes its return address, which may belong to the next line.
    let Some(code) = os::code_at(return_address - 1) else { return vec![Frame::default()] };
    let library = library_path(&code.file);
    let probe = (return_address - 1 - code.bias) as u64;
    let debug = libraries.entry(library.clone()).or_insert_with(|| Loader::new(&library).ok());
    let mut frames = debug.as_ref().map(|debug| frames_in(debug, probe)).unwrap_or_default();
    if frames.is_empty() {
        frames.push(Frame::default());
    }
    // The symbol names the outermost frame: the others are inlined into it.
    if let Some(outermost) = frames.last_mut()
        && outermost.function.is_none()
    {
        let symbol = debug.as_ref().and_then(|debug| debug.find_symbol(probe)).map(str::to_owned);
        outermost.function = symbol.or(code.symbol).map(|name| demangle_auto(name.into(), None).into_owned());
    }
    for frame in &mut frames {
        frame.library = Some(library.clone());
        sources.map_to_pyx(frame);
    }
    frames
}

/// Returns the frames that the debug information has, innermost first.
fn frames_in(loader: &Loader, probe: u64) -> Vec<Frame> {
    let mut result = Vec::new();
    let Ok(mut frames) = loader.find_frames(probe) else { return result };
    while let Ok(Some(frame)) = frames.next() {
        let location = frame.location.as_ref();
        result.push(Frame {
            file: location.and_then(|location| location.file).map(str::to_owned),
            line: location.and_then(|location| location.line).filter(|line| *line > 0),
            function: frame.function.and_then(|function| function.demangle().ok().map(std::borrow::Cow::into_owned)),
            library: None,
        });
    }
    result
}

/// Returns an absolute path: the dynamic linker knows the program by the name that it was started with.
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

    #[cfg(not(gilcheck_unsupported_os))]
    #[inline(never)]
    fn known_function() -> u32 {
        std::hint::black_box(line!())
    }

    #[cfg(not(gilcheck_unsupported_os))]
    #[test]
    fn a_function_of_this_program_has_its_name_file_and_line() {
        let frame = Resolver::new().function_at(known_function as *const () as usize);

        assert!(frame.function.as_deref().is_some_and(|name| name.ends_with("tests::known_function")), "{frame:?}");
        assert!(frame.file.as_deref().is_some_and(|file| file.ends_with("places/mod.rs")), "{frame:?}");
        let line = known_function();
        assert!(frame.line.is_some_and(|actual| (line - 1..=line).contains(&actual)), "{frame:?}");
        assert!(frame.library.is_some_and(|path| Path::new(&path).is_absolute()));
    }

    #[test]
    fn an_address_without_code_has_an_unknown_frame() {
        assert_eq!(Resolver::new().frames_at(16), [Frame::default()]);
    }

    #[cfg(not(gilcheck_unsupported_os))]
    #[test]
    fn a_function_of_the_c_library_has_symbol_and_library() {
        let frame = Resolver::new().function_at(libc::getpid as *const () as usize);

        assert!(frame.function.is_some_and(|name| name.contains("getpid")));
        assert!(frame.library.is_some_and(|library| library.contains("libc")));
    }
}
