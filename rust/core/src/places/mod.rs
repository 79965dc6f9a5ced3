//! Which line of whose source is an address of native code?
//!
//! Asked after a diagnosing pass, never in the hook: debug information is read from files. One address gives several
//! frames where calls were inlined, the innermost first. Without debug information a frame has the nearest symbol and
//! the library; what a Cython module's C code was made from is named in its place (see [`cython`]).

mod cython;

use std::collections::HashMap;
use std::path::Path;

use addr2line::{Loader, demangle_auto};

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

/// Resolves addresses, each of them once; each file's debug information is opened once.
///
/// Made for one pass: what is loaded where may be another thing in the next one.
#[derive(Default)]
pub struct Resolver {
    known: HashMap<usize, Vec<Frame>>,
    libraries: Libraries,
    sources: cython::Sources,
}

/// Debug information by file; None where the file cannot be read as a program.
type Libraries = HashMap<String, Option<Loader>>;

impl Resolver {
    /// A resolver that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames at a return address: at least one, which may know nothing.
    pub fn frames_at(&mut self, return_address: usize) -> &[Frame] {
        let (libraries, sources) = (&mut self.libraries, &mut self.sources);
        self.known.entry(return_address).or_insert_with(|| resolved(return_address, libraries, sources))
    }

    /// The frame of a function that begins at `entry`: of what is inlined at its beginning, only the function itself.
    pub fn function_at(&mut self, entry: usize) -> Frame {
        // A return address stands behind the call; the entry is looked up as if a call of one byte stood there.
        self.frames_at(entry + 1).last().cloned().unwrap_or_default()
    }
}

fn resolved(return_address: usize, libraries: &mut Libraries, sources: &mut cython::Sources) -> Vec<Frame> {
    // The call lies before the address that it returns to, which may belong to the next line already.
    let Some(loaded) = stacks::loaded_at(return_address - 1) else { return vec![Frame::default()] };
    let library = library_path(&loaded.file);
    let probe = (return_address - 1 - loaded.bias) as u64;
    let debug = libraries.entry(library.clone()).or_insert_with(|| Loader::new(&library).ok());
    let mut frames = debug.as_ref().map(|debug| described(debug, probe)).unwrap_or_default();
    if frames.is_empty() {
        frames.push(Frame::default());
    }
    // The outermost of inlined frames is the function that the symbol names.
    if let Some(outermost) = frames.last_mut()
        && outermost.function.is_none()
    {
        let in_file = debug.as_ref().and_then(|debug| debug.find_symbol(probe)).map(str::to_owned);
        outermost.function = in_file.or(loaded.symbol).map(|name| demangle_auto(name.into(), None).into_owned());
    }
    for frame in &mut frames {
        frame.library = Some(library.clone());
        sources.lead_back(frame);
    }
    frames
}

/// What debug information says, innermost frame first; nothing where there is none.
fn described(loader: &Loader, probe: u64) -> Vec<Frame> {
    let mut described = Vec::new();
    let Ok(mut frames) = loader.find_frames(probe) else { return described };
    while let Ok(Some(frame)) = frames.next() {
        let location = frame.location.as_ref();
        described.push(Frame {
            file: location.and_then(|location| location.file).map(str::to_owned),
            line: location.and_then(|location| location.line).filter(|line| *line > 0),
            function: frame.function.and_then(|function| function.demangle().ok().map(std::borrow::Cow::into_owned)),
            library: None,
        });
    }
    described
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
